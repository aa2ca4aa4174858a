/** Bounds of a search. One that is reached is named in {@link ExhaustiveResult.boundedBy}. */
export interface SearchLimits {
  /** Most distinct states that are kept. Default 1e6. */
  readonly maxStates: number;
  /** Most steps that are made, in one pass. Default 1e9. */
  readonly maxTransitions: number;
  /** Most steps that a pass may need in all, as estimated once it has made 10,000. Default: no limit. */
  readonly maxEstimate: number;
  /** Most steps from the start. Default 1e5. */
  readonly maxDepth: number;
  /** Default 32; what is like one that is known counts once. */
  readonly maxFindings: number;
  /** Most time, as `clock` counts it; default: no limit. */
  readonly maxMilliseconds: number;
  /** Milliseconds since whenever; default: time stands still. */
  readonly clock: () => number;
}

export const DEFAULT_SEARCH_LIMITS: SearchLimits = {
  maxStates: 1e6,
  maxTransitions: 1e9,
  maxEstimate: Number.POSITIVE_INFINITY,
  maxDepth: 1e5,
  maxFindings: 32,
  maxMilliseconds: Number.POSITIVE_INFINITY,
  clock: () => 0,
};

/** A schedule under which a run goes wrong. */
export interface ExhaustiveFinding {
  readonly verdict: 'deadlock' | 'livelock' | 'error' | 'wrong output' | 'budget';
  /** Token of a schedule that gives it. */
  readonly schedule: string;
  /** The outcome in words: of two findings they differ. */
  readonly text: string;
  /**
   * Whether two runs of the schedule on machines of their own have given the same verdict and text. A livelock that the
   * machine cannot prove is not: its schedule only leads to states from which no run ends.
   */
  readonly isConfirmed: boolean;
}

/** What the outputs hold at the end of some runs. */
export interface FinalOutput {
  /** What the workload says of it. */
  readonly output: string;
  /** The first schedule that gives it. */
  readonly schedule: string;
}

/** What a search has done so far. */
export interface SearchCounts {
  /** Distinct states in which there was more than one way to go on, and ends. */
  readonly states: number;
  /** Steps made. */
  readonly transitions: number;
  /** Runs to an end of whatever kind. */
  readonly executions: number;
  /** Runs that were left at a state that is known. */
  readonly blockedExecutions: number;
  /** Most steps from the start. */
  readonly maxDepth: number;
}

/** What a pass of a search comes to in all, as far as it can be told. */
export interface SearchEstimate {
  readonly states: number;
  readonly transitions: number;
  /** Whether so little is known that it may be any number above these. */
  readonly isLowerBound: boolean;
}

/** What came of a search. */
export interface ExhaustiveResult extends SearchCounts {
  readonly workload: string;
  /** Of the last pass; of a complete search what it was. */
  readonly estimate: SearchEstimate;
  /** Whether every run, up to the order of independent steps, was looked at. */
  readonly isComplete: boolean;
  /** The limits that were reached, in words; empty if the search is complete. */
  readonly boundedBy: readonly string[];
  /** The search begins anew when it learns of an access that it had not allowed for; the counts are of the last pass. */
  readonly passes: number;
  readonly findings: readonly ExhaustiveFinding[];
  /** Different ones: the output depends on the schedule. */
  readonly outputs: readonly FinalOutput[];
  /** As `clock` counts it, all passes together. */
  readonly milliseconds: number;
}
