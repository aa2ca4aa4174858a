import { type DeviceFunction, FULL_MASK, type KernelBody, type Pointer, type Thread } from '../../src/simt/index.js';

export interface MutateArgs {
  /** u32 [256], zeroed. */
  readonly words: Pointer<'u32'>;
  /** 32. */
  readonly few: number;
}

// Kernels that need a synchronisation, each beside one that does not. They run as two blocks of 64 threads.

const place = (t: Thread): number => t.blockIdx.x * 64 + t.threadRank;

export function* needsBarrier(t: Thread, { words }: MutateArgs): KernelBody {
  const shared = t.shared('values', 'u32', 64);
  shared.store(t.threadRank, t.threadRank);
  yield* t.syncthreads();
  words.store(place(t), shared.load(t.threadRank ^ 32));
}

export function* hasBarrier(t: Thread, { words }: MutateArgs): KernelBody {
  const shared = t.shared('values', 'u32', 64);
  shared.store(t.threadRank, t.threadRank);
  yield* t.syncthreads();
  words.store(place(t), shared.load(t.threadRank));
}

/** Warp 1 arrives, warp 0 waits for it. */
export function* needsArrival(t: Thread, { words }: MutateArgs): KernelBody {
  const shared = t.shared('values', 'u32', 64);
  if (t.threadRank >= 32) {
    shared.store(t.threadRank, 1);
    yield* t.barrierArrive(1, 64);
  } else {
    yield* t.barrierSync(1, 64);
    words.store(place(t), shared.load(t.threadRank + 32));
  }
}

export function* needsCount(t: Thread, { words }: MutateArgs): KernelBody {
  const shared = t.shared('values', 'u32', 64);
  shared.store(t.threadRank, t.threadRank);
  yield* t.barrierSync(1, t.blockDim.x);
  words.store(place(t), shared.load(t.threadRank ^ 32));
}

/** Each warp has a barrier of its own, so that there is nobody to be left out. */
export function* hasCount(t: Thread, { words, few }: MutateArgs): KernelBody {
  yield* t.barrierSync(1 + t.threadIdx.x / 32, few);
  words.store(place(t), 1);
}

/** Each warp has its own barrier; with one for both they meet. */
export function* needsId(t: Thread, { words }: MutateArgs): KernelBody {
  if (t.threadRank < 32) yield* t.barrierSync(1, 32);
  else yield* t.barrierSync(2, 32);
  words.store(place(t), 1);
}

/** Whatever the barrier, both warps come to it. */
export function* hasId(t: Thread, { words }: MutateArgs): KernelBody {
  yield* t.barrierSync(1, 64);
  words.store(place(t), 1);
  yield* t.barrierSync(2, 64);
}

export function* needsSyncwarp(t: Thread, { words }: MutateArgs): KernelBody {
  const shared = t.shared('values', 'u32', 64);
  shared.store(t.threadRank, t.threadRank);
  yield* t.syncwarp(FULL_MASK);
  words.store(place(t), shared.load(t.threadRank ^ 1));
}

export function* hasSyncwarp(t: Thread, { words }: MutateArgs): KernelBody {
  words.store(place(t), 1);
  yield* t.syncwarp(FULL_MASK);
}

/** A vote that all lanes of all warps see. */
export function* needsVote(t: Thread, { words }: MutateArgs): KernelBody {
  words.store(place(t), (yield* t.anySync(FULL_MASK, t.laneId === 31)) ? 1 : 2);
}

export function* hasVote(t: Thread, { words }: MutateArgs): KernelBody {
  words.store(place(t), (yield* t.allSync(FULL_MASK, t.blockIdx.x === 1)) ? 1 : 2);
}

export function* needsFence(t: Thread, { words }: MutateArgs): KernelBody {
  if (t.threadRank !== 0) return;
  if (t.blockIdx.x === 0) {
    words.store(0, 7);
    yield* t.threadfence();
    yield* t.storeVolatile(words, 1, 1);
  } else {
    while ((yield* t.loadVolatile(words, 1)) === 0) {
      // Not yet.
    }
    yield* t.threadfence();
    words.store(2, words.load(0));
  }
}

export function* hasFence(t: Thread, { words }: MutateArgs): KernelBody {
  words.store(place(t), 1);
  yield* t.threadfence();
}

export function* needsScope(t: Thread, { words }: MutateArgs): KernelBody {
  if (t.threadRank === 0) yield* t.atomicAdd(words, 0, 1);
}

export function* hasScope(t: Thread, { words }: MutateArgs): KernelBody {
  if (t.threadRank === 0) yield* t.atomicAdd(words, t.blockIdx.x, 1);
}

export function* needsOrder(t: Thread, { words }: MutateArgs): KernelBody {
  if (t.threadRank !== 0) return;
  if (t.blockIdx.x === 0) {
    words.store(0, 7);
    yield* t.storeRelease('device', words, 1, 1);
  } else {
    while ((yield* t.loadAcquire('device', words, 1)) === 0) {
      // Not yet.
    }
    words.store(2, words.load(0));
  }
}

/** There is nothing behind the flag. */
export function* hasOrder(t: Thread, { words }: MutateArgs): KernelBody {
  if (t.threadRank !== 0) return;
  if (t.blockIdx.x === 0) yield* t.storeRelease('device', words, 1, 1);
  else {
    while ((yield* t.loadAcquire('device', words, 1)) === 0) {
      // Not yet.
    }
    words.store(2, 1);
  }
}

/** Only this thread ever looks. */
export function* hasAccess(t: Thread, { words }: MutateArgs): KernelBody {
  yield* t.storeVolatile(words, place(t), 1);
}

/** A lock, and what it guards. */
export function* needsLock(t: Thread, { words }: MutateArgs): KernelBody {
  if (t.threadRank !== 0) return;
  while ((yield* t.atomicCAS(words, 1, 0, 1)) !== 0) {
    // Somebody has it.
  }
  yield* t.threadfence();
  words.store(0, words.load(0) + 1);
  yield* t.threadfence();
  yield* t.atomicExch(words, 1, 0);
}

/** The second flag is the one that counts. */
export function* needsBound(t: Thread, { words }: MutateArgs): KernelBody {
  if (t.threadRank !== 0) return;
  if (t.blockIdx.x === 0) {
    yield* t.storeVolatile(words, 1, 1);
    yield* t.storeVolatile(words, 0, 7);
    yield* t.storeVolatile(words, 1, 2);
  } else {
    while ((yield* t.loadVolatile(words, 1)) < 2) {
      // Not yet.
    }
    words.store(2, yield* t.loadVolatile(words, 0));
  }
}

/** Nobody ever writes 1. */
export function* hasBound(t: Thread, { words }: MutateArgs): KernelBody {
  if (t.threadRank !== 0) return;
  if (t.blockIdx.x === 0) {
    yield* t.storeVolatile(words, 0, 7);
    yield* t.storeVolatile(words, 1, 2);
  } else {
    while ((yield* t.loadVolatile(words, 1)) < 2) {
      // Not yet.
    }
    words.store(2, yield* t.loadVolatile(words, 0));
  }
}

/** A wait as the all-to-all has it: a flag in registers, behind `&&`, and a vote that ends the loop. */
export function* waitsForVote(t: Thread, { words }: MutateArgs): KernelBody {
  if (t.blockIdx.x === 0) {
    yield* t.storeVolatile(words, t.threadRank, 1);
    return;
  }
  const regs = t.registerArray('u32', 1);
  let again: boolean;
  do {
    again = false;
    regs.at(0).set(yield* t.loadVolatile(words, t.threadRank));
    again = again || (t.laneId % 8 === 7 && regs.at(0).value !== 1);
  } while (yield* t.anySync(FULL_MASK, again));
  words.store(64 + t.threadRank, 1);
}

/** Never true. */
export function* neverComes(t: Thread, { words }: MutateArgs): KernelBody {
  if (t.blockIdx.x === 7) yield* t.syncthreads();
  words.store(place(t), 1);
}

function* exchange(t: Thread, shared: Pointer<'u32'>, value: number): DeviceFunction<number> {
  shared.store(t.threadRank, value);
  yield* t.syncthreads();
  const other = shared.load(t.threadRank ^ 32);
  yield* t.syncthreads();
  return other;
}

/** The same function, inlined twice. */
export function* exchangesTwice(t: Thread, { words }: MutateArgs): KernelBody {
  const shared = t.shared('values', 'u32', 64);
  const once = yield* exchange(t, shared, t.threadRank);
  words.store(place(t), yield* exchange(t, shared, once));
}

/** Warps race as it is. */
export function* racesAnyway(t: Thread, { words }: MutateArgs): KernelBody {
  words.store(200, 1);
  yield* t.syncthreads();
  words.store(place(t), 1);
}
