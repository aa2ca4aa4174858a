/** What a bigint may be. Bounds beyond {@link FAR} count as infinite. */
export interface BigintRange {
  readonly lo: bigint;
  readonly hi: bigint;
}

const FAR = 1n << 300n;
const U64_MOST = (1n << 64n) - 1n;
const I64_LEAST = -(1n << 63n);
const I64_MOST = (1n << 63n) - 1n;

const clamp = (value: bigint): bigint => (value > FAR ? FAR : value < -FAR ? -FAR : value);
export const bigints = (lo: bigint, hi: bigint): BigintRange => ({ lo: clamp(lo), hi: clamp(hi) });

export const U64 = bigints(0n, U64_MOST);
export const I64 = bigints(I64_LEAST, I64_MOST);
const ANY_BIGINT = bigints(-FAR, FAR);

export const fitsU64 = ({ lo, hi }: BigintRange): boolean => lo >= 0n && hi <= U64_MOST;
export const fitsI64 = ({ lo, hi }: BigintRange): boolean => lo >= I64_LEAST && hi <= I64_MOST;

const least = (a: bigint, b: bigint): bigint => (a < b ? a : b);
const most = (a: bigint, b: bigint): bigint => (a > b ? a : b);

export const joinBigints = (a: BigintRange, b: BigintRange): BigintRange => ({
  lo: least(a.lo, b.lo),
  hi: most(a.hi, b.hi),
});
export const isSameBigints = (a: BigintRange, b: BigintRange): boolean => a.lo === b.lo && a.hi === b.hi;

/** `next`, with bounds that grew moved on to the next limit, so that growing ends. */
export function widenBigints(before: BigintRange, next: BigintRange): BigintRange {
  const up = [0n, 1n << 32n, I64_MOST, U64_MOST, FAR];
  const down = [0n, -(1n << 32n), I64_LEAST, -FAR];
  return {
    lo: next.lo < before.lo ? down.find((limit) => limit <= next.lo)! : next.lo,
    hi: next.hi > before.hi ? up.find((limit) => limit >= next.hi)! : next.hi,
  };
}

const corners = (values: readonly bigint[]): BigintRange => bigints(values.reduce(least), values.reduce(most));

export const addBigints = (a: BigintRange, b: BigintRange): BigintRange => bigints(a.lo + b.lo, a.hi + b.hi);
export const negateBigints = (a: BigintRange): BigintRange => bigints(-a.hi, -a.lo);
export const multiplyBigints = (a: BigintRange, b: BigintRange): BigintRange =>
  corners([a.lo * b.lo, a.lo * b.hi, a.hi * b.lo, a.hi * b.hi]);

const magnitude = ({ lo, hi }: BigintRange): bigint => most(lo < 0n ? -lo : lo, hi < 0n ? -hi : hi);

/** `a / b`, `b` not 0. */
export function divideBigints(a: BigintRange, b: BigintRange): BigintRange {
  if (magnitude(a) >= FAR) return ANY_BIGINT;
  if (b.lo > 0n || b.hi < 0n) return corners([a.lo / b.lo, a.lo / b.hi, a.hi / b.lo, a.hi / b.hi]);
  const size = magnitude(a);
  return bigints(a.lo < 0n || b.lo < 0n ? -size : 0n, size);
}

/** `a % b`, `b` not 0. */
export function remainderBigints(a: BigintRange, b: BigintRange): BigintRange {
  const size = least(magnitude(a), most(0n, magnitude(b) - 1n));
  return bigints(a.lo < 0n ? -size : 0n, a.hi > 0n ? size : 0n);
}

/** 2^k - 1 of at least `value`. */
function bitsBelow(value: bigint): bigint {
  return value <= 0n ? 0n : (1n << BigInt(value.toString(2).length)) - 1n;
}

export function bitwiseBigints(operator: 'and' | 'or' | 'xor', a: BigintRange, b: BigintRange): BigintRange {
  const isPositive = a.lo >= 0n && b.lo >= 0n;
  if (operator === 'and') {
    if (isPositive) return bigints(0n, least(a.hi, b.hi));
    if (a.lo >= 0n) return bigints(0n, a.hi);
    if (b.lo >= 0n) return bigints(0n, b.hi);
  } else if (isPositive) return bigints(0n, bitsBelow(most(a.hi, b.hi)));
  // Two's complement words of as many bits as the larger of them needs: -2^k needs no more than 2^k - 1.
  const size = bitsBelow(most(most(a.hi, -a.lo - 1n), most(b.hi, -b.lo - 1n)));
  return bigints(-size - 1n, size);
}

/** `a << count` for counts in a range; negative ones shift to the right. */
export function shiftBigints(a: BigintRange, count: BigintRange): BigintRange {
  if (magnitude(a) >= FAR) return ANY_BIGINT;
  const limit = (value: bigint) => (value > 300n ? 300n : value < -400n ? -400n : value);
  const counts = [limit(count.lo), limit(count.hi)];
  return corners(counts.flatMap((by) => [a.lo << by, a.hi << by]));
}

/** `BigInt.asUintN(bits, a)`, or `asIntN`. */
export function wrapBigints(a: BigintRange, bits: number, isSigned: boolean): BigintRange {
  const size = 1n << BigInt(bits);
  const range = isSigned ? bigints(-size / 2n, size / 2n - 1n) : bigints(0n, size - 1n);
  return a.lo >= range.lo && a.hi <= range.hi ? a : range;
}
