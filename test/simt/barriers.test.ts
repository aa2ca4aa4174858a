import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { schedules } from '../../src/arbitraries/index.js';
import { type DeviceFunction, Machine, type Pointer, type Thread } from '../../src/simt/index.js';
import { describeProperty } from '../reference/describe-property.js';
import { describeRun, range, runBlock, runOn } from './support.js';

const SCHEDULES = ['rr', 'blocked', 'random:7', 'rr,granule=8', 'random:8,granule=1', 'blocked,granule=1'];

/** Meets all threads of the block `rounds` times; each time sees what the others wrote before, never what comes after. */
function* rotate(t: Thread, cells: Pointer<'i32'>, rounds: number, threads: number): DeviceFunction<boolean> {
  const me = t.threadRank;
  let holds = true;
  for (let round = 0; round < rounds; round++) {
    yield* t.storeVolatile(cells, me, round);
    yield* t.syncthreads();
    for (const other of [(me + 1) % threads, (me + 33) % threads, threads - 1 - me])
      holds = (yield* t.loadVolatile(cells, other)) === round && holds;
    yield* t.syncthreads();
  }
  return holds;
}

describe('syncthreads', () => {
  describe.each(SCHEDULES)('under %s', (schedule) => {
    test.each([1, 31, 32, 33, 64, 100])('%i threads, many phases', (threads) => {
      const machine = new Machine({ schedule });
      const cells = machine.memory.allocate('cells', 'i32', threads);
      expect(runOn(machine, threads, (t) => rotate(t, cells, 5, threads))).toEqual(new Array(threads).fill(true));
    });

    test('warps and lanes that have exited do not count', () => {
      const machine = new Machine({ schedule });
      const cells = machine.memory.allocate('cells', 'i32', 128);
      const reached = runOn(machine, 128, function* (t) {
        if (t.warp.index === 1) return 'left at once';
        yield* t.syncthreads();
        if (t.laneId % 3 === 0) return 'left after one';
        yield* t.storeVolatile(cells, t.threadRank, 7);
        yield* t.syncthreads();
        if (t.warp.index === 2) return 'left after two';
        const first = yield* t.loadVolatile(cells, 65);
        yield* t.syncthreads();
        return first;
      });
      expect(reached[40]).toBe('left at once');
      expect(reached[99]).toBe('left after one');
      expect(reached[71]).toBe('left after two');
      expect(reached[100]).toBe(7);
    });

    test('a lane that exits while its warp waits lets it go', () => {
      const results = runBlock(
        64,
        function* (t) {
          if (t.threadRank === 63) {
            for (let delay = 0; delay < 9; delay++) yield* t.threadfence();
            return 'exits';
          }
          yield* t.syncthreads();
          return 'passes';
        },
        { schedule },
      );
      expect(results).toEqual(range(64).map((thread) => (thread === 63 ? 'exits' : 'passes')));
    });

    test('another line, another barrier 0: they meet all the same', () => {
      const body = function* (t: Thread) {
        if (t.warp.index === 0) yield* t.syncthreads();
        else yield* t.barrierSyncAligned(0, 0);
      };
      expect(describeRun(64, body, { schedule })).toBe('completes');
    });
  });
});

interface Meeting {
  readonly groups: readonly { readonly warps: number; readonly rounds: number }[];
  readonly aligned: boolean;
  readonly schedule: string;
}

const meetings: fc.Arbitrary<Meeting> = fc.record({
  groups: fc.array(fc.record({ warps: fc.integer({ min: 1, max: 3 }), rounds: fc.integer({ min: 1, max: 4 }) }), {
    minLength: 1,
    maxLength: 3,
  }),
  aligned: fc.boolean(),
  schedule: schedules({ resident: false, orders: [] }),
});

/** How a group meets; planted bugs do it worse. */
type Meet = (t: Thread, id: number, threads: number, aligned: boolean) => DeviceFunction;

const meet: Meet = function* (t, id, threads, aligned) {
  yield* aligned ? t.barrierSyncAligned(id, threads) : t.barrierSync(id, threads);
};

describeProperty<Meet>(
  'groups of warps meet at barriers of their own, each as often as it likes',
  (how) =>
    fc.property(meetings, ({ groups, aligned, schedule }) => {
      const machine = new Machine({ schedule, limits: { maxSteps: 200_000 } });
      const arrivals = machine.memory.allocate('arrivals', 'u32', groups.length, { zeroed: true });
      const groupOfWarp = groups.flatMap(({ warps }, group) => new Array<number>(warps).fill(group));
      const seen = runOn(machine, groupOfWarp.length * 32, function* (t) {
        const group = groupOfWarp[t.warp.index]!;
        const threads = groups[group]!.warps * 32;
        const counts: number[] = [];
        for (let round = 0; round < groups[group]!.rounds; round++) {
          yield* t.atomicAdd(arrivals, group, 1);
          yield* how(t, 15 - group, threads, aligned);
          counts.push((yield* t.loadVolatile(arrivals, group)) / threads);
          yield* how(t, 15 - group, threads, aligned);
        }
        return counts;
      });
      seen.forEach((counts, thread) => {
        const { rounds } = groups[groupOfWarp[thread >> 5]!]!;
        expect(counts).toEqual(range(rounds).map((round) => round + 1));
      });
    }),
  meet,
  {
    'no barrier': function* (t) {
      yield* t.threadfence();
    },
    'a warp barrier': function* (t) {
      yield* t.syncwarp();
    },
    'one warp too few': (t, id, threads, aligned) => meet(t, id, Math.max(threads - 32, 32), aligned),
    'the barrier of another group': (t, id, threads, aligned) => meet(t, Math.max(id, 14), threads, aligned),
  },
);

describe.each(SCHEDULES)('producers arrive and consumers wait, under %s', (schedule) => {
  test.each([0, 1, 15])('a buffer handed over by barriers %i and next', (full) => {
    const empty = full === 15 ? 14 : full + 1;
    const machine = new Machine({ schedule });
    const buffer = machine.memory.allocate('buffer', 'i32', 64, { zeroed: true });
    const ROUNDS = 4;
    const results = runOn(machine, 128, function* (t) {
      const isProducer = t.warp.index < 2;
      const seen: number[] = [];
      for (let round = 0; round < ROUNDS; round++) {
        if (isProducer) {
          yield* t.barrierSyncAligned(empty, 128);
          yield* t.storeVolatile(buffer, t.threadRank, round * 100 + t.threadRank);
          yield* t.barrierArriveAligned(full, 128);
        } else {
          yield* t.barrierArrive(empty, 128);
          yield* t.barrierSync(full, 128);
          seen.push(yield* t.loadVolatile(buffer, 127 - t.threadRank));
        }
      }
      return seen;
    });
    for (let thread = 64; thread < 128; thread++) {
      expect(results[thread]).toEqual(range(ROUNDS).map((round) => round * 100 + 127 - thread));
    }
  });

  test('whoever only arrives does not wait for other warps', () => {
    const results = runBlock(
      64,
      function* (t) {
        if (t.warp.index === 0) {
          yield* t.barrierArriveAligned(3, 64);
          return 'went on';
        }
        for (let delay = 0; delay < 50; delay++) yield* t.threadfence();
        yield* t.barrierSyncAligned(3, 64);
        return 'met';
      },
      { schedule },
    );
    expect(new Set(results.slice(0, 32))).toEqual(new Set(['went on']));
    expect(new Set(results.slice(32))).toEqual(new Set(['met']));
  });

  test('a warp that arrived and exited has arrived', () => {
    const body = function* (t: Thread) {
      if (t.warp.index === 0) yield* t.barrierArriveAligned(3, 64);
      else {
        for (let delay = 0; delay < 9; delay++) yield* t.threadfence();
        yield* t.barrierSyncAligned(3, 64);
      }
    };
    expect(describeRun(64, body, { schedule })).toBe('completes');
  });

  test('lanes of one warp may some arrive and some wait at a barrier that is not aligned', () => {
    const body = function* (t: Thread) {
      if (t.laneId < 5) yield* t.barrierArrive(2, 64);
      else yield* t.barrierSync(2, 64);
    };
    expect(describeRun(64, body, { schedule })).toBe('completes');
  });
});

describe('what counts', () => {
  test('a partial last warp counts as 32 threads', () => {
    expect(describeRun(40, (t) => meet(t, 4, 64, true))).toBe('completes');
    expect(describeRun(40, (t) => meet(t, 4, 96, true))).toContain('64 of 96 threads have arrived');
  });

  test('lanes of a warp may come one after another', () => {
    const machine = new Machine({ schedule: 'blocked,granule=1' });
    const order = machine.memory.allocate('order', 'u32', 1, { zeroed: true });
    const tickets = runOn(machine, 64, function* (t) {
      yield* t.atomicAdd(order, 0, 1);
      yield* t.barrierSyncAligned(1, 64);
      return yield* t.atomicAdd(order, 0, 1);
    });
    expect(Math.min(...tickets)).toBe(64);
  });

  test('all sixteen work side by side', () => {
    const results = runBlock(512, function* (t) {
      for (let id = 0; id < 16; id++) yield* t.barrierSyncAligned((id + t.warp.index) % 16, 32);
      return true;
    });
    expect(results).toHaveLength(512);
  });

  test('a second phase may have another count', () => {
    expect(
      describeRun(96, function* (t) {
        if (t.warp.index < 2) yield* t.barrierSyncAligned(1, 64);
        yield* t.syncthreads();
        yield* t.barrierSyncAligned(1, 96);
      }),
    ).toBe('completes');
  });
});
