import type { Block } from './block.js';
import type { Warp } from './warp.js';

/**
 * What the scheduler picks: 32 lanes (a warp), 8 lanes (one 128-byte line of 16-byte accesses) or 1 lane of one warp.
 * One step of a granule runs each of its ready lanes up to and including its next visible operation.
 */
export class Granule {
  /** Number within the run, in order of creation. */
  readonly id: number;
  readonly block: Block;
  readonly warp: Warp;
  /** Lanes of the warp that may go on. Others wait, have exited, or belong to other granules. */
  readyLanes: number;
  /** Whether it is in the ready set. */
  queued = false;
  /** True while its own step is going on: it re-enters the ready set afterwards. */
  stepping = false;

  constructor(id: number, block: Block, warp: Warp, readyLanes: number) {
    this.id = id;
    this.block = block;
    this.warp = warp;
    this.readyLanes = readyLanes;
  }
}
