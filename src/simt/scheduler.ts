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

/** Steps without a write after which a granule is taken for polling: `blocked` and `delay` pass it over, `pct` ranks it last. */
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
    case 'pct':
      return byPriority(policy);
    case 'delay':
      return withDelays(policy);
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

/**
 * Each granule gets a random priority when it is first seen, and the highest runs. The granule of a step at which the
 * priorities change gets one below all of these. So that no run starves, the granule that is running also goes below
 * everybody else after {@link POLL_STEPS} steps in which nobody has written, and, once `length` steps are over, after as
 * many in which only it has run.
 *
 * Granules are known by what the engine has in its ready set. An engine may use a granule's number again once its block
 * has ended; whoever becomes ready in the step that ends a block is new.
 */
function byPriority({ seed, depth, length }: Extract<Policy, { readonly kind: 'pct' }>): Scheduler {
  const random = new Random(seed);
  const changes = Array.from({ length: depth - 1 }, () => 1 + random.nextBelow(length));
  const priorities = new Map<unknown, number>();
  let step = 0;
  let stepsWithoutWrite = 0;
  let stepsInRow = 0;
  let demotions = 0;
  // invariant: granules that were ready before the last step, but for its own
  let others = 0;
  return {
    pick(ready, { granule, wrote }) {
      if (step > 0) {
        stepsWithoutWrite = wrote ? 0 : stepsWithoutWrite + 1;
        const isPast = step > length && stepsInRow >= POLL_STEPS;
        // Only a granule that has just run: an ended one has no number.
        if (granule !== null) {
          const change = changes.indexOf(step);
          if (change !== -1) priorities.set(granule, -1 - change);
          if (stepsWithoutWrite >= POLL_STEPS || isPast) priorities.set(granule, -depth - ++demotions);
        }
        if (stepsWithoutWrite >= POLL_STEPS) stepsWithoutWrite = 0;
        if (isPast) stepsInRow = 0;
      }
      let best = 0;
      let bestPriority = Number.NEGATIVE_INFINITY;
      for (let index = 0; index < ready.size; index++) {
        const candidate = ready.at(index);
        let priority = granule === null && index >= others ? undefined : priorities.get(candidate);
        if (priority === undefined) {
          priority = random.nextWord();
          priorities.set(candidate, priority);
        }
        if (priority > bestPriority) {
          bestPriority = priority;
          best = index;
        }
      }
      stepsInRow = ready.at(best) === granule ? stepsInRow + 1 : 1;
      others = ready.size - 1;
      step++;
      return best;
    },
    get state() {
      const known = Array.from(priorities, ([granule, priority]) => [Number(granule), priority]);
      return [random.state, step, stepsWithoutWrite, stepsInRow, demotions, others, ...known.flat()];
    },
    restore([ofRandom = 0, ofStep = 0, ofWrite = 0, ofRow = 0, ofDemotions = 0, ofOthers = 0, ...known]) {
      random.state = ofRandom;
      step = ofStep;
      stepsWithoutWrite = ofWrite;
      stepsInRow = ofRow;
      demotions = ofDemotions;
      others = ofOthers;
      priorities.clear();
      for (let at = 0; at < known.length; at += 2) priorities.set(known[at], known[at + 1]!);
    },
  };
}

/**
 * `blocked` with delays: at each of them the granule whose turn it is is passed over, for the one that has been ready for
 * longest; it stays where it is in the ready set. Once `length` steps are over, a granule that has made
 * {@link POLL_STEPS} steps in a row is passed over whatever it has written: no run starves.
 */
function withDelays({ seed, delays, length }: Extract<Policy, { readonly kind: 'delay' }>): Scheduler {
  const random = new Random(seed);
  const points = Array.from({ length: delays }, () => 1 + random.nextBelow(length));
  let step = 0;
  let stepsWithoutWrite = 0;
  let stepsInRow = 0;
  return {
    pick(ready, { granule, wrote }) {
      step++;
      stepsWithoutWrite = wrote ? 0 : stepsWithoutWrite + 1;
      const newest = ready.size - 1;
      const isSpent = stepsWithoutWrite >= POLL_STEPS || (step > length && stepsInRow >= POLL_STEPS);
      const goesOn = !isSpent && ready.at(newest) === granule;
      const passedOver = points.reduce((count, point) => count + (point === step ? 1 : 0), goesOn ? 0 : 1);
      // In turn: the newest, if it goes on, then those that have been ready for longest.
      const index = (newest + passedOver) % ready.size;
      if (index === newest && goesOn) stepsInRow++;
      else {
        stepsWithoutWrite = 0;
        stepsInRow = 1;
      }
      return index;
    },
    get state() {
      return [step, stepsWithoutWrite, stepsInRow];
    },
    restore([ofStep = 0, ofWrite = 0, ofRow = 0]) {
      step = ofStep;
      stepsWithoutWrite = ofWrite;
      stepsInRow = ofRow;
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
