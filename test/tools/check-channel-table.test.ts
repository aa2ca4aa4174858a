import { expect, test } from 'vitest';
import { checkChannelTable } from '../../src/index.js';

// 16 SMs, 8 ranks: 2 blocks a channel, half of the SMs: 4 channels; 4 * 8 FIFOs of 2 MiB, each with a 256-byte record.
const right = { channelCount: 4, workspaceBytesPerRank: 32 * (2 ** 21 + 256) };

test('a table as the host code computes it has no differences', () => {
  expect(checkChannelTable({ maxUsableSmCount: 16, rows: new Map([[8, right]]) })).toEqual([]);
});

test('each value that is wrong is named', () => {
  const rows = new Map([
    [8, right],
    [1, { channelCount: 5, workspaceBytesPerRank: 7 }],
  ]);
  expect(checkChannelTable({ maxUsableSmCount: 16, rows })).toEqual([
    { epSize: 1, what: 'channel count', expected: 5, got: 4 },
    { epSize: 1, what: 'workspace bytes per rank', expected: 7, got: 4 * (2 ** 21 + 256) },
  ]);
});

test('too few SMs are refused as the host code does', () => {
  expect(() => checkChannelTable({ maxUsableSmCount: 1, rows: new Map([[8, right]]) })).toThrow('at lease one channel');
});
