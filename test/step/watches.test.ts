import { describe, expect, test } from 'vitest';
import { stepEngine } from '../../src/step/index.js';
import { setUpNeighbours } from './neighbours.js';

/** Step and thread of each store to the last 8 bytes of the first output: a plain one, and an atomic. */
function stores(schedule: string, isStep: boolean): string[] {
  const machine = setUpNeighbours(
    { schedule, ...(isStep ? { engine: stepEngine() } : {}) },
    { threads: 64, blocks: 2 },
  );
  const [out] = machine.memory.space.allocations;
  const seen: string[] = [];
  machine.watch(out!.base + 63 * 4, 8, ({ step, thread, frames }) => {
    const { block, threadRank } = thread;
    seen.push(`step ${step} block ${block.blockIdx.x} thread ${threadRank} in ${frames[0]?.functionName}`);
  });
  expect(machine.run().verdict).toBe('completes');
  expect(machine.mode).toBe(isStep ? 'step' : 'ref');
  return seen.sort();
}

describe('a watch reports the stores that mode ref reports', () => {
  test.each(['rr', 'random:1', 'random:2,granule=8'])('%s', (schedule) => {
    const expected = stores(schedule, false);
    expect(expected.length).toBeGreaterThan(100);
    expect(stores(schedule, true)).toEqual(expected);
  });
});
