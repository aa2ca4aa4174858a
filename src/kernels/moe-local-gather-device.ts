import {
  divI32,
  f32,
  type KernelBody,
  mulI32,
  type Pointer,
  type Thread,
  type TileSize,
  tiledPartition,
} from '../simt/index.js';
import type { MoeEpWorldInfo, MoeExpertParallelInfo } from './moe-comm-structs.js';

/** Parameters of {@link moeLocalGatherDevice}. */
export interface MoeLocalGatherDeviceArgs {
  /** Template argument: lanes that copy one token, at least topK. */
  readonly kThreadsGroupSize: TileSize;
  readonly worldInfo: MoeEpWorldInfo;
  readonly expertParallelInfo: MoeExpertParallelInfo;
  readonly maxTokenCountPerRank: number;
  readonly localMaxTokenCount: number;
  /** i32 [epSize]. */
  readonly recvRankCountCumSum: Pointer<'i32'>;
  /** i32 [localMaxTokenCount]. */
  readonly localGatherIndices: Pointer<'i32'>;
  /** i32 [tokens of all ranks, topK]. */
  readonly gatheredExpertIds: Pointer<'i32'>;
  /** f32 [tokens of all ranks, topK]. */
  readonly gatheredScales: Pointer<'f32'>;
  /** i32 [localMaxTokenCount, topK]. */
  readonly localExpertIds: Pointer<'i32'>;
  /** f32 [localMaxTokenCount, topK]. */
  readonly localScales: Pointer<'f32'>;
}

/**
 * Copies expert ids and scales of the received tokens; rows beyond them get `expertCount` and 0.
 *
 * Grid: blockCount. Block: 512. Source: trtllm_alltoall.cuh:849-880.
 */
export function* moeLocalGatherDevice(t: Thread, args: MoeLocalGatherDeviceArgs): KernelBody {
  const { kThreadsGroupSize, worldInfo, expertParallelInfo, localMaxTokenCount } = args;
  const { recvRankCountCumSum, localGatherIndices, gatheredExpertIds, gatheredScales, localExpertIds, localScales } =
    args;
  const tile = tiledPartition(t, kThreadsGroupSize); // :856
  const laneInTile = tile.threadRank; // :858
  const tileId = divI32(t.threadIdx.x, kThreadsGroupSize); // :859
  const tileCountPerBlock = divI32(t.blockDim.x, kThreadsGroupSize); // :860

  const epSize = worldInfo.epSize; // :862
  const rankTokenCount = recvRankCountCumSum.load(epSize - 1); // :863
  const needLoad = laneInTile < expertParallelInfo.topK; // :864

  for (
    let index = (tileId + mulI32(t.blockIdx.x, tileCountPerBlock)) | 0; // :866
    index < localMaxTokenCount;
    index = (index + mulI32(tileCountPerBlock, t.gridDim.x)) | 0 // :867
  ) {
    const localTokenIndice = localGatherIndices.load(index); // :868
    const expertId =
      needLoad && index < rankTokenCount // :869
        ? gatheredExpertIds.load((mulI32(localTokenIndice, expertParallelInfo.topK) + laneInTile) | 0) // :870
        : expertParallelInfo.expertCount; // :871
    const scale =
      needLoad && index < rankTokenCount // :872
        ? gatheredScales.load((mulI32(localTokenIndice, expertParallelInfo.topK) + laneInTile) | 0) // :873
        : f32(0); // :874
    // :875
    if (needLoad) {
      localExpertIds.store((mulI32(index, expertParallelInfo.topK) + laneInTile) | 0, expertId); // :876
      localScales.store((mulI32(index, expertParallelInfo.topK) + laneInTile) | 0, scale); // :877
    }
  }
}
