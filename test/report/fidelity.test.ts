import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { moeAllToAllKernel, moeLocalGatherDevice } from '../../src/kernels/index.js';
import { programOf } from '../../src/program/index.js';
import { ASSUMED, MODELLED, NOT_MODELLED, receiptOf } from '../../src/report/index.js';
import { parseSchedule } from '../../src/simt/index.js';
import { repositoryRoot } from '../support/files.js';

const text = readFileSync(join(repositoryRoot, 'docs/FIDELITY.md'), 'utf8');

/** The rows of the first table below a heading. */
function rowsOf(heading: string): string[] {
  const lines = text.slice(text.indexOf(`\n## ${heading}\n`)).split('\n');
  const first = lines.indexOf('|---|---|') + 1;
  const count = lines.slice(first).findIndex((line) => !line.startsWith('|'));
  return lines.slice(first, first + count);
}

test.each([
  ['Modelled exactly', MODELLED],
  ['Assumed', ASSUMED],
  ['Not modelled', NOT_MODELLED],
])('docs/FIDELITY.md, %s: the rows of src/report/fidelity.ts', (heading, entries) => {
  expect(entries.length).toBeGreaterThan(10);
  expect(rowsOf(heading)).toEqual(entries.map(({ name, text: how }) => `| ${name} | ${how} |`));
});

describe('the receipt of a run', () => {
  const namesOf = (entries: readonly { readonly name: string }[]): string[] => entries.map(({ name }) => name);

  test('tells what its kernels use', () => {
    const allToAll = receiptOf(parseSchedule('rr'), [programOf(moeAllToAllKernel)!]);
    expect(namesOf(allToAll.modelled)).toContain('barriers');
    expect(namesOf(allToAll.unused)).toEqual(['cooperative-groups tiles', '`cub::BlockScan<int, N>`']);
    const gather = receiptOf(parseSchedule('rr'), [programOf(moeLocalGatherDevice)!]);
    expect(namesOf(gather.modelled)).toContain('cooperative-groups tiles');
    expect(namesOf(gather.unused)).toContain('barriers');
  });

  test.each([
    ['rr', []],
    ['rr,granule=1', ['whole lines']],
    ['random:1,stores=7', ['sequential consistency']],
    ['rr,granule=1,links=7', ['sequential consistency', 'whole lines']],
  ])('under %s drops %j', (token, dropped) => {
    const { assumed } = receiptOf(parseSchedule(token), null);
    expect(assumed).toHaveLength(ASSUMED.length);
    expect(namesOf(assumed.filter(({ droppedBy }) => droppedBy !== null))).toEqual(dropped);
  });
});
