import { CaptureError, type MoeCommCapture, type WorkspacePages } from '../capture/index.js';
import {
  allToAllConstants,
  describeWorkspaceByte,
  MoeCommHost,
  moeAllToAll,
  vectorWordAt,
  type WorkspaceShape,
} from '../kernels/index.js';
import { createMachine } from '../modes/index.js';
import { type Allocation, PAGE_BYTES, type Stream } from '../simt/index.js';
import { type Call, type CallOptions, type ExpectedBytes, expectOutput } from './call.js';

const SIZEOF_U64 = 8;
const ZERO_PAGE = new Uint8Array(PAGE_BYTES);

/** How a call is set up, other than as it was recorded. */
export interface MoeCommSetUp {
  /** As many SMs are usable as that takes. */
  readonly channelCount?: number;
  /** Entries of a FIFO. */
  readonly fifoDepth?: number;
  /** Ranks in the order in which they are launched; default: the recorded ones in order. */
  readonly launchOrder?: readonly number[];
  /** Streams that the launches take in turn; default: one, or one for each, as recorded. */
  readonly streamCount?: number;
}

/**
 * Sets up a call of `moe_comm`: every rank a device of its own with a stream of its own, or all launches on one stream.
 * `file` names the capture in messages.
 * @throws HostCheckError as the host code's checks do; CaptureError if the channel count is not what the host code computes.
 */
export function setUpMoeComm(
  capture: MoeCommCapture,
  options: CallOptions,
  file: string,
  { channelCount: otherChannelCount, fifoDepth, launchOrder, streamCount }: MoeCommSetUp = {},
): Call {
  const { args, ranks } = capture;
  const { epSize, vectorBytes } = args;
  const channelCount = otherChannelCount ?? args.channelCount;
  const depth = fifoDepth === undefined ? {} : { RECV_FIFO_DEPTH: fifoDepth };
  const usableSms =
    otherChannelCount === undefined
      ? args.maxUsableSmCount
      : otherChannelCount * 4 * Math.ceil(epSize / allToAllConstants(depth).GROUP_COUNT_PER_BLOCK);
  const host = new MoeCommHost({
    multiProcessorCount: Math.max(Number(capture.provenance.smCount ?? 0) || 0, usableSms),
    shape: depth,
  });
  host.setMaxUsableSmCount(usableSms);
  const computed = host.getMoeCommChannelCount(epSize);
  if (computed !== channelCount) {
    throw new CaptureError(
      file,
      null,
      `args.channel_count is ${channelCount}, but ${usableSms} usable SMs and ${epSize} ranks give ${computed} channels`,
    );
  }
  const workspaceSize = Number(host.getMoeCommWorkspaceSize(epSize));
  const isLaidOutAnew = otherChannelCount !== undefined || fifoDepth !== undefined;
  const rankStrideBytes = isLaidOutAnew
    ? Math.max(args.rankStrideBytes, Math.ceil(workspaceSize / PAGE_BYTES) * PAGE_BYTES)
    : args.rankStrideBytes;

  const machine = createMachine(options);
  const { memory } = machine;
  const workspaceBytes = Math.min(usedWorkspaceBytes(capture, workspaceSize), rankStrideBytes);
  const workspacePtr = memory.allocateSymmetric('workspace', 'u64', {
    ranks: epSize,
    bytesPerRank: workspaceBytes,
    strideBytes: rankStrideBytes,
    zeroed: true,
  });
  const workspaces = ranks.map((_, rank) => memory.allocationAt(workspacePtr.address + rank * rankStrideBytes));
  const outputs = ranks.map((rank, r) => memory.upload(`output of rank ${r}`, 'u64', rank.inputs.output));
  const inputs = ranks.map((rank, r) => memory.upload(`input of rank ${r}`, 'u64', rank.inputs.input));
  ranks.forEach((rank, r) => {
    writePages(workspaces[r]!, rank.inputs.workspacePages);
  });

  const order = launchOrder ?? [...args.launchedRanks].sort((a, b) => a - b);
  const streams: Stream[] = [];
  for (const [at, r] of order.entries()) {
    const stream =
      streams[at % (streamCount ?? (args.oneStream ? 1 : order.length))] ?? machine.stream(args.oneStream ? 0 : r);
    if (!streams.includes(stream)) streams.push(stream);
    const rank = ranks[r]!.inputs;
    moeAllToAll(
      host,
      {
        worldInfo: { epSize, epRank: r },
        vectorSizeInU64: vectorBytes / SIZEOF_U64,
        sendDispls: {
          dataPtr: inputs[r]!,
          rankCountCumSum: memory.upload(`send_rank_cum_sum of rank ${r}`, 'i32', rank.sendRankCumSum),
          rankLocalIndices: memory.upload(`send_indices of rank ${r}`, 'i32', rank.sendIndices),
          vectorStrideInU64: args.inputRowStrideBytes / SIZEOF_U64,
        },
        recvDispls: {
          dataPtr: outputs[r]!,
          rankCountCumSum: memory.upload(`recv_rank_cum_sum of rank ${r}`, 'i32', rank.recvRankCumSum),
          rankLocalIndices: memory.upload(`recv_indices of rank ${r}`, 'i32', rank.recvIndices),
          vectorStrideInU64: args.outputRowStrideBytes / SIZEOF_U64,
        },
        workspace: { workspacePtr, rankStrideInU64: BigInt(rankStrideBytes / SIZEOF_U64) },
      },
      stream,
      r,
    );
  }

  const shape: WorkspaceShape = {
    constants: host.constants,
    epSize,
    channelCount,
    packetsPerVector: Math.ceil(vectorBytes / host.constants.DATA_PAYLOAD_SIZE_PER_PACKET),
  };
  return {
    machine,
    *expected(): Generator<ExpectedBytes> {
      for (let r = 0; r < epSize; r++) {
        const recorded = ranks[r]!.outputs;
        if (recorded === null) throw new RangeError('the capture has no outputs to compare with');
        yield expectOutput(r, outputs[r]!.allocation, recorded.output, args.outputRowStrideBytes);
        yield* expectWorkspace(r, workspaces[r]!, recorded.workspacePages, shape, vectorBytes / SIZEOF_U64);
      }
    },
    withOutputs: () => ({
      ...capture,
      ranks: ranks.map((rank, r) => ({
        inputs: rank.inputs,
        outputs: {
          output: memory.download(outputs[r]!, rank.inputs.output.length / SIZEOF_U64, { allowUndefined: true }),
          workspacePages: collectPages(workspaces[r]!, rank.inputs.workspacePages.pageBytes),
        },
      })),
    }),
  };
}

/** A rank's part of the workspace is as large as the host code says, or as the captured pages say. */
function usedWorkspaceBytes({ ranks }: MoeCommCapture, computed: number): number {
  let bytes = computed;
  for (const { inputs, outputs } of ranks) {
    for (const { pages, pageBytes } of outputs === null
      ? [inputs.workspacePages]
      : [inputs.workspacePages, outputs.workspacePages]) {
      bytes = Math.max(bytes, ((pages[pages.length - 1] ?? -1) + 1) * pageBytes);
    }
  }
  return bytes;
}

function writePages(allocation: Allocation, { pages, pageBytes, data }: WorkspacePages): void {
  pages.forEach((page, index) => {
    const offset = page * pageBytes;
    const bytes = Math.min(pageBytes, allocation.bytes - offset);
    allocation.hostWrite(offset, data.subarray(index * pageBytes, index * pageBytes + bytes));
  });
}

/** The pages of `pageBytes` that are not all zero. */
function collectPages(allocation: Allocation, pageBytes: number): WorkspacePages {
  const touched = new Set<number>();
  for (const page of allocation.writtenPages()) {
    const end = Math.min((page + 1) * PAGE_BYTES, allocation.bytes);
    for (let own = Math.floor((page * PAGE_BYTES) / pageBytes); own * pageBytes < end; own++) touched.add(own);
  }
  const bytesOfPage = (page: number): Uint8Array =>
    allocation.u8.subarray(page * pageBytes, Math.min((page + 1) * pageBytes, allocation.bytes));
  const pages = [...touched].sort((a, b) => a - b).filter((page) => bytesOfPage(page).some((byte) => byte !== 0));
  const data = new Uint8Array(pages.length * pageBytes);
  pages.forEach((page, index) => {
    data.set(bytesOfPage(page), index * pageBytes);
  });
  return { pageBytes, pages, data };
}

/** Pages that the capture lists or that were written here; all others are zero on both sides. */
function* expectWorkspace(
  rank: number,
  allocation: Allocation,
  recorded: WorkspacePages,
  shape: WorkspaceShape,
  vectorSizeInU64: number,
): Generator<ExpectedBytes> {
  const recordedPages = splitPages(recorded);
  const pages = [...new Set([...recordedPages.keys(), ...allocation.writtenPages()])].sort((a, b) => a - b);
  for (const page of pages) {
    const offsetBytes = page * PAGE_BYTES;
    const bytes = (recordedPages.get(page) ?? ZERO_PAGE).subarray(0, allocation.bytes - offsetBytes);
    yield {
      tensor: `r${rank}/out/workspace`,
      allocation,
      offsetBytes,
      bytes,
      locate: (offset) => describeWorkspaceByte(shape, rank, offset),
      mayBeUndefined: (offset) => (vectorWordAt(shape, offset) ?? -1) >= vectorSizeInU64,
    };
  }
}

/** The capture's pages by number, as pages of the machine's size. */
function splitPages({ pages, pageBytes, data }: WorkspacePages): Map<number, Uint8Array> {
  const result = new Map<number, Uint8Array>();
  pages.forEach((page, index) => {
    const bytes = data.subarray(index * pageBytes, (index + 1) * pageBytes);
    if (pageBytes === PAGE_BYTES) {
      result.set(page, bytes);
      return;
    }
    for (let at = 0; at < pageBytes; ) {
      const address = page * pageBytes + at;
      const own = Math.floor(address / PAGE_BYTES);
      const count = Math.min(pageBytes - at, (own + 1) * PAGE_BYTES - address);
      const target = result.get(own) ?? new Uint8Array(PAGE_BYTES);
      target.set(bytes.subarray(at, at + count), address % PAGE_BYTES);
      result.set(own, target);
      at += count;
    }
  });
  return result;
}
