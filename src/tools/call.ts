import type { Capture } from '../capture/index.js';
import type { ModeOptions } from '../modes/index.js';
import type { Allocation, Machine } from '../simt/index.js';

/** Bytes of simulated memory that ought to be equal to given ones. */
export interface ExpectedBytes {
  /** Name in reports, as in the capture: `out/local_gather_indices`, `r1/out/workspace`. */
  readonly tensor: string;
  readonly allocation: Allocation;
  /** First byte within the allocation. */
  readonly offsetBytes: number;
  readonly bytes: Uint8Array;
  /** Where the byte at `offsetBytes` within the allocation is, in the words of the kernel: `row 3, byte 17`. */
  readonly locate: (offsetBytes: number) => string;
  /** Whether the original never defines the byte at `offsetBytes`, so that it may be left out; absent: it defines all. */
  readonly mayBeUndefined?: (offsetBytes: number) => boolean;
}

/** A captured call, set up on a machine of its own: inputs in memory, kernels queued. */
export interface Call {
  readonly machine: Machine;
  /** What the outputs ought to be by the capture's outputs. @throws RangeError if it has none. */
  expected(): Iterable<ExpectedBytes>;
  /** The capture with the outputs as they are in simulated memory now. */
  withOutputs(): Capture;
}

/** How a call is set up. By default it runs in mode `fast`. */
export type CallOptions = ModeOptions;

/** i32 elements that ought to fill an allocation from its start; `tensor` is the name of the output. */
export function expectElements(tensor: string, allocation: Allocation, expected: Int32Array): ExpectedBytes {
  return {
    tensor: `out/${tensor}`,
    allocation,
    offsetBytes: 0,
    bytes: bytesOf(expected),
    locate: (offsetBytes) => `element ${Math.floor(offsetBytes / 4)}, byte ${offsetBytes % 4} of it`,
  };
}

/** Rows of `rowBytes` that ought to fill a rank's output of an all-to-all. */
export function expectOutput(
  rank: number,
  allocation: Allocation,
  expected: Uint8Array,
  rowBytes: number,
): ExpectedBytes {
  return {
    tensor: `r${rank}/out/output`,
    allocation,
    offsetBytes: 0,
    bytes: expected,
    locate: (offsetBytes) => `row ${Math.floor(offsetBytes / rowBytes)}, byte ${offsetBytes % rowBytes}`,
  };
}

/** A typed array's memory as bytes. */
export const bytesOf = (array: ArrayBufferView): Uint8Array =>
  new Uint8Array(array.buffer, array.byteOffset, array.byteLength);

/** A copy of i32 elements out of device memory's bytes. */
export const i32Of = (bytes: Uint8Array): Int32Array =>
  new Int32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / Int32Array.BYTES_PER_ELEMENT);
