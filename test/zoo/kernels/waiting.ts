import { type DeviceFunction, divI32, type Pointer, type Thread } from '../../../src/simt/index.js';

/** Polls until a word is at least `least`; what was written before its release is then visible. */
export function* waitUntilAtLeast(t: Thread, words: Pointer<'u32'>, index: number, least: number): DeviceFunction {
  while ((yield* t.loadAcquire('system', words, index)) < least) {
    // Not yet.
  }
}

// An mbarrier is a shared word that counts arrivals. Its phase is the count divided by the arrivals of a phase.

/** `mbarrier.arrive.release.cta`. */
export function* arrive(t: Thread, barriers: Pointer<'u32'>, index: number): DeviceFunction {
  yield* t.threadfenceBlock();
  yield* t.atomicAddBlock(barriers, index, 1);
}

/** `mbarrier.try_wait.parity.acquire.cta` in a loop: until the phase that goes on is not of this parity. */
export function* waitParity(
  t: Thread,
  barriers: Pointer<'u32'>,
  index: number,
  expected: number,
  parity: number,
): DeviceFunction {
  while ((divI32((yield* t.loadRelaxed('block', barriers, index)) | 0, expected) & 1) === parity) {
    // The phase is not complete, or the next one is, too.
  }
  yield* t.threadfenceBlock();
}

/** Zeroes the first words of shared memory, for all threads of the block. */
export function* zeroShared(t: Thread, words: Pointer<'u32'>, count: number): DeviceFunction {
  for (let index = t.threadIdx.x; index < count; index += t.blockDim.x) words.store(index, 0);
  yield* t.syncthreads();
}
