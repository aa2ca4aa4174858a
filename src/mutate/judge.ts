import {
  allDiscoveries,
  type Discovery,
  EMPTY_RESULT,
  mergeResults,
  type NumberedSchedule,
  PLAIN_SCHEDULES,
  runSchedule,
  searchSchedules,
  type Workload,
} from '../explore/index.js';
import { type Program, programOf } from '../program/index.js';
import type { Kernel, Limits } from '../simt/index.js';
import type { Mutant } from './mutant.js';
import { probeOf } from './mutants.js';

/** A workload and the schedules under which it is run. */
export interface SearchGiven {
  readonly workload: Workload;
  /** First seed of the schedules; see `searchSchedules`. */
  readonly seed: number;
  readonly schedules: number;
  /** Appended to each token: `,granule=8`. */
  readonly scheduleOptions?: string;
  readonly limits?: Partial<Limits>;
}

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
export function* runBaseline({
  workload,
  seed,
  schedules,
  scheduleOptions = '',
  limits = {},
}: SearchGiven): Generator<number, Baseline> {
  const programs = new Set<Program>();
  const recorded = withPrograms(workload, (program) => {
    programs.add(program);
    return program;
  });
  const first = runSchedule(recorded, { index: 0, token: `rr${scheduleOptions}` }, { limits });
  const list: NumberedSchedule[] = [];
  let result = EMPTY_RESULT;
  let longestSteps = 0;
  for (const schedule of searchSchedules(seed, Math.max(1, first.steps), scheduleOptions)) {
    if (schedule.index >= schedules) break;
    list.push(schedule);
    const run = schedule.index === 0 ? first : runSchedule(recorded, schedule, { limits });
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

/** A workload whose kernels run other programs than their own. */
function withPrograms(workload: Workload, replace: (program: Program) => Program): Workload {
  const replaced = new Map<Program, Program>();
  const find = (kernel: Kernel<never>): Program | null => {
    const program = programOf(kernel);
    if (program === null) return null;
    let other = replaced.get(program);
    if (other === undefined) {
      other = replace(program);
      replaced.set(program, other);
    }
    return other;
  };
  return {
    name: workload.name,
    begin: (options) => workload.begin({ ...options, step: { ...options.step, programOf: find } }),
  };
}
