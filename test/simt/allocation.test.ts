import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  AddressSpace,
  Allocation,
  DeviceMemory,
  PAGE_BYTES,
  type Pointer,
  Register,
  type ScalarType,
} from '../../src/simt/index.js';
import { describeProperty } from '../reference/describe-property.js';
import { range } from './support.js';

const TYPES = ['i8', 'u8', 'i16', 'u16', 'i32', 'u32', 'f32', 'i64', 'u64'] as const;
const BYTES: Readonly<Record<ScalarType, number>> = {
  i8: 1,
  u8: 1,
  i16: 2,
  u16: 2,
  i32: 4,
  u32: 4,
  f32: 4,
  i64: 8,
  u64: 8,
};
const ALLOCATION_BYTES = 2 * PAGE_BYTES + 40;
/** Where the operations go: the start, across a page boundary, and the end, which is no multiple of 16. */
const WINDOWS = [0, PAGE_BYTES - 16, 2 * PAGE_BYTES + 8];
const WINDOW_BYTES = 32;
const WINDOW_OFFSETS = WINDOWS.flatMap((first) => range(WINDOW_BYTES).map((byte) => first + byte));

type Operation =
  | { readonly kind: 'store'; readonly type: ScalarType; readonly offset: number; readonly bits: bigint }
  | { readonly kind: 'move'; readonly type: ScalarType; readonly from: number; readonly to: number }
  | { readonly kind: 'fill'; readonly offset: number; readonly bytes: number; readonly byte: number }
  | { readonly kind: 'upload'; readonly offset: number; readonly data: Uint8Array };

const types = fc.constantFrom(...TYPES);
const placesOf = (type: ScalarType) =>
  fc.constantFrom(...WINDOW_OFFSETS.filter((offset) => offset % BYTES[type] === 0));
const runs = fc
  .tuple(fc.constantFrom(...WINDOWS), fc.nat(WINDOW_BYTES), fc.nat(WINDOW_BYTES))
  .map(([first, a, b]) => ({ offset: first + Math.min(a, b), bytes: Math.abs(a - b) }));
const bits64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });

const operations: fc.Arbitrary<Operation> = fc.oneof(
  types.chain((type) =>
    fc.record({ kind: fc.constant('store' as const), type: fc.constant(type), offset: placesOf(type), bits: bits64 }),
  ),
  types.chain((type) =>
    fc.record({
      kind: fc.constant('move' as const),
      type: fc.constant(type),
      from: placesOf(type),
      to: placesOf(type),
    }),
  ),
  fc.tuple(runs, fc.nat(255)).map(([run, byte]) => ({ kind: 'fill' as const, ...run, byte })),
  runs.chain(({ offset, bytes }) =>
    fc
      .uint8Array({ minLength: bytes, maxLength: bytes })
      .map((data) => ({ kind: 'upload' as const, offset, data: new Uint8Array(data) })),
  ),
);
const programs = fc.record({ zeroed: fc.boolean(), operations: fc.array(operations, { maxLength: 12 }) });

/** The value of a type whose little-endian bytes are the low ones of `bits`. */
function fromBits(type: ScalarType, bits: bigint): number | bigint {
  const width = BYTES[type] * 8;
  const value = type.startsWith('i') ? BigInt.asIntN(width, bits) : BigInt.asUintN(width, bits);
  return width === 64 ? value : Number(value);
}

type AnyPointer = Pointer<ScalarType>;

/** The operations on simulated memory; planted bugs replace one. */
const MEMORY = {
  store(p: AnyPointer, type: ScalarType, offset: number, value: number | bigint): void {
    at(p, type, offset).store(0, value as never);
  },
  move(p: AnyPointer, type: ScalarType, from: number, to: number): void {
    const register = new Register(type);
    at(p, type, from).loadInto(register);
    at(p, type, to).store(0, register);
  },
  fill(p: AnyPointer, offset: number, bytes: number, byte: number): void {
    p.allocation.hostWrite(offset, { fill: byte, bytes });
  },
  upload(p: AnyPointer, offset: number, data: Uint8Array): void {
    p.allocation.hostWrite(offset, data);
  },
};
type Memory = typeof MEMORY;

const at = (p: AnyPointer, type: ScalarType, offset: number): AnyPointer =>
  (p.cast('u8').add(offset) as Pointer<ScalarType>).cast(type);

/** One entry a byte that was ever touched; absent: undefined. */
type Model = Map<number, number>;

function performOnModel(model: Model, pages: Set<number>, operation: Operation): void {
  const write = (offset: number, bytes: readonly (number | undefined)[]) => {
    bytes.forEach((byte, index) => {
      if (byte === undefined) model.delete(offset + index);
      else model.set(offset + index, byte);
      pages.add(Math.floor((offset + index) / PAGE_BYTES));
    });
  };
  switch (operation.kind) {
    case 'store': {
      const { type, offset, bits } = operation;
      write(
        offset,
        range(BYTES[type]).map((byte) => Number((bits >> BigInt(8 * byte)) & 255n)),
      );
      return;
    }
    case 'move': {
      const { type, from, to } = operation;
      write(
        to,
        range(BYTES[type]).map((byte) => model.get(from + byte)),
      );
      return;
    }
    case 'fill':
      write(operation.offset, new Array<number>(operation.bytes).fill(operation.byte));
      return;
    case 'upload':
      write(operation.offset, [...operation.data]);
      return;
    default:
      operation satisfies never;
  }
}

function performOnMemory(memory: Memory, p: AnyPointer, operation: Operation): void {
  switch (operation.kind) {
    case 'store':
      memory.store(p, operation.type, operation.offset, fromBits(operation.type, operation.bits));
      return;
    case 'move':
      memory.move(p, operation.type, operation.from, operation.to);
      return;
    case 'fill':
      memory.fill(p, operation.offset, operation.bytes, operation.byte);
      return;
    case 'upload':
      memory.upload(p, operation.offset, operation.data);
      return;
    default:
      operation satisfies never;
  }
}

/** What a load gives: the value, or what the error says of undefined bytes. */
function loadFromModel(model: Model, type: ScalarType, offset: number): unknown {
  const bytes = range(BYTES[type]).map((byte) => model.get(offset + byte));
  const missing = bytes.flatMap((byte, index) => (byte === undefined ? [offset + index] : []));
  if (missing.length > 0) return `${missing.length} of ${BYTES[type]} bytes, the first at byte ${missing[0]}`;
  return fromBits(
    type,
    bytes.reduce((bits, byte, index) => bits | (BigInt(byte!) << BigInt(8 * index)), 0n),
  );
}

function loadFromMemory(p: AnyPointer, type: ScalarType, offset: number): unknown {
  try {
    return at(p, type, offset).load();
  } catch (error) {
    return /(\d+ of \d+ bytes) were never defined(, the first at byte \d+) of 'a'/
      .exec((error as Error).message)
      ?.slice(1)
      .join('');
  }
}

describeProperty<Memory>(
  'bytes and their definedness are those of a map from byte to value',
  (memory) =>
    fc.property(programs, ({ zeroed, operations }) => {
      const pointer: AnyPointer = new DeviceMemory().allocate('a', 'u8', ALLOCATION_BYTES, { zeroed }).cast('u32');
      const model: Model = new Map(zeroed ? range(ALLOCATION_BYTES).map((offset) => [offset, 0]) : []);
      const pages = new Set<number>();
      for (const operation of operations) {
        performOnMemory(memory, pointer, operation);
        performOnModel(model, pages, operation);
      }
      for (const type of TYPES) {
        for (const offset of WINDOW_OFFSETS) {
          if (offset % BYTES[type] !== 0) continue;
          const got = loadFromMemory(pointer, type, offset);
          const expected = loadFromModel(model, type, offset);
          // Not `expect`, which takes longer than all the rest.
          if (got !== expected) throw new Error(`${type} at byte ${offset}: ${got}, not ${expected}`);
        }
      }
      const { allocation } = pointer;
      expect(allocation.countUndefined(0, ALLOCATION_BYTES)).toBe(ALLOCATION_BYTES - model.size);
      expect(allocation.writtenPages()).toEqual([...pages].sort((a, b) => a - b));
    }),
  MEMORY,
  {
    'a move defines its target': {
      ...MEMORY,
      move(p, type, from, to) {
        const register = new Register(type);
        at(p, type, from).loadInto(register);
        register.defined = 0xff;
        at(p, type, to).store(0, register);
      },
    },
    'a move of 8 bytes forgets the upper half': {
      ...MEMORY,
      move: (p, type, from, to) => MEMORY.move(p, type === 'u64' ? 'u32' : type, from, to),
    },
    'a narrow store defines its word': {
      ...MEMORY,
      store(p, type, offset, value) {
        MEMORY.store(p, type, offset, value);
        p.allocation.setDefined(offset & ~3, 4, 0xff);
      },
    },
    'a fill misses its last byte': {
      ...MEMORY,
      fill: (p, offset, bytes, byte) => MEMORY.fill(p, offset, Math.max(bytes - 1, 0), byte),
    },
    'an upload goes round the bookkeeping': {
      ...MEMORY,
      upload: (p, offset, data) => p.allocation.u8.set(data, offset),
    },
  },
);

describe('written pages', () => {
  test('of fresh memory: none, defined or not', () => {
    const memory = new DeviceMemory();
    expect(memory.allocate('fresh', 'u8', 3 * PAGE_BYTES).allocation.writtenPages()).toEqual([]);
    expect(memory.allocate('zeroed', 'u8', 3 * PAGE_BYTES, { zeroed: true }).allocation.writtenPages()).toEqual([]);
  });

  test('a host copy of no bytes writes no page', () => {
    const { allocation } = new DeviceMemory().allocate('a', 'u8', 10);
    allocation.hostWrite(10, new Uint8Array(0));
    expect(allocation.writtenPages()).toEqual([]);
  });

  test('the last page of the largest allocation', () => {
    const bytes = 2 ** 32;
    const allocation = new Allocation(new AddressSpace('global'), { name: 'all', base: 2 ** 21, bytes, defined: true });
    allocation.write('u8', bytes - 1, 7);
    allocation.write('u64', bytes / 2, 7n);
    expect(allocation.writtenPages()).toEqual([2 ** 19, 2 ** 20 - 1]);
    expect(allocation.read('u8', bytes - 1)).toBe(7);
  });
});

describe('refused', () => {
  test.each([
    [-1, '-1 bytes'],
    [1.5, '1.5 bytes'],
    [Number.NaN, 'NaN bytes'],
    [2 ** 32 + 1, 'an allocation has 0 to 4294967296 bytes'],
  ])('%d bytes', (bytes, sentence) => {
    const allocate = () => new DeviceMemory().allocate('a', 'u8', bytes);
    expect(allocate).toThrow(RangeError);
    expect(allocate).toThrow(sentence);
  });

  test.each([1, 2, 4, 12, 2.5])('an allocation at address %d: aligned addresses must be aligned offsets', (base) => {
    const allocate = () => new Allocation(new AddressSpace('global'), { name: 'odd', base, bytes: 64, defined: false });
    expect(allocate).toThrow(RangeError);
    expect(allocate).toThrow('must be a multiple of 8');
  });

  test('an upload of a part of an element', () => {
    const upload = () => new DeviceMemory().upload('a', 'i32', new Uint8Array(6));
    expect(upload).toThrow(RangeError);
    expect(upload).toThrow("upload of 6 bytes as 'a': not a multiple of the size of i32");
  });
});
