import type { Allocation, MemoryRange } from '../simt/index.js';
import type { Call, ExpectedBytes } from './call.js';

/** The first byte that differs. */
export interface FirstDifference {
  readonly tensor: string;
  /** Where it is, in the words of the kernel. */
  readonly location: string;
  /** Byte within the tensor (or the rank's workspace). */
  readonly offsetBytes: number;
  /** Byte address in simulated global memory. */
  readonly address: number;
  readonly expected: number;
  readonly got: number;
}

/** The result of comparing simulated memory with a capture. */
export interface Comparison {
  /** Bytes that were compared. */
  readonly comparedBytes: number;
  readonly differingBytes: number;
  /** Bytes left out because neither the program nor the original ever defined them. */
  readonly undefinedBytes: number;
  /** Bytes left out because they count for ever: what they are depends on when one looks. */
  readonly counterBytes: number;
  readonly firstDifference: FirstDifference | null;
}

/**
 * Compares every byte that a call ought to leave behind. A byte is left out only if the simulated program never defined
 * it and the original does not either; one that the program alone leaves undefined differs. `counters` are left out too:
 * what a livelock counts for ever.
 */
export function compareCall(call: Call, counters: readonly MemoryRange[] = []): Comparison {
  const isCounter = (byte: number): boolean =>
    counters.some(({ address, bytes }) => byte >= address && byte < address + bytes);
  let comparedBytes = 0;
  let differingBytes = 0;
  let undefinedBytes = 0;
  let counterBytes = 0;
  let firstDifference: FirstDifference | null = null;
  for (const region of call.expected()) {
    const { allocation, offsetBytes, bytes } = region;
    if (counters.length === 0 && !allocation.mayHoldUndefined && equalBytes(allocation, offsetBytes, bytes)) {
      comparedBytes += bytes.length;
      continue;
    }
    for (let at = 0; at < bytes.length; at++) {
      const offset = offsetBytes + at;
      const isDefined = allocation.definedBits(offset, 1) === 1;
      if (!isDefined && region.mayBeUndefined?.(offset) === true) {
        undefinedBytes++;
        continue;
      }
      if (isCounter(allocation.base + offset)) {
        counterBytes++;
        continue;
      }
      comparedBytes++;
      if (isDefined && allocation.u8[offset] === bytes[at]) continue;
      differingBytes++;
      firstDifference ??= differenceAt(region, at, isDefined);
    }
  }
  return { comparedBytes, differingBytes, undefinedBytes, counterBytes, firstDifference };
}

function differenceAt(
  { tensor, allocation, offsetBytes, bytes, locate }: ExpectedBytes,
  at: number,
  isDefined: boolean,
): FirstDifference {
  const offset = offsetBytes + at;
  return {
    tensor,
    location: isDefined ? locate(offset) : `${locate(offset)}: the program never defined this byte`,
    offsetBytes: offset,
    address: allocation.base + offset,
    expected: bytes[at]!,
    got: allocation.u8[offset]!,
  };
}

function equalBytes(allocation: Allocation, offsetBytes: number, bytes: Uint8Array): boolean {
  const actual = allocation.u8;
  for (let at = 0; at < bytes.length; at++) if (actual[offsetBytes + at] !== bytes[at]) return false;
  return true;
}
