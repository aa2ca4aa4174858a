import type { SimtError } from './errors.js';
import type { WaitingGroup } from './waiting.js';

/** Bounds of a run. Each has an option of its own, which the message names when it is reached. */
export interface Limits {
  /** Most scheduler steps. */
  readonly maxSteps: number;
  /** Most consecutive steps in which no memory is written, no barrier completes and no thread exits. */
  readonly maxIdleSteps: number;
  /** Most threads resident at a time. */
  readonly maxResidentThreads: number;
}

/** Enough for every capture and for 64 ranks at full size; polling that leads nowhere ends within half a minute. */
export const DEFAULT_LIMITS: Limits = { maxSteps: 1e9, maxIdleSteps: 5e6, maxResidentThreads: 4e6 };

/** How a run ended. */
export type Outcome =
  | { readonly verdict: 'completes'; readonly steps: number }
  /** Nobody can go on: every thread that has not exited waits for another. */
  | { readonly verdict: 'deadlock'; readonly steps: number; readonly waiting: readonly WaitingGroup[] }
  /** The simulated program is at fault. */
  | { readonly verdict: 'error'; readonly steps: number; readonly error: SimtError }
  /** A limit was reached; the program may or may not have ended later. */
  | {
      readonly verdict: 'budget';
      readonly steps: number;
      readonly limit: 'maxSteps' | 'maxIdleSteps';
      readonly waiting: readonly WaitingGroup[];
    };

/** The outcome in words; several lines unless it completes. */
export function describeOutcome(outcome: Outcome, limits: Limits): string {
  switch (outcome.verdict) {
    case 'completes':
      return `completes after ${outcome.steps} steps`;
    case 'error':
      return outcome.error.message;
    case 'deadlock':
      return ['deadlock: no thread can go on', ...outcome.waiting.map(describeGroup)].join('\n');
    case 'budget': {
      const reason =
        outcome.limit === 'maxSteps'
          ? `budget: ${limits.maxSteps} steps are spent and the program has not ended; it may hang, or need a larger limit (maxSteps)`
          : `budget: ${limits.maxIdleSteps} steps without a write, a completed barrier or an exit; the program seems to hang, or needs a larger limit (maxIdleSteps)`;
      return [reason, ...outcome.waiting.map(describeGroup)].join('\n');
    }
    default:
      return outcome satisfies never;
  }
}

function describeGroup(group: WaitingGroup): string {
  const { site } = group;
  const who = `rank ${site.rank} block ${site.block} warp ${site.warp} lanes ${group.lanes}`;
  const others = group.warps > 1 ? ` and ${group.warps - 1} more warps like it` : '';
  const source = site.frames[0] === undefined ? '' : ` at ${site.frames[0].file}:${site.frames[0].line}`;
  return `  ${who}${others}: ${group.reason}${source}`;
}
