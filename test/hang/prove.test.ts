import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { createCompiler, nodeSources } from '../../src/compile/index.js';
import { proveHang, standingBlocksOf } from '../../src/hang/index.js';
import { createMachine } from '../../src/modes/index.js';
import { registerProgram } from '../../src/program/index.js';
import type { EngineMode, Kernel, Machine } from '../../src/simt/index.js';
import type { HangArgs } from './kernels.js';
import * as kernels from './kernels.js';

const compiler = createCompiler(nodeSources());
const path = fileURLToPath(new URL('kernels.ts', import.meta.url));

function prepare(kernel: Kernel<HangArgs>, mode: EngineMode, schedule: string): Machine {
  registerProgram(kernel, compiler.compile(path, kernel.name));
  const machine = createMachine({ mode, schedule });
  const words = machine.memory.allocate('words', 'u32', 64, { zeroed: true });
  const counters = machine.memory.allocate('counters', 'u64', 4, { zeroed: true });
  machine.stream().launch(kernel, { grid: 2, block: 64 }, { words, counters });
  return machine;
}

const RUNS = [
  ['step', 'rr'],
  ['step', 'random:3,granule=8'],
  ['fast', 'random:3'],
] as const;

/** With names, for the tests'. */
const named = (list: readonly Kernel<HangArgs>[]) => list.map((kernel) => [kernel.name, kernel] as const);

const DEADLOCKS = named([
  kernels.pollForNobody,
  kernels.pollTogether,
  kernels.pollAroundBarriers,
  kernels.lockTwice,
  kernels.waitForEachOther,
  kernels.onePollsOthersWait,
  kernels.storesTheSame,
  kernels.oneThreadPolls,
  kernels.gridBarrier,
  kernels.halfAWarpPolls,
]);

const LIVELOCKS = named([kernels.countsPolls, kernels.countInTurn]);

const ENDING = named([
  kernels.givesUp,
  kernels.givesUpByShared,
  kernels.countsToTheEnd,
  kernels.lateRank,
  kernels.lateRankUnseen,
  kernels.laneSetsFlag,
  kernels.barrierRounds,
]);

describe.each(RUNS)('in mode %s under %s', (mode, schedule) => {
  test.each(DEADLOCKS)('%s is a deadlock, soon', (_, kernel) => {
    const outcome = prepare(kernel, mode, schedule).run();
    expect(outcome.verdict).toBe('deadlock');
    expect(outcome.steps).toBeLessThan(20_000);
  });

  test.each(LIVELOCKS)('%s is a livelock, and says what counts', (_, kernel) => {
    const machine = prepare(kernel, mode, schedule);
    const outcome = machine.run();
    expect(outcome.verdict).toBe('livelock');
    expect(outcome.steps).toBeLessThan(20_000);
    const [, counters] = machine.memory.space.allocations;
    const bytes = kernel === kernels.countInTurn ? 16 : 8;
    expect(outcome).toMatchObject({ counters: [{ address: counters!.base, bytes }] });
  });

  test.each(ENDING)('%s completes', (_, kernel) => {
    expect(prepare(kernel, mode, schedule).run().verdict).toBe('completes');
  });
});

test('a loop that stores the same again and again is a deadlock, though later', () => {
  const outcome = prepare(kernels.storesTheSameVisibly, 'fast', 'rr').run();
  expect(outcome).toMatchObject({ verdict: 'deadlock', steps: 2 ** 20 });
});

describe('at any moment of a run that completes', () => {
  /** Whether a proof is ever claimed; `hide`: the prover does not see block 0. */
  function claims(kernel: Kernel<HangArgs>, schedule: string, hide: boolean): boolean {
    const machine = prepare(kernel, 'step', schedule);
    machine.advance(0);
    for (let steps = 1; machine.advance(steps) === null; steps *= 3) {
      const seen = standingBlocksOf(machine).filter(({ blockIdx }) => !hide || blockIdx.x !== 0);
      if (proveHang(seen).verdict !== null) return true;
    }
    return false;
  }

  test.each(ENDING)('nothing is proven of %s', (_, kernel) => {
    for (const schedule of ['rr', 'random:1,granule=8']) expect(claims(kernel, schedule, false)).toBe(false);
  });

  test('a prover that overlooks a block claims what is not true', () => {
    expect(claims(kernels.lateRank, 'rr', true)).toBe(true);
  });
});
