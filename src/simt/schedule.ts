/** Which granule steps next. */
export type Policy =
  /** The granule that has been ready for longest. */
  | { readonly kind: 'rr' }
  /** A uniformly random ready granule. */
  | { readonly kind: 'random'; readonly seed: number }
  /** The same granule until it waits, or has made 32 steps without a write (a poll). */
  | { readonly kind: 'blocked' }
  /**
   * The ready granule of the highest priority, random but for `depth - 1` changes at random steps of the first `length`:
   * a bug of that depth is found with probability 1 / (granules * length^(depth - 1)) or better a run.
   * Source: Burckhardt et al. 2010, A randomized scheduler with probabilistic guarantees of finding bugs.
   */
  | { readonly kind: 'pct'; readonly seed: number; readonly depth: number; readonly length: number }
  /**
   * As `blocked`, but at `delays` random steps of the first `length` the granule whose turn it is is passed over.
   * Source: Emmi et al. 2011, Delay-bounded scheduling.
   */
  | { readonly kind: 'delay'; readonly seed: number; readonly delays: number; readonly length: number }
  /** Given picks, as a recorded run gives them: runs of (index into the ready set, times). */
  | { readonly kind: 'picks'; readonly runs: readonly PickRun[] };

/** `times` consecutive picks of the same index into the ready set. */
export interface PickRun {
  readonly index: number;
  readonly times: number;
}

/** The order in which the blocks of a launch become resident; `linear`: x fastest. */
export type BlockOrder = { readonly kind: 'linear' | 'reverse' } | { readonly kind: 'shuffle'; readonly seed: number };

/** When others see what a thread has stored. */
export type MemoryModel =
  /** At once: memory is sequentially consistent. */
  | { readonly kind: 'sc' }
  /** After its block, its device and other devices have each been let in on it: at random, or by fences and barriers. */
  | { readonly kind: 'delayed stores'; readonly seed: number }
  /** At once on its device, on others later. */
  | { readonly kind: 'delayed links'; readonly seed: number };

/** Everything that decides the interleaving of a run. The same program, inputs and schedule give the same bytes and text. */
export interface Schedule {
  readonly policy: Policy;
  /** Lanes of a granule: 32, the default, is a warp instruction; 8 a 128-byte line of 16-byte accesses; 1 is weaker than hardware. */
  readonly granule: 32 | 8 | 1;
  /** Most blocks resident on one device at a time; null: as many as an H100 has threads for (270,336). */
  readonly residentBlocks: number | null;
  readonly blockOrder: BlockOrder;
  readonly memory: MemoryModel;
}

/** Round robin by warps, every block resident, blocks in linear order. Token: `rr`. */
export const DEFAULT_SCHEDULE: Schedule = {
  policy: { kind: 'rr' },
  granule: 32,
  residentBlocks: null,
  blockOrder: { kind: 'linear' },
  memory: { kind: 'sc' },
};

const GRANULES = [32, 8, 1] as const;

/** Log2 of the lanes of a granule. */
export const granuleShiftOf = ({ granule }: Schedule): 0 | 3 | 5 => (({ 32: 5, 8: 3, 1: 0 }) as const)[granule];

const GRAMMAR =
  "a schedule is 'rr', 'blocked', 'random:SEED' or 'picks:…', then any of ',granule=32|8|1', ',resident=N', ',order=linear|reverse|shuffle:SEED', ',stores=SEED' or ',links=SEED'";

const SEARCH_GRAMMAR = {
  pct: "'pct:SEED' takes ',depth=1..16' (2) and ',length=STEPS' (1000), then what every schedule takes: ',granule=32|8|1', ',resident=N', ',order=linear|reverse|shuffle:SEED', ',stores=SEED' or ',links=SEED'",
  delay:
    "'delay:SEED' takes ',delays=0..64' (2) and ',length=STEPS' (1000), then what every schedule takes: ',granule=32|8|1', ',resident=N', ',order=linear|reverse|shuffle:SEED', ',stores=SEED' or ',links=SEED'",
} as const;

/**
 * The schedule of a token such as `random:7,granule=8,resident=2,order=reverse`.
 * @throws RangeError naming the part that does not fit, and the grammar.
 */
export function parseSchedule(token: string): Schedule {
  const [policyText = '', ...options] = token.trim().split(',');
  let schedule: Schedule = { ...DEFAULT_SCHEDULE, policy: parsePolicy(policyText) };
  const seen = new Set<string>();
  for (const option of options) {
    const [key = '', ...values] = option.split('=');
    const value = values.join('=');
    if (seen.has(key)) throw unfit(`'${key}' twice`);
    seen.add(key);
    switch (key) {
      case 'granule': {
        const granule = GRANULES.find((lanes) => `${lanes}` === value);
        if (granule === undefined) throw unfit(`granule '${value}'`);
        schedule = { ...schedule, granule };
        break;
      }
      case 'resident':
        schedule = { ...schedule, residentBlocks: parseInteger(value, 1, 2 ** 31 - 1, `resident '${value}'`) };
        break;
      case 'order':
        schedule = { ...schedule, blockOrder: parseOrder(value) };
        break;
      case 'stores':
      case 'links': {
        if (schedule.memory.kind !== 'sc') throw unfit("'stores' and 'links' at once");
        const seed = parseInteger(value, 0, 2 ** 32 - 1, `${key} '${value}'`);
        schedule = { ...schedule, memory: { kind: key === 'stores' ? 'delayed stores' : 'delayed links', seed } };
        break;
      }
      default: {
        const policy = withOption(schedule.policy, key, value);
        if (policy === null) throw unfit(`'${option}'`, schedule.policy);
        schedule = { ...schedule, policy };
      }
    }
  }
  return schedule;
}

/** The shortest token that gives the schedule back. */
export function formatSchedule({ policy, granule, residentBlocks, blockOrder, memory }: Schedule): string {
  let token = formatPolicy(policy);
  if (granule !== 32) token += `,granule=${granule}`;
  if (residentBlocks !== null) token += `,resident=${residentBlocks}`;
  if (blockOrder.kind === 'shuffle') token += `,order=shuffle:${blockOrder.seed}`;
  else if (blockOrder.kind !== 'linear') token += `,order=${blockOrder.kind}`;
  if (memory.kind !== 'sc') token += `,${memory.kind === 'delayed stores' ? 'stores' : 'links'}=${memory.seed}`;
  return token;
}

function parsePolicy(text: string): Policy {
  const colon = text.indexOf(':');
  const kind = colon === -1 ? text : text.slice(0, colon);
  const rest = colon === -1 ? null : text.slice(colon + 1);
  if ((kind === 'rr' || kind === 'blocked') && rest === null) return { kind };
  if (kind === 'random' && rest !== null) return { kind, seed: parseInteger(rest, 0, 2 ** 32 - 1, `seed '${rest}'`) };
  if (kind === 'picks' && rest !== null) return { kind, runs: decodeRuns(rest) };
  if (kind === 'pct' || kind === 'delay') {
    const base = SEARCH_DEFAULTS[kind];
    const seed = parseInteger(rest ?? '', 0, 2 ** 32 - 1, `seed '${rest ?? ''}'`, base);
    return { ...base, seed };
  }
  throw unfit(`'${text}'`);
}

const SEARCH_DEFAULTS = {
  pct: { kind: 'pct', seed: 0, depth: 2, length: 1000 },
  delay: { kind: 'delay', seed: 0, delays: 2, length: 1000 },
} as const satisfies Readonly<Record<string, Policy>>;

/** The policy with an option of its own; null: it has none of that name. */
function withOption(policy: Policy, key: string, value: string): Policy | null {
  const what = `${key} '${value}'`;
  if (policy.kind === 'pct' && key === 'depth') return { ...policy, depth: parseInteger(value, 1, 16, what, policy) };
  if (policy.kind === 'delay' && key === 'delays')
    return { ...policy, delays: parseInteger(value, 0, 64, what, policy) };
  if ((policy.kind === 'pct' || policy.kind === 'delay') && key === 'length')
    return { ...policy, length: parseInteger(value, 1, 2 ** 31 - 1, what, policy) };
  return null;
}

function formatPolicy(policy: Policy): string {
  switch (policy.kind) {
    case 'rr':
    case 'blocked':
      return policy.kind;
    case 'random':
      return `random:${policy.seed}`;
    case 'pct':
      return `pct:${policy.seed}${otherThan(policy, 'depth')}${otherThan(policy, 'length')}`;
    case 'delay':
      return `delay:${policy.seed}${otherThan(policy, 'delays')}${otherThan(policy, 'length')}`;
    case 'picks':
      return `picks:${encodeRuns(policy.runs)}`;
    default:
      return policy satisfies never;
  }
}

/** An option of a policy, unless it is the default. */
function otherThan<P extends Extract<Policy, { readonly kind: 'pct' | 'delay' }>>(policy: P, key: keyof P & string) {
  const defaults: Readonly<Record<string, unknown>> = SEARCH_DEFAULTS[policy.kind];
  return policy[key] === defaults[key] ? '' : `,${key}=${policy[key]}`;
}

function parseOrder(text: string): BlockOrder {
  if (text === 'linear' || text === 'reverse') return { kind: text };
  const seed = /^shuffle:(\d+)$/.exec(text)?.[1];
  if (seed === undefined) throw unfit(`order '${text}'`);
  return { kind: 'shuffle', seed: parseInteger(seed, 0, 2 ** 32 - 1, `seed '${seed}'`) };
}

function parseInteger(text: string, least: number, most: number, what: string, policy?: Policy): number {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= least && value <= most)) throw unfit(`${what}, which is no integer from ${least} to ${most}`, policy);
  return value;
}

/** `policy`: the one whose options are at fault. */
const unfit = (what: string, policy?: Policy): RangeError => {
  const grammar = policy?.kind === 'pct' || policy?.kind === 'delay' ? SEARCH_GRAMMAR[policy.kind] : GRAMMAR;
  return new RangeError(`schedule: ${what} does not fit: ${grammar}`);
};

// Runs are written as numbers in base 32, least digit first: five bits a character, the sixth says that more follow.
const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

function encodeRuns(runs: readonly PickRun[]): string {
  let text = '';
  for (const { index, times } of runs) text += encodeNumber(index) + encodeNumber(times);
  return text;
}

function encodeNumber(value: number): string {
  let text = '';
  let rest = value;
  while (rest >= 32) {
    text += DIGITS[32 + (rest % 32)];
    rest = Math.floor(rest / 32);
  }
  return text + DIGITS[rest];
}

function decodeRuns(text: string): PickRun[] {
  const numbers: number[] = [];
  let value = 0;
  let scale = 1;
  for (const character of text) {
    const digit = DIGITS.indexOf(character);
    value += (digit & 31) * scale;
    // Not `>`: digits of 0 for ever make the scale infinite and the value NaN.
    if (digit === -1 || !(value <= 2 ** 31)) throw unfit(`picks with '${character}'`);
    if (digit >= 32) scale *= 32;
    else {
      numbers.push(value);
      value = 0;
      scale = 1;
    }
  }
  if (scale !== 1 || numbers.length % 2 !== 0) throw unfit('picks that end in the middle of a run');
  const runs: PickRun[] = [];
  for (let at = 0; at < numbers.length; at += 2) {
    const times = numbers[at + 1]!;
    if (times === 0) throw unfit('picks with a run of length 0');
    runs.push({ index: numbers[at]!, times });
  }
  return runs;
}
