import type { AllToAllCase } from '../../src/arbitraries/index.js';
import { createMachine } from '../../src/modes/index.js';
import { type AllToAllCompletion, allToAllReference } from '../../src/reference/index.js';
import type { EngineMode, Limits, Machine, Pointer, Schedule } from '../../src/simt/index.js';
import { type Kernels, runToEnd, TEST_LIMITS } from './kernels.js';

/** How the threads of a block are divided. */
export interface BlockShape {
  readonly WARP_PER_GROUP: number;
  readonly GROUP_COUNT_PER_BLOCK: number;
}

export const ORIGINAL_BLOCK: BlockShape = { WARP_PER_GROUP: 2, GROUP_COUNT_PER_BLOCK: 8 };

/** What consecutive calls on one workspace leave behind. */
export interface AllToAllResult {
  /** By call, then rank. */
  readonly outputs: readonly (readonly Uint8Array[])[];
  /** u64 [epSize, epSize, channelCount] after the last call. */
  readonly heads: BigUint64Array;
  readonly tails: BigUint64Array;
}

const SIZEOF_CONN_INFO = 256;

/**
 * Queues calls on one workspace of a machine of its own: each rank has a stream and starts its next call as soon as it has
 * ended the one before, whatever the others do. The calls have ranks, channels and FIFO in common; heads and tails
 * start as the first one says.
 */
export function setUpAllToAll(
  kernels: Kernels,
  calls: readonly AllToAllCase[],
  block: BlockShape,
  schedule: Schedule | string,
  mode: EngineMode = 'fast',
  limits: Partial<Limits> = TEST_LIMITS,
): { readonly machine: Machine; readonly result: () => AllToAllResult } {
  const machine = createMachine({ schedule, mode, limits });
  const { memory } = machine;
  const { epSize, channelCount, fifo, heads, tails } = calls[0]!;
  const gridX = Math.ceil(epSize / block.GROUP_COUNT_PER_BLOCK);
  const host = new kernels.MoeCommHost({
    // Half of the SMs hold `channelCount` channels of 2 * gridX blocks.
    multiProcessorCount: 4 * gridX * channelCount,
    shape: {
      ...block,
      RECV_FIFO_DEPTH: fifo.depth,
      RECV_FIFO_ENTRY_BYTES: fifo.entryBytes,
      U64_DATA_REG_PER_THREAD: fifo.packetBytes / 256,
    },
  });
  const fifoBytes = fifo.depth * fifo.entryBytes * epSize * channelCount;
  const bytesPerRank = Number(host.getMoeCommWorkspaceSize(epSize));
  const workspacePtr = memory.allocateSymmetric('workspace', 'u64', { ranks: epSize, bytesPerRank, zeroed: true });

  /** Head and tail of a link's channel, in u64 from the workspace's start; they lie at the sender. */
  const connInfo = (sender: number, receiver: number, channel: number): number =>
    (sender * bytesPerRank + fifoBytes + SIZEOF_CONN_INFO * (receiver * channelCount + channel)) / 8;
  const channels = Array.from({ length: epSize * epSize * channelCount }, (_, index) => {
    const link = Math.floor(index / channelCount);
    return { index, info: connInfo(Math.floor(link / epSize), link % epSize, index % channelCount) };
  });
  for (const { index, info } of channels) {
    workspacePtr.add(info).store(0, heads[index]!);
    workspacePtr.add(info).store(1, tails[index]!);
  }

  const streams = Array.from({ length: epSize }, (_, rank) => machine.stream(rank));
  const outputs = calls.map(({ vectorBytes, ranks }) =>
    ranks.map((rank, r): Pointer<'u64'> => {
      const dataPtr = memory.upload(`output of rank ${r}`, 'u64', rank.output);
      kernels.moeAllToAll(
        host,
        {
          worldInfo: { epSize, epRank: r },
          vectorSizeInU64: vectorBytes / 8,
          sendDispls: {
            dataPtr: memory.upload(`input of rank ${r}`, 'u64', rank.input),
            rankCountCumSum: memory.upload(`send sums of rank ${r}`, 'i32', rank.sendRankCumSum),
            rankLocalIndices: memory.upload(`send indices of rank ${r}`, 'i32', rank.sendIndices),
            vectorStrideInU64: rank.inputRowStrideBytes / 8,
          },
          recvDispls: {
            dataPtr,
            rankCountCumSum: memory.upload(`receive sums of rank ${r}`, 'i32', rank.recvRankCumSum),
            rankLocalIndices: memory.upload(`receive indices of rank ${r}`, 'i32', rank.recvIndices),
            vectorStrideInU64: rank.outputRowStrideBytes / 8,
          },
          workspace: { workspacePtr, rankStrideInU64: BigInt(bytesPerRank / 8) },
        },
        streams[r]!,
      );
      return dataPtr;
    }),
  );
  const result = (): AllToAllResult => ({
    outputs: outputs.map((ofRanks) => ofRanks.map((pointer) => memory.download(pointer, pointer.allocation.bytes / 8))),
    heads: BigUint64Array.from(channels, ({ info }) => workspacePtr.add(info).load(0)),
    tails: BigUint64Array.from(channels, ({ info }) => workspacePtr.add(info).load(1)),
  });
  return { machine, result };
}

/** Runs what `setUpAllToAll` queues. @throws Error unless all of it ends. */
export function runAllToAll(
  kernels: Kernels,
  calls: readonly AllToAllCase[],
  block: BlockShape,
  schedule: Schedule | string,
  mode: EngineMode = 'fast',
): AllToAllResult {
  const { machine, result } = setUpAllToAll(kernels, calls, block, schedule, mode);
  runToEnd(machine);
  return result();
}

/** What the calls mean, each with the counters that the one before left. */
export function allToAllReferenceOfCalls(calls: readonly AllToAllCase[]): {
  readonly result: AllToAllResult;
  /** The most slices that a call sends over a channel of a link. */
  readonly mostSlices: number;
} {
  const results: AllToAllCompletion[] = [];
  let { heads, tails } = calls[0]!;
  for (const call of calls) {
    const result = allToAllReference({ ...call, heads, tails });
    if (result.kind !== 'completes') throw new Error(`the case is wrong: ${result.explanation}`);
    ({ heads, tails } = result);
    results.push(result);
  }
  return {
    result: { outputs: results.map(({ outputs }) => outputs), heads, tails },
    mostSlices: Math.max(...results.map(({ sliceCounts }) => Math.max(...sliceCounts))),
  };
}
