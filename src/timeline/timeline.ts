import type { Dim3, Outcome } from '../simt/index.js';

/**
 * What happened in a run of mode `step`, as tables: a table is an object of typed arrays of one length, a row each index.
 * Rows refer to rows of other tables by number. Steps count from 1, as `Machine.steps` does; 0 is before the first.
 *
 * Nothing in it is tied to the machine: it can be written and read back ({@link packTimeline}).
 */
export interface Timeline {
  /** Steps of the run. */
  readonly steps: number;
  /** How the run ended; null: it has not. */
  readonly verdict: Outcome['verdict'] | null;
  /** Token of the schedule. */
  readonly schedule: string;
  /** By the order in which their first blocks became resident. */
  readonly launches: readonly TimelineLaunch[];
  /** By the order in which they became resident. The warps of a block are neighbours. */
  readonly blocks: BlockTable;
  readonly warps: WarpTable;
  /** Names of groups of threads: `receiving group for peer rank 0`. */
  readonly groups: readonly string[];
  /** By warp, then by start. A warp runs, or could, from the start of its block to its end wherever it does not wait. */
  readonly waits: WaitTable;
  /** Words of memory that waits and flows are about. */
  readonly words: readonly TimelineWord[];
  /** Phases of barriers, by the step of the first arrival. */
  readonly barriers: BarrierTable;
  /** FIFOs that the memory's symbols declare and that something happened to, by link and channel. */
  readonly fifos: readonly TimelineFifo[];
  /** By step. */
  readonly fifoEvents: FifoEventTable;
  /** By the step of the load. */
  readonly flows: FlowTable;
  /** Places in the source that rows refer to. */
  readonly sites: readonly TimelineSite[];
  /** By file, then by line. */
  readonly lines: readonly TimelineLine[];
  readonly losses: Losses;
}

export interface TimelineLaunch {
  readonly kernel: string;
  readonly rank: number;
  /** Number of the stream within the machine; -1: none. */
  readonly stream: number;
  readonly gridDim: Dim3;
  readonly blockDim: Dim3;
}

/** Blocks that became resident. `endStep` is -1 while threads of it are left. */
export interface BlockTable {
  readonly count: number;
  /** Row of {@link Timeline.launches}. */
  readonly launch: Int32Array;
  readonly x: Int32Array;
  readonly y: Int32Array;
  readonly z: Int32Array;
  readonly startStep: Float64Array;
  readonly endStep: Float64Array;
  /** Row of {@link Timeline.warps}. */
  readonly firstWarp: Int32Array;
  readonly warpCount: Int32Array;
}

/** Warps. A thread is `32 * warp + lane`. `endStep`: its last lane has exited; -1: it has not. */
export interface WarpTable {
  readonly count: number;
  /** Row of {@link Timeline.blocks}. */
  readonly block: Int32Array;
  /** Row of {@link Timeline.groups}: what the kernel calls the group of its first thread; -1: nothing. */
  readonly group: Int32Array;
  readonly endStep: Float64Array;
}

/**
 * What a warp waits for. Polling: it loads the same again and stores nothing. A warp at a barrier or in a warp operation
 * has no lane that could run; `lanes` are those that others of the warp have not come to.
 */
export const WAIT_KINDS = ['barrier', 'poll', 'warp operation'] as const;
export type WaitKind = (typeof WAIT_KINDS)[number];

/** Stretches in which warps wait: from `startStep` up to `endStep`; -1: to the end of the run. */
export interface WaitTable {
  readonly count: number;
  readonly warp: Int32Array;
  /** Index into {@link WAIT_KINDS}. */
  readonly kind: Uint8Array;
  /** Barrier: its number. Poll: row of {@link Timeline.words}. Warp operation: the lanes that are missing, as a mask. */
  readonly subject: Int32Array;
  /** Row of {@link Timeline.sites}: where the warp stands; -1: not known. */
  readonly site: Int32Array;
  readonly startStep: Float64Array;
  readonly endStep: Float64Array;
}

/** A word of memory: `tail of link 0 -> 1, channel 0`. */
export interface TimelineWord {
  readonly name: string;
  readonly address: number;
  /** Whether the address is in the shared memory of a block. */
  readonly isShared: boolean;
  /** Row of {@link Timeline.fifos}; -1: it belongs to none. */
  readonly fifo: number;
}

/** Phases of named barriers. `completeStep` is -1 if not all have come by the end. */
export interface BarrierTable {
  readonly count: number;
  /** Row of {@link Timeline.blocks}. */
  readonly block: Int32Array;
  readonly id: Uint8Array;
  /** Arrivals so far: warps, each once. */
  readonly arrivals: Int32Array;
  /** The warp that came last. */
  readonly lastWarp: Int32Array;
  readonly firstStep: Float64Array;
  readonly completeStep: Float64Array;
  /** Row of {@link Timeline.sites}: where the last one came from. */
  readonly site: Int32Array;
}

/** A FIFO in one channel of a link. */
export interface TimelineFifo {
  readonly from: number;
  readonly to: number;
  readonly channel: number;
  /** Slots. */
  readonly depth: number;
  /** head - tail before the first event. */
  readonly inFlight: number;
}

/**
 * `head`, `tail`: the word has become `value`. `published`: the flag of a packet has been stored, `value` is the flag.
 * `consumed`: the first load has seen that.
 */
export const FIFO_EVENT_KINDS = ['head', 'tail', 'published', 'consumed'] as const;
export type FifoEventKind = (typeof FIFO_EVENT_KINDS)[number];

export interface FifoEventTable {
  readonly count: number;
  readonly step: Float64Array;
  /** Row of {@link Timeline.fifos}. */
  readonly fifo: Int32Array;
  /** Index into {@link FIFO_EVENT_KINDS}. */
  readonly kind: Uint8Array;
  /** Exact below 2^53. */
  readonly value: Float64Array;
  /** head - tail behind the event: slices in flight. */
  readonly inFlight: Int32Array;
  /** -1: head or tail. */
  readonly slot: Int32Array;
  readonly packet: Int32Array;
  readonly thread: Int32Array;
  /** Row of {@link Timeline.sites}. */
  readonly site: Int32Array;
}

/**
 * From a store (or atomic) to the first load of each warp that saw it. Of words of FIFOs, and of words that somebody has
 * polled from then on.
 */
export interface FlowTable {
  readonly count: number;
  /** Row of {@link Timeline.words}. */
  readonly word: Int32Array;
  readonly storeStep: Float64Array;
  readonly storeThread: Int32Array;
  readonly storeSite: Int32Array;
  readonly loadStep: Float64Array;
  readonly loadThread: Int32Array;
  readonly loadSite: Int32Array;
}

/** A place in the source of a kernel; lines and columns count from 1. */
export interface TimelineSite {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly functionName: string;
}

/** Operations that threads have executed on a line: accesses, atomics, fences, warp operations, barriers; no arithmetic. */
export interface TimelineLine {
  readonly file: string;
  readonly line: number;
  readonly loads: number;
  readonly stores: number;
  readonly atomics: number;
  readonly fences: number;
  readonly warpOperations: number;
  readonly barriers: number;
}

/** What was left out to keep within the limits. All zero: nothing was. */
export interface Losses {
  /** Waits shorter than so many steps are left out, and so are gaps that short between waits for the same. */
  readonly waitSteps: number;
  /** Of the events of one kind of a FIFO only the last in so many steps is there. */
  readonly fifoSteps: number;
  /** Flows and phases of barriers that are left out. */
  readonly flows: number;
  readonly barriers: number;
}
