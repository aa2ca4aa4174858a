import { barrierDivergence, barrierInUse, checkBarrierCount, secondArrival } from '../simt/faults.js';
import { lowestLane } from '../simt/lanes.js';
import { WARP_SIZE } from '../simt/thread.js';
import type { FastBlock, FastWarp, LaneGroup } from './warp.js';

const NOBODY: readonly LaneGroup[] = [];

/** One of a block's 16 barriers; the same rules as `Barrier` of the machine, for lanes of a warp at a time. */
export class FastBarrier {
  readonly id: number;
  readonly #block: FastBlock;
  #expected = 0;
  readonly #lanes: Int32Array;
  #arrivedWarps = 0;
  readonly #hasArrived: Uint8Array;
  #waiting: LaneGroup[] = [];
  /** Whether somebody here may be one who does not wait for other warps. */
  #mayHoldArrivals = false;
  /** What {@link #waiting} was before: used again. */
  #released: LaneGroup[] = [];

  constructor(block: FastBlock, id: number) {
    this.#block = block;
    this.id = id;
    this.#lanes = new Int32Array(block.warps.length);
    this.#hasArrived = new Uint8Array(block.warps.length);
  }

  get inUse(): boolean {
    return this.#waiting.length > 0 || this.#arrivedWarps > 0;
  }

  get progress(): { readonly arrived: number; readonly expected: number } {
    const expected = this.#expected === 0 ? this.#block.liveWarps * WARP_SIZE : this.#expected;
    return { arrived: this.#arrivedWarps * WARP_SIZE, expected };
  }

  /** Threads expected in this phase; 0: those of all live warps. Meaningless while nobody is here. */
  get expected(): number {
    return this.#expected;
  }

  /** Lanes of a warp that are here; all of one that has arrived in this phase. */
  lanesOf({ index }: FastWarp): number {
    return this.#hasArrived[index] === 1 ? -1 : this.#lanes[index]!;
  }

  missingLanes(warp: FastWarp): number {
    return this.#hasArrived[warp.index] === 1 ? 0 : warp.live & ~this.#lanes[warp.index]!;
  }

  /**
   * Lanes of a warp arrive together. Result: who goes on, in the order in which they arrived, until the next call.
   * @throws Fault BARRIER_COUNT, BARRIER_DIVERGENCE, BARRIER_ARRIVALS
   */
  arrive(group: LaneGroup): readonly LaneGroup[] {
    const { warp, lanes, isArrival, barrierCount: expected } = group;
    if (expected !== this.#expected || !this.inUse) this.#begin(expected, isArrival);
    if (this.#hasArrived[warp.index] === 1) {
      throw secondArrival(this.id, warp.index);
    }
    const here = this.#lanes[warp.index]! | lanes;
    if ((warp.lanesAtBarriers & ~here) !== 0) this.#checkDivergence(group, here);
    this.#lanes[warp.index] = here;
    warp.lanesAtBarriers |= lanes;
    this.#waiting.push(group);
    if (isArrival) this.#mayHoldArrivals = true;
    return here === warp.live ? this.#warpArrives(warp) : NOBODY;
  }

  /** Lanes of `warp` have exited: the rest of it may now have arrived, and fewer warps may be expected. */
  lanesExited(warp: FastWarp): readonly LaneGroup[] {
    if (!this.inUse) return NOBODY;
    const complete = warp.live !== 0 && this.#hasArrived[warp.index] === 0 && this.#lanes[warp.index] === warp.live;
    return complete ? this.#warpArrives(warp) : this.#completeIfAllArrived();
  }

  #begin(expected: number, isArrival: boolean): void {
    checkBarrierCount(this.id, expected, isArrival);
    if (this.inUse) throw barrierInUse(this.id, this.#expected, expected);
    this.#expected = expected;
  }

  #warpArrives(warp: FastWarp): readonly LaneGroup[] {
    this.#arrivedWarps++;
    this.#hasArrived[warp.index] = 1;
    if (!this.#mayHoldArrivals) return this.#completeIfAllArrived();
    const arriving = this.#waiting.filter((group) => group.warp === warp && group.isArrival);
    this.#waiting = this.#waiting.filter((group) => group.warp !== warp || !group.isArrival);
    this.#mayHoldArrivals = this.#waiting.some((group) => group.isArrival);
    for (const group of arriving) this.#leave(group);
    return [...arriving, ...this.#completeIfAllArrived()];
  }

  #completeIfAllArrived(): readonly LaneGroup[] {
    const arrived = this.#arrivedWarps;
    if (arrived === 0 || arrived * WARP_SIZE < (this.#expected || this.#block.liveWarps * WARP_SIZE)) return NOBODY;
    const released = this.#waiting;
    this.#waiting = this.#released;
    this.#waiting.length = 0;
    this.#released = released;
    this.#arrivedWarps = 0;
    this.#hasArrived.fill(0);
    for (let at = 0; at < released.length; at++) this.#leave(released[at]!);
    return released;
  }

  #leave({ warp, lanes }: LaneGroup): void {
    this.#lanes[warp.index]! &= ~lanes;
    warp.lanesAtBarriers &= ~lanes;
  }

  /** Lanes of the warp that are at another barrier can never come to this one, nor this one to them. */
  #checkDivergence({ warp, lanes, isAligned }: LaneGroup, lanesHere: number): void {
    const elsewhere = warp.lanesAtBarriers & ~lanesHere;
    const waits = this.#block.barriers.flatMap((barrier) => (barrier === null ? [] : [...barrier.#waiting]));
    const other = waits.find((wait) => wait.warp === warp && (wait.lanes & elsewhere) !== 0)!;
    if (!isAligned && !other.isAligned) return;
    const otherLane = lowestLane(elsewhere);
    throw barrierDivergence(lowestLane(lanes), this.id, otherLane, other.barrierId);
  }
}
