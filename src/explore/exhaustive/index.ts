/** Looks at every run of a small program, up to the order of steps that do not depend on each other. */
export { type ExhaustiveOptions, exploreExhaustively } from './explore-exhaustively.js';
export type {
  ExhaustiveFinding,
  ExhaustiveResult,
  SearchEstimate,
  SearchLimits,
} from './result.js';
