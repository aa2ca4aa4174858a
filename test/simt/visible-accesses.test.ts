import { describe, expect, test } from 'vitest';
import {
  type DeviceFunction,
  Machine,
  type Pointer,
  type ScalarType,
  type ScalarValue,
  type Thread,
} from '../../src/simt/index.js';
import { errorOn, lineFinder, partsOf, runOn } from './support.js';

const lineOf = lineFinder(import.meta.url);

type Load = <T extends ScalarType>(t: Thread, p: Pointer<T>, index: number) => DeviceFunction<ScalarValue<T>>;
type Store = <T extends ScalarType>(t: Thread, p: Pointer<T>, index: number, value: ScalarValue<T>) => DeviceFunction;

const LOADS: Readonly<Record<string, Load>> = {
  *'ld.volatile'(t, p, index) {
    return yield* t.loadVolatile(p, index);
  },
  *'ld.relaxed.block'(t, p, index) {
    return yield* t.loadRelaxed('block', p, index);
  },
  *'ld.relaxed.system'(t, p, index) {
    return yield* t.loadRelaxed('system', p, index);
  },
  *'ld.acquire.device'(t, p, index) {
    return yield* t.loadAcquire('device', p, index);
  },
};
const STORES: Readonly<Record<string, Store>> = {
  *'st.volatile'(t, p, index, value) {
    yield* t.storeVolatile(p, index, value);
  },
  *'st.relaxed.block'(t, p, index, value) {
    yield* t.storeRelaxed('block', p, index, value);
  },
  *'st.relaxed.device'(t, p, index, value) {
    yield* t.storeRelaxed('device', p, index, value);
  },
  *'st.release.system'(t, p, index, value) {
    yield* t.storeRelease('system', p, index, value);
  },
};

const VALUES: readonly [ScalarType, number | bigint][] = [
  ['i8', -128],
  ['u8', 255],
  ['i16', -32768],
  ['u16', 65535],
  ['i32', -(2 ** 31)],
  ['u32', 2 ** 32 - 1],
  ['f32', 0x7f800001],
  ['i64', -(2n ** 63n)],
  ['u64', 2n ** 64n - 1n],
];

describe.each(Object.entries(STORES))('%s', (_, store) => {
  describe.each(Object.entries(LOADS))('then %s', (_, load) => {
    test.each(VALUES)('%s %d, in both spaces', (type, value) => {
      const machine = new Machine();
      const global: Pointer = machine.memory.allocate('a', type, 3);
      const [loaded] = runOn(machine, 1, function* (t) {
        const results: unknown[] = [];
        for (const p of [global, t.shared('s', type, 3) as Pointer]) {
          yield* store(t, p, 1, value as never);
          results.push(yield* load(t, p, 1), p.load(1));
          expect(p.allocation.countUndefined(0, 3 * p.elementBytes)).toBe(2 * p.elementBytes);
        }
        return results;
      });
      expect(loaded).toEqual([value, value, value, value]);
    });
  });
});

type Access = (t: Thread, p: Pointer<'u32'>) => DeviceFunction<unknown>;

describe('the operation in the text of an error', () => {
  const rows: readonly (readonly [string, Access])[] = [
    ...Object.entries(LOADS).map(([name, load]) => [`${name}.global.u32`, (t, p) => load(t, p, 8)] as [string, Access]),
    ...Object.entries(STORES).map(
      ([name, store]) => [`${name}.global.u32`, (t, p) => store(t, p, 8, 1)] as [string, Access],
    ),
    [
      'atom.relaxed.device.global.add.u32',
      function* (t, p) {
        yield* t.atomicAdd(p, 8, 1);
      },
    ],
    [
      'atom.relaxed.block.global.cas.u32',
      function* (t, p) {
        yield* t.atomicCAS(p, 8, 1, 2, 'block');
      },
    ],
    [
      'st.volatile.global.v2.u32',
      function* (t, p) {
        yield* t.storeVolatileV2(p, 8, 1, 2);
      },
    ],
    [
      'ld.volatile.global.v4.u32',
      function* (t, p) {
        const regs = t.registerArray('u32', 4);
        yield* t.loadVolatileV4(p, 8, [regs.at(0), regs.at(1), regs.at(2), regs.at(3)]);
      },
    ],
  ];

  test.each(rows)('%s', (name, access) => {
    const machine = new Machine();
    const p = machine.memory.allocate('a', 'u32', 8, { zeroed: true });
    const error = errorOn(machine, 64, function* (t) {
      yield* t.syncwarp();
      if (t.threadRank === 33) yield* access(t, p); // @visible
    });
    expect(partsOf(error)).toMatchObject({ code: 'OUT_OF_BOUNDS', warp: 1, lane: 1 });
    expect(error.site.operation).toBe(`${name} [0x7f0000000020]`);
    expect(error.message).toContain(`  operation: ${name} [0x7f0000000020]\n`);
    expect(error.site.frames.map((frame) => frame.line)).toContain(lineOf('visible'));
  });

  test('in shared memory', () => {
    const error = errorOn(new Machine(), 1, function* (t) {
      yield* t.storeVolatile(t.shared('s', 'i8', 4), 4, 0);
    });
    expect(error.reason).toBe("store of 1 bytes at shared address 0x14: 1 bytes past the end of 'shared s' (4 bytes)");
    expect(error.site.operation).toBe('st.volatile.shared.i8 [0x14]');
  });
});

/** Loads `count` elements at byte `offset` of `from` in one access and stores them in one at the same place of `to`. */
function* moveVector(
  t: Thread,
  type: ScalarType,
  count: number,
  offset: number,
  from: Pointer<'u8'>,
  to: Pointer<'u8'>,
): DeviceFunction {
  const regs = t.registerArray(type, 4);
  const source = from.add(offset).cast(type);
  const target = to.add(offset).cast(type);
  if (count === 2) {
    yield* t.loadVolatileV2(source, 0, regs.at(0), regs.at(1));
    yield* t.storeVolatileV2(target, 0, regs.at(0), regs.at(1));
  } else {
    // The types exclude four elements of 8 bytes; this one does not.
    const four = [regs.at(0), regs.at(1), regs.at(2), regs.at(3)] as never;
    yield* t.loadVolatileV4(source as Pointer<never>, 0, four);
    yield* t.storeVolatileV4(target as Pointer<never>, 0, four);
  }
}

describe('a vector access', () => {
  const rows: readonly [ScalarType, count: number, bytes: number][] = [
    ['u8', 2, 2],
    ['i16', 2, 4],
    ['f32', 2, 8],
    ['i64', 2, 16],
    ['u64', 2, 16],
    ['i8', 4, 4],
    ['u16', 4, 8],
    ['i32', 4, 16],
    ['f32', 4, 16],
  ];
  const setUp = () => {
    const machine = new Machine();
    return {
      machine,
      from: machine.memory.upload(
        'from',
        'u8',
        Uint8Array.from({ length: 48 }, (_, byte) => byte + 1),
      ),
      to: machine.memory.allocate('to', 'u8', 48, { zeroed: true }),
    };
  };

  test.each(rows)('of %s x %i moves %i bytes', (type, count, bytes) => {
    const { machine, from, to } = setUp();
    runOn(machine, 1, (t) => moveVector(t, type, count, 16, from, to));
    const expected = Array.from({ length: 48 }, (_, byte) => (byte >= 16 && byte < 16 + bytes ? byte + 1 : 0));
    expect([...machine.memory.download(to, 48)]).toEqual(expected);
  });

  test.each(rows)('of %s x %i must be aligned to %i bytes', (type, count, bytes) => {
    const { machine, from, to } = setUp();
    const error = errorOn(machine, 1, (t) => moveVector(t, type, count, 16 + bytes / count, from, to));
    expect(error.code).toBe('MISALIGNED');
    expect(error.reason).toContain(`load of ${bytes} bytes at byte ${16 + bytes / count} of 'from'`);
    expect(error.reason).toContain(`not a multiple of ${bytes}`);
  });

  test.each(rows)('of %s x %i must lie inside with all of its %i bytes', (type, count, bytes) => {
    const machine = new Machine();
    const p = machine.memory.allocate('short', 'u8', bytes - 1, { zeroed: true });
    const error = errorOn(machine, 1, (t) => moveVector(t, type, count, 0, p, p));
    expect(error.reason).toContain(`load of ${bytes} bytes`);
    expect(error.reason).toContain(`1 bytes past the end of 'short'`);
  });

  test('stores values and registers side by side', () => {
    const machine = new Machine();
    const p = machine.memory.allocate('a', 'u64', 2);
    runOn(machine, 1, function* (t) {
      const register = t.registerArray('u64', 1).at(0);
      yield* t.storeVolatileV2(p, 0, 2n ** 64n - 2n, register);
    });
    expect(p.load(0)).toBe(2n ** 64n - 2n);
    expect(p.allocation.countUndefined(0, 16)).toBe(8);
  });

  test('of one step is not torn: another thread sees both halves or none', () => {
    for (const schedule of ['rr', 'random:1', 'random:2,granule=1', 'blocked,granule=8', 'random:9,granule=1']) {
      const machine = new Machine({ schedule });
      const p = machine.memory.allocate('a', 'u64', 2, { zeroed: true });
      const seen = runOn(machine, 64, function* (t) {
        const pairs: (readonly [bigint, bigint])[] = [];
        const regs = t.registerArray('u64', 2);
        for (let round = 0n; round < 10n; round++) {
          if (t.threadRank < 32) yield* t.storeVolatileV2(p, 0, round, round);
          else {
            yield* t.loadVolatileV2(p, 0, regs.at(0), regs.at(1));
            pairs.push([regs.at(0).value, regs.at(1).value]);
          }
        }
        return pairs;
      });
      for (const [first, second] of seen.flat()) expect(second).toBe(first);
    }
  });
});

test.each(['threadfenceBlock', 'threadfence', 'threadfenceSystem'] as const)(
  '%s orders and returns nothing, and is a step of its own',
  (name) => {
    const machine = new Machine();
    const results = runOn(machine, 32, function* (t) {
      return yield* t[name]();
    });
    expect(results).toEqual(new Array(32).fill(undefined));
    expect(machine.steps).toBe(2);
    const error = errorOn(new Machine(), 1, function* (t) {
      t[name]();
    });
    expect(error.code).toBe('DROPPED_OPERATION');
  },
);
