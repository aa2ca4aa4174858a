import type { LocalGatherCapture } from '../capture/index.js';
import { moeLocalGather } from '../kernels/index.js';
import { createMachine } from '../modes/index.js';
import type { Pointer } from '../simt/index.js';
import { bytesOf, type Call, type CallOptions, type ExpectedBytes, i32Of } from './call.js';

/** Sets up a call of `moe_local_gather`. @throws HostCheckError as the host code's checks do. */
export function setUpLocalGather(capture: LocalGatherCapture, options: CallOptions): Call {
  const machine = createMachine(options);
  const { memory } = machine;
  const { args, inputs } = capture;
  const { epSize, epRank, topK, expertCount, maxTokenCountPerRank } = args;
  const localMaxTokenCount = inputs.localGatherIndices.length;
  const localExpertIds = memory.upload('local_expert_ids', 'i32', inputs.localExpertIds);
  const localScales = memory.upload('local_scales', 'f32', inputs.localScalesBits);
  moeLocalGather(
    {
      worldInfo: { epSize, epRank },
      expertParallelInfo: { expertCount, topK },
      maxTokenCountPerRank,
      localMaxTokenCount,
      recvRankCountCumSum: memory.upload('recv_rank_cum_sum', 'i32', inputs.recvRankCumSum),
      localGatherIndices: memory.upload('local_gather_indices', 'i32', inputs.localGatherIndices),
      gatheredExpertIds: memory.upload('gathered_expert_ids', 'i32', inputs.gatheredExpertIds),
      gatheredScales: memory.upload('gathered_scales', 'f32', inputs.gatheredScalesBits),
      localExpertIds,
      localScales,
    },
    machine.stream(epRank),
  );
  const count = localMaxTokenCount * topK;
  return {
    machine,
    *expected(): Generator<ExpectedBytes> {
      if (capture.outputs === null) throw new RangeError('the capture has no outputs to compare with');
      yield expectRows('local_expert_ids', localExpertIds, capture.outputs.localExpertIds, topK);
      yield expectRows('local_scales', localScales, capture.outputs.localScalesBits, topK);
    },
    withOutputs: () => ({
      ...capture,
      outputs: {
        localExpertIds: i32Of(memory.download(localExpertIds, count, { allowUndefined: true })),
        localScalesBits: i32Of(memory.download(localScales, count, { allowUndefined: true })),
      },
    }),
  };
}

function expectRows(tensor: string, pointer: Pointer, expected: Int32Array, topK: number): ExpectedBytes {
  return {
    tensor: `out/${tensor}`,
    allocation: pointer.allocation,
    offsetBytes: 0,
    bytes: bytesOf(expected),
    locate(offsetBytes) {
      const element = Math.floor(offsetBytes / 4);
      return `row ${Math.floor(element / topK)}, column ${element % topK}, byte ${offsetBytes % 4} of it`;
    },
  };
}
