import { describe, expect, test } from 'vitest';
import type { EngineMode } from '../../src/simt/index.js';
import { captureNames, readFixture, replay } from './captures.js';
import { pinnedMatch } from './pinned-bytes.js';
import { lawfulSchedules } from './schedules.js';

/** Replays every capture of a folder of `fixtures/` in every mode, under every kind of schedule under which its call ends. */
export function describeReplays(folder: string): void {
  describe.each(captureNames.filter((name) => name.startsWith(`${folder}/`)))('%s', (name) => {
    const capture = readFixture(name);
    describe.each<EngineMode>(['fast', 'step', 'ref'])('%s', (mode) => {
      test.each(lawfulSchedules(capture))('%s', (schedule) => {
        expect(replay(capture, schedule, mode)).toMatchObject(pinnedMatch(name));
      });
    });
  });
}
