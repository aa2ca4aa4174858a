import { type AccessPairs, mergePairs } from '../check/index.js';
import type { Limits, Outcome } from '../simt/index.js';
import { allCheckers } from './checkers.js';
import { type Discovery, keyOf, type Problem, problemsOf } from './discovery.js';
import type { Workload } from './trial.js';

/** What a search has come to. Results of parts of a search can be put together: {@link mergeResults}. */
export interface SearchResult {
  /** Schedules that were run, and their steps in all. */
  readonly runs: number;
  readonly steps: number;
  readonly verdicts: Readonly<Record<Outcome['verdict'], number>>;
  /** What completed runs have left, by its text: how many have, and the first of them. */
  readonly outputs: ReadonlyMap<string, FirstOf>;
  readonly discoveries: readonly Discovery[];
  /** Accesses that have conflicted, and in which order they came. */
  readonly pairs: AccessPairs;
}

export interface FirstOf {
  readonly count: number;
  readonly index: number;
  readonly schedule: string;
}

export const EMPTY_RESULT: SearchResult = {
  runs: 0,
  steps: 0,
  verdicts: { completes: 0, deadlock: 0, livelock: 0, error: 0, budget: 0 },
  outputs: new Map(),
  discoveries: [],
  pairs: new Map(),
};

/** One schedule of a search. */
export interface NumberedSchedule {
  readonly index: number;
  readonly token: string;
}

export interface SearchOptions {
  readonly limits?: Partial<Limits>;
}

/** Runs a workload under one schedule with all checkers. */
export function runSchedule(
  workload: Workload,
  { index, token }: NumberedSchedule,
  { limits = {} }: SearchOptions = {},
): SearchResult {
  const { observer, findings, pairs } = allCheckers();
  const trial = workload.begin({ mode: 'step', schedule: token, limits, step: { observer } });
  const { machine } = trial;
  const outcome = machine.run();
  if (machine.mode !== 'step') throw new RangeError(`mode ${machine.mode} cannot be explored: compile the kernels`);
  const problems = problemsOf(trial, outcome, findings());
  const isComplete = outcome.verdict === 'completes';
  return {
    runs: 1,
    steps: machine.steps,
    verdicts: { ...EMPTY_RESULT.verdicts, [outcome.verdict]: 1 },
    outputs: isComplete ? new Map([[trial.output(), { count: 1, index, schedule: token }]]) : new Map(),
    discoveries: distinct(problems).map(([key, problem]) => ({ key, problem, schedule: token, index, count: 1 })),
    pairs: pairs(),
  };
}

const distinct = (problems: readonly Problem[]): [string, Problem][] => [
  ...new Map(problems.map((problem) => [keyOf(problem), problem])),
];

/** Both results as one. The order of the two does not matter. */
export function mergeResults(a: SearchResult, b: SearchResult): SearchResult {
  const outputs = new Map(a.outputs);
  for (const [text, first] of b.outputs) outputs.set(text, merged(outputs.get(text), first));
  const discoveries = new Map(a.discoveries.map((discovery) => [discovery.key, discovery]));
  for (const discovery of b.discoveries)
    discoveries.set(discovery.key, merged(discoveries.get(discovery.key), discovery));
  const verdicts = { ...a.verdicts };
  for (const verdict of Object.keys(verdicts) as Outcome['verdict'][]) verdicts[verdict] += b.verdicts[verdict];
  return {
    runs: a.runs + b.runs,
    steps: a.steps + b.steps,
    verdicts,
    outputs,
    discoveries: [...discoveries.values()].sort((x, y) => x.index - y.index || (x.key < y.key ? -1 : 1)),
    pairs: mergePairs(a.pairs, b.pairs),
  };
}

function merged<First extends FirstOf>(known: First | undefined, other: First): First {
  if (known === undefined) return other;
  const first = known.index <= other.index ? known : other;
  return { ...first, count: known.count + other.count };
}

/** All that was found: also that outputs depend on the schedule, which no run shows alone. */
export function allDiscoveries({ outputs, discoveries, verdicts }: SearchResult): readonly Discovery[] {
  const [first, second] = [...outputs.values()].sort((a, b) => a.index - b.index);
  if (first === undefined || second === undefined) return discoveries;
  const problem: Problem = {
    kind: 'schedule-dependent output',
    outputs: outputs.size,
    other: first.schedule,
  };
  return [
    ...discoveries,
    {
      key: keyOf(problem),
      problem,
      schedule: second.schedule,
      index: second.index,
      count: verdicts.completes - first.count,
    },
  ];
}

const PLAIN = ['rr', 'blocked', 'rr,order=reverse'];
/** So many schedules of a search come first and are as simple as can be: none is smaller. */
export const PLAIN_SCHEDULES = PLAIN.length;

/** The policies that take turns behind them, each time with another seed. `length`: steps of a run, about. */
const POLICIES: readonly ((seed: number, length: number) => string)[] = [
  (seed) => `random:${seed}`,
  (seed, length) => `pct:${seed},depth=1,length=${length}`,
  (seed, length) => `pct:${seed},depth=2,length=${length}`,
  (seed, length) => `pct:${seed},depth=3,length=${length}`,
  (seed, length) => `delay:${seed},delays=2,length=${length}`,
];

/**
 * The schedule of a search with a number, from 0 on: round robin and its like first, then random walks, PCT of depth 1 to
 * 3 and delay bounding in turn, with seeds from `seed` on. `options` go behind each token: `,granule=8`.
 */
export function scheduleAt(index: number, seed: number, length: number, options = ''): NumberedSchedule {
  const plain = PLAIN[index];
  if (plain !== undefined) return { index, token: `${plain}${options}` };
  const round = Math.floor((index - PLAIN.length) / POLICIES.length);
  const policy = POLICIES[(index - PLAIN.length) % POLICIES.length]!;
  return { index, token: `${policy((seed + round) % 2 ** 32, length)}${options}` };
}

/** What is searched: so many schedules of a workload. */
export interface SearchGiven {
  readonly workload: Workload;
  /** First seed of the schedules. */
  readonly seed: number;
  readonly schedules: number;
  /** Behind each token: `,granule=8`. */
  readonly scheduleOptions?: string;
  readonly limits?: Partial<Limits>;
}

/** Runs the schedules of a search one after the other. The length of a run, for the policies, is that of round robin. */
export function* searchRuns({
  workload,
  seed,
  schedules,
  scheduleOptions = '',
  limits = {},
}: SearchGiven): Generator<{ readonly schedule: NumberedSchedule; readonly run: SearchResult }> {
  let length = 1;
  for (let index = 0; index < schedules; index++) {
    const schedule = scheduleAt(index, seed, length, scheduleOptions);
    const run = runSchedule(workload, schedule, { limits });
    if (index === 0) length = Math.max(1, run.steps);
    yield { schedule, run };
  }
}
