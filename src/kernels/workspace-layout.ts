import {
  type AllToAllConstants,
  SIZEOF_MOE_COMM_FIFO_CONN_INFO,
  SIZEOF_U64,
  WARP_SIZE,
} from './all-to-all-constants.js';

/** What decides where things lie in a rank's part of the workspace. */
export interface WorkspaceShape {
  readonly constants: AllToAllConstants;
  readonly epSize: number;
  readonly channelCount: number;
  /** `dataPacketCountPerVector`. */
  readonly packetsPerVector: number;
}

/** Bytes that a warp stores at a time: one access of each lane. */
export const ROW_BYTES = WARP_SIZE * 16;

/**
 * Which u64 of its vector the FIFO byte at `offsetBytes` carries; null for a flag and behind the FIFOs. Words from the
 * vector's length on are padding, whose lanes store whatever their registers hold. Source: trtllm_alltoall.cuh:374-397.
 */
export function vectorWordAt(shape: WorkspaceShape, offsetBytes: number): number | null {
  const { constants: c, epSize, channelCount, packetsPerVector } = shape;
  if (offsetBytes >= c.RECV_FIFO_TOTAL_BYTES * channelCount * epSize) return null;
  const packet = Math.floor((offsetBytes % c.RECV_FIFO_ENTRY_BYTES) / c.PACKET_SIZE_IN_BYTES);
  const inPacket = offsetBytes % c.PACKET_SIZE_IN_BYTES;
  const row = Math.floor(inPacket / ROW_BYTES);
  const lane = Math.floor((inPacket % ROW_BYTES) / 16);
  const half = inPacket % 16 < SIZEOF_U64 ? 0 : 1;
  const isFlagThread = lane % 8 === 7;
  if (isFlagThread && half === 1) return null;
  // A flag thread's lower half in an odd row is the upper half of what it loaded for the row before.
  const isMoved = isFlagThread && row % 2 === 1;
  const g = isMoved ? row - 1 : row;
  const ix = g * WARP_SIZE - 4 * (g >> 1) + lane - (g % 2) * (lane >> 3);
  const vecOff = (packet % packetsPerVector) * c.DATA_PAYLOAD_SIZE_PER_PACKET_IN_U64;
  return vecOff + 2 * ix + (isMoved ? 1 : half);
}

/** What a byte of a rank's part of the workspace belongs to. */
export type WorkspacePlace =
  /** Head, tail and the bytes after them of a link out of the rank. `byte` counts within the word. */
  | {
      readonly kind: 'head' | 'tail' | 'padding';
      readonly from: number;
      readonly to: number;
      readonly channel: number;
      readonly byte: number;
    }
  /** A FIFO into the rank. `byte` counts within the flag, or the 16 bytes of a lane's access. */
  | {
      readonly kind: 'flag' | 'payload';
      readonly from: number;
      readonly to: number;
      readonly channel: number;
      readonly slot: number;
      readonly packet: number;
      readonly row: number;
      readonly lane: number;
      readonly byte: number;
    }
  | { readonly kind: 'behind' };

/**
 * What the byte at `offsetBytes` of rank `rank`'s part of the workspace is: a byte of a FIFO into this rank, or of the
 * head or tail of one out of it. Source: trtllm_alltoall.cuh:221-243 (where they lie), 362-398 (packets).
 */
export function workspacePlaceOf(shape: WorkspaceShape, rank: number, offsetBytes: number): WorkspacePlace {
  const { constants: c, epSize, channelCount } = shape;
  const fifoBytes = c.RECV_FIFO_TOTAL_BYTES * channelCount * epSize;
  const perFifo = offsetBytes < fifoBytes ? c.RECV_FIFO_TOTAL_BYTES : SIZEOF_MOE_COMM_FIFO_CONN_INFO;
  const inRegion = offsetBytes < fifoBytes ? offsetBytes : offsetBytes - fifoBytes;
  const fifo = Math.floor(inRegion / perFifo);
  const peer = Math.floor(fifo / channelCount);
  const channel = fifo % channelCount;
  const inFifo = inRegion % perFifo;
  if (peer >= epSize) return { kind: 'behind' };
  if (offsetBytes >= fifoBytes) {
    const kind = inFifo < SIZEOF_U64 ? 'head' : inFifo < 2 * SIZEOF_U64 ? 'tail' : 'padding';
    return { kind, from: rank, to: peer, channel, byte: inFifo % SIZEOF_U64 };
  }
  const slot = Math.floor(inFifo / c.RECV_FIFO_ENTRY_BYTES);
  const inEntry = inFifo % c.RECV_FIFO_ENTRY_BYTES;
  const packet = Math.floor(inEntry / c.PACKET_SIZE_IN_BYTES);
  const inPacket = inEntry % c.PACKET_SIZE_IN_BYTES;
  const row = Math.floor(inPacket / ROW_BYTES);
  const lane = Math.floor((inPacket % ROW_BYTES) / 16);
  const isFlag = lane % 8 === 7 && inPacket % 16 >= SIZEOF_U64;
  const byte = isFlag ? inPacket % 8 : inPacket % 16;
  return { kind: isFlag ? 'flag' : 'payload', from: peer, to: rank, channel, slot, packet, row, lane, byte };
}

/** {@link workspacePlaceOf} in words. */
export function describeWorkspaceByte(shape: WorkspaceShape, rank: number, offsetBytes: number): string {
  const { packetsPerVector } = shape;
  const place = workspacePlaceOf(shape, rank, offsetBytes);
  if (place.kind === 'behind') return `byte ${offsetBytes} of rank ${rank}'s workspace, behind heads and tails`;
  const { kind, from, to, channel, byte } = place;
  if (kind !== 'flag' && kind !== 'payload') {
    const what = kind === 'padding' ? 'padding after head and tail' : kind;
    return `${what} of link ${from} -> ${to}, channel ${channel}, byte ${byte}`;
  }
  const { slot, packet, row, lane } = place;
  return (
    `FIFO of link ${from} -> ${to}, channel ${channel}, slot ${slot}, packet ${packet} ` +
    `(vector ${Math.floor(packet / packetsPerVector)} of the slice, packet ${packet % packetsPerVector} of it), ` +
    `row ${row}, lane ${lane}, ${kind} byte ${byte}`
  );
}

/** Offset of the head of link `rank` -> `peer` within rank `rank`'s part; the tail is the next u64. */
export function headOffsetOf(shape: WorkspaceShape, peer: number, channel: number): number {
  const { constants: c, epSize, channelCount } = shape;
  const fifoBytes = c.RECV_FIFO_TOTAL_BYTES * channelCount * epSize;
  return fifoBytes + (peer * channelCount + channel) * SIZEOF_MOE_COMM_FIFO_CONN_INFO;
}

/** Offset of the first flag of a packet in the FIFO of link `peer` -> `rank` within rank `rank`'s part. */
export function flagOffsetOf(
  shape: WorkspaceShape,
  at: { readonly peer: number; readonly channel: number; readonly slot: number; readonly packet: number },
): number {
  const { constants: c, channelCount } = shape;
  const fifo = (at.peer * channelCount + at.channel) * c.RECV_FIFO_TOTAL_BYTES;
  return fifo + at.slot * c.RECV_FIFO_ENTRY_BYTES + at.packet * c.PACKET_SIZE_IN_BYTES + 7 * 16 + SIZEOF_U64;
}

/**
 * Where in a rank's part of the workspace the u64 begins that tells how far a FIFO is and that [offsetBytes, offsetBytes +
 * bytes) touches: a head, a tail, or the last flag of a packet, which its warp stores last. -1: none.
 */
export function fifoWordWithin(shape: WorkspaceShape, offsetBytes: number, bytes: number): number {
  const { constants: c, epSize, channelCount } = shape;
  const fifoBytes = c.RECV_FIFO_TOTAL_BYTES * channelCount * epSize;
  if (offsetBytes < fifoBytes) {
    const flag = lastFlagOffsetOf(shape, offsetBytes);
    return offsetBytes + bytes > flag ? flag : -1;
  }
  const inInfo = (offsetBytes - fifoBytes) % SIZEOF_MOE_COMM_FIFO_CONN_INFO;
  const isInfo = offsetBytes < fifoBytes + SIZEOF_MOE_COMM_FIFO_CONN_INFO * channelCount * epSize;
  return isInfo && inInfo < 2 * SIZEOF_U64 ? offsetBytes - (inInfo % SIZEOF_U64) : -1;
}

/** Offset of the last flag of the packet that the FIFO byte at `offsetBytes` belongs to. */
export const lastFlagOffsetOf = ({ constants: c }: WorkspaceShape, offsetBytes: number): number =>
  offsetBytes - (offsetBytes % c.PACKET_SIZE_IN_BYTES) + c.PACKET_SIZE_IN_BYTES - SIZEOF_U64;
