import { describe, expect, test } from 'vitest';
import { explainHang } from '../../src/explain/index.js';
import type { EngineMode } from '../../src/simt/index.js';
import { HANGS, readFixture, replay } from './captures.js';
import { PINNED_BYTES } from './pinned-bytes.js';

const RUNS: readonly (readonly [mode: EngineMode, schedule: string])[] = [
  ['fast', 'rr'],
  ['fast', 'random:1'],
  ['step', 'random:2,granule=8'],
];

describe.each(Object.entries(HANGS))('%s, which hung on the GPU', (name, cause) => {
  const capture = readFixture(name);

  test.each(RUNS)('is proven to hang, with the same memory: %s, %s', (mode, schedule) => {
    const { result, outcome, comparison, machine } = replay(capture, schedule, mode);
    const [comparedBytes, undefinedBytes] = PINNED_BYTES[name]!;
    const counts = cause === 'vector too large';
    expect(comparison).toEqual({
      comparedBytes,
      differingBytes: 0,
      undefinedBytes,
      counterBytes: counts ? 32 : 0,
      firstDifference: null,
    });
    expect(result).toBe('match');
    expect(outcome.verdict).toBe(counts ? 'livelock' : 'deadlock');
    if (mode === 'step') expect(explainHang(machine).rootCause?.cause).toBe(cause);
  });
});
