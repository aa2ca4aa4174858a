/** Checkers: they look on while a program runs, and say what is wrong with it whatever the outcome. */
export type { AccessReport, BarrierReuse, Finding, InvariantViolation, Race } from './findings.js';
export { InvariantChecker } from './invariants.js';
export { observeAll } from './observers.js';
export { RaceChecker } from './races.js';
