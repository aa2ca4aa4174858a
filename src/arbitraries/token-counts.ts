import fc from 'fast-check';
import { boundsWithin, choices, edgeBiasedIntegers, type IntegerRange, indexAt, places, seeds } from './numbers.js';
import { givenOrSomeRanks } from './rank-counts.js';
import { refined, simplerCounts } from './refined.js';
import { below } from './seeded.js';

/** Narrows `tokenCounts` and `realTokenCounts`. */
export interface TokenCountOptions {
  /** Number of ranks; by default 1..64, mostly small. */
  readonly epSize?: number;
  /** The most tokens a rank; by default 1025. */
  readonly maxTokenCountPerRank?: number;
}

/**
 * Token counts, one element a rank, each 0..maxTokenCountPerRank: all zero, all equal, one rank only, every other
 * rank, ascending or random, with single ranks changed. Shrinks towards one rank and zeros.
 * @throws RangeError if an option is out of range.
 */
export function tokenCounts({
  epSize,
  maxTokenCountPerRank = 1025,
}: TokenCountOptions = {}): fc.Arbitrary<readonly number[]> {
  const counts = fc
    .record({
      epSize: givenOrSomeRanks(epSize),
      recipe: tokenCountRecipes(maxTokenCountPerRank),
    })
    .map(({ epSize, recipe }) => tokenCountsFrom(recipe, epSize, maxTokenCountPerRank));
  return refined(counts, function* (counts) {
    const rankCanGo = epSize === undefined && counts.length > 1;
    for (let rank = 0; rankCanGo && rank < counts.length; rank++) yield counts.toSpliced(rank, 1);
    yield* simplerCounts(counts);
  });
}

/**
 * Real token counts as the index preparation takes them: the inclusive cumulative sum of `tokenCounts`, i32 [epSize].
 * @throws RangeError if an option is out of range.
 */
export function realTokenCounts(options: TokenCountOptions = {}): fc.Arbitrary<Int32Array> {
  return tokenCounts(options).map(cumulativeSumOf);
}

/** The inclusive cumulative sum of `counts`. */
export function cumulativeSumOf(counts: readonly number[]): Int32Array {
  let sum = 0;
  return Int32Array.from(counts, (count) => {
    sum += count;
    return sum;
  });
}

/**
 * Both sides of every number of tokens that a block of 1024 threads takes in one round (1024 / tile size), and of a
 * warp.
 * Source: the loops over tokens in computeSendRecvRankCountDevice and computeSendRecvIndicesDevice.
 */
const TOKEN_COUNT_EDGES = [1, 2, 31, 32, 33, 64, 65, 127, 128, 129, 255, 256, 257, 511, 512, 513, 1023, 1024, 1025];

/** Numbers of tokens within `bounds`. Shrinks towards the lower one. */
export function tokenCountsOfOneRank(bounds: Required<IntegerRange>): fc.Arbitrary<number> {
  return edgeBiasedIntegers({ ...bounds, edges: TOKEN_COUNT_EDGES, smallDistance: 8 });
}

/**
 * The bounds of the most tokens a rank: 1..1025 unless `range` says otherwise.
 * @throws RangeError if `range` is empty or goes below 1.
 */
export function boundsOfMaxTokenCount(range: IntegerRange | undefined): Required<IntegerRange> {
  return boundsWithin('maxTokenCountPerRank', range, { min: 1, max: 2 ** 31 - 1 }, 1025);
}

const PATTERNS = ['all-zero', 'all-equal', 'one-rank', 'every-other-rank', 'ascending', 'random'] as const;

/** What token counts are made from before the number of ranks is known. */
export interface TokenCountRecipe {
  readonly pattern: (typeof PATTERNS)[number];
  readonly count: number;
  readonly place: number;
  readonly seed: number;
  readonly changes: readonly { readonly place: number; readonly count: number }[];
}

/** Recipes for counts of 0..`maximum`. Shrinks towards all zero. */
export function tokenCountRecipes(maximum: number): fc.Arbitrary<TokenCountRecipe> {
  const count = tokenCountsOfOneRank({ min: 0, max: maximum });
  return fc.record({
    pattern: choices(...PATTERNS),
    count,
    place: places(),
    seed: seeds(),
    changes: fc.array(fc.record({ place: places(), count }), { maxLength: 3 }),
  });
}

/**
 * The counts of a recipe for `epSize` ranks, each cut to `maximum`, and later ranks' to what is left of
 * `totalMaximum`.
 */
export function tokenCountsFrom(
  recipe: TokenCountRecipe,
  epSize: number,
  maximum: number,
  totalMaximum = Number.POSITIVE_INFINITY,
): readonly number[] {
  const counts = Array.from({ length: epSize }, (_, rank) => countOfRank(recipe, rank, epSize));
  for (const { place, count } of recipe.changes) counts[indexAt(place, epSize)] = count;
  let left = totalMaximum;
  return counts.map((wanted) => {
    const count = Math.min(wanted, maximum, left);
    left -= count;
    return count;
  });
}

function countOfRank({ pattern, count, place, seed }: TokenCountRecipe, rank: number, epSize: number): number {
  switch (pattern) {
    case 'all-zero':
      return 0;
    case 'all-equal':
      return count;
    case 'one-rank':
      return rank === indexAt(place, epSize) ? count : 0;
    case 'every-other-rank':
      return rank % 2 === 0 ? 0 : count;
    case 'ascending':
      return rank % (count + 1);
    case 'random':
      return below(count + 1, seed, rank);
    default:
      throw new Error(`[simtwin bug] ${pattern satisfies never}`);
  }
}
