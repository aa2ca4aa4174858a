import { describe, test } from 'vitest';
import { assertEquivalence } from './equivalence.js';
import { faultyKernels, kernels } from './kernel-arbitrary.js';

/** The suite's share of random kernels, 2,000 with those that fail, is spread over two files, which run side by side; each test is short. */
export function describeRandomKernels(part: 1 | 2): void {
  describe('modes ref, step and fast', () => {
    test.each([0, 1, 2, 3])('do the same, quarter %i', (quarter) =>
      assertEquivalence(kernels(), { seed: 20_000 + 10 * part + quarter, numRuns: 220 }),
    );

    test('fail in the same way', () => assertEquivalence(faultyKernels(), { seed: 30_000 + part, numRuns: 120 }));
  });
}
