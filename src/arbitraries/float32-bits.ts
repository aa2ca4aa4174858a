import fc from 'fast-check';
import { edgeBiasedIntegers } from './numbers.js';
import { below, hash32 } from './seeded.js';

/** Bits, without the sign, of f32 values that careless code changes. */
const SPECIAL_MAGNITUDES: readonly number[] = [
  0x00000000, // 0
  0x00000001, // the smallest subnormal
  0x007fffff, // the largest subnormal
  0x00800000, // the smallest normal
  0x3f800000, // 1
  0x7f7fffff, // the largest finite
  0x7f800000, // infinity
  0x7f800001, // a signalling NaN, the smallest payload
  0x7fbfffff, // a signalling NaN, the largest payload
  0x7fc00000, // the canonical quiet NaN
  0x7fc0babe, // a quiet NaN with a payload
  0x7fffffff, // a quiet NaN, the largest payload
];
const MAX_MAGNITUDE = 0x7fffffff;
const SIGN = 1 << 31;

/**
 * Bit patterns of f32 as i32: zeros of both signs, subnormals, infinities, NaNs of every kind with payloads, and any
 * other. Shrinks towards +0.
 */
export function float32Bits(): fc.Arbitrary<number> {
  const special = { edges: SPECIAL_MAGNITUDES, smallDistance: MAX_MAGNITUDE };
  return fc
    .record({ negative: fc.boolean(), magnitude: edgeBiasedIntegers({ min: 0, max: MAX_MAGNITUDE, ...special }) })
    .map(({ negative, magnitude }) => (negative ? magnitude | SIGN : magnitude));
}

/** `length` patterns from `seed`, about a quarter of them special. */
export function float32BitsFrom(length: number, seed: number): Int32Array {
  return Int32Array.from({ length }, (_, index) => {
    const bits = hash32(seed, index) | 0;
    if (bits % 4 !== 0) return bits;
    return SPECIAL_MAGNITUDES[below(SPECIAL_MAGNITUDES.length, seed, ~index)]! | (bits & SIGN);
  });
}
