import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

/**
 * Tests that a property holds for an implementation, and that it fails for every planted bug: a property that no bug
 * breaks says nothing.
 *
 * The planted bugs run with a fixed seed: they must be found, not found now and then.
 */
export function describeProperty<Implementation>(
  name: string,
  propertyOf: (implementation: Implementation) => fc.IProperty<unknown>,
  implementation: Implementation,
  plantedBugs: Readonly<Record<string, Implementation>>,
): void {
  describe(name, () => {
    test('holds', () => fc.assert(propertyOf(implementation), { numRuns: 150 }));
    test.each(Object.entries(plantedBugs))('finds the planted bug: %s', (_, bug) => {
      expect(fc.check(propertyOf(bug), { numRuns: 500, seed: 1, endOnFailure: true }).failed).toBe(true);
    });
  });
}
