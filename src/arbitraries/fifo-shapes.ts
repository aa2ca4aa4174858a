import fc from 'fast-check';
import type { FifoShape } from '../reference/index.js';
import { boundsWithin, edgeBiasedIntegers, type IntegerRange } from './numbers.js';

/** The FIFO of the original: 8 entries of 128 packets. Source: trtllm_alltoall.cuh, RECV_FIFO_*. */
export const originalFifo: FifoShape = { depth: 8, entryBytes: 262144, packetBytes: 2048, packetPayloadBytes: 1920 };

/** Narrows `fifoShapes`. */
export interface FifoShapeOptions {
  /** By default 1..8. */
  readonly depth?: IntegerRange;
  /** By default 1..128. */
  readonly packetsPerEntry?: IntegerRange;
}

/**
 * FIFOs with the original's packets, but often shallower, and of smaller entries: few packets then go round the whole
 * FIFO. Shrinks towards one entry of one packet.
 * @throws RangeError if an option is out of range.
 */
export function fifoShapes(options: FifoShapeOptions = {}): fc.Arbitrary<FifoShape> {
  const { packetBytes, packetPayloadBytes } = originalFifo;
  const depths = boundsWithin('FIFO depth', options.depth, { min: 1, max: 8 });
  const packetCounts = boundsWithin('packets a FIFO entry', options.packetsPerEntry, { min: 1, max: 128 });
  return fc
    .record({
      depth: edgeBiasedIntegers({ ...depths, edges: [1, 2, 8], smallDistance: 2 }),
      packetCount: edgeBiasedIntegers({ ...packetCounts, edges: [1, 2, 128], smallDistance: 3 }),
    })
    .map(({ depth, packetCount }) => ({
      depth,
      entryBytes: packetCount * packetBytes,
      packetBytes,
      packetPayloadBytes,
    }));
}
