import { BARRIER_COUNT } from '../simt/for-engines.js';
import { type Dim3, type Launch, type ResidentBlock, SharedMemory } from '../simt/index.js';
import type { Arena } from './code.js';
import type { Runtime } from './runtime.js';

/** A resident block: where its threads, warps and granules are, and what its threads share. */
export class StepBlock implements ResidentBlock {
  readonly launch: Launch;
  readonly blockIdx: Dim3;
  readonly arena: Arena;
  readonly runtime: Runtime;
  /** First word of its rows, by thread rank. */
  readonly rows: number;
  /** First word of its record. */
  readonly record: number;
  /** Its warps are numbered from here on in the engine. */
  readonly firstWarp: number;
  readonly warpCount: number;
  /** Warps with a lane that has not exited. */
  liveWarps: number;
  /** Threads that have not exited. */
  liveThreads: number;
  sharedMemory = new SharedMemory();
  /** Created on first use. */
  readonly barriers: (StepBarrier | null)[] = new Array<null>(BARRIER_COUNT).fill(null);

  constructor(
    launch: Launch,
    blockIdx: Dim3,
    { arena, runtime }: { readonly arena: Arena; readonly runtime: Runtime },
    { rows, record }: { readonly rows: number; readonly record: number },
    firstWarp: number,
  ) {
    this.launch = launch;
    this.blockIdx = blockIdx;
    this.arena = arena;
    this.runtime = runtime;
    this.rows = rows;
    this.record = record;
    this.firstWarp = firstWarp;
    this.liveThreads = launch.threadIdxs.length;
    this.warpCount = Math.ceil(this.liveThreads / 32);
    this.liveWarps = this.warpCount;
  }

  get sharedVariables(): ResidentBlock['sharedVariables'] {
    return this.sharedMemory.variables;
  }
}

/** Lanes of a warp, all of one granule, that have come to a barrier in one step. */
export interface Arrival {
  readonly warpIndex: number;
  readonly lanes: number;
  /** Whether they arrive without waiting. */
  readonly isArriveOnly: boolean;
}

/** State of one of a block's barriers; `simt/barrier.ts` says what it means. */
export class StepBarrier {
  /** Threads expected in this phase; 0: all live warps. Meaningless while nobody is here. */
  expected = 0;
  /** Lanes of each warp that are here. */
  lanes: Int32Array;
  arrivedWarps = 0;
  /** 1 for each warp that has arrived in this phase. */
  hasArrived: Uint8Array;
  /** Who waits, in order of arrival. */
  waiting: Arrival[] = [];

  constructor(warpCount: number) {
    this.lanes = new Int32Array(warpCount);
    this.hasArrived = new Uint8Array(warpCount);
  }

  get inUse(): boolean {
    return this.waiting.length > 0 || this.arrivedWarps > 0;
  }

  clone(): StepBarrier {
    const copy = new StepBarrier(0);
    copy.expected = this.expected;
    copy.lanes = this.lanes.slice();
    copy.arrivedWarps = this.arrivedWarps;
    copy.hasArrived = this.hasArrived.slice();
    copy.waiting = [...this.waiting];
    return copy;
  }
}
