import {
  BlockScan,
  blockScanStorageCount,
  type DeviceFunction,
  divI32,
  ffs,
  type KernelBody,
  mulI32,
  type Pointer,
  type Thread,
  type TileSize,
  tiledPartition,
} from '../simt/index.js';
import type { MoeEpWorldInfo, MoeExpertParallelInfo } from './moe-comm-structs.js';

/** Parameters of {@link computeSendRecvIndicesKernel}. */
export interface ComputeSendRecvIndicesArgs {
  /** Template argument: lanes that look at one token, at least topK. */
  readonly kThreadsGroupSize: TileSize;
  /** Template argument: threads of the block. */
  readonly kThreadsPerBlock: number;
  readonly worldInfo: MoeEpWorldInfo;
  readonly expertParallelInfo: MoeExpertParallelInfo;
  readonly maxTokenCountPerRank: number;
  /** i32 [epSize], or null: every rank has maxTokenCountPerRank tokens. */
  readonly realRankTokenCountCumSum: Pointer<'i32'> | null;
  /** i32 [tokens of all ranks, topK]. */
  readonly gatheredTargetRankIds: Pointer<'i32'>;
  /** i32 [epSize]. */
  readonly sendRankCountCumSum: Pointer<'i32'>;
  /** i32 [epSize]. */
  readonly recvRankCountCumSum: Pointer<'i32'>;
  /** i32 [maxTokenCountPerRank * epSize]. */
  readonly localGatherIndices: Pointer<'i32'>;
  /** i32 [maxTokenCountPerRank * max(epSize, topK)]. */
  readonly sendRankLocalIndices: Pointer<'i32'>;
  /** i32 [maxTokenCountPerRank * epSize]. */
  readonly recvRankLocalIndices: Pointer<'i32'>;
  /** i32 [maxTokenCountPerRank * max(epSize, topK)]. */
  readonly backwardRecvRankLocalIndices: Pointer<'i32'>;
}

/**
 * Writes the indices of the tokens between this rank and rank blockIdx.x, in token order.
 * Source: trtllm_alltoall.cuh:675-741.
 */
function* computeSendRecvIndicesDevice(
  t: Thread,
  isSend: boolean,
  kThreadsGroupSize: TileSize,
  kThreadsPerBlock: number,
  worldInfo: MoeEpWorldInfo,
  expertParallelInfo: MoeExpertParallelInfo,
  maxTokenCountPerRank: number,
  realRankTokenCountCumSum: Pointer<'i32'> | null,
  gatheredTargetRankIds: Pointer<'i32'>,
  sendRecvCumSum: Pointer<'i32'>,
  sendRecvIndices: Pointer<'i32'>,
  localGatherIndices: Pointer<'i32'>,
  backwardRecvRankLocalIndices: Pointer<'i32'>,
  sharedSendRecvRankStart: Pointer<'i32'>,
  tempStorage: Pointer<'i32'>,
): DeviceFunction {
  const tile = tiledPartition(t, kThreadsGroupSize); // :685
  const laneInTile = tile.threadRank; // :687
  const tileId = divI32(t.threadIdx.x, kThreadsGroupSize); // :688
  const tileCountPerBlock = divI32(t.blockDim.x, kThreadsGroupSize); // :689

  const topK = expertParallelInfo.topK; // :691
  const epRank = worldInfo.epRank; // :692
  const epSize = worldInfo.epSize; // :693

  // :695
  if (t.threadIdx.x === 0) {
    sharedSendRecvRankStart.store(0, t.blockIdx.x === 0 ? 0 : sendRecvCumSum.load(t.blockIdx.x - 1)); // :696
  }

  yield* t.syncthreads(); // :699
  const readRank = isSend ? epRank : t.blockIdx.x; // :700
  const compareRankId = isSend ? t.blockIdx.x : epRank; // :701
  let readRankStart = mulI32(readRank, maxTokenCountPerRank); // :702
  let readRankTargetRankIds = gatheredTargetRankIds.add(mulI32(readRankStart, topK)); // :703
  let readRankTokenCount = maxTokenCountPerRank; // :704
  // :705
  if (realRankTokenCountCumSum !== null) {
    readRankStart = readRank === 0 ? 0 : realRankTokenCountCumSum.load(readRank - 1); // :706
    readRankTargetRankIds = gatheredTargetRankIds.add(mulI32(readRankStart, topK)); // :707
    readRankTokenCount = (realRankTokenCountCumSum.load(readRank) - readRankStart) | 0; // :708
  }

  for (
    let blockStartId = mulI32(t.blockIdx.z, tileCountPerBlock); // :711
    blockStartId < readRankTokenCount;
    blockStartId = (blockStartId + mulI32(tileCountPerBlock, t.gridDim.z)) | 0 // :712
  ) {
    const stepStartIndice = sharedSendRecvRankStart.load(); // :713
    const i = (blockStartId + tileId) | 0; // :714
    const targetRankId =
      laneInTile < topK && i < readRankTokenCount // :715
        ? readRankTargetRankIds.load((mulI32(i, topK) + laneInTile) | 0) // :716
        : epSize; // :717
    const rankMatched = targetRankId === compareRankId; // :718
    const hasRankMatched = yield* tile.any(rankMatched); // :719
    const laneMask = yield* tile.ballot(rankMatched); // :720
    const lowestLane = ffs(laneMask) - 1; // :721
    const isMatchedLane = hasRankMatched && laneInTile === lowestLane ? 1 : 0; // :722
    let indice = yield* new BlockScan(t, tempStorage, kThreadsPerBlock).exclusiveSum(isMatchedLane); // :725
    indice = (indice + stepStartIndice) | 0; // :726
    yield* t.syncthreads(); // :727

    // :729
    if (isMatchedLane === 1) {
      yield* t.atomicAddBlock(sharedSendRecvRankStart, 0, 1); // :730
      // :731
      if (isSend) {
        sendRecvIndices.store(indice, i); // :732
        backwardRecvRankLocalIndices.store(indice, (mulI32(i, topK) + lowestLane) | 0); // :733
      } else {
        sendRecvIndices.store(indice, indice); // :735
        localGatherIndices.store(indice, (readRankStart + i) | 0); // :736
      }
    }
    yield* t.syncthreads(); // :739
  }
}

/**
 * Writes, for each rank, which tokens go there and where tokens from there go.
 *
 * Grid: (epSize, 2); y = 0 is the sending side, y = 1 the receiving side. Block: kThreadsPerBlock (1024).
 * Source: trtllm_alltoall.cuh:743-767.
 */
export function computeSendRecvIndicesKernel(t: Thread, args: ComputeSendRecvIndicesArgs): KernelBody {
  const { kThreadsGroupSize, kThreadsPerBlock, worldInfo, expertParallelInfo, maxTokenCountPerRank } = args;
  const { realRankTokenCountCumSum, gatheredTargetRankIds, localGatherIndices, backwardRecvRankLocalIndices } = args;
  const sharedSendRecvRankStart = t.shared('sharedSendRecvRankStart', 'i32'); // :752
  const tempStorage = t.shared('tempStorage', 'i32', blockScanStorageCount(kThreadsPerBlock)); // :753
  // :754
  if (t.blockIdx.y === 0) {
    return computeSendRecvIndicesDevice(
      t,
      true,
      kThreadsGroupSize,
      kThreadsPerBlock,
      worldInfo,
      expertParallelInfo,
      maxTokenCountPerRank,
      realRankTokenCountCumSum,
      gatheredTargetRankIds,
      args.sendRankCountCumSum,
      args.sendRankLocalIndices,
      localGatherIndices,
      backwardRecvRankLocalIndices,
      sharedSendRecvRankStart,
      tempStorage,
    ); // :756
  }
  return computeSendRecvIndicesDevice(
    t,
    false,
    kThreadsGroupSize,
    kThreadsPerBlock,
    worldInfo,
    expertParallelInfo,
    maxTokenCountPerRank,
    realRankTokenCountCumSum,
    gatheredTargetRankIds,
    args.recvRankCountCumSum,
    args.recvRankLocalIndices,
    localGatherIndices,
    backwardRecvRankLocalIndices,
    sharedSendRecvRankStart,
    tempStorage,
  ); // :762
}
