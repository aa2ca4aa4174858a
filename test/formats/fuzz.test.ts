import { expect, test } from 'vitest';
import { useTemporaryFolder } from '../cli/support.js';
import { FUZZ_TARGETS, fileTargets, fuzz, PLANTED } from './fuzz.js';

test.each(FUZZ_TARGETS)('$name: 2,000 mutated files are read or refused', (target) => {
  const { read, refused } = fuzz(target, 2000);
  expect(read).toBeGreaterThan(20);
  expect(refused).toBeGreaterThan(200);
});

const folder = useTemporaryFolder();

test.each([0, 1])('text, target %i: 2,000 mutated files are read or refused', (index) => {
  const { read, refused } = fuzz(fileTargets(folder())[index]!, 2000);
  expect(read).toBeGreaterThan(20);
  expect(refused).toBeGreaterThan(200);
});

test.each(PLANTED)('finds $name', (target) => {
  expect(() => fuzz(target, 2000)).toThrow(/seed \d+/);
});

test.each(FUZZ_TARGETS)('$name: cut short anywhere is refused', ({ valid, read }) => {
  for (const bytes of valid) {
    for (let length = 0; length < bytes.length; length++) {
      expect(() => [...read(bytes.subarray(0, length))]).toThrow('fuzzed');
    }
  }
});
