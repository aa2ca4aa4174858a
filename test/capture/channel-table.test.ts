import { expect, test } from 'vitest';
import { CaptureError, decodeChannelTable } from '../../src/capture/index.js';

const ROWS = '"ep_size -> [channel_count, workspace_bytes_per_rank]"';
const decode = (text: string) => decodeChannelTable(new TextEncoder().encode(text), 'channels.json');

test('a table is read in order of ep_size', () => {
  const table = decode(`{"max_usable_sm_count": 132, ${ROWS}: {"64": [4, 536936448], "8": [33, 553715712]}}`);
  expect(table.maxUsableSmCount).toBe(132);
  expect([...table.rows]).toEqual([
    [8, { channelCount: 33, workspaceBytesPerRank: 553715712 }],
    [64, { channelCount: 4, workspaceBytesPerRank: 536936448 }],
  ]);
});

test.each([
  { text: '{', problem: 'the channel table is not JSON' },
  { text: '[]', problem: 'the channel table must be a JSON object, but is an array' },
  { text: '{}', problem: 'max_usable_sm_count must be an integer > 0, but is missing' },
  {
    text: '{"max_usable_sm_count": "4"}',
    problem: 'max_usable_sm_count must be an integer > 0, but is "4"',
  },
  {
    text: '{"max_usable_sm_count": 4}',
    problem: '"ep_size -> [channel_count, workspace_bytes_per_rank]" must be an object, but is missing',
  },
  {
    text: `{"max_usable_sm_count": 4, ${ROWS}: {}, "more": 1}`,
    problem: '"more" does not belong in a channel table',
  },
  {
    text: `{"max_usable_sm_count": 4, ${ROWS}: {"01": [1, 2]}}`,
    problem: 'the ep_size of a row must be an integer > 0, but is "01"',
  },
  {
    text: `{"max_usable_sm_count": 4, ${ROWS}: {"1": [1, 2], "1": [1, 2]}}`,
    problem: 'the channel table gives the name "1" twice',
  },
  {
    text: `{"max_usable_sm_count": 4, ${ROWS}: {"1": [0, 2]}}`,
    problem: 'the row of ep_size 1 must be [channel_count, workspace_bytes_per_rank], two integers > 0, but is [0, 2]',
  },
  {
    text: `{"max_usable_sm_count": 4, ${ROWS}: {"1": {}}}`,
    problem:
      'the row of ep_size 1 must be [channel_count, workspace_bytes_per_rank], two integers > 0, but is an object',
  },
])('$text: $problem', ({ text, problem }) => {
  expect(() => decode(text)).toThrow(new CaptureError('channels.json', null, problem));
});

test('a table that is not UTF-8 is refused', () => {
  expect(() => decodeChannelTable(Uint8Array.of(0xff), 'channels.json')).toThrow(
    'channels.json: the channel table is not UTF-8',
  );
});
