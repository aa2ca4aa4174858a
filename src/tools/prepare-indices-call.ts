import type { PrepareIndicesCapture, PrepareIndicesOutputs } from '../capture/index.js';
import { moeAllToAllPrepareIndices } from '../kernels/index.js';
import { createMachine } from '../modes/index.js';
import { type Call, type CallOptions, type ExpectedBytes, expectElements, i32Of } from './call.js';

const TENSOR_NAMES: Readonly<Record<keyof PrepareIndicesOutputs, string>> = {
  localGatherIndices: 'local_gather_indices',
  sendRankCountCumSum: 'send_rank_count_cum_sum',
  sendRankLocalIndices: 'send_rank_local_indices',
  recvRankCountCumSum: 'recv_rank_count_cum_sum',
  recvRankLocalIndices: 'recv_rank_local_indices',
  backwardRecvRankLocalIndices: 'backward_recv_rank_local_indice',
};
const OUTPUT_KEYS = Object.keys(TENSOR_NAMES) as (keyof PrepareIndicesOutputs)[];

/** Sets up a call of `moe_comm_prepare_indices`. @throws HostCheckError as the host code's checks do. */
export function setUpPrepareIndices(capture: PrepareIndicesCapture, options: CallOptions): Call {
  const machine = createMachine(options);
  const { memory } = machine;
  const { args, inputs } = capture;
  const { epSize, epRank, topK, expertCount, maxTokenCountPerRank } = args;
  const perRank = maxTokenCountPerRank * epSize;
  const perTopK = maxTokenCountPerRank * Math.max(epSize, topK);
  const lengths: Readonly<Record<keyof PrepareIndicesOutputs, number>> = {
    localGatherIndices: perRank,
    sendRankCountCumSum: epSize,
    sendRankLocalIndices: perTopK,
    recvRankCountCumSum: epSize,
    recvRankLocalIndices: perRank,
    backwardRecvRankLocalIndices: perTopK,
  };
  const cumSum = inputs.realRankTokenCountCumSum;
  const gatheredTargetRankIds = memory.upload('gathered_target_rank_ids', 'i32', inputs.gatheredTargetRankIds);
  const realRankTokenCountCumSum =
    cumSum === null ? null : memory.upload('real_rank_token_count_cum_sum', 'i32', cumSum);
  const outputs = mapOutputs((key) => memory.allocate(TENSOR_NAMES[key], 'i32', lengths[key]));
  moeAllToAllPrepareIndices(
    {
      worldInfo: { epSize, epRank },
      expertParallelInfo: { expertCount, topK },
      maxTokenCountPerRank,
      gatheredTargetRankIds,
      realRankTokenCountCumSum,
      ...outputs,
    },
    machine.stream(epRank),
  );
  return {
    machine,
    *expected(): Generator<ExpectedBytes> {
      if (capture.outputs === null) throw new RangeError('the capture has no outputs to compare with');
      for (const key of OUTPUT_KEYS)
        yield expectElements(TENSOR_NAMES[key], outputs[key].allocation, capture.outputs[key]);
    },
    withOutputs: () => ({
      ...capture,
      outputs: mapOutputs((key) => i32Of(memory.download(outputs[key], lengths[key], { allowUndefined: true }))),
    }),
  };
}

function mapOutputs<V>(value: (key: keyof PrepareIndicesOutputs) => V): Record<keyof PrepareIndicesOutputs, V> {
  return Object.fromEntries(OUTPUT_KEYS.map((key) => [key, value(key)])) as Record<keyof PrepareIndicesOutputs, V>;
}
