/**
 * A seeded generator of 32-bit words, the same on every machine: a Weyl sequence through a mixing function.
 * Its state is one word.
 */
export class Random {
  /** One word: everything that it remembers. */
  state: number;

  /** Domain of `seed`: integers; it counts modulo 2^32. */
  constructor(seed: number) {
    this.state = seed | 0;
  }

  /** A uniform u32. */
  nextWord(): number {
    this.state = (this.state + 0x9e3779b9) | 0;
    let x = this.state;
    x = Math.imul(x ^ (x >>> 16), 0x21f0aaad);
    x = Math.imul(x ^ (x >>> 15), 0x735a2d97);
    return (x ^ (x >>> 15)) >>> 0;
  }

  /** A uniform integer from 0 to `bound - 1`. Domain: 1 <= bound <= 2^32. */
  nextBelow(bound: number): number {
    return Math.floor((this.nextWord() / 2 ** 32) * bound);
  }
}
