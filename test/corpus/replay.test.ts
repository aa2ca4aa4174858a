import { describe, expect, test } from 'vitest';
import type { EngineMode } from '../../src/simt/index.js';
import { captureNames, readFixture, replay } from './captures.js';
import { PINNED_BYTES, pinnedMatch } from './pinned-bytes.js';

test('the pinned captures are the recorded ones', () => {
  expect([...captureNames]).toEqual(Object.keys(PINNED_BYTES));
});

describe.each<EngineMode>(['fast', 'step', 'ref'])(
  'simulated and recorded bytes are the same, round robin: %s',
  (mode) => {
    test.each(captureNames)('%s', (name) => {
      const { machine, ...result } = replay(readFixture(name), 'rr', mode);
      expect(result).toMatchObject(pinnedMatch(name));
      expect(machine.mode).toBe(mode);
    });
  },
);
