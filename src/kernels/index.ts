/** Ports of FlashInfer's `trtllm_alltoall.cuh`: device kernels, one a file, and the host functions. */
import './registered-programs.js';

export { AllToAllChannelCommunicator } from './all-to-all-channel-communicator.js';
export {
  type AllToAllConstants,
  type AllToAllShape,
  allToAllConstants,
  SIZEOF_MOE_COMM_FIFO_CONN_INFO,
} from './all-to-all-constants.js';
export { KERNEL_CATALOG, type KernelEntry } from './catalog.js';
export { type ComputeSendRecvIndicesArgs, computeSendRecvIndicesKernel } from './compute-send-recv-indices-kernel.js';
export {
  type ComputeSendRecvRankCountArgs,
  computeSendRecvRankCountKernel,
} from './compute-send-recv-rank-count-kernel.js';
export { HostCheckError } from './host-check.js';
export {
  type InplaceSendRecvRankCumSumArgs,
  inplaceSendRecvRankCumSumKernel,
} from './inplace-send-recv-rank-cum-sum-kernel.js';
export { type MoeAllToAllParams, moeAllToAll } from './moe-all-to-all.js';
export { type MoeAllToAllKernelArgs, moeAllToAllKernel } from './moe-all-to-all-kernel.js';
export { type MoeAllToAllPrepareIndicesParams, moeAllToAllPrepareIndices } from './moe-all-to-all-prepare-indices.js';
export { MoeCommHost, type MoeCommHostOptions } from './moe-comm-host.js';
export {
  doPreCompute,
  type MoeCommWorkspace,
  type MoeEpWorldInfo,
  type MoeExpertParallelInfo,
  type SendRecvDataInfo,
  type SendRecvDispls,
} from './moe-comm-structs.js';
export { type MoeLocalGatherParams, moeLocalGather } from './moe-local-gather.js';
export { type MoeLocalGatherDeviceArgs, moeLocalGatherDevice } from './moe-local-gather-device.js';
export { describeWorkspaceByte, vectorWordAt, type WorkspaceShape } from './workspace-layout.js';
