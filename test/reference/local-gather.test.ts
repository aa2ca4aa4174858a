import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { localGatherCases } from '../../src/arbitraries/index.js';
import { type LocalGatherInput, localGatherReference } from '../../src/reference/index.js';
import { describeProperty } from './describe-property.js';

const i32 = (...values: number[]): Int32Array => Int32Array.from(values);

describe('local gather, spelt out', () => {
  const SIGNALLING_NAN = 0x7f800001;
  const MINUS_ZERO = 0x80000000 | 0;
  const input = {
    epSize: 2,
    topK: 2,
    expertCount: 9,
    recvRankCumSum: i32(1, 2),
    localGatherIndices: i32(2, 0, -1),
    gatheredExpertIds: i32(10, 11, 20, 21, 30, 31),
    gatheredScalesBits: i32(1, SIGNALLING_NAN, 2, 3, MINUS_ZERO, 4),
  };

  test('received rows in the order of their indices, then rows without a token', () => {
    expect(localGatherReference(input)).toEqual({
      localExpertIds: i32(30, 31, 10, 11, 9, 9),
      localScalesBits: i32(MINUS_ZERO, 4, 1, SIGNALLING_NAN, 0, 0),
    });
  });

  test('nothing received', () => {
    expect(localGatherReference({ ...input, recvRankCumSum: i32(0, 0) })).toEqual({
      localExpertIds: i32(9, 9, 9, 9, 9, 9),
      localScalesBits: i32(0, 0, 0, 0, 0, 0),
    });
  });

  test.each<{ why: string; change: Partial<LocalGatherInput> }>([
    { why: 'a row that does not exist', change: { localGatherIndices: i32(3, 0, -1) } },
    { why: 'the row -1 among the received ones', change: { recvRankCumSum: i32(1, 3) } },
    { why: 'more tokens than rows', change: { recvRankCumSum: i32(1, 4) } },
    { why: 'fewer scales than expert ids', change: { gatheredScalesBits: i32(1, 2) } },
    { why: 'fewer experts than top-k', change: { expertCount: 1 } },
  ])('refuses $why', ({ change }) => {
    expect(() => localGatherReference({ ...input, ...change })).toThrow(RangeError);
  });
});

type Implementation = typeof localGatherReference;

const smallCases = localGatherCases({ epSize: { max: 16 }, maxTableElements: 1024 });

describeProperty<Implementation>(
  'it does not matter where in the gathered tables a row lies',
  (implementation) =>
    fc.property(smallCases, (input) => {
      const { topK, localGatherIndices } = input;
      const lastRow = input.gatheredExpertIds.length / topK - 1;
      const mirrored = (table: Int32Array): Int32Array =>
        table.map((_, index) => table[(lastRow - Math.floor(index / topK)) * topK + (index % topK)]!);
      expect(
        implementation({
          ...input,
          localGatherIndices: localGatherIndices.map((row) => (row < 0 ? row : lastRow - row)),
          gatheredExpertIds: mirrored(input.gatheredExpertIds),
          gatheredScalesBits: mirrored(input.gatheredScalesBits),
        }),
      ).toEqual(implementation(input));
    }),
  localGatherReference,
  {
    'the row number instead of the gathered row': (input) =>
      localGatherReference({ ...input, localGatherIndices: input.localGatherIndices.map((_, row) => row) }),
  },
);

describeProperty<Implementation>(
  'every received element keeps its bits, and every other row says that it has no token',
  (implementation) =>
    fc.property(smallCases, ({ epSize, topK, expertCount, recvRankCumSum, ...rest }) => {
      // Expert ids and scales are given numbers of their own, so that each element tells where it comes from.
      const gatheredExpertIds = rest.gatheredExpertIds.map((_, index) => index);
      const gatheredScalesBits = rest.gatheredScalesBits.map((bits, index) => (bits & 0xff800000) | (index + 1));
      const input = { epSize, topK, expertCount, recvRankCumSum, ...rest, gatheredExpertIds, gatheredScalesBits };
      const { localExpertIds, localScalesBits } = implementation(input);
      const received = recvRankCumSum[epSize - 1]! * topK;
      localExpertIds.subarray(0, received).forEach((origin, index) => {
        expect(origin % topK).toBe(index % topK);
        expect(localScalesBits[index]).toBe(gatheredScalesBits[origin]);
      });
      expect(new Set(localExpertIds.subarray(0, received)).size).toBe(received);
      expect(localExpertIds.subarray(received).every((id) => id === expertCount)).toBe(true);
      expect(localScalesBits.subarray(received).every((bits) => bits === 0)).toBe(true);
    }),
  localGatherReference,
  {
    'NaNs lose their payload': (input) => {
      const output = localGatherReference(input);
      const isNan = (bits: number): boolean => (bits & 0x7fffffff) > 0x7f800000;
      return {
        ...output,
        localScalesBits: output.localScalesBits.map((bits) => (isNan(bits) ? 0x7fc00000 : bits)),
      };
    },
    'the first row beyond the received ones is read': (input) =>
      localGatherReference({
        ...input,
        recvRankCumSum: input.recvRankCumSum.map((sum) => Math.min(sum + 1, input.localGatherIndices.length)),
        localGatherIndices: input.localGatherIndices.map((row) => Math.max(0, row)),
      }),
    'every element of a row is the first': (input) => {
      const output = localGatherReference(input);
      const first = (_: number, index: number, array: Int32Array): number => array[index - (index % input.topK)]!;
      return { ...output, localExpertIds: output.localExpertIds.map(first) };
    },
  },
);
