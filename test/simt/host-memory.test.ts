import { describe, expect, test } from 'vitest';
import { DEFAULT_LIMITS, Machine, type Pointer } from '../../src/simt/index.js';
import { runOn } from './support.js';

describe('a download of bytes that were never defined', () => {
  const setUp = () => {
    const { memory } = new Machine();
    const p = memory.allocate('a', 'i32', 8);
    memory.write(p.add(1), Int32Array.of(1, 2, 3));
    return { memory, p };
  };

  test('is refused, with how many and where', () => {
    const { memory, p } = setUp();
    expect(() => memory.download(p.add(2), 4)).toThrow(
      new RangeError(
        "download of 16 bytes at byte 8 of 'a': 8 of them were never defined, the first at byte 16; { allowUndefined: true } copies them all the same",
      ),
    );
    expect([...new Int32Array(memory.download(p.add(1), 3).buffer)]).toEqual([1, 2, 3]);
  });

  test('is possible on request', () => {
    const { memory, p } = setUp();
    expect([...new Int32Array(memory.download(p, 5, { allowUndefined: true }).buffer)]).toEqual([0, 1, 2, 3, 0]);
  });
});

describe('a write', () => {
  test('defines its bytes, and no others', () => {
    const machine = new Machine();
    const p = machine.memory.allocate('a', 'u8', 8);
    machine.memory.write(p.add(3), Uint8Array.of(0, 7, 8, 0).subarray(1, 3));
    expect(
      runOn(machine, 1, function* () {
        return [p.load(3), p.load(4)];
      }),
    ).toEqual([[7, 8]]);
    expect(p.allocation.countUndefined(0, 8)).toBe(6);
  });

  test.each([-1, 7, 8, 9])('of 2 bytes to byte %i of 8 is refused', (at) => {
    const { memory } = new Machine();
    const p = memory.allocate('a', 'u8', 8);
    expect(() => memory.write(p.add(at), Uint8Array.of(1, 2))).toThrow(
      new RangeError(`write of 2 bytes at byte ${at} of 'a' (8 bytes): out of bounds`),
    );
  });
});

test.each<[string, (machine: Machine, p: Pointer<'i32'>) => unknown]>([
  ['download of 4 bytes at byte 4 of', ({ memory }, p) => memory.download(p, 1)],
  ['write of 4 bytes at byte 4 of', ({ memory }, p) => memory.write(p, Int32Array.of(1))],
  ['memset of 4 bytes at byte 4 of', (machine, p) => machine.stream().memset(p, 0, 4)],
  ['free of', ({ memory }, p) => memory.free(p)],
])('%s freed memory is refused', (what, use) => {
  const machine = new Machine();
  const p = machine.memory.allocate('a', 'i32', 4, { zeroed: true }).add(1);
  machine.memory.free(p);
  expect(() => use(machine, p)).toThrow(new RangeError(`${what} 'a', which was freed`));
});

describe('limits', () => {
  test.each(Object.keys(DEFAULT_LIMITS))('%s: only numbers above 0, undefined is the default', (name) => {
    for (const value of [Number.NaN, 0, -1, null as unknown as number]) {
      const make = () => new Machine({ limits: { [name]: value } });
      if (value === null) expect(make().limits).toEqual(DEFAULT_LIMITS);
      else expect(make).toThrow(new RangeError(`limit ${name} is ${value}; it must be a number above 0`));
    }
    expect(new Machine({ limits: { [name]: undefined } }).limits).toEqual(DEFAULT_LIMITS);
    expect(new Machine({ limits: { [name]: Infinity } }).limits).toMatchObject({ [name]: Infinity });
  });
});
