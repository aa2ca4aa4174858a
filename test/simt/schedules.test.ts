import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { schedules } from '../../src/arbitraries/index.js';
import {
  formatSchedule,
  type KernelBody,
  Machine,
  type Outcome,
  type Pointer,
  parseSchedule,
  type Schedule,
  type Thread,
} from '../../src/simt/index.js';
import { describeProperty } from '../reference/describe-property.js';
import { range, runOn } from './support.js';

// --- Programs whose memory tells in which order everything happened.

const CELLS = 4;
const KINDS = [
  'load',
  'store',
  'add',
  'exch',
  'plain load',
  'plain store',
  'fence',
  'syncwarp',
  'syncthreads',
] as const;

interface Program {
  readonly launches: readonly { readonly blocks: number; readonly threads: number; readonly stream: number }[];
  /** What every thread does; even and odd lanes do it to different cells, and odd ones skip what only lanes do. */
  readonly operations: readonly { readonly kind: (typeof KINDS)[number]; readonly cell: number }[];
}

const programs: fc.Arbitrary<Program> = fc.record({
  launches: fc.array(
    fc.record({ blocks: fc.integer({ min: 1, max: 3 }), threads: fc.integer({ min: 1, max: 70 }), stream: fc.nat(1) }),
    { minLength: 1, maxLength: 3 },
  ),
  operations: fc.array(fc.record({ kind: fc.constantFrom(...KINDS), cell: fc.nat(CELLS - 1) }), {
    minLength: 1,
    maxLength: 8,
  }),
});

interface ProgramArgs {
  readonly operations: Program['operations'];
  readonly cells: Pointer<'u32'>;
  readonly traces: Pointer<'u32'>;
}

function* traced(t: Thread, { operations, cells, traces }: ProgramArgs): KernelBody {
  let trace = t.globalThreadIdx;
  const see = (word: number) => {
    trace = (Math.imul(trace, 31) + word) >>> 0;
  };
  for (const { kind, cell: base } of operations) {
    const cell = (base + t.laneId) % CELLS;
    switch (kind) {
      case 'load':
        see(yield* t.loadVolatile(cells, cell));
        break;
      case 'store':
        yield* t.storeVolatile(cells, cell, trace);
        break;
      case 'add':
        see(yield* t.atomicAdd(cells, cell, trace));
        break;
      case 'exch':
        if (t.laneId % 3 === 0) see(yield* t.atomicExch(cells, cell, trace));
        break;
      case 'plain load':
        see(cells.load(cell));
        break;
      case 'plain store':
        cells.store(cell, trace);
        break;
      case 'fence':
        for (let delay = t.laneId % 3; delay > 0; delay--) yield* t.threadfence();
        break;
      case 'syncwarp':
        yield* t.syncwarp();
        break;
      case 'syncthreads':
        yield* t.syncthreads();
        break;
      default:
        kind satisfies never;
    }
  }
  traces.store(t.globalThreadIdx, trace);
}

interface Run {
  readonly outcome: Outcome;
  readonly memory: readonly string[];
  readonly recorded: Schedule;
}

function runProgram({ launches, operations }: Program, schedule: Schedule | string): Run {
  const machine = new Machine({ schedule, record: true });
  const cells = machine.memory.allocate('cells', 'u32', CELLS, { zeroed: true });
  const streams = [machine.stream(0), machine.stream(1)];
  for (const [index, { blocks, threads, stream }] of launches.entries()) {
    const traces = machine.memory.allocate(`traces ${index}`, 'u32', blocks * threads);
    streams[stream]!.launch(traced, { grid: blocks, block: threads }, { operations, cells, traces });
  }
  const outcome = machine.run();
  const memory = machine.memory.space.allocations.map(({ u8 }) => Buffer.from(u8).toString('hex'));
  return { outcome, memory, recorded: machine.recordedSchedule };
}

describeProperty<(recorded: Schedule, original: string) => Schedule | string>(
  'a recorded run replays: the same memory, steps and end',
  (replayed) =>
    fc.property(programs, schedules({ maxResident: 4 }), (program, schedule) => {
      const first = runProgram(program, schedule);
      expect(first.outcome.verdict).toBe('completes');
      const token = replayed(first.recorded, schedule);
      const second = runProgram(program, typeof token === 'string' ? token : formatSchedule(token));
      expect(second.outcome).toEqual(first.outcome);
      expect(second.memory).toEqual(first.memory);
      expect(second.recorded).toEqual(first.recorded);
    }),
  (recorded) => recorded,
  {
    'with round robin instead': () => 'rr',
    'with another seed': (_, original) => original.replace(/random:\d+/, 'random:1'),
    'without the granule': (recorded) => ({ ...recorded, granule: 32 }),
    'without the order of blocks': (recorded) => ({ ...recorded, blockOrder: { kind: 'linear' } }),
    'without the limit of blocks': (recorded) => ({ ...recorded, residentBlocks: null }),
    'with two picks exchanged': (recorded) => {
      if (recorded.policy.kind !== 'picks') return recorded;
      const [first, second, ...rest] = recorded.policy.runs;
      const runs = second === undefined ? [first!] : [second, first!, ...rest];
      return { ...recorded, policy: { kind: 'picks', runs } };
    },
  },
);

describeProperty<(schedule: string, attempt: number) => string>(
  'the same schedule gives the same run',
  (of) =>
    fc.property(programs, schedules(), (program, schedule) => {
      const runs = [0, 1].map((attempt) => runProgram(program, of(schedule, attempt)));
      expect(runs[1]).toEqual(runs[0]);
    }),
  (schedule) => schedule,
  {
    'a seed of the moment': (schedule, attempt) => schedule.replace(/random:\d+/, `random:${attempt}`),
    'a granule of the moment': (schedule, attempt) =>
      schedule.includes('granule') ? schedule : `${schedule.split(',')[0]},granule=${attempt === 0 ? 8 : 1}`,
  },
);

// --- The order of things.

/** Which lane takes which ticket, in the order of the tickets: two tickets a lane. */
function ticketOrder(threads: number, schedule: string): number[] {
  const machine = new Machine({ schedule });
  const counter = machine.memory.allocate('counter', 'u32', 1, { zeroed: true });
  const order: number[] = [];
  runOn(machine, threads, function* (t) {
    for (let turn = 0; turn < 2; turn++) order[yield* t.atomicAdd(counter, 0, 1)] = t.threadRank;
  });
  return order;
}

/** The threads of each part in order, `turns` times, part by part. */
const inParts = (threads: number, size: number, turns: number): number[] =>
  range(Math.ceil(threads / size)).flatMap((part) =>
    range(turns).flatMap(() => range(threads).slice(part * size, (part + 1) * size)),
  );

test.each<[schedule: string, threads: number, order: number[], why: string]>([
  ['rr', 32, [...range(32), ...range(32)], 'a warp moves as one'],
  ['rr', 70, [...range(70), ...range(70)], 'warps take turns'],
  ['rr,granule=8', 32, [...range(32), ...range(32)], 'lines take turns'],
  ['rr,granule=1', 70, [...range(70), ...range(70)], 'lanes take turns'],
  ['blocked', 70, inParts(70, 32, 2), 'a warp goes on to its end'],
  ['blocked,granule=8', 70, inParts(70, 8, 2), 'a line goes on to its end'],
  ['blocked,granule=1', 70, inParts(70, 1, 2), 'a lane goes on to its end'],
  ['picks:AD', 32, [...range(32), ...range(32)], 'given picks'],
])('%s with %i threads: %j: %s', (schedule, threads, order) => {
  expect(ticketOrder(threads, schedule)).toEqual(order);
});

test('random picks differ from seed to seed, and take every granule', () => {
  const orders = range(8).map((seed) => ticketOrder(128, `random:${seed}`).join());
  expect(new Set(orders).size).toBe(8);
  const first = range(40).map((seed) => ticketOrder(128, `random:${seed}`)[0]);
  expect(new Set(first)).toEqual(new Set([0, 32, 64, 96]));
});

describe('a step', () => {
  test.each([
    [32, 31, 'every lane has stored'],
    [8, 7, 'the lanes of the line have stored'],
    [1, 0, 'the lane has stored'],
  ])('of %i lanes runs each to its next operation, then performs these: %i: %s', (granule, seenByFirst) => {
    const machine = new Machine({ schedule: `rr,granule=${granule}` });
    const cell = machine.memory.allocate('cell', 'i32', 1);
    const seen = runOn(machine, 32, function* (t) {
      cell.store(0, t.laneId);
      const visible = yield* t.loadVolatile(cell);
      return visible;
    });
    expect(seen[0]).toBe(seenByFirst);
    expect(seen[31]).toBe(31);
  });

  test('performs the lowest lane first', () => {
    const machine = new Machine();
    const cell = machine.memory.allocate('cell', 'i32', 1, { zeroed: true });
    const old = runOn(machine, 32, function* (t) {
      return yield* t.atomicExch(cell, 0, t.laneId + 1);
    });
    expect(old).toEqual(range(32));
  });

  test.each([
    [32, false],
    [8, false],
    [1, true],
  ])('of %i lanes: a line of 128 bytes is seen torn: %s', (granule, torn) => {
    const machine = new Machine({ schedule: `random:5,granule=${granule}` });
    const line = machine.memory.allocate('line', 'u64', 16, { zeroed: true });
    const tears = runOn(machine, 64, function* (t) {
      let count = 0;
      for (let round = 1n; round <= 20n; round++) {
        if (t.threadRank < 8) yield* t.storeVolatileV2(line, 2 * t.laneId, round, round);
        else yield* t.threadfence();
        if (range(16).some((word) => line.load(word) !== line.load(0))) count++;
      }
      return count;
    });
    expect(Math.max(...tears.slice(32)) > 0).toBe(torn);
  });
});

describe('polling', () => {
  const policies = ['rr', 'blocked', 'random:1'].flatMap((policy) =>
    [32, 8, 1].map((granule) => `${policy},granule=${granule}`),
  );

  describe.each(policies)('under %s', (schedule) => {
    test.each(range(8).map((others) => others + 2))(
      '%i warps: one writes what the others poll, wherever it is',
      (warps) => {
        for (let writer = 0; writer < warps; writer++) {
          const machine = new Machine({ schedule, limits: { maxSteps: 50_000 } });
          const flag = machine.memory.allocate('flag', 'u32', 1, { zeroed: true });
          const polls = runOn(machine, warps * 32, function* (t) {
            if (t.laneId !== 0) return 0;
            if (t.warp.index === writer) {
              yield* t.storeRelease('device', flag, 0, 1);
              return 0;
            }
            let count = 0;
            while ((yield* t.loadAcquire('device', flag)) === 0) count++;
            return count;
          });
          expect(Math.max(...polls)).toBeLessThan(5000);
        }
      },
    );

    test('a chain: each waits for the next', () => {
      const machine = new Machine({ schedule, limits: { maxSteps: 100_000 } });
      const turn = machine.memory.allocate('turn', 'u32', 1, { zeroed: true });
      const order: number[] = [];
      runOn(machine, 7 * 32, function* (t) {
        if (t.laneId !== 0) return;
        while ((yield* t.loadVolatile(turn)) !== 6 - t.warp.index) yield* t.threadfence();
        order.push(t.warp.index);
        yield* t.storeVolatile(turn, 0, 7 - t.warp.index);
      });
      expect(order).toEqual([6, 5, 4, 3, 2, 1, 0]);
    });
  });
});

describe('given picks', () => {
  const run = (schedule: string, warps = 2) => {
    const machine = new Machine({ schedule });
    machine.stream().launch(
      function* kernel(t) {
        yield* t.threadfence();
      },
      { grid: 1, block: warps * 32 },
      null,
    );
    return machine.run();
  };
  const picks = (...runs: readonly (readonly [index: number, times: number])[]) =>
    formatSchedule({
      ...parseSchedule('rr'),
      policy: { kind: 'picks', runs: runs.map(([index, times]) => ({ index, times })) },
    });

  test('decide, in order', () => expect(run(picks([1, 2], [0, 2]))).toEqual({ verdict: 'completes', steps: 4 }));

  test('that are too few', () => {
    expect(() => run(picks([0, 3]))).toThrow(RangeError);
    expect(() => run(picks([0, 3]))).toThrow('the given schedule has 3 picks; the program has not ended after them');
  });

  test('of a granule that there is not', () => {
    expect(() => run(picks([0, 1], [2, 1]))).toThrow(
      'the given schedule picks granule 2 of 2 at step 1: it belongs to another program or other inputs',
    );
  });

  test('a machine that does not record has none', () => {
    expect(() => new Machine().recordedSchedule).toThrow('the machine was not made with { record: true }');
  });
});

describe('blocks start', () => {
  /** The order in which the blocks of a 3 x 2 x 2 grid run if one is resident at a time. */
  function blockSequence(order: string): string[] {
    const machine = new Machine({ schedule: `rr,resident=1,order=${order}` });
    const sequence: string[] = [];
    machine.stream().launch(
      function* kernel({ blockIdx: { x, y, z } }) {
        sequence.push(`${x}${y}${z}`);
      },
      { grid: { x: 3, y: 2, z: 2 }, block: 1 },
      null,
    );
    expect(machine.run().verdict).toBe('completes');
    return sequence;
  }
  const LINEAR = ['000', '100', '200', '010', '110', '210', '001', '101', '201', '011', '111', '211'];

  test('x fastest', () => expect(blockSequence('linear')).toEqual(LINEAR));
  test('the last first', () => expect(blockSequence('reverse')).toEqual([...LINEAR].reverse()));
  test('shuffled, each once, the same for a seed', () => {
    const shuffles = range(60).map((seed) => blockSequence(`shuffle:${seed}`));
    for (const sequence of shuffles) expect([...sequence].sort()).toEqual([...LINEAR].sort());
    expect(new Set(shuffles.map(String)).size).toBe(60);
    // Every block comes first now and then.
    expect(new Set(shuffles.map(([first]) => first)).size).toBe(12);
    expect(blockSequence('shuffle:3')).toEqual(shuffles[3]);
  });
});
