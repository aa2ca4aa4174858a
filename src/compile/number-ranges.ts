/** What a JavaScript number may be. */
export interface NumberRange {
  readonly lo: number;
  readonly hi: number;
  readonly isInteger: boolean;
  readonly mayBeNegativeZero: boolean;
  readonly mayBeNaN: boolean;
}

const I32_LEAST = -(2 ** 31);
const I32_MOST = 2 ** 31 - 1;
const U32_MOST = 2 ** 32 - 1;
/** Up to here every integer is a double. */
const EXACT = 2 ** 53;

export const integers = (lo: number, hi: number): NumberRange => ({
  lo,
  hi,
  isInteger: true,
  mayBeNegativeZero: false,
  mayBeNaN: false,
});

export const I32 = integers(I32_LEAST, I32_MOST);
export const U32 = integers(0, U32_MOST);
export const ANY_NUMBER: NumberRange = {
  lo: -Infinity,
  hi: Infinity,
  isInteger: false,
  mayBeNegativeZero: true,
  mayBeNaN: true,
};

export const constantNumber = (value: number): NumberRange =>
  Number.isNaN(value)
    ? ANY_NUMBER
    : {
        lo: value,
        hi: value,
        isInteger: Number.isInteger(value),
        mayBeNegativeZero: Object.is(value, -0),
        mayBeNaN: false,
      };

const isWithin = (range: NumberRange, lo: number, hi: number): boolean =>
  range.isInteger && !range.mayBeNaN && range.lo >= lo && range.hi <= hi;

export const fitsI32 = (range: NumberRange): boolean => isWithin(range, I32_LEAST, I32_MOST);
export const fitsU32 = (range: NumberRange): boolean => isWithin(range, 0, U32_MOST);
/** Integers that a double holds exactly. */
export const isExact = (range: NumberRange): boolean => isWithin(range, -EXACT, EXACT);

export const joinNumbers = (a: NumberRange, b: NumberRange): NumberRange => ({
  lo: Math.min(a.lo, b.lo),
  hi: Math.max(a.hi, b.hi),
  isInteger: a.isInteger && b.isInteger,
  mayBeNegativeZero: a.mayBeNegativeZero || b.mayBeNegativeZero,
  mayBeNaN: a.mayBeNaN || b.mayBeNaN,
});

export const isSameRange = (a: NumberRange, b: NumberRange): boolean =>
  a.lo === b.lo &&
  a.hi === b.hi &&
  a.isInteger === b.isInteger &&
  a.mayBeNegativeZero === b.mayBeNegativeZero &&
  a.mayBeNaN === b.mayBeNaN;

const UP = [0, 1, 1024, I32_MOST, U32_MOST, EXACT, Infinity];
const DOWN = [0, -1, I32_LEAST, -EXACT, -Infinity];

/** `next`, with bounds that grew moved on to the next threshold, so that growing ends. */
export const widenNumbers = (before: NumberRange, next: NumberRange): NumberRange => ({
  ...next,
  lo: next.lo < before.lo ? DOWN.find((limit) => limit <= next.lo)! : next.lo,
  hi: next.hi > before.hi ? UP.find((limit) => limit >= next.hi)! : next.hi,
});

const make = (
  lo: number,
  hi: number,
  isInteger: boolean,
  mayBeNegativeZero: boolean,
  mayBeNaN: boolean,
): NumberRange =>
  Number.isNaN(lo) || Number.isNaN(hi)
    ? { ...ANY_NUMBER, isInteger: false }
    : { lo, hi, isInteger, mayBeNegativeZero, mayBeNaN };

const hasZero = ({ lo, hi }: NumberRange): boolean => lo <= 0 && hi >= 0;
const isBounded = ({ lo, hi }: NumberRange): boolean => Number.isFinite(lo) && Number.isFinite(hi);
const magnitude = ({ lo, hi }: NumberRange): number => Math.max(Math.abs(lo), Math.abs(hi));

/** Bounds of `operation` over the corners of two ranges. */
function corners(a: NumberRange, b: NumberRange, operation: (x: number, y: number) => number): [number, number] {
  const values = [operation(a.lo, b.lo), operation(a.lo, b.hi), operation(a.hi, b.lo), operation(a.hi, b.hi)];
  if (values.some(Number.isNaN)) return [-Infinity, Infinity];
  return [Math.min(...values), Math.max(...values)];
}

/** `a + b`; `a - b` is `a + -b`. */
export function addRanges(a: NumberRange, b: NumberRange): NumberRange {
  const mayBeNaN = a.mayBeNaN || b.mayBeNaN || !(isBounded(a) || isBounded(b));
  const lo = a.lo + b.lo;
  const hi = a.hi + b.hi;
  const isInteger = a.isInteger && b.isInteger;
  const isNegativeZero = a.mayBeNegativeZero && b.mayBeNegativeZero;
  return make(Number.isNaN(lo) ? -Infinity : lo, Number.isNaN(hi) ? Infinity : hi, isInteger, isNegativeZero, mayBeNaN);
}

export function negateRange(a: NumberRange): NumberRange {
  return { ...a, lo: 0 - a.hi, hi: 0 - a.lo, mayBeNegativeZero: hasZero(a) };
}

export function multiplyRanges(a: NumberRange, b: NumberRange): NumberRange {
  const [lo, hi] = corners(a, b, (x, y) => x * y);
  const isNegativeZero =
    (hasZero(a) && b.lo < 0) ||
    (hasZero(b) && a.lo < 0) ||
    a.mayBeNegativeZero ||
    b.mayBeNegativeZero ||
    (!(a.isInteger && b.isInteger) && (a.lo < 0 || b.lo < 0));
  const mayBeNaN = a.mayBeNaN || b.mayBeNaN || (hasZero(a) && !isBounded(b)) || (hasZero(b) && !isBounded(a));
  return make(lo, hi, a.isInteger && b.isInteger, isNegativeZero, mayBeNaN);
}

export function divideRanges(a: NumberRange, b: NumberRange): NumberRange {
  const mayBeNaN = a.mayBeNaN || b.mayBeNaN || hasZero(b) || (!isBounded(a) && !isBounded(b));
  const isNegativeZero = a.lo < 0 || b.lo < 0 || a.mayBeNegativeZero || b.mayBeNegativeZero;
  if (hasZero(b)) return make(-Infinity, Infinity, false, true, mayBeNaN);
  const [lo, hi] = corners(a, b, (x, y) => x / y);
  return make(lo, hi, false, isNegativeZero, mayBeNaN);
}

export function remainderRange(a: NumberRange, b: NumberRange): NumberRange {
  const mayBeNaN = a.mayBeNaN || b.mayBeNaN || hasZero(b) || !isBounded(a);
  const isInteger = a.isInteger && b.isInteger;
  const most = Math.min(magnitude(a), Math.max(0, magnitude(b) - (isInteger ? 1 : 0)));
  const isNegative = a.lo < 0 || a.mayBeNegativeZero;
  return make(a.lo < 0 ? -most : 0, a.hi > 0 ? most : 0, isInteger, isNegative, mayBeNaN);
}

/** Math.floor, Math.ceil, Math.trunc. */
export function roundRange(a: NumberRange, round: (x: number) => number): NumberRange {
  const isNegativeZero = a.mayBeNegativeZero || (!a.isInteger && a.lo < 0);
  return make(round(a.lo) + 0, round(a.hi) + 0, isBounded(a) || a.isInteger, isNegativeZero, a.mayBeNaN);
}

export function absoluteRange(a: NumberRange): NumberRange {
  const lo = hasZero(a) ? 0 : Math.min(Math.abs(a.lo), Math.abs(a.hi));
  return make(lo, magnitude(a), a.isInteger, false, a.mayBeNaN);
}

export function extremeRange(a: NumberRange, b: NumberRange, extreme: (x: number, y: number) => number): NumberRange {
  return {
    ...joinNumbers(a, b),
    lo: extreme(a.lo, b.lo),
    hi: extreme(a.hi, b.hi),
  };
}

/** `a | 0`. */
export function toI32Range(a: NumberRange): NumberRange {
  const isSmall = !a.mayBeNaN && Math.trunc(a.lo) >= I32_LEAST && Math.trunc(a.hi) <= I32_MOST;
  return isSmall ? integers(Math.trunc(a.lo) + 0, Math.trunc(a.hi) + 0) : I32;
}

/** `a >>> 0`. */
export function toU32Range(a: NumberRange): NumberRange {
  const isSmall = !a.mayBeNaN && Math.trunc(a.lo) >= 0 && Math.trunc(a.hi) <= U32_MOST;
  return isSmall ? integers(Math.trunc(a.lo) + 0, Math.trunc(a.hi) + 0) : U32;
}

/** All bits below and including the highest that a range of words of at least 0 has. */
const bitsBelow = (most: number): number => (most <= 0 ? 0 : 2 ** (32 - Math.clz32(most)) - 1);

/** `a & b`, `a | b`, `a ^ b` of signed words. */
export function bitwiseRange(operator: 'and' | 'or' | 'xor', first: NumberRange, second: NumberRange): NumberRange {
  const a = toI32Range(first);
  const b = toI32Range(second);
  if (a.lo === a.hi && b.lo === b.hi) {
    const value = operator === 'and' ? a.lo & b.lo : operator === 'or' ? a.lo | b.lo : a.lo ^ b.lo;
    return integers(value, value);
  }
  if (operator === 'and') {
    if (a.lo >= 0 && b.lo >= 0) return integers(0, Math.min(a.hi, b.hi));
    if (a.lo >= 0) return integers(0, a.hi);
    if (b.lo >= 0) return integers(0, b.hi);
  } else if (a.lo >= 0 && b.lo >= 0) return integers(0, bitsBelow(Math.max(a.hi, b.hi)));
  return I32;
}

/** `a << b`, `a >> b`, `a >>> b`. */
export function shiftRange(operator: 'shl' | 'shr' | 'ushr', value: NumberRange, count: NumberRange): NumberRange {
  const fixed = count.lo === count.hi && count.isInteger ? count.lo & 31 : null;
  if (operator === 'shl') {
    const a = toI32Range(value);
    const isSmallCount = count.isInteger && !count.mayBeNaN && count.lo >= 0 && count.hi <= 31;
    if (fixed === null && !isSmallCount) return I32;
    const [least, most] = fixed === null ? [count.lo, count.hi] : [fixed, fixed];
    const lo = a.lo * 2 ** (a.lo < 0 ? most : least);
    const hi = a.hi * 2 ** (a.hi < 0 ? least : most);
    return lo >= I32_LEAST && hi <= I32_MOST ? integers(lo, hi) : I32;
  }
  if (operator === 'shr') {
    const a = toI32Range(value);
    return fixed === null
      ? integers(Math.min(a.lo, 0), Math.max(a.hi, a.lo < 0 ? -1 : 0, 0))
      : integers(a.lo >> fixed, a.hi >> fixed);
  }
  const a = toU32Range(value);
  return fixed === null ? integers(0, a.hi) : integers(a.lo >>> fixed, a.hi >>> fixed);
}

export function wordProductRange(a: NumberRange, b: NumberRange): NumberRange {
  const product = multiplyRanges(toI32Range(a), toI32Range(b));
  return fitsI32(product) ? integers(product.lo, product.hi) : I32;
}

/** `(a / b) | 0` of words, `b` not 0. */
export function wordQuotientRange(a: NumberRange, b: NumberRange): NumberRange {
  if (a.lo >= 0 && b.lo >= 0)
    return toI32Range(integers(Math.floor(a.lo / Math.max(1, b.hi)), Math.floor(a.hi / Math.max(1, b.lo))));
  const most = magnitude(a);
  return most > I32_MOST ? I32 : integers(-most, most);
}

/** The part of `a` for which `a OPERATOR b` may hold. Empty: null. */
export function refineNumbers(
  a: NumberRange,
  operator: 'eq' | 'ne' | 'lt' | 'le' | 'gt' | 'ge',
  b: NumberRange,
): NumberRange | null {
  let { lo, hi } = a;
  const step = a.isInteger ? 1 : 0;
  const below = (limit: number) => (a.isInteger ? Math.ceil(limit) - 1 : limit);
  const above = (limit: number) => (a.isInteger ? Math.floor(limit) + 1 : limit);
  switch (operator) {
    case 'eq':
      lo = Math.max(lo, b.lo);
      hi = Math.min(hi, b.hi);
      break;
    case 'ne':
      if (b.lo === b.hi && !b.mayBeNaN) {
        if (lo === b.lo) lo += step;
        if (hi === b.lo) hi -= step;
      }
      return lo > hi ? (a.mayBeNaN ? a : null) : { ...a, lo, hi };
    case 'lt':
      hi = Math.min(hi, below(b.hi));
      break;
    case 'le':
      hi = Math.min(hi, b.hi);
      break;
    case 'gt':
      lo = Math.max(lo, above(b.lo));
      break;
    case 'ge':
      lo = Math.max(lo, b.lo);
      break;
    default:
      operator satisfies never;
  }
  return lo > hi ? null : { ...a, lo, hi, mayBeNaN: false };
}
