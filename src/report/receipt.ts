import type { Program } from '../program/index.js';
import type { Schedule } from '../simt/index.js';
import {
  ASSUMED,
  type FidelityEntry,
  type KernelFeature,
  MODELLED,
  type ModelledEntry,
  NOT_MODELLED,
} from './fidelity.js';

/** What a run's result rests on. */
export interface FidelityReceipt {
  /** What the run's kernels use of what is modelled, and what they do not. */
  readonly modelled: readonly FidelityEntry[];
  readonly unused: readonly FidelityEntry[];
  /** `droppedBy`: what of the schedule drops the assumption; null: the result may depend on it. */
  readonly assumed: readonly (FidelityEntry & { readonly droppedBy: string | null })[];
  readonly notModelled: readonly FidelityEntry[];
}

/** The receipt of a run. `programs`: its kernels'; null: they are not compiled, and all that is modelled is listed. */
export function receiptOf(schedule: Schedule, programs: readonly Program[] | null): FidelityReceipt {
  const features = programs === null ? null : featuresOf(programs);
  const isUsed = ({ isIn }: ModelledEntry): boolean => features === null || isIn === undefined || isIn(features);
  return {
    modelled: MODELLED.filter(isUsed).map(plain),
    unused: MODELLED.filter((entry) => !isUsed(entry)).map(plain),
    assumed: ASSUMED.map(({ name, text, droppedBy }) => ({ name, text, droppedBy: droppedBy?.(schedule) ?? null })),
    notModelled: NOT_MODELLED,
  };
}

const plain = ({ name, text }: FidelityEntry): FidelityEntry => ({ name, text });

const LIBRARY: Readonly<Record<string, KernelFeature>> = { BlockScan: 'block scan', Tile: 'tiles' };
const BY_OPERATION: Readonly<Record<string, KernelFeature>> = {
  collective: 'warp operations',
  barrier: 'barriers',
  atomic: 'atomics',
  shared: 'shared memory',
};

/** What the programs have instructions of, whether or not a run comes to them. */
function featuresOf(programs: readonly Program[]): ReadonlySet<KernelFeature> {
  const found = new Set<KernelFeature>();
  for (const { blocks, frames } of programs) {
    for (const { instructions } of blocks) {
      for (const { op } of instructions) {
        const feature = BY_OPERATION[op];
        if (feature !== undefined) found.add(feature);
      }
    }
    for (const { functionName, isLibrary } of frames) {
      const feature = isLibrary ? LIBRARY[functionName.split('.')[0]!] : undefined;
      if (feature !== undefined) found.add(feature);
    }
  }
  return found;
}
