import { cumulativeSumOf, rankElementCount, rankStart } from './cumulative-sum.js';
import { requireCumulativeSum, requireInteger, requireLength } from './requirements.js';

/** What one rank knows when it prepares the indices of an all-to-all. */
export interface PrepareIndicesInput {
  /** Number of ranks, 1..1024. */
  readonly epSize: number;
  /** The rank that prepares, 0..epSize-1. */
  readonly epRank: number;
  /** Target ids a token, 1..32. */
  readonly topK: number;
  /** The most tokens that one rank can have, at least 1. */
  readonly maxTokenCountPerRank: number;
  /**
   * i32 [tokens, topK]: the ranks each token of each rank goes to, rank after rank. An id outside 0..epSize-1 means
   * no rank. Without real counts there are epSize * maxTokenCountPerRank tokens, with them at least as many as the
   * last sum.
   */
  readonly gatheredTargetRankIds: Int32Array;
  /** i32 [epSize]: tokens of rank r are rows [sum[r-1], sum[r]); null: every rank has maxTokenCountPerRank tokens. */
  readonly realRankTokenCountCumSum: Int32Array | null;
}

/** The six arrays that the preparation writes, at full length; places that nothing is written to hold -1. */
export interface PrepareIndicesOutput {
  /**
   * i32 [maxTokenCountPerRank * epSize]: for each received vector the gathered row (of all ranks' tokens) of its
   * token.
   */
  readonly localGatherIndices: Int32Array;
  /** i32 [epSize]: inclusive cumulative sum over destinations of the number of tokens to send. */
  readonly sendRankCountCumSum: Int32Array;
  /** i32 [maxTokenCountPerRank * max(epSize, topK)]: for each vector to send this rank's token number. */
  readonly sendRankLocalIndices: Int32Array;
  /** i32 [epSize]: inclusive cumulative sum over sources of the number of tokens to receive. */
  readonly recvRankCountCumSum: Int32Array;
  /** i32 [maxTokenCountPerRank * epSize]: for each vector to receive the row it is put into: its own number. */
  readonly recvRankLocalIndices: Int32Array;
  /**
   * i32 as sendRankLocalIndices: for each vector to send token * topK + k, k the first place that names its
   * destination.
   */
  readonly backwardRecvRankLocalIndices: Int32Array;
}

/**
 * The index preparation by its meaning: a token of rank s goes to rank d once if d is among the token's target ids.
 *
 * Order: what a rank sends is sorted by destination, then token; what it receives by source, then token.
 * @throws RangeError if a scalar or a length is out of range, or a real count is above maxTokenCountPerRank.
 * Source: meaning of moeAllToAllPrepareIndices, trtllm_alltoall.cuh; the checks are those of moeCommPrepareIndicesOp.
 */
export function prepareIndicesReference(input: PrepareIndicesInput): PrepareIndicesOutput {
  requireValidInput(input);
  const { epSize, epRank, topK, maxTokenCountPerRank } = input;
  const ranks = Array.from({ length: epSize }, (_, rank) => rank);

  const ownTokens = tokensOfRank(input, epRank);
  const toSend = ranks.map((destination) =>
    ownTokens.flatMap(({ token, targets }) => {
      const firstPlace = targets.indexOf(destination);
      return firstPlace < 0 ? [] : [{ token, firstPlace }];
    }),
  );
  const toReceive = ranks.map((source) =>
    tokensOfRank(input, source).filter(({ targets }) => targets.includes(epRank)),
  );

  const maxSendCount = maxTokenCountPerRank * Math.max(epSize, topK);
  const maxReceiveCount = maxTokenCountPerRank * epSize;
  const received = toReceive.flat();
  const sent = toSend.flat();
  return {
    localGatherIndices: padded(
      maxReceiveCount,
      received.map(({ gatheredRow }) => gatheredRow),
    ),
    sendRankCountCumSum: cumulativeSumOf(toSend.map(({ length }) => length)),
    sendRankLocalIndices: padded(
      maxSendCount,
      sent.map(({ token }) => token),
    ),
    recvRankCountCumSum: cumulativeSumOf(toReceive.map(({ length }) => length)),
    recvRankLocalIndices: padded(
      maxReceiveCount,
      received.map((_, index) => index),
    ),
    backwardRecvRankLocalIndices: padded(
      maxSendCount,
      sent.map(({ token, firstPlace }) => token * topK + firstPlace),
    ),
  };
}

interface RoutedToken {
  /** The token's number within its rank. */
  readonly token: number;
  /** The token's row in the gathered table. */
  readonly gatheredRow: number;
  /** i32 [topK]: its target ids. */
  readonly targets: Int32Array;
}

function tokensOfRank(input: PrepareIndicesInput, rank: number): readonly RoutedToken[] {
  const { topK, maxTokenCountPerRank, gatheredTargetRankIds, realRankTokenCountCumSum } = input;
  const start = realRankTokenCountCumSum ? rankStart(realRankTokenCountCumSum, rank) : rank * maxTokenCountPerRank;
  const count = realRankTokenCountCumSum ? rankElementCount(realRankTokenCountCumSum, rank) : maxTokenCountPerRank;
  return Array.from({ length: count }, (_, token) => {
    const gatheredRow = start + token;
    return {
      token,
      gatheredRow,
      targets: gatheredTargetRankIds.subarray(gatheredRow * topK, (gatheredRow + 1) * topK),
    };
  });
}

function padded(length: number, values: readonly number[]): Int32Array {
  const array = new Int32Array(length).fill(-1);
  array.set(values);
  return array;
}

function requireValidInput(input: PrepareIndicesInput): void {
  const { epSize, epRank, topK, maxTokenCountPerRank, gatheredTargetRankIds, realRankTokenCountCumSum } = input;
  requireInteger('epSize', epSize, 1, 1024);
  requireInteger('epRank', epRank, 0, epSize - 1);
  requireInteger('topK', topK, 1, 32);
  requireInteger('maxTokenCountPerRank', maxTokenCountPerRank, 1, 2 ** 31 - 1);
  if (realRankTokenCountCumSum === null) {
    requireLength('gatheredTargetRankIds', gatheredTargetRankIds, epSize * maxTokenCountPerRank * topK);
    return;
  }
  requireCumulativeSum('realRankTokenCountCumSum', realRankTokenCountCumSum, epSize);
  for (let rank = 0; rank < epSize; rank++) {
    const count = rankElementCount(realRankTokenCountCumSum, rank);
    requireInteger(`token count of rank ${rank}`, count, 0, maxTokenCountPerRank);
  }
  const rows = gatheredTargetRankIds.length / topK;
  requireInteger('rows of gatheredTargetRankIds', rows, realRankTokenCountCumSum[epSize - 1]!, 2 ** 31 - 1);
}
