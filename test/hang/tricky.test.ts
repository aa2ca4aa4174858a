import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { createCompiler, nodeSources } from '../../src/compile/index.js';
import { createMachine } from '../../src/modes/index.js';
import { registerProgram } from '../../src/program/index.js';
import type { EngineMode, Kernel, Machine } from '../../src/simt/index.js';
import type { HangArgs } from './kernels.js';
import * as kernels from './tricky-kernels.js';

const compiler = createCompiler(nodeSources());
const path = fileURLToPath(new URL('tricky-kernels.ts', import.meta.url));

function prepare(kernel: Kernel<HangArgs>, mode: EngineMode, schedule: string): Machine {
  registerProgram(kernel, compiler.compile(path, kernel.name));
  const machine = createMachine({ mode, schedule });
  const words = machine.memory.allocate('words', 'u32', 64, { zeroed: true });
  const counters = machine.memory.allocate('counters', 'u64', 4, { zeroed: true });
  machine.stream().launch(kernel, { grid: 2, block: 96 }, { words, counters });
  return machine;
}

const RUNS = [
  ['ref', 'rr'],
  ['step', 'rr'],
  ['step', 'random:3,granule=8'],
  ['fast', 'rr'],
  ['fast', 'random:3'],
] as const;

describe.each(RUNS)('in mode %s under %s', (mode, schedule) => {
  test.each(
    [kernels.carriesOver, kernels.arrivesInParts, kernels.arrivesInPartsAfterCount].map(
      (kernel) => [kernel.name, kernel] as const,
    ),
  )('%s completes', (_, kernel) => {
    expect(prepare(kernel, mode, schedule).run().verdict).toBe('completes');
  });

  test.each([
    ['BARRIER_COUNT', kernels.badCountAfterCount],
    ['BARRIER_ARRIVALS', kernels.arrivesTwiceAfterCount],
    ['WARP_DIVERGENCE', kernels.mixedOperationsLate],
  ] as const)('an error that is still to come is no hang: %s', (code, kernel) => {
    expect(prepare(kernel, mode, schedule).run()).toMatchObject({ verdict: 'error', error: { code } });
  });

  test.skipIf(mode === 'ref')('a counter that no longer moves makes no livelock', () => {
    expect(prepare(kernels.countedLongAgo, mode, schedule).run().verdict).not.toBe('livelock');
  });
});
