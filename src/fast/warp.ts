import type { Instruction } from '../program/index.js';
import { BARRIER_COUNT } from '../simt/barrier.js';
import type { Launch } from '../simt/launch.js';
import type { Dim3 } from '../simt/scalar.js';
import { SharedMemory } from '../simt/shared-memory.js';
import type { FastBarrier } from './barrier.js';
import type { CompiledKernel, Frame } from './compiled-kernel.js';
import { LANES } from './layout.js';

/** What a group of lanes does. */
export const RUNS = 0;
/** It has polled in vain: others first. */
export const POLLED = 1;
/** It waits at a warp-wide operation or a barrier. */
export const WAITS = 2;

/** Lanes of a warp at the same place of the program. */
export interface LaneGroup {
  readonly warp: FastWarp;
  /** Number of the region where they go on. */
  pc: number;
  lanes: number;
  state: number;
  /** What they wait at: an index into the kernel's suspended instructions; -1: nothing yet. */
  suspended: number;
  /** The barrier that they wait at. */
  barrierId: number;
  barrierCount: number;
  /** They have polled in vain, with the instruction `suspended`, and not run since. */
  isPolling: boolean;
  /** They arrive at it and do not wait for other warps. */
  isArrival: boolean;
  isAligned: boolean;
  /** Their results of a warp-wide operation lie with the warp. */
  hasResults: boolean;
}

/** Operands or results of warp-wide operations of lanes that had to wait. */
export class WaitingLanes {
  readonly mask = new Int32Array(LANES);
  readonly low = new Int32Array(LANES);
  readonly high = new Int32Array(LANES);
  readonly double = new Float64Array(LANES);
  readonly a = new Float64Array(LANES);
  readonly b = new Float64Array(LANES);
  readonly resultLow = new Int32Array(LANES);
  readonly resultHigh = new Int32Array(LANES);
  readonly resultDouble = new Float64Array(LANES);
  /** Operations that lanes have arrived at and that others are missing from. */
  readonly pending: { readonly instruction: Instruction; readonly mask: number; arrived: number }[] = [];
}

/** 32 threads, or fewer at the end of a block, that run as whole instructions. */
export class FastWarp {
  readonly block: FastBlock;
  readonly index: number;
  /** Lanes that exist and have not exited. */
  live: number;
  /** Where it keeps its variables; borrowed from the kernel while it runs. */
  frame: Frame | null = null;
  F: Int32Array = NO_WORDS;
  V: Int32Array = NO_WORDS;
  D: Float64Array = NO_DOUBLES;
  /** Bits of definedness of registers that are partly defined, by the place of their masks, times 32, plus the lane. */
  partly: Map<number, number> | null = null;
  readonly groups: LaneGroup[];
  /** In the queue of warps that may go on, or stepping. */
  isQueued = false;
  /** Operands of what it leaves off at. */
  next = 0;
  suspended = 0;
  isOffered = false;
  /** A warp-wide operation that it leaves off at has been performed; if not, where in `F` to note the lanes that meet. */
  isPerformed = false;
  seen = -1;
  barrierId = 0;
  barrierCount = 0;
  taken = 0;
  // biome-ignore lint/suspicious/noThenProperty: the side of a branch; nobody awaits a warp
  then = 0;
  else = 0;
  /** `threadIdx` of its first lane. */
  readonly threadX: number;
  readonly threadY: number;
  readonly threadZ: number;
  readonly firstThread: number;
  waiting: WaitingLanes | null = null;
  /** Lanes at some barrier. */
  lanesAtBarriers = 0;

  constructor(block: FastBlock, index: number, live: number) {
    this.block = block;
    this.index = index;
    this.live = live;
    this.firstThread = index * LANES;
    const first = block.launch.threadIdxs[this.firstThread]!;
    this.threadX = first.x;
    this.threadY = first.y;
    this.threadZ = first.z;
    this.groups = [newGroup(this, 0, live)];
  }
}

/** Lanes that are ready to go on. */
export const newGroup = (warp: FastWarp, pc: number, lanes: number): LaneGroup => ({
  warp,
  pc,
  lanes,
  state: RUNS,
  suspended: -1,
  barrierId: 0,
  barrierCount: 0,
  isPolling: false,
  isArrival: false,
  isAligned: false,
  hasResults: false,
});

const NO_WORDS = new Int32Array(0);
const NO_DOUBLES = new Float64Array(0);

/** A resident block. */
export class FastBlock {
  readonly launch: Launch;
  readonly blockIdx: Dim3;
  readonly kernel: CompiledKernel;
  /** Parameters: words, two a parameter, and addresses. */
  readonly PI: Int32Array;
  readonly PD: Float64Array;
  /** Built-in variables that are the same for the block, by their place in SPECIAL_NAMES. */
  readonly specials: Int32Array;
  /** `threadIdx` by thread, shared by the blocks of a launch. */
  readonly threadX: Int32Array;
  readonly threadY: Int32Array;
  readonly threadZ: Int32Array;
  readonly warps: readonly FastWarp[];
  liveWarps: number;
  liveThreads: number;
  readonly sharedMemory = new SharedMemory();
  /** Number of its window of shared addresses. */
  readonly window: number;
  readonly barriers: (FastBarrier | null)[] = new Array<null>(BARRIER_COUNT).fill(null);

  constructor(launch: Launch, blockIdx: Dim3, kernel: CompiledKernel, bound: BoundLaunch, window: number) {
    this.launch = launch;
    this.blockIdx = blockIdx;
    this.kernel = kernel;
    this.PI = bound.PI;
    this.PD = bound.PD;
    this.threadX = bound.threadX;
    this.threadY = bound.threadY;
    this.threadZ = bound.threadZ;
    this.window = window;
    const { blockDim, gridDim } = launch;
    this.specials = Int32Array.of(
      0,
      0,
      0, // threadIdx is none of the block's
      blockIdx.x,
      blockIdx.y,
      blockIdx.z,
      blockDim.x,
      blockDim.y,
      blockDim.z,
      gridDim.x,
      gridDim.y,
      gridDim.z,
    );
    const threads = launch.threadIdxs.length;
    this.warps = Array.from({ length: Math.ceil(threads / LANES) }, (_, index) => {
      const lanes = Math.min(LANES, threads - index * LANES);
      return new FastWarp(this, index, lanes === LANES ? -1 : (1 << lanes) - 1);
    });
    this.liveWarps = this.warps.length;
    this.liveThreads = threads;
  }

  get sharedVariables(): SharedMemory['variables'] {
    return this.sharedMemory.variables;
  }
}

/** What all blocks of a launch have in common. */
export interface BoundLaunch {
  readonly PI: Int32Array;
  readonly PD: Float64Array;
  readonly threadX: Int32Array;
  readonly threadY: Int32Array;
  readonly threadZ: Int32Array;
}
