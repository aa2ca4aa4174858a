/**
 * Integer operations whose result C++ leaves undefined or has no operator for, as PTX and CUDA's intrinsics define them.
 * 32-bit words are `number`s, taken modulo 2^32; 64-bit words are `bigint`s, taken modulo 2^64. Unsigned unless said.
 * Source: PTX ISA, "shl", "shr", "mul.hi"; CUDA Math API, "Integer Intrinsics".
 */

/** `shl.b32`: `word` shifted left; a count above 31 shifts everything out. Domain of `count`: u32. */
export const shlB32 = (word: number, count: number): number => (count > 31 ? 0 : (word << count) >>> 0);

/** `shr.u32`: `word` shifted right, zeros come in; a count above 31 gives 0. Domain of `count`: u32. */
export const shrU32 = (word: number, count: number): number => (count > 31 ? 0 : word >>> count);

/** `shr.s32`: `word` shifted right, signed; a count above 31 counts as 31. Domain of `count`: u32. */
export const shrS32 = (word: number, count: number): number => word >> Math.min(count, 31);

/** `shl.b64`: `word` shifted left; a count above 63 shifts everything out. Domain of `count`: u32. */
export const shlB64 = (word: bigint, count: number): bigint =>
  count > 63 ? 0n : BigInt.asUintN(64, word << BigInt(count));

/** `shr.u64`: `word` shifted right, zeros come in; a count above 63 gives 0. Domain of `count`: u32. */
export const shrU64 = (word: bigint, count: number): bigint =>
  count > 63 ? 0n : BigInt.asUintN(64, word) >> BigInt(count);

/** `shr.s64`: `word` shifted right, signed; a count above 63 counts as 63. Domain of `count`: u32. */
export const shrS64 = (word: bigint, count: number): bigint => BigInt.asIntN(64, word) >> BigInt(Math.min(count, 63));

/** `__popcll`: number of set bits of a 64-bit word. */
export function popcll(word: bigint): number {
  let count = 0;
  for (let rest = BigInt.asUintN(64, word); rest !== 0n; rest &= rest - 1n) count++;
  return count;
}

/** `__clzll`: leading zeros of a 64-bit word, 64 for 0. */
export function clzll(word: bigint): number {
  const high = Math.clz32(Number(BigInt.asUintN(64, word) >> 32n));
  return high < 32 ? high : 32 + Math.clz32(Number(BigInt.asUintN(32, word)));
}

/** `__ffsll`: position of the least significant set bit of a 64-bit word counted from 1; 0 for 0. */
export function ffsll(word: bigint): number {
  const bits = BigInt.asUintN(64, word);
  return bits === 0n ? 0 : 64 - clzll(bits & -bits);
}

/** `__brevll`: the bits of a 64-bit word in reverse order. */
export function brevll(word: bigint): bigint {
  let reversed = 0n;
  for (let bit = 0n; bit < 64n; bit++) reversed = (reversed << 1n) | ((word >> bit) & 1n);
  return reversed;
}

/** `__umulhi`: bits 32 to 63 of the product of two unsigned 32-bit words. */
export const umulhi = (a: number, b: number): number => Number((BigInt(a >>> 0) * BigInt(b >>> 0)) >> 32n);

/** `__mulhi`: bits 32 to 63 of the product of two signed 32-bit words, signed. */
export const mulhi = (a: number, b: number): number => Number((BigInt(a | 0) * BigInt(b | 0)) >> 32n);

/** `__umul64hi`: bits 64 to 127 of the product of two unsigned 64-bit words. */
export const umul64hi = (a: bigint, b: bigint): bigint => (BigInt.asUintN(64, a) * BigInt.asUintN(64, b)) >> 64n;

/** `__mul64hi`: bits 64 to 127 of the product of two signed 64-bit words, signed. */
export const mul64hi = (a: bigint, b: bigint): bigint => (BigInt.asIntN(64, a) * BigInt.asIntN(64, b)) >> 64n;
