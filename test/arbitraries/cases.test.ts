import { serialize } from 'node:v8';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { allToAllCases, fifoShapes, localGatherCases, prepareIndicesCases } from '../../src/arbitraries/index.js';
import { allToAllReference, localGatherReference, prepareIndicesReference } from '../../src/reference/index.js';
import { samples } from './samples.js';

describe('index preparation cases', () => {
  const cases = samples(prepareIndicesCases(), 600);

  test('the reference takes every one', () => {
    for (const input of cases) expect(() => prepareIndicesReference(input)).not.toThrow();
  });

  test('sizes stay within the limits', () => {
    const limits = { maxTableElements: 1024, maxOutputElements: 1024 };
    for (const input of samples(prepareIndicesCases(limits), 300)) {
      const { epSize, topK, maxTokenCountPerRank, gatheredTargetRankIds } = input;
      expect(gatheredTargetRankIds.length).toBeLessThanOrEqual(1024);
      expect(maxTokenCountPerRank * Math.max(epSize, topK)).toBeLessThanOrEqual(1024);
    }
    expect(() => prepareIndicesCases({ maxTableElements: 1000 })).toThrow(RangeError);
    expect(() => prepareIndicesCases({ maxTokenCountPerRank: { min: 0 } })).toThrow(RangeError);
  });

  test('options narrow them', () => {
    const options = { epSize: { min: 3, max: 5 }, topK: { min: 2, max: 2 }, maxTokenCountPerRank: { max: 7 } };
    for (const input of samples(prepareIndicesCases({ ...options, realCounts: 'never' }), 200)) {
      expect([3, 4, 5]).toContain(input.epSize);
      expect(input.topK).toBe(2);
      expect(input.maxTokenCountPerRank).toBeLessThanOrEqual(7);
      expect(input.realRankTokenCountCumSum).toBeNull();
    }
    for (const input of samples(prepareIndicesCases({ ...options, realCounts: 'always', routing: ['no-rank'] }), 50)) {
      expect(input.realRankTokenCountCumSum).not.toBeNull();
    }
  });

  test.each<{ what: string; isOne: (input: (typeof cases)[number]) => boolean }>([
    { what: 'real counts', isOne: (input) => input.realRankTokenCountCumSum !== null },
    { what: 'no real counts', isOne: (input) => input.realRankTokenCountCumSum === null },
    { what: 'more targets than ranks', isOne: ({ epSize, topK }) => topK > epSize },
    { what: 'the last of several ranks', isOne: ({ epSize, epRank }) => epSize > 1 && epRank === epSize - 1 },
    { what: '1024 ranks', isOne: ({ epSize }) => epSize === 1024 },
    { what: 'more tokens than a block of 1024 threads', isOne: (input) => input.maxTokenCountPerRank === 1025 },
    {
      what: 'no token at all',
      isOne: ({ epSize, realRankTokenCountCumSum }) => realRankTokenCountCumSum?.[epSize - 1] === 0,
    },
    {
      what: 'an own rank without tokens among others with',
      isOne: ({ epSize, epRank, realRankTokenCountCumSum: sums }) =>
        sums !== null && sums[epRank] === (sums[epRank - 1] ?? 0) && sums[epSize - 1]! > 0,
    },
  ])('$what come up in 600 cases', ({ isOne }) => {
    expect(cases.some(isOne)).toBe(true);
  });
});

describe('local gather cases', () => {
  const cases = samples(localGatherCases(), 400);

  test('the reference takes every one', () => {
    for (const input of cases) expect(() => localGatherReference(input)).not.toThrow();
  });

  test('sizes stay within the limit, and rows ascend', () => {
    for (const input of samples(localGatherCases({ maxTableElements: 1024 }), 200)) {
      expect(input.gatheredExpertIds.length).toBeLessThanOrEqual(1024);
      expect(input.localGatherIndices.length).toBe(input.epSize * input.maxTokenCountPerRank);
      const received = input.localGatherIndices.subarray(0, input.recvRankCumSum[input.epSize - 1]);
      expect(received.every((row, index) => index === 0 || row > received[index - 1]!)).toBe(true);
      expect(input.epRank).toBeLessThan(input.epSize);
    }
  });

  test.each<{ what: string; isOne: (input: (typeof cases)[number]) => boolean }>([
    { what: 'nothing received', isOne: (input) => input.recvRankCumSum[input.epSize - 1] === 0 },
    { what: 'everything received', isOne: (input) => !input.localGatherIndices.includes(-1) },
    { what: 'a row that is skipped', isOne: ({ localGatherIndices: rows }) => rows[1]! > rows[0]! + 1 },
    { what: 'NaNs', isOne: (input) => input.gatheredScalesBits.some((bits) => (bits & 0x7fffffff) > 0x7f800000) },
    { what: 'top-k equal to the number of experts', isOne: ({ topK, expertCount }) => topK === expertCount },
  ])('$what come up in 400 cases', ({ isOne }) => {
    expect(cases.some(isOne)).toBe(true);
  });
});

describe('all-to-all cases', () => {
  const cases = samples(allToAllCases(), 400);
  const runs = cases.map((input) => ({ input, result: allToAllReference(input) }));

  test('every one completes, and writes no row twice', () => {
    for (const { result } of runs) expect(result).toMatchObject({ kind: 'completes', ambiguousRows: [] });
  });

  test('with other FIFOs too', () => {
    for (const input of samples(allToAllCases({ fifo: fifoShapes(), maxPackets: 64 }), 300)) {
      expect(allToAllReference(input)).toMatchObject({ kind: 'completes', ambiguousRows: [] });
    }
  });

  test('a call has no more packets than the limit', () => {
    for (const { vectorBytes, ranks, epSize } of samples(allToAllCases({ maxPackets: 20 }), 300)) {
      const vectors = ranks.reduce((sum, { sendRankCumSum }) => sum + sendRankCumSum[epSize - 1]!, 0);
      expect(Math.ceil(vectorBytes / 1920) * vectors).toBeLessThanOrEqual(20);
      expect(vectorBytes).toBeLessThanOrEqual(20 * 1920);
    }
  });

  test('options narrow them', () => {
    const options = {
      epSize: { min: 3, max: 3 },
      channelCount: { min: 2, max: 2 },
      vectorBytes: { min: 1920, max: 1936 },
      traffic: ['ring'],
      maxPaddingBytes: 0,
      startedCounters: false,
    } as const;
    for (const input of samples(allToAllCases(options), 100)) {
      expect(input).toMatchObject({ epSize: 3, channelCount: 2, fifo: { depth: 8 } });
      expect([1920, 1936]).toContain(input.vectorBytes);
      expect(input.ranks.every((rank) => rank.outputRowStrideBytes === input.vectorBytes)).toBe(true);
      expect(input.heads).toEqual(new BigUint64Array(18));
    }
    expect(() => allToAllCases({ maxPackets: 0 })).toThrow(RangeError);
    expect(() => allToAllCases({ channelCount: { min: 0 } })).toThrow(RangeError);
  });

  test.each<{ what: string; isOne: (run: (typeof runs)[number]) => boolean }>([
    { what: 'nothing sent', isOne: ({ result }) => result.kind === 'completes' && !result.sliceCounts.some(Boolean) },
    {
      what: 'several slices on a channel',
      isOne: ({ result }) => result.kind === 'completes' && result.sliceCounts.some((slices) => slices > 1),
    },
    { what: 'vectors that take an entry each', isOne: ({ input }) => input.vectorBytes > 64 * 1920 },
    {
      what: 'a gap between output rows',
      isOne: ({ input }) => input.ranks[0]!.outputRowStrideBytes > input.vectorBytes,
    },
    { what: 'counters beyond 32 bits', isOne: ({ input }) => input.heads.some((head) => head >= 2n ** 32n) },
    {
      what: 'a row that is sent twice',
      isOne: ({ input }) => input.ranks.some(({ sendIndices }) => new Set(sendIndices).size < sendIndices.length),
    },
    {
      what: 'an output row that receives nothing',
      isOne: ({ input }) =>
        input.ranks.some((rank) => rank.output.length / rank.outputRowStrideBytes > rank.recvIndices.length),
    },
    {
      what: 'fewer vectors than channels',
      isOne: ({ input }) => input.channelCount > 1 && input.ranks.some(({ sendRankCumSum: [first] }) => first === 1),
    },
  ])('$what come up in 400 cases', ({ isOne }) => {
    expect(runs.some(isOne)).toBe(true);
  });

  test('traffic that goes round the FIFO comes up where the FIFO is small', () => {
    const wraps = samples(allToAllCases({ fifo: fifoShapes() }), 200).filter((input) => {
      const result = allToAllReference(input);
      return result.kind === 'completes' && result.sliceCounts.some((slices) => slices > input.fifo.depth);
    });
    expect(wraps.length).toBeGreaterThan(20);
  });
});

describe('every step of shrinking is a valid case', () => {
  // A condition that fails now and then, whatever the case is, leads shrinking through all kinds of steps.
  function requireValidSteps<T>(cases: fc.Arbitrary<T>, requireValid: (input: T) => void): void {
    for (let seed = 0; seed < 8; seed++) {
      let callCount = 0;
      const invalid: unknown[] = [];
      const { numShrinks } = fc.check(
        fc.property(cases, (input) => {
          try {
            requireValid(input);
          } catch (error) {
            invalid.push(error);
          }
          callCount++;
          return (callCount * 7919 + seed) % 5 !== 0;
        }),
        { seed },
      );
      expect(invalid).toEqual([]);
      expect(numShrinks).toBeGreaterThan(0);
    }
  }

  test('index preparation', () => {
    requireValidSteps(prepareIndicesCases({ epSize: { max: 40 } }), prepareIndicesReference);
  });

  test('local gather', () => {
    requireValidSteps(localGatherCases({ epSize: { max: 40 } }), localGatherReference);
  });

  test('all-to-all', () => {
    requireValidSteps(allToAllCases({ fifo: fifoShapes(), maxPackets: 40 }), (input) => {
      expect(allToAllReference(input)).toMatchObject({ kind: 'completes', ambiguousRows: [] });
    });
  });

  test('options hold on the way', () => {
    const range = { min: 3, max: 6 };
    const cases = prepareIndicesCases({ epSize: range, topK: range, maxTokenCountPerRank: range });
    requireValidSteps(cases, ({ epSize, topK, maxTokenCountPerRank }) => {
      for (const size of [epSize, topK, maxTokenCountPerRank]) expect([3, 4, 5, 6]).toContain(size);
    });
    requireValidSteps(allToAllCases({ epSize: range, channelCount: range, maxPackets: 40 }), (input) => {
      for (const size of [input.epSize, input.channelCount]) expect([3, 4, 5, 6]).toContain(size);
    });
  });
});

test('a case is printed as a line, not as its arrays', () => {
  for (const cases of [prepareIndicesCases(), localGatherCases(), allToAllCases()]) {
    for (const input of samples<object>(cases, 50)) expect(fc.stringify(input).length).toBeLessThan(2500);
  }
});

test('the same seed makes the same cases', () => {
  for (const cases of [prepareIndicesCases(), localGatherCases(), allToAllCases()]) {
    expect(Buffer.compare(serialize(samples<object>(cases, 10)), serialize(samples<object>(cases, 10)))).toBe(0);
  }
});
