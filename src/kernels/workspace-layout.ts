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

const ROW_BYTES = WARP_SIZE * 16;

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

/**
 * What the byte at `offsetBytes` of rank `rank`'s part of the workspace is: a byte of a FIFO into this rank, or of the
 * head or tail of one out of it. Source: trtllm_alltoall.cuh:221-243 (where they lie), 362-398 (packets).
 */
export function describeWorkspaceByte(shape: WorkspaceShape, rank: number, offsetBytes: number): string {
  const { constants: c, epSize, channelCount, packetsPerVector } = shape;
  const fifoBytes = c.RECV_FIFO_TOTAL_BYTES * channelCount * epSize;
  const perFifo = offsetBytes < fifoBytes ? c.RECV_FIFO_TOTAL_BYTES : SIZEOF_MOE_COMM_FIFO_CONN_INFO;
  const inRegion = offsetBytes < fifoBytes ? offsetBytes : offsetBytes - fifoBytes;
  const fifo = Math.floor(inRegion / perFifo);
  const peer = Math.floor(fifo / channelCount);
  const channel = fifo % channelCount;
  const inFifo = inRegion % perFifo;
  if (peer >= epSize) return `byte ${offsetBytes} of rank ${rank}'s workspace, behind heads and tails`;
  if (offsetBytes >= fifoBytes) {
    const what = inFifo < SIZEOF_U64 ? 'head' : inFifo < 2 * SIZEOF_U64 ? 'tail' : 'padding after head and tail';
    return `${what} of link ${rank} -> ${peer}, channel ${channel}, byte ${inFifo % SIZEOF_U64}`;
  }
  const slot = Math.floor(inFifo / c.RECV_FIFO_ENTRY_BYTES);
  const inEntry = inFifo % c.RECV_FIFO_ENTRY_BYTES;
  const packet = Math.floor(inEntry / c.PACKET_SIZE_IN_BYTES);
  const inPacket = inEntry % c.PACKET_SIZE_IN_BYTES;
  const row = Math.floor(inPacket / ROW_BYTES);
  const lane = Math.floor((inPacket % ROW_BYTES) / 16);
  const isFlag = lane % 8 === 7 && inPacket % 16 >= SIZEOF_U64;
  return (
    `FIFO of link ${peer} -> ${rank}, channel ${channel}, slot ${slot}, packet ${packet} ` +
    `(vector ${Math.floor(packet / packetsPerVector)} of the slice, packet ${packet % packetsPerVector} of it), ` +
    `row ${row}, lane ${lane}, ${isFlag ? 'flag' : 'payload'} byte ${isFlag ? inPacket % 8 : inPacket % 16}`
  );
}
