/** Searches the schedules of a program for what is wrong with it. */
export {
  ASSUMPTIONS,
  type Assumption,
  type AssumptionResult,
  dropAssumption,
  withoutAssumption,
} from './assumptions.js';
export type { Discovery, Problem } from './discovery.js';
export {
  type ExhaustiveFinding,
  type ExhaustiveOptions,
  type ExhaustiveResult,
  exploreExhaustively,
  type SearchEstimate,
  type SearchLimits,
} from './exhaustive/index.js';
export { type MinimalSchedule, minimiseSchedule, minimising } from './minimise.js';
export { type PlainResult, plainResult, resultOfPlain } from './plain-result.js';
export {
  checkProgress,
  describeProgress,
  type Guarantee,
  PROGRESS_GUARANTEES,
  type ProgressModel,
  type ProgressOptions,
  type ProgressResult,
  parseProgressModel,
  withHardwareQueues,
} from './progress/index.js';
export { type SchedulePart, scheduleIndexOf, sizeOfPart, WHOLE } from './schedule-part.js';
export {
  allDiscoveries,
  EMPTY_RESULT,
  mergeResults,
  type NumberedSchedule,
  PLAIN_SCHEDULES,
  runSchedule,
  type SearchGiven,
  type SearchOptions,
  type SearchResult,
  scheduleAt,
  searchRuns,
} from './schedule-search.js';
export type { Trial, Workload } from './trial.js';
export { withPrograms } from './with-programs.js';
