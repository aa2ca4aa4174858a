import { Random } from './random.js';
import type { PickRun, Policy } from './schedule.js';

/** The ready granules as a scheduler sees them; never empty when it is asked. */
export interface ReadyView {
  readonly size: number;
  /** The granule, whatever the engine takes for one, that has been ready for longest but `index`. */
  at(index: number): unknown;
}

/** What the last step did. */
export interface LastStep {
  /** Its granule, as the engine has it in its ready set; null before the first step. */
  granule: unknown;
  /** Whether it changed memory. */
  wrote: boolean;
}

/** Decides which granule steps next. Policy only: it must not touch threads. */
export interface Scheduler {
  /** Index into the ready set, from 0 to `ready.size - 1`. */
  pick(ready: ReadyView, last: LastStep): number;
  /** What it remembers, and back to it. */
  readonly state: SchedulerState;
  restore(state: SchedulerState): void;
}

/** What a scheduler remembers from one pick to the next. Its numbers mean something to schedulers of the same policy. */
export type SchedulerState = readonly number[];

/** Steps without a write after which `blocked` takes a granule for polling. */
const POLL_STEPS = 32;

/** The scheduler of a policy. */
export function createScheduler(policy: Policy): Scheduler {
  switch (policy.kind) {
    case 'rr':
      return { pick: () => 0, state: [], restore: () => {} };
    case 'random': {
      const random = new Random(policy.seed);
      return {
        pick: (ready) => random.nextBelow(ready.size),
        get state() {
          return [random.state];
        },
        restore([state = 0]) {
          random.state = state;
        },
      };
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
    get state() {
      return [stepsWithoutWrite];
    },
    restore([steps = 0]) {
      stepsWithoutWrite = steps;
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
    get state() {
      return [run, used, step];
    },
    restore([ofRun = 0, ofUsed = 0, ofStep = 0]) {
      run = ofRun;
      used = ofUsed;
      step = ofStep;
    },
  };
}
