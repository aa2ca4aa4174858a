import fc from 'fast-check';
import {
  type LocalGatherCaseOptions,
  localGatherCases,
  type PrepareIndicesCaseOptions,
  prepareIndicesCases,
  schedules,
} from '../../src/arbitraries/index.js';
import { localGatherReference, prepareIndicesReference } from '../../src/reference/index.js';
import type { EngineMode } from '../../src/simt/index.js';
import { allToAllCalls, protocolSchedules } from './all-to-all-calls.js';
import { expectSame } from './expect-same.js';
import type { Kernels } from './kernels.js';
import { allToAllReferenceOfCalls, runAllToAll } from './run-all-to-all.js';
import { runLocalGather } from './run-local-gather.js';
import { runPrepareIndices } from './run-prepare-indices.js';

/** The modes that a case runs in: always `fast`, where the schedule is for whole warps, and now and then another. */
const engineModes = (): fc.Arbitrary<readonly EngineMode[]> =>
  fc.constantFrom<readonly EngineMode[]>(['fast'], ['fast', 'step'], ['fast'], ['fast', 'step'], ['fast', 'ref']);

/** Index preparation gives what the reference gives, under every schedule. */
export const prepareIndicesProperty = (kernels: Kernels, options: PrepareIndicesCaseOptions) =>
  fc.property(prepareIndicesCases(options), schedules({ maxResident: 4 }), engineModes(), (input, schedule, modes) => {
    const expected = prepareIndicesReference(input);
    for (const mode of modes) expectSame(runPrepareIndices(kernels, input, schedule, mode), expected);
  });

/** Local gather gives what the reference gives, under every schedule. */
export const localGatherProperty = (kernels: Kernels, options: LocalGatherCaseOptions) =>
  fc.property(localGatherCases(options), schedules({ maxResident: 4 }), engineModes(), (input, schedule, modes) => {
    const expected = localGatherReference(input);
    for (const mode of modes) expectSame(runLocalGather(kernels, input, schedule, mode), expected);
  });

/** Consecutive all-to-alls give what the reference gives, under every schedule that the protocol is made for. */
export const allToAllProperty = (kernels: Kernels) =>
  fc.property(allToAllCalls(), protocolSchedules(), engineModes(), ({ block, calls }, schedule, modes) => {
    const { result } = allToAllReferenceOfCalls(calls);
    for (const mode of modes) expectSame(runAllToAll(kernels, calls, block, schedule, mode), result);
  });
