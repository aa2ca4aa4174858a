import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type F32, f32, scalarBytes } from '../../src/simt/index.js';
import { describeProperty } from '../reference/describe-property.js';

test.each([
  { value: 0, bits: 0x00000000, why: 'zero' },
  { value: -0, bits: 0x80000000, why: 'negative zero keeps its sign' },
  { value: 1, bits: 0x3f800000, why: 'one' },
  { value: 0.1, bits: 0x3dcccccd, why: 'rounds up' },
  { value: 16777217, bits: 0x4b800000, why: 'a tie goes to even' },
  { value: 2 ** -149, bits: 0x00000001, why: 'the smallest subnormal is not flushed' },
  { value: 2 ** -150, bits: 0x00000000, why: 'half of it is a tie to zero' },
  { value: 3.4028234663852886e38, bits: 0x7f7fffff, why: 'the largest finite' },
  { value: 3.4028235677973366e38, bits: 0x7f800000, why: 'half a unit above overflows' },
  { value: Number.NEGATIVE_INFINITY, bits: 0xff800000, why: 'infinity' },
  { value: Number.NaN, bits: 0x7fffffff, why: 'the NaN of the device' },
])('f32($value): $why', ({ value, bits }) => expect(f32(value)).toBe(bits));

/** IEEE 754 by hand: the sign, the exponent and the significand rounded to nearest, ties to even. Domain: finite. */
function binary32(value: number): number {
  const sign = value < 0 || Object.is(value, -0) ? 2 ** 31 : 0;
  const magnitude = Math.abs(value);
  if (magnitude === 0) return sign;
  let exponent = -126;
  while (magnitude >= 2 ** (exponent + 1)) exponent++;
  const scaled = magnitude * 2 ** (23 - exponent);
  const floor = Math.floor(scaled);
  const rest = scaled - floor;
  const significand = floor + (rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? 1 : 0);
  // A carry out of the significand goes to the exponent by itself; so do subnormals.
  return Math.min(sign + (exponent + 126) * 2 ** 23 + significand, sign + 0x7f800000);
}

describeProperty<(value: number) => number>(
  'f32 of finite numbers',
  (convert) =>
    fc.property(
      fc.oneof(
        fc.float({ noNaN: true, noDefaultInfinity: true }),
        fc.double({ noNaN: true, min: -1e39, max: 1e39 }),
        fc.double({ noNaN: true, min: -1e-37, max: 1e-37 }),
        fc.constantFrom(0, -0),
      ),
      (value) => convert(value) === binary32(value),
    ),
  f32,
  {
    'drops the sign of zero': (value) => f32(value + 0),
    'flushes subnormals': (value) => (Math.abs(value) < 2 ** -126 ? 0 : f32(value)),
  },
);

test('the type of a value is the brand of its bits', () => {
  const bits: F32 = f32(1.5);
  expect(bits).toBe(0x3fc00000);
});

test.each([
  ['i8', 1],
  ['u8', 1],
  ['i16', 2],
  ['u16', 2],
  ['i32', 4],
  ['u32', 4],
  ['f32', 4],
  ['i64', 8],
  ['u64', 8],
] as const)('sizeof(%s) = %i', (type, bytes) => expect(scalarBytes(type)).toBe(bytes));
