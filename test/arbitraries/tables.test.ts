import { describe, expect, test } from 'vitest';
import {
  countMatrices,
  expertPlacements,
  type RoutingKind,
  type RoutingTable,
  realTokenCounts,
  routingTables,
  tokenCounts,
} from '../../src/arbitraries/index.js';
import { samples } from './samples.js';

describe('token counts', () => {
  const values = samples(tokenCounts({ epSize: 6, maxTokenCountPerRank: 40 }), 500);

  test('one a rank, from 0 to the maximum', () => {
    expect(values.every((counts) => counts.length === 6)).toBe(true);
    expect([Math.min(...values.flat()), Math.max(...values.flat())]).toEqual([0, 40]);
  });

  test.each<{ what: string; isOne: (counts: readonly number[]) => boolean }>([
    { what: 'no tokens at all', isOne: (counts) => counts.every((count) => count === 0) },
    { what: 'tokens on one rank only', isOne: (counts) => counts.filter((count) => count > 0).length === 1 },
    { what: 'a rank without tokens between others', isOne: ([a, b, c]) => a! > 0 && b === 0 && c! > 0 },
    { what: 'equal counts', isOne: (counts) => counts[0]! > 0 && new Set(counts).size === 1 },
    { what: 'different counts', isOne: (counts) => new Set(counts).size === 6 },
  ])('$what come up', ({ isOne }) => {
    expect(values.some(isOne)).toBe(true);
  });

  test('real token counts are their cumulative sums', () => {
    const options = { epSize: 6, maxTokenCountPerRank: 40 };
    const sums = samples(realTokenCounts(options), 20);
    samples(tokenCounts(options), 20).forEach((counts, index) => {
      expect([...sums[index]!].map((sum, rank) => sum - (sums[index]![rank - 1] ?? 0))).toEqual(counts);
    });
  });

  test('without options, for one rank up to 64', () => {
    const rankCounts = samples(tokenCounts(), 500).map((counts) => counts.length);
    expect([Math.min(...rankCounts), Math.max(...rankCounts)]).toEqual([1, 64]);
  });
});

describe('expert placements', () => {
  const values = samples(expertPlacements(), 500);

  test('every expert is on at least one rank that exists, and on none twice', () => {
    for (const { epSize, ranksOfExpert } of values) {
      expect(ranksOfExpert.length).toBeGreaterThan(0);
      for (const ranks of ranksOfExpert) {
        expect(ranks.length).toBeGreaterThan(0);
        expect(new Set(ranks).size).toBe(ranks.length);
        expect(ranks.every((rank) => rank >= 0 && rank < epSize)).toBe(true);
      }
    }
  });

  test.each([
    { kind: 'contiguous', ranks: [[0], [0], [1], [1], [2], [2]] },
    { kind: 'round-robin', ranks: [[0], [1], [2], [0], [1], [2]] },
  ] as const)('6 experts on 3 ranks, $kind', ({ kind, ranks }) => {
    const options = { epSize: 3, expertCount: { min: 6, max: 6 }, kinds: [kind] };
    expect(samples(expertPlacements(options), 1)[0]?.ranksOfExpert).toEqual(ranks);
  });

  test('redundant experts are on several ranks, and ranks can be empty', () => {
    const of = (kind: string) => values.filter((placement) => placement.kind === kind && placement.epSize > 2);
    expect(of('redundant').some(({ ranksOfExpert }) => ranksOfExpert.some((ranks) => ranks.length > 1))).toBe(true);
    for (const { epSize, ranksOfExpert } of of('empty-ranks')) {
      expect(new Set(ranksOfExpert.flat()).size).toBeLessThan(epSize);
    }
  });
});

describe('routing tables', () => {
  const tokensOf = ({ targetRankIds, tokenCount, topK }: RoutingTable): number[][] =>
    Array.from({ length: tokenCount }, (_, token) => [...targetRankIds.subarray(token * topK, (token + 1) * topK)]);
  const ofKind = (kind: RoutingKind): readonly RoutingTable[] =>
    samples(routingTables({ epSize: 5, topK: 3, tokenCount: 20, kinds: [kind], changes: false }), 30);
  const inRange = (id: number): boolean => id >= 0 && id < 5;
  const hasDuplicates = (targets: readonly number[]): boolean => new Set(targets).size < targets.length;

  test('one-rank: one id', () => {
    const tables = ofKind('one-rank').map(({ targetRankIds }) => new Set(targetRankIds));
    expect(tables.every((ids) => ids.size === 1 && inRange([...ids][0]!))).toBe(true);
    expect(new Set(tables.flatMap((ids) => [...ids])).size).toBe(5);
  });

  test('no-rank: nothing in range, on either side', () => {
    const ids = ofKind('no-rank').flatMap(({ targetRankIds }) => [...targetRankIds]);
    expect(ids.some(inRange)).toBe(false);
    expect([-1, 5, 2 ** 31 - 1, -(2 ** 31)].filter((id) => !ids.includes(id))).toEqual([]);
  });

  test('all-but-one-rank: a rank is never named', () => {
    for (const { targetRankIds } of ofKind('all-but-one-rank')) {
      expect(targetRankIds.every(inRange)).toBe(true);
      expect(new Set(targetRankIds).size).toBeLessThan(5);
    }
  });

  test('distinct-ranks: no duplicates', () => {
    const tokens = ofKind('distinct-ranks').flatMap(tokensOf);
    expect(tokens.every((targets) => targets.every(inRange) && !hasDuplicates(targets))).toBe(true);
  });

  test('distinct-ranks with more targets than ranks: the rest is out of range', () => {
    const options = { epSize: 2, topK: 4, tokenCount: 1, kinds: ['distinct-ranks'], changes: false } as const;
    for (const { targetRankIds } of samples(routingTables(options), 10)) {
      expect([...targetRankIds].sort()).toEqual([0, 1, 2, 2]);
    }
  });

  test('any-ranks and experts: duplicates come up, and tokens without', () => {
    for (const kind of ['any-ranks', 'experts'] as const) {
      const tokens = ofKind(kind).flatMap(tokensOf);
      expect(tokens.every((targets) => targets.every(inRange))).toBe(true);
      expect(new Set(tokens.map(hasDuplicates))).toEqual(new Set([true, false]));
    }
  });

  test('some-out-of-range: both in one table', () => {
    for (const { targetRankIds } of ofKind('some-out-of-range').slice(0, 10)) {
      expect(new Set([...targetRankIds].map(inRange))).toEqual(new Set([true, false]));
    }
  });

  test('single ids are changed, to out-of-range ones among others', () => {
    const options = { epSize: 5, topK: 1, tokenCount: 20, kinds: ['one-rank'] } as const;
    const tables = samples(routingTables(options), 100);
    expect(tables.some(({ targetRankIds }) => targetRankIds.some((id) => !inRange(id)))).toBe(true);
    expect(tables.some(({ targetRankIds }) => new Set(targetRankIds.filter(inRange)).size > 1)).toBe(true);
  });

  test.each([{ epSize: 0 }, { topK: 33 }, { tokenCount: 0.5 }, { kinds: [] }])('refuses %o', (options) => {
    expect(() => routingTables(options)).toThrow(RangeError);
  });

  test('a table has the shape that it says', () => {
    for (const { targetRankIds, tokenCount, topK } of samples(routingTables(), 200)) {
      expect(targetRankIds.length).toBe(tokenCount * topK);
    }
  });
});

describe('count matrices', () => {
  const values = samples(countMatrices({ maxCount: 50 }), 500);

  test('counts are 0 up to the maximum, a row a sender', () => {
    for (const { epSize, counts } of values) {
      expect(counts.length).toBe(epSize * epSize);
      expect(counts.every((count) => count >= 0 && count <= 50)).toBe(true);
    }
    expect(values.some(({ counts }) => counts.includes(50))).toBe(true);
    expect(new Set(values.map(({ epSize }) => epSize))).toEqual(new Set([1, 2, 3, 4, 5, 6, 7, 8]));
  });

  test('a ring', () => {
    const rings = samples(countMatrices({ epSize: { min: 3, max: 3 }, maxCount: 4, kinds: ['ring'] }), 50);
    expect(rings.map(({ counts }) => [...counts])).toContainEqual([0, 4, 0, 0, 0, 4, 4, 0, 0]);
  });

  test('one hot, and nothing', () => {
    const links = values.filter(({ epSize }) => epSize > 1).map(({ counts }) => counts.filter((c) => c > 0).length);
    expect(links).toContain(0);
    expect(links).toContain(1);
  });
});
