import type { Finding } from '../check/index.js';
import { explainHang } from '../explain/index.js';
import type { Machine, Outcome, ThreadSite } from '../simt/index.js';
import type { Trial } from './trial.js';

/** Something that is wrong with a program. */
export type Problem =
  | Finding
  /** The run never ends. `cause` and `sentence`: the root cause. */
  | { readonly kind: 'deadlock' | 'livelock'; readonly cause: string; readonly sentence: string }
  | {
      readonly kind: 'error';
      readonly code: string;
      readonly reason: string;
      readonly site: ThreadSite;
    }
  | { readonly kind: 'wrong output'; readonly sentence: string }
  /** A limit ended the run: nothing is known of the rest. */
  | { readonly kind: 'budget'; readonly sentence: string }
  /** Completed runs differ in what they leave. */
  | { readonly kind: 'schedule-dependent output'; readonly outputs: number; readonly other: string };

/** A problem, and the first schedule that shows it. */
export interface Discovery {
  /** Tells problems apart: those of equal keys are one. */
  readonly key: string;
  readonly problem: Problem;
  /** Token of the first schedule that shows it, and its number in the search. */
  readonly schedule: string;
  readonly index: number;
  /** Schedules that have shown it. */
  readonly count: number;
}

/** What is wrong with a run, each thing once. `findings`: what checkers have found. */
export function problemsOf(trial: Trial, outcome: Outcome, findings: readonly Finding[]): Problem[] {
  return [...findings, ...problemsOfOutcome(trial, outcome)];
}

function problemsOfOutcome({ machine, wrong }: Trial, outcome: Outcome): Problem[] {
  switch (outcome.verdict) {
    case 'completes': {
      const sentence = wrong();
      return sentence === null ? [] : [{ kind: 'wrong output', sentence }];
    }
    case 'deadlock':
    case 'livelock':
      return [{ kind: outcome.verdict, ...causeOf(machine) }];
    case 'error': {
      const { code, reason, site } = outcome.error;
      return [{ kind: 'error', code, reason, site }];
    }
    case 'budget':
      return [{ kind: 'budget', sentence: `${outcome.limit} ended the run after ${outcome.steps} steps` }];
    default:
      return outcome satisfies never;
  }
}

function causeOf(machine: Machine): { readonly cause: string; readonly sentence: string } {
  const { rootCause } = explainHang(machine);
  return rootCause === null
    ? { cause: 'unknown', sentence: 'no cause was found' }
    : { cause: rootCause.cause, sentence: rootCause.sentence };
}

/** The same for problems that are one: of whichever threads, at whichever address. */
export function keyOf(problem: Problem): string {
  switch (problem.kind) {
    case 'race':
      return `race ${[placeOf(problem.first), placeOf(problem.second)].sort().join(' | ')}`;
    case 'barrier reuse':
      return `barrier reuse ${problem.id} of ${problem.second.kernel}`;
    case 'invariant':
      return `invariant ${problem.name} ${placeOf(problem.access)}`;
    case 'deadlock':
    case 'livelock':
      return `${problem.kind} ${problem.cause}`;
    case 'error':
      return `error ${problem.code} ${placeOf(problem.site)}`;
    case 'wrong output':
    case 'budget':
    case 'schedule-dependent output':
      return problem.kind;
    default:
      return problem satisfies never;
  }
}

function placeOf({ kernel, operation, frames }: Pick<ThreadSite, 'kernel' | 'operation' | 'frames'>): string {
  const [frame] = frames;
  return `${kernel} ${frame === undefined ? operation : `${frame.file}:${frame.line}:${frame.column}`}`;
}
