import type { FastWarp } from './warp.js';

/** The warps that may go on, in the order in which they became ready. Like `ReadySet`, without granules. */
export class WarpQueue {
  #ring: (FastWarp | null)[] = new Array<null>(64).fill(null);
  #head = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** The warp that has been ready for longest but `index`. Domain: 0 <= index < size. */
  at(index: number): FastWarp {
    return this.#ring[(this.#head + index) & (this.#ring.length - 1)]!;
  }

  /** Removes and returns `at(index)`; unless that is the newest, the warp at the front takes its place. */
  take(index: number): FastWarp {
    const capacityMask = this.#ring.length - 1;
    const position = (this.#head + index) & capacityMask;
    const warp = this.#ring[position]!;
    this.#size--;
    if (index === this.#size) this.#ring[position] = null;
    else {
      this.#ring[position] = this.#ring[this.#head]!;
      this.#ring[this.#head] = null;
      this.#head = (this.#head + 1) & capacityMask;
    }
    return warp;
  }

  push(warp: FastWarp): void {
    if (this.#size === this.#ring.length) this.#grow();
    this.#ring[(this.#head + this.#size) & (this.#ring.length - 1)] = warp;
    this.#size++;
  }

  #grow(): void {
    const next = new Array<FastWarp | null>(this.#ring.length * 2).fill(null);
    for (let index = 0; index < this.#size; index++) next[index] = this.at(index);
    this.#ring = next;
    this.#head = 0;
  }
}
