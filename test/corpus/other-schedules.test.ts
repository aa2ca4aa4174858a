import { describe, expect, test } from 'vitest';
import type { EngineMode } from '../../src/simt/index.js';
import { captureNames, readFixture, replay } from './captures.js';
import { pinnedMatch } from './pinned-bytes.js';

/** These take most of the time in mode `step`; `npm run campaign` runs them, too. */
const SLOW = [
  'all-to-all/ep2-bf16x512-132sm',
  'all-to-all/ep2-bf16x62400-wrap',
  'all-to-all/ep8-f16x64',
  'prepare-indices/ep1024-k8-r1000-t2',
  'prepare-indices/ep33-k16-r32-t70',
  'prepare-indices/ep64-k8-r40-t16',
  'prepare-indices/ep72-k9-r71-t9-real',
];

describe.each<{ mode: EngineMode; schedule: string; names: readonly string[] }>([
  { mode: 'fast', schedule: 'random:1', names: captureNames },
  { mode: 'fast', schedule: 'random:2,order=shuffle:1', names: captureNames },
  { mode: 'fast', schedule: 'rr,order=reverse', names: captureNames },
  { mode: 'fast', schedule: 'blocked', names: captureNames },
  { mode: 'step', schedule: 'random:1,granule=8', names: captureNames.filter((name) => !SLOW.includes(name)) },
  { mode: 'step', schedule: 'blocked', names: captureNames.filter((name) => !SLOW.includes(name)) },
])('the schedule changes no byte: $schedule, $mode', ({ mode, schedule, names }) => {
  test.each(names)('%s', (name) => {
    const { machine, ...result } = replay(readFixture(name), schedule, mode);
    expect(result).toMatchObject(pinnedMatch(name));
    expect(machine.mode).toBe(mode);
  });
});
