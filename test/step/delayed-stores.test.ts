import { describe, expect, test } from 'vitest';
import { createMachine } from '../../src/modes/index.js';
import { registerProgram } from '../../src/program/index.js';
import type { Kernel } from '../../src/simt/index.js';
import { inspectorOf } from '../../src/step/index.js';
import type { LitmusArgs } from './delayed-stores-kernels.js';
import * as kernels from './delayed-stores-kernels.js';
import { compiled } from './programs.js';

for (const [name, kernel] of Object.entries(kernels)) {
  registerProgram(kernel as Kernel<never>, compiled('test/step/delayed-stores-kernels.ts', name));
}

const SEEDS = 150;

interface Shape {
  readonly scope?: number;
  /** A rank is a device; default 1, with two blocks. */
  readonly ranks?: number;
  readonly threads?: number;
  readonly blocks?: number;
}

function begin(kernel: Kernel<LitmusArgs>, shape: Shape, schedule: string, isRecording = false) {
  const { scope = 0, ranks = 1, threads = 32, blocks = ranks === 1 ? 2 : 1 } = shape;
  const machine = createMachine({ schedule, record: isRecording, mode: 'step' });
  const words = machine.memory.allocate('words', 'u32', 64, { zeroed: true });
  const output = machine.memory.allocate('output', 'u32', 2, { zeroed: true });
  for (let rank = 0; rank < ranks; rank++) {
    machine.stream(rank).launch(kernel, { grid: blocks, block: threads }, { rank, words, output, scope });
  }
  const left = () => [words.load(0), words.load(32), output.load(0), output.load(1)];
  return { machine, left };
}

/** What runs leave in `output`, each once. */
function outputs(kernel: Kernel<LitmusArgs>, shape: Shape, memory: string): string[] {
  const found = new Set<string>();
  for (let seed = 0; seed < SEEDS; seed++) {
    const { machine, left } = begin(kernel, shape, `random:${seed},granule=1,${memory}=${seed}`);
    expect(machine.run().verdict).toBe('completes');
    found.add(left().slice(2).join());
  }
  return [...found].sort();
}

const { passesMessage, releasesMessage, passesForTheBlock, meetsAtBarrier, storesThenLoads, readsTwice, counts } =
  kernels;
const OLD_AND_NEW = ['0,0', '1,0'];
const NEW = ['1,0'];

describe('stores that others see later', () => {
  test.each([
    ['message passing, no fence', passesMessage, { threads: 1 }, OLD_AND_NEW],
    ['message passing, a fence of the block', passesMessage, { threads: 1, scope: 1 }, OLD_AND_NEW],
    ['message passing, a fence of the device', passesMessage, { threads: 1, scope: 2 }, NEW],
    ['between ranks, a fence of the device', passesMessage, { threads: 1, ranks: 2, scope: 2 }, OLD_AND_NEW],
    ['between ranks, a fence of the system', passesMessage, { threads: 1, ranks: 2, scope: 3 }, NEW],
    ['a release', releasesMessage, { threads: 1, ranks: 2 }, NEW],
    ['a barrier, then no fence', passesForTheBlock, { threads: 64 }, OLD_AND_NEW],
    ['a barrier, then a fence of the device', passesForTheBlock, { threads: 64, scope: 2 }, NEW],
    ['a barrier, between ranks', passesForTheBlock, { threads: 64, ranks: 2, scope: 2 }, OLD_AND_NEW],
    ['a barrier, between ranks, a fence of the system', passesForTheBlock, { threads: 64, ranks: 2, scope: 3 }, NEW],
    ['a barrier within the block', meetsAtBarrier, { threads: 64, blocks: 1 }, NEW],
    ['store buffering', storesThenLoads, { threads: 1 }, ['0,0', '0,1', '1,0', '1,1']],
    ['store buffering, with fences', storesThenLoads, { threads: 1, scope: 2 }, ['0,1', '1,0', '1,1']],
    ['coherence', readsTwice, { threads: 1 }, ['0,0', '1,0', '11,0', '12,0', '2,0', '22,0']],
    ['read-modify-writes', counts, { threads: 1 }, ['15,0']],
  ] as const)('%s', (_, kernel, shape, expected) => {
    expect(outputs(kernel, shape, 'stores')).toEqual(expected);
  });
});

describe('links that are late', () => {
  test.each([
    ['within a rank nothing is', passesMessage, { threads: 1 }, NEW],
    ['between ranks, no fence', passesMessage, { threads: 1, ranks: 2 }, OLD_AND_NEW],
    ['between ranks, a fence of the device', passesMessage, { threads: 1, ranks: 2, scope: 2 }, OLD_AND_NEW],
    ['between ranks, a fence of the system', passesMessage, { threads: 1, ranks: 2, scope: 3 }, NEW],
  ] as const)('%s', (_, kernel, shape, expected) => {
    expect(outputs(kernel, shape, 'links')).toEqual(expected);
  });
});

test('everything has arrived when all is over', () => {
  for (let seed = 0; seed < SEEDS; seed++) {
    const { machine, left } = begin(counts, { blocks: 9 }, `random:${seed},stores=${seed}`);
    expect(machine.run().verdict).toBe('completes');
    expect(left()).toEqual([9 * 32, 15 + 31 * 5, expect.anything(), 0]);
  }
});

test('a run goes on from a snapshot as it did, with what was on its way', () => {
  for (let seed = 0; seed < 20; seed++) {
    const { machine, left } = begin(passesMessage, { threads: 1 }, `random:${seed},stores=${seed}`);
    machine.advance(3);
    const snapshot = machine.snapshot();
    const results = [0, 1].map(() => {
      machine.restore(snapshot);
      const outcome = machine.run();
      return `${outcome.verdict} ${outcome.steps} ${left().join()} ${inspectorOf(machine).hash()}`;
    });
    expect(results[0]).toBe(results[1]);
  }
});

test("only mode 'step' has it: 'fast' makes way, 'ref' refuses", () => {
  const machine = createMachine({ schedule: 'rr,stores=1' });
  const words = machine.memory.allocate('words', 'u32', 64, { zeroed: true });
  const launch = (on: typeof machine) =>
    on.stream().launch(counts, { grid: 1, block: 32 }, { rank: 0, words, output: words, scope: 0 });
  launch(machine);
  machine.run();
  expect(machine.mode).toBe('step');
  const ref = createMachine({ schedule: 'rr,links=1', mode: 'ref' });
  launch(ref);
  expect(() => ref.run()).toThrow(/delayed links are not there in mode 'ref': use mode 'step'/);
});
