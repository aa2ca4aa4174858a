import { type KernelBody, type Pointer, type Thread, u64 } from '../../src/simt/index.js';

/** Slots of a ring. */
export const DEPTH = 2;
/** u64 of a ring: head, tail, a flag for each slot, the data of each slot. */
export const RING_WORDS = 2 + 2 * DEPTH;

export interface RingArgs {
  /** A ring for each block. */
  readonly words: Pointer<'u64'>;
  readonly rounds: number;
}

/** Warp 0 of each block sends to warp 1, `rounds` times; then all meet. */
export function* ring(t: Thread, { words, rounds }: RingArgs): KernelBody {
  const warp = t.threadIdx.x >>> 5;
  const first = t.blockIdx.x * RING_WORDS;
  if (t.laneId === 0 && warp < 2) {
    for (let round = 0; round < rounds; round++) {
      const slot = first + 2 + (round % DEPTH);
      if (warp === 0) {
        while (u64((yield* t.loadVolatile(words, first + 1)) + BigInt(DEPTH)) <= BigInt(round)) {
          // Full.
        }
        yield* t.storeVolatile(words, slot + DEPTH, BigInt(round));
        yield* t.threadfence();
        yield* t.storeVolatile(words, slot, BigInt(round + 1));
        yield* t.atomicAdd(words, first, 1n);
      } else {
        while ((yield* t.loadVolatile(words, slot)) !== BigInt(round + 1)) {
          // Empty.
        }
        yield* t.loadVolatile(words, slot + DEPTH);
        yield* t.atomicAdd(words, first + 1, 1n);
      }
    }
  }
  yield* t.syncwarp();
  yield* t.syncthreads();
}

export interface LockArgs {
  /** The lock, and what it guards. */
  readonly words: Pointer<'u32'>;
  readonly rounds: number;
}

/** Each warp takes the lock `rounds` times, and counts. */
export function* lock(t: Thread, { words, rounds }: LockArgs): KernelBody {
  if (t.laneId === 0) {
    for (let round = 0; round < rounds; round++) {
      while ((yield* t.atomicCAS(words, 0, 0, 1)) !== 0) {
        // Somebody has it.
      }
      words.store(1, words.load(1) + 1);
      yield* t.threadfence();
      yield* t.atomicExch(words, 0, 0);
    }
  }
  yield* t.syncthreads();
}

/** The upper half of a warp waits for the lower one, which waits at a barrier for the other warp, which polls for ever. */
export function* stuck(t: Thread, { words }: LockArgs): KernelBody {
  if (t.threadIdx.x >= 32) {
    while ((yield* t.loadVolatile(words, 0)) === 0) {
      // Nobody stores it.
    }
    yield* t.barrierSync(1, 64);
  } else if (t.laneId < 16) yield* t.barrierSync(1, 64);
  else yield* t.syncwarp();
}
