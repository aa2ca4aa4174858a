import { AddressSpace } from './address-space.js';
import type { Allocation } from './allocation.js';
import { Pointer } from './pointer.js';
import { type ScalarType, scalarBytes, scalarOf } from './scalar.js';

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
      this.#allocateBytes(`${name} of rank ${rank}`, type, bytesPerRank, base + rank * strideBytes, { zeroed }),
    );
    const first = pieces[0];
    if (first === undefined) throw new RangeError(`symmetric allocation '${name}': ${ranks} ranks`);
    return first;
  }

  /** `cudaFree` of the allocation that a pointer was derived from. */
  free(pointer: Pointer): void {
    this.space.free(pointer.allocation);
  }

  /** Host copy of `count` elements' bytes from `pointer` on. @throws RangeError if they leave the pointer's allocation. */
  download(pointer: Pointer, count: number): Uint8Array {
    const bytes = count * pointer.elementBytes;
    const { allocation, offset } = pointer;
    if (offset < 0 || offset + bytes > allocation.bytes) {
      throw new RangeError(
        `download of ${bytes} bytes at byte ${offset} of '${allocation.name}' (${allocation.bytes} bytes)`,
      );
    }
    return allocation.u8.slice(offset, offset + bytes);
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
  ): Pointer<T> {
    return new Pointer(scalarOf(type), this.space.allocate({ name, base, bytes, defined: zeroed }), 0);
  }
}

/** Shape of a symmetric allocation. */
export interface SymmetricOptions extends AllocateOptions {
  readonly ranks: number;
  readonly bytesPerRank: number;
  /** Distance between the pieces of two ranks; default: they touch. */
  readonly strideBytes?: number;
}
