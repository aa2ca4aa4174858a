import type { Launch, Stream } from '../simt/index.js';
import { SIZEOF_U64 } from './all-to-all-constants.js';
import { AllToAllProtocol } from './all-to-all-protocol.js';
import { hostCheck } from './host-check.js';
import { type MoeAllToAllKernelArgs, moeAllToAllKernel } from './moe-all-to-all-kernel.js';
import type { MoeCommHost } from './moe-comm-host.js';
import { doPreCompute, type MoeCommWorkspace, type MoeEpWorldInfo, type SendRecvDispls } from './moe-comm-structs.js';

/** Parameters of {@link moeAllToAll}: one rank's part of the collective call. */
export interface MoeAllToAllParams {
  readonly worldInfo: MoeEpWorldInfo;
  /** `sendRecvDataInfo.vectorSizeInU64`; the rest of it is computed here. */
  readonly vectorSizeInU64: number;
  readonly sendDispls: SendRecvDispls;
  readonly recvDispls: SendRecvDispls;
  readonly workspace: MoeCommWorkspace;
}

/**
 * Enqueues one rank's all-to-all. It ends only if every rank runs its own at the same time.
 * Source: trtllm_alltoall.cuh:522-534.
 * @throws HostCheckError, RangeError as the original's checks and arithmetic do.
 */
export function moeAllToAll(
  host: MoeCommHost,
  params: MoeAllToAllParams,
  stream: Stream,
  device = stream.device,
): Launch {
  const { worldInfo, vectorSizeInU64, sendDispls, recvDispls, workspace } = params;
  const sendRecvDataInfo = doPreCompute(vectorSizeInU64, host.constants); // :525
  hostCheck(sendDispls.dataPtr.address % 16 === 0, 'sendDispls.dataPtr must be 16-byte aligned'); // :526
  hostCheck(recvDispls.dataPtr.address % 16 === 0, 'recvDispls.dataPtr must be 16-byte aligned'); // :528
  const block = host.getLaunchBlockDim(); // :530
  const grid = host.getLaunchGridDim(worldInfo.epSize); // :531
  const args = { constants: host.constants, worldInfo, workspace, sendRecvDataInfo, sendDispls, recvDispls };
  const launch = stream.launch(moeAllToAllKernel, { grid, block }, args, device); // :532
  declareProtocol(launch, args);
  return launch;
}

/** Makes the launch known to the protocol of its workspace, so that hangs can be explained. Nothing of the original's. */
function declareProtocol(launch: Launch, args: MoeAllToAllKernelArgs): void {
  const { constants, worldInfo, workspace, sendRecvDataInfo } = args;
  const { allocation, address } = workspace.workspacePtr;
  const { epSize } = worldInfo;
  const known = allocation.symbols?.protocol;
  if (known instanceof AllToAllProtocol && known.firstAddress === address) {
    known.queued(launch, args);
    return;
  }
  const packetsPerVector = sendRecvDataInfo.dataPacketCountPerVector;
  const shape = { constants, epSize, channelCount: launch.gridDim.y, packetsPerVector };
  const strideBytes = Number(workspace.rankStrideInU64) * SIZEOF_U64;
  const parts = { space: allocation.space, firstAddress: address, strideBytes };
  new AllToAllProtocol(shape, launch.name, parts).queued(launch, args);
}
