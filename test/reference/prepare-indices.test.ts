import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { prepareIndicesCases } from '../../src/arbitraries/index.js';
import {
  type PrepareIndicesInput,
  type PrepareIndicesOutput,
  prepareIndicesReference,
} from '../../src/reference/index.js';
import { describeProperty } from './describe-property.js';

const i32 = (...values: number[]): Int32Array => Int32Array.from(values);

describe('index preparation, spelt out', () => {
  // Rank 0: token 0 goes to ranks 0 and 1, token 1 to rank 1 (named twice).
  // Rank 1: token 0 goes to rank 0 (-1 is no rank), token 1 to rank 0 (2 is no rank).
  const twoRanks = {
    epSize: 2,
    topK: 2,
    maxTokenCountPerRank: 2,
    gatheredTargetRankIds: i32(0, 1, /**/ 1, 1, /**/ 0, -1, /**/ 2, 0),
    realRankTokenCountCumSum: null,
  };

  test('two ranks, seen from rank 0', () => {
    expect(prepareIndicesReference({ ...twoRanks, epRank: 0 })).toEqual({
      sendRankCountCumSum: i32(1, 3),
      sendRankLocalIndices: i32(0, 0, 1, -1),
      backwardRecvRankLocalIndices: i32(0, 1, 2, -1),
      recvRankCountCumSum: i32(1, 3),
      recvRankLocalIndices: i32(0, 1, 2, -1),
      localGatherIndices: i32(0, 2, 3, -1),
    });
  });

  test('two ranks, seen from rank 1', () => {
    expect(prepareIndicesReference({ ...twoRanks, epRank: 1 })).toEqual({
      sendRankCountCumSum: i32(2, 2),
      sendRankLocalIndices: i32(0, 1, -1, -1),
      backwardRecvRankLocalIndices: i32(0, 3, -1, -1),
      recvRankCountCumSum: i32(2, 2),
      recvRankLocalIndices: i32(0, 1, -1, -1),
      localGatherIndices: i32(0, 1, -1, -1),
    });
  });

  test('real counts: rank 1 of 3 has no tokens, rank 2 has rows 1 and 2', () => {
    const input = { epSize: 3, epRank: 2, topK: 1, maxTokenCountPerRank: 2, gatheredTargetRankIds: i32(2, 0, 2) };
    expect(prepareIndicesReference({ ...input, realRankTokenCountCumSum: i32(1, 1, 3) })).toEqual({
      sendRankCountCumSum: i32(1, 1, 2),
      sendRankLocalIndices: i32(0, 1, -1, -1, -1, -1),
      backwardRecvRankLocalIndices: i32(0, 1, -1, -1, -1, -1),
      recvRankCountCumSum: i32(1, 1, 2),
      recvRankLocalIndices: i32(0, 1, -1, -1, -1, -1),
      localGatherIndices: i32(0, 2, -1, -1, -1, -1),
    });
  });

  test('more targets than ranks: the send side has room for every target', () => {
    const input = { epSize: 1, epRank: 0, topK: 3, maxTokenCountPerRank: 1, gatheredTargetRankIds: i32(-1, 0, 0) };
    expect(prepareIndicesReference({ ...input, realRankTokenCountCumSum: null })).toEqual({
      sendRankCountCumSum: i32(1),
      sendRankLocalIndices: i32(0, -1, -1),
      backwardRecvRankLocalIndices: i32(1, -1, -1),
      recvRankCountCumSum: i32(1),
      recvRankLocalIndices: i32(0),
      localGatherIndices: i32(0),
    });
  });

  test.each<{ why: string; change: Partial<PrepareIndicesInput>; message: RegExp }>([
    { why: 'too many ranks', change: { epSize: 1025 }, message: /epSize .* 1025/ },
    { why: 'a rank that does not exist', change: { epRank: 2 }, message: /epRank .* 2/ },
    { why: 'top-k above 32', change: { topK: 33 }, message: /topK .* 33/ },
    { why: 'no tokens a rank', change: { maxTokenCountPerRank: 0 }, message: /maxTokenCountPerRank .* 0/ },
    { why: 'a table of another shape', change: { gatheredTargetRankIds: i32(0) }, message: /8 elements, has 1/ },
    { why: 'falling sums', change: { realRankTokenCountCumSum: i32(2, 1) }, message: /\[1\] must be at least 2, is 1/ },
    { why: 'a count above the maximum', change: { realRankTokenCountCumSum: i32(0, 3) }, message: /rank 1 .* is 3/ },
    {
      why: 'more real tokens than rows',
      change: { realRankTokenCountCumSum: i32(1, 2), gatheredTargetRankIds: i32(0, 0) },
      message: /rows of gatheredTargetRankIds .* is 1/,
    },
  ])('refuses $why', ({ change, message }) => {
    const error = catchError(() => prepareIndicesReference({ ...twoRanks, epRank: 0, ...change }));
    expect(error).toBeInstanceOf(RangeError);
    expect(error.message).toMatch(message);
  });
});

type Implementation = typeof prepareIndicesReference;

const smallCases = prepareIndicesCases({ epSize: { max: 16 }, maxTableElements: 2048, maxOutputElements: 2048 });

// Bugs that a port could have, made out of the right implementation.
const withoutLastTarget: Implementation = (input) =>
  prepareIndicesReference({
    ...input,
    gatheredTargetRankIds: input.gatheredTargetRankIds.map((id, index) =>
      input.topK > 1 && index % input.topK === input.topK - 1 ? -1 : id,
    ),
  });
const negativeIdsWrap: Implementation = (input) =>
  prepareIndicesReference({
    ...input,
    gatheredTargetRankIds: input.gatheredTargetRankIds.map((id) => (id === -1 ? input.epSize - 1 : id)),
  });
const changed =
  (change: (output: PrepareIndicesOutput, input: PrepareIndicesInput) => Partial<PrepareIndicesOutput>) =>
  (input: PrepareIndicesInput): PrepareIndicesOutput => {
    const output = prepareIndicesReference(input);
    return { ...output, ...change(output, input) };
  };

describeProperty<Implementation>(
  'both ends of every link agree on its tokens',
  (implementation) =>
    fc.property(smallCases, (input) => {
      const outputs = Array.from({ length: input.epSize }, (_, epRank) => implementation({ ...input, epRank }));
      for (const [sender, { sendRankCountCumSum, sendRankLocalIndices }] of outputs.entries()) {
        for (const [receiver, { recvRankCountCumSum, localGatherIndices }] of outputs.entries()) {
          const sentTokens = slice(sendRankLocalIndices, sendRankCountCumSum, receiver);
          const receivedRows = slice(localGatherIndices, recvRankCountCumSum, sender);
          expect(receivedRows).toEqual(sentTokens.map((token) => firstRowOf(input, sender) + token));
        }
      }
    }),
  prepareIndicesReference,
  {
    'the gathered row forgets the real counts': changed(({ localGatherIndices, recvRankCountCumSum }, input) => ({
      localGatherIndices: localGatherIndices.map((row, index) => {
        if (row < 0 || input.realRankTokenCountCumSum === null) return row;
        const source = recvRankCountCumSum.findIndex((sum) => sum > index);
        return row - firstRowOf(input, source) + source * input.maxTokenCountPerRank;
      }),
    })),
    'the last received token of each rank is lost': changed(({ recvRankCountCumSum }) => ({
      recvRankCountCumSum: recvRankCountCumSum.map((sum) => Math.max(0, sum - 1)),
    })),
    'tokens are sent backwards': changed(({ sendRankLocalIndices, sendRankCountCumSum }, { epSize }) => ({
      sendRankLocalIndices: i32(
        ...Array.from({ length: epSize }, (_, rank) => [
          ...slice(sendRankLocalIndices, sendRankCountCumSum, rank).reverse(),
        ]).flat(),
      ),
    })),
  },
);

describeProperty<Implementation>(
  'the number of sent tokens is the number of different ranks among their targets',
  (implementation) =>
    fc.property(smallCases, (input) => {
      const { epSize, epRank, topK, gatheredTargetRankIds } = input;
      const { sendRankCountCumSum } = implementation(input);
      const firstRow = firstRowOf(input, epRank);
      let expected = 0;
      for (let row = firstRow; row < firstRowOf(input, epRank + 1); row++) {
        const targets = gatheredTargetRankIds.subarray(row * topK, (row + 1) * topK);
        expected += new Set(targets.filter((id) => id >= 0 && id < epSize)).size;
      }
      expect(sendRankCountCumSum[epSize - 1]).toBe(expected);
    }),
  prepareIndicesReference,
  {
    'the last target is not looked at': withoutLastTarget,
    'the id -1 means the last rank': negativeIdsWrap,
    'a target named twice counts twice': changed(({ sendRankCountCumSum }, { epSize, topK, gatheredTargetRankIds }) => {
      const first = gatheredTargetRankIds.subarray(0, topK);
      const twice = first.some((id, index) => id >= 0 && id < epSize && first.indexOf(id) !== index);
      return twice ? { sendRankCountCumSum: sendRankCountCumSum.map((sum) => sum + 1) } : {};
    }),
  },
);

describeProperty<Implementation>(
  'a backward index leads to the token, and to the first place that names the destination',
  (implementation) =>
    fc.property(smallCases, (input) => {
      const { epSize, topK, gatheredTargetRankIds } = input;
      const output = implementation(input);
      const targets = gatheredTargetRankIds.subarray(firstRowOf(input, input.epRank) * topK);
      for (let destination = 0; destination < epSize; destination++) {
        const tokens = slice(output.sendRankLocalIndices, output.sendRankCountCumSum, destination);
        const backward = slice(output.backwardRecvRankLocalIndices, output.sendRankCountCumSum, destination);
        expect(backward.map((place) => Math.floor(place / topK))).toEqual(tokens);
        for (const place of backward) {
          expect(targets[place]).toBe(destination);
          expect(targets.subarray(place - (place % topK), place)).not.toContain(destination);
        }
      }
    }),
  prepareIndicesReference,
  {
    'the last place instead of the first': (input) => {
      const { epRank, topK, gatheredTargetRankIds } = input;
      const output = prepareIndicesReference(input);
      const targets = gatheredTargetRankIds.subarray(firstRowOf(input, epRank) * topK);
      return {
        ...output,
        backwardRecvRankLocalIndices: output.backwardRecvRankLocalIndices.map((place) => {
          if (place < 0) return place;
          const token = Math.floor(place / topK);
          return token * topK + targets.subarray(token * topK, (token + 1) * topK).lastIndexOf(targets[place]!);
        }),
      };
    },
    'a row is as long as a rank count': changed(({ backwardRecvRankLocalIndices }, { topK, epSize }) => ({
      backwardRecvRankLocalIndices: backwardRecvRankLocalIndices.map((place) =>
        place < 0 ? place : Math.floor(place / topK) * epSize + (place % topK),
      ),
    })),
  },
);

describeProperty<Implementation>(
  'cumulative sums do not fall, and exactly what they count is written',
  (implementation) =>
    fc.property(smallCases, (input) => {
      const output = implementation(input);
      const { epSize } = input;
      for (const [sums, indices] of [
        [output.sendRankCountCumSum, output.sendRankLocalIndices],
        [output.sendRankCountCumSum, output.backwardRecvRankLocalIndices],
        [output.recvRankCountCumSum, output.recvRankLocalIndices],
        [output.recvRankCountCumSum, output.localGatherIndices],
      ] as const) {
        expect([...sums]).toEqual([...sums].sort((a, b) => a - b));
        expect(indices.findIndex((index) => index < 0)).toBe(
          sums[epSize - 1] === indices.length ? -1 : sums[epSize - 1],
        );
        expect(indices.subarray(sums[epSize - 1]).every((index) => index === -1)).toBe(true);
      }
      expect([...output.recvRankLocalIndices.subarray(0, output.recvRankCountCumSum[epSize - 1])]).toEqual([
        ...Array(output.recvRankCountCumSum[epSize - 1]).keys(),
      ]);
    }),
  prepareIndicesReference,
  {
    'counts instead of sums': changed(({ sendRankCountCumSum }) => ({
      sendRankCountCumSum: sendRankCountCumSum.map((sum, rank) => sum - (sendRankCountCumSum[rank - 1] ?? 0)),
    })),
    'the tail is 0': changed(({ localGatherIndices }) => ({
      localGatherIndices: localGatherIndices.map((row) => Math.max(0, row)),
    })),
  },
);

/** The part of `elements` that belongs to `rank` by inclusive cumulative sums. */
function slice(elements: Int32Array, cumulativeSum: Int32Array, rank: number): Int32Array {
  return elements.slice(cumulativeSum[rank - 1] ?? 0, cumulativeSum[rank]);
}

/** The first gathered row of a rank; of epSize: the end of the last rank's rows. */
function firstRowOf({ maxTokenCountPerRank, realRankTokenCountCumSum }: PrepareIndicesInput, rank: number): number {
  if (realRankTokenCountCumSum === null) return rank * maxTokenCountPerRank;
  return rank === 0 ? 0 : realRankTokenCountCumSum[rank - 1]!;
}

function catchError(action: () => unknown): Error {
  try {
    action();
  } catch (error) {
    if (error instanceof Error) return error;
  }
  throw new Error('no error was thrown');
}
