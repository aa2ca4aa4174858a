import type { Pointer } from '../../../src/simt/index.js';

/** Words of `flags` that a rank has. */
export const FLAGS = 16;

/** What most kernels of the zoo get. */
export interface ZooArgs {
  /** Rank on which the launch runs. */
  readonly rank: number;
  /** Number of the launch on its stream, from 0. */
  readonly call: number;
  /** u32 [ranks][FLAGS], zeroed: flags, counters and other words that threads wait for. */
  readonly flags: Pointer<'u32'>;
  /** u32 [1024]: what the flags speak of. */
  readonly data: Pointer<'u32'>;
  /** u32, zeroed: what the program is for. */
  readonly output: Pointer<'u32'>;
}
