import { createMachine } from '../../src/modes/index.js';
import { registerProgram } from '../../src/program/index.js';
import type { FifoWord, FifoWords, Kernel, Machine, MemorySymbols, Pointer } from '../../src/simt/index.js';
import type { StepObserver } from '../../src/step/index.js';
import { compiled } from '../step/programs.js';
import { DEPTH, lock, RING_WORDS, ring, stuck } from './timeline-kernels.js';

for (const kernel of [ring, lock, stuck]) {
  registerProgram(kernel as Kernel<never>, compiled('test/timeline/timeline-kernels.ts', kernel.name));
}

const machineOf = (observer: StepObserver, schedule: string): Machine =>
  createMachine({ mode: 'step', schedule, step: { observer } });

/** Blocks of 96 threads, each with a ring of its own: a FIFO from rank 0 to itself in the block's channel. */
export function ringRun(observer: StepObserver, schedule: string, blocks = 2, rounds = 3): Machine {
  const machine = machineOf(observer, schedule);
  const words = machine.memory.allocate('words', 'u64', blocks * RING_WORDS, { zeroed: true });
  machine.memory.declareSymbols(words, ringSymbols(words));
  machine.stream().launch(ring, { grid: blocks, block: 96 }, { words, rounds });
  return machine;
}

/** Warps that take one lock in turn. */
export function lockRun(observer: StepObserver, schedule: string, warps = 3, rounds = 2): Machine {
  const machine = machineOf(observer, schedule);
  const words = machine.memory.allocate('words', 'u32', 2, { zeroed: true });
  machine.stream().launch(lock, { grid: 1, block: 32 * warps }, { words, rounds });
  return machine;
}

/** A warp operation, a barrier and a poll that nobody ends. */
export function stuckRun(observer: StepObserver, schedule: string): Machine {
  const machine = machineOf(observer, schedule);
  const words = machine.memory.allocate('words', 'u32', 2, { zeroed: true });
  machine.stream().launch(stuck, { grid: 1, block: 64 }, { words, rounds: 1 });
  return machine;
}

function ringSymbols({ address }: Pointer): MemorySymbols {
  const wordAt = (offsetBytes: number): FifoWord => {
    const channel = Math.floor(offsetBytes / (8 * RING_WORDS));
    const word = Math.floor(offsetBytes / 8) % RING_WORDS;
    const headAddress = address + 8 * RING_WORDS * channel;
    const fifo = { from: 0, to: 0, channel, depth: DEPTH, headAddress, tailAddress: headAddress + 8 };
    const own = { fifo, offsetBytes: offsetBytes - (offsetBytes % 8) };
    if (word < 2) return { ...own, kind: word === 0 ? 'head' : 'tail', slot: -1, packet: -1 };
    const slot = (word - 2) % DEPTH;
    const flag = 8 * (RING_WORDS * channel + 2 + slot);
    return { fifo, offsetBytes: flag, kind: 'flag', slot, packet: 0 };
  };
  const fifos: FifoWords = {
    wordWithin: (offsetBytes) => (Math.floor(offsetBytes / 8) % RING_WORDS < 2 + DEPTH ? offsetBytes : -1),
    wordFor: wordAt,
  };
  return {
    fifos,
    describe: (offsetBytes) => {
      const { kind, fifo, slot } = wordAt(offsetBytes);
      const index: [string, number][] = [['channel', fifo.channel]];
      if (slot !== -1) index.push(['slot', slot]);
      return { name: kind, of: 'the ring', index };
    },
  };
}
