import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BlockScan, blockScanStorageCount, Machine, type Thread } from '../../src/simt/index.js';
import { describeProperty } from '../reference/describe-property.js';
import { errorOf, outcomeOn, range, runBlock } from './support.js';

const SIZES = [...range(32).map((warps) => 32 * (warps + 1)), 1, 2, 7, 31, 33, 63, 65, 100, 500, 1000, 1023];

/** A word of every kind: small, large, of both signs. */
const wordOf = (seed: number, index: number): number => {
  const hash = Math.imul(seed + Math.imul(index, 0x9e3779b1), 0x85ebca6b);
  return index % 3 === 0 ? hash | 0 : (hash >> 24) | 0;
};

const wrap = (sum: bigint): number => Number(BigInt.asIntN(32, sum));

/** Prefix sums of integers of any size, wrapped at the end. */
function prefixSums(words: readonly number[], inclusive: boolean): number[] {
  let sum = 0n;
  return words.map((word) => {
    const before = sum;
    sum += BigInt(word);
    return wrap(inclusive ? sum : before);
  });
}

const scanOf = (t: Thread, threads: number): BlockScan =>
  new BlockScan(t, t.shared('storage', 'i32', blockScanStorageCount(threads)), threads);

describe('prefix sums', () => {
  test.each(SIZES)('of %i threads, twice with one storage', (threads) => {
    const words = range(threads).map((index) => wordOf(threads, index));
    const got = runBlock(threads, function* (t) {
      const scan = scanOf(t, threads);
      const exclusive = yield* scan.exclusiveSum(words[t.threadRank]!);
      yield* t.syncthreads();
      return [exclusive, yield* scan.inclusiveSum(words[t.threadRank]!)];
    });
    expect(got.map(([exclusive]) => exclusive)).toEqual(prefixSums(words, false));
    expect(got.map(([, inclusive]) => inclusive)).toEqual(prefixSums(words, true));
  });

  test('count the threads of a block of several dimensions x first', () => {
    const got = runBlock({ x: 3, y: 5, z: 7 }, function* (t) {
      return yield* scanOf(t, 105).inclusiveSum(t.threadIdx.x + 10 * t.threadIdx.y + 100 * t.threadIdx.z);
    });
    const words = range(105).map((rank) => (rank % 3) + 10 * (Math.floor(rank / 3) % 5) + 100 * Math.floor(rank / 15));
    expect(got).toEqual(prefixSums(words, true));
  });
});

type Scan = (t: Thread, threads: number, word: number) => Generator<undefined, number, undefined>;

describeProperty<Scan>(
  'prefix sums under any schedule',
  (scan) =>
    fc.property(
      fc.record({
        threads: fc.integer({ min: 1, max: 160 }),
        words: fc.array(fc.integer(), { minLength: 160, maxLength: 160 }),
        schedule: fc.constantFrom('rr', 'blocked', 'random:1', 'random:2,granule=8', 'random:3,granule=1'),
      }),
      ({ threads, words, schedule }) => {
        const got = runBlock(threads, (t) => scan(t, threads, words[t.threadRank]!), { schedule });
        expect(got).toEqual(prefixSums(words.slice(0, threads), true));
      },
    ),
  (t, threads, word) => scanOf(t, threads).inclusiveSum(word),
  {
    'one thread too few takes part in the scan': (t, threads, word) =>
      scanOf(t, threads).inclusiveSum(t.threadRank === threads - 1 ? 0 : word),
    'the exclusive sum': (t, threads, word) => scanOf(t, threads).exclusiveSum(word),
    *'a warp scans alone'(t, _, word) {
      let sum = word;
      for (let delta = 1; delta < 32; delta *= 2) {
        const below = yield* t.shflUpSync(-1, sum, delta);
        if (t.laneId >= delta) sum = (sum + below) | 0;
      }
      return sum;
    },
  },
);

describe('storage', () => {
  // Source: CUB, BlockRakingLayout: segments of ceil(threads / 32), padded by one where that is even and above 2.
  test.each([
    [32, 32, 'a segment of one'],
    [33, 33, 'two, not padded'],
    [64, 64, 'two, not padded'],
    [96, 96, 'three'],
    [128, 128 + 31, 'four, padded'],
    [256, 256 + 31, 'eight, padded'],
    [288, 288, 'nine'],
    [1000, 1000 + 31, 'thirty-two, the last segment not full'],
    [1024, 1024 + 31, 'thirty-two, padded'],
  ])('for %i threads has %i elements: %s', (threads, count) => {
    expect(blockScanStorageCount(threads)).toBe(count);
  });

  test('one element less is out of bounds', () => {
    const error = errorOf(128, function* (t) {
      const storage = t.shared('storage', 'i32', blockScanStorageCount(128) - 1);
      yield* new BlockScan(t, storage, 128).inclusiveSum(1);
    });
    expect(error.code).toBe('OUT_OF_BOUNDS');
    expect(error.reason).toContain("4 bytes past the end of 'shared storage'");
    // The scan is part of the machine: the line is the kernel's.
    expect(error.site.frames[0]!.file).toBe('test/simt/block-scan.test.ts');
  });

  test('of a block of one warp is not touched', () => {
    const machine = new Machine();
    let untouched = false;
    const outcome = outcomeOn(machine, 32, function* (t) {
      const storage = t.shared('storage', 'i32', blockScanStorageCount(32));
      yield* new BlockScan(t, storage, 32).inclusiveSum(1);
      untouched = storage.allocation.countUndefined(0, storage.allocation.bytes) === storage.allocation.bytes;
    });
    expect(outcome.verdict).toBe('completes');
    expect(untouched).toBe(true);
  });

  test('put to another use without a barrier between is a race, with one it is not', () => {
    const firstSum = (barrier: boolean) =>
      runBlock(64, function* (t) {
        const storage = t.shared('storage', 'i32', blockScanStorageCount(64));
        const sum = yield* new BlockScan(t, storage, 64).exclusiveSum(1);
        if (barrier) yield* t.syncthreads();
        if (t.threadRank === 32) yield* t.storeVolatile(storage, 0, -1);
        return sum;
      })[0];
    expect(firstSum(true)).toBe(0);
    expect(firstSum(false)).toBe(-1);
  });

  test('used for the next scan without a barrier between gives the right sums: each thread comes back to its own place', () => {
    for (const schedule of ['rr', 'blocked', 'random:1', 'random:2,granule=8', 'random:3,granule=1']) {
      const sums = runBlock(
        100,
        function* (t) {
          const scan = scanOf(t, 100);
          return [yield* scan.exclusiveSum(1), yield* scan.exclusiveSum(100), yield* scan.inclusiveSum(-1)];
        },
        { schedule },
      );
      expect(sums).toEqual(range(100).map((thread) => [thread, 100 * thread, -1 - thread]));
    }
  });
});
