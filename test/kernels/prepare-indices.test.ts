import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { prepareIndicesCases, rankCounts, schedules } from '../../src/arbitraries/index.js';
import { prepareIndicesReference } from '../../src/reference/index.js';
import { Machine } from '../../src/simt/index.js';
import { describeKernelProperty } from './describe-kernel-property.js';
import { expectSame } from './expect-same.js';
import { i32At, type Kernels, kernels, runToEnd } from './kernels.js';
import { prepareIndicesProperty } from './properties.js';
import { runPrepareIndices } from './run-prepare-indices.js';

describeKernelProperty(
  'index preparation gives what the reference gives, under every schedule',
  (kernels) => prepareIndicesProperty(kernels, { epSize: { max: 4 }, maxTableElements: 4096, maxOutputElements: 4096 }),
  {
    numRuns: 60,
    mutants: [
      'count: no barrier before counting',
      'count: no barrier after counting',
      'count: one token too many',
      'count: a target named twice counts twice',
      'sums: exclusive',
      'indices: no barrier before the first round',
      'indices: no barrier after a round',
      'indices: ffs off by one',
      'indices: one token too many',
      'indices: start of the wrong rank',
    ],
  },
);

/** Turns counts into sums, on a machine of its own. */
function runSums(kernels: Kernels, counts: Int32Array, schedule: string): readonly Int32Array[] {
  const machine = new Machine({ schedule });
  const { memory } = machine;
  const sendRankCountCumSum = memory.upload('send', 'i32', counts);
  const recvRankCountCumSum = memory.upload('receive', 'i32', counts.toReversed());
  const unused = memory.allocate('unused', 'i32', 0);
  kernels.inplaceSendRecvRankCumSum(
    {
      worldInfo: { epSize: counts.length, epRank: 0 },
      expertParallelInfo: { expertCount: 1, topK: 1 },
      maxTokenCountPerRank: 1,
      gatheredTargetRankIds: unused,
      realRankTokenCountCumSum: null,
      localGatherIndices: unused,
      sendRankCountCumSum,
      sendRankLocalIndices: unused,
      recvRankCountCumSum,
      recvRankLocalIndices: unused,
      backwardRecvRankLocalIndices: unused,
    },
    machine.stream(),
  );
  runToEnd(machine);
  return [i32At(memory, sendRankCountCumSum), i32At(memory, recvRankCountCumSum)];
}

/** Inclusive sums modulo 2^32. */
function sumsOf(counts: Int32Array): Int32Array {
  let sum = 0;
  return counts.map((count) => {
    sum = (sum + count) | 0;
    return sum;
  });
}

describeKernelProperty(
  'sums over up to 1024 ranks, of any counts, under every schedule',
  (kernels) =>
    fc.property(
      rankCounts().chain((epSize) => fc.int32Array({ minLength: epSize, maxLength: epSize })),
      schedules(),
      (counts, schedule) => {
        expectSame(runSums(kernels, counts, schedule), [sumsOf(counts), sumsOf(counts.toReversed())]);
      },
    ),
  { numRuns: 60, mutants: ['sums: exclusive', 'sums: 129 ranks in a scan of 128'] },
);

describe('many ranks, most targets', () => {
  test.each([
    { epSize: 65, topK: 17 },
    { epSize: 129, topK: 32 },
  ])('$epSize ranks, top-k $topK', ({ epSize, topK }) => {
    const cases = prepareIndicesCases({
      epSize: { min: epSize, max: epSize },
      topK: { min: topK, max: topK },
      maxTokenCountPerRank: { max: 40 },
      realCounts: 'always',
      routing: ['experts', 'any-ranks', 'some-out-of-range'],
    });
    const property = fc.property(cases, (input) => {
      expectSame(runPrepareIndices(kernels, input, 'rr'), prepareIndicesReference(input));
    });
    fc.assert(property, { numRuns: 1 });
  });
});

describe('the host code refuses', () => {
  test.each([
    { epSize: 1025, topK: 1, message: 'Only worldInfo.epSize less than or equal to 1024 supported now.' },
    { epSize: 1, topK: 33, message: 'Only topK less than or equal to 32 supported now.' },
  ])('$epSize ranks and top-k $topK', ({ epSize, topK, message }) => {
    const input = {
      epSize,
      epRank: 0,
      topK,
      maxTokenCountPerRank: 1,
      gatheredTargetRankIds: new Int32Array(epSize * topK),
      realRankTokenCountCumSum: null,
    };
    expect(() => runPrepareIndices(kernels, input, 'rr')).toThrow(message);
  });
});
