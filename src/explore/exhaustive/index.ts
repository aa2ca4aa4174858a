/** Looks at every run of a small program, up to the order of steps that do not depend on each other. */
export { type ExhaustiveOptions, exploreExhaustively } from './explore-exhaustively.js';
export {
  DEFAULT_SEARCH_LIMITS,
  type ExhaustiveFinding,
  type ExhaustiveResult,
  type FinalOutput,
  type SearchCounts,
  type SearchLimits,
} from './result.js';
