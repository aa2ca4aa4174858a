import type { AddressSpace } from './address-space.js';
import { Fault } from './errors.js';
import { popc } from './integer.js';
import { type ScalarType, type ScalarValue, scalarBytes } from './scalar.js';
import type { MemorySymbols } from './symbols.js';

/** Log2 of the bytes of a page; pages written since the allocation began are known, so that comparing costs what was touched. */
const PAGE_SHIFT = 12;

/** Bytes of a page of {@link Allocation.writtenPages}. */
export const PAGE_BYTES = 1 << PAGE_SHIFT;

/** Largest allocation: offsets into it must fit 32-bit word arithmetic. */
const MAX_ALLOCATION_BYTES = 2 ** 32;

/** Aligned addresses must be aligned offsets, for the widest scalar: allocations are read through typed arrays. */
const BASE_ALIGNMENT_BYTES = 8;

/** What the rest of the machine needs to say about an allocation. */
export interface AllocationInfo {
  /** Name in messages, e.g. `workspace of rank 1`. */
  readonly name: string;
  /** First byte address, a multiple of 8. */
  readonly base: number;
  readonly bytes: number;
  /** True: all bytes are defined from the start (zeros). False: none is (`cudaMalloc`, `__shared__`). */
  readonly defined: boolean;
  /** Address of the first piece of the symmetric allocation that it is a piece of; absent: it is none. */
  readonly symmetricBase?: number;
}

/**
 * A run of device memory with a definedness bit a byte. Its pages cost memory only once they are touched: the buffers
 * are committed lazily by the operating system and never filled.
 */
export class Allocation {
  readonly space: AddressSpace;
  readonly name: string;
  readonly base: number;
  readonly bytes: number;
  readonly i8: Int8Array;
  readonly u8: Uint8Array;
  readonly i16: Int16Array;
  readonly u16: Uint16Array;
  readonly i32: Int32Array;
  readonly u32: Uint32Array;
  readonly i64: BigInt64Array;
  readonly u64: BigUint64Array;
  /** `base` modulo 256, for alignment checks in 32-bit arithmetic. */
  readonly baseLow: number;
  /** Bytes that may be accessed without further questions: `bytes`, or 0 once freed or watched, or while its space is read-only. */
  // invariant: 0 whenever freed || watched || the space is read-only
  accessibleBytes: number;
  freed = false;
  watched = false;
  /** Bytes that are not defined. */
  undefinedBytes: number;
  /** One byte a page: 1 if the simulated program has stored to it. Compiled code sets it, others read {@link writtenPages}. */
  readonly pageFlags: Uint8Array;
  readonly initiallyDefined: boolean;
  /** One bit a byte, set where definedness differs from the initial state; absent until some byte differs. */
  changedBits: Uint8Array | null = null;
  /** What its bytes mean; null: nobody has said. */
  symbols: MemorySymbols | null = null;
  /** See {@link AllocationInfo.symmetricBase}; null: it is no such piece. */
  readonly symmetricBase: number | null;

  constructor(space: AddressSpace, { name, base, bytes, defined, symmetricBase }: AllocationInfo) {
    this.space = space;
    if (!Number.isSafeInteger(bytes) || bytes < 0 || bytes > MAX_ALLOCATION_BYTES) {
      throw new RangeError(
        `allocation '${name}': ${bytes} bytes; an allocation has 0 to ${MAX_ALLOCATION_BYTES} bytes`,
      );
    }
    if (base % BASE_ALIGNMENT_BYTES !== 0) {
      throw new RangeError(`allocation '${name}' at ${base}: an address must be a multiple of ${BASE_ALIGNMENT_BYTES}`);
    }
    const padded = Math.ceil(bytes / 16) * 16;
    const buffer = new ArrayBuffer(padded);
    this.name = name;
    this.base = base;
    this.bytes = bytes;
    this.symmetricBase = symmetricBase ?? null;
    this.i8 = new Int8Array(buffer);
    this.u8 = new Uint8Array(buffer);
    this.i16 = new Int16Array(buffer);
    this.u16 = new Uint16Array(buffer);
    this.i32 = new Int32Array(buffer);
    this.u32 = new Uint32Array(buffer);
    this.i64 = new BigInt64Array(buffer);
    this.u64 = new BigUint64Array(buffer);
    this.baseLow = base % 256;
    this.accessibleBytes = bytes;
    this.undefinedBytes = defined ? 0 : bytes;
    this.initiallyDefined = defined;
    this.pageFlags = new Uint8Array(Math.floor(padded / PAGE_BYTES) + 1);
  }

  /** Whether some byte is not defined. */
  get mayHoldUndefined(): boolean {
    return this.undefinedBytes !== 0;
  }

  /** Reads the scalar at `offset` bytes. Domain: aligned, inside. */
  read<T extends ScalarType>(type: T, offset: number): ScalarValue<T>;
  read(type: ScalarType, offset: number): number | bigint {
    switch (type) {
      case 'i32':
        return this.i32[offset >>> 2]!;
      case 'u32':
      case 'f32':
        return this.u32[offset >>> 2]!;
      case 'u64':
        return this.u64[offset >>> 3]!;
      case 'i64':
        return this.i64[offset >>> 3]!;
      case 'u8':
        return this.u8[offset]!;
      case 'i8':
        return this.i8[offset]!;
      case 'u16':
        return this.u16[offset >>> 1]!;
      case 'i16':
        return this.i16[offset >>> 1]!;
      default:
        return type satisfies never;
    }
  }

  /**
   * Reads the scalar at `offset` bytes as a value. Domain: aligned, inside.
   * @throws Fault UNDEFINED_READ if a byte of it was never defined.
   */
  readDefined<T extends ScalarType>(type: T, offset: number): ScalarValue<T> {
    if (this.mayHoldUndefined) {
      const bytes = scalarBytes(type);
      const undefinedBits = ~this.definedBits(offset, bytes) & ((1 << bytes) - 1);
      if (undefinedBits !== 0) throw this.#undefinedRead(type, offset, bytes, undefinedBits);
    }
    return this.read(type, offset);
  }

  /** Writes `value` as the scalar at `offset` bytes and marks the bytes as defined. Domain: aligned, inside. */
  write(type: ScalarType, offset: number, value: number | bigint): void {
    switch (type) {
      case 'i32':
      case 'u32':
      case 'f32':
        this.i32[offset >>> 2] = value as number;
        break;
      case 'u64':
      case 'i64':
        this.u64[offset >>> 3] = value as bigint;
        break;
      case 'u8':
      case 'i8':
        this.u8[offset] = value as number;
        break;
      case 'u16':
      case 'i16':
        this.u16[offset >>> 1] = value as number;
        break;
      default:
        throw new Error(`[simtwin bug] no type ${type satisfies never}`);
    }
    this.pageFlags[offset >>> PAGE_SHIFT] = 1;
    if (this.mayHoldUndefined) this.setDefined(offset, scalarBytes(type), 0xff);
  }

  /** Copies words of a register to memory with their definedness, one bit of `defined` a byte. Domain: aligned, inside. */
  writeWords(offset: number, bytes: 4 | 8, low: number, high: number, defined: number): void {
    const word = offset >>> 2;
    this.i32[word] = low;
    if (bytes === 8) this.i32[word + 1] = high;
    this.pageFlags[offset >>> PAGE_SHIFT] = 1;
    if (this.mayHoldUndefined || defined !== (bytes === 8 ? 0xff : 0x0f)) this.setDefined(offset, bytes, defined);
  }

  /** One bit for each of at most 8 bytes from `offset` on: 1 if the byte is defined. */
  definedBits(offset: number, bytes: 1 | 2 | 4 | 8): number {
    const full = (1 << bytes) - 1;
    if (!this.mayHoldUndefined) return full;
    const changed = this.changedBits === null ? 0 : (this.changedBits[offset >>> 3]! >>> (offset & 7)) & full;
    return this.initiallyDefined ? ~changed & full : changed;
  }

  /** Sets definedness of at most 8 bytes of an aligned scalar. */
  setDefined(offset: number, bytes: 1 | 2 | 4 | 8, defined: number): void {
    const full = (1 << bytes) - 1;
    const wanted = (this.initiallyDefined ? ~defined : defined) & full;
    if (this.changedBits === null && wanted === 0) return;
    const bits = this.makeChangedBits();
    const index = offset >>> 3;
    const shift = offset & 7;
    const old = bits[index]!;
    const next = (old & ~(full << shift)) | (wanted << shift);
    // A page of the bitmap that only ever reads zero is never committed.
    if (next === old) return;
    bits[index] = next;
    this.countChange(old, next);
  }

  /** Eight bits of {@link changedBits} have become `next`. */
  countChange(old: number, next: number): void {
    const difference = popc(next) - popc(old);
    this.undefinedBytes += this.initiallyDefined ? difference : -difference;
  }

  /** The bitmap {@link changedBits}, made if there is none. Compiled code sets bits of it by itself. */
  makeChangedBits(): Uint8Array {
    this.changedBits ??= new Uint8Array(this.u8.length / 8);
    return this.changedBits;
  }

  /** Offset of the first undefined byte in [offset, offset + bytes); -1 if there is none. */
  firstUndefined(offset: number, bytes: number): number {
    if (!this.mayHoldUndefined) return -1;
    for (let at = offset; at < offset + bytes; at++) if (this.definedBits(at, 1) === 0) return at;
    return -1;
  }

  /** Number of undefined bytes in [offset, offset + bytes). */
  countUndefined(offset: number, bytes: number): number {
    if (!this.mayHoldUndefined) return 0;
    let count = 0;
    for (let at = offset; at < offset + bytes; at++) if (this.definedBits(at, 1) === 0) count++;
    return count;
  }

  /** Copies host bytes in, or fills with one byte; the target becomes defined. Domain: inside. */
  hostWrite(offset: number, source: Uint8Array | { readonly fill: number; readonly bytes: number }): void {
    const bytes = source instanceof Uint8Array ? source.length : source.bytes;
    if (source instanceof Uint8Array) this.u8.set(source, offset);
    else this.u8.fill(source.fill, offset, offset + bytes);
    if (bytes === 0) return;
    for (let page = offset >>> PAGE_SHIFT; page <= (offset + bytes - 1) >>> PAGE_SHIFT; page++)
      this.pageFlags[page] = 1;
    if (this.mayHoldUndefined) for (let at = offset; at < offset + bytes; at++) this.setDefined(at, 1, 1);
  }

  /** Numbers of the {@link PAGE_BYTES}-byte pages that anyone has written, ascending. All others hold their initial zeros. */
  writtenPages(): number[] {
    const pages: number[] = [];
    for (let page = this.pageFlags.indexOf(1); page !== -1; page = this.pageFlags.indexOf(1, page + 1))
      pages.push(page);
    return pages;
  }

  /** Whether anyone has written to the page of the byte at `offset`; if not, the byte holds its initial zero. */
  isWritten(offset: number): boolean {
    return this.pageFlags[offset >>> PAGE_SHIFT] === 1;
  }

  #undefinedRead(type: ScalarType, offset: number, bytes: number, undefinedBits: number): Fault {
    const first = offset + 31 - Math.clz32(undefinedBits & -undefinedBits);
    return new Fault(
      'UNDEFINED_READ',
      `loads a ${type} of which ${popc(undefinedBits)} of ${bytes} bytes were never defined, the first at byte ${first} of '${this.name}'; to move undefined bytes, load them into a register`,
    );
  }
}
