import { withScalarAccesses } from '../program/index.js';
import type { Discovery } from './discovery.js';
import { type MinimalSchedule, minimising } from './minimise.js';
import { type SearchGiven, searchRuns } from './schedule-search.js';
import type { Workload } from './trial.js';
import { withPrograms } from './with-programs.js';

/** Something that a kernel may rely on and that hardware need not give. */
export interface Assumption {
  /** `128-byte lines`. */
  readonly name: string;
  /** What is taken for granted. */
  readonly meaning: string;
  /** Options of the schedules that drop it. */
  readonly scheduleOptions: string;
  /** Whether accesses of several elements are taken apart. */
  readonly areScalar: boolean;
}

/**
 * First those about what is seen as a whole, widest first: who does without one does without those before it. Then those
 * about when it is seen.
 */
export const ASSUMPTIONS: readonly Assumption[] = [
  {
    name: 'warp instructions',
    meaning: 'what the 32 lanes of a warp access in one instruction is seen as a whole',
    scheduleOptions: ',granule=8',
    areScalar: false,
  },
  {
    name: '128-byte lines',
    meaning: 'what 8 neighbouring lanes access in one instruction, 16 bytes each, is seen as a whole',
    scheduleOptions: ',granule=1',
    areScalar: false,
  },
  {
    name: 'vector accesses',
    meaning: 'what a lane accesses in one instruction, of 2 or 4 elements, is seen as a whole',
    scheduleOptions: ',granule=1',
    areScalar: true,
  },
  {
    name: 'stores in order',
    meaning: 'what a thread stores, all others see at once; without, only fences, barriers and releases order it',
    scheduleOptions: ',stores=1',
    areScalar: false,
  },
  {
    name: 'links in order',
    meaning: 'what a rank stores, other ranks see as soon as it does; without, only fences of the system order it',
    scheduleOptions: ',links=1',
    areScalar: false,
  },
];

/** The workload without an assumption: threads run programs that do not have it. */
export function withoutAssumption(workload: Workload, { areScalar }: Assumption): Workload {
  return areScalar ? withPrograms(workload, withScalarAccesses) : workload;
}

/** What becomes of a workload that has to do without an assumption. */
export interface AssumptionResult {
  readonly assumption: Assumption | null;
  readonly runs: number;
  /** What goes wrong, and the shortest schedule that shows it; null: nothing has, in so many schedules. */
  readonly broken: MinimalSchedule | null;
}

/** Discoveries of which a shorter schedule is looked for. */
const MOST_SHORTENED = 3;

/**
 * Runs a workload under many schedules with an assumption dropped; null: with all of them. Gives the number of runs so
 * far after each.
 */
export function* dropAssumption(
  given: SearchGiven,
  assumption: Assumption | null,
): Generator<number, AssumptionResult> {
  const workload = assumption === null ? given.workload : withoutAssumption(given.workload, assumption);
  const scheduleOptions = assumption?.scheduleOptions ?? '';
  let runs = 0;
  const found: Discovery[] = [];
  for (const { run } of searchRuns({ ...given, workload, scheduleOptions })) {
    yield ++runs;
    // Outputs that differ are wrong where it is known what is right.
    for (const discovery of run.discoveries) if (found.length < MOST_SHORTENED) found.push(discovery);
    if (found.length >= MOST_SHORTENED) break;
  }
  let broken: AssumptionResult['broken'] = null;
  for (const { key, schedule } of found) {
    const search = minimising(workload, schedule, key, given.limits);
    for (let next = search.next(); ; next = search.next()) {
      if (next.done !== true) {
        yield runs;
        continue;
      }
      const { value } = next;
      if (value !== null && (broken === null || value.steps < broken.steps)) broken = value;
      break;
    }
  }
  return { assumption, runs, broken };
}
