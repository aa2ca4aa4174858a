import { expect, test } from 'vitest';
import { describeOutcome } from '../../src/simt/index.js';
import { FEATURES } from './features.js';
import { kernelOfSeed } from './kernel-arbitrary.js';
import { OPERATORS } from './operators.js';
import { printKernel } from './print-kernel.js';
import { describeCase, evaluate, firstDifference, LIMITS, run } from './run-modes.js';

const KERNELS = 2_000;

test('each feature is in one of a hundred kernels at least', () => {
  const counts = new Map<string, number>();
  for (let seed = 0; seed < KERNELS; seed++) {
    for (const feature of printKernel(kernelOfSeed(seed)).features) counts.set(feature, (counts.get(feature) ?? 0) + 1);
  }
  const known = [...FEATURES, ...OPERATORS.keys()];
  const percent = (feature: string) => (100 * (counts.get(feature) ?? 0)) / KERNELS;
  if (process.env.SHOW_FEATURES !== undefined)
    console.log(
      [...counts.keys()]
        .sort((a, b) => percent(a) - percent(b))
        .map((f) => `${percent(f).toFixed(1)} % ${f}`)
        .join('\n'),
    );
  expect(known.filter((feature) => percent(feature) < 1)).toEqual([]);
  expect([...counts.keys()].filter((feature) => !known.includes(feature))).toEqual([]);
});

/** Else the modes could differ although none of them is wrong. */
test('what a kernel writes does not depend on the schedule', () => {
  const schedules = ['rr', 'blocked', 'random:1', 'random:2,granule=8', 'random:3,granule=1,resident=1,order=reverse'];
  for (let seed = 0; seed < 200; seed++) {
    const c = kernelOfSeed(seed);
    const { source } = printKernel(c);
    const kernel = evaluate(source);
    const [first, ...others] = schedules.map((schedule) => run(kernel, c, 'ref', { schedule }));
    expect(describeOutcome(first!.outcome, LIMITS), describeCase(c, source)).toMatch(/^completes/);
    for (const other of others) expect(firstDifference(first!, other), describeCase(c, source)).toBe(null);
  }
});
