/**
 * Integer arithmetic as the device does it. 32-bit words are `number`s, 64-bit words `bigint`s.
 * Source: CUDA C++ Programming Guide, integer intrinsics; C++ conversion rules for `int`.
 */

/** `x` modulo 2^32 as a signed word. Domain: integers of magnitude below 2^53. */
export const i32 = (x: number): number => x | 0;

/** `x` modulo 2^32 as an unsigned word. Domain: integers of magnitude below 2^53. */
export const u32 = (x: number): number => x >>> 0;

/** `x` modulo 2^64, unsigned. */
export const u64 = (x: bigint): bigint => BigInt.asUintN(64, x);

/** `x` modulo 2^64, signed. */
export const i64 = (x: bigint): bigint => BigInt.asIntN(64, x);

/** `a * b` modulo 2^32, signed: an `int` product. */
export const mulI32 = Math.imul;

/**
 * `a / b` of two `int`s, truncated towards zero.
 * @throws RangeError if `b` is 0: the device's result is undefined.
 */
export function divI32(a: number, b: number): number {
  if (b === 0) throw new RangeError(`int division ${a} / 0: the device's result is undefined`);
  return (a / b) | 0;
}

/**
 * `a % b` of two `int`s, with the sign of `a`.
 * @throws RangeError if `b` is 0: the device's result is undefined.
 */
export function remI32(a: number, b: number): number {
  if (b === 0) throw new RangeError(`int remainder ${a} % 0: the device's result is undefined`);
  return (a % b) | 0;
}

/** `__popc`: number of set bits of a 32-bit word. */
export function popc(word: number): number {
  let x = word | 0;
  x -= (x >>> 1) & 0x55555555;
  x = (x & 0x33333333) + ((x >>> 2) & 0x33333333);
  x = (x + (x >>> 4)) & 0x0f0f0f0f;
  return Math.imul(x, 0x01010101) >>> 24;
}

/** `__clz`: leading zeros of a 32-bit word, 32 for 0. */
export const clz = Math.clz32;

/** `__ffs`: position of the least significant set bit counted from 1; 0 for 0. */
export const ffs = (word: number): number => (word === 0 ? 0 : 32 - Math.clz32(word & -word));

/** `__brev`: the bits of a 32-bit word in reverse order, unsigned. */
export function brev(word: number): number {
  let x = word | 0;
  x = ((x >>> 1) & 0x55555555) | ((x & 0x55555555) << 1);
  x = ((x >>> 2) & 0x33333333) | ((x & 0x33333333) << 2);
  x = ((x >>> 4) & 0x0f0f0f0f) | ((x & 0x0f0f0f0f) << 4);
  x = ((x >>> 8) & 0x00ff00ff) | ((x & 0x00ff00ff) << 8);
  return ((x >>> 16) | (x << 16)) >>> 0;
}
