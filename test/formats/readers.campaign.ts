import { expect, test } from 'vitest';
import { useTemporaryFolder } from '../cli/support.js';
import { FUZZ_TARGETS, type FuzzTarget, fileTargets, fuzz } from './fuzz.js';

const folder = useTemporaryFolder();

function campaign(target: FuzzTarget): void {
  const before = process.memoryUsage().rss;
  const begin = performance.now();
  const counts = fuzz(target, 100_000, 1_000_000);
  const seconds = (performance.now() - begin) / 1000;
  const grownMiB = (process.memoryUsage().rss - before) / 2 ** 20;
  console.log(`${target.name}: ${JSON.stringify(counts)}, ${seconds.toFixed(1)} s, ${grownMiB.toFixed(0)} MiB more`);
  expect(counts.read + counts.refused).toBe(100_000);
}

test.each(FUZZ_TARGETS)('$name: 100,000 mutated files are read or refused', campaign);

test.each([0, 1])('text, target %i: 100,000 mutated files are read or refused', (index) => {
  campaign(fileTargets(folder())[index]!);
});
