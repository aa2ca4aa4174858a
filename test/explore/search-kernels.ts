import { FULL_MASK, type KernelBody, type Pointer, type Thread } from '../../src/simt/index.js';

export interface SearchArgs {
  readonly words: Pointer<'u32'>;
}

/** Each warp counts itself, and may lose what the other does in between. */
export function* lostUpdate(t: Thread, { words }: SearchArgs): KernelBody {
  if (t.laneId !== 0) return;
  for (let round = 0; round < 20; round++) yield* t.loadVolatile(words, 8 + (t.threadRank >>> 5));
  const count = yield* t.loadVolatile(words, 0);
  yield* t.storeVolatile(words, 0, count + 1);
}

export function* countedUpdate(t: Thread, { words }: SearchArgs): KernelBody {
  if (t.laneId !== 0) return;
  for (let round = 0; round < 20; round++) yield* t.loadVolatile(words, 8 + (t.threadRank >>> 5));
  yield* t.atomicAdd(words, 0, 1);
}

/** Locks are taken in two orders. */
export function* lockInversion(t: Thread, { words }: SearchArgs): KernelBody {
  if (t.laneId !== 0) return;
  const first = t.threadRank >>> 5;
  while ((yield* t.atomicCAS(words, first, 0, 1)) !== 0) {
    // Somebody has it.
  }
  while ((yield* t.atomicCAS(words, 1 - first, 0, 1)) !== 0) {
    // Somebody has it.
  }
  yield* t.atomicExch(words, 1 - first, 0);
  yield* t.atomicExch(words, first, 0);
}

/** The order in which warps come is what they leave. */
export function* firstComes(t: Thread, { words }: SearchArgs): KernelBody {
  if (t.laneId === 0) {
    const place = yield* t.atomicAdd(words, 0, 1);
    words.store(16 + place, t.threadRank >>> 5);
  }
  yield* t.syncwarp(FULL_MASK);
}

/** A plain store races with one that is atomic. */
export function* racesOnce(t: Thread, { words }: SearchArgs): KernelBody {
  if (t.threadRank === 0) words.store(1, 1);
  if (t.threadRank === 32) yield* t.atomicAdd(words, 1, 0);
}
