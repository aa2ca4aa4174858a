import type { ReadyView } from '../simt/for-engines.js';

/** The ready granules, by number, in the order in which they became ready: `simt/ready-set.ts` without objects. */
export class ReadyRing implements ReadyView {
  #ring = new Int32Array(64);
  #head = 0;
  size = 0;

  /** The granule that has been ready for longest but `index`. Domain: 0 <= index < size. */
  at(index: number): number {
    return this.#ring[(this.#head + index) & (this.#ring.length - 1)]!;
  }

  /** Removes and returns `at(index)`; unless that is the newest, the granule at the front takes its place. */
  take(index: number): number {
    const ring = this.#ring;
    const capacityMask = ring.length - 1;
    const position = (this.#head + index) & capacityMask;
    const granule = ring[position]!;
    this.size--;
    if (index !== this.size) {
      ring[position] = ring[this.#head]!;
      this.#head = (this.#head + 1) & capacityMask;
    }
    return granule;
  }

  /** Adds a granule at the back. */
  push(granule: number): void {
    if (this.size === this.#ring.length) this.#grow();
    this.#ring[(this.#head + this.size) & (this.#ring.length - 1)] = granule;
    this.size++;
  }

  /** All of them, in order. */
  toArray(): Int32Array {
    return Int32Array.from({ length: this.size }, (_, index) => this.at(index));
  }

  /** Goes back to what {@link toArray} gave. */
  reset(granules: Int32Array): void {
    let capacity = this.#ring.length;
    while (capacity < granules.length) capacity *= 2;
    this.#ring = new Int32Array(capacity);
    this.#ring.set(granules);
    this.#head = 0;
    this.size = granules.length;
  }

  #grow(): void {
    const all = this.toArray();
    const next = new Int32Array(all.length * 2);
    next.set(all);
    this.#ring = next;
    this.#head = 0;
  }
}
