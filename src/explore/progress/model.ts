/** Which blocks of a grid are sure to go on. Source: Sorensen, Evrard, Donaldson, CONCUR 2018, equations 1 to 6. */
export type Guarantee =
  /** None: blocks go on as it happens, as OpenCL and Vulkan have it. */
  | 'unfair'
  /** Heterogeneous System Architecture: the unfinished block of the lowest number. */
  | 'hsa'
  /** Occupancy-bound execution: those that have begun. */
  | 'obe'
  /** Those of both. */
  | 'hsa-obe'
  /** Linear occupancy-bound execution: those that have begun, and all of lower numbers than one of them. */
  | 'lobe'
  /** All. */
  | 'fair';

/**
 * What a device promises about the progress of blocks, and what it holds at a time. A block has begun with its first
 * step; numbers are `blockIdx`, x fastest, within a launch.
 */
export interface ProgressModel {
  readonly guarantee: Guarantee;
  /**
   * `weak`: a guaranteed block that could go on from some time on does so again and again. `strong`: moreover, each step
   * of a guaranteed block that is possible again and again is made, so that a livelock which one could leave is left.
   * Source: Sorensen et al., OOPSLA 2021, section 4.2.
   */
  readonly fairness: 'weak' | 'strong';
  /** Most resident blocks of a device; null: what the schedule says. Others cannot go on, whatever is guaranteed. */
  readonly resident: number | null;
  /** Hardware queues that streams share in turn, in order; null: one a stream. 1 is one stream. */
  readonly queues: number | null;
}

/** A launch's blocks by number. */
export interface GridState {
  readonly blocks: number;
  hasBegun(block: number): boolean;
  hasFinished(block: number): boolean;
}

/** Whether a block that has not finished is sure to go on. */
export type GuaranteeRule = (block: number, grid: GridState) => boolean;

const some = (from: number, to: number, holds: (block: number) => boolean): boolean => {
  for (let block = from; block < to; block++) if (holds(block)) return true;
  return false;
};

const isLowest: GuaranteeRule = (block, { hasFinished }) => !some(0, block, (other) => !hasFinished(other));

export const GUARANTEES: Readonly<Record<Guarantee, GuaranteeRule>> = {
  unfair: () => false,
  hsa: isLowest,
  obe: (block, { hasBegun }) => hasBegun(block),
  'hsa-obe': (block, grid) => isLowest(block, grid) || grid.hasBegun(block),
  lobe: (block, { blocks, hasBegun }) => some(block, blocks, hasBegun),
  fair: () => true,
};

/** Weakest first; `hsa` and `obe` cannot be compared. */
export const PROGRESS_GUARANTEES = Object.keys(GUARANTEES) as readonly Guarantee[];

const GRAMMAR = `a progress model is ${PROGRESS_GUARANTEES.join(', ')}, then any of ',strong', ',resident=N', ',queues=K' or ',one-stream'`;

/**
 * The model of a token such as `lobe`, `obe,strong` or `fair,resident=2,one-stream`.
 * @throws RangeError naming the part that does not fit, and the grammar.
 */
export function parseProgressModel(token: string): ProgressModel {
  const unfit = (part: string) => new RangeError(`progress model '${token}': ${part} does not fit; ${GRAMMAR}`);
  const [guarantee = '', ...options] = token.trim().split(',');
  if (!Object.hasOwn(GUARANTEES, guarantee)) throw unfit(`'${guarantee}'`);
  let model: ProgressModel = { guarantee: guarantee as Guarantee, fairness: 'weak', resident: null, queues: null };
  const seen = new Set<string>();
  for (const option of options) {
    const [match, flag, counted, digits] = /^(?:(strong|one-stream)|(resident|queues)=(\d+))$/.exec(option) ?? [];
    const kind = flag === 'one-stream' ? 'queues' : (flag ?? counted ?? '');
    const count = Number(digits ?? 1);
    if (match === undefined || seen.has(kind) || count < 1 || count > 2 ** 31 - 1) throw unfit(`'${option}'`);
    seen.add(kind);
    if (kind === 'strong') model = { ...model, fairness: 'strong' };
    else if (kind === 'resident') model = { ...model, resident: count };
    else model = { ...model, queues: count };
  }
  return model;
}

/** The shortest token that gives the model back. */
export function formatProgressModel({ guarantee, fairness, resident, queues }: ProgressModel): string {
  let token: string = guarantee;
  if (fairness === 'strong') token += ',strong';
  if (resident !== null) token += `,resident=${resident}`;
  if (queues !== null) token += queues === 1 ? ',one-stream' : `,queues=${queues}`;
  return token;
}
