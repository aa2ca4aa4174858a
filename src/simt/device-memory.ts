import { AddressSpace } from './address-space.js';
import type { Allocation } from './allocation.js';
import { Pointer } from './pointer.js';
import { type ScalarType, scalarBytes, scalarOf } from './scalar.js';
import type { MemorySymbols } from './symbols.js';

/** First address handed out; low addresses stay free so that small integers used as pointers are out of bounds. */
const FIRST_ADDRESS = 0x7f0000000000;
/** Alignment of an allocation, as `cudaMalloc` gives. Also the least gap between two, so that an overrun is noticed. */
const ALIGNMENT_BYTES = 512;
/** Alignment of a symmetric allocation's first rank: the granularity of CUDA's virtual memory management. */
const SYMMETRIC_ALIGNMENT_BYTES = 2 ** 21;

/** How new memory begins. */
export interface AllocateOptions {
  /** True: `cudaMemset` to 0, every byte defined. False (default): no byte is defined, as after `cudaMalloc`. */
  readonly zeroed?: boolean;
}

/** What a download accepts. */
export interface DownloadOptions {
  /** True: bytes that were never defined are copied as they are. False (default): they are refused. */
  readonly allowUndefined?: boolean;
}

/** Global memory of all ranks: one address space in which every rank can reach every address. */
export class DeviceMemory {
  readonly space = new AddressSpace('global');

  /**
   * `cudaMalloc`: new memory of `count` elements, aligned to 512 bytes.
   * @throws RangeError if the size is not an integer from 0 to 4 GiB.
   */
  allocate<T extends ScalarType>(name: string, type: T, count: number, options: AllocateOptions = {}): Pointer<T> {
    return this.#allocateBytes(name, type, count * scalarBytes(type), this.#nextAddress(ALIGNMENT_BYTES), options);
  }

  /**
   * Memory that holds a copy of `data`, every byte defined.
   * @throws RangeError if its length is not a multiple of the element size.
   */
  upload<T extends ScalarType>(name: string, type: T, data: ArrayBufferView): Pointer<T> {
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    if (bytes.length % scalarBytes(type) !== 0)
      throw new RangeError(`upload of ${bytes.length} bytes as '${name}': not a multiple of the size of ${type}`);
    const pointer = this.#allocateBytes(name, type, bytes.length, this.#nextAddress(ALIGNMENT_BYTES), { zeroed: true });
    pointer.allocation.hostWrite(0, bytes);
    return pointer;
  }

  /**
   * A symmetric workspace: `ranks` pieces of `bytesPerRank` bytes, piece r at r * `strideBytes` from the first, named
   * `NAME of rank R`. Pieces may touch; addresses between them are out of bounds, and so is an access across two pieces.
   * Result: pointer to the piece of rank 0; rank r's is `strideBytes / elementBytes * r` elements further.
   * @throws RangeError unless there is a rank and the stride is a multiple of 8 that a piece fits in.
   */
  allocateSymmetric<T extends ScalarType>(
    name: string,
    type: T,
    { ranks, bytesPerRank, strideBytes = bytesPerRank, zeroed = false }: SymmetricOptions,
  ): Pointer<T> {
    if (strideBytes < bytesPerRank) {
      throw new RangeError(
        `symmetric allocation '${name}': stride ${strideBytes} is below ${bytesPerRank} bytes a rank`,
      );
    }
    const base = this.#nextAddress(SYMMETRIC_ALIGNMENT_BYTES);
    const pieces = Array.from({ length: ranks }, (_, rank) =>
      this.#allocateBytes(`${name} of rank ${rank}`, type, bytesPerRank, base + rank * strideBytes, { zeroed }, base),
    );
    const first = pieces[0];
    if (first === undefined) throw new RangeError(`symmetric allocation '${name}': ${ranks} ranks`);
    return first;
  }

  /**
   * `cudaMemcpy` to the device: a host copy of all bytes of `data` to `pointer` and on, which become defined.
   * @throws RangeError if they leave the pointer's allocation or it is freed.
   */
  write(pointer: Pointer, data: ArrayBufferView): void {
    checkHostAccess('write', pointer, data.byteLength);
    pointer.allocation.hostWrite(pointer.offset, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }

  /** `cudaFree` of the allocation that a pointer was derived from. @throws RangeError if it is freed already. */
  free(pointer: Pointer): void {
    const { allocation } = pointer;
    if (allocation.freed) throw new RangeError(`free of '${allocation.name}', which was freed`);
    this.space.free(allocation);
  }

  /**
   * Host copy of `count` elements' bytes from `pointer` on.
   * @throws RangeError if they leave the pointer's allocation, it is freed, or, unless `allowUndefined`, a byte of them
   * was never defined.
   */
  download(pointer: Pointer, count: number, { allowUndefined = false }: DownloadOptions = {}): Uint8Array {
    const bytes = count * pointer.elementBytes;
    checkHostAccess('download', pointer, bytes);
    const { allocation, offset } = pointer;
    const firstUndefined = allowUndefined ? -1 : allocation.firstUndefined(offset, bytes);
    if (firstUndefined !== -1) {
      throw new RangeError(
        `download of ${bytes} bytes at byte ${offset} of '${allocation.name}': ${allocation.countUndefined(offset, bytes)} of them were never defined, the first at byte ${firstUndefined}; { allowUndefined: true } copies them all the same`,
      );
    }
    return allocation.u8.slice(offset, offset + bytes);
  }

  /** Says what the bytes of the allocation of a pointer mean, for explanations; in place of what was said before. */
  declareSymbols({ allocation }: Pointer, symbols: MemorySymbols): void {
    allocation.symbols = symbols;
  }

  /** The allocation that holds `address`. @throws RangeError if none does. */
  allocationAt(address: number): Allocation {
    const found = this.space.find(address);
    if (found === null) throw new RangeError(`nothing is allocated at 0x${address.toString(16)}`);
    return found;
  }

  #nextAddress(alignment: number): number {
    const end = this.space.endAddress;
    return end === 0 ? FIRST_ADDRESS : Math.ceil((end + ALIGNMENT_BYTES) / alignment) * alignment;
  }

  #allocateBytes<T extends ScalarType>(
    name: string,
    type: T,
    bytes: number,
    base: number,
    { zeroed = false }: AllocateOptions,
    symmetricBase?: number,
  ): Pointer<T> {
    const info = { name, base, bytes, defined: zeroed };
    const allocation = this.space.allocate(symmetricBase === undefined ? info : { ...info, symmetricBase });
    return new Pointer(scalarOf(type), allocation, 0);
  }
}

/** @throws RangeError unless `bytes` bytes from `pointer` on lie in its allocation, and it is not freed. */
export function checkHostAccess(what: string, { allocation, offset }: Pointer, bytes: number): void {
  const { name } = allocation;
  if (!Number.isInteger(bytes) || bytes < 0 || !(offset >= 0 && offset + bytes <= allocation.bytes)) {
    throw new RangeError(
      `${what} of ${bytes} bytes at byte ${offset} of '${name}' (${allocation.bytes} bytes): out of bounds`,
    );
  }
  if (allocation.freed)
    throw new RangeError(`${what} of ${bytes} bytes at byte ${offset} of '${name}', which was freed`);
}

/** Shape of a symmetric allocation. */
export interface SymmetricOptions extends AllocateOptions {
  readonly ranks: number;
  readonly bytesPerRank: number;
  /** Distance between the pieces of two ranks; default: they touch. */
  readonly strideBytes?: number;
}
