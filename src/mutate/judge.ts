import {
  allDiscoveries,
  type Discovery,
  EMPTY_RESULT,
  mergeResults,
  type NumberedSchedule,
  PLAIN_SCHEDULES,
  runSchedule,
  type SearchGiven,
  searchRuns,
  withPrograms,
} from '../explore/index.js';
import type { Program } from '../program/index.js';
import type { Mutant } from './mutant.js';
import { probeOf } from './mutants.js';

/** What a workload shows as it is. */
export interface Baseline {
  /** The programs that it runs, in the order in which they are first needed. */
  readonly programs: readonly Program[];
  readonly schedules: readonly NumberedSchedule[];
  /** What it shows without any mutation: no mutant is killed by that. */
  readonly discoveries: readonly Discovery[];
  /** Steps of its longest run. */
  readonly longestSteps: number;
}

export interface MutantVerdict {
  readonly mutant: Mutant;
  /** `survived`: nothing covers the synchronisation, or nothing needs it. */
  readonly verdict: 'killed' | 'survived';
  /** What showed first; null: nothing did. */
  readonly discovery: Discovery | null;
  /** Whether the call comes to the synchronisation at all. */
  readonly isReached: boolean;
  /** Schedules that were run. */
  readonly runs: number;
}

/** As many times the longest run of the original, a mutant may run before a limit ends it. */
const MOST_TIMES_LONGER = 30;
const LEAST_STEPS = 100_000;

/** Runs the workload as it is. Yields between schedules. */
export function* runBaseline(given: SearchGiven): Generator<number, Baseline> {
  const programs = new Set<Program>();
  const workload = withPrograms(given.workload, (program) => {
    programs.add(program);
    return program;
  });
  const list: NumberedSchedule[] = [];
  let result = EMPTY_RESULT;
  let longestSteps = 0;
  for (const { schedule, run } of searchRuns({ ...given, workload })) {
    list.push(schedule);
    longestSteps = Math.max(longestSteps, run.steps);
    result = mergeResults(result, run);
    yield list.length;
  }
  return { programs: [...programs], schedules: list, discoveries: allDiscoveries(result), longestSteps };
}

/** Runs a mutant until something shows that the original does not show. Yields between schedules. */
export function* judgeMutant(
  mutant: Mutant,
  { workload, limits = {} }: Pick<SearchGiven, 'workload' | 'limits'>,
  baseline: Baseline,
): Generator<number, MutantVerdict> {
  const known = new Set(baseline.discoveries.map(({ key }) => key));
  const mutated = withPrograms(workload, (program) => (program === mutant.original ? mutant.program : program));
  const maxSteps = Math.max(LEAST_STEPS, MOST_TIMES_LONGER * baseline.longestSteps);
  const options = { limits: { ...limits, maxSteps: Math.min(maxSteps, limits.maxSteps ?? maxSteps) } };
  let result = EMPTY_RESULT;
  for (const schedule of baseline.schedules) {
    result = mergeResults(result, runSchedule(mutated, schedule, options));
    const discovery = allDiscoveries(result).find(({ key }) => !known.has(key));
    const { runs } = result;
    if (discovery !== undefined) return { mutant, verdict: 'killed', discovery, isReached: true, runs };
    yield runs;
  }
  const probed = withPrograms(workload, (program) => (program === mutant.original ? probeOf(mutant) : program));
  const isReached = baseline.schedules
    .slice(0, PLAIN_SCHEDULES)
    .some((schedule) => runSchedule(probed, schedule, options).discoveries.some(({ key }) => !known.has(key)));
  return { mutant, verdict: 'survived', discovery: null, isReached, runs: result.runs };
}
