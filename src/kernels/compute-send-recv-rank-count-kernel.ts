import {
  type DeviceFunction,
  divI32,
  type KernelBody,
  mulI32,
  type Pointer,
  type Thread,
  type TileSize,
  tiledPartition,
} from '../simt/index.js';
import type { MoeEpWorldInfo, MoeExpertParallelInfo } from './moe-comm-structs.js';

/** Parameters of {@link computeSendRecvRankCountKernel}. */
export interface ComputeSendRecvRankCountArgs {
  /** Template argument: lanes that look at one token, at least topK. */
  readonly kThreadsGroupSize: TileSize;
  readonly worldInfo: MoeEpWorldInfo;
  readonly expertParallelInfo: MoeExpertParallelInfo;
  readonly maxTokenCountPerRank: number;
  /** i32 [epSize], or null: every rank has maxTokenCountPerRank tokens. */
  readonly realRankTokenCountCumSum: Pointer<'i32'> | null;
  /** i32 [tokens of all ranks, topK]. */
  readonly gatheredTargetRankIds: Pointer<'i32'>;
  /** i32 [epSize], zeroed by the host. */
  readonly sendRankCount: Pointer<'i32'>;
  /** i32 [epSize], zeroed by the host. */
  readonly recvRankCount: Pointer<'i32'>;
}

/**
 * Counts the tokens between this rank and rank blockIdx.x: those it sends (blockIdx.y = 0) or receives (1).
 * A token counts once, however often it names the rank. Source: trtllm_alltoall.cuh:536-580.
 */
function* computeSendRecvRankCountDevice(
  t: Thread,
  isSend: boolean,
  kThreadsGroupSize: TileSize,
  worldInfo: MoeEpWorldInfo,
  expertParallelInfo: MoeExpertParallelInfo,
  maxTokenCountPerRank: number,
  realRankTokenCountCumSum: Pointer<'i32'> | null,
  gatheredTargetRankIds: Pointer<'i32'>,
  sharedSendRecvRankCount: Pointer<'i32'>,
  sendRecvRankCount: Pointer<'i32'>,
): DeviceFunction {
  const tile = tiledPartition(t, kThreadsGroupSize); // :541
  const laneInTile = tile.threadRank; // :543
  const tileId = divI32(t.threadIdx.x, kThreadsGroupSize); // :544
  const tileCountPerBlock = divI32(t.blockDim.x, kThreadsGroupSize); // :545

  const topK = expertParallelInfo.topK; // :547
  const epRank = worldInfo.epRank; // :548
  const epSize = worldInfo.epSize; // :549

  // :551
  if (t.threadIdx.x === 0) {
    sharedSendRecvRankCount.store(0, 0); // :552
  }

  yield* t.syncthreads(); // :555
  const readRank = isSend ? epRank : t.blockIdx.x; // :556
  const compareRankId = isSend ? t.blockIdx.x : epRank; // :557
  let readRankTargetRankIds = gatheredTargetRankIds.add(mulI32(mulI32(readRank, maxTokenCountPerRank), topK)); // :558
  let readRankTokenCount = maxTokenCountPerRank; // :559
  // :560
  if (realRankTokenCountCumSum !== null) {
    const readRankStart = readRank === 0 ? 0 : realRankTokenCountCumSum.load(readRank - 1); // :561
    readRankTargetRankIds = gatheredTargetRankIds.add(mulI32(readRankStart, topK)); // :562
    readRankTokenCount = (realRankTokenCountCumSum.load(readRank) - readRankStart) | 0; // :563
  }

  for (
    let i = (tileId + mulI32(t.blockIdx.z, tileCountPerBlock)) | 0; // :566
    i < readRankTokenCount;
    i = (i + mulI32(tileCountPerBlock, t.gridDim.z)) | 0 // :567
  ) {
    const targetRankId = laneInTile < topK ? readRankTargetRankIds.load((mulI32(i, topK) + laneInTile) | 0) : epSize; // :568
    const rankMatched = targetRankId === compareRankId; // :569
    const hasRankMatched = yield* tile.any(rankMatched); // :570
    // :571
    if (hasRankMatched && laneInTile === 0) {
      yield* t.atomicAddBlock(sharedSendRecvRankCount, 0, 1); // :572
    }
    yield* tile.sync(); // :574
  }
  yield* t.syncthreads(); // :576
  // :577
  if (t.threadIdx.x === 0) {
    yield* t.atomicAddSystem(sendRecvRankCount, t.blockIdx.x, sharedSendRecvRankCount.load()); // :578
  }
}

/**
 * Counts the tokens that this rank sends to and receives from each rank.
 *
 * Grid: (epSize, 2); y = 0 counts what is sent, y = 1 what is received. Block: 1024.
 * Source: trtllm_alltoall.cuh:582-604.
 */
export function computeSendRecvRankCountKernel(t: Thread, args: ComputeSendRecvRankCountArgs): KernelBody {
  const { kThreadsGroupSize, worldInfo, expertParallelInfo, maxTokenCountPerRank } = args;
  const { realRankTokenCountCumSum, gatheredTargetRankIds, sendRankCount, recvRankCount } = args;
  const sharedSendRecvRankCount = t.shared('sharedSendRecvRankCount', 'i32'); // :592
  // :593
  if (t.blockIdx.y === 0) {
    return computeSendRecvRankCountDevice(
      t,
      true,
      kThreadsGroupSize,
      worldInfo,
      expertParallelInfo,
      maxTokenCountPerRank,
      realRankTokenCountCumSum,
      gatheredTargetRankIds,
      sharedSendRecvRankCount,
      sendRankCount,
    ); // :595
  }
  return computeSendRecvRankCountDevice(
    t,
    false,
    kThreadsGroupSize,
    worldInfo,
    expertParallelInfo,
    maxTokenCountPerRank,
    realRankTokenCountCumSum,
    gatheredTargetRankIds,
    sharedSendRecvRankCount,
    recvRankCount,
  ); // :600
}
