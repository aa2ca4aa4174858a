import type { Block } from './block.js';
import { Granule } from './granule.js';
import { WARP_SIZE } from './thread.js';

/**
 * The granules that have a lane that may go on, in the order in which they became ready: a ring of growing capacity.
 * A scheduler sees `size` and `at`; only the machine takes and adds.
 */
export class ReadySet {
  #ring: (Granule | null)[] = new Array<null>(64).fill(null);
  #head = 0;
  #size = 0;
  #nextId = 0;

  /** Number of ready granules. */
  get size(): number {
    return this.#size;
  }

  /** The granule that has been ready for longest but `index`. Domain: 0 <= index < size. */
  at(index: number): Granule {
    return this.#ring[(this.#head + index) & (this.#ring.length - 1)]!;
  }

  /** Removes and returns `at(index)`; unless that is the newest, the granule at the front takes its place. */
  take(index: number): Granule {
    const capacityMask = this.#ring.length - 1;
    const position = (this.#head + index) & capacityMask;
    const granule = this.#ring[position]!;
    this.#size--;
    // Taking the newest again and again must not turn the others round: who has waited longest stays at the front.
    if (index === this.#size) this.#ring[position] = null;
    else {
      this.#ring[position] = this.#ring[this.#head]!;
      this.#ring[this.#head] = null;
      this.#head = (this.#head + 1) & capacityMask;
    }
    granule.queued = false;
    return granule;
  }

  /** Lanes of `granule` may go on. */
  makeReady(granule: Granule, lanes: number): void {
    granule.readyLanes |= lanes;
    if (!granule.queued && !granule.stepping) this.push(granule);
  }

  /** Adds a granule at the back. */
  push(granule: Granule): void {
    if (this.#size === this.#ring.length) this.#grow();
    this.#ring[(this.#head + this.#size) & (this.#ring.length - 1)] = granule;
    this.#size++;
    granule.queued = true;
  }

  /** Creates the granules of a new block, all lanes ready. `granuleShift` is log2 of the lanes a granule. */
  addGranules(block: Block, threadCount: number, granuleShift: number): Granule[] {
    const lanes = 1 << granuleShift;
    const granules: Granule[] = [];
    for (let rank = 0; rank < threadCount; rank += lanes) {
      const count = Math.min(lanes, threadCount - rank);
      const firstLane = rank % WARP_SIZE;
      const readyLanes = count === WARP_SIZE ? -1 : ((1 << count) - 1) << firstLane;
      const granule = new Granule(this.#nextId++, block, block.warps[rank >>> 5]!, readyLanes);
      granules.push(granule);
      this.push(granule);
    }
    return granules;
  }

  #grow(): void {
    const old = this.#ring;
    const next = new Array<Granule | null>(old.length * 2).fill(null);
    for (let index = 0; index < this.#size; index++) next[index] = this.at(index);
    this.#ring = next;
    this.#head = 0;
  }
}
