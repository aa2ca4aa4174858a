import { describe, expect, test } from 'vitest';
import { type AccessPairs, mergePairs, PairRecorder, pairKey, RaceChecker } from '../../src/check/index.js';
import { createMachine } from '../../src/modes/index.js';
import { type AccessInstruction, accessedBytes, framesOf, registerProgram } from '../../src/program/index.js';
import type { Allocation, Kernel } from '../../src/simt/index.js';
import { observeAll, type StepObserver } from '../../src/step/index.js';
import type { StepBlock } from '../../src/step/step-block.js';
import { compiled } from '../step/programs.js';
import type { RaceArgs } from './race-kernels.js';
import * as kernels from './race-kernels.js';

for (const [name, kernel] of Object.entries(kernels)) {
  registerProgram(kernel as Kernel<never>, compiled('test/check/race-kernels.ts', name));
}

const SCHEDULES = ['rr', 'blocked', 'random:1', 'random:2,granule=8', 'random:3,granule=1', 'rr,order=reverse'];

interface Access {
  readonly instruction: AccessInstruction;
  readonly block: StepBlock;
  readonly rank: number;
}

/** What conflicting accesses a run has had, by brute force: all of them, and those with no other access in between. */
class NaivePairs implements StepObserver {
  readonly all = new Set<string>();
  readonly adjacent = new Set<string>();
  readonly #byByte = new Map<Allocation, Map<number, Access[]>>();

  access(instruction: AccessInstruction, allocation: Allocation, offset: number, block: StepBlock, rank: number) {
    const bytes = this.#byByte.get(allocation) ?? new Map<number, Access[]>();
    this.#byByte.set(allocation, bytes);
    for (let byte = offset; byte < offset + accessedBytes(instruction); byte++) {
      const earlier = bytes.get(byte) ?? [];
      const own = { instruction, block, rank };
      bytes.set(byte, [...earlier, own]);
      for (const [at, other] of earlier.entries()) {
        if (other.block === block && other.rank === rank) continue;
        if (other.instruction.op === 'load' && instruction.op === 'load') continue;
        const text = orderText(other, own);
        this.all.add(text);
        if (at === earlier.length - 1) this.adjacent.add(text);
      }
    }
    return false;
  }

  blockStarts(): void {}
  blockEnds(): void {}
  stored(): void {}
  fence(): void {}
  meet(): void {}
  arrive(): void {}
  complete(): void {}
}

const siteText = ({ instruction, block }: Access): string => {
  const { program } = block.arena.code.emitted;
  const places = framesOf(program, instruction.site).map(({ file, line, column }) => `${file}:${line}:${column}`);
  return [program.name, ...places, instruction.op].join(' ');
};

function orderText(a: Access, b: Access): string {
  const [first, second] = [siteText(a), siteText(b)];
  if (first !== second) return `${first} then ${second}`;
  const isLower = a.block === b.block ? a.rank < b.rank : a.block.blockIdx.x < b.block.blockIdx.x;
  return `${first}: the ${isLower ? 'lower' : 'higher'} thread first`;
}

/** What was recorded, in the same words. */
function ordersOf(pairs: AccessPairs): string[] {
  return [...pairs.keys()].flatMap((key) => {
    const { isForward, isBackward } = pairs.get(key)!;
    const [first, second] = key.split(' | ') as [string, string];
    const isSame = first === second;
    return [
      ...(isForward ? [isSame ? `${first}: the lower thread first` : `${first} then ${second}`] : []),
      ...(isBackward ? [isSame ? `${first}: the higher thread first` : `${second} then ${first}`] : []),
    ];
  });
}

function observe(kernel: Kernel<RaceArgs>, schedule: string, recorder = new PairRecorder()) {
  const naive = new NaivePairs();
  const observer = observeAll([new RaceChecker(recorder), naive]);
  const machine = createMachine({ mode: 'step', schedule, step: { observer } });
  const words = machine.memory.allocate('words', 'u32', 256, { zeroed: true });
  const bytes = machine.memory.allocate('bytes', 'u8', 256, { zeroed: true });
  machine
    .stream()
    .launch(kernel, { grid: 2, block: kernel.name.startsWith('sharesBarrier') ? 128 : 64 }, { words, bytes });
  expect(machine.run().verdict).toBe('completes');
  return { pairs: recorder.pairs(), naive };
}

/** Orders that were not had, or had and not recorded. */
function mistakesIn(kernel: Kernel<RaceArgs>, schedule: string, recorder?: PairRecorder): string[] {
  const { pairs, naive } = observe(kernel, schedule, recorder);
  const recorded = ordersOf(pairs);
  return [
    ...recorded.filter((order) => !naive.all.has(order)),
    ...[...naive.adjacent].filter((order) => !recorded.includes(order)),
  ];
}

describe('what is recorded has happened, and accesses next to each other are recorded', () => {
  describe.each(SCHEDULES)('under %s', (schedule) => {
    test.each(Object.entries(kernels))('%s', (_, kernel) => {
      expect(mistakesIn(kernel, schedule)).toEqual([]);
    });
  });

  class Swapped extends PairRecorder {
    override note(first: number, second: number, isOrdered: boolean, isLower: boolean): void {
      super.note(second, first, isOrdered, isLower);
    }
  }
  class AnyThread extends PairRecorder {
    override note(first: number, second: number, isOrdered: boolean): void {
      super.note(first, second, isOrdered, true);
    }
  }
  class OnlyFree extends PairRecorder {
    override note(first: number, second: number, isOrdered: boolean, isLower: boolean): void {
      if (!isOrdered) super.note(first, second, isOrdered, isLower);
    }
  }
  test.each([Swapped, AnyThread, OnlyFree])('%o does not do', (Broken) => {
    const mistakes = Object.values(kernels).flatMap((kernel) =>
      SCHEDULES.flatMap((schedule) => mistakesIn(kernel, schedule, new Broken())),
    );
    expect(mistakes).not.toEqual([]);
  });
});

test.each([
  [kernels.withBarrier, false],
  [kernels.noBarrier, true],
  [kernels.countsAtomically, true],
] as const)('%o: whether something orders the two', (kernel, isFree) => {
  const pairs = [...observe(kernel, 'rr').pairs.values()];
  expect(pairs.some((pair) => pair.isFree)).toBe(isFree);
});

test('runs together are what any of them has seen, whatever their order', () => {
  const runs = SCHEDULES.map((schedule) => observe(kernels.volatileFlag, schedule).pairs);
  const none: AccessPairs = new Map();
  const merged = runs.reduce(mergePairs, none);
  expect([...runs].reverse().reduce(mergePairs, none)).toEqual(merged);
  expect(new Set(ordersOf(merged))).toEqual(new Set(runs.flatMap(ordersOf)));
  for (const [key, pair] of merged) expect(pairKey(pair)).toBe(key);
});

test('more places than there is room for at first', () => {
  const recorder = new PairRecorder();
  const program = compiled('test/check/race-kernels.ts', 'volatileFlag');
  const instructions = program.blocks.flatMap(({ instructions }) => instructions);
  const [access] = instructions.filter((one): one is AccessInstruction => one.op === 'load' || one.op === 'store');
  const numbers = Array.from({ length: 100 }, (_, at) =>
    recorder.numberOf({ ...access! }, { ...program, name: `kernel ${String(at).padStart(3, '0')}` }),
  );
  for (let at = 0; at + 1 < numbers.length; at++) recorder.note(numbers[at]!, numbers[at + 1]!, false, true);
  const pairs = [...recorder.pairs().values()];
  expect(pairs).toHaveLength(99);
  for (const { first, second, isForward, isBackward } of pairs) {
    expect(Number(second.kernel.slice(-3)) - Number(first.kernel.slice(-3))).toBe(1);
    expect({ isForward, isBackward }).toEqual({ isForward: true, isBackward: false });
  }
});
