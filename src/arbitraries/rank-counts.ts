import type fc from 'fast-check';
import { boundsWithin, edgeBiasedIntegers, type IntegerRange } from './numbers.js';

const RANK_COUNT_DOMAIN = { min: 1, max: 1024 };

/** Around multiples of 8 (groups a block) and every block size of the scan over ranks, and what real systems use. */
const RANK_COUNT_EDGES = [1, 2, 7, 8, 9, 16, 17, 32, 33, 64, 65, 72, 128, 129, 256, 512, 513, 1024];

/** The largest top-k of every tile size 1, 2, 4, 8, 16, 32 and the smallest of the next. */
const TOP_K_EDGES = [1, 2, 3, 4, 5, 8, 9, 16, 17, 32];

/**
 * Numbers of ranks, 1..1024: mostly up to 9, often an edge of the kernels' block sizes. Shrinks towards 1.
 * @param range Narrows 1..1024.
 * @throws RangeError if the range is empty or leaves 1..1024.
 */
export function rankCounts(range: IntegerRange = {}): fc.Arbitrary<number> {
  const bounds = boundsWithin('number of ranks', range, RANK_COUNT_DOMAIN);
  return edgeBiasedIntegers({ ...bounds, edges: RANK_COUNT_EDGES, smallDistance: 8 });
}

/**
 * Numbers of targets a token, 1..32, with both sides of every tile size. Shrinks towards 1.
 * @param range Narrows 1..32.
 * @throws RangeError if the range is empty or leaves 1..32.
 */
export function topKs(range: IntegerRange = {}): fc.Arbitrary<number> {
  const bounds = boundsWithin('top-k', range, { min: 1, max: 32 });
  return edgeBiasedIntegers({ ...bounds, edges: TOP_K_EDGES, smallDistance: 8 });
}

/** Numbers of ranks for what grows with their square: 1..8 unless `range` says otherwise. Shrinks towards 1. */
export function fewRanks(range: IntegerRange | undefined): fc.Arbitrary<number> {
  return rankCounts(boundsWithin('number of ranks', range, RANK_COUNT_DOMAIN, 8));
}

/**
 * `epSize`, or where it is left out a number of ranks for a table: 1..64, mostly small.
 * @throws RangeError if it is not in 1..1024.
 */
export function givenOrSomeRanks(epSize: number | undefined): fc.Arbitrary<number> {
  return rankCounts(epSize === undefined ? { max: 64 } : { min: epSize, max: epSize });
}
