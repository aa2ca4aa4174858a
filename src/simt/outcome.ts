import type { MemoryRange } from './address-space.js';
import type { SimtError } from './errors.js';
import type { WaitingGroup } from './waiting.js';

/** Bounds of a run. Each has an option of its own, which the message names when it is reached. */
export interface Limits {
  /** Most scheduler steps. */
  readonly maxSteps: number;
  /** Most steps with loads that the scheduler sees (polls) and no write, completed barrier or exit between them. */
  readonly maxIdleSteps: number;
  /** Most steps with atomics and no store that the scheduler sees, nor an exit, between them: only counters move. */
  readonly maxCounterSteps: number;
  /** Most threads resident at a time. */
  readonly maxResidentThreads: number;
}

/**
 * Enough for every capture and for 64 ranks at full size. The limits of idle steps and of counters are for engines that
 * cannot tell whether a run hangs (mode `ref`): to the others they apply only if they are given.
 */
export const DEFAULT_LIMITS: Limits = {
  maxSteps: 1e9,
  maxIdleSteps: 5e6,
  maxCounterSteps: 1e6,
  maxResidentThreads: 4e6,
};

/** The limits whose end of a run is an outcome. */
export type BudgetLimit = 'maxSteps' | 'maxIdleSteps' | 'maxCounterSteps';

/**
 * The limits of a run: the default where none is given.
 * @throws RangeError if one is not a number above 0
 */
export function limitsOf(given: Partial<Limits>): Limits {
  const limits: { -readonly [Name in keyof Limits]: number } = { ...DEFAULT_LIMITS };
  for (const name of Object.keys(limits) as (keyof Limits)[]) {
    const value = given[name] ?? limits[name];
    if (!(value > 0)) throw new RangeError(`limit ${name} is ${value}; it must be a number above 0`);
    limits[name] = value;
  }
  return limits;
}

/** Work that had not begun when a run ended. */
export type NotStarted =
  /** Blocks of a launch that their device has no room for. */
  | {
      readonly kind: 'blocks';
      readonly rank: number;
      readonly kernel: string;
      readonly blocks: number;
      /** Blocks of the launch in all. */
      readonly ofBlocks: number;
    }
  /** A launch that waits for the one at the head of its stream. */
  | {
      readonly kind: 'launch';
      readonly rank: number;
      readonly kernel: string;
      readonly streamDevice: number;
      readonly behind: { readonly rank: number; readonly kernel: string };
    };

/** Where everybody was when a run ended that did not complete. */
interface Unfinished {
  readonly waiting: readonly WaitingGroup[];
  readonly notStarted: readonly NotStarted[];
}

/** How a run ended. */
export type Outcome =
  | { readonly verdict: 'completes'; readonly steps: number }
  /** It can never end: threads wait for others, or poll memory that nobody will ever change. */
  | ({ readonly verdict: 'deadlock'; readonly steps: number } & Unfinished)
  /** Nobody ever ends or stores anything: threads go round, and atomics count `counters` for ever. */
  | ({ readonly verdict: 'livelock'; readonly steps: number; readonly counters: readonly MemoryRange[] } & Unfinished)
  /** The simulated program is at fault. */
  | { readonly verdict: 'error'; readonly steps: number; readonly error: SimtError }
  /** A limit was reached; the program may or may not have ended later. */
  | ({
      readonly verdict: 'budget';
      readonly steps: number;
      readonly limit: BudgetLimit;
    } & Unfinished);

/** The outcome in words; several lines unless it completes. */
export function describeOutcome(outcome: Outcome, limits: Limits): string {
  switch (outcome.verdict) {
    case 'completes':
      return `completes after ${outcome.steps} steps`;
    case 'error':
      return outcome.error.message;
    case 'deadlock':
      return ['deadlock: no thread can go on', ...describeUnfinished(outcome)].join('\n');
    case 'livelock':
      return ['livelock: only counters move, and no data will ever', ...describeUnfinished(outcome)].join('\n');
    case 'budget': {
      const reason = `budget: ${describeLimit(outcome.limit, limits)}`;
      return [reason, ...describeUnfinished(outcome)].join('\n');
    }
    default:
      return outcome satisfies never;
  }
}

function describeLimit(limit: BudgetLimit, limits: Limits): string {
  switch (limit) {
    case 'maxSteps':
      return `${limits.maxSteps} steps are spent and the program has not ended; it may hang, or need a larger limit (maxSteps)`;
    case 'maxIdleSteps':
      return `${limits.maxIdleSteps} polling steps without a write, a completed barrier or an exit; the program seems to hang, or needs a larger limit (maxIdleSteps); modes 'fast' and 'step' prove hangs without it`;
    case 'maxCounterSteps':
      return `${limits.maxCounterSteps} steps with atomics and without a store or an exit: counters move and no data does; the program may hang, or need a larger limit (maxCounterSteps); modes 'fast' and 'step' prove hangs without it`;
    default:
      return limit satisfies never;
  }
}

/** A line for each group, then for what has not started; equal lines are merged. */
function describeUnfinished({ waiting, notStarted }: Unfinished): string[] {
  const times = new Map<string, number>();
  for (const line of notStarted.map(describeNotStarted)) times.set(line, (times.get(line) ?? 0) + 1);
  const merged = Array.from(times, ([line, count]) => (count === 1 ? line : `${line} (${count} of them)`));
  return [...waiting.map(describeGroup), ...merged];
}

function describeNotStarted(work: NotStarted): string {
  if (work.kind === 'blocks')
    return `  ${work.blocks} of ${work.ofBlocks} blocks of ${work.kernel} are not resident: no room on device ${work.rank}`;
  const { behind, streamDevice } = work;
  return `  rank ${work.rank} kernel ${work.kernel}: queued on a stream of device ${streamDevice} behind ${behind.kernel} of rank ${behind.rank}`;
}

function describeGroup(group: WaitingGroup): string {
  const { site } = group;
  const who = `rank ${site.rank} block ${site.block} warp ${site.warp} lanes ${group.lanes}`;
  const others = group.warps > 1 ? ` and ${group.warps - 1} more warps like it` : '';
  const source = site.frames[0] === undefined ? '' : ` at ${site.frames[0].file}:${site.frames[0].line}`;
  return `  ${who}${others}: ${group.reason}${source}`;
}
