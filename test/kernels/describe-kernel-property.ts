import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Kernels, kernels, loadMutant } from './kernels.js';
import { MUTANTS, type MutantName } from './mutants.js';

/** How often a property is tried, and what it must find. */
export interface KernelPropertyOptions {
  readonly numRuns: number;
  /** Bugs of `mutants.ts`. */
  readonly mutants: readonly MutantName[];
  /** Cases within which the bugs must be found, always the same ones; by default ten times `numRuns`. */
  readonly mutantRuns?: number;
}

/**
 * Tests that a property holds for the ported kernels, and that it finds each of the planted bugs by what the bug is
 * known to do: a property that no bug breaks says nothing.
 */
export function describeKernelProperty(
  name: string,
  propertyOf: (kernels: Kernels) => fc.IProperty<unknown>,
  { numRuns, mutants, mutantRuns = 10 * numRuns }: KernelPropertyOptions,
): void {
  describe(name, () => {
    test('holds', () => fc.assert(propertyOf(kernels), { numRuns }));
    test.each(mutants)('finds the planted bug: %s', async (mutant) => {
      const property = propertyOf(await loadMutant(mutant));
      const report = fc.check(property, { numRuns: mutantRuns, seed: 1, endOnFailure: true });
      expect(report.failed, `no counterexample in ${report.numRuns} cases`).toBe(true);
      expect((report.errorInstance as Error).message).toMatch(MUTANTS[mutant].shows);
    });
  });
}
