import { expect, test } from 'vitest';
import { codeFilesUnder, readSources } from '../support/files.js';
import { kernels, loadMutant } from './kernels.js';
import { MUTANTS } from './mutants.js';

test('the text to replace occurs exactly once', () => {
  for (const [name, { file, replace }] of Object.entries(MUTANTS)) {
    const path = `src/kernels/${file}`;
    expect({ name, occurrences: readSources([path]).get(path)!.split(replace).length - 1 }).toEqual({
      name,
      occurrences: 1,
    });
  }
});

test('every mutant is planted by some test or the campaign', () => {
  const tests = [...readSources(codeFilesUnder('test/kernels'))].filter(([path]) => !path.endsWith('mutants.ts'));
  const planted = tests.map(([, text]) => text).join('\n');
  expect(Object.keys(MUTANTS).filter((name) => !planted.includes(`'${name}'`))).toEqual([]);
});

test('a mutant is a second set of kernels, with one change, on the same machine', async () => {
  const mutant = await loadMutant('indices: ffs off by one');
  expect(Object.keys(mutant)).toEqual(Object.keys(kernels));
  expect(mutant.computeSendRecvIndicesKernel).not.toBe(kernels.computeSendRecvIndicesKernel);
  expect(String(mutant.moeLocalGather)).toBe(String(kernels.moeLocalGather));
  expect(await loadMutant('indices: ffs off by one')).toEqual(mutant);
});

test('an unknown mutant is refused', async () => {
  await expect(loadMutant('no such bug' as never)).rejects.toThrow("there is no mutant 'no such bug'");
});
