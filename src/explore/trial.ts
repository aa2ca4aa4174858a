import type { ModeOptions } from '../modes/index.js';
import type { Machine } from '../simt/index.js';

/** A program to explore: set up anew for each schedule. */
export interface Workload {
  readonly name: string;
  /** @throws RangeError if it cannot be set up */
  begin(options: ModeOptions): Trial;
}

/** A program that is set up; nothing of it has run. */
export interface Trial {
  readonly machine: Machine;
  /** What is wrong with what the run has left, in one line; null: nothing. Asked of runs that complete. */
  wrong(): string | null;
  /** Tells outputs apart: equal texts for equal outputs. Asked of runs that complete. */
  output(): string;
}
