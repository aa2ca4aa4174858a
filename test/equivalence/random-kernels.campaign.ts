import fc from 'fast-check';
import { describe, test } from 'vitest';
import { assertEquivalence } from './equivalence.js';
import { faultyKernels, kernelOfSeed, kernels } from './kernel-arbitrary.js';
import { firstDifference, load, run } from './run-modes.js';

/**
 * More random kernels than the test suite has time for: `npm run campaign`. Other ones each time it is run with another
 * CAMPAIGN_SEED; CAMPAIGN_RUNS kernels a part.
 */
const SEED = Number(process.env.CAMPAIGN_SEED ?? 1);
const RUNS = Number(process.env.CAMPAIGN_RUNS ?? 5_000);
const parts = [1, 2, 3, 4, 5, 6, 7, 8];

describe.each(parts)('random kernels, part %i', (part) => {
  test('the modes do the same', () => assertEquivalence(kernels(), { seed: SEED * 100 + part, numRuns: RUNS }));

  test('the modes fail in the same way', () =>
    assertEquivalence(faultyKernels(), { seed: SEED * 100 + part, numRuns: RUNS / 5 }));

  /** The generator itself: what a kernel writes does not depend on the schedule. */
  test('all schedules of mode fast give the same', () => {
    const schedules = ['rr', 'blocked', 'random:5', 'random:3,resident=1,order=reverse'];
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 31 - 1 }), (seed) => {
        const c = kernelOfSeed(seed);
        const { kernel } = load(c);
        const [first, ...others] = schedules.map((schedule) => run(kernel, c, 'fast', { schedule }));
        for (const other of others) {
          const difference = firstDifference(first!, other);
          if (difference !== null) throw new Error(difference);
        }
      }),
      { seed: SEED * 100 + part, numRuns: RUNS / 5, endOnFailure: true },
    );
  });
});
