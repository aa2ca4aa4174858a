import { describe, expect, test } from 'vitest';
import { captureNames, readFixture, replay } from './captures.js';
import { PINNED_BYTES, pinnedMatch } from './pinned-bytes.js';

test('the pinned captures are the recorded ones', () => {
  expect([...captureNames]).toEqual(Object.keys(PINNED_BYTES));
});

describe('simulated and recorded bytes are the same, round robin', () => {
  test.each(captureNames)('%s', (name) => {
    expect(replay(readFixture(name), 'rr')).toMatchObject(pinnedMatch(name));
  });
});
