import { describeOutcome, type Outcome, Random } from '../../simt/index.js';
import type { Workload } from '../trial.js';
import { type Ending, Pass, textOfError } from './pass.js';
import type { Plants } from './persistent-set.js';
import {
  DEFAULT_SEARCH_LIMITS,
  type ExhaustiveFinding,
  type ExhaustiveResult,
  type FinalOutput,
  type SearchCounts,
  type SearchEstimate,
  type SearchLimits,
} from './result.js';
import { Subject, tokenOf } from './subject.js';

/** Runs before the first pass, from which it learns who touches what: until so many have shown nothing new, */
const QUIET_RUNS = 8;

/** but no more than these. */
const MOST_LEARNING_RUNS = 64;

/** Steps after which such a run may prefer others. */
const STEPS_A_PREFERENCE = 16;

/** Steps after which such a run is left. */
const LEARNING_STEPS = 50_000;

/** Steps that a run which goes round is given until the machine proves that it does. */
const TRAP_STEPS = 50_000;

export interface ExhaustiveOptions {
  readonly limits?: Partial<SearchLimits>;
  /** Called now and then. */
  readonly onProgress?: (counts: SearchCounts & { readonly pass: number; readonly estimate: SearchEstimate }) => void;
  readonly plants?: Plants;
}

/**
 * Looks at every run of a workload, up to the order of steps that do not depend on each other, unless a limit is
 * reached. Every schedule of granules is meant; how many lanes move together, and which blocks are resident, is as the
 * workload has it.
 *
 * Each pass relies on what is known of who touches what ({@link Facts}); it is repeated until it learns nothing new.
 * @throws RangeError if the workload does not run in mode `step`.
 */
export function exploreExhaustively(
  workload: Workload,
  { limits: given = {}, onProgress, plants = {} }: ExhaustiveOptions = {},
): ExhaustiveResult {
  const limits: SearchLimits = { ...DEFAULT_SEARCH_LIMITS, ...given };
  const begin = limits.clock();
  const deadline = begin + limits.maxMilliseconds;
  const subject = new Subject(workload);
  const start = subject.outcome === null ? subject.save() : null;
  learn(subject, () => limits.clock() >= deadline);
  for (let passes = 1; ; passes++) {
    if (start !== null) subject.restore(start);
    subject.facts.settle();
    const pass = new Pass(subject, limits, deadline, plants, () =>
      onProgress?.({ ...pass.counts, estimate: pass.estimate, pass: passes }),
    );
    pass.run();
    if (subject.facts.hasChanged && !pass.isStopped) continue;
    const token = (picks: readonly number[]) => tokenOf(subject.machine, picks);
    return {
      workload: workload.name,
      isComplete: pass.boundedBy.size === 0,
      boundedBy: [...pass.boundedBy],
      passes,
      ...pass.counts,
      estimate: pass.estimate,
      findings: distinct(Array.from(pass.endings.values(), (ending) => confirm(workload, ending, token))),
      outputs: Array.from(pass.outputs, ([output, picks]): FinalOutput => ({ output, schedule: token(picks) })),
      milliseconds: limits.clock() - begin,
    };
  }
}

/** Runs the subject a few times, in turn and at random, and leaves it wherever it ends. */
function learn(subject: Subject, isLate: () => boolean): void {
  if (subject.outcome !== null) return;
  const start = subject.save();
  const { ready } = subject.engine;
  const { facts } = subject;
  for (let run = 0, quiet = 0; run < MOST_LEARNING_RUNS && quiet < QUIET_RUNS && !isLate(); run++) {
    subject.restore(start);
    facts.hasChanged = false;
    const random = new Random(run);
    for (let steps = 0; subject.outcome === null && steps < LEARNING_STEPS; steps++) {
      subject.stepAt(run % 2 === 0 ? random.nextBelow(ready.size) : mostUrgent(subject, run, steps));
    }
    quiet = facts.hasChanged ? 0 : quiet + 1;
  }
}

/**
 * The place in the ready set of whom a run prefers, so that some are far ahead of others: by priorities that are drawn
 * anew now and then, since whoever is preferred may be waiting for somebody.
 */
function mostUrgent(subject: Subject, run: number, steps: number): number {
  const { ready } = subject.engine;
  const draw = Math.floor(steps / STEPS_A_PREFERENCE);
  let best = 0;
  let highest = -1;
  for (let index = 0; index < ready.size; index++) {
    const priority = Math.imul(subject.idOf(ready.at(index)) + 1, 0x9e3779b1 + 2 * (run + 64 * draw)) >>> 8;
    if (priority <= highest) continue;
    best = index;
    highest = priority;
  }
  return best;
}

/** Runs the schedule of an ending twice, each time on a machine of its own. */
function confirm(
  workload: Workload,
  { verdict, text, picks, isTrap }: Ending,
  token: (picks: readonly number[]) => string,
): ExhaustiveFinding {
  const all = isTrap ? goRound(workload, picks) : picks;
  const schedule = token(all ?? picks);
  const runs = [0, 1].map(() => rerun(workload, schedule));
  const [first, second] = runs;
  const isSame =
    first !== undefined &&
    second !== undefined &&
    first !== null &&
    first.verdict === second?.verdict &&
    first.text === second.text;
  if (isTrap && isSame && (first.verdict === 'deadlock' || first.verdict === 'livelock')) {
    return { verdict: first.verdict, schedule, text: first.text, isConfirmed: true };
  }
  const isConfirmed = isSame && first.verdict === verdict && first.text === text;
  return { verdict, schedule, text: isTrap ? 'no run ends from here: the machine cannot prove it' : text, isConfirmed };
}

/** Picks that go on from where a run goes round until the machine can prove it; null: it cannot. */
function goRound(workload: Workload, picks: readonly number[]): number[] | null {
  const { machine } = workload.begin({ mode: 'step' });
  machine.advance(0);
  for (const pick of picks) machine.stepAt(pick);
  const all = [...picks];
  for (let steps = 0; steps < TRAP_STEPS; steps++) {
    all.push(0);
    if (machine.stepAt(0) !== null) return all;
  }
  return null;
}

/** How a run under a schedule ends; null: the schedule does not fit. */
function rerun(workload: Workload, schedule: string): { readonly verdict: string; readonly text: string } | null {
  const trial = workload.begin({ mode: 'step', schedule });
  let outcome: Outcome;
  try {
    outcome = trial.machine.run();
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
  if (outcome.verdict === 'error') return { verdict: 'error', text: textOfError(outcome.error) };
  if (outcome.verdict !== 'completes') {
    return { verdict: outcome.verdict, text: describeOutcome(outcome, trial.machine.limits) };
  }
  const wrong = trial.wrong();
  return wrong === null ? { verdict: 'completes', text: '' } : { verdict: 'wrong output', text: wrong };
}

/** Those that say the same are one. */
const distinct = (findings: readonly ExhaustiveFinding[]): ExhaustiveFinding[] => {
  const byText = new Map<string, ExhaustiveFinding>();
  for (const finding of findings) {
    const key = `${finding.verdict} ${finding.text}`;
    if (!byText.has(key)) byText.set(key, finding);
  }
  return [...byText.values()];
};
