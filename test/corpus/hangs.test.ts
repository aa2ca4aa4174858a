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
  /** Of every run: the cause is the same whatever the mode and the schedule. */
  const sentences = new Set<string | undefined>();

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
    const { rootCause } = explainHang(machine);
    expect(rootCause?.cause).toBe(cause);
    sentences.add(rootCause?.sentence);
    expect(sentences.size).toBe(1);
  });
});
