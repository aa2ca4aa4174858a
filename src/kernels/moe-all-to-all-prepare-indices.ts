import { dim3, mulI32, type Pointer, type Stream, u64 } from '../simt/index.js';
import { computeSendRecvIndicesKernel } from './compute-send-recv-indices-kernel.js';
import { computeSendRecvRankCountKernel } from './compute-send-recv-rank-count-kernel.js';
import { hostCheck } from './host-check.js';
import { inplaceSendRecvRankCumSumKernel } from './inplace-send-recv-rank-cum-sum-kernel.js';
import type { MoeEpWorldInfo, MoeExpertParallelInfo } from './moe-comm-structs.js';
import { cumSumBlockSize, tileSizeForTopK } from './template-arguments.js';

/** Parameters of {@link moeAllToAllPrepareIndices}. All arrays are i32. */
export interface MoeAllToAllPrepareIndicesParams {
  readonly worldInfo: MoeEpWorldInfo;
  readonly expertParallelInfo: MoeExpertParallelInfo;
  readonly maxTokenCountPerRank: number;
  /** [tokens of all ranks, topK]: target ranks, in any order, with or without repeats. */
  readonly gatheredTargetRankIds: Pointer<'i32'>;
  /** [epSize] or null. */
  readonly realRankTokenCountCumSum: Pointer<'i32'> | null;
  /** Out: [maxTokenCountPerRank * epSize]. */
  readonly localGatherIndices: Pointer<'i32'>;
  /** Out: [epSize]. */
  readonly sendRankCountCumSum: Pointer<'i32'>;
  /** Out: [maxTokenCountPerRank * max(epSize, topK)]. */
  readonly sendRankLocalIndices: Pointer<'i32'>;
  /** Out: [epSize]. */
  readonly recvRankCountCumSum: Pointer<'i32'>;
  /** Out: [maxTokenCountPerRank * epSize]. */
  readonly recvRankLocalIndices: Pointer<'i32'>;
  /** Out: [maxTokenCountPerRank * max(epSize, topK)]. */
  readonly backwardRecvRankLocalIndices: Pointer<'i32'>;
}

const SIZEOF_INT = 4n;

/**
 * Enqueues the index preparation of one rank: six memsets, then three kernels.
 * Source: trtllm_alltoall.cuh:800-847.
 * @throws HostCheckError for more than 1024 ranks or topK above 32.
 */
export function moeAllToAllPrepareIndices(params: MoeAllToAllPrepareIndicesParams, stream: Stream): void {
  const { worldInfo, expertParallelInfo, maxTokenCountPerRank } = params;
  const { epSize } = worldInfo;
  hostCheck(epSize <= 1024, 'Only worldInfo.epSize less than or equal to 1024 supported now.'); // :819

  stream.memset(params.sendRankCountCumSum, 0, bytesOfInts(epSize)); // :823
  stream.memset(params.recvRankCountCumSum, 0, bytesOfInts(epSize)); // :825
  const maxSendRanksPerToken = Math.max(epSize, expertParallelInfo.topK); // :826

  stream.memset(params.localGatherIndices, -1, bytesOfInts(mulI32(maxTokenCountPerRank, epSize))); // :828
  stream.memset(params.sendRankLocalIndices, -1, bytesOfInts(mulI32(maxTokenCountPerRank, maxSendRanksPerToken))); // :830
  stream.memset(params.recvRankLocalIndices, -1, bytesOfInts(mulI32(maxTokenCountPerRank, epSize))); // :832
  stream.memset(
    params.backwardRecvRankLocalIndices,
    -1,
    bytesOfInts(mulI32(maxTokenCountPerRank, maxSendRanksPerToken)),
  ); // :834
  computeSendRecvRankCount(params, stream); // :837
  inplaceSendRecvRankCumSum(params, stream); // :841
  computeSendRecvIndices(params, stream); // :842
}

/** Source: trtllm_alltoall.cuh:606-629. */
export function computeSendRecvRankCount(params: MoeAllToAllPrepareIndicesParams, stream: Stream): void {
  const { worldInfo, expertParallelInfo, maxTokenCountPerRank, realRankTokenCountCumSum, gatheredTargetRankIds } =
    params;
  hostCheck(expertParallelInfo.topK <= 32, 'Only topK less than or equal to 32 supported now.'); // :610
  const threadsPerBlock = 1024; // :612
  const kThreadsGroupSize = tileSizeForTopK(expertParallelInfo.topK); // :613-624
  const grid = dim3(worldInfo.epSize, 2, 1); // :625
  stream.launch(
    computeSendRecvRankCountKernel,
    { grid, block: threadsPerBlock }, // :626
    {
      kThreadsGroupSize,
      worldInfo,
      expertParallelInfo,
      maxTokenCountPerRank,
      realRankTokenCountCumSum,
      gatheredTargetRankIds,
      sendRankCount: params.sendRankCountCumSum, // :838
      recvRankCount: params.recvRankCountCumSum, // :839
    },
  );
}

/** Source: trtllm_alltoall.cuh:647-673. */
export function inplaceSendRecvRankCumSum(params: MoeAllToAllPrepareIndicesParams, stream: Stream): void {
  const { worldInfo } = params;
  hostCheck(worldInfo.epSize <= 1024, 'Only epSize less than or equal to 1024 supported now.'); // :652
  const blockSize = cumSumBlockSize(worldInfo.epSize); // :654-671
  stream.launch(
    inplaceSendRecvRankCumSumKernel,
    { grid: 2, block: blockSize }, // :672
    {
      kThreadsPerBlock: blockSize,
      worldInfo,
      sendRankCount: params.sendRankCountCumSum,
      recvRankCount: params.recvRankCountCumSum,
    },
  );
}

/** Source: trtllm_alltoall.cuh:769-798. */
export function computeSendRecvIndices(params: MoeAllToAllPrepareIndicesParams, stream: Stream): void {
  const { worldInfo, expertParallelInfo } = params;
  hostCheck(expertParallelInfo.topK <= 32, 'Only topK less than or equal to 32 supported now.'); // :776
  const threadsPerBlock = 1024; // :778
  const kThreadsGroupSize = tileSizeForTopK(expertParallelInfo.topK); // :779-792
  const grid = dim3(worldInfo.epSize, 2, 1); // :793
  stream.launch(
    computeSendRecvIndicesKernel,
    { grid, block: threadsPerBlock }, // :794
    { ...params, kThreadsGroupSize, kThreadsPerBlock: threadsPerBlock },
  );
}

/** `count * sizeof(int)`, where the `int` count becomes a `size_t`: a negative one is huge. */
const bytesOfInts = (count: number): number => Number(u64(BigInt(count) * SIZEOF_INT));
