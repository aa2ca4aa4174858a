import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Tile, type TileSize, tiledPartition } from '../../src/simt/index.js';
import { describeProperty } from '../reference/describe-property.js';
import { errorOf, range, runBlock } from './support.js';

const SIZES: readonly TileSize[] = [1, 2, 4, 8, 16, 32];

/** What a tile's thread gets from one round of every operation, by the tile's words alone. */
interface TileResults {
  readonly any: boolean;
  readonly all: boolean;
  readonly ballot: number;
  readonly shfl: number;
  readonly shflUp: number;
  readonly shflDown: number;
  readonly shflXor: number;
  readonly matchAny: number;
}

/** Source: CUDA C++ Programming Guide, "Thread Block Tile". Ranks and masks count within the tile. */
function tileResults(words: readonly number[], rank: number, delta: number): TileResults {
  const size = words.length;
  const maskOf = (holds: (word: number) => boolean) =>
    words.reduce((mask, word, index) => mask + (holds(word) ? 2 ** index : 0), 0);
  const isOdd = (word: number) => word % 2 !== 0;
  return {
    any: words.some(isOdd),
    all: words.every(isOdd),
    ballot: maskOf(isOdd),
    shfl: words[delta % size]!,
    shflUp: words[rank - delta] ?? words[rank]!,
    shflDown: words[rank + delta] ?? words[rank]!,
    shflXor: words[rank ^ delta] ?? words[rank]!,
    matchAny: maskOf((word) => word === words[rank]),
  };
}

describeProperty<typeof tileResults>(
  'every operation of a tile, in tiles that run apart from each other',
  (oracle) =>
    fc.property(
      fc.record({
        size: fc.constantFrom(...SIZES),
        threads: fc.constantFrom(32, 64),
        words: fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 64, maxLength: 64 }),
        delta: fc.nat(31),
        schedule: fc.constantFrom('rr', 'random:1', 'random:2,granule=8', 'random:3,granule=1', 'blocked,granule=1'),
      }),
      ({ size, threads, words, delta, schedule }) => {
        const got = runBlock(
          threads,
          function* (t): Generator<undefined, TileResults, undefined> {
            const tile = tiledPartition(t, size);
            const word = words[t.threadRank]!;
            // Tiles come at different times; two that diverge never wait for each other.
            for (let wait = 0; wait < tile.metaGroupRank % 3; wait++) yield* t.threadfence();
            const any = yield* tile.any(word % 2 !== 0);
            if (any) yield* tile.sync();
            return {
              any,
              all: yield* tile.all(word % 2 !== 0),
              ballot: yield* tile.ballot(word % 2 !== 0),
              shfl: yield* tile.shfl(word, delta),
              shflUp: yield* tile.shflUp(word, delta % size),
              shflDown: yield* tile.shflDown(word, delta % size),
              shflXor: yield* tile.shflXor(word, delta % size),
              matchAny: yield* tile.matchAny(word),
            };
          },
          { schedule },
        );
        const expected = range(threads).map((thread) => {
          const first = thread - (thread % size);
          const ofTile = words.slice(first, first + size);
          const narrow = oracle(ofTile, thread % size, delta % size);
          return { ...narrow, shfl: oracle(ofTile, thread % size, delta).shfl };
        });
        expect(got).toEqual(expected);
      },
    ),
  tileResults,
  {
    'a ballot of the warp': (words, rank, delta) => ({
      ...tileResults(words, rank, delta),
      ballot: tileResults(words, rank, delta).ballot * 2 ** words.length,
    }),
    'any is of the own word': (words, rank, delta) => ({
      ...tileResults(words, rank, delta),
      any: words[rank]! % 2 !== 0,
    }),
    'shflXor by the sum': (words, rank, delta) => ({
      ...tileResults(words, rank, delta),
      shflXor: words[(rank + delta) % words.length]!,
    }),
    'matchAny without the own lane': (words, rank, delta) => ({
      ...tileResults(words, rank, delta),
      matchAny: tileResults(words, rank, delta).matchAny - 2 ** rank,
    }),
  },
);

describe('a tile of a block of several dimensions', () => {
  test.each(SIZES)('of %i threads counts them x first', (size) => {
    const tiles = runBlock({ x: 4, y: 3, z: 8 }, function* (t) {
      const { threadRank, metaGroupRank, mask, size: own } = tiledPartition(t, size);
      return { threadRank, metaGroupRank, mask, size: own };
    });
    tiles.forEach((tile, thread) => {
      const firstLane = (thread % 32) - (thread % size);
      expect(tile).toEqual({
        threadRank: thread % size,
        metaGroupRank: Math.floor(thread / size),
        mask: (2 ** size - 1) * 2 ** firstLane,
        size,
      });
    });
  });
});

test('64-bit values go through shuffles and matches', () => {
  const wide = (lane: number) => (BigInt(lane) << 33n) - 1n;
  const got = runBlock(32, function* (t) {
    const tile: Tile = tiledPartition(t, 8);
    const next = yield* tile.shflDown(wide(t.laneId), 1);
    return [next, yield* tile.matchAny(wide(t.laneId >> 1))];
  });
  expect(got[3]).toEqual([wide(4), 0b1100]);
  expect(got[15]).toEqual([wide(15), 0b11000000]);
});

test('a tile that is not whole takes the lanes that there are', () => {
  const ballots = runBlock(37, function* (t) {
    return yield* tiledPartition(t, 4).ballot(true);
  });
  expect(ballots[35]).toBe(0b1111);
  expect(ballots[36]).toBe(0b0001);
});

test('lanes of one tile in different operations are an error; of different tiles they pass', () => {
  const body = (size: TileSize) => (t: Parameters<typeof tiledPartition>[0]) =>
    (function* () {
      const tile = tiledPartition(t, size);
      if (t.laneId % 8 < 4) yield* tile.any(true);
      else yield* tile.all(true);
    })();
  expect(errorOf(32, body(8)).code).toBe('WARP_DIVERGENCE');
  expect(runBlock(32, body(4))).toHaveLength(32);
});

test.each([0, 3, 5, 64, 1.5])('a tile of %d threads is refused', (size) => {
  const error = errorOf(32, function* (t) {
    tiledPartition(t, size as TileSize);
  });
  expect(error.code).toBe('KERNEL_THREW');
  expect(error.reason).toBe(`the kernel threw RangeError: a tile has 1, 2, 4, 8, 16 or 32 threads, not ${size}`);
});
