import { ArgsReader, MAX_INT32, oneOf, POSITIVE_INT32 } from './args-reader.js';
import type { MoeCommCapture, MoeCommRank } from './capture.js';
import { CaptureError, counted } from './capture-error.js';
import { captureFromSafetensors } from './decode-capture.js';
import { CAPTURE_FORMAT, PART_FORMAT } from './format-names.js';
import type { JsonValue } from './json.js';
import { decodeSafetensors, type Tensor } from './safetensors.js';

/** What one rank has recorded of a call of `moe_comm`: a file of the format `simt-capture-part/1`. */
export interface CapturePart {
  readonly file: string;
  readonly op: 'moe_comm';
  readonly rank: number;
  /** Which call of the operation on its rank, from 0. */
  readonly callIndex: number;
  /** `hung`: the kernel had not ended when its outputs were copied. */
  readonly state: 'finished' | 'hung';
  /** Whether the ranks waited for each other before and after the call, so that no peer wrote meanwhile. */
  readonly inSynchronised: boolean;
  readonly outSynchronised: boolean;
  readonly metadata: Readonly<Record<string, string>>;
  /** Members of `args`. */
  readonly args: ReadonlyMap<string, JsonValue>;
  readonly tensors: ReadonlyMap<string, Tensor>;
}

/** The parts of one call as one capture, and what its ranks do not agree about. */
export interface MergedParts {
  readonly capture: MoeCommCapture;
  /** Sentences: send and receive counts that differ, and displacements that lead astray. The call may hang over them. */
  readonly disagreements: readonly string[];
  /** Sentences: what makes a byte of the capture less certain. */
  readonly cautions: readonly string[];
}

/** What all ranks have to agree on, and what to do where they do not. */
const SHARED_ARGS: readonly (readonly [name: string, advice: string])[] = [
  ['ep_size', 'are the files of one program?'],
  ['vector_bytes', 'input and output must have the same columns and element type on every rank'],
  ['dtype', 'input must have the same element type on every rank'],
  ['rank_stride_bytes', 'all_workspaces must be the same memory on every rank'],
  ['channel_count', 'set_moe_max_usable_sm_count must be called with the same number on every rank'],
  ['max_usable_sm_count', 'set_moe_max_usable_sm_count must be called with the same number on every rank'],
  ['workspace_page_bytes', 'record all ranks with the same version of simtwin_capture'],
];
const STRIDES = [
  ['input_row_stride_bytes', /\/in\/input$/],
  ['output_row_stride_bytes', /\/output$/],
] as const;
/** Of a part alone; not of a call. */
const PART_ARGS = ['ep_rank', 'in_synchronised', 'out_synchronised'];

/**
 * Reads the file of one rank; what its tensors must be is checked when they are merged.
 * @throws CaptureError if `bytes` is no part, or of an operation whose captures are of one rank
 */
export function decodeCapturePart(bytes: Uint8Array, file: string): CapturePart {
  const { metadata, tensors } = decodeSafetensors(bytes, file);
  if (metadata.format === CAPTURE_FORMAT) {
    throw new CaptureError(file, null, "this is a whole capture, which 'simtwin replay' takes as it is; leave it out");
  }
  oneOf([PART_FORMAT], metadata.format, 'metadata format', file);
  const op = oneOf(['moe_comm'] as const, metadata.op, 'metadata op', file);
  const state = oneOf(['finished', 'hung'] as const, metadata.state, 'metadata state', file);
  const reader = new ArgsReader(metadata.args, file);
  const args = new Map(reader.rest());
  const epSize = reader.integer('ep_size', POSITIVE_INT32);
  const rank = reader.integer('ep_rank', { min: 0, max: epSize - 1, maxName: 'ep_size - 1' });
  for (const name of tensors.keys()) {
    if (!name.startsWith(`r${rank}/`))
      throw new CaptureError(
        file,
        name,
        `does not belong in the part of rank ${rank}, whose tensors begin with r${rank}/`,
      );
  }
  return {
    file,
    op,
    rank,
    callIndex: reader.integer('call_index', { min: 0, max: MAX_INT32 }),
    state,
    inSynchronised: reader.booleanOr(true, 'in_synchronised'),
    outSynchronised: reader.booleanOr(true, 'out_synchronised'),
    metadata,
    args,
    tensors,
  };
}

/**
 * One capture of all ranks. `notLaunched` are ranks that never came to the call: they get empty inputs, and the capture
 * has no outputs.
 *
 * @param file the name of the file that it is meant for, for errors
 * @throws CaptureError if a rank is missing or there twice, or parts are of different calls or shapes
 */
export function mergeCaptureParts(
  parts: readonly CapturePart[],
  notLaunched: ReadonlySet<number>,
  file: string,
): MergedParts {
  const byRank = partsByRank(parts, notLaunched, file);
  const first = byRank.values().next().value!;
  const epSize = first.args.get('ep_size') as number;
  const args = new Map([...first.args].filter(([name]) => !PART_ARGS.includes(name)));
  const cautions: string[] = [];
  for (const [name] of STRIDES) args.set(name, commonStride(name, byRank, cautions));

  const ranks = Array.from({ length: epSize }, (_, rank) => rank);
  const launched = ranks.filter((rank) => byRank.has(rank));
  const hasOutputs = launched.length === epSize && [...byRank.values()].every(hasOutput);
  const tensors = new Map<string, Tensor>();
  for (const rank of ranks) {
    const part = byRank.get(rank);
    const own = part === undefined ? emptyInputs(rank, epSize, args) : laidOut(part, args);
    for (const [name, tensor] of own) if (hasOutputs || name.includes('/in/')) tensors.set(name, tensor);
  }
  args.set('launched_ranks', launched);
  const hangs = launched.length < epSize || [...byRank.values()].some(({ state }) => state === 'hung');
  const { state: _state, ...metadata } = first.metadata;
  const contents = {
    metadata: {
      ...metadata,
      format: CAPTURE_FORMAT,
      args: JSON.stringify(Object.fromEntries(args)),
      ...(hangs && launched.some((rank) => byRank.get(rank)!.state === 'hung') ? verdictOf(byRank) : {}),
    },
    tensors,
  };
  const capture = check(contents, byRank, file);
  for (const [rank, part] of byRank) {
    if (!part.inSynchronised)
      cautions.push(
        `rank ${rank} did not wait for the others before the call (${part.file}): its workspace may hold what they already sent`,
      );
    else if (!part.outSynchronised && !hangs)
      cautions.push(
        `rank ${rank} did not wait for the others after the call (${part.file}): its workspace may lack what they still wrote`,
      );
  }
  return { capture, disagreements: disagreementsOf(capture, byRank), cautions };
}

function partsByRank(
  parts: readonly CapturePart[],
  notLaunched: ReadonlySet<number>,
  file: string,
): ReadonlyMap<number, CapturePart> {
  const [first] = parts;
  if (first === undefined) throw new CaptureError(file, null, 'there are no parts to merge');
  const byRank = new Map<number, CapturePart>();
  for (const part of parts) {
    if (part.callIndex !== first.callIndex) {
      const problem = `rank ${part.rank} has recorded call ${part.callIndex}, but rank ${first.rank} call ${first.callIndex} (${first.file}): give the files of one call, or choose it with --call`;
      throw new CaptureError(part.file, null, problem);
    }
    for (const [name, advice] of SHARED_ARGS) {
      const [own, other] = [part.args.get(name), first.args.get(name)];
      if (own === other) continue;
      const problem = `args.${name} is ${JSON.stringify(own)} on rank ${part.rank}, but ${JSON.stringify(other)} on rank ${first.rank} (${first.file}): ${advice}`;
      throw new CaptureError(part.file, null, problem);
    }
    const twin = byRank.get(part.rank);
    if (twin !== undefined) {
      const problem = `call ${part.callIndex} of rank ${part.rank} is also in ${twin.file}: give one of them; they may be of two runs`;
      throw new CaptureError(part.file, null, problem);
    }
    byRank.set(part.rank, part);
  }
  const epSize = first.args.get('ep_size') as number;
  const absent: number[] = [];
  for (let rank = 0; rank < epSize && absent.length <= 8; rank++) {
    if (!byRank.has(rank) && !notLaunched.has(rank)) absent.push(rank);
  }
  if (absent.length > 0) {
    const more = epSize - byRank.size - notLaunched.size > absent.length ? ' and more' : '';
    const [files, them, they] = absent.length === 1 ? ['file of rank', 'it', 'it'] : ['files of ranks', 'them', 'they'];
    const problem = `call ${first.callIndex} of ${epSize} ranks lacks the ${files} ${absent.join(', ')}${more}: give ${them} too, or, if ${they} never came to the call, --not-launched ${absent.join(',')}`;
    throw new CaptureError(file, null, problem);
  }
  for (const rank of notLaunched) {
    const part = byRank.get(rank);
    if (part !== undefined)
      throw new CaptureError(
        part.file,
        null,
        `rank ${rank} is said not to have been launched, but has recorded the call`,
      );
    if (rank >= epSize)
      throw new CaptureError(
        file,
        null,
        `rank ${rank} is said not to have been launched, but there are only ${epSize}`,
      );
  }
  return new Map([...byRank].sort(([a], [b]) => a - b));
}

/** Ranks may keep their rows apart by different strides; a capture has one, which the kernel's result does not depend on. */
function commonStride(name: string, byRank: ReadonlyMap<number, CapturePart>, cautions: string[]): number {
  const strides = [...byRank.values()].map(({ args, file }) => {
    const stride = args.get(name);
    if (typeof stride !== 'number' || !Number.isSafeInteger(stride) || stride <= 0)
      throw new CaptureError(file, null, `args.${name} must be a positive integer, but is ${JSON.stringify(stride)}`);
    return stride;
  });
  const largest = Math.max(...strides);
  if (strides.some((stride) => stride !== largest))
    cautions.push(`ranks differ in ${name}: all rows are laid out ${largest} bytes apart`);
  return largest;
}

const hasOutput = ({ tensors, rank }: CapturePart): boolean => tensors.has(`r${rank}/out/output`);

/** The tensors of a part, their rows as far apart as `args` says. */
function laidOut({ tensors }: CapturePart, args: ReadonlyMap<string, JsonValue>): Map<string, Tensor> {
  const result = new Map(tensors);
  for (const [name, pattern] of STRIDES) {
    const stride = args.get(name) as number;
    for (const [tensorName, { dtype, shape, bytes }] of tensors) {
      const [rows, rowBytes] = shape;
      if (!pattern.test(tensorName) || dtype !== 'U8' || shape.length !== 2 || rowBytes! >= stride) continue;
      const wide = new Uint8Array(rows! * stride);
      for (let row = 0; row < rows!; row++)
        wide.set(bytes.subarray(row * rowBytes!, (row + 1) * rowBytes!), row * stride);
      result.set(tensorName, { dtype, shape: [rows!, stride], bytes: wide });
    }
  }
  return result;
}

function emptyInputs(rank: number, epSize: number, args: ReadonlyMap<string, JsonValue>): Map<string, Tensor> {
  const side = `r${rank}/in`;
  const zeros = (dtype: 'U8' | 'I32' | 'I64', shape: number[], bytes: number): Tensor => ({
    dtype,
    shape,
    bytes: new Uint8Array(bytes),
  });
  const [inputStride, outputStride, pageBytes] = [
    'input_row_stride_bytes',
    'output_row_stride_bytes',
    'workspace_page_bytes',
  ].map((name) => args.get(name) as number);
  return new Map([
    [`${side}/input`, zeros('U8', [1, inputStride!], inputStride!)],
    [`${side}/output`, zeros('U8', [1, outputStride!], outputStride!)],
    [`${side}/send_rank_cum_sum`, zeros('I32', [epSize], 4 * epSize)],
    [`${side}/send_indices`, zeros('I32', [1], 4)],
    [`${side}/recv_rank_cum_sum`, zeros('I32', [epSize], 4 * epSize)],
    [`${side}/recv_indices`, zeros('I32', [1], 4)],
    [`${side}/workspace_pages`, zeros('I64', [0], 0)],
    [`${side}/workspace_data`, zeros('U8', [0, pageBytes!], 0)],
  ]);
}

function verdictOf(byRank: ReadonlyMap<number, CapturePart>): Record<string, string> {
  const finished = Object.fromEntries([...byRank].map(([rank, { state }]) => [rank, state === 'finished']));
  return { verdict: 'hangs', ranks_finished: JSON.stringify(finished) };
}

/** The capture; what is wrong with a tensor is said of the file that it comes from. */
function check(
  contents: Parameters<typeof captureFromSafetensors>[0],
  byRank: ReadonlyMap<number, CapturePart>,
  file: string,
): MoeCommCapture {
  try {
    return captureFromSafetensors(contents, file) as MoeCommCapture;
  } catch (error) {
    const rank = error instanceof CaptureError ? /^r(\d+)\//.exec(error.tensor ?? '')?.[1] : undefined;
    // The same error, in the name of the rank's file.
    if (rank !== undefined) captureFromSafetensors(contents, byRank.get(Number(rank))?.file ?? file);
    throw error;
  }
}

/** What cannot all be right of a call: sentences that name the ranks and the numbers. */
function disagreementsOf({ args, ranks }: MoeCommCapture, byRank: ReadonlyMap<number, CapturePart>): readonly string[] {
  const sentences: string[] = [];
  const isThere = (rank: number) => byRank.has(rank);
  for (const [from, { inputs: sender }] of ranks.entries()) {
    for (const [to, { inputs: receiver }] of ranks.entries()) {
      if (!isThere(from) || !isThere(to)) continue;
      const sends = countOf(sender.sendRankCumSum, to);
      const expects = countOf(receiver.recvRankCumSum, from);
      if (sends !== expects)
        sentences.push(
          `rank ${from} sends ${counted(sends, 'vector')} to rank ${to} (send_rank_cum_sum), but rank ${to} expects ${expects} from rank ${from} (recv_rank_cum_sum): prepare both from one routing`,
        );
    }
  }
  for (const [rank, { inputs }] of ranks.entries()) {
    if (!isThere(rank)) continue;
    sentences.push(
      ...displacementProblems(rank, 'send', inputs.sendRankCumSum, inputs.sendIndices, inputs.inputRows, 'input'),
      ...displacementProblems(rank, 'recv', inputs.recvRankCumSum, inputs.recvIndices, inputs.outputRows, 'output'),
    );
  }
  return args.epSize === ranks.length ? sentences : [];
}

const countOf = (cumSum: Int32Array, rank: number): number => cumSum[rank]! - (rank === 0 ? 0 : cumSum[rank - 1]!);

/** At most one sentence: the first thing that would make the kernel read or write where nothing is. */
function displacementProblems(
  rank: number,
  side: 'send' | 'recv',
  cumSum: Int32Array,
  indices: Int32Array,
  rows: number,
  tensor: keyof Pick<MoeCommRank['inputs'], 'input' | 'output'>,
): string[] {
  const at = cumSum.findIndex((_, peer) => countOf(cumSum, peer) < 0);
  if (at >= 0) return [`${side}_rank_cum_sum of rank ${rank} falls at rank ${at}, to ${cumSum[at]}: it must not`];
  const total = cumSum.at(-1) ?? 0;
  if (total > indices.length)
    return [`${side}_rank_cum_sum of rank ${rank} ends at ${total}, but ${side}_indices has only ${indices.length}`];
  const bad = indices.subarray(0, total).findIndex((row) => row < 0 || row >= rows);
  if (bad < 0) return [];
  return [
    `${side}_indices of rank ${rank} holds ${indices[bad]} at index ${bad}, but ${tensor} has ${counted(rows, 'row')}`,
  ];
}
