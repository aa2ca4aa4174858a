import type fc from 'fast-check';
import { edgeBiasedIntegers } from './numbers.js';

/** The granule of vector sizes and strides: one 16-byte access. */
const VECTOR_GRANULE_BYTES = 16;

/** Narrows `vectorSizes`. */
export interface VectorSizeOptions {
  /** By default 16. */
  readonly minBytes?: number;
  /** By default 245760, the 128 packets that fit an entry of the original's FIFO. */
  readonly maxBytes?: number;
  /** By default 1920. */
  readonly packetPayloadBytes?: number;
}

/** Numbers of packets around which the number of vectors a slice changes, or lines and packets are few. */
const NOTABLE_PACKET_COUNTS = [1, 1, 1, 2, 2, 3, 4, 5, 8, 9, 16, 17, 21, 25, 32, 33, 42, 43, 63, 64, 65, 127, 128];

/**
 * Vector sizes in bytes, multiples of 16: small ones, and 16 bytes less than, exactly and 16 bytes more than any
 * number of packets. Shrinks towards 16.
 * @throws RangeError if the bounds are no multiples of 16 or leave no size.
 */
export function vectorSizes({
  minBytes = VECTOR_GRANULE_BYTES,
  maxBytes = 128 * 1920,
  packetPayloadBytes = 1920,
}: VectorSizeOptions = {}): fc.Arbitrary<number> {
  requireWholeGranules('minBytes', minBytes);
  requireWholeGranules('maxBytes', maxBytes);
  requireWholeGranules('packetPayloadBytes', packetPayloadBytes);
  const granulesPerPacket = packetPayloadBytes / VECTOR_GRANULE_BYTES;
  const max = maxBytes / VECTOR_GRANULE_BYTES;
  const everyPacketCount = Array.from({ length: Math.ceil(max / granulesPerPacket) }, (_, index) => index + 1);
  const edges = [...NOTABLE_PACKET_COUNTS, ...NOTABLE_PACKET_COUNTS, ...everyPacketCount].flatMap((packetCount) =>
    [-1, 0, 1].map((offset) => packetCount * granulesPerPacket + offset),
  );
  return edgeBiasedIntegers({ min: minBytes / VECTOR_GRANULE_BYTES, max, edges, smallDistance: 8 }).map(
    (granules) => granules * VECTOR_GRANULE_BYTES,
  );
}

/** Narrows `strides`. */
export interface StrideOptions {
  readonly vectorBytes: number;
  /** The most bytes between two vectors, a multiple of 16; by default 256. */
  readonly maxPaddingBytes?: number;
}

/**
 * Row strides in bytes, multiples of 16 and no less than a vector; most of them leave nothing between vectors.
 * Shrinks towards the vector's own size.
 * @throws RangeError if an option is no multiple of 16.
 */
export function strides({ vectorBytes, maxPaddingBytes = 256 }: StrideOptions): fc.Arbitrary<number> {
  requireWholeGranules('vectorBytes', vectorBytes);
  return paddings(maxPaddingBytes).map((padding) => vectorBytes + padding);
}

/** Bytes between two vectors, multiples of 16 up to `maxPaddingBytes`. Shrinks towards 0. */
export function paddings(maxPaddingBytes: number): fc.Arbitrary<number> {
  requireWholeGranules('maxPaddingBytes', maxPaddingBytes);
  const max = maxPaddingBytes / VECTOR_GRANULE_BYTES;
  return edgeBiasedIntegers({ min: 0, max, edges: [1, 2, 3, 7, 8], smallDistance: 0 }).map(
    (granules) => granules * VECTOR_GRANULE_BYTES,
  );
}

function requireWholeGranules(name: string, bytes: number): void {
  if (!Number.isInteger(bytes / VECTOR_GRANULE_BYTES)) {
    throw new RangeError(`${name} must be a multiple of ${VECTOR_GRANULE_BYTES}, is ${bytes}`);
  }
}
