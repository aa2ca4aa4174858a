/**
 * The original passes counts per rank as inclusive cumulative sums: element r is the sum of the counts of ranks 0..r.
 */

/** The number of elements that lie before those of `rank`: 0 for rank 0. */
export function rankStart(cumulativeSum: Int32Array, rank: number): number {
  return rank === 0 ? 0 : cumulativeSum[rank - 1]!;
}

/** The number of elements that belong to `rank`. */
export function rankElementCount(cumulativeSum: Int32Array, rank: number): number {
  return cumulativeSum[rank]! - rankStart(cumulativeSum, rank);
}

/** The inclusive cumulative sum of `counts`. */
export function cumulativeSumOf(counts: readonly number[]): Int32Array {
  let sum = 0;
  return Int32Array.from(counts, (count) => {
    sum += count;
    return sum;
  });
}
