import { type AccessPairs, type Finding, InvariantChecker, PairRecorder, RaceChecker } from '../check/index.js';
import { observeAll, type StepObserver } from '../step/index.js';

/** Everything that looks on while a schedule runs. */
export interface Checkers {
  readonly observer: StepObserver;
  readonly findings: () => readonly Finding[];
  /** Accesses that have conflicted. */
  readonly pairs: () => AccessPairs;
}

export function allCheckers(): Checkers {
  const recorder = new PairRecorder();
  const races = new RaceChecker(recorder);
  const invariants = new InvariantChecker();
  return {
    observer: observeAll([races, invariants]),
    findings: () => [...races.findings, ...invariants.findings],
    pairs: () => recorder.pairs(),
  };
}
