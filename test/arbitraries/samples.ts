import fc from 'fast-check';

/** `count` values of an arbitrary, always the same. */
export function samples<T>(arbitrary: fc.Arbitrary<T>, count: number): readonly T[] {
  return fc.sample(arbitrary, { numRuns: count, seed: 1 });
}

/**
 * The minimal values, without duplicates and as fast-check prints them, that shrinking reaches from ten failures of
 * `holds`.
 */
export function minimalFailures<T>(arbitrary: fc.Arbitrary<T>, holds: (value: T) => boolean): readonly string[] {
  const found = Array.from({ length: 10 }, (_, seed) => {
    const { counterexample } = fc.check(fc.property(arbitrary, holds), { seed, numRuns: 5000 });
    return counterexample === null ? 'none found' : fc.stringify(counterexample[0]);
  });
  return [...new Set(found)];
}
