import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { decodeChannelTable } from '../../src/capture/index.js';
import { MoeCommHost } from '../../src/kernels/index.js';
import { fixturePath, fixturesEndingIn } from './captures.js';

/** SMs of the recording device. */
const multiProcessorCount = 132;

const tables = fixturesEndingIn('.json').map((name) => decodeChannelTable(readFileSync(fixturePath(name)), name));

test('five limits were recorded', () => {
  expect(tables.map((table) => table.maxUsableSmCount).sort((a, b) => a - b)).toEqual([16, 24, 66, 108, 132]);
});

describe.each(tables)('limit of $maxUsableSmCount SMs', ({ maxUsableSmCount, rows }) => {
  test('the host code computes the recorded channel counts and workspace sizes', () => {
    expect(rows.size).toBeGreaterThan(50);
    const host = new MoeCommHost({ multiProcessorCount });
    host.setMaxUsableSmCount(maxUsableSmCount);
    for (const [epSize, { channelCount, workspaceBytesPerRank }] of rows) {
      expect({ epSize, channelCount: host.getMoeCommChannelCount(epSize) }).toEqual({ epSize, channelCount });
      expect({ epSize, bytes: host.getMoeCommWorkspaceSize(epSize) }).toEqual({
        epSize,
        bytes: BigInt(workspaceBytesPerRank),
      });
    }
  });
});
