import { Allocation, type AllocationInfo } from './allocation.js';
import { Fault } from './errors.js';

/** A range of global memory. */
export interface MemoryRange {
  readonly address: number;
  readonly bytes: number;
}

/** Called after each store to watched bytes. */
export interface Watch {
  /** First byte address and length. */
  readonly address: number;
  readonly bytes: number;
  /** Runs after a store has changed memory; `offset` counts bytes from the start of `allocation`. */
  readonly onStore: (allocation: Allocation, offset: number, bytes: number) => void;
}

/**
 * An address space: allocations at distinct addresses, found by address. Global memory is one space over all ranks;
 * each block has a shared space of its own.
 */
export class AddressSpace {
  readonly name: 'global' | 'shared';
  /** Sorted by base; freed allocations stay, so that a use after free is known as such. */
  readonly #allocations: Allocation[] = [];
  readonly #watches: Watch[] = [];
  #isReadOnly = false;

  /** How often what may be accessed has become less, or other: who remembers allocations forgets them then. */
  changes = 0;

  constructor(name: 'global' | 'shared') {
    this.name = name;
  }

  get allocations(): readonly Allocation[] {
    return this.#allocations;
  }

  /** First address behind every allocation. */
  get endAddress(): number {
    const last = this.#allocations[this.#allocations.length - 1];
    return last === undefined ? 0 : last.base + last.bytes;
  }

  /** Adds an allocation. Addresses must not overlap with another allocation. */
  allocate(info: AllocationInfo): Allocation {
    const allocation = new Allocation(this, info);
    const at = this.#indexAbove(info.base);
    const before = this.#allocations[at - 1];
    const after = this.#allocations[at];
    if (
      (before !== undefined && before.base + before.bytes > info.base) ||
      (after !== undefined && info.base + info.bytes > after.base)
    ) {
      throw new RangeError(`allocation '${info.name}' at 0x${info.base.toString(16)} overlaps another`);
    }
    this.#allocations.splice(at, 0, allocation);
    for (const watch of this.#watches) markWatched(allocation, watch);
    if (this.#isReadOnly) allocation.accessibleBytes = 0;
    return allocation;
  }

  /** Frees an allocation: later accesses are a USE_AFTER_FREE. */
  free(allocation: Allocation): void {
    this.changes++;
    allocation.freed = true;
    allocation.accessibleBytes = 0;
  }

  /** While read-only, every store and atomic is a fault. Host copies are not concerned. */
  setReadOnly(readOnly: boolean): void {
    this.changes++;
    this.#isReadOnly = readOnly;
    for (const allocation of this.#allocations) {
      allocation.accessibleBytes = readOnly || allocation.freed || allocation.watched ? 0 : allocation.bytes;
    }
  }

  /** The allocation that holds byte `address`, freed or not. */
  find(address: number): Allocation | null {
    const below = this.#allocations[this.#indexAbove(address) - 1];
    return below !== undefined && address < below.base + below.bytes ? below : null;
  }

  /**
   * Reports each store to the watched bytes, until the function that it returns is called. Meanwhile accesses elsewhere in
   * the same allocations are slower.
   */
  watch(watch: Watch): () => void {
    this.#watches.push(watch);
    for (const allocation of this.#allocations) markWatched(allocation, watch);
    return () => {
      const at = this.#watches.indexOf(watch);
      if (at === -1) return;
      this.#watches.splice(at, 1);
      for (const allocation of this.#allocations) {
        if (!touches(allocation, watch) || this.#watches.some((other) => touches(allocation, other))) continue;
        allocation.watched = false;
        allocation.accessibleBytes = this.#isReadOnly || allocation.freed ? 0 : allocation.bytes;
      }
    };
  }

  /**
   * The allocation that really holds the `bytes` bytes at `offset` from `allocation`'s start, for an access that is
   * aligned to its size. The offset within the result is `allocation.base + offset - result.base`.
   * @throws Fault OUT_OF_BOUNDS, MISALIGNED, USE_AFTER_FREE; INVALID_OPERAND if `offset` is no integer
   */
  locate(allocation: Allocation, offset: number, bytes: number, access: 'load' | 'store' | 'atomic'): Allocation {
    if (!Number.isInteger(offset)) {
      throw new Fault(
        'INVALID_OPERAND',
        `${access} of ${bytes} bytes at byte ${offset} of '${allocation.name}': the index is no integer`,
      );
    }
    if (this.#isReadOnly && access !== 'load') throw new Fault('KERNEL_THREW', `${access} after the end of the run`);
    let target = allocation;
    let at = offset;
    if (at < 0 || at + bytes > target.bytes) {
      const found = this.find(allocation.base + offset);
      if (found === null || allocation.base + offset + bytes > found.base + found.bytes) {
        throw this.#outOfBounds(allocation, offset, bytes, access);
      }
      at = allocation.base + offset - found.base;
      target = found;
    }
    if (target.freed) {
      throw new Fault(
        'USE_AFTER_FREE',
        `${access} of ${bytes} bytes at byte ${at} of '${target.name}', which was freed`,
      );
    }
    if (((target.baseLow + at) & (bytes - 1)) !== 0) {
      throw new Fault(
        'MISALIGNED',
        `${access} of ${bytes} bytes at byte ${at} of '${target.name}' (address ${hex(target.base + at)}), which is not a multiple of ${bytes}`,
      );
    }
    return target;
  }

  /**
   * The allocation that holds the `bytes` bytes at an address, for an access that is aligned to its size.
   * @throws Fault as {@link locate} does
   */
  locateAddress(address: number, bytes: number, access: 'load' | 'store' | 'atomic'): Allocation {
    const target = this.find(address) ?? this.#nearest(address);
    if (target !== null) return this.locate(target, address - target.base, bytes, access);
    throw new Fault(
      'OUT_OF_BOUNDS',
      `${access} of ${bytes} bytes at ${this.name} address ${hex(address)}: nothing is allocated`,
    );
  }

  /** Tells the watches of a store to a watched allocation. */
  reportStore(allocation: Allocation, offset: number, bytes: number): void {
    const address = allocation.base + offset;
    for (const watch of this.#watches) {
      if (address < watch.address + watch.bytes && watch.address < address + bytes) {
        watch.onStore(allocation, offset, bytes);
      }
    }
  }

  #outOfBounds(allocation: Allocation, offset: number, bytes: number, access: string): Fault {
    const address = allocation.base + offset;
    const nearest = this.find(address) ?? this.#nearest(address);
    let where = '';
    if (nearest !== null) {
      const behind = address + bytes - (nearest.base + nearest.bytes);
      where =
        address < nearest.base
          ? `${nearest.base - address} bytes before '${nearest.name}' (${nearest.bytes} bytes)`
          : `${behind} bytes past the end of '${nearest.name}' (${nearest.bytes} bytes)`;
    }
    const from =
      nearest === allocation || nearest === null ? '' : `; the pointer was derived from '${allocation.name}'`;
    return new Fault(
      'OUT_OF_BOUNDS',
      `${access} of ${bytes} bytes at ${this.name} address ${hex(address)}: ${where || 'nothing is allocated'}${from}`,
    );
  }

  #nearest(address: number): Allocation | null {
    const index = this.#indexAbove(address);
    const below = this.#allocations[index - 1];
    const above = this.#allocations[index];
    if (below === undefined) return above ?? null;
    if (above === undefined) return below;
    return address - (below.base + below.bytes) <= above.base - address ? below : above;
  }

  /** Index of the first allocation whose base lies above `address`. */
  #indexAbove(address: number): number {
    let low = 0;
    let high = this.#allocations.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#allocations[middle]!.base <= address) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

const touches = ({ base, bytes }: Allocation, watch: Watch): boolean =>
  base < watch.address + watch.bytes && watch.address < base + bytes;

function markWatched(allocation: Allocation, watch: Watch): void {
  if (!touches(allocation, watch)) return;
  allocation.watched = true;
  allocation.accessibleBytes = 0;
}

const hex = (address: number): string => (address < 0 ? `-0x${(-address).toString(16)}` : `0x${address.toString(16)}`);
