import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FULL_MASK, Machine, type Operation, type Pointer, type Scope, type Thread } from '../../src/simt/index.js';
import { describeProperty } from '../reference/describe-property.js';
import { errorOn, lineFinder, partsOf, range, runOn } from './support.js';

const lineOf = lineFinder(import.meta.url);

const TYPES = ['i32', 'u32', 'i64', 'u64'] as const;
type Type = (typeof TYPES)[number];
const SCOPES = ['block', 'device', 'system'] as const;
const KINDS = ['add', 'sub', 'exch', 'min', 'max', 'inc', 'dec', 'cas', 'and', 'or', 'xor'] as const;
type Kind = (typeof KINDS)[number];

interface Atomic {
  readonly kind: Kind;
  readonly type: Type;
  readonly scope: Scope;
  readonly old: bigint;
  readonly value: bigint;
  readonly compare: bigint;
}

const bitsOf = (type: Type): 32 | 64 => (type.endsWith('64') ? 64 : 32);
const wrap = (type: Type, value: bigint): bigint =>
  type.startsWith('i') ? BigInt.asIntN(bitsOf(type), value) : BigInt.asUintN(bitsOf(type), value);

/** The new value, on integers of any size. Source: PTX ISA, "atom"; CUDA C++ Programming Guide, "Atomic Functions". */
function next({ kind, type, old, value, compare }: Atomic): bigint {
  switch (kind) {
    case 'add':
      return wrap(type, old + value);
    case 'sub':
      return wrap(type, old - value);
    case 'exch':
      return value;
    case 'min':
      return old < value ? old : value;
    case 'max':
      return old > value ? old : value;
    case 'inc':
      return old >= value ? 0n : old + 1n;
    case 'dec':
      return old === 0n || old > value ? value : old - 1n;
    case 'cas':
      return old === compare ? value : old;
    case 'and':
      return old & value;
    case 'or':
      return old | value;
    case 'xor':
      return old ^ value;
  }
}

const toScalar = (type: Type, value: bigint): never => (bitsOf(type) === 64 ? value : Number(value)) as never;

function operationOf(t: Thread, p: Pointer<Type>, index: number, atomic: Atomic): Operation<number | bigint> {
  const { kind, type, scope } = atomic;
  const value = toScalar(type, atomic.value);
  switch (kind) {
    case 'add':
      if (scope === 'block') return t.atomicAddBlock(p, index, value);
      return scope === 'system' ? t.atomicAddSystem(p, index, value) : t.atomicAdd(p, index, value);
    case 'sub':
      return t.atomicSub(p, index, value, scope);
    case 'exch':
      return t.atomicExch(p, index, value, scope);
    case 'min':
      return t.atomicMin(p, index, value, scope);
    case 'max':
      return t.atomicMax(p, index, value, scope);
    case 'inc':
      return t.atomicInc(p as Pointer<'u32'>, index, value, scope);
    case 'dec':
      return t.atomicDec(p as Pointer<'u32'>, index, value, scope);
    case 'cas':
      return t.atomicCAS(p, index, toScalar(type, atomic.compare), value, scope);
    case 'and':
      return t.atomicAnd(p, index, value, scope);
    case 'or':
      return t.atomicOr(p, index, value, scope);
    case 'xor':
      return t.atomicXor(p, index, value, scope);
  }
}

const valuesOf = (type: Type) =>
  fc.oneof(
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }).map((value) => wrap(type, value)),
    fc
      .constantFrom(0n, 1n, -1n, 2n ** 31n, 2n ** 31n - 1n, 2n ** 32n, 2n ** 63n, 2n ** 63n - 1n)
      .map((value) => wrap(type, value)),
    fc.bigInt({ min: 0n, max: 5n }),
  );
const atomics: fc.Arbitrary<Atomic> = fc
  .record({ kind: fc.constantFrom(...KINDS), type: fc.constantFrom(...TYPES), scope: fc.constantFrom(...SCOPES) })
  // CUDA has inc and dec for u32 alone.
  .map(({ kind, type, scope }) => ({ kind, type: kind === 'inc' || kind === 'dec' ? ('u32' as const) : type, scope }))
  .chain(({ kind, type, scope }) =>
    fc
      .record({ old: valuesOf(type), value: valuesOf(type), compare: valuesOf(type), equal: fc.boolean() })
      .map(({ old, value, compare, equal }) => ({ kind, type, scope, old, value, compare: equal ? old : compare })),
  );

describeProperty<(atomic: Atomic) => bigint>(
  'every operation, type and scope, in both spaces: the old value, and the new one in memory',
  (oracle) =>
    fc.property(atomics, fc.boolean(), (atomic, shared) => {
      const { type, old } = atomic;
      const machine = new Machine();
      const global: Pointer<Type> = machine.memory.allocate('a', type, 3, { zeroed: true });
      const [results] = runOn(machine, 1, function* (t) {
        const p = shared ? (t.shared('s', type, 3) as Pointer<Type>) : global;
        for (const index of [0, 1, 2]) p.store(index, toScalar(type, old));
        const before = yield* operationOf(t, p, 1, atomic);
        return [before, p.load(0), p.load(1), p.load(2)].map(BigInt);
      });
      expect(results).toEqual([old, old, oracle(atomic), old]);
    }),
  next,
  {
    'inc beyond the limit goes on': (atomic) => (atomic.kind === 'inc' ? wrap('u32', atomic.old + 1n) : next(atomic)),
    'dec of 0 wraps': (atomic) => (atomic.kind === 'dec' ? wrap('u32', atomic.old - 1n) : next(atomic)),
    'min is unsigned': (atomic) => {
      const unsigned = (value: bigint) => BigInt.asUintN(64, value);
      if (atomic.kind !== 'min') return next(atomic);
      return unsigned(atomic.old) < unsigned(atomic.value) ? atomic.old : atomic.value;
    },
    'cas always swaps': (atomic) => (atomic.kind === 'cas' ? atomic.value : next(atomic)),
    'add saturates': (atomic) => {
      const sum = atomic.old + atomic.value;
      const saturates = atomic.kind === 'add' && sum !== next(atomic) && sum > 0n;
      return saturates ? next({ ...atomic, old: -1n, value: 0n }) : next(atomic);
    },
  },
);

test.each<[Type, Kind, old: bigint, value: bigint, compare: bigint, next: bigint]>([
  ['u64', 'add', 5n, -1n, 0n, 4n],
  ['u64', 'min', 5n, -1n, 0n, 5n],
  ['u64', 'cas', 2n ** 64n - 1n, 7n, -1n, 7n],
  ['i64', 'max', -5n, 2n ** 64n - 1n, 0n, -1n],
  ['i64', 'cas', -1n, 2n ** 63n, 2n ** 64n - 1n, -(2n ** 63n)],
  ['u32', 'max', 5n, -1n, 0n, 2n ** 32n - 1n],
  ['u32', 'cas', 2n ** 32n - 1n, 7n, -1n, 7n],
  ['i32', 'min', 5n, 2n ** 32n - 1n, 0n, -1n],
  ['i32', 'cas', -1n, 7n, 2n ** 32n - 1n, 7n],
])('%s %s takes words as they come: %d, %d (%d) gives %d', (type, kind, old, value, compare, expected) => {
  const p: Pointer<Type> = new Machine().memory.allocate('a', type, 1);
  p.store(0, toScalar(type, old));
  runOn(new Machine(), 1, function* (t) {
    yield* operationOf(t, p, 0, { kind, type, scope: 'device', old, value, compare });
  });
  expect(BigInt(p.load())).toBe(expected);
});

const SCHEDULES = ['rr', 'blocked', 'random:3', 'rr,granule=1', 'random:4,granule=8', 'blocked,granule=1'];

describe.each(SCHEDULES)('under %s', (schedule) => {
  test('every lane gets an old value of its own', () => {
    const machine = new Machine({ schedule });
    const counter = machine.memory.allocate('counter', 'u64', 1, { zeroed: true });
    const tickets = runOn(machine, 100, function* (t) {
      return yield* t.atomicAdd(counter, 0, 3n);
    });
    expect(tickets.map(Number).sort((a, b) => a - b)).toEqual(range(100).map((ticket) => 3 * ticket));
    expect(counter.load()).toBe(300n);
  });

  test('sums wrap', () => {
    const machine = new Machine({ schedule });
    const sum = machine.memory.upload('sum', 'i32', Int32Array.of(2 ** 31 - 50));
    runOn(machine, 100, function* (t) {
      yield* t.atomicAddBlock(sum, 0, 1);
    });
    expect(sum.load()).toBe(-(2 ** 31) + 50);
  });

  test('a loop of compare-and-swap loses no update', () => {
    const machine = new Machine({ schedule });
    const cell = machine.memory.allocate('cell', 'u32', 1, { zeroed: true });
    const rounds = runOn(machine, 40, function* (t) {
      for (let tries = 1; ; tries++) {
        const old = yield* t.loadVolatile(cell);
        if ((yield* t.atomicCAS(cell, 0, old, (Math.imul(old, 5) + 1) >>> 0)) === old) return tries;
      }
    });
    let expected = 0;
    for (let update = 0; update < 40; update++) expected = (Math.imul(expected, 5) + 1) >>> 0;
    expect(cell.load()).toBe(expected);
    expect(Math.max(...rounds)).toBeLessThanOrEqual(40);
  });

  test('a load and a store in its place lose some, unless every lane runs alone', () => {
    const machine = new Machine({ schedule });
    const cell = machine.memory.allocate('cell', 'u32', 1, { zeroed: true });
    runOn(machine, 40, function* (t) {
      const old = yield* t.loadVolatile(cell);
      yield* t.storeVolatile(cell, 0, old + 1);
    });
    expect(cell.load() === 40).toBe(schedule === 'blocked,granule=1');
  });

  test('inc hands out a ring of tickets', () => {
    const machine = new Machine({ schedule });
    const ring = machine.memory.allocate('ring', 'u32', 1, { zeroed: true });
    const tickets = runOn(machine, 70, function* (t) {
      return yield* t.atomicInc(ring, 0, 6);
    });
    const counts = range(7).map((ticket) => tickets.filter((got) => got === ticket).length);
    expect(counts).toEqual(new Array(7).fill(10));
    expect(ring.load()).toBe(0);
  });

  test('dec hands them out backwards', () => {
    const machine = new Machine({ schedule });
    const ring = machine.memory.allocate('ring', 'u32', 1, { zeroed: true });
    runOn(machine, 71, function* (t) {
      yield* t.atomicDec(ring, 0, 6);
    });
    expect(ring.load()).toBe(6);
  });

  test('a lock of exchanges keeps the others out', () => {
    const machine = new Machine({ schedule });
    const lock = machine.memory.allocate('lock', 'i32', 1, { zeroed: true });
    const count = machine.memory.allocate('count', 'i32', 1, { zeroed: true });
    runOn(machine, { x: 1, y: 1, z: 20 }, function* (t) {
      while ((yield* t.atomicExch(lock, 0, 1)) !== 0) yield* t.threadfence();
      const seen = yield* t.loadVolatile(count);
      yield* t.threadfence();
      yield* t.storeVolatile(count, 0, seen + 1);
      yield* t.atomicExch(lock, 0, 0);
    });
    expect(count.load()).toBe(20);
  });

  test('a warp-aggregated add gives every lane its place', () => {
    const machine = new Machine({ schedule });
    const count = machine.memory.allocate('count', 'u32', 1, { zeroed: true });
    const places = runOn(machine, 96, function* (t) {
      const wanted = t.threadRank % 3 === 0;
      const active = yield* t.ballotSync(FULL_MASK, wanted);
      let base = 0;
      if (t.laneId === 0) base = yield* t.atomicAdd(count, 0, active.toString(2).replaceAll('0', '').length);
      base = yield* t.shflSync(FULL_MASK, base, 0);
      return wanted ? base + (active & t.lanemaskLt).toString(2).replaceAll('0', '').length : -1;
    });
    expect(places.filter((place) => place >= 0).sort((a, b) => a - b)).toEqual(range(32));
  });
});

describe('errors', () => {
  test('an atomic on undefined memory', () => {
    const machine = new Machine();
    const p = machine.memory.allocate('a', 'u64', 2);
    p.cast('u8').store(9, 1);
    const error = errorOn(machine, 64, function* (t) {
      yield* t.syncwarp();
      if (t.threadRank === 40) {
        yield* t.atomicAddSystem(p, 1, 1n); // @undefined
      }
    });
    expect(partsOf(error)).toEqual({
      code: 'UNDEFINED_READ',
      warp: 1,
      lane: 8,
      line: lineOf('undefined'),
      other: null,
    });
    expect(error.reason).toContain("7 of 8 bytes were never defined, the first at byte 8 of 'a'");
    expect(error.site.operation).toBe('atom.relaxed.system.global.add.u64 [0x7f0000000008]');
  });

  test('its twin on zeroed memory passes', () => {
    const machine = new Machine();
    const p = machine.memory.allocate('a', 'u64', 2, { zeroed: true });
    runOn(machine, 64, function* (t) {
      yield* t.atomicAddSystem(p, 1, 1n);
    });
    expect(p.load(1)).toBe(64n);
  });

  test.each(['out of bounds', 'misaligned'] as const)('%s', (which) => {
    const machine = new Machine();
    const p = machine.memory.allocate('a', 'i32', 4, { zeroed: true });
    const error = errorOn(machine, 1, function* (t) {
      if (which === 'misaligned') yield* t.atomicMax(p.cast('u8').add(2).cast('i32'), 0, 1);
      else yield* t.atomicMax(p, 4, 1);
    });
    expect(error.code).toBe(which === 'misaligned' ? 'MISALIGNED' : 'OUT_OF_BOUNDS');
    expect(error.reason).toMatch(/^atomic of 4 bytes/);
  });
});
