import type { AddressSpace } from './address-space.js';
import { type Allocation, PAGE_BYTES } from './allocation.js';

/** Bytes of the definedness bitmap of a page. */
const PAGE_BITS_BYTES = PAGE_BYTES / 8;

/** What an allocation holds: its written pages and the definedness of their bytes. */
export interface AllocationCopy {
  readonly pages: readonly number[];
  /** {@link PAGE_BYTES} a page, in order. */
  readonly bytes: Uint8Array;
  /** The changed bits of each page; null: none differs from the initial state. */
  readonly bits: Uint8Array | null;
  readonly undefinedBytes: number;
  readonly freed: boolean;
}

/** A copy of what an allocation holds. Costs what was touched. */
export function copyAllocation(allocation: Allocation): AllocationCopy {
  const { u8, changedBits, undefinedBytes, freed } = allocation;
  const pages = allocation.writtenPages();
  const bytes = new Uint8Array(pages.length * PAGE_BYTES);
  const bits = changedBits === null ? null : new Uint8Array(pages.length * PAGE_BITS_BYTES);
  pages.forEach((page, index) => {
    bytes.set(u8.subarray(page * PAGE_BYTES, (page + 1) * PAGE_BYTES), index * PAGE_BYTES);
    bits?.set(changedBits!.subarray(page * PAGE_BITS_BYTES, (page + 1) * PAGE_BITS_BYTES), index * PAGE_BITS_BYTES);
  });
  return { pages, bytes, bits, undefinedBytes, freed };
}

/** Gives an allocation back what it held. */
export function restoreAllocation(allocation: Allocation, copy: AllocationCopy): void {
  const { u8, pageFlags } = allocation;
  const kept = new Set(copy.pages);
  for (const page of allocation.writtenPages()) {
    if (kept.has(page)) continue;
    u8.fill(0, page * PAGE_BYTES, (page + 1) * PAGE_BYTES);
    allocation.changedBits?.fill(0, page * PAGE_BITS_BYTES, (page + 1) * PAGE_BITS_BYTES);
    pageFlags[page] = 0;
  }
  const changedBits = copy.bits === null ? allocation.changedBits : allocation.makeChangedBits();
  copy.pages.forEach((page, index) => {
    const from = page * PAGE_BYTES;
    // The last page may be shorter.
    const length = Math.min(PAGE_BYTES, u8.length - from);
    u8.set(copy.bytes.subarray(index * PAGE_BYTES, index * PAGE_BYTES + length), from);
    pageFlags[page] = 1;
    if (changedBits === null) return;
    const at = page * PAGE_BITS_BYTES;
    const bitsLength = Math.min(PAGE_BITS_BYTES, changedBits.length - at);
    if (copy.bits === null) changedBits.fill(0, at, at + bitsLength);
    else changedBits.set(copy.bits.subarray(index * PAGE_BITS_BYTES, index * PAGE_BITS_BYTES + bitsLength), at);
  });
  allocation.undefinedBytes = copy.undefinedBytes;
  allocation.freed = copy.freed;
  allocation.accessibleBytes = copy.freed || allocation.watched ? 0 : allocation.bytes;
}

/** Copies of all allocations of a space. */
export type SpaceCopy = ReadonlyMap<Allocation, AllocationCopy>;

export const copySpace = (space: AddressSpace): SpaceCopy =>
  new Map(space.allocations.map((allocation) => [allocation, copyAllocation(allocation)]));

/** Allocations made since stay as they are. */
export function restoreSpace(copy: SpaceCopy): void {
  for (const [allocation, contents] of copy) restoreAllocation(allocation, contents);
}
