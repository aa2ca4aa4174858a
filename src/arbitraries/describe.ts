import fc from 'fast-check';

/**
 * Makes fast-check print `value` as `text()`, a line of what the case was made from, and not as thousands of array
 * elements. The value stays the same object, and equal to one without a description.
 */
export function described<T extends object>(value: T, text: () => string): T {
  return Object.defineProperty(value, fc.toStringMethod, { value: text, enumerable: false });
}

/** At most `limit` elements of an array as text, then how many more there are. */
export function excerpt(elements: ArrayLike<number>, limit = 64): string {
  const shown = Array.from({ length: Math.min(elements.length, limit) }, (_, index) => elements[index]);
  const more = elements.length - shown.length;
  return more > 0 ? `[${shown.join(',')}, and ${more} more]` : `[${shown.join(',')}]`;
}
