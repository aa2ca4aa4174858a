import { describe, expect, test } from 'vitest';
import type { EngineMode } from '../../src/simt/index.js';
import { captureNames, quickCaptureNames, readFixture, replay } from './captures.js';
import { pinnedMatch } from './pinned-bytes.js';

describe.each<{ mode: EngineMode; schedule: string; names: readonly string[] }>([
  { mode: 'fast', schedule: 'random:1', names: captureNames },
  { mode: 'fast', schedule: 'random:2,order=shuffle:1', names: quickCaptureNames },
  { mode: 'fast', schedule: 'rr,order=reverse', names: quickCaptureNames },
  { mode: 'fast', schedule: 'blocked', names: quickCaptureNames },
  { mode: 'step', schedule: 'random:1,granule=8', names: quickCaptureNames },
])('the schedule changes no byte: $schedule, $mode', ({ mode, schedule, names }) => {
  test.each(names)('%s', (name) => {
    const { machine, ...result } = replay(readFixture(name), schedule, mode);
    expect(result).toMatchObject(pinnedMatch(name));
    expect(machine.mode).toBe(mode);
  });
});
