import { divI32, mulI32, type Pointer, u64 } from '../simt/index.js';
import { type AllToAllConstants, SIZEOF_MOE_COMM_FIFO_CONN_INFO, SIZEOF_U64 } from './all-to-all-constants.js';
import { hostCheck } from './host-check.js';

/** Source: trtllm_alltoall.cuh:155-158. */
export interface MoeEpWorldInfo {
  readonly epSize: number;
  readonly epRank: number;
}

/** Source: trtllm_alltoall.cuh:160-163. */
export interface MoeExpertParallelInfo {
  readonly expertCount: number;
  readonly topK: number;
}

/** A pointer to `MoeCommFifoConnInfo`, seen as u64 words. Source: trtllm_alltoall.cuh:39-42. */
export type FifoConnInfoPointer = Pointer<'u64'>;
/** `&info->head` in u64 words: write position, a volatile u64. */
export const CONN_INFO_HEAD = 0;
/** `&info->tail` in u64 words: read position, a volatile u64. */
export const CONN_INFO_TAIL = 1;

/** Source: trtllm_alltoall.cuh:165-188. */
export interface SendRecvDataInfo {
  readonly vectorSizeInU64: number;
  readonly dataPacketCountPerVector: number;
  readonly vectorCountPerFifoEntry: number;
}

/**
 * `SendRecvDataInfo::DoPreCompute`. A vector of more packets than an entry holds gives `vectorCountPerFifoEntry` 0, as
 * in the original: its slices stay empty for ever. Source: trtllm_alltoall.cuh:171-187.
 * @throws RangeError for an empty vector, which divides by zero in the original.
 */
export function doPreCompute(vectorSizeInU64: number, constants: AllToAllConstants): SendRecvDataInfo {
  const payload = BigInt(constants.DATA_PAYLOAD_SIZE_PER_PACKET);
  // The sum is a size_t, the quotient goes back into an int. :172-174
  const dataPacketCountPerVector = Number(
    BigInt.asIntN(32, u64(BigInt(vectorSizeInU64) * BigInt(SIZEOF_U64) + payload - 1n) / payload),
  );
  const vectorCountPerFifoEntry = divI32(constants.PACKET_COUNT_PER_FIFO_ENTRY, dataPacketCountPerVector); // :179
  hostCheck(
    vectorCountPerFifoEntry <= constants.GROUP_MAX_INDICE_COUNT, // :186
    'vectorCountPerFifoEntry <= AllToAllChannelCommunicatorBase::GROUP_MAX_INDICE_COUNT',
  );
  return { vectorSizeInU64, dataPacketCountPerVector, vectorCountPerFifoEntry };
}

/**
 * Send or receive data and its displacements. Source: trtllm_alltoall.cuh:191-215.
 *
 * Shapes: `rankCountCumSum` i32 [epSize]; `rankLocalIndices` i32 [rankCountCumSum[epSize - 1]]; `dataPtr` u64, vectors
 * `vectorStrideInU64` words apart.
 */
export interface SendRecvDispls {
  readonly dataPtr: Pointer<'u64'>;
  readonly rankCountCumSum: Pointer<'i32'>;
  readonly rankLocalIndices: Pointer<'i32'>;
  readonly vectorStrideInU64: number;
}

/** `SendRecvDispls::getCount`. Source: trtllm_alltoall.cuh:199-201. */
export function getCount({ rankCountCumSum }: SendRecvDispls, rank: number): number {
  return rank === 0 ? rankCountCumSum.load(rank) : (rankCountCumSum.load(rank) - rankCountCumSum.load(rank - 1)) | 0;
}

/** `SendRecvDispls::getRankStart`. Source: trtllm_alltoall.cuh:203-205. */
export function getRankStart({ rankCountCumSum }: SendRecvDispls, rank: number): number {
  return rank === 0 ? 0 : rankCountCumSum.load(rank - 1);
}

/** `SendRecvDispls::getRealVectorIndice`. Source: trtllm_alltoall.cuh:207-209. */
export function getRealVectorIndice({ rankLocalIndices }: SendRecvDispls, globalVectorIndex: number): number {
  return rankLocalIndices.load(globalVectorIndex);
}

/** `SendRecvDispls::getVectorDataPtr`; the product wraps at 32 bits. Source: trtllm_alltoall.cuh:211-213. */
export function getVectorDataPtr(displs: SendRecvDispls, realVectorIndex: number): Pointer<'u64'> {
  return displs.dataPtr.add(mulI32(realVectorIndex, displs.vectorStrideInU64));
}

/** The workspace of all ranks, rank r's part at r * `rankStrideInU64` words. Source: trtllm_alltoall.cuh:217-245. */
export interface MoeCommWorkspace {
  readonly workspacePtr: Pointer<'u64'>;
  /** A `size_t`. */
  readonly rankStrideInU64: bigint;
}

/**
 * `MoeCommWorkspace::getFifoBasePtr`: the FIFO itself is at the receiver's side. Source: trtllm_alltoall.cuh:221-231.
 */
export function getFifoBasePtr(
  { workspacePtr, rankStrideInU64 }: MoeCommWorkspace,
  { RECV_FIFO_TOTAL_U64 }: AllToAllConstants,
  isSender: boolean,
  epRank: number,
  peerRank: number,
  channel: number,
  channelCount: number,
): Pointer<'u64'> {
  if (isSender) {
    return workspacePtr
      .add(u64(BigInt(peerRank) * rankStrideInU64)) // :225
      .add(mulI32((mulI32(epRank, channelCount) + channel) | 0, RECV_FIFO_TOTAL_U64)); // :226
  }
  return workspacePtr
    .add(u64(BigInt(epRank) * rankStrideInU64)) // :228
    .add(mulI32((mulI32(peerRank, channelCount) + channel) | 0, RECV_FIFO_TOTAL_U64)); // :229
}

/** `MoeCommWorkspace::getFifoConnInfo`: head and tail are at the sender's side. Source: trtllm_alltoall.cuh:233-243. */
export function getFifoConnInfo(
  { workspacePtr, rankStrideInU64 }: MoeCommWorkspace,
  { RECV_FIFO_TOTAL_U64 }: AllToAllConstants,
  isSender: boolean,
  epRank: number,
  peerRank: number,
  channel: number,
  epSize: number,
  channelCount: number,
): FifoConnInfoPointer {
  const fifoInfoPtrU64 = workspacePtr.add(mulI32(mulI32(RECV_FIFO_TOTAL_U64, channelCount), epSize)); // :237
  const strideIndice = isSender ? epRank : peerRank; // :238
  const fifoInfoIndice = isSender ? peerRank : epRank; // :239
  const fifoInfoPtr = fifoInfoPtrU64.add(u64(BigInt(strideIndice) * rankStrideInU64)); // :240-241
  const sizeofInU64 = SIZEOF_MOE_COMM_FIFO_CONN_INFO / SIZEOF_U64;
  return fifoInfoPtr.add(mulI32(fifoInfoIndice, channelCount) * sizeofInU64).add(channel * sizeofInU64); // :242
}
