import type { KernelBody, Thread } from '../simt/index.js';
import { AllToAllChannelCommunicator, groupSharedBufferCount } from './all-to-all-channel-communicator.js';
import type { AllToAllConstants } from './all-to-all-constants.js';
import type { MoeCommWorkspace, MoeEpWorldInfo, SendRecvDataInfo, SendRecvDispls } from './moe-comm-structs.js';

/** Parameters of {@link moeAllToAllKernel}; `constants` stand for the original's constexprs. */
export interface MoeAllToAllKernelArgs {
  readonly constants: AllToAllConstants;
  readonly worldInfo: MoeEpWorldInfo;
  readonly workspace: MoeCommWorkspace;
  readonly sendRecvDataInfo: SendRecvDataInfo;
  readonly sendDispls: SendRecvDispls;
  readonly recvDispls: SendRecvDispls;
}

/**
 * Sends this rank's vectors to all ranks and receives theirs.
 *
 * Grid: (ceil(epSize / GROUP_COUNT_PER_BLOCK), channels, 2); z = 0 sends, z = 1 receives. Block: (32 * WARP_PER_GROUP,
 * GROUP_COUNT_PER_BLOCK); y selects the peer rank. Every rank must run it, with matching counts, at the same time.
 * Source: trtllm_alltoall.cuh:500-520.
 */
export function moeAllToAllKernel(
  t: Thread,
  { constants: c, worldInfo, workspace, sendRecvDataInfo, sendDispls, recvDispls }: MoeAllToAllKernelArgs,
): KernelBody {
  const allGroupSharedBuffer = t.shared(
    'allGroupSharedBuffer',
    'i32',
    c.GROUP_COUNT_PER_BLOCK * groupSharedBufferCount(c),
  ); // :503
  const isSender = t.blockIdx.z === 0; // :505
  const channelCount = t.gridDim.y; // :506
  const group = t.threadIdx.y; // :507
  const dataDispls = isSender ? sendDispls : recvDispls; // :508
  const groupSharedBuffer = allGroupSharedBuffer.add(group * groupSharedBufferCount(c)); // :509
  const comm = new AllToAllChannelCommunicator(
    t,
    c,
    isSender,
    worldInfo,
    workspace,
    sendRecvDataInfo,
    dataDispls,
    groupSharedBuffer,
    channelCount,
  ); // :511-517
  return comm.run(); // :514, :518
}
