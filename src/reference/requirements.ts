/**
 * Checks of the reference's inputs. What the original's host code asserts, and what its kernels take for granted,
 * fails here with a RangeError that names the argument and its value.
 */

/**
 * Requires an integer `value` with `minimum <= value <= maximum`.
 * @throws RangeError otherwise.
 */
export function requireInteger(name: string, value: number, minimum: number, maximum: number): void {
  if (!Number.isInteger(value) || value < minimum || value > maximum) {
    throw new RangeError(`${name} must be an integer in ${minimum}..${maximum}, is ${value}`);
  }
}

/**
 * Requires an array of exactly `length` elements.
 * @throws RangeError otherwise.
 */
export function requireLength(name: string, array: { readonly length: number }, length: number): void {
  if (array.length !== length) throw new RangeError(`${name} must have ${length} elements, has ${array.length}`);
}

/**
 * Requires an inclusive cumulative sum of counts: one element a rank, the first not negative, none below the one
 * before it.
 * @throws RangeError otherwise.
 */
export function requireCumulativeSum(name: string, cumulativeSum: Int32Array, rankCount: number): void {
  requireLength(name, cumulativeSum, rankCount);
  let previous = 0;
  cumulativeSum.forEach((sum, rank) => {
    if (sum < previous) throw new RangeError(`${name}[${rank}] must be at least ${previous}, is ${sum}`);
    previous = sum;
  });
}
