import { divI32, mulI32, type Pointer, type Stream } from '../simt/index.js';
import { hostCheck } from './host-check.js';
import type { MoeEpWorldInfo, MoeExpertParallelInfo } from './moe-comm-structs.js';
import { moeLocalGatherDevice } from './moe-local-gather-device.js';
import { tileSizeForTopK } from './template-arguments.js';

/** Parameters of {@link moeLocalGather}. */
export interface MoeLocalGatherParams {
  readonly worldInfo: MoeEpWorldInfo;
  readonly expertParallelInfo: MoeExpertParallelInfo;
  readonly maxTokenCountPerRank: number;
  /** Rows of the outputs. */
  readonly localMaxTokenCount: number;
  /** i32 [epSize]. */
  readonly recvRankCountCumSum: Pointer<'i32'>;
  /** i32 [localMaxTokenCount]. */
  readonly localGatherIndices: Pointer<'i32'>;
  /** i32 [tokens of all ranks, topK]. */
  readonly gatheredExpertIds: Pointer<'i32'>;
  /** f32 [tokens of all ranks, topK]. */
  readonly gatheredScales: Pointer<'f32'>;
  /** Out: i32 [localMaxTokenCount, topK]. */
  readonly localExpertIds: Pointer<'i32'>;
  /** Out: f32 [localMaxTokenCount, topK]. */
  readonly localScales: Pointer<'f32'>;
}

/**
 * Enqueues the local gather of one rank. Source: trtllm_alltoall.cuh:882-915.
 * @throws HostCheckError for topK above 32; RangeError for no rows, which is no valid launch.
 */
export function moeLocalGather(params: MoeLocalGatherParams, stream: Stream): void {
  const { expertParallelInfo, localMaxTokenCount } = params;
  hostCheck(expertParallelInfo.topK <= 32, 'Only topK less than or equal to 32 supported now.'); // :887
  const paddedTopK = tileSizeForTopK(expertParallelInfo.topK); // :889-906
  const threadsPerBlock = 512; // :908
  const tokenPerBlock = divI32(threadsPerBlock, paddedTopK); // :909
  const blockCount = mulI32(divI32((localMaxTokenCount + tokenPerBlock - 1) | 0, tokenPerBlock), 2); // :910
  stream.launch(
    moeLocalGatherDevice,
    { grid: blockCount, block: threadsPerBlock },
    { ...params, kThreadsGroupSize: paddedTopK },
  ); // :912
}
