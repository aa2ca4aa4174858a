import { describe, expect, test } from 'vitest';
import type { EngineMode } from '../../src/simt/index.js';
import { allCaptureNames, captureNames, quickCaptureNames, readFixture, replay } from './captures.js';
import { PINNED_BYTES, pinnedMatch } from './pinned-bytes.js';

test('the pinned captures are the recorded ones', () => {
  expect([...allCaptureNames]).toEqual(Object.keys(PINNED_BYTES));
});

describe.each<{ mode: EngineMode; names: readonly string[] }>([
  { mode: 'fast', names: captureNames },
  // The others run in step beside ref: test/step/corpus.test.ts.
  { mode: 'step', names: quickCaptureNames },
  { mode: 'ref', names: quickCaptureNames },
])('simulated and recorded bytes are the same, round robin: $mode', ({ mode, names }) => {
  test.each(names)('%s', (name) => {
    const { machine, ...result } = replay(readFixture(name), 'rr', mode);
    expect(result).toMatchObject(pinnedMatch(name));
    expect(machine.mode).toBe(mode);
  });
});
