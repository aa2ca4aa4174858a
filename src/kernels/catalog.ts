/** What `simtwin list` says about a kernel. */
export interface KernelEntry {
  readonly name: string;
  /** Template parameters and the values that the host code picks, in the original's order. */
  readonly templates: readonly string[];
  /** Parameters in the original's order. */
  readonly parameters: readonly string[];
  /** `<<<grid, block>>>` in words. */
  readonly launch: string;
  /** Lines of trtllm_alltoall.cuh. */
  readonly originalLines: string;
  /** File of the port. */
  readonly port: string;
  /** The operation (`simtwin run OP`) that launches it. */
  readonly operation: 'moe_comm_prepare_indices' | 'moe_local_gather' | 'moe_comm';
}

/** Every ported kernel, in the order of the original. */
export const KERNEL_CATALOG: readonly KernelEntry[] = [
  {
    name: 'moeAllToAllKernel',
    templates: [],
    parameters: ['worldInfo', 'workspace', 'sendRecvDataInfo', 'sendDispls', 'recvDispls'],
    launch: '(ceil(epSize / 8), channels, 2) x (64, 8)',
    originalLines: '262-520',
    port: 'src/kernels/moe-all-to-all-kernel.ts',
    operation: 'moe_comm',
  },
  {
    name: 'computeSendRecvRankCountKernel',
    templates: ['kThreadsGroupSize = 1|2|4|8|16|32 by topK'],
    parameters: [
      'worldInfo',
      'expertParallelInfo',
      'maxTokenCountPerRank',
      'realRankTokenCountCumSum',
      'gatheredTargetRankIds',
      'sendRankCount',
      'recvRankCount',
    ],
    launch: '(epSize, 2) x 1024',
    originalLines: '536-604',
    port: 'src/kernels/compute-send-recv-rank-count-kernel.ts',
    operation: 'moe_comm_prepare_indices',
  },
  {
    name: 'inplaceSendRecvRankCumSumKernel',
    templates: ['kThreadsPerBlock = 32|64|128|256|512|1024 by epSize'],
    parameters: ['worldInfo', 'sendRankCount', 'recvRankCount'],
    launch: '2 x kThreadsPerBlock',
    originalLines: '631-645',
    port: 'src/kernels/inplace-send-recv-rank-cum-sum-kernel.ts',
    operation: 'moe_comm_prepare_indices',
  },
  {
    name: 'computeSendRecvIndicesKernel',
    templates: ['kThreadsGroupSize = 1|2|4|8|16|32 by topK', 'kThreadsPerBlock = 1024'],
    parameters: [
      'worldInfo',
      'expertParallelInfo',
      'maxTokenCountPerRank',
      'realRankTokenCountCumSum',
      'gatheredTargetRankIds',
      'sendRankCountCumSum',
      'recvRankCountCumSum',
      'localGatherIndices',
      'sendRankLocalIndices',
      'recvRankLocalIndices',
      'backwardRecvRankLocalIndices',
    ],
    launch: '(epSize, 2) x 1024',
    originalLines: '675-767',
    port: 'src/kernels/compute-send-recv-indices-kernel.ts',
    operation: 'moe_comm_prepare_indices',
  },
  {
    name: 'moeLocalGatherDevice',
    templates: ['kThreadsGroupSize = 1|2|4|8|16|32 by topK'],
    parameters: [
      'worldInfo',
      'expertParallelInfo',
      'maxTokenCountPerRank',
      'localMaxTokenCount',
      'recvRankCountCumSum',
      'localGatherIndices',
      'gatheredExpertIds',
      'gatheredScales',
      'localExpertIds',
      'localScales',
    ],
    launch: 'ceil(localMaxTokenCount / (512 / kThreadsGroupSize)) * 2 x 512',
    originalLines: '849-880',
    port: 'src/kernels/moe-local-gather-device.ts',
    operation: 'moe_local_gather',
  },
];
