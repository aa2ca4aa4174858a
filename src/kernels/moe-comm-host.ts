import { type Dim3, dim3, divI32, mulI32, u64 } from '../simt/index.js';
import {
  type AllToAllConstants,
  type AllToAllShape,
  allToAllConstants,
  SIZEOF_MOE_COMM_FIFO_CONN_INFO,
  WARP_SIZE,
} from './all-to-all-constants.js';
import { hostCheck } from './host-check.js';

/** What a {@link MoeCommHost} needs to know of its process and device. */
export interface MoeCommHostOptions {
  /** `cudaDevAttrMultiProcessorCount`. */
  readonly multiProcessorCount: number;
  /** Shapes other than the original's. */
  readonly shape?: Partial<AllToAllShape>;
  /** `FLASHINFER_LOG_WARN`; by default warnings are kept in {@link MoeCommHost.warnings}. */
  readonly onWarning?: (message: string) => void;
}

/**
 * The static state and functions of `AllToAllChannelCommunicatorBase`: how many SMs may be used, and what follows from
 * it. The original keeps one such state a process, so simulated processes each have their own.
 * Source: trtllm_alltoall.cuh:53-153, 917-922.
 */
export class MoeCommHost {
  readonly constants: AllToAllConstants;
  readonly warnings: string[] = [];
  readonly #multiProcessorCount: number;
  readonly #onWarning: (message: string) => void;
  #maxSmCount = -1; // :917
  #maxSmCountUsed = false; // :918
  readonly #channelCountMap = new Map<number, number>(); // :125

  constructor({ multiProcessorCount, shape, onWarning }: MoeCommHostOptions) {
    this.constants = allToAllConstants(shape);
    this.#multiProcessorCount = multiProcessorCount;
    this.#onWarning = onWarning ?? ((message) => this.warnings.push(message));
  }

  /** @throws HostCheckError once the count has been used. Source: :91-102. */
  setMaxUsableSmCount(maxUsableSmCount: number): void {
    hostCheck(this.#maxSmCountUsed === false, 'setMaxUsableSmCount can be called only before it is used'); // :92
    const smCount = this.#multiProcessorCount; // :94
    let usable = maxUsableSmCount;
    // :95
    if (usable > smCount) {
      this.#onWarning(
        `setMaxUsableSmCount, maxUsableSmCount=${usable}, larger than smCount=${smCount}, using smCount instead`, // :96
      );
      usable = smCount; // :99
    }
    this.#maxSmCount = usable; // :101
  }

  /** Source: :104-111. */
  getMaxUsableSmCount(): number {
    this.#maxSmCountUsed = true; // :105
    // :106
    if (this.#maxSmCount === -1) {
      this.#maxSmCount = this.#multiProcessorCount; // :107-108
    }
    return this.#maxSmCount; // :110
  }

  /** @throws HostCheckError if the SMs do not suffice for one channel. Source: :113-122. */
  computeMoeCommChannelCount(epSize: number): number {
    const smCount = this.getMaxUsableSmCount(); // :114
    let blockCountPerChannel = divI32(
      (epSize + this.constants.GROUP_COUNT_PER_BLOCK - 1) | 0,
      this.constants.GROUP_COUNT_PER_BLOCK,
    ); // :115
    blockCountPerChannel = mulI32(blockCountPerChannel, 2); // :116, for send and recv
    hostCheck(
      blockCountPerChannel <= smCount,
      `GPU should support at lease one channel, usableSmCount=${smCount}`, // :117
    );
    const perferredChannel = divI32(divI32(smCount, 2), blockCountPerChannel); // :119
    return Math.max(perferredChannel, 1); // :120
  }

  /** Computed once for each `epSize`, then remembered. Source: :124-133. */
  getMoeCommChannelCount(epSize: number): number {
    const known = this.#channelCountMap.get(epSize); // :126
    if (known !== undefined) return known; // :132
    const channelCount = this.computeMoeCommChannelCount(epSize); // :128
    this.#channelCountMap.set(epSize, channelCount); // :129
    return channelCount; // :130
  }

  /** Source: :135-137. */
  getLaunchBlockDim(): Dim3 {
    return dim3(WARP_SIZE * this.constants.WARP_PER_GROUP, this.constants.GROUP_COUNT_PER_BLOCK);
  }

  /** Source: :139-142. */
  getLaunchGridDim(epSize: number): Dim3 {
    const channelCount = this.getMoeCommChannelCount(epSize); // :140
    const { GROUP_COUNT_PER_BLOCK } = this.constants;
    return dim3(divI32((epSize + GROUP_COUNT_PER_BLOCK - 1) | 0, GROUP_COUNT_PER_BLOCK), channelCount, 2); // :141
  }

  /**
   * Bytes of one rank's part of the workspace, a `size_t`. The FIFO term is an `int` product that wraps.
   * Source: :149-153.
   */
  getMoeCommWorkspaceSize(epSize: number): bigint {
    const channelCount = this.getMoeCommChannelCount(epSize); // :150
    const fifos = mulI32(mulI32(this.constants.RECV_FIFO_TOTAL_BYTES, epSize), channelCount); // :151
    const infos = BigInt(SIZEOF_MOE_COMM_FIFO_CONN_INFO) * BigInt(epSize) * BigInt(channelCount); // :152
    return u64(BigInt(fifos) + infos);
  }
}
