import { describe, expect, test } from 'vitest';
import { Machine, type Pointer, type StoreEvent, siteOf, type Thread } from '../../src/simt/index.js';
import { lineFinder, outcomeOn, range, runOn, type ThreadBody } from './support.js';

const lineOf = lineFinder(import.meta.url);

interface Seen {
  readonly step: number;
  readonly rank: number;
  readonly line: number | undefined;
}
const seenOf = ({ step, thread, frames }: StoreEvent): Seen => ({
  step,
  rank: thread.threadRank,
  line: frames[0]?.line,
});

/** The stores to elements `first` to `last` of eight u32 that `body` makes in a block of 64 threads. */
function watched(
  body: (t: Thread, p: Pointer<'u32'>) => ReturnType<ThreadBody<unknown>>,
  [first, last]: readonly [number, number],
  schedule = 'rr',
): Seen[] {
  const machine = new Machine({ schedule });
  const p = machine.memory.allocate('a', 'u32', 8, { zeroed: true });
  const seen: Seen[] = [];
  machine.watch(p.add(first).address, 4 * (last - first + 1), (event) => seen.push(seenOf(event)));
  const outcome = outcomeOn(machine, 64, (t) => body(t, p));
  expect(outcome.verdict).toBe('completes');
  return seen;
}

describe('a watch reports', () => {
  test('a plain store: its thread, step and line', () => {
    const seen = watched(
      function* (t, p) {
        yield* t.threadfence();
        if (t.threadRank === 40) {
          p.store(3, 7); // @plain
        }
      },
      [3, 3],
    );
    expect(seen).toEqual([{ step: 4, rank: 40, line: lineOf('plain') }]);
  });

  test.each<[string, (t: Thread, p: Pointer<'u32'>) => ReturnType<ThreadBody<unknown>>]>([
    [
      'a volatile store',
      function* (t, p) {
        yield* t.storeVolatile(p, 3, 7); // @st.volatile
      },
    ],
    [
      'a release store',
      function* (t, p) {
        yield* t.storeRelease('system', p, 3, 7); // @st.release
      },
    ],
    [
      'an atomic',
      function* (t, p) {
        yield* t.atomicAddSystem(p, 3, 7); // @atom.add
      },
    ],
    [
      'an atomic that changes nothing',
      function* (t, p) {
        yield* t.atomicCAS(p, 3, 1, 7); // @atom.cas
      },
    ],
    [
      'a vector store that touches the bytes with its second half',
      function* (t, p) {
        yield* t.storeVolatileV2(p, 2, 7, 8); // @st.v2
      },
    ],
    [
      'a wider store',
      function* (t, p) {
        yield* t.storeVolatile(p.cast('u64'), 1, 7n); // @st.u64
      },
    ],
  ])('%s', (_, store) => {
    const seen = watched(
      function* (t, p) {
        if (t.threadRank === 40) yield* store(t, p);
      },
      [3, 3],
    );
    expect(seen).toHaveLength(1);
    expect(seen[0]).toMatchObject({ step: 2, rank: 40 });
    const marks = ['st.volatile', 'st.release', 'atom.add', 'atom.cas', 'st.v2', 'st.u64'];
    expect(marks.map(lineOf)).toContain(seen[0]!.line);
  });

  test('none of a load, a store beside it, or a host copy', () => {
    const seen = watched(
      function* (t, p) {
        p.load(3);
        yield* t.loadVolatile(p, 3);
        yield* t.storeVolatile(p, 2, 1);
        p.store(5, 1);
        p.cast('u8').store(11, 1);
        p.allocation.hostWrite(12, Uint8Array.of(1));
      },
      [3, 4],
    );
    expect(seen).toEqual([]);
  });

  test('each of several, in order, under any schedule', () => {
    for (const schedule of ['rr', 'random:5', 'random:6,granule=1', 'blocked,granule=8']) {
      const seen = watched(
        function* (t, p) {
          yield* t.atomicAdd(p, t.threadRank % 8, 1);
          p.store(t.threadRank % 8, t.threadRank);
        },
        [6, 7],
        schedule,
      );
      expect(seen).toHaveLength(32);
      expect(seen.filter(({ rank }) => rank === 62)).toHaveLength(2);
      expect(new Set(seen.map(({ rank }) => rank % 8))).toEqual(new Set([6, 7]));
    }
  });

  test('with a site that says who and what', () => {
    const machine = new Machine();
    const p = machine.memory.allocate('a', 'u32', 1, { zeroed: true });
    const operations: string[] = [];
    machine.watch(p.address, 4, ({ thread, frames }) => {
      const { kernel, lane, operation } = siteOf(thread, frames);
      operations.push(`${kernel} ${lane} ${operation}`);
    });
    runOn(machine, 32, function* (t) {
      if (t.laneId === 9) {
        p.store(0, 1);
        yield* t.storeVolatile(p, 0, 2);
      }
    });
    expect(operations).toEqual(['kernel 9 ', 'kernel 9 st.volatile.global.u32 [0x7f0000000000]']);
  });

  test('to everyone who watches', () => {
    const machine = new Machine();
    const p = machine.memory.allocate('a', 'u32', 4, { zeroed: true });
    const seen: string[] = [];
    machine.watch(p.address, 4, () => seen.push('word 0'));
    machine.watch(p.address, 16, () => seen.push('all'));
    machine.watch(p.address + 4, 4, () => seen.push('word 1'));
    runOn(machine, 1, function* (t) {
      yield* t.storeVolatile(p, 0, 1);
      p.store(1, 1);
      yield* t.storeVolatileV2(p, 0, 1, 2);
    });
    expect(seen).toEqual(['word 0', 'all', 'all', 'word 1', 'word 0', 'all', 'word 1']);
  });

  test('stores to an allocation that is made later, by a pointer to another', () => {
    const machine = new Machine();
    const first = machine.memory.allocate('first', 'u32', 4, { zeroed: true });
    const seen: Seen[] = [];
    machine.watch(first.address + 1028, 4, (event) => seen.push(seenOf(event)));
    const second = machine.memory.allocate('second', 'u32', 16, { zeroed: true });
    expect(second.address - first.address).toBe(1024);
    runOn(machine, 1, function* (t) {
      yield* t.storeVolatile(first, 257, 1); // @across
      first.store(258, 2);
    });
    expect(seen).toEqual([{ step: 1, rank: 0, line: lineOf('across') }]);
  });

  test('also if the run ends in an error before the thread goes on', () => {
    const machine = new Machine();
    const p = machine.memory.allocate('a', 'u32', 1, { zeroed: true });
    const seen: Seen[] = [];
    machine.watch(p.address, 4, (event) => seen.push(seenOf(event)));
    const outcome = outcomeOn(machine, 64, function* (t) {
      if (t.threadRank === 3) {
        yield* t.storeVolatile(p, 0, 1); // @last
      }
      if (t.warp.index === 1) p.load(1);
    });
    expect(outcome.verdict).toBe('error');
    expect(seen).toEqual([{ step: 1, rank: 3, line: lineOf('last') }]);
  });

  test('also if the steps are spent', () => {
    const machine = new Machine({ limits: { maxSteps: 1 } });
    const p = machine.memory.allocate('a', 'u32', 32, { zeroed: true });
    const seen: Seen[] = [];
    machine.watch(p.address, 128, (event) => seen.push(seenOf(event)));
    const outcome = outcomeOn(machine, 32, function* (t) {
      yield* t.storeVolatile(p, t.laneId, 1);
    });
    expect(outcome.verdict).toBe('budget');
    expect(seen.map(({ rank }) => rank).sort((a, b) => a - b)).toEqual(range(32));
  });
});

test('a watched run is the same run', () => {
  const run = (isWatched: boolean) => {
    const machine = new Machine({ schedule: 'random:11,granule=8', record: true });
    const p = machine.memory.allocate('a', 'u32', 4, { zeroed: true });
    if (isWatched) machine.watch(p.address, 8, () => undefined);
    const results = runOn(machine, 64, function* (t) {
      const old = yield* t.atomicExch(p, t.laneId % 4, t.threadRank);
      p.store(t.laneId % 4, old + 1);
      yield* t.storeVolatile(p, 0, yield* t.loadVolatile(p, 1));
      return [old, p.load(0)];
    });
    return { results, schedule: machine.recordedSchedule, memory: machine.memory.download(p, 4), steps: machine.steps };
  };
  expect(run(true)).toEqual(run(false));
});
