import type { LocalGatherCase } from '../../src/arbitraries/index.js';
import { createMachine } from '../../src/modes/index.js';
import type { LocalGatherOutput } from '../../src/reference/index.js';
import type { EngineMode } from '../../src/simt/index.js';
import { i32At, type Kernels, runToEnd, TEST_LIMITS } from './kernels.js';

/** Runs a local gather on a machine of its own. @throws Error unless it ends and every byte of its outputs is defined. */
export function runLocalGather(
  kernels: Kernels,
  input: LocalGatherCase,
  schedule: string,
  mode: EngineMode = 'fast',
): LocalGatherOutput {
  const machine = createMachine({ schedule, mode, limits: TEST_LIMITS });
  const { memory } = machine;
  const { epSize, epRank, topK, expertCount, maxTokenCountPerRank, localGatherIndices } = input;
  const rowCount = localGatherIndices.length;
  const localExpertIds = memory.allocate('local expert ids', 'i32', rowCount * topK);
  const localScales = memory.allocate('local scales', 'f32', rowCount * topK);
  kernels.moeLocalGather(
    {
      worldInfo: { epSize, epRank },
      expertParallelInfo: { expertCount, topK },
      maxTokenCountPerRank,
      localMaxTokenCount: rowCount,
      recvRankCountCumSum: memory.upload('receive sums', 'i32', input.recvRankCumSum),
      localGatherIndices: memory.upload('local gather indices', 'i32', localGatherIndices),
      gatheredExpertIds: memory.upload('gathered expert ids', 'i32', input.gatheredExpertIds),
      gatheredScales: memory.upload('gathered scales', 'f32', input.gatheredScalesBits),
      localExpertIds,
      localScales,
    },
    machine.stream(epRank),
  );
  runToEnd(machine);
  return { localExpertIds: i32At(memory, localExpertIds), localScalesBits: i32At(memory, localScales) };
}
