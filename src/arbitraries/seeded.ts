/**
 * Bulk data from a seed: cheap to make again while a case shrinks, and the same on every machine.
 */

/**
 * A well-mixed u32 of `seed` and `index` (any integers; their low 32 bits count). Source: the finaliser of
 * MurmurHash3.
 */
export function hash32(seed: number, index: number): number {
  let hash = Math.imul(seed ^ Math.imul(index, 0x9e3779b1), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** An integer in 0..bound-1 from `seed` and `index`. Domain: `bound` in 1..2^32. */
export function below(bound: number, seed: number, index: number): number {
  return Math.floor((hash32(seed, index) / 2 ** 32) * bound);
}

/** `count` different integers in 0..bound-1 from `seed`, in no order. Domain: `count` <= `bound`. */
export function distinctBelow(bound: number, count: number, seed: number): readonly number[] {
  if (count === 0) return [];
  // Steps of a size that shares no factor with the bound visit every integer once.
  let step = 1 + below(bound, seed, 0);
  while (greatestCommonDivisor(step, bound) !== 1) step++;
  const start = below(bound, seed, 1);
  return Array.from({ length: count }, (_, index) => (start + index * step) % bound);
}

/** The integers 0..count-1 in an order from `seed`. */
export function shuffled(count: number, seed: number): readonly number[] {
  const order = Array.from({ length: count }, (_, index) => index);
  for (let last = count - 1; last > 0; last--) {
    const other = below(last + 1, seed, last);
    [order[last], order[other]] = [order[other]!, order[last]!];
  }
  return order;
}

/** `length` bytes from `seed`. */
export function bytesFrom(length: number, seed: number): Uint8Array {
  const words = new Uint32Array(Math.ceil(length / 4));
  // A xorshift of the last word: this is the bulk, and a hash a word would be its cost.
  let word = hash32(seed, length) | 1;
  for (let index = 0; index < words.length; index++) {
    word ^= word << 13;
    word ^= word >>> 17;
    word ^= word << 5;
    words[index] = word;
  }
  const bytes = new Uint8Array(words.buffer, 0, length);
  return bytes;
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
