import { type Finding, InvariantChecker, observeAll, RaceChecker } from '../check/index.js';
import type { StepObserver } from '../step/index.js';

/** Everything that looks on while a schedule runs. */
export interface Checkers {
  readonly observer: StepObserver;
  readonly findings: () => readonly Finding[];
}

export function allCheckers(): Checkers {
  const races = new RaceChecker();
  const invariants = new InvariantChecker();
  return {
    observer: observeAll([races, invariants]),
    findings: () => [...races.findings, ...invariants.findings],
  };
}
