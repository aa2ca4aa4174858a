import type { Granule } from './granule.js';
import { Random } from './random.js';
import type { PickRun, Policy } from './schedule.js';

/** The ready granules as a scheduler sees them; never empty when it is asked. */
interface ReadyView {
  readonly size: number;
  /** The granule that has been ready for longest but `index`. */
  at(index: number): Granule;
}

/** What the last step did. */
export interface LastStep {
  /** Null before the first step. */
  granule: Granule | null;
  /** Whether it changed memory. */
  wrote: boolean;
}

/** Decides which granule steps next. Policy only: it must not touch threads. */
export interface Scheduler {
  /** Index into the ready set, from 0 to `ready.size - 1`. */
  pick(ready: ReadyView, last: LastStep): number;
}

/** Steps without a write after which `blocked` takes a granule for polling. */
const POLL_STEPS = 32;

/** The scheduler of a policy. */
export function createScheduler(policy: Policy): Scheduler {
  switch (policy.kind) {
    case 'rr':
      return { pick: () => 0 };
    case 'random': {
      const random = new Random(policy.seed);
      return { pick: (ready) => random.nextBelow(ready.size) };
    }
    case 'blocked':
      return runUntilBlocked();
    case 'picks':
      return replay(policy.runs);
    default:
      return policy satisfies never;
  }
}

function runUntilBlocked(): Scheduler {
  let stepsWithoutWrite = 0;
  return {
    pick(ready, last) {
      stepsWithoutWrite = last.wrote ? 0 : stepsWithoutWrite + 1;
      const newest = ready.size - 1;
      if (ready.at(newest) === last.granule && stepsWithoutWrite < POLL_STEPS) return newest;
      stepsWithoutWrite = 0;
      return 0;
    },
  };
}

function replay(runs: readonly PickRun[]): Scheduler {
  let run = 0;
  let used = 0;
  let step = 0;
  return {
    pick(ready) {
      const current = runs[run];
      if (current === undefined) {
        throw new RangeError(`the given schedule has ${step} picks; the program has not ended after them`);
      }
      if (current.index >= ready.size) {
        throw new RangeError(
          `the given schedule picks granule ${current.index} of ${ready.size} at step ${step}: it belongs to another program or other inputs`,
        );
      }
      used++;
      step++;
      if (used === current.times) {
        run++;
        used = 0;
      }
      return current.index;
    },
  };
}
