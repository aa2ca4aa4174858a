import { grown } from './growing-table.js';

/** Different loads of a round of a polling loop; a loop with more of them is not seen. */
const MOST_LOADS = 32;
/** Loads of other lanes after which the lane that is looked at is taken for gone. */
const PATIENCE = 256;

/** No load that is known. */
export const NEW_LOAD = -1;
/** A load of a lane that is not looked at. */
export const OTHER_LANE = -2;

/**
 * Tells when warps poll: a thread loads with the same instruction from the same address as before, and its warp has
 * stored nothing and come to no barrier between. One lane of a warp is looked at: the first that loads.
 */
export class PollDetector {
  // By warp.
  #lane = new Uint8Array(0);
  #others = new Uint16Array(0);
  /** Loads that are known. */
  #count = new Uint8Array(0);
  // MOST_LOADS a warp.
  #instruction = new Int32Array(0);
  #address = new Float64Array(0);
  #step = new Float64Array(0);

  reserve(warps: number): void {
    const had = this.#count.length;
    if (warps <= had) return;
    const size = Math.max(warps, 2 * had, 64);
    this.#lane = grown(this.#lane, new Uint8Array(size));
    this.#others = grown(this.#others, new Uint16Array(size));
    this.#count = grown(this.#count, new Uint8Array(size));
    this.#instruction = grown(this.#instruction, new Int32Array(size * MOST_LOADS));
    this.#address = grown(this.#address, new Float64Array(size * MOST_LOADS));
    this.#step = grown(this.#step, new Float64Array(size * MOST_LOADS));
  }

  /** The warp has done something that polling is not. Result: whether it had loaded anything since the last time. */
  forget(warp: number): boolean {
    if (this.#count[warp] === 0) return false;
    this.#count[warp] = 0;
    return true;
  }

  /** A load that the scheduler sees. Result: the step at which the thread has made it first, NEW_LOAD or OTHER_LANE. */
  load(warp: number, lane: number, instruction: number, address: number, step: number): number {
    let count = this.#count[warp]!;
    if (count === 0) this.#lane[warp] = lane;
    else if (this.#lane[warp] !== lane) {
      if (++this.#others[warp]! <= PATIENCE) return OTHER_LANE;
      this.#lane[warp] = lane;
      count = 0;
    }
    this.#others[warp] = 0;
    const first = warp * MOST_LOADS;
    for (let at = first; at < first + count; at++) {
      if (this.#address[at] === address && this.#instruction[at] === instruction) return this.#step[at]!;
    }
    if (count === MOST_LOADS) count = 0;
    this.#instruction[first + count] = instruction;
    this.#address[first + count] = address;
    this.#step[first + count] = step;
    this.#count[warp] = count + 1;
    return NEW_LOAD;
  }
}
