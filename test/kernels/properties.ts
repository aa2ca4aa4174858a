import fc from 'fast-check';
import {
  type LocalGatherCaseOptions,
  localGatherCases,
  type PrepareIndicesCaseOptions,
  prepareIndicesCases,
  schedules,
} from '../../src/arbitraries/index.js';
import { localGatherReference, prepareIndicesReference } from '../../src/reference/index.js';
import { allToAllCalls, protocolSchedules } from './all-to-all-calls.js';
import { expectSame } from './expect-same.js';
import type { Kernels } from './kernels.js';
import { allToAllReferenceOfCalls, runAllToAll } from './run-all-to-all.js';
import { runLocalGather } from './run-local-gather.js';
import { runPrepareIndices } from './run-prepare-indices.js';

/** Index preparation gives what the reference gives, under every schedule. */
export const prepareIndicesProperty = (kernels: Kernels, options: PrepareIndicesCaseOptions) =>
  fc.property(prepareIndicesCases(options), schedules({ maxResident: 4 }), (input, schedule) => {
    expectSame(runPrepareIndices(kernels, input, schedule), prepareIndicesReference(input));
  });

/** Local gather gives what the reference gives, under every schedule. */
export const localGatherProperty = (kernels: Kernels, options: LocalGatherCaseOptions) =>
  fc.property(localGatherCases(options), schedules({ maxResident: 4 }), (input, schedule) => {
    expectSame(runLocalGather(kernels, input, schedule), localGatherReference(input));
  });

/** Consecutive all-to-alls give what the reference gives, under every schedule that the protocol is made for. */
export const allToAllProperty = (kernels: Kernels) =>
  fc.property(allToAllCalls(), protocolSchedules(), ({ block, calls }, schedule) => {
    expectSame(runAllToAll(kernels, calls, block, schedule), allToAllReferenceOfCalls(calls).result);
  });
