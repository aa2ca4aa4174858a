/** The five shapes that the constants follow from. Defaults are the original's. */
export interface AllToAllShape {
  /** Entries of a FIFO. */
  readonly RECV_FIFO_DEPTH: number;
  /** Bytes of an entry: a multiple of the packet size. */
  readonly RECV_FIFO_ENTRY_BYTES: number;
  /** u64 registers of a thread that carry a packet: a multiple of 4, so that flag lanes come in pairs of accesses. */
  readonly U64_DATA_REG_PER_THREAD: number;
  /** Warps that serve one peer rank. */
  readonly WARP_PER_GROUP: number;
  /** Peer ranks a block: at most 8, one named barrier each. */
  readonly GROUP_COUNT_PER_BLOCK: number;
}

/**
 * The constants of the all-to-all, under the original's names. `*_U64` counts 8-byte words, `*_BYTES` bytes.
 * Source: trtllm_alltoall.cuh:44-83.
 */
export interface AllToAllConstants extends AllToAllShape {
  readonly RECV_FIFO_ENTRY_U64: number;
  readonly RECV_FIFO_TOTAL_BYTES: number;
  readonly RECV_FIFO_TOTAL_U64: number;
  readonly PACKET_SIZE_IN_U64: number;
  readonly PACKET_SIZE_IN_BYTES: number;
  readonly DATA_PAYLOAD_SIZE_PER_PACKET_IN_U64: number;
  readonly DATA_PAYLOAD_SIZE_PER_PACKET: number;
  readonly U64_ELT_COUNT_PER_PACKET: number;
  readonly PACKET_COUNT_PER_FIFO_ENTRY: number;
  readonly GROUP_MAX_INDICE_COUNT: number;
}

/** `sizeof(uint64_t)` in bytes. */
export const SIZEOF_U64 = 8;
/** `sizeof(MoeCommFifoConnInfo)` in bytes: head, tail, padding. Source: trtllm_alltoall.cuh:39-42. */
export const SIZEOF_MOE_COMM_FIFO_CONN_INFO = 256;
/** Lanes of a warp. Source: trtllm_alltoall.cuh:44. */
export const WARP_SIZE = 32;
/** Source: trtllm_alltoall.cuh:45. */
export const WARP_MASK = 0xffffffff;

const ORIGINAL: AllToAllShape = {
  RECV_FIFO_DEPTH: 8, // :47
  RECV_FIFO_ENTRY_BYTES: 256 * 1024, // :48
  GROUP_COUNT_PER_BLOCK: 8, // :64
  WARP_PER_GROUP: 2, // :67
  U64_DATA_REG_PER_THREAD: 8, // :68
};

/**
 * The constants of a shape; what it leaves out is as in the original.
 * @throws RangeError if a value is outside its domain.
 */
export function allToAllConstants(shape: Partial<AllToAllShape> = {}): AllToAllConstants {
  const complete = { ...ORIGINAL, ...shape };
  const { RECV_FIFO_DEPTH, RECV_FIFO_ENTRY_BYTES, U64_DATA_REG_PER_THREAD, WARP_PER_GROUP, GROUP_COUNT_PER_BLOCK } =
    complete;
  const PACKET_SIZE_IN_U64 = WARP_SIZE * U64_DATA_REG_PER_THREAD; // :72
  const PACKET_SIZE_IN_BYTES = PACKET_SIZE_IN_U64 * SIZEOF_U64; // :73
  requireInteger('RECV_FIFO_DEPTH', RECV_FIFO_DEPTH, 1, 2 ** 16);
  requireInteger('GROUP_COUNT_PER_BLOCK', GROUP_COUNT_PER_BLOCK, 1, 8); // :65
  requireInteger('WARP_PER_GROUP', WARP_PER_GROUP, 1, 32 / GROUP_COUNT_PER_BLOCK);
  requireInteger('U64_DATA_REG_PER_THREAD', U64_DATA_REG_PER_THREAD, 4, 64, 4);
  requireInteger('RECV_FIFO_ENTRY_BYTES', RECV_FIFO_ENTRY_BYTES, PACKET_SIZE_IN_BYTES, 2 ** 28, PACKET_SIZE_IN_BYTES);
  const RECV_FIFO_TOTAL_BYTES = RECV_FIFO_DEPTH * RECV_FIFO_ENTRY_BYTES; // :50
  const DATA_PAYLOAD_SIZE_PER_PACKET_IN_U64 = (WARP_SIZE - 2) * U64_DATA_REG_PER_THREAD; // :74
  return {
    ...complete,
    RECV_FIFO_ENTRY_U64: RECV_FIFO_ENTRY_BYTES / SIZEOF_U64, // :49
    RECV_FIFO_TOTAL_BYTES,
    RECV_FIFO_TOTAL_U64: RECV_FIFO_TOTAL_BYTES / SIZEOF_U64, // :51
    PACKET_SIZE_IN_U64,
    PACKET_SIZE_IN_BYTES,
    DATA_PAYLOAD_SIZE_PER_PACKET_IN_U64,
    DATA_PAYLOAD_SIZE_PER_PACKET: DATA_PAYLOAD_SIZE_PER_PACKET_IN_U64 * SIZEOF_U64, // :76
    U64_ELT_COUNT_PER_PACKET: PACKET_SIZE_IN_BYTES / SIZEOF_U64, // :78
    PACKET_COUNT_PER_FIFO_ENTRY: RECV_FIFO_ENTRY_BYTES / PACKET_SIZE_IN_BYTES, // :80
    GROUP_MAX_INDICE_COUNT: RECV_FIFO_ENTRY_BYTES / SIZEOF_U64 / (WARP_SIZE * U64_DATA_REG_PER_THREAD), // :82
  };
}

function requireInteger(name: string, value: number, least: number, most: number, multipleOf = 1): void {
  if (!Number.isInteger(value) || value < least || value > most || value % multipleOf !== 0) {
    const multiple = multipleOf === 1 ? '' : `, a multiple of ${multipleOf}`;
    throw new RangeError(`${name} is ${value}; it must be an integer from ${least} to ${Math.floor(most)}${multiple}`);
  }
}
