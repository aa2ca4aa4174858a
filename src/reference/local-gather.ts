import { requireCumulativeSum, requireInteger, requireLength } from './requirements.js';

/** What one rank knows when it gathers the expert ids and scales of the tokens that it receives. */
export interface LocalGatherInput {
  /** Number of ranks, 1..1024. */
  readonly epSize: number;
  /** Experts a token, 1..32. */
  readonly topK: number;
  /** Number of experts, at least topK; also the id that marks a row without a token. */
  readonly expertCount: number;
  /** i32 [epSize]: inclusive cumulative sum over sources of the number of tokens received. */
  readonly recvRankCumSum: Int32Array;
  /** i32 [rows]: the gathered row of each received token; places from the last sum on are not read. */
  readonly localGatherIndices: Int32Array;
  /** i32 [tokens, topK]: the expert ids of all ranks' tokens. */
  readonly gatheredExpertIds: Int32Array;
  /** Bits of f32 [tokens, topK]: the scales of all ranks' tokens. */
  readonly gatheredScalesBits: Int32Array;
}

/** What the gather writes: every element, so that earlier contents do not matter. */
export interface LocalGatherOutput {
  /** i32 [rows, topK]: the expert ids of the received tokens, then expertCount. */
  readonly localExpertIds: Int32Array;
  /** Bits of f32 [rows, topK]: the scales of the received tokens, then +0. */
  readonly localScalesBits: Int32Array;
}

/**
 * The local gather by its meaning: row i is the token that was received as i-th; rows beyond the received ones say
 * "no token".
 *
 * Scales are carried as bits, so that NaN payloads survive.
 * @throws RangeError if a scalar, a length or a gathered row is out of range, or more tokens are received than there
 * are rows.
 * Source: meaning of moeLocalGather, trtllm_alltoall.cuh; the checks are those of moeLocalGatherOp.
 */
export function localGatherReference(input: LocalGatherInput): LocalGatherOutput {
  const { epSize, topK, expertCount, recvRankCumSum, localGatherIndices, gatheredExpertIds, gatheredScalesBits } =
    input;
  requireInteger('epSize', epSize, 1, 1024);
  requireInteger('topK', topK, 1, 32);
  requireInteger('expertCount', expertCount, topK, 2 ** 31 - 1);
  requireCumulativeSum('recvRankCumSum', recvRankCumSum, epSize);
  const gatheredRowCount = gatheredExpertIds.length / topK;
  requireInteger('rows of gatheredExpertIds', gatheredRowCount, 0, 2 ** 31 - 1);
  requireLength('gatheredScalesBits', gatheredScalesBits, gatheredExpertIds.length);
  const rowCount = localGatherIndices.length;
  const receivedCount = recvRankCumSum[epSize - 1]!;
  requireInteger('number of received tokens', receivedCount, 0, rowCount);

  const localExpertIds = new Int32Array(rowCount * topK).fill(expertCount);
  const localScalesBits = new Int32Array(rowCount * topK);
  for (let row = 0; row < receivedCount; row++) {
    const gatheredRow = localGatherIndices[row]!;
    requireInteger(`localGatherIndices[${row}]`, gatheredRow, 0, gatheredRowCount - 1);
    const first = gatheredRow * topK;
    localExpertIds.set(gatheredExpertIds.subarray(first, first + topK), row * topK);
    localScalesBits.set(gatheredScalesBits.subarray(first, first + topK), row * topK);
  }
  return { localExpertIds, localScalesBits };
}
