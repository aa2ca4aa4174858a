import { createMachine, type ModeOptions } from '../../src/modes/index.js';
import type { Kernel, Machine, Stream } from '../../src/simt/index.js';
import { FLAGS, type ZooArgs } from './kernels/arguments.js';

/** How a bug shows. */
export type Detector =
  /** A poll that never ends is one, too, even where the zoo calls it a livelock. */
  | 'deadlock'
  /** Atomics count for ever. */
  | 'livelock'
  /** Two accesses, one of them a write, that nothing orders and that are not both strong in a scope of both. */
  | 'race'
  | 'undefined'
  /** Outside of every allocation, or inside of one that was freed. */
  | 'out of bounds'
  | 'misaligned'
  /** A barrier or a warp operation that is used in a way that PTX does not define. */
  | 'barrier'
  /** Two schedules give different bytes of 'output'. */
  | 'schedule-dependent'
  /** An index that has wrapped: a wrong output, or an access out of bounds. */
  | 'overflow';

/** A memory model weaker than the machine's. */
type MemoryMode = 'granule=1' | 'delayed stores' | 'early loads';

/** Makes a machine with everything queued. */
export type SetUp = (options: ModeOptions) => Machine;

/** A bug of the zoo. */
export interface ZooEntry {
  /** Number in the zoo; a letter behind it: another bug of the same entry. */
  readonly id: string;
  /** Repository and issue or pull request. */
  readonly source: string;
  /** The bug. */
  readonly what: string;
  /** Each of them shows under some of the schedules. */
  readonly detectors: readonly Detector[];
  readonly schedules: readonly string[];
  /** Blocks that a device holds, for the twin as well; null: as many as it likes. */
  readonly residentBlocks: number | null;
  /** What a memory mode would show besides; null: nothing. */
  readonly memory: { readonly mode: MemoryMode; readonly detectors: readonly Detector[]; readonly why: string } | null;
  readonly buggy: SetUp;
  readonly fixed: SetUp;
  /** Words of the allocation 'output' that the twin leaves behind, under every schedule. */
  readonly output: readonly number[];
}

/** Schedule tokens `random:0` to `random:COUNT-1`. */
export const randomSchedules = (count: number, options = ''): string[] =>
  range(count, (seed) => `random:${seed}${options}`);

export const range = <T>(count: number, of: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, index) => of(index));

const ONE = ['rr'];
export const RANDOM = ['rr', ...randomSchedules(20)];

type Optional = 'schedules' | 'residentBlocks' | 'memory';

export const entry = (given: Omit<ZooEntry, Optional> & Partial<Pick<ZooEntry, Optional>>): ZooEntry => ({
  schedules: ONE,
  residentBlocks: null,
  memory: null,
  ...given,
});

/** How {@link launches} launches. */
interface Shape {
  /** Each has a stream, and gets every launch. */
  readonly ranks?: number;
  readonly calls?: number;
  readonly grid?: number;
  readonly block?: number;
  /** Words of `output`. */
  readonly words: number;
  /** Words that `data` begins with; behind them it is undefined. Default: all of it is zeroed. */
  readonly data?: readonly number[];
}

const DATA_WORDS = 1024;

/** Memory that most kernels of the zoo get. */
function allocate({ memory }: Machine, { ranks = 1, words, data }: Shape): Pick<ZooArgs, 'flags' | 'data' | 'output'> {
  const flags = memory.allocateSymmetric('flags', 'u32', { ranks, bytesPerRank: FLAGS * 4, zeroed: true });
  const dataWords = memory.allocate('data', 'u32', DATA_WORDS, { zeroed: data === undefined });
  if (data !== undefined) memory.write(dataWords, Uint32Array.from(data));
  return { flags, data: dataWords, output: memory.allocate('output', 'u32', words, { zeroed: true }) };
}

/** Queues `enqueue` on a machine with that memory, with a stream for each rank. */
export const setUp =
  (
    shape: Shape,
    enqueue: (args: Omit<ZooArgs, 'rank' | 'call'>, streams: readonly Stream[], machine: Machine) => void,
  ): SetUp =>
  (options) => {
    const machine = createMachine(options);
    const args = allocate(machine, shape);
    const streams = range(shape.ranks ?? 1, (rank) => machine.stream(rank));
    enqueue(args, streams, machine);
    return machine;
  };

/** Launches a kernel `calls` times on each rank. */
export const launches = (kernel: Kernel<ZooArgs>, shape: Shape): SetUp => {
  const { calls = 1, grid = 1, block = 32 } = shape;
  return setUp(shape, (args, streams) => {
    for (const [rank, stream] of streams.entries()) {
      for (let call = 0; call < calls; call++) stream.launch(kernel, { grid, block }, { rank, call, ...args });
    }
  });
};

/** The bug and its twin, launched alike. */
export const twins = (
  buggy: Kernel<ZooArgs>,
  fixed: Kernel<ZooArgs>,
  shape: Shape,
): Pick<ZooEntry, 'buggy' | 'fixed'> => ({
  buggy: launches(buggy, shape),
  fixed: launches(fixed, shape),
});
