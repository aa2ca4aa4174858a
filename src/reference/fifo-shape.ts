import { requireInteger } from './requirements.js';

/** The measures of the FIFO that carries one channel of one link. */
export interface FifoShape {
  /** Entries a FIFO; one slice fills one entry. */
  readonly depth: number;
  /** Bytes an entry. */
  readonly entryBytes: number;
  /** Bytes that a packet takes up in an entry. */
  readonly packetBytes: number;
  /** Bytes of a vector that a packet carries; the rest are flags. */
  readonly packetPayloadBytes: number;
}

/**
 * The original's FIFO: 8 entries of 128 packets. Source: trtllm_alltoall.cuh, RECV_FIFO_* and
 * AllToAllChannelCommunicatorBase.
 */
export const ORIGINAL_FIFO: FifoShape = {
  depth: 8,
  entryBytes: 256 * 1024,
  packetBytes: 2048,
  packetPayloadBytes: 1920,
};

/**
 * The number of packets that fit an entry.
 * @throws RangeError if a measure is not a positive integer.
 */
export function packetsPerEntry({ depth, entryBytes, packetBytes, packetPayloadBytes }: FifoShape): number {
  requireInteger('fifo.depth', depth, 1, 2 ** 31 - 1);
  requireInteger('fifo.entryBytes', entryBytes, 1, 2 ** 31 - 1);
  requireInteger('fifo.packetBytes', packetBytes, 1, 2 ** 31 - 1);
  requireInteger('fifo.packetPayloadBytes', packetPayloadBytes, 1, packetBytes);
  return Math.floor(entryBytes / packetBytes);
}

/**
 * The number of packets that carry one vector of `vectorBytes`.
 * @throws RangeError if `vectorBytes` is not a positive multiple of 16.
 */
export function packetsPerVector(vectorBytes: number, { packetPayloadBytes }: FifoShape): number {
  requireInteger('vectorBytes / 16', vectorBytes / 16, 1, 2 ** 27 - 1);
  return Math.ceil(vectorBytes / packetPayloadBytes);
}
