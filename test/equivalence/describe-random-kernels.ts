import { describe, test } from 'vitest';
import { assertEquivalence } from './equivalence.js';
import { faultyKernels, kernels } from './kernel-arbitrary.js';

/** The suite's share of random kernels is spread over several files, which run side by side. */
export function describeRandomKernels(part: number): void {
  describe('modes ref, step and fast', () => {
    test('do the same', () => assertEquivalence(kernels(), { seed: 20_000 + part, numRuns: 1_000 }));

    test('fail in the same way', () => assertEquivalence(faultyKernels(), { seed: 30_000 + part, numRuns: 150 }));
  });
}
