import { describe, expect, test } from 'vitest';
import { InvariantChecker, RaceChecker } from '../../src/check/index.js';
import { createMachine } from '../../src/modes/index.js';
import { registerProgram } from '../../src/program/index.js';
import type { Allocation, Kernel, MemoryInvariant } from '../../src/simt/index.js';
import { observeAll, type StepObserver } from '../../src/step/index.js';
import { generateCapture, setUpCall } from '../../src/tools/index.js';
import { captureNames, readFixture } from '../corpus/captures.js';
import { compiled } from '../step/programs.js';
import { type Calls, runCalls } from './all-to-all-runs.js';
import { compilePatched, type Patch } from './patched.js';
import type { RaceArgs } from './race-kernels.js';
import * as kernels from './race-kernels.js';

/** These take longer than the others together. */
const LONG = [
  'all-to-all/ep1-f16x122880-max',
  'all-to-all/ep2-bf16x512-132sm',
  'all-to-all/ep4-bf16x960-edge1920',
  'all-to-all/ep4-bf16x968-edge1936',
  'all-to-all/ep8-f16x64',
];
const SCHEDULES = ['rr', 'random:1,granule=8'];

/** An observer that nothing interests. */
const silent: StepObserver = {
  blockStarts: () => {},
  blockEnds: () => {},
  access: () => false,
  stored: () => {},
  fence: () => {},
  meet: () => {},
  arrive: () => {},
  complete: () => {},
};

describe('the all-to-all as it is', () => {
  test.each(captureNames.filter((name) => name.startsWith('all-to-all/')))('%s breaks no invariant', (name) => {
    const capture = readFixture(name);
    for (const schedule of LONG.includes(name) ? ['random:2'] : SCHEDULES) {
      const invariants = new InvariantChecker();
      const { machine } = setUpCall(capture, { mode: 'step', schedule, step: { observer: invariants } }, name);
      expect(machine.run().verdict).toBe('completes');
      expect(machine.mode).toBe('step');
      expect(invariants.findings, schedule).toEqual([]);
    }
  });
});

test('tail may be ahead of head for a moment: flags tell the receiver, not head', () => {
  let ahead = 0;
  for (const seed of [0, 1]) {
    const invariants = new InvariantChecker();
    const counts: { allocation: Allocation; offset: number }[] = [];
    const watcher: StepObserver = {
      ...silent,
      access: ({ op }, allocation, offset) => {
        if (op !== 'atomic') return false;
        counts.push({ allocation, offset });
        return true;
      },
      stored: () => {
        const { allocation, offset } = counts.at(-1)!;
        if (allocation.symbols?.describe(offset)?.name !== 'tail') return;
        if (allocation.read('u64', offset) > allocation.read('u64', offset - 8)) ahead++;
      },
    };
    const args = { ep_size: 2, tokens: 3, top_k: 1, vector_bytes: 1920, max_usable_sm_count: 2 };
    const capture = generateCapture('moe_comm', args, 1);
    const observer = observeAll([invariants, watcher]);
    const schedule = `delay:${seed},delays=8,length=500`;
    const { machine } = setUpCall(capture, { mode: 'step', schedule, step: { observer } }, 'generated');
    expect(machine.run().verdict).toBe('completes');
    expect(invariants.findings).toEqual([]);
  }
  expect(ahead).toBeGreaterThan(0);
});

const CALLS: Calls = {
  epSize: 2,
  sends: [
    [0, 6],
    [2, 0],
  ],
};
/** Slices that both warps of a group have a part of. */
const PAIRS: Calls = { ...CALLS, packetsPerVector: 2, packetsPerEntry: 4 };

const patch = (replace: string, by: string): readonly Patch[] => [
  { file: 'all-to-all-channel-communicator.ts', replace, by },
];

/** An invariant, a change that breaks it, and a schedule under which it does. */
const PLANTED: readonly (readonly [string, readonly Patch[], string, Calls])[] = [
  ['head and tail grow by one', patch('CONN_INFO_HEAD, 1n', 'CONN_INFO_HEAD, 2n'), 'rr', CALLS],
  [
    'a slot is written once it is free',
    patch('(this.tailStepCache + BigInt(this.c.RECV_FIFO_DEPTH)) <', '(this.tailStepCache + 9n) <'),
    'pct:3,length=150',
    CALLS,
  ],
  [
    'head is at most the FIFO depth ahead of tail',
    patch('(this.tailStepCache + BigInt(this.c.RECV_FIFO_DEPTH)) <', '(this.tailStepCache + 9n) <'),
    'pct:3,length=150',
    CALLS,
  ],
  [
    'a slice goes to the slot of head',
    patch('(this.step % BigInt(RECV_FIFO_DEPTH))', '(u64(this.step + 1n) % BigInt(RECV_FIFO_DEPTH))'),
    'rr',
    CALLS,
  ],
  [
    'a flag is that of the slice that is written',
    patch('return u64(this.step + 1n); // :295', 'return u64(this.step + 2n);'),
    'rr',
    CALLS,
  ],
  ['head counts slices that are in the FIFO', patch('yield* this.barrier(); // :482', ''), 'blocked', PAIRS],
  [
    'tail counts slices that were sent',
    patch(
      '(yield* t.anySync(WARP_MASK, needReload)); // :429',
      '((yield* t.anySync(WARP_MASK, needReload)) && false);',
    ),
    'rr',
    CALLS,
  ],
];

describe('a planted violation is found', () => {
  test.each(PLANTED)('%s', (name, patches, schedule, calls) => {
    expect(runCalls(calls, schedule, null).violations).toEqual([]);
    const { violations } = runCalls(calls, schedule, compilePatched('moeAllToAllKernel', patches));
    expect(violations.map((violation) => violation.name)).toContain(name);
  });

  test('each invariant has one', () => {
    const names: string[] = [];
    runCalls(CALLS, 'rr', null, (allocation) => {
      names.push(...(allocation.symbols?.invariants ?? []).map(({ name }) => name));
    });
    expect([...new Set(names)].sort()).toEqual(PLANTED.map(([name]) => name).sort());
  });

  test('the report says what, where and who', () => {
    const program = compilePatched('moeAllToAllKernel', patch('CONN_INFO_HEAD, 1n', 'CONN_INFO_HEAD, 2n'));
    const [first] = runCalls(
      {
        ...CALLS,
        sends: [
          [0, 1],
          [0, 0],
        ],
      },
      'rr',
      program,
    ).violations;
    expect(first).toMatchObject({
      kind: 'invariant',
      name: 'head and tail grow by one',
      word: 'head of link 0 -> 1, channel 0',
      wants: 'head 1',
      holds: 'head 2 after 0',
      access: {
        rank: 0,
        kernel: 'moeAllToAllKernel',
        block: '(0,0,0)',
        warp: 2,
        lane: 0,
        operation: 'atom.relaxed.system.global.add.u64',
      },
      count: 1,
    });
    expect(first!.access.frames.map(({ functionName }) => functionName).slice(0, 3)).toEqual([
      'AllToAllChannelCommunicator.updateSend',
      'AllToAllChannelCommunicator.sendSlice',
      'AllToAllChannelCommunicator.run',
    ]);
  });
});

describe('memory of any kernel', () => {
  for (const kernel of [kernels.storesSix, kernels.countsAtomically, kernels.neighbouringBytes]) {
    registerProgram(kernel as Kernel<never>, compiled('test/check/race-kernels.ts', kernel.name));
  }

  /** Runs a kernel on words, and bytes, that have an invariant each. Result: the writes that it has been shown. */
  function runWith(
    kernel: Kernel<RaceArgs>,
    observe: (checker: InvariantChecker) => StepObserver,
    invariant: Partial<MemoryInvariant> = {},
  ) {
    const checker = new InvariantChecker();
    const machine = createMachine({ mode: 'step', step: { observer: observe(checker) } });
    const words = machine.memory.allocate('words', 'u32', 256, { zeroed: true });
    const bytes = machine.memory.allocate('bytes', 'u8', 256, { zeroed: true });
    const writes: string[] = [];
    for (const pointer of [words, bytes]) {
      const own: MemoryInvariant = {
        name: 'is never told',
        check({ allocation, offsetBytes, bytes: size }) {
          writes.push(`${allocation.name} ${offsetBytes} ${size}`);
          return null;
        },
        ...invariant,
      };
      machine.memory.declareSymbols(pointer, { describe: () => null, invariants: [own] });
    }
    machine.stream().launch(kernel, { grid: 2, block: 64 }, { words, bytes });
    expect(machine.run().verdict).toBe('completes');
    return { writes, findings: checker.findings };
  }

  test('each write is shown once, with its bytes', () => {
    expect(runWith(kernels.storesSix, (checker) => checker).writes).toEqual(['words 24 4']);
  });

  test('beside other checkers', () => {
    const observe = (checker: InvariantChecker) => observeAll([new RaceChecker(), checker, new RaceChecker()]);
    expect(runWith(kernels.storesSix, observe).writes).toEqual(['words 24 4']);
  });

  test.each([
    [20, 4, 0],
    [20, 5, 1],
    [27, 1, 1],
    [28, 4, 0],
  ])('those to bytes that it is not about are not: %i, %i bytes', (offsetBytes, bytes, times) => {
    const { writes } = runWith(kernels.storesSix, (checker) => checker, { range: { offsetBytes, bytes } });
    expect(writes).toHaveLength(times === 0 ? 0 : 1);
  });

  test('what was there before is at hand, and breaches are counted', () => {
    const { findings } = runWith(kernels.countsAtomically, (checker) => checker, {
      name: 'even',
      check(write) {
        const before = write.before('u32', write.offsetBytes);
        const after = write.allocation.read('u32', write.offsetBytes);
        expect(after).toBe(before + 1);
        return after % 2 === 0 ? null : { wants: 'an even number', holds: `${after}` };
      },
    });
    expect(findings).toMatchObject([{ name: 'even', wants: 'an even number', holds: '1', word: "byte 20 of 'words'" }]);
    expect(findings[0]!.count).toBeGreaterThan(1);
  });

  test('a single byte has a before of its own', () => {
    const seen = new Set<number>();
    runWith(kernels.neighbouringBytes, (checker) => checker, {
      check(write) {
        if (write.bytes !== 1) return null;
        seen.add(write.before('u8', write.offsetBytes));
        expect(() => write.before('u32', write.offsetBytes & ~3)).toThrow(RangeError);
        return null;
      },
    });
    expect([...seen]).toEqual([0]);
  });
});

test('observers are told of the same, each of what it waits for', () => {
  const told: string[] = [];
  const observer = (name: string, waits: boolean): StepObserver => ({
    blockStarts: () => void told.push(`${name} starts`),
    blockEnds: () => void told.push(`${name} ends`),
    access: () => waits,
    stored: () => void told.push(`${name} stored`),
    fence: () => void told.push(`${name} fence`),
    meet: () => void told.push(`${name} meet`),
    arrive: () => void told.push(`${name} arrive`),
    complete: () => void told.push(`${name} complete`),
  });
  const all = observeAll([observer('a', false), observer('b', true)]);
  const machine = createMachine({ mode: 'step', step: { observer: all } });
  const words = machine.memory.allocate('words', 'u32', 256, { zeroed: true });
  const bytes = machine.memory.allocate('bytes', 'u8', 256, { zeroed: true });
  machine.stream().launch(kernels.storesSix as Kernel<RaceArgs>, { grid: 1, block: 32 }, { words, bytes });
  machine.run();
  expect(told).toEqual(['a starts', 'b starts', 'b stored', 'a meet', 'b meet', 'a ends', 'b ends']);
  const only = observer('c', false);
  expect(observeAll([only])).toBe(only);
});
