/** Searches the schedules of a program for what is wrong with it. */
export type { Discovery, Problem } from './discovery.js';
export { type MinimalSchedule, minimiseSchedule, minimising } from './minimise.js';
export {
  allDiscoveries,
  EMPTY_RESULT,
  mergeResults,
  type NumberedSchedule,
  PLAIN_SCHEDULES,
  runSchedule,
  type SearchOptions,
  type SearchResult,
  searchSchedules,
} from './schedule-search.js';
export type { Trial, Workload } from './trial.js';
