import { describe, expect, test } from 'vitest';
import {
  describeOutcome,
  type Kernel,
  type KernelBody,
  Machine,
  type MachineOptions,
  type Pointer,
  type Thread,
} from '../../src/simt/index.js';
import { range } from './support.js';

/** Waits until every block of the grid has come. */
function* gridBarrier(t: Thread, arrived: Pointer<'u32'>): KernelBody {
  yield* t.syncthreads();
  if (t.threadRank === 0) {
    yield* t.atomicAdd(arrived, 0, 1);
    while ((yield* t.loadAcquire('device', arrived)) < t.gridDim.x) yield* t.threadfence();
  }
  yield* t.syncthreads();
}

/** Logs its tag when it starts and when it ends, with `delay` steps between. */
interface LogArgs {
  readonly log: string[];
  readonly tag: string;
  readonly delay?: number;
}
function* logging(t: Thread, { log, tag, delay = 0 }: LogArgs): KernelBody {
  if (t.threadRank === 0) log.push(`${tag} starts`);
  for (let count = 0; count < delay; count++) yield* t.threadfence();
  if (t.threadRank === 0) log.push(`${tag} ends`);
}

const ended = (machine: Machine): string => {
  const outcome = machine.run();
  return outcome.verdict === 'completes' ? 'completes' : describeOutcome(outcome, machine.limits);
};

describe('a barrier of the grid', () => {
  const runGrid = (blocks: number, options: MachineOptions, ranks = 1) => {
    const machine = new Machine({ limits: { maxIdleSteps: 2000 }, ...options });
    for (let rank = 0; rank < ranks; rank++) {
      const arrived = machine.memory.allocate(`arrived ${rank}`, 'u32', 1, { zeroed: true });
      machine.stream(rank).launch(gridBarrier, { grid: blocks, block: 64 }, arrived);
    }
    return ended(machine);
  };

  test.each(['rr', 'blocked', 'random:1', 'rr,granule=8', 'rr,order=reverse', 'random:2,granule=1,order=shuffle:3'])(
    'completes if every block is resident, under %s',
    (schedule) => {
      expect(runGrid(6, { schedule })).toBe('completes');
      expect(runGrid(6, { schedule: `${schedule},resident=6` })).toBe('completes');
    },
  );

  test.each(['rr', 'blocked', 'random:1', 'rr,granule=8'])('hangs with one block too few, under %s', (schedule) => {
    const text = runGrid(6, { schedule: `${schedule},resident=5` });
    expect(text).toMatch(
      /^budget: 2000 polling steps without a write, a completed barrier or an exit; the program seems to hang/,
    );
    expect(text).toContain('waits at barrier 0: 32 of 64 threads have arrived');
    expect(text).not.toContain('block (5,0,0)');
  });

  test('has a limit of its own on every device', () => {
    expect(runGrid(3, { schedule: 'rr,resident=3' }, 4)).toBe('completes');
    expect(runGrid(4, { schedule: 'rr,resident=3' }, 1)).toContain('budget');
  });
});

describe('resident blocks', () => {
  test.each([1, 2, 3, 7])('are at most %i at a time, and as many as can be', (limit) => {
    const machine = new Machine({ schedule: `random:3,resident=${limit}` });
    let now = 0;
    let most = 0;
    machine.stream().launch(
      function* kernel(t) {
        now++;
        most = Math.max(most, now);
        for (let delay = 0; delay < 3; delay++) yield* t.threadfence();
        now--;
      },
      { grid: 20, block: 1 },
      null,
    );
    expect([...machine.residentBlocks]).toEqual([]);
    expect(machine.advance(0)).toBe(null);
    expect([...machine.residentBlocks]).toHaveLength(limit);
    expect(ended(machine)).toBe('completes');
    expect(most).toBe(limit);
    expect([...machine.residentBlocks]).toEqual([]);
  });

  test('have as many threads as an H100 at most, unless the schedule says otherwise', () => {
    const residentThreads = (schedule: string, block: number) => {
      const machine = new Machine({ schedule });
      machine.stream().launch(logging, { grid: 600, block }, { log: [], tag: 'a' });
      expect(machine.advance(0)).toBe(null);
      return [...machine.residentBlocks].length * block;
    };
    expect(residentThreads('rr', 1024)).toBe(132 * 2048);
    expect(residentThreads('rr', 1000)).toBe(270_000);
    expect(residentThreads('rr', 32)).toBe(600 * 32);
    expect(residentThreads('rr,resident=3', 1024)).toBe(3 * 1024);
  });

  test('of one launch make room for those of another on the same device, in order', () => {
    const machine = new Machine({ schedule: 'rr,resident=2' });
    const log: string[] = [];
    const first = machine.stream(3);
    const second = machine.stream(3);
    first.launch(logging, { grid: 3, block: 1 }, { log, tag: 'first', delay: 2 });
    second.launch(logging, { grid: 1, block: 1 }, { log, tag: 'second', delay: 2 });
    expect(ended(machine)).toBe('completes');
    expect(log.indexOf('second starts')).toBeGreaterThan(log.indexOf('first ends'));
    expect(log.filter((line) => line === 'first starts')).toHaveLength(3);
  });

  test('two launches of two ranks that wait for each other need both devices', () => {
    const exchange = (sameDevice: boolean) => {
      const machine = new Machine({ schedule: 'rr,resident=1', limits: { maxIdleSteps: 500 } });
      const flags = machine.memory.allocate('flags', 'u32', 2, { zeroed: true });
      for (const rank of [0, 1]) {
        machine.stream(sameDevice ? 0 : rank).launch(
          function* kernel(t) {
            yield* t.storeRelease('system', flags, rank, 1);
            while ((yield* t.loadAcquire('system', flags, 1 - rank)) === 0) yield* t.threadfence();
          },
          { grid: 1, block: 1 },
          null,
        );
      }
      return ended(machine);
    };
    expect(exchange(false)).toBe('completes');
    expect(exchange(true)).toContain('the program seems to hang');
  });
});

describe('a stream', () => {
  test('runs its launches one after another', () => {
    for (const schedule of ['rr', 'blocked', 'random:1', 'random:2,granule=1']) {
      const machine = new Machine({ schedule });
      const log: string[] = [];
      const stream = machine.stream();
      for (const tag of ['a', 'b', 'c']) stream.launch(logging, { grid: 1, block: 40 }, { log, tag, delay: 3 });
      expect(stream.pending).toHaveLength(3);
      expect(ended(machine)).toBe('completes');
      expect(log).toEqual(['a starts', 'a ends', 'b starts', 'b ends', 'c starts', 'c ends']);
      expect(stream.pending).toEqual([]);
    }
  });

  test('does not wait for another', () => {
    const machine = new Machine();
    const log: string[] = [];
    for (const tag of ['a', 'b']) machine.stream().launch(logging, { grid: 1, block: 1 }, { log, tag, delay: 3 });
    expect(ended(machine)).toBe('completes');
    expect(log).toEqual(['a starts', 'b starts', 'a ends', 'b ends']);
  });

  test('sees what the launch before it wrote, plain stores and all', () => {
    const machine = new Machine({ schedule: 'random:4,granule=1' });
    const p = machine.memory.allocate('a', 'i32', 64);
    const stream = machine.stream();
    const sums: number[] = [];
    stream.launch(
      function* fill(t) {
        p.store(t.globalThreadIdx, t.globalThreadIdx);
      },
      { grid: 2, block: 32 },
      null,
    );
    stream.launch(
      function* read(t) {
        sums.push(range(64).reduce((sum, index) => sum + p.load(index), 0));
        yield* t.syncwarp();
      },
      { grid: 1, block: 1 },
      null,
    );
    expect(ended(machine)).toBe('completes');
    expect(sums).toEqual([2016]);
  });

  test('fills memory between launches, before the first and after the last', () => {
    const machine = new Machine();
    const p = machine.memory.allocate('a', 'u32', 2);
    const seen: number[] = [];
    const stream = machine.stream();
    const add: Kernel<number> = function* add(t, value) {
      seen.push(yield* t.atomicAdd(p, 0, value));
    };
    stream.memset(p, 0, 8);
    stream.launch(add, { grid: 1, block: 2 }, 5);
    stream.memset(p, 0x101, 3);
    stream.launch(add, { grid: 1, block: 1 }, 0);
    stream.memset(p.add(1), 0xff, 4);
    expect(ended(machine)).toBe('completes');
    expect(seen).toEqual([0, 5, 0x010101]);
    expect(p.load(1)).toBe(0xffffffff);
  });

  test('may hold launches for several devices', () => {
    const machine = new Machine();
    const ranks: number[] = [];
    const stream = machine.stream(1);
    const kernel: Kernel<null> = function* kernel(t) {
      ranks.push(t.block.launch.device);
    };
    stream.launch(kernel, { grid: 1, block: 1 }, null);
    stream.launch(kernel, { grid: 1, block: 1 }, null, 7);
    expect(ended(machine)).toBe('completes');
    expect(ranks).toEqual([1, 7]);
  });

  test('goes on after the machine had run out of work', () => {
    const machine = new Machine();
    const log: string[] = [];
    const stream = machine.stream();
    expect(machine.run()).toEqual({ verdict: 'completes', steps: 0 });
    stream.launch(logging, { grid: 1, block: 1 }, { log, tag: 'a' });
    expect(machine.run()).toEqual({ verdict: 'completes', steps: 1 });
    stream.launch(logging, { grid: 1, block: 1 }, { log, tag: 'b' });
    expect(machine.run()).toEqual({ verdict: 'completes', steps: 2 });
    expect(log).toHaveLength(4);
  });

  test.each([
    [0, 17],
    [3, 5],
    [-1, 4],
    [0, -1],
    [0, 1.5],
    [0, Number.NaN],
  ])('refuses a fill from element %d of %d bytes', (element, bytes) => {
    const machine = new Machine();
    const p = machine.memory.allocate('a', 'u32', 4);
    const fill = () => machine.stream().memset(p.add(element), 0, bytes);
    expect(fill).toThrow(RangeError);
    expect(fill).toThrow(/^memset of .* bytes at byte .* of 'a' \(16 bytes\): out of bounds$/);
  });
});
