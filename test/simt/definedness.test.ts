import { describe, expect, test } from 'vitest';
import { Machine, type Pointer, Register } from '../../src/simt/index.js';
import { errorOf, errorOn, lineFinder, partsOf, range, runBlock, runOn } from './support.js';

const lineOf = lineFinder(import.meta.url);

/** One character a byte from the start of `pointer`'s allocation: d for defined, - for not. */
function definedBytes({ allocation }: Pointer): string {
  return range(allocation.bytes)
    .map((offset) => (allocation.definedBits(offset, 1) === 1 ? 'd' : '-'))
    .join('');
}

/** Memory of 16 bytes of which `pattern` says which are defined (byte n is then n + 1). */
function patterned(machine: Machine, pattern: string): Pointer<'u8'> {
  const p = machine.memory.allocate('source', 'u8', pattern.length);
  [...pattern].forEach((mark, byte) => {
    if (mark === 'd') p.store(byte, byte + 1);
  });
  return p;
}

describe('memory begins', () => {
  test.each<[string, (machine: Machine) => Pointer, string]>([
    ['undefined', ({ memory }) => memory.allocate('a', 'u16', 4), '--------'],
    ['defined if zeroed', ({ memory }) => memory.allocate('a', 'u16', 4, { zeroed: true }), 'dddddddd'],
    ['defined if uploaded', ({ memory }) => memory.upload('a', 'u16', Uint16Array.of(1, 2, 3)), 'dddddd'],
    [
      'undefined on every rank',
      ({ memory }) => memory.allocateSymmetric('a', 'u8', { ranks: 2, bytesPerRank: 8 }).add(8),
      '--------',
    ],
  ])('%s', (_, allocate, pattern) => expect(definedBytes(allocate(new Machine()))).toBe(pattern));

  test('in shared memory undefined, in every block anew', () => {
    const machine = new Machine();
    const error = errorOn(machine, 32, function* (t) {
      const s = t.shared('s', 'i32', 32);
      if (t.laneId !== 7) s.store(t.laneId, 1);
      yield* t.syncwarp();
      s.load(31 - t.laneId); // @shared
    });
    expect(partsOf(error)).toEqual({
      code: 'UNDEFINED_READ',
      warp: 0,
      lane: 24,
      line: lineOf('shared'),
      other: null,
    });
    expect(error.reason).toContain(
      "loads a i32 of which 4 of 4 bytes were never defined, the first at byte 28 of 'shared s'",
    );
  });
});

describe('memory becomes defined', () => {
  test('by a memset, of just its bytes', () => {
    const machine = new Machine();
    const p = machine.memory.allocate('a', 'i32', 4);
    machine.stream().memset(p.add(1), 0x107, 6);
    machine.run();
    expect(definedBytes(p)).toBe('----dddddd------');
    expect(p.load(1)).toBe(0x07070707);
  });

  test('by a store, of just its bytes', () => {
    const p = new Machine().memory.allocate('a', 'u8', 16);
    p.cast('u16').store(1, 5);
    p.cast('u64').store(1, 5n);
    p.store(7, 5);
    expect(definedBytes(p)).toBe('--dd---ddddddddd');
  });
});

describe('a scalar load of undefined bytes is an error that names the first', () => {
  test.each([
    ['u8', 3, '1 of 1 bytes were never defined, the first at byte 3'],
    ['u16', 2, '1 of 2 bytes were never defined, the first at byte 3'],
    ['i32', 0, '2 of 4 bytes were never defined, the first at byte 2'],
    ['u64', 8, '5 of 8 bytes were never defined, the first at byte 8'],
    ['f32', 8, '4 of 4 bytes were never defined, the first at byte 8'],
    ['u64', 0, '6 of 8 bytes were never defined, the first at byte 2'],
  ] as const)('%s at byte %i', (type, offset, sentence) => {
    const machine = new Machine();
    const p = patterned(machine, `${'dd------'}${'-----ddd'}`);
    if (type === 'u16' || type === 'u8') p.store(2, 9);
    const q = p.add(offset).cast(type) as Pointer;
    const bodies = {
      plain: errorOn(machine, 1, function* () {
        q.load();
      }),
      volatile: errorOn(new Machine(), 1, function* (t) {
        yield* t.loadVolatile(q);
      }),
      acquire: errorOn(new Machine(), 1, function* (t) {
        yield* t.loadAcquire('system', q);
      }),
    };
    for (const error of Object.values(bodies)) {
      expect(error.code).toBe('UNDEFINED_READ');
      expect(error.reason).toContain(sentence);
      expect(error.reason).toContain("of 'source'; to move undefined bytes, load them into a register");
    }
  });

  test('but defined neighbours load', () => {
    const p = patterned(new Machine(), 'dd--dddd--------');
    expect(p.cast('u16').load(0)).toBe(0x0201);
    expect(p.cast('u32').load(1)).toBe(0x08070605);
  });
});

describe('registers', () => {
  test('begin undefined; their value is refused, with the line', () => {
    const error = errorOf(32, function* (t) {
      const regs = t.registerArray('u64', 2);
      regs.at(0).set(1n);
      yield* t.syncwarp();
      regs.at(t.laneId === 9 ? 1 : 0).value; // @value
    });
    expect(partsOf(error)).toEqual({ code: 'UNDEFINED_READ', warp: 0, lane: 9, line: lineOf('value'), other: null });
    expect(error.reason).toBe('uses a register of type u64 that holds undefined bytes');
  });

  test.each([
    ['i8', -128],
    ['u8', 255],
    ['i16', -1],
    ['u16', 65535],
    ['i32', -(2 ** 31)],
    ['u32', 2 ** 32 - 1],
    ['f32', 0xffc0babe],
    ['i64', -(2n ** 63n)],
    ['i64', -(2n ** 31n)],
    ['u64', 2n ** 64n - 1n],
    ['u64', 2n ** 31n],
  ] as const)('%s keeps %d, also by assignment', (type, value) => {
    const [kept] = runBlock(1, function* (t) {
      const regs = t.registerArray(type, 2) as { at(index: number): Register };
      regs.at(0).set(value as never);
      regs.at(1).assign(regs.at(0));
      return [regs.at(0).value, regs.at(1).value];
    });
    expect(kept).toEqual([value, value]);
  });

  test.each([-1, 2, 0.5, Number.NaN])('index %d of two is out of bounds', (index) => {
    const error = errorOf(1, function* (t) {
      t.registerArray('u64', 2).at(index);
    });
    expect(error.code).toBe('OUT_OF_BOUNDS');
    expect(error.reason).toBe(`register index ${index} of an array of 2`);
  });

  const PATTERNS = ['dddddddddddddddd', '----------------', 'd-d-d-d-d-d-d-d-', '----dddd--------', '-------d--------'];
  test.each(PATTERNS)('carry undefined bytes one by one: %s', (pattern) => {
    const machine = new Machine();
    const source = patterned(machine, pattern);
    const kinds = ['u8', 'u16', 'u32', 'u64', 'v2', 'v4', 'copies'] as const;
    const targets = Object.fromEntries(
      kinds.map((kind) => [kind, machine.memory.allocate(kind, 'u8', 16, { zeroed: true })]),
    ) as Record<(typeof kinds)[number], Pointer<'u8'>>;
    runOn(machine, 1, function* (t) {
      for (const type of ['u8', 'u16', 'u32', 'u64'] as const) {
        const register = t.registerArray(type, 1).at(0) as Register;
        const from = source.cast(type) as Pointer;
        const to = targets[type].cast(type) as Pointer;
        for (let index = 0; index < 16 / to.elementBytes; index++) {
          from.loadInto(register, index);
          to.store(index, register);
        }
      }
      const regs = t.registerArray('u64', 4);
      yield* t.loadVolatileV2(source.cast('u64'), 0, regs.at(0), regs.at(1));
      yield* t.storeVolatileV2(targets.v2.cast('u64'), 0, regs.at(0), regs.at(1));
      regs.at(3).set(7n);
      regs.at(2).assign(regs.at(0));
      regs.at(3).assign(regs.at(1));
      const words = targets.copies.cast('u64');
      yield* t.storeVolatile(words, 0, regs.at(2));
      yield* t.storeRelease('device', words, 1, regs.at(3));
      const four = t.registerArray('u32', 4);
      const all = [four.at(0), four.at(1), four.at(2), four.at(3)] as const;
      yield* t.loadVolatileV4(source.cast('u32'), 0, all);
      yield* t.storeVolatileV4(targets.v4.cast('u32'), 0, all);
    });
    for (const kind of kinds) {
      expect(`${kind} ${definedBytes(targets[kind])}`).toBe(`${kind} ${pattern}`);
      const bytes = machine.memory.download(targets[kind], 16, { allowUndefined: true });
      [...pattern].forEach((mark, byte) => {
        if (mark === 'd') expect(bytes[byte]).toBe(byte + 1);
      });
    }
  });

  test('an undefined one takes definedness away, a value gives it back', () => {
    const machine = new Machine();
    const p = machine.memory.upload('a', 'u64', BigUint64Array.of(1n, 2n));
    runOn(machine, 1, function* (t) {
      yield* t.storeVolatile(p, 1, t.registerArray('u64', 1).at(0));
    });
    expect(definedBytes(p)).toBe('dddddddd--------');
    expect(() => p.load(1)).toThrow('8 of 8 bytes');
    p.cast('u16').store(5, 3);
    expect(definedBytes(p)).toBe('dddddddd--dd----');
    p.store(1, 4n);
    expect(p.load(1)).toBe(4n);
    p.store(0, new Register('u64'));
    machine.stream().memset(p.add(1), 0, 8);
    machine.stream().memset(p, 0, 4);
    machine.run();
    expect(definedBytes(p)).toBe('dddd----dddddddd');
  });

  test('f32 words keep the payload of a NaN', () => {
    const machine = new Machine();
    const nans = Uint32Array.of(0x7f800001, 0xffbabe01, 0x7fc00000, 0xffffffff);
    const from = machine.memory.upload('from', 'f32', nans);
    const to = machine.memory.allocate('to', 'f32', 4);
    runOn(machine, 4, function* (t) {
      const value = from.load(t.laneId);
      yield* t.storeVolatile(to, t.laneId, value);
      to.store(t.laneId, yield* t.shflSync(0xf, yield* t.loadVolatile(to, t.laneId), t.laneId));
    });
    expect([...new Uint32Array(machine.memory.download(to, 4).buffer)]).toEqual([...nans]);
  });
});
