import type { Block } from './block.js';
import { barrierDivergence, barrierInUse, checkBarrierCount, secondArrival } from './faults.js';
import { OP_BARRIER_ARRIVE } from './operation.js';
import { type Thread, WARP_SIZE } from './thread.js';
import type { Warp } from './warp.js';

/** Barriers of a block. Source: PTX ISA, "bar, barrier": 16 barriers, numbered 0 to 15. */
export const BARRIER_COUNT = 16;

/**
 * One of a block's 16 barriers. A warp arrives once all its live lanes have; it then counts as 32 threads. The phase
 * completes when the expected number of threads has arrived; a count of 0 expects every live warp.
 */
export class Barrier {
  readonly id: number;
  readonly #block: Block;
  /** Threads expected in this phase; 0: all live warps of the block. Meaningless while nobody is here. */
  #expected = 0;
  /** Lanes of each warp that are here. */
  readonly #lanes: Int32Array;
  /** Warps that have arrived in this phase. */
  #arrivedWarps = 0;
  /** 1 for each warp that has arrived in this phase. */
  readonly #hasArrived: Uint8Array;
  /** Threads that wait for the phase to complete, in order of arrival. */
  #waiting: Thread[] = [];

  constructor(block: Block, id: number) {
    this.#block = block;
    this.id = id;
    this.#lanes = new Int32Array(block.warps.length);
    this.#hasArrived = new Uint8Array(block.warps.length);
  }

  /** Whether a phase has begun. */
  get inUse(): boolean {
    return this.#waiting.length > 0 || this.#arrivedWarps > 0;
  }

  /** Threads that count as arrived, and those that must, in multiples of 32. */
  get progress(): { readonly arrived: number; readonly expected: number } {
    const expected = this.#expected === 0 ? this.#block.liveWarps * WARP_SIZE : this.#expected;
    return { arrived: this.#arrivedWarps * WARP_SIZE, expected };
  }

  /** Live lanes of a warp that are not here, although others of it are and wait for them. */
  missingLanes(warp: Warp): number {
    return this.hasArrived(warp) ? 0 : warp.live & ~this.#lanes[warp.index]!;
  }

  /** Whether a warp counts as arrived in the current phase. */
  hasArrived(warp: Warp): boolean {
    return this.#hasArrived[warp.index] === 1;
  }

  /**
   * A thread arrives with the operation that it has yielded.
   * @throws Fault BARRIER_COUNT if the count is no multiple of 32 or not that of the phase; BARRIER_DIVERGENCE if lanes
   * of its warp are at another aligned barrier; BARRIER_ARRIVALS if its warp has arrived already.
   */
  arrive(thread: Thread): void {
    const { warp, operandB: expected, opcode } = thread;
    if (expected !== this.#expected || !this.inUse) this.#begin(thread, expected);
    if (this.#hasArrived[warp.index] === 1) {
      throw secondArrival(this.id, warp.index);
    }
    const bit = 1 << thread.laneId;
    const lanes = this.#lanes[warp.index]! | bit;
    if ((warp.lanesAtBarriers & ~lanes) !== 0) this.#checkDivergence(thread, lanes);
    this.#lanes[warp.index] = lanes;
    warp.lanesAtBarriers |= bit;
    this.#waiting.push(thread);
    if (opcode === OP_BARRIER_ARRIVE) warp.lanesOnlyArriving |= bit;
    if (lanes === warp.live) this.#warpArrives(warp);
  }

  /** A lane of `warp` has exited: the rest of it may now have arrived, and fewer warps may be expected. */
  laneExited(warp: Warp): void {
    if (!this.inUse) return;
    const complete = warp.live !== 0 && this.#hasArrived[warp.index] === 0 && this.#lanes[warp.index] === warp.live;
    if (complete) this.#warpArrives(warp);
    else this.#completeIfAllArrived();
  }

  #begin(thread: Thread, expected: number): void {
    checkBarrierCount(this.id, expected, thread.opcode === OP_BARRIER_ARRIVE);
    if (this.inUse) throw barrierInUse(this.id, this.#expected, expected, { other: this.#waiting[0] });
    this.#expected = expected;
  }

  #warpArrives(warp: Warp): void {
    this.#arrivedWarps++;
    this.#hasArrived[warp.index] = 1;
    if (warp.lanesOnlyArriving !== 0) this.#releaseArriving(warp);
    this.#completeIfAllArrived();
  }

  /** Threads that arrive without waiting go on as soon as their warp is complete. */
  #releaseArriving(warp: Warp): void {
    const arriving = this.#waiting.filter((thread) => thread.warp === warp && thread.opcode === OP_BARRIER_ARRIVE);
    this.#waiting = this.#waiting.filter((thread) => thread.warp !== warp || thread.opcode !== OP_BARRIER_ARRIVE);
    for (const thread of arriving) this.#release(thread);
    warp.lanesOnlyArriving = 0;
  }

  #completeIfAllArrived(): void {
    const { arrived, expected } = this.progress;
    if (arrived === 0 || arrived < expected) return;
    const released = this.#waiting;
    this.#waiting = [];
    this.#arrivedWarps = 0;
    this.#hasArrived.fill(0);
    for (const thread of released) this.#release(thread);
  }

  #release(thread: Thread): void {
    const { warp } = thread;
    const bit = 1 << thread.laneId;
    this.#lanes[warp.index]! &= ~bit;
    warp.lanesAtBarriers &= ~bit;
    this.#block.release(thread, undefined);
  }

  /** Lanes of the warp that are at another barrier can never come to this one, nor this one to them. */
  #checkDivergence(thread: Thread, lanesHere: number): void {
    const other = thread.warp.threads[31 - Math.clz32(thread.warp.lanesAtBarriers & ~lanesHere)]!;
    const bothWaitForWarp = thread.mask === 0 && other.mask === 0;
    if (bothWaitForWarp) return;
    throw barrierDivergence(thread.laneId, this.id, other.laneId, other.operandA, { other });
  }
}
