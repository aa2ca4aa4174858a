/** Checkers: they look on while a program runs, and say what is wrong with it whatever the outcome. */
export type { AccessReport, BarrierReuse, Finding, Race } from './findings.js';
export { RaceChecker } from './races.js';
