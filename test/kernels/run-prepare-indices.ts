import { createMachine } from '../../src/modes/index.js';
import type { PrepareIndicesInput, PrepareIndicesOutput } from '../../src/reference/index.js';
import type { EngineMode } from '../../src/simt/index.js';
import { i32At, type Kernels, runToEnd, TEST_LIMITS } from './kernels.js';

/** Runs an index preparation on a machine of its own. @throws Error unless it ends. */
export function runPrepareIndices(
  kernels: Kernels,
  input: PrepareIndicesInput,
  schedule: string,
  mode: EngineMode = 'fast',
): PrepareIndicesOutput {
  const machine = createMachine({ schedule, mode, limits: TEST_LIMITS });
  const { memory } = machine;
  const { epSize, epRank, topK, maxTokenCountPerRank, gatheredTargetRankIds, realRankTokenCountCumSum } = input;
  const perRank = maxTokenCountPerRank * epSize;
  const perTarget = maxTokenCountPerRank * Math.max(epSize, topK);
  const localGatherIndices = memory.allocate('local gather indices', 'i32', perRank);
  const sendRankCountCumSum = memory.allocate('send sums', 'i32', epSize);
  const sendRankLocalIndices = memory.allocate('send indices', 'i32', perTarget);
  const recvRankCountCumSum = memory.allocate('receive sums', 'i32', epSize);
  const recvRankLocalIndices = memory.allocate('receive indices', 'i32', perRank);
  const backwardRecvRankLocalIndices = memory.allocate('backward indices', 'i32', perTarget);
  kernels.moeAllToAllPrepareIndices(
    {
      worldInfo: { epSize, epRank },
      expertParallelInfo: { expertCount: epSize, topK },
      maxTokenCountPerRank,
      gatheredTargetRankIds: memory.upload('target rank ids', 'i32', gatheredTargetRankIds),
      realRankTokenCountCumSum:
        realRankTokenCountCumSum && memory.upload('real token counts', 'i32', realRankTokenCountCumSum),
      localGatherIndices,
      sendRankCountCumSum,
      sendRankLocalIndices,
      recvRankCountCumSum,
      recvRankLocalIndices,
      backwardRecvRankLocalIndices,
    },
    machine.stream(epRank),
  );
  runToEnd(machine);
  return {
    localGatherIndices: i32At(memory, localGatherIndices),
    sendRankCountCumSum: i32At(memory, sendRankCountCumSum),
    sendRankLocalIndices: i32At(memory, sendRankLocalIndices),
    recvRankCountCumSum: i32At(memory, recvRankCountCumSum),
    recvRankLocalIndices: i32At(memory, recvRankLocalIndices),
    backwardRecvRankLocalIndices: i32At(memory, backwardRecvRankLocalIndices),
  };
}
