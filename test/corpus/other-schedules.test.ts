import { describe, expect, test } from 'vitest';
import { captureNames, readFixture, replay } from './captures.js';
import { pinnedMatch } from './pinned-bytes.js';

/** These take a second or more each; `npm run campaign` runs them, too. */
const SLOW = [
  'all-to-all/ep2-bf16x512-132sm',
  'all-to-all/ep2-bf16x62400-wrap',
  'all-to-all/ep8-f16x64',
  'prepare-indices/ep1024-k8-r1000-t2',
  'prepare-indices/ep33-k16-r32-t70',
  'prepare-indices/ep64-k8-r40-t16',
  'prepare-indices/ep72-k9-r71-t9-real',
];

describe.each(['random:1', 'random:2', 'random:3', 'blocked'])('the schedule changes no byte: %s', (schedule) => {
  test.each(captureNames.filter((name) => !SLOW.includes(name)))('%s', (name) => {
    expect(replay(readFixture(name), schedule)).toMatchObject(pinnedMatch(name));
  });
});
