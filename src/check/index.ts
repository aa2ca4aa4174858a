/** Checkers: they look on while a program runs, and say what is wrong with it whatever the outcome. */
export {
  type AccessPair,
  type AccessPairs,
  type AccessSite,
  mergePairs,
  PairRecorder,
  pairKey,
} from './access-pairs.js';
export {
  declareExpectedFindings,
  EXPECTED_KINDS,
  type ExpectedFinding,
  type ExpectedSite,
  expectedFindingsOf,
  problemWithExpected,
} from './expected.js';
export type { AccessReport, BarrierReuse, Finding, InvariantViolation, Race } from './findings.js';
export { InvariantChecker } from './invariants.js';
export { RaceChecker } from './races.js';
export { type StaleRead, StaleReadChecker } from './stale-reads.js';
