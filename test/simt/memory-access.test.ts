import { describe, expect, test } from 'vitest';
import { Machine, type Pointer, type ScalarType, type ScalarValue } from '../../src/simt/index.js';
import { errorOn, lineFinder, partsOf, runOn } from './support.js';

const lineOf = lineFinder(import.meta.url);

describe('every scalar type', () => {
  const rows: readonly [ScalarType, values: readonly (number | bigint)[], bytes: string][] = [
    ['i8', [-128, -1, 127], '80ff7f'],
    ['u8', [0, 128, 255], '0080ff'],
    ['i16', [-32768, -1, 32767], '0080ffffff7f'],
    ['u16', [0, 0x8000, 0xffff], '00000080ffff'],
    ['i32', [-(2 ** 31), -1, 2 ** 31 - 1], '00000080ffffffffffffff7f'],
    ['u32', [0, 2 ** 31, 2 ** 32 - 1], '0000000000000080ffffffff'],
    ['f32', [0x80000000, 0x7fc0babe, 0x7f800001], '00000080bebac07f0100807f'],
    ['i64', [-(2n ** 63n), -1n, 2n ** 63n - 1n], `${'0000000000000080'}${'f'.repeat(16)}${'ffffffffffffff7f'}`],
    ['u64', [0n, 2n ** 63n, 2n ** 64n - 1n], `${'0'.repeat(16)}${'0000000000000080'}${'f'.repeat(16)}`],
  ];

  test.each(rows)('%s keeps its least, middle and greatest value, little-endian', (type, values, bytes) => {
    const machine = new Machine();
    const pointer: Pointer = machine.memory.allocate('a', type, values.length);
    const [loaded] = runOn(machine, 1, function* () {
      values.forEach((value, index) => {
        pointer.store(index, value as never);
      });
      return values.map((_, index) => pointer.load(index) as number | bigint);
    });
    expect(loaded).toEqual(values);
    expect(Buffer.from(machine.memory.download(pointer, values.length)).toString('hex')).toBe(bytes);
  });

  test.each([
    ['i8', 0x1ff, -1],
    ['u8', -1, 255],
    ['i16', 0x18000, -32768],
    ['u16', -1, 65535],
    ['i32', 2 ** 32 - 1, -1],
    ['u32', -1, 2 ** 32 - 1],
    ['i64', 2n ** 64n - 1n, -1n],
    ['u64', -1n, 2n ** 64n - 1n],
  ] as const)('%s: a store of %d stores its low bits', (type, stored, loaded) => {
    const pointer: Pointer = new Machine().memory.allocate('a', type, 1);
    pointer.store(0, stored as never);
    expect(pointer.load()).toBe(loaded);
  });
});

describe('pointers', () => {
  const memory = () => new Machine().memory;

  test('count elements', () => {
    const p = memory().allocate('a', 'i32', 8, { zeroed: true });
    expect(p.add(3).address - p.address).toBe(12);
    expect(p.add(3).add(-1).add(0n).address - p.address).toBe(8);
  });

  test('come back from anywhere', () => {
    const p = memory().allocate('a', 'i32', 8, { zeroed: true });
    p.store(2, 5);
    expect(p.add(-1000).add(1002).load()).toBe(5);
    expect(
      p
        .add(2 ** 40)
        .add(2 - 2 ** 40)
        .load(),
    ).toBe(5);
  });

  test('cast to another type keep the address', () => {
    const p = memory().allocate('a', 'u64', 2);
    p.store(1, 0x8877665544332211n);
    const bytes = p.cast('u8').add(8);
    expect(bytes.load(0)).toBe(0x11);
    expect(bytes.add(6).cast('i16').load()).toBe(0x8877 - 0x10000);
    expect(bytes.cast('u32').load(1)).toBe(0x88776655);
  });

  test.each<[ScalarType, bigint, number, string]>([
    ['u64', 2n ** 64n - 1n, -8, 'minus one as u64'],
    ['u64', 2n ** 61n, 0, '2^61 elements of 8 bytes are no bytes at all'],
    ['u64', -(2n ** 61n) + 1n, 8, 'and downwards'],
    ['i32', 2n ** 62n + 3n, 12, '2^62 elements of 4 bytes'],
    ['u8', 2n ** 64n - 1n, -1, 'bytes'],
  ])('%s: a 64-bit index %d is %d bytes: %s', (type, index, bytes) => {
    const p: Pointer = memory().allocate('a', type, 8);
    expect(p.add(index).address - p.address).toBe(bytes);
  });
});

describe('out of bounds', () => {
  // Three allocations of 512-byte alignment, at least 512 bytes apart: a at 0, b at 0x400, c at 0x800 from the first.
  const setUp = () => {
    const machine = new Machine();
    const { memory } = machine;
    return {
      machine,
      a: memory.allocate('a', 'i32', 10, { zeroed: true }),
      b: memory.allocate('b', 'u8', 300, { zeroed: true }),
      c: memory.allocate('c', 'u64', 4, { zeroed: true }),
    };
  };
  type Memory = ReturnType<typeof setUp>;

  test.each<[why: string, access: (m: Memory) => unknown, sentence: string]>([
    [
      'just before',
      ({ a }) => a.load(-1),
      "load of 4 bytes at global address 0x7efffffffffc: 4 bytes before 'a' (40 bytes)",
    ],
    [
      'just past',
      ({ a }) => a.load(10),
      "load of 4 bytes at global address 0x7f0000000028: 4 bytes past the end of 'a' (40 bytes)",
    ],
    ['across the end', ({ b }) => b.add(296).cast('u64').load(), "4 bytes past the end of 'b' (300 bytes)"],
    ['nearer to the one below', ({ a }) => a.load(100), "364 bytes past the end of 'a' (40 bytes)"],
    [
      'nearer to the one above',
      ({ a }) => a.load(200),
      "224 bytes before 'b' (300 bytes); the pointer was derived from 'a'",
    ],
    ['a store', ({ c }) => c.store(4, 1n), 'store of 8 bytes at global address 0x7f0000000820: 8 bytes past the end'],
    [
      'far below',
      ({ a }) => a.load(-(2 ** 45)),
      'load of 4 bytes at global address -0x10000000000: 140737488355328 bytes before',
    ],
    ['far above', ({ c }) => c.load(2 ** 40), "8796093022184 bytes past the end of 'c'"],
    ['an index that went wrong', ({ b }) => b.load(-256), "256 bytes before 'b' (300 bytes)"],
  ])('%s', (_, access, sentence) => {
    const memory = setUp();
    const error = errorOn(memory.machine, 32, function* (t) {
      if (t.laneId === 5) access(memory);
    });
    expect(partsOf(error)).toMatchObject({ code: 'OUT_OF_BOUNDS', warp: 0, lane: 5, other: null });
    expect(error.reason).toContain(sentence);
  });

  test('an address in another allocation is that allocation', () => {
    const { a, b } = setUp();
    a.add(0x400 / 4).store(1, 0x04030201);
    expect(b.load(6)).toBe(3);
    expect(a.load(0x404 / 4)).toBe(0x04030201);
  });

  test('no memory at all', () => {
    const { memory } = new Machine();
    const p = memory.allocate('empty', 'i32', 0);
    expect(() => p.load()).toThrow("4 bytes past the end of 'empty' (0 bytes)");
  });

  test('the error names the line, and the twin inside passes', () => {
    const { machine, a } = setUp();
    const body = (last: number) =>
      function* () {
        for (let index = 0; index <= last; index++) {
          a.load(index); // @plain
        }
      };
    expect(partsOf(errorOn(machine, 32, body(10)))).toEqual({
      code: 'OUT_OF_BOUNDS',
      warp: 0,
      lane: 0,
      line: lineOf('plain'),
      other: null,
    });
    expect(runOn(new Machine(), 32, body(9))).toHaveLength(32);
  });
});

describe('alignment', () => {
  const rows: readonly [ScalarType, offset: number, aligned: boolean][] = [
    ['u8', 3, true],
    ['u16', 1, false],
    ['u16', 6, true],
    ['i32', 2, false],
    ['i32', 12, true],
    ['f32', 5, false],
    ['u64', 4, false],
    ['u64', 8, true],
    ['i64', 12, false],
  ];
  test.each(rows)('%s at byte %i: %s', (type, offset, aligned) => {
    const machine = new Machine();
    const bytes = machine.memory.allocate('a', 'u8', 32, { zeroed: true });
    const p: Pointer = bytes.add(offset).cast(type);
    const zero = (type === 'u64' || type === 'i64' ? 0n : 0) as ScalarValue<ScalarType>;
    for (const access of [() => p.load(), () => p.store(0, zero as never)]) {
      if (aligned) expect(access).not.toThrow();
      else
        expect(access).toThrow(
          new RegExp(`of ${p.elementBytes} bytes at byte ${offset} of 'a' .*not a multiple of ${p.elementBytes}`),
        );
    }
  });

  test('is of the address, across allocations', () => {
    const { memory } = new Machine();
    const a = memory.allocate('a', 'u8', 7);
    const b = memory.allocate('b', 'i32', 4, { zeroed: true });
    const distance = b.address - a.address;
    expect(a.add(distance).cast('i32').load(1)).toBe(0);
    expect(() =>
      a
        .add(distance + 1)
        .cast('i32')
        .load(),
    ).toThrow("at byte 1 of 'b'");
  });
});

describe('an index that is no integer', () => {
  test.each([0.1, 0.2, 1 / 3, Number.NaN, Number.POSITIVE_INFINITY, 2 ** -40])('%d is refused', (index) => {
    const machine = new Machine();
    const p = machine.memory.allocate('a', 'i32', 4, { zeroed: true });
    const bytes = machine.memory.allocate('b', 'u8', 4, { zeroed: true });
    for (const access of [() => p.load(index), () => p.store(index, 1), () => bytes.load(index)])
      expect(access).toThrow('the index is no integer');
    const error = errorOn(machine, 1, function* (t) {
      yield* t.loadVolatile(p, index);
    });
    expect(error.code).toBe('INVALID_OPERAND');
  });

  test('but one of whole bytes is misaligned', () => {
    const p = new Machine().memory.allocate('a', 'i32', 4, { zeroed: true });
    expect(() => p.load(0.5)).toThrow("at byte 2 of 'a' (address 0x7f0000000002), which is not a multiple of 4");
  });
});

describe('use after free', () => {
  test('is an error at the access, with the name', () => {
    const machine = new Machine();
    const p = machine.memory.allocate('gone', 'i32', 8, { zeroed: true });
    const other = machine.memory.allocate('other', 'i32', 8, { zeroed: true });
    machine.memory.free(p.add(3));
    const error = errorOn(machine, 1, function* () {
      other.load(7);
      p.load(2);
    });
    expect(error.code).toBe('USE_AFTER_FREE');
    expect(error.reason).toBe("load of 4 bytes at byte 8 of 'gone', which was freed");
  });

  test.each<[string, (p: Pointer<'i32'>) => unknown]>([
    ['a store', (p) => p.store(0, 1)],
    ['a pointer from elsewhere', (p) => p.add(-100).add(100).load()],
    ['a cast', (p) => p.cast('u8').load()],
  ])('%s', (_, access) => {
    const { memory } = new Machine();
    const p = memory.allocate('gone', 'i32', 8, { zeroed: true });
    memory.free(p);
    expect(() => access(p)).toThrow("'gone', which was freed");
  });

  test('between kernels of one stream', () => {
    const machine = new Machine();
    const p = machine.memory.allocate('a', 'i32', 1, { zeroed: true });
    const body = function* () {
      return p.load();
    };
    expect(runOn(machine, 1, body)).toEqual([0]);
    machine.memory.free(p);
    expect(errorOn(machine, 1, body).code).toBe('USE_AFTER_FREE');
  });
});

describe('the allocation at an address', () => {
  test.each([
    [-1, null],
    [0, 'a'],
    [39, 'a'],
    [40, null],
    [1024 - 1, null],
    [1024, 'b'],
    [1024 + 8, null],
  ])('%i bytes from the first: %s', (distance, name) => {
    const { memory } = new Machine();
    const a = memory.allocate('a', 'i32', 10);
    memory.allocate('b', 'u64', 1);
    const find = () => memory.allocationAt(a.address + distance).name;
    if (name !== null) expect(find()).toBe(name);
    else expect(find).toThrow(new RangeError(`nothing is allocated at 0x${(a.address + distance).toString(16)}`));
  });

  test('may be freed', () => {
    const { memory } = new Machine();
    const p = memory.allocate('a', 'i32', 1);
    memory.free(p);
    expect(memory.allocationAt(p.address)).toMatchObject({ name: 'a', freed: true });
  });
});

describe('downloads', () => {
  test('give the bytes from the pointer on', () => {
    const { memory } = new Machine();
    const p = memory.upload('a', 'i32', Int32Array.of(1, 2, 3));
    expect([...memory.download(p.add(1), 2)]).toEqual([2, 0, 0, 0, 3, 0, 0, 0]);
  });

  test.each([
    [-1, 1],
    [2, 2],
    [3, 1],
  ])('from element %i, %i elements: refused', (first, count) => {
    const { memory } = new Machine();
    const p = memory.upload('a', 'i32', Int32Array.of(1, 2, 3));
    expect(() => memory.download(p.add(first), count)).toThrow(RangeError);
  });
});
