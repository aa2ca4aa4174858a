import { describe, expect, test } from 'vitest';
import { StaleReadChecker } from '../../src/check/index.js';
import { createMachine } from '../../src/modes/index.js';
import { registerProgram } from '../../src/program/index.js';
import type { Kernel } from '../../src/simt/index.js';
import { compiled } from '../step/programs.js';
import { type Calls, runCalls } from './all-to-all-runs.js';
import type { StaleArgs } from './stale-kernels.js';
import * as kernels from './stale-kernels.js';

for (const [name, kernel] of Object.entries(kernels)) {
  registerProgram(kernel as Kernel<never>, compiled('test/check/stale-kernels.ts', name));
}

const SCHEDULES = ['rr', 'blocked', 'rr,order=reverse', 'random:1', 'random:2,granule=8', 'random:3,granule=1'];

function staleReads(kernel: Kernel<StaleArgs>, schedule: string, launches: number) {
  const checker = new StaleReadChecker();
  const machine = createMachine({ mode: 'step', schedule, step: { observer: checker } });
  const words = machine.memory.allocate('words', 'u32', 16, { zeroed: true });
  const stream = machine.stream();
  for (let launch = 0; launch < launches; launch++) stream.launch(kernel, { grid: 1, block: 64 }, { words });
  expect(machine.run().verdict).toBe('completes');
  return checker.findings;
}

describe('a stale read', () => {
  test('is found, with both places', () => {
    const found = staleReads(kernels.readsTooSoon, 'rr', 2);
    expect(found).toHaveLength(1);
    expect(found[0]).toMatchObject({
      kind: 'stale read',
      word: "byte 0 of 'words'",
      read: { warp: 1, lane: 0, operation: 'ld.volatile.global.u32' },
      write: { warp: 0, lane: 0, operation: 'st.volatile.global.u32' },
      count: 1,
    });
    expect(found[0]!.write.frames[0]!.line).toBeGreaterThan(found[0]!.read.frames[0]!.line);
    expect(staleReads(kernels.readsTooSoon, 'rr', 4)).toMatchObject([{ count: 3 }]);
  });

  test('is none in the first launch', () => {
    for (const schedule of SCHEDULES) expect(staleReads(kernels.readsTooSoon, schedule, 1)).toEqual([]);
  });

  test.each([kernels.polls, kernels.counts])('%o has none', (kernel) => {
    for (const schedule of SCHEDULES) expect(staleReads(kernel, schedule, 3)).toEqual([]);
  });
});

describe('two calls of the all-to-all on one workspace', () => {
  const SHAPES: readonly Calls[] = [
    {
      epSize: 2,
      sends: [
        [0, 3],
        [3, 0],
      ],
      calls: 2,
    },
    {
      epSize: 2,
      sends: [
        [1, 5],
        [4, 2],
      ],
      calls: 2,
      depth: 4,
      scanThreads: 32,
    },
    {
      epSize: 2,
      sends: [
        [0, 2],
        [3, 1],
      ],
      calls: 2,
      packetsPerVector: 2,
      packetsPerEntry: 2,
      depth: 8,
    },
  ];
  const run = (calls: Calls, schedule: string) => {
    const checker = new StaleReadChecker();
    const { isRight } = runCalls(calls, schedule, null, () => {}, [checker]);
    return { isRight, found: checker.findings };
  };

  test('flags and counters of the last one are polled, and that is no finding', () => {
    for (const calls of SHAPES) {
      const schedules = Array.from({ length: 14 }, (_, seed) => `random:${seed},granule=${seed % 2 === 0 ? 32 : 8}`);
      for (const schedule of ['rr', 'blocked', 'rr,order=reverse', ...schedules])
        expect({ schedule, ...run(calls, schedule) }).toEqual({ schedule, isRight: true, found: [] });
    }
  });

  test('with lines torn, what the last one has left is taken for new', () => {
    const runs = Array.from({ length: 10 }, (_, seed) => run(SHAPES[0]!, `random:${seed},granule=1`));
    expect(runs.flatMap(({ found }) => found)).not.toEqual([]);
    for (const { isRight, found } of runs) if (found.length > 0) expect(isRight).toBe(false);
  });
});
