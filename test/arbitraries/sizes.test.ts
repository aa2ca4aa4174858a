import { describe, expect, test } from 'vitest';
import {
  fifoShapes,
  float32Bits,
  originalFifo,
  rankCounts,
  strides,
  topKs,
  vectorSizes,
} from '../../src/arbitraries/index.js';
import { ORIGINAL_FIFO } from '../../src/reference/index.js';
import { samples } from './samples.js';

describe('rank counts', () => {
  test('every edge comes up in 2000 values, and most values are small', () => {
    const values = samples(rankCounts(), 2000);
    const edges = [1, 2, 7, 8, 9, 16, 17, 32, 33, 64, 65, 72, 128, 129, 256, 512, 513, 1024];
    expect(edges.filter((edge) => !values.includes(edge))).toEqual([]);
    expect(values.every((value) => Number.isInteger(value) && value >= 1 && value <= 1024)).toBe(true);
    expect(values.filter((value) => value <= 9).length).toBeGreaterThan(1000);
  });

  test('a range narrows them', () => {
    const values = samples(rankCounts({ min: 5, max: 40 }), 300);
    expect([Math.min(...values), Math.max(...values)]).toEqual([5, 40]);
  });

  test.each([{ min: 0 }, { max: 1025 }, { min: 9, max: 8 }, { min: 1.5 }])('refuses %o', (range) => {
    expect(() => rankCounts(range)).toThrow(RangeError);
  });
});

describe('top-k', () => {
  test('both sides of every tile size come up in 500 values', () => {
    const values = samples(topKs(), 500);
    expect([1, 2, 3, 4, 5, 8, 9, 16, 17, 32].filter((edge) => !values.includes(edge))).toEqual([]);
    expect(values.every((value) => Number.isInteger(value) && value >= 1 && value <= 32)).toBe(true);
  });

  test('refuses top-k 33', () => {
    expect(() => topKs({ max: 33 })).toThrow(RangeError);
  });
});

describe('vector sizes', () => {
  test('both sides of every number of packets come up in 20000 values', () => {
    const values = new Set(samples(vectorSizes(), 20_000));
    const edges = Array.from({ length: 128 }, (_, index) => (index + 1) * 1920).flatMap((bytes) => [
      bytes - 16,
      bytes,
      ...(bytes < 128 * 1920 ? [bytes + 16] : []),
    ]);
    expect(edges.filter((edge) => !values.has(edge))).toEqual([]);
    expect([...values].every((bytes) => bytes % 16 === 0 && bytes >= 16 && bytes <= 128 * 1920)).toBe(true);
    expect(values.has(16)).toBe(true);
  });

  test('bounds narrow them', () => {
    const values = samples(vectorSizes({ minBytes: 1920, maxBytes: 3840 }), 300);
    expect([Math.min(...values), Math.max(...values)]).toEqual([1920, 3840]);
  });

  test('other packets have other edges', () => {
    const values = samples(vectorSizes({ maxBytes: 960, packetPayloadBytes: 480 }), 300);
    expect([464, 480, 496].filter((edge) => !values.includes(edge))).toEqual([]);
  });
});

describe('strides', () => {
  test('are multiples of 16 from the vector size on, most of them without a gap', () => {
    const values = samples(strides({ vectorBytes: 1904, maxPaddingBytes: 128 }), 300);
    expect(values.every((stride) => stride % 16 === 0 && stride >= 1904 && stride <= 1904 + 128)).toBe(true);
    expect(values.filter((stride) => stride === 1904).length).toBeGreaterThan(150);
    expect(new Set(values).size).toBe(9);
  });

  test('refuses a vector size that is no multiple of 16', () => {
    expect(() => strides({ vectorBytes: 24 })).toThrow(RangeError);
  });
});

describe('FIFO shapes', () => {
  test("the original's is the reference's", () => {
    expect(originalFifo).toEqual(ORIGINAL_FIFO);
  });

  test('from one entry of one packet up to the original', () => {
    const values = samples(fifoShapes(), 1000);
    expect(values).toContainEqual({ ...originalFifo, depth: 1, entryBytes: 2048 });
    expect(values).toContainEqual(originalFifo);
  });

  test('ranges narrow them', () => {
    const values = samples(fifoShapes({ depth: { min: 2, max: 2 }, packetsPerEntry: { max: 3 } }), 200);
    expect(new Set(values.map(({ depth }) => depth))).toEqual(new Set([2]));
    expect(new Set(values.map(({ entryBytes }) => entryBytes / 2048))).toEqual(new Set([1, 2, 3]));
    expect(() => fifoShapes({ depth: { min: 0 } })).toThrow(RangeError);
  });
});

describe('f32 bits', () => {
  const values = samples(float32Bits(), 2000);
  const exponent = (bits: number): number => (bits >>> 23) & 0xff;
  const mantissa = (bits: number): number => bits & 0x7fffff;

  test.each<{ what: string; isOne: (bits: number) => boolean }>([
    { what: 'zero', isOne: (bits) => bits === 0 },
    { what: 'minus zero', isOne: (bits) => bits === -(2 ** 31) },
    { what: 'infinity', isOne: (bits) => bits === 0x7f800000 },
    { what: 'minus infinity', isOne: (bits) => bits >>> 0 === 0xff800000 },
    { what: 'a subnormal', isOne: (bits) => exponent(bits) === 0 && mantissa(bits) !== 0 },
    { what: 'a normal value', isOne: (bits) => exponent(bits) > 0 && exponent(bits) < 255 },
    { what: 'a quiet NaN with a payload', isOne: (bits) => exponent(bits) === 255 && mantissa(bits) > 0x400000 },
    {
      what: 'a signalling NaN',
      isOne: (bits) => exponent(bits) === 255 && mantissa(bits) > 0 && mantissa(bits) < 0x400000,
    },
  ])('$what comes up', ({ isOne }) => {
    expect(values.some(isOne)).toBe(true);
  });

  test('are i32', () => {
    expect(values.every((bits) => bits === (bits | 0))).toBe(true);
  });
});
