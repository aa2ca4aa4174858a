import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { brev, clz, divI32, ffs, i32, i64, mulI32, popc, remI32, u32, u64 } from '../../src/simt/index.js';
import { describeProperty } from '../reference/describe-property.js';

/** Words near the ends, near powers of two, and any. */
const words = fc.oneof(
  fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
  fc.constantFrom(0, 1, -1, 2 ** 31 - 1, -(2 ** 31), 0x55555555, 0x0f0f0f0f, 0x00ff00ff, 0xffff),
  fc.integer({ min: 0, max: 31 }).map((bit) => (1 << bit) | 0),
  fc.integer({ min: 0, max: 31 }).map((bit) => ((1 << bit) - 1) | 0),
);
/** The same words as signed or unsigned numbers: bit helpers take both. */
const signlessWords = fc.tuple(words, fc.boolean()).map(([word, unsigned]) => (unsigned ? word >>> 0 : word));

const signed = (value: bigint): number => Number(BigInt.asIntN(32, value));
const bitsOf = (word: number): string => BigInt.asUintN(32, BigInt(word)).toString(2).padStart(32, '0');

type Unary = (word: number) => number;
type Binary = (a: number, b: number) => number;
const equals =
  (oracle: Unary) =>
  (helper: Unary): fc.IProperty<unknown> =>
    fc.property(signlessWords, (word) => helper(word) === oracle(word));
const equals2 =
  (oracle: Binary, domain = words) =>
  (helper: Binary): fc.IProperty<unknown> =>
    fc.property(words, domain, (a, b) => Object.is(helper(a, b), oracle(a, b)));
const nonZero = words.filter((word) => word !== 0);

describeProperty(
  'mulI32',
  equals2((a, b) => signed(BigInt(a) * BigInt(b))),
  mulI32,
  { 'a product of doubles': (a, b) => (a * b) | 0 },
);
describeProperty(
  'divI32',
  equals2((a, b) => signed(BigInt(a) / BigInt(b)), nonZero),
  divI32,
  { floors: (a, b) => Math.floor(a / b) | 0, 'does not wrap': (a, b) => Math.trunc(a / b) },
);
describeProperty(
  'remI32',
  equals2((a, b) => signed(BigInt(a) % BigInt(b)), nonZero),
  remI32,
  { 'has the sign of b': (a, b) => (((a % b) + b) % b) | 0, 'negative zero': (a, b) => a % b },
);
describeProperty(
  'popc',
  equals((word) => bitsOf(word).replaceAll('0', '').length),
  popc,
  {
    'forgets the sign bit': (word) => popc(word & 0x7fffffff),
  },
);
describeProperty(
  'clz',
  equals((word) => `${bitsOf(word)}1`.indexOf('1')),
  clz,
  {
    'from the low end': (word) => clz(brev(word)),
  },
);
describeProperty(
  'ffs',
  equals((word) => (word === 0 ? 0 : 32 - bitsOf(word).lastIndexOf('1'))),
  ffs,
  {
    'counts from 0': (word) => ffs(word) - 1,
  },
);
describeProperty(
  'brev',
  equals((word) => Number.parseInt([...bitsOf(word)].reverse().join(''), 2)),
  brev,
  {
    signed: (word) => brev(word) | 0,
    bytes: (word) => ((word & 0xff) << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24),
  },
);

describe('wrapping', () => {
  const safe = fc.maxSafeInteger();
  const wide = fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n });
  const modulo = (value: bigint, bits: bigint) => ((value % (1n << bits)) + (1n << bits)) % (1n << bits);

  test('i32 and u32 are modulo 2^32', () => {
    const property = fc.property(safe, (value) => {
      const unsigned = modulo(BigInt(value), 32n);
      expect(u32(value)).toBe(Number(unsigned));
      expect(i32(value)).toBe(Number(unsigned < 2n ** 31n ? unsigned : unsigned - 2n ** 32n));
    });
    fc.assert(property, { numRuns: 300 });
  });

  test('i64 and u64 are modulo 2^64', () => {
    const property = fc.property(wide, (value) => {
      const unsigned = modulo(value, 64n);
      expect(u64(value)).toBe(unsigned);
      expect(i64(value)).toBe(unsigned < 2n ** 63n ? unsigned : unsigned - 2n ** 64n);
    });
    fc.assert(property, { numRuns: 300 });
  });
});

test.each([
  { name: 'divI32(-2^31, -1)', got: divI32(-(2 ** 31), -1), want: -(2 ** 31), why: 'the quotient wraps' },
  { name: 'remI32(-2^31, -1)', got: remI32(-(2 ** 31), -1), want: 0, why: 'zero, not negative zero' },
  { name: 'divI32(-7, 2)', got: divI32(-7, 2), want: -3, why: 'towards zero' },
  { name: 'remI32(-7, 2)', got: remI32(-7, 2), want: -1, why: 'the sign of the dividend' },
  { name: 'popc(-1)', got: popc(-1), want: 32, why: 'every bit' },
  { name: 'popc(2^32 - 1)', got: popc(0xffffffff), want: 32, why: 'the same word, unsigned' },
  { name: 'clz(0)', got: clz(0), want: 32, why: 'CUDA: 32 for 0' },
  { name: 'ffs(0)', got: ffs(0), want: 0, why: 'CUDA: 0 for 0' },
  { name: 'ffs(2^31)', got: ffs(2 ** 31), want: 32, why: 'the sign bit is the 32nd' },
  { name: 'brev(1)', got: brev(1), want: 2 ** 31, why: 'unsigned' },
])('$name = $want: $why', ({ got, want }) => expect(got).toBe(want));

test.each([
  ['division', () => divI32(1, 0), 'int division 1 / 0'],
  ['remainder', () => remI32(-5, 0), 'int remainder -5 % 0'],
])('%s by zero is refused', (_, divide, sentence) => {
  expect(divide).toThrow(RangeError);
  expect(divide).toThrow(sentence);
});
