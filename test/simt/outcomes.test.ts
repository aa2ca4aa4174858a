import { describe, expect, test } from 'vitest';
import {
  DEFAULT_LIMITS,
  describeOutcome,
  formatSchedule,
  type Kernel,
  Machine,
  type MachineOptions,
  type Outcome,
} from '../../src/simt/index.js';
import { lineFinder, outcomeOn, range, type ThreadBody } from './support.js';

const lineOf = lineFinder(import.meta.url);

/** Polls for ever, one load and one fence a round. */
const polls = (machine: Machine): ThreadBody<void> => {
  const flag = machine.memory.allocate('flag', 'u32', 1, { zeroed: true });
  return function* (t) {
    while ((yield* t.loadVolatile(flag)) === 0) yield* t.threadfence(); // @polls
  };
};

describe('limits', () => {
  test('of steps: reached exactly, not at the last step of a program that ends', () => {
    const run = (maxSteps: number, fences: number) => {
      const machine = new Machine({ limits: { maxSteps } });
      const outcome = outcomeOn(machine, 64, function* (t) {
        for (let count = 0; count < fences; count++) yield* t.threadfence();
      });
      return { outcome, text: describeOutcome(outcome, machine.limits) };
    };
    expect(run(10, 4).outcome).toEqual({ verdict: 'completes', steps: 10 });
    const { outcome, text } = run(10, 5);
    expect(outcome).toMatchObject({ verdict: 'budget', limit: 'maxSteps', steps: 10 });
    expect(text).toContain(
      'budget: 10 steps are spent and the program has not ended; it may hang, or need a larger limit (maxSteps)',
    );
    expect(text).toContain('warp 0 lanes 0-31 and 1 more warps like it: runs; its last operation was fence.device');
  });

  test('of steps without a write: with what each thread does, and where', () => {
    const machine = new Machine({ limits: { maxIdleSteps: 100 } });
    const outcome = outcomeOn(machine, 70, polls(machine));
    expect(outcome).toMatchObject({ verdict: 'budget', limit: 'maxIdleSteps', steps: 199 });
    const text = describeOutcome(outcome, machine.limits);
    expect(text).toContain(
      'budget: 100 polling steps without a write, a completed barrier or an exit; the program seems to hang, or needs a larger limit (maxIdleSteps)',
    );
    expect(text).toContain(`at test/simt/outcomes.test.ts:${lineOf('polls')}`);
    expect(text).toMatch(/rank 0 block \(0,0,0\) warp 2 lanes 0-5: runs; its last operation was /);
  });

  test('of steps that load nothing: a long loop of warp operations and plain accesses is no polling', () => {
    const machine = new Machine({ limits: { maxIdleSteps: 10 } });
    const outcome = outcomeOn(machine, 32, function* (t) {
      for (let round = 0; round < 100; round++) yield* t.syncwarp();
    });
    expect(outcome).toMatchObject({ verdict: 'completes' });
  });

  test('of counters that move while no data does', () => {
    const machine = new Machine({ limits: { maxCounterSteps: 50 } });
    const counter = machine.memory.allocate('counter', 'u32', 1, { zeroed: true });
    const outcome = outcomeOn(machine, 32, function* (t) {
      for (;;) yield* t.atomicAdd(counter, 0, 1);
    });
    expect(outcome).toMatchObject({ verdict: 'budget', limit: 'maxCounterSteps', steps: 50 });
    expect(describeOutcome(outcome, machine.limits)).toContain(
      'budget: 50 steps with atomics and without a store or an exit: counters move and no data does',
    );
  });

  test.each(['atomicCAS', 'atomicExch'] as const)(
    'of steps without a write: %s on a lock that is taken is none',
    (kind) => {
      const machine = new Machine({ limits: { maxIdleSteps: 100 } });
      const lock = machine.memory.upload('lock', 'u32', Uint32Array.of(1));
      const outcome = outcomeOn(machine, 32, function* (t) {
        if (kind === 'atomicCAS') while ((yield* t.atomicCAS(lock, 0, 0, 1)) !== 0);
        else while ((yield* t.atomicExch(lock, 0, 1)) !== 0);
      });
      expect(outcome).toMatchObject({ verdict: 'budget', limit: 'maxIdleSteps', steps: 100 });
    },
  );

  test.each<[string, ThreadBody<unknown>]>([
    [
      'a volatile store',
      function* (t) {
        yield* t.storeVolatile(t.shared('s', 'u32'), 0, 1);
      },
    ],
    [
      'an atomic',
      function* (t) {
        t.shared('s', 'u32').store(0, 0);
        yield* t.atomicAdd(t.shared('s', 'u32'), 0, 1);
      },
    ],
    [
      'a barrier',
      function* (t) {
        yield* t.syncthreads();
      },
    ],
    [
      'a named barrier',
      function* (t) {
        yield* t.barrierSyncAligned(1, 32);
      },
    ],
  ])('of steps without a write begin anew at %s', (_, event) => {
    const machine = new Machine({ limits: { maxIdleSteps: 8 } });
    const outcome = outcomeOn(machine, 32, function* (t) {
      for (let round = 0; round < 10; round++) {
        for (let count = 0; count < 5; count++) yield* t.threadfence();
        yield* event(t);
      }
    });
    expect(outcome.verdict).toBe('completes');
  });

  test('of steps without a write begin anew at an exit', () => {
    const machine = new Machine({ limits: { maxIdleSteps: 8 } });
    const outcome = outcomeOn(machine, 4, function* (t) {
      for (let count = 0; count < 6 * (t.laneId + 1); count++) yield* t.threadfence();
    });
    expect(outcome.verdict).toBe('completes');
  });

  test('of resident threads: refused, with the options that help', () => {
    const run = (options: MachineOptions) => {
      const machine = new Machine({ limits: { maxResidentThreads: 128 }, ...options });
      const compact: Kernel<null> = function* compact(t) {
        yield* t.syncwarp();
      };
      machine.stream().launch(compact, { grid: 3, block: 64 }, null);
      return machine.run();
    };
    expect(() => run({})).toThrow(RangeError);
    expect(() => run({})).toThrow(
      "compact: more than 128 threads would be resident; limit the blocks of a device (schedule option 'resident=N') or raise maxResidentThreads",
    );
    expect(run({ schedule: 'rr,resident=2' }).verdict).toBe('completes');
    expect(run({ limits: { maxResidentThreads: 192 } }).verdict).toBe('completes');
  });

  test('that nobody gives are the defaults', () => {
    expect(new Machine({ limits: { maxSteps: 5 } }).limits).toEqual({ ...DEFAULT_LIMITS, maxSteps: 5 });
  });
});

describe('advancing in slices', () => {
  const programs: readonly (readonly [string, (machine: Machine) => ThreadBody<unknown>])[] = [
    [
      'a program that completes',
      (machine) => {
        const p = machine.memory.allocate('a', 'u32', 1, { zeroed: true });
        return function* (t) {
          for (let count = 0; count < 5; count++) yield* t.atomicAdd(p, 0, t.threadRank);
          yield* t.syncthreads();
        };
      },
    ],
    [
      'a deadlock',
      () =>
        function* (t) {
          if (t.threadRank < 32) yield* t.barrierSyncAligned(1, 64);
          else yield* t.barrierSyncAligned(2, 64);
        },
    ],
    ['a poll that never ends', polls],
    [
      'an error',
      (machine) => {
        const p = machine.memory.allocate('a', 'u32', 40);
        return function* (t) {
          yield* t.storeVolatile(p, 0, 1);
          yield* t.storeVolatile(p, t.threadRank, 1);
        };
      },
    ],
  ];

  test.each(programs)('is running: %s', (_, program) => {
    for (const schedule of ['rr', 'random:3,granule=8', 'blocked']) {
      const results = [Number.MAX_SAFE_INTEGER, 1, 7].map((slice) => {
        const machine = new Machine({ schedule, limits: { maxIdleSteps: 50 }, record: true });
        const body = program(machine);
        machine.stream().launch(
          function* kernel(t) {
            yield* body(t);
          },
          { grid: 2, block: 64 },
          null,
        );
        let outcome: Outcome | null = null;
        let before = 0;
        while (outcome === null) {
          outcome = machine.advance(slice);
          expect(machine.steps - before).toBeLessThanOrEqual(slice);
          if (outcome === null) expect(machine.steps - before).toBe(slice);
          before = machine.steps;
        }
        const text = describeOutcome(outcome, machine.limits);
        const memory = machine.memory.space.allocations.map(({ u8 }) => Buffer.from(u8).toString('hex'));
        return { text, memory, steps: machine.steps, picks: machine.recordedSchedule };
      });
      expect(results[1]).toEqual(results[0]);
      expect(results[2]).toEqual(results[0]);
    }
  });

  test('by no step starts what may start, and does nothing else', () => {
    const machine = new Machine();
    machine.stream().launch(
      function* kernel(t) {
        yield* t.threadfence();
      },
      { grid: 2, block: 32 },
      null,
    );
    expect(machine.advance(0)).toBe(null);
    expect(machine.steps).toBe(0);
    expect([...machine.residentBlocks]).toHaveLength(2);
    expect(machine.advance(4)).toEqual({ verdict: 'completes', steps: 4 });
    expect(machine.advance(0)).toEqual({ verdict: 'completes', steps: 4 });
  });
});

describe('a deadlock', () => {
  const machine = new Machine();
  const outcome = outcomeOn(machine, 96, function* (t) {
    if (t.warp.index === 2) {
      yield* t.syncwarp(1 << t.laneId);
      if (t.laneId < 3) yield* t.allSync(0xff, true); // @vote
      if (t.laneId === 8) return;
    }
    yield* t.barrierSyncAligned(1, 64 + 32 * (t.warp.index === 9 ? 1 : 0)); // @barrier
  });

  test('groups what waits alike, with lanes, numbers and lines', () => {
    // Warps 0 and 1 meet at barrier 1. Of warp 2, lanes 3-31 without 8 stay at it, and 0-2 wait for 3-7.
    expect(describeOutcome(outcome, machine.limits).split('\n')).toEqual([
      'deadlock: no thread can go on',
      `  rank 0 block (0,0,0) warp 2 lanes 0-2: waits in vote.sync.all mask 0x000000ff for lanes 3-7 at test/simt/outcomes.test.ts:${lineOf('vote')}`,
      `  rank 0 block (0,0,0) warp 2 lanes 3-7,9-31: waits at barrier 1 for lanes 0-2 of its warp at test/simt/outcomes.test.ts:${lineOf('barrier')}`,
    ]);
  });

  test('stays one, with the same text', () => {
    expect(machine.run()).toBe(outcome);
    expect(describeOutcome(machine.run(), machine.limits)).toBe(describeOutcome(outcome, machine.limits));
  });
});

test.each(range(5))('the recorded schedule of a run that fails replays the failure: seed %i', (seed) => {
  const run = (schedule: string) => {
    const machine = new Machine({ schedule, record: true });
    const p = machine.memory.allocate('a', 'u32', 4, { zeroed: true });
    const outcome = outcomeOn(machine, 64, function* (t) {
      const index = yield* t.atomicAdd(p, 0, 1);
      if (index > 40) yield* t.loadVolatile(p, index);
    });
    const text = describeOutcome(outcome, machine.limits).replace(/ of schedule .*/, '');
    return { text, recorded: formatSchedule(machine.recordedSchedule) };
  };
  const first = run(`random:${seed},granule=8`);
  expect(first.text).toContain('OUT_OF_BOUNDS');
  expect(run(first.recorded)).toEqual(first);
});
