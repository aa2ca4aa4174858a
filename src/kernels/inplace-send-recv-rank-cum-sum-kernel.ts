import { BlockScan, blockScanStorageCount, type KernelBody, type Pointer, type Thread } from '../simt/index.js';
import type { MoeEpWorldInfo } from './moe-comm-structs.js';

/** Parameters of {@link inplaceSendRecvRankCumSumKernel}. */
export interface InplaceSendRecvRankCumSumArgs {
  /** Template argument: threads of the block, at least epSize: 32, 64, 128, 256, 512 or 1024. */
  readonly kThreadsPerBlock: number;
  readonly worldInfo: MoeEpWorldInfo;
  /** i32 [epSize]: counts in, inclusive sums out. */
  readonly sendRankCount: Pointer<'i32'>;
  /** i32 [epSize]: counts in, inclusive sums out. */
  readonly recvRankCount: Pointer<'i32'>;
}

/**
 * Turns the counts into inclusive sums, in place.
 *
 * Grid: 2; x = 0 sums what is sent, x = 1 what is received. Block: kThreadsPerBlock.
 * Source: trtllm_alltoall.cuh:631-645.
 */
export function* inplaceSendRecvRankCumSumKernel(
  t: Thread,
  { kThreadsPerBlock, worldInfo, sendRankCount, recvRankCount }: InplaceSendRecvRankCumSumArgs,
): KernelBody {
  const inputOutputPtr = t.blockIdx.x === 0 ? sendRankCount : recvRankCount; // :634
  const tempStorage = t.shared('temp_storage', 'i32', blockScanStorageCount(kThreadsPerBlock)); // :636

  const tid = t.threadIdx.x; // :638
  let threadData = tid < worldInfo.epSize ? inputOutputPtr.load(tid) : 0; // :639

  threadData = yield* new BlockScan(t, tempStorage, kThreadsPerBlock).inclusiveSum(threadData); // :641
  // :642
  if (tid < worldInfo.epSize) {
    inputOutputPtr.store(tid, threadData); // :643
  }
}
