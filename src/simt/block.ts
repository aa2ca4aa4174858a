import { BARRIER_COUNT, Barrier } from './barrier.js';
import { Fault } from './errors.js';
import type { Launch } from './launch.js';
import type { Pointer } from './pointer.js';
import type { ReadySet } from './ready-set.js';
import type { Dim3, ScalarType } from './scalar.js';
import { SharedMemory } from './shared-memory.js';
import { PHASE_DONE, Thread, WARP_SIZE } from './thread.js';
import { Warp } from './warp.js';

/** A resident block: its threads exist from here on until the last one exits. */
export class Block {
  readonly launch: Launch;
  readonly blockIdx: Dim3;
  readonly warps: readonly Warp[];
  /** Warps with a lane that has not exited. */
  liveWarps: number;
  /** Threads that have not exited. */
  liveThreads: number;
  readonly sharedMemory = new SharedMemory();
  /** Created on first use. */
  readonly #barriers: (Barrier | null)[] = new Array<null>(BARRIER_COUNT).fill(null);
  readonly #ready: ReadySet;
  readonly #warpIsGranule: boolean;

  constructor(launch: Launch, blockIdx: Dim3, ready: ReadySet, granuleShift: number) {
    this.launch = launch;
    this.blockIdx = blockIdx;
    this.#ready = ready;
    const count = launch.threadIdxs.length;
    this.warps = Array.from({ length: Math.ceil(count / WARP_SIZE) }, (_, index) => new Warp(this, index));
    this.liveWarps = this.warps.length;
    this.liveThreads = count;
    const granules = ready.addGranules(this, count, granuleShift);
    for (let rank = 0; rank < count; rank++) {
      const warp = this.warps[rank >>> 5]!;
      const granule = granules[rank >>> granuleShift]!;
      warp.threads.push(new Thread(this, warp, granule, rank & 31, launch.threadIdxs[rank]!));
      warp.live |= 1 << (rank & 31);
    }
    this.#warpIsGranule = 1 << granuleShift === WARP_SIZE;
  }

  /** All threads, by rank. */
  *threads(): Generator<Thread> {
    for (const warp of this.warps) yield* warp.threads;
  }

  /** Declares, or finds, a shared variable. See {@link Thread.shared}. */
  shared<T extends ScalarType>(name: string, type: T, count: number): Pointer<T> {
    return this.sharedMemory.declare(name, type, count);
  }

  /** Shared variables by name, in order of declaration. */
  get sharedVariables(): ReadonlyMap<string, { readonly pointer: Pointer; readonly count: number }> {
    return this.sharedMemory.variables;
  }

  /** The barrier of that number, or null if nobody has used it. */
  barrier(id: number): Barrier | null {
    return this.#barriers[id] ?? null;
  }

  /** A thread arrives at the barrier that it has yielded. @throws Fault BARRIER_ID if there is none of that number. */
  arriveAtBarrier(thread: Thread): void {
    const id = thread.operandA;
    let barrier = this.#barriers[id];
    if (barrier === undefined) {
      throw new Fault('BARRIER_ID', `barrier ${id} does not exist: a block has barriers 0 to ${BARRIER_COUNT - 1}`);
    }
    if (barrier === null) {
      barrier = new Barrier(this, id);
      this.#barriers[id] = barrier;
    }
    barrier.arrive(thread);
  }

  /** A thread has exited: what waited for it alone goes on. */
  exit(thread: Thread): void {
    const { warp } = thread;
    this.liveThreads--;
    warp.exit(thread.laneId);
    if (warp.live === 0) this.liveWarps--;
    for (const barrier of this.#barriers) if (barrier !== null) barrier.laneExited(warp);
  }

  /** A thread's operation has been performed with `result`: the thread is ready to go on. */
  release(thread: Thread, result: unknown): void {
    thread.result = result;
    thread.phase = PHASE_DONE;
    this.#ready.makeReady(thread.granule, 1 << thread.laneId);
  }

  /** Lanes of a warp, whose results are set, are ready to go on. */
  releaseLanes(warp: Warp, lanes: number): void {
    const { threads } = warp;
    for (let rest = lanes; rest !== 0; rest &= rest - 1) {
      const thread = threads[31 - Math.clz32(rest & -rest)]!;
      thread.phase = PHASE_DONE;
      if (!this.#warpIsGranule) this.#ready.makeReady(thread.granule, 1 << thread.laneId);
    }
    if (this.#warpIsGranule) this.#ready.makeReady(threads[0]!.granule, lanes);
  }
}
