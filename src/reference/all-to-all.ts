import { rankElementCount, rankStart } from './cumulative-sum.js';
import { type FifoShape, ORIGINAL_FIFO, packetsPerEntry, packetsPerVector } from './fifo-shape.js';
import { requireCumulativeSum, requireInteger, requireLength } from './requirements.js';

/** One rank's part in an all-to-all call. Buffers of different ranks, and a rank's input and output, do not overlap. */
export interface AllToAllRank {
  /**
   * u8 [rows, inputRowStrideBytes]: the vectors to send from, each in the first bytes of its row; the last row may
   * end with its vector.
   */
  readonly input: Uint8Array;
  /** Distance of two input rows, a multiple of 16 (0: one row stands for all). */
  readonly inputRowStrideBytes: number;
  /** u8 [rows, outputRowStrideBytes]: the contents before the call of the buffer to receive into. */
  readonly output: Uint8Array;
  /** Distance of two output rows, a multiple of 16 and no less than a vector. */
  readonly outputRowStrideBytes: number;
  /** i32 [epSize]: inclusive cumulative sum over destinations of the number of vectors to send. */
  readonly sendRankCumSum: Int32Array;
  /** i32, at least as many as the last sum: the input row of each vector to send, sorted by destination. */
  readonly sendIndices: Int32Array;
  /** i32 [epSize]: inclusive cumulative sum over sources of the number of vectors to receive. */
  readonly recvRankCumSum: Int32Array;
  /** i32, at least as many as the last sum: the output row of each vector to receive, sorted by source. */
  readonly recvIndices: Int32Array;
}

/** An all-to-all call of all ranks at once. */
export interface AllToAllInput {
  /** Number of ranks, 1..1024. */
  readonly epSize: number;
  /** Number of channels of every link. */
  readonly channelCount: number;
  /** Bytes of a vector, a multiple of 16. */
  readonly vectorBytes: number;
  /** By default the original's. */
  readonly fifo?: FifoShape;
  /** One element a rank. */
  readonly ranks: readonly AllToAllRank[];
  /** u64 [epSize, epSize, channelCount], see `linkChannelIndex`: slices sent before the call; by default 0. */
  readonly heads?: BigUint64Array;
  /** u64 as `heads`: slices received before the call; by default 0. */
  readonly tails?: BigUint64Array;
}

/** An output row, by its rank and its number. */
export interface OutputRow {
  readonly rank: number;
  readonly row: number;
}

/** What an all-to-all call leaves behind. */
export interface AllToAllCompletion {
  readonly kind: 'completes';
  /** One element a rank: the output's bytes after the call; bytes that belong to no received vector are as before. */
  readonly outputs: readonly Uint8Array[];
  /** i32 [epSize, epSize, channelCount], see `linkChannelIndex`: the slices sent by the call. */
  readonly sliceCounts: Int32Array;
  /** u64 as `sliceCounts`: slices sent up to the end of the call. */
  readonly heads: BigUint64Array;
  /**
   * u64 as `sliceCounts`: slices received up to the end of the call; equal to `heads` wherever the call sent a slice.
   */
  readonly tails: BigUint64Array;
  /**
   * Output rows that several vectors were put into: which of them a byte comes from is up to the schedule. Sorted, no
   * duplicates.
   */
  readonly ambiguousRows: readonly OutputRow[];
}

/**
 * Why a call has no defined result:
 * - `counts-differ`: a link's sender and receiver disagree on the number of vectors (a call that sends a little too
 *   much ends nevertheless, and leaves a workspace that spoils the next);
 * - `vector-exceeds-entry`: a vector that is to be sent has more packets than a FIFO entry;
 * - `counters-differ`: the FIFO of a channel that is to be used is not empty before the call;
 * - `counters-wrap`: the counters of a channel would come within a FIFO's depth of 2^64.
 */
export type AllToAllRefusalReason = 'counts-differ' | 'vector-exceeds-entry' | 'counters-differ' | 'counters-wrap';

/** A call that breaks the contract between ranks, by the first link (in order of sender, then receiver) that does. */
export interface AllToAllRefusal {
  readonly kind: 'does-not-complete';
  readonly reason: AllToAllRefusalReason;
  readonly sender: number;
  readonly receiver: number;
  /** One sentence with the numbers that do not fit. */
  readonly explanation: string;
}

/**
 * The place of a link's channel in arrays of the shape [epSize, epSize, channelCount].
 *
 * Domain: `sender` and `receiver` in 0..epSize-1, `channel` in 0..channelCount-1.
 */
export function linkChannelIndex(
  { epSize, channelCount }: { readonly epSize: number; readonly channelCount: number },
  sender: number,
  receiver: number,
  channel: number,
): number {
  return (sender * epSize + receiver) * channelCount + channel;
}

/**
 * The all-to-all by its meaning: the k-th vector from rank s to rank d is copied from the input row that the k-th
 * send index of s for d names into the output row that the k-th receive index of d for s names.
 *
 * A link's vectors are dealt to its channels in contiguous runs of ceil(count / channelCount), a channel's run is cut
 * into slices of as many vectors as fit one FIFO entry, and head and tail of the channel count slices. All ranks are
 * taken to run at the same time.
 * @throws RangeError if a scalar, a length, a stride or an index is out of range (what would be an access out of
 * bounds).
 * Source: meaning of moeAllToAll, trtllm_alltoall.cuh.
 */
export function allToAllReference(input: AllToAllInput): AllToAllCompletion | AllToAllRefusal {
  requireValidInput(input);
  const { epSize, channelCount, vectorBytes, ranks } = input;
  const linkChannelCount = epSize * epSize * channelCount;
  const sliceCounts = new Int32Array(linkChannelCount);
  const heads = input.heads?.slice() ?? new BigUint64Array(linkChannelCount);
  const tails = input.tails?.slice() ?? new BigUint64Array(linkChannelCount);
  const outputs = ranks.map(({ output }) => output.slice());
  const writeCounts = ranks.map(() => new Map<number, number>());

  for (let sender = 0; sender < epSize; sender++) {
    for (let receiver = 0; receiver < epSize; receiver++) {
      const from = ranks[sender]!;
      const to = ranks[receiver]!;
      const vectorCount = rankElementCount(from.sendRankCumSum, receiver);
      const expectedCount = rankElementCount(to.recvRankCumSum, sender);
      const refuse = (reason: AllToAllRefusalReason, explanation: string): AllToAllRefusal => ({
        kind: 'does-not-complete',
        reason,
        sender,
        receiver,
        explanation: `link ${sender} -> ${receiver}: ${explanation}`,
      });
      if (vectorCount !== expectedCount) {
        return refuse('counts-differ', `${vectorCount} vectors to send, ${expectedCount} to receive`);
      }
      if (vectorCount === 0) continue;

      const fifo = input.fifo ?? ORIGINAL_FIFO;
      const vectorsPerSlice = Math.floor(packetsPerEntry(fifo) / packetsPerVector(vectorBytes, fifo));
      if (vectorsPerSlice === 0) {
        const packets = packetsPerVector(vectorBytes, fifo);
        return refuse(
          'vector-exceeds-entry',
          `a vector of ${packets} packets, an entry holds ${packetsPerEntry(fifo)}`,
        );
      }

      const vectorsPerChannel = Math.ceil(vectorCount / channelCount);
      for (let channel = 0; channel < channelCount; channel++) {
        const left = Math.max(0, vectorCount - channel * vectorsPerChannel);
        const slices = Math.ceil(Math.min(vectorsPerChannel, left) / vectorsPerSlice);
        if (slices === 0) continue;
        const index = linkChannelIndex(input, sender, receiver, channel);
        const head = heads[index]!;
        const tail = tails[index]!;
        if (head !== tail) return refuse('counters-differ', `channel ${channel} has head ${head}, tail ${tail}`);
        if (head + BigInt(slices) + BigInt(fifo.depth) >= 2n ** 64n) {
          return refuse('counters-wrap', `channel ${channel} has head ${head}, ${slices} slices to send`);
        }
        sliceCounts[index] = slices;
        heads[index] = head + BigInt(slices);
        tails[index] = tail + BigInt(slices);
      }

      for (let vector = 0; vector < vectorCount; vector++) {
        const inputRow = from.sendIndices[rankStart(from.sendRankCumSum, receiver) + vector]!;
        const outputRow = to.recvIndices[rankStart(to.recvRankCumSum, sender) + vector]!;
        const first = inputRow * from.inputRowStrideBytes;
        outputs[receiver]!.set(from.input.subarray(first, first + vectorBytes), outputRow * to.outputRowStrideBytes);
        writeCounts[receiver]!.set(outputRow, (writeCounts[receiver]!.get(outputRow) ?? 0) + 1);
      }
    }
  }

  const ambiguousRows = writeCounts.flatMap((counts, rank) =>
    [...counts]
      .filter(([, writes]) => writes > 1)
      .map(([row]) => ({ rank, row }))
      .sort((a, b) => a.row - b.row),
  );
  return { kind: 'completes', outputs, sliceCounts, heads, tails, ambiguousRows };
}

function requireValidInput({ epSize, channelCount, vectorBytes, fifo, ranks, heads, tails }: AllToAllInput): void {
  requireInteger('epSize', epSize, 1, 1024);
  requireInteger('channelCount', channelCount, 1, 2 ** 31 - 1);
  requireInteger('packets of an entry', packetsPerEntry(fifo ?? ORIGINAL_FIFO), 1, 2 ** 31 - 1);
  packetsPerVector(vectorBytes, fifo ?? ORIGINAL_FIFO);
  requireLength('ranks', ranks, epSize);
  if (heads) requireLength('heads', heads, epSize * epSize * channelCount);
  if (tails) requireLength('tails', tails, epSize * epSize * channelCount);
  ranks.forEach((rank, number) => {
    const { input, inputRowStrideBytes, output, outputRowStrideBytes } = rank;
    const side = `ranks[${number}]`;
    requireInteger(`${side}.inputRowStrideBytes / 16`, inputRowStrideBytes / 16, 0, 2 ** 27 - 1);
    requireInteger(`${side}.outputRowStrideBytes / 16`, outputRowStrideBytes / 16, vectorBytes / 16, 2 ** 27 - 1);
    requireCumulativeSum(`${side}.sendRankCumSum`, rank.sendRankCumSum, epSize);
    requireCumulativeSum(`${side}.recvRankCumSum`, rank.recvRankCumSum, epSize);
    const sent = rank.sendRankCumSum[epSize - 1]!;
    const received = rank.recvRankCumSum[epSize - 1]!;
    requireRows(`${side}.sendIndices`, rank.sendIndices, sent, input, inputRowStrideBytes, vectorBytes);
    requireRows(`${side}.recvIndices`, rank.recvIndices, received, output, outputRowStrideBytes, vectorBytes);
  });
}

function requireRows(
  name: string,
  indices: Int32Array,
  count: number,
  buffer: Uint8Array,
  rowStrideBytes: number,
  vectorBytes: number,
): void {
  requireInteger(`${name}.length`, indices.length, count, 2 ** 31 - 1);
  for (let position = 0; position < count; position++) {
    const row = indices[position]!;
    if (row < 0 || row * rowStrideBytes + vectorBytes > buffer.length) {
      throw new RangeError(`${name}[${position}] must name a row within ${buffer.length} bytes, is ${row}`);
    }
  }
}
