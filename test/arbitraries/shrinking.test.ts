import { describe, expect, test } from 'vitest';
import {
  allToAllCases,
  countMatrices,
  expertPlacements,
  fifoShapes,
  float32Bits,
  localGatherCases,
  prepareIndicesCases,
  rankCounts,
  realTokenCounts,
  routingTables,
  schedules,
  strides,
  tokenCounts,
  vectorSizes,
} from '../../src/arbitraries/index.js';
import { allToAllReference, prepareIndicesReference } from '../../src/reference/index.js';
import { minimalFailures } from './samples.js';

// Each test plants a condition that fails, and expects that every failure found shrinks to the one minimal value.

describe('numbers shrink to the limit', () => {
  test('rank counts', () => {
    expect(minimalFailures(rankCounts(), (count) => count < 100)).toEqual(['100']);
  });

  test('vector sizes', () => {
    expect(minimalFailures(vectorSizes(), (bytes) => bytes <= 2 * 1920)).toEqual(['3856']);
  });

  test('strides', () => {
    expect(minimalFailures(strides({ vectorBytes: 32 }), (stride) => stride < 100)).toEqual(['112']);
  });

  test('f32 bits: the NaN with the smallest payload, without a sign', () => {
    const isNan = (bits: number): boolean => (bits & 0x7fffffff) > 0x7f800000;
    expect(minimalFailures(float32Bits(), (bits) => !isNan(bits))).toEqual([String(0x7f800001)]);
  });

  test('schedules', () => {
    expect(minimalFailures(schedules(), () => false)).toEqual(['"rr"']);
    const holds = (token: string): boolean => !(token.includes('granule=8') && token.includes('order'));
    expect(minimalFailures(schedules(), holds)).toEqual(['"rr,granule=8,order=linear"']);
  });
});

describe('tables shrink to the elements that matter', () => {
  test('token counts: one rank', () => {
    expect(minimalFailures(tokenCounts(), (counts) => !counts.some((count) => count >= 5))).toEqual(['[5]']);
    expect(minimalFailures(realTokenCounts(), (sums) => sums.length < 2)).toEqual(['Int32Array.from([0,0])']);
  });

  test('expert placements: two experts on one rank', () => {
    const holds = ({ ranksOfExpert }: { readonly ranksOfExpert: readonly (readonly number[])[] }): boolean =>
      new Set(ranksOfExpert.flat()).size === ranksOfExpert.flat().length;
    expect(minimalFailures(expertPlacements(), holds)).toEqual([
      '{"kind":"contiguous","epSize":1,"ranksOfExpert":[[0],[0]]}',
    ]);
  });

  test('routing tables: one token', () => {
    expect(minimalFailures(routingTables(), ({ targetRankIds }) => !targetRankIds.includes(3))).toEqual([
      'routing table: epSize 1, topK 1, tokenCount 1, target rank ids [3]',
    ]);
  });

  test('count matrices: two links of three ranks', () => {
    const holds = ({ epSize, counts }: { readonly epSize: number; readonly counts: Int32Array }): boolean =>
      !(epSize >= 3 && counts[1]! > 0 && counts[epSize + 2]! > 0);
    expect(minimalFailures(countMatrices(), holds)).toEqual(['counts of 3 ranks by sender: [0,1,0] [0,0,1] [0,0,0]']);
  });
});

describe('cases shrink to a few tokens', () => {
  test('index preparation: a token that names a rank twice', () => {
    const countsTwice = minimalFailures(prepareIndicesCases(), (input) => {
      const { epSize, epRank, topK, maxTokenCountPerRank, gatheredTargetRankIds, realRankTokenCountCumSum } = input;
      const sums =
        realRankTokenCountCumSum ?? Int32Array.from({ length: epSize }, (_, r) => (r + 1) * maxTokenCountPerRank);
      const own = gatheredTargetRankIds.subarray((sums[epRank - 1] ?? 0) * topK, sums[epRank]! * topK);
      // The planted bug: a destination that a token names twice counts twice.
      const sentCount = own.filter((id) => id >= 0 && id < epSize).length;
      return prepareIndicesReference(input).sendRankCountCumSum[epSize - 1] === sentCount;
    });
    expect(countsTwice).toEqual([
      'index preparation: epSize 1, epRank 0, topK 2, maxTokenCountPerRank 1, no real counts, target rank ids [0,0]',
    ]);
  });

  test('index preparation: a rank without tokens before another', () => {
    const holds = minimalFailures(prepareIndicesCases(), ({ realRankTokenCountCumSum: sums }) => {
      return (
        sums?.findIndex(
          (sum, rank) => rank > 1 && sums[0]! > 0 && sum > sums[rank - 1]! && sums[rank - 1] === sums[rank - 2],
        ) === -1 || sums === null
      );
    });
    expect(holds).toEqual([
      'index preparation: epSize 3, epRank 0, topK 1, maxTokenCountPerRank 1, real counts cumulative [1,1,2], target rank ids [0,0]',
    ]);
  });

  test('local gather: two tokens from rank 1', () => {
    const holds = ({ recvRankCumSum: [first, second] }: { readonly recvRankCumSum: Int32Array }): boolean =>
      second === undefined || second - first! < 2;
    expect(minimalFailures(localGatherCases(), holds)).toEqual([
      'local gather: epSize 2, epRank 0, topK 1, expertCount 1, maxTokenCountPerRank 2, received cumulative [0,2], gathered rows [2,3,-1,-1], data of seed 0',
    ]);
  });

  test('all-to-all: one vector from rank 1 to rank 0, into rows with a gap', () => {
    const failures = minimalFailures(allToAllCases(), ({ epSize, vectorBytes, ranks }) => {
      return !(epSize > 1 && ranks[0]!.outputRowStrideBytes > vectorBytes && ranks[1]!.sendRankCumSum[0]! > 0);
    });
    expect(failures).toEqual([
      'all-to-all: channelCount 1, vectorBytes 16, strides 16 and 32, FIFO 8 x 128 packets, counts of 2 ranks by sender: [0,0] [1,0], sending each-row-once, receiving ascending with 0 spare rows, counters from 0, data of seed 0',
    ]);
  });

  test('all-to-all: traffic that goes round the FIFO', () => {
    const failures = minimalFailures(allToAllCases({ fifo: fifoShapes(), maxPackets: 64 }), (input) => {
      const result = allToAllReference(input);
      return result.kind === 'completes' && !result.sliceCounts.some((slices) => slices > input.fifo.depth);
    });
    expect(failures).toEqual([
      'all-to-all: channelCount 1, vectorBytes 16, strides 16 and 16, FIFO 1 x 1 packets, counts of 1 ranks by sender: [2], sending each-row-once, receiving ascending with 0 spare rows, counters from 0, data of seed 0',
    ]);
  });
});
