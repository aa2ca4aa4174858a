import type { Allocation } from '../simt/index.js';

/** Bytes of an allocation as they were, with what of them was defined. */
export interface SavedBytes {
  readonly allocation: Allocation;
  readonly offset: number;
  readonly bytes: Uint8Array;
  /** Null: nothing there is undefined, nor can be. */
  readonly defined: readonly boolean[] | null;
}

export function saveBytes(allocation: Allocation, offset: number, count: number): SavedBytes {
  const bytes = allocation.u8.slice(offset, offset + count);
  const defined = allocation.mayHoldUndefined
    ? Array.from(bytes, (_, at) => allocation.definedBits(offset + at, 1) === 1)
    : null;
  return { allocation, offset, bytes, defined };
}

/** Puts bytes back where they were. */
export function putBytes({ allocation, offset, bytes, defined }: SavedBytes): void {
  allocation.u8.set(bytes, offset);
  if (!allocation.mayHoldUndefined) return;
  for (let at = 0; at < bytes.length; at++) allocation.setDefined(offset + at, 1, defined?.[at] === false ? 0 : 1);
}

/** Whether there is anything else there now. */
export function haveChanged({ allocation, offset, bytes, defined }: SavedBytes): boolean {
  for (let at = 0; at < bytes.length; at++) {
    if (allocation.u8[offset + at] !== bytes[at]) return true;
    if (allocation.mayHoldUndefined && (allocation.definedBits(offset + at, 1) === 1) !== (defined?.[at] !== false)) {
      return true;
    }
  }
  return false;
}

export const overlap = (a: SavedBytes, b: SavedBytes): boolean =>
  a.allocation === b.allocation && a.offset < b.offset + b.bytes.length && b.offset < a.offset + a.bytes.length;
