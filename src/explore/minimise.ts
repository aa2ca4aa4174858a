import { formatSchedule, type Limits, type Machine, type Outcome } from '../simt/index.js';
import { StepEngine } from '../step/index.js';
import { allCheckers } from './checkers.js';
import { keyOf, type Problem, problemsOf } from './discovery.js';
import type { Trial, Workload } from './trial.js';

/** A schedule that shows a problem with few preemptions. */
export interface MinimalSchedule {
  /** Token that replays it pick by pick. */
  readonly schedule: string;
  /** The problem as this schedule shows it. */
  readonly problem: Problem;
  /** Times that a granule had to leave off although it could have gone on. */
  readonly preemptions: number;
  readonly steps: number;
  /** Runs that it took to find. */
  readonly runs: number;
}

/** Steps in a row of one granule. */
interface Segment {
  readonly granule: number;
  readonly steps: number;
}

interface Replay {
  /** The problem, if it shows. */
  readonly problem: Problem | null;
  readonly machine: Machine;
  readonly preemptions: number;
  readonly segments: readonly Segment[];
}

/** Steps without a write after which a granule is taken for polling, and another goes on. */
const POLL_STEPS = 32;
/** Most runs of a search for a smaller schedule. */
const MOST_RUNS = 600;

/**
 * Makes a schedule that shows a problem smaller: the run is cut into the stretches that each granule had, and stretches
 * are left out as long as the problem shows. What they leave undone is done later: who runs goes on until it waits.
 * Null: the schedule does not show the problem.
 * Source: Zeller and Hildebrandt, "Simplifying and isolating failure-inducing input", 2002.
 */
export function minimiseSchedule(
  workload: Workload,
  token: string,
  key: string,
  limits: Partial<Limits> = {},
): MinimalSchedule | null {
  const search = minimising(workload, token, key, limits);
  for (;;) {
    const { done, value } = search.next();
    if (done === true) return value;
  }
}

/** The same in parts: gives the number of runs so far after each. */
export function* minimising(
  workload: Workload,
  token: string,
  key: string,
  limits: Partial<Limits> = {},
): Generator<number, MinimalSchedule | null> {
  const search = new Minimiser(workload, token, key, limits);
  const all = search.segmentsOf();
  let best = search.replay(all);
  if (best.problem === null) return null;
  const keepIfShows = (segments: readonly Segment[]): boolean => {
    const tried = search.replay(segments);
    if (tried.problem !== null) best = tried;
    return tried.problem !== null;
  };
  // What happens late is seldom needed: a short beginning first.
  for (let [few, many] = [0, all.length]; few < many && search.runs < MOST_RUNS; ) {
    const middle = (few + many) >> 1;
    if (keepIfShows(all.slice(0, middle))) many = middle;
    else few = middle + 1;
    yield search.runs;
  }
  for (let size = best.segments.length; size >= 1; size >>= 1) {
    for (let at = 0; at < best.segments.length && search.runs < MOST_RUNS; ) {
      const { segments } = best;
      if (!keepIfShows([...segments.slice(0, at), ...segments.slice(at + size)])) at += size;
      yield search.runs;
    }
  }
  const { machine, preemptions, problem } = best;
  return {
    problem: problem!,
    schedule: formatSchedule(machine.recordedSchedule),
    preemptions,
    steps: machine.steps,
    runs: search.runs,
  };
}

class Minimiser {
  readonly #workload: Workload;
  readonly #token: string;
  readonly #key: string;
  readonly #limits: Partial<Limits>;
  runs = 0;

  constructor(workload: Workload, token: string, key: string, limits: Partial<Limits>) {
    this.#workload = workload;
    this.#token = token;
    this.#key = key;
    this.#limits = limits;
  }

  /** The stretches of the schedule that is to be made smaller. */
  segmentsOf(): readonly Segment[] {
    const { machine, engine } = this.#begin().begun;
    const segments: { granule: number; steps: number }[] = [];
    for (let outcome = machine.advance(1); ; outcome = machine.advance(1)) {
      const granule = Number(engine.last.granule ?? segments.at(-1)?.granule ?? 0);
      const last = segments.at(-1);
      if (last?.granule === granule) last.steps++;
      else segments.push({ granule, steps: 1 });
      if (outcome !== null) return segments;
    }
  }

  /** Runs the stretches, as far as their granules can go on, and then whoever runs for as long as it can. */
  replay(segments: readonly Segment[]): Replay {
    this.runs++;
    const { begun, findings } = this.#begin();
    const { machine, engine, trial } = begun;
    let outcome: Outcome | null = null;
    let preemptions = 0;
    let last = -1;
    let idle = 0;
    const step = (index: number) => {
      const granule = engine.ready.at(index);
      if (granule !== last) {
        if (idle < POLL_STEPS && engine.isQueued[last] === 1) preemptions++;
        idle = 0;
      }
      outcome = machine.stepAt(index);
      idle = engine.last.wrote ? 0 : idle + 1;
      last = granule;
    };
    for (const { granule, steps } of segments) {
      for (let done = 0; done < steps && outcome === null; done++) {
        const index = indexOf(engine, granule);
        if (index === -1) break;
        step(index);
      }
    }
    while (outcome === null) {
      const index = idle < POLL_STEPS ? indexOf(engine, last) : -1;
      step(Math.max(index, 0));
    }
    const shown = problemsOf(trial, outcome, findings()).find((problem) => keyOf(problem) === this.#key);
    return { problem: shown ?? null, machine, preemptions, segments };
  }

  #begin() {
    const { observer, findings } = allCheckers();
    const trial: Trial = this.#workload.begin({
      mode: 'step',
      schedule: this.#token,
      limits: this.#limits,
      record: true,
      step: { observer },
    });
    const { machine } = trial;
    machine.advance(0);
    const { engine } = machine;
    if (!(engine instanceof StepEngine)) throw new RangeError(`mode ${machine.mode} cannot be explored`);
    return { begun: { machine, engine, trial }, findings };
  }
}

function indexOf({ ready }: StepEngine, granule: number): number {
  for (let index = ready.size - 1; index >= 0; index--) if (ready.at(index) === granule) return index;
  return -1;
}
