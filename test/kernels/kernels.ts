import * as kernelsIndex from '../../src/kernels/index.js';
import * as prepareIndices from '../../src/kernels/moe-all-to-all-prepare-indices.js';
import { type DeviceMemory, describeOutcome, type Machine, type Pointer } from '../../src/simt/index.js';
import type { MutantName } from './mutants.js';

/** All that `src/kernels` exports, and the steps of the index preparation: the ports, or the ports with a planted bug. */
export type Kernels = typeof kernelsIndex & typeof prepareIndices;

/** The ports as they are. */
export const kernels: Kernels = { ...kernelsIndex, ...prepareIndices };

/** The ports with one planted bug, on the same machine as everybody else's: `src/simt` is not loaded anew. */
export async function loadMutant(name: MutantName): Promise<Kernels> {
  // Served by `mutant-plugin.ts`.
  const query = `?mutant=${encodeURIComponent(name)}`;
  return {
    ...(await import(/* @vite-ignore */ `../../src/kernels/index.js${query}`)),
    ...(await import(/* @vite-ignore */ `../../src/kernels/moe-all-to-all-prepare-indices.js${query}`)),
  };
}

/** Limits under which a planted hang ends soon, far above what the cases here need. */
export const TEST_LIMITS = { maxSteps: 2_000_000, maxIdleSteps: 60_000 };

/** @throws Error with the outcome in words unless all that is queued ends. */
export function runToEnd(machine: Machine): void {
  const outcome = machine.run();
  if (outcome.verdict !== 'completes') throw new Error(describeOutcome(outcome, machine.limits));
}

/** All i32 of the allocation that `pointer` begins. @throws Error unless every byte is defined. */
export function i32At(memory: DeviceMemory, pointer: Pointer<'i32' | 'f32'>): Int32Array {
  const { allocation } = pointer;
  const undefinedBytes = allocation.countUndefined(0, allocation.bytes);
  if (undefinedBytes > 0) throw new Error(`${undefinedBytes} bytes of '${allocation.name}' were never defined`);
  return new Int32Array(memory.download(pointer, allocation.bytes / 4).buffer);
}
