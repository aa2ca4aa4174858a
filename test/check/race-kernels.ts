import { FULL_MASK, type KernelBody, type Pointer, type Scope, type Thread } from '../../src/simt/index.js';

export interface RaceArgs {
  readonly words: Pointer<'u32'>;
  readonly bytes: Pointer<'u8'>;
}

// Kernels that race, each beside one that does not. They run as two blocks of 64 threads, or as is said.

/** Warp 1 reads what warp 0 has stored in shared memory. */
export function* noBarrier(t: Thread, { words }: RaceArgs): KernelBody {
  const shared = t.shared('values', 'u32', 64);
  shared.store(t.threadRank, 0);
  yield* t.syncthreads();
  shared.store(t.threadRank, t.threadRank);
  yield* t.syncwarp(FULL_MASK);
  words.store(t.blockIdx.x * 64 + t.threadRank, shared.load(t.threadRank ^ 32));
}

export function* withBarrier(t: Thread, { words }: RaceArgs): KernelBody {
  const shared = t.shared('values', 'u32', 64);
  shared.store(t.threadRank, t.threadRank);
  yield* t.syncthreads();
  words.store(t.blockIdx.x * 64 + t.threadRank, shared.load(t.threadRank ^ 32));
}

/** A lane reads what its neighbour has stored. */
export function* noWarpSync(t: Thread, { words }: RaceArgs): KernelBody {
  const shared = t.shared('values', 'u32', 64);
  shared.store(t.threadRank, 0);
  yield* t.syncthreads();
  shared.store(t.threadRank, t.threadRank);
  yield* t.loadVolatile(words, 200);
  words.store(t.blockIdx.x * 64 + t.threadRank, shared.load(t.threadRank ^ 1));
}

export function* withWarpSync(t: Thread, { words }: RaceArgs): KernelBody {
  const shared = t.shared('values', 'u32', 64);
  shared.store(t.threadRank, t.threadRank);
  yield* t.syncwarp(FULL_MASK);
  words.store(t.blockIdx.x * 64 + t.threadRank, shared.load(t.threadRank ^ 1));
}

/** The halves of a warp sync each for itself, and read across. */
export function* halvesSync(t: Thread, { words }: RaceArgs): KernelBody {
  const shared = t.shared('values', 'u32', 64);
  shared.store(t.threadRank, 0);
  yield* t.syncthreads();
  shared.store(t.threadRank, t.threadRank);
  yield* t.syncwarp(t.laneId < 16 ? 0xffff : 0xffff0000);
  words.store(t.blockIdx.x * 64 + t.threadRank, shared.load(t.threadRank ^ 16));
}

export function* halvesStayApart(t: Thread, { words }: RaceArgs): KernelBody {
  const shared = t.shared('values', 'u32', 64);
  shared.store(t.threadRank, t.threadRank);
  yield* t.syncwarp(t.laneId < 16 ? 0xffff : 0xffff0000);
  words.store(t.blockIdx.x * 64 + t.threadRank, shared.load(t.threadRank ^ 8));
}

/** Shared memory is written again while others may still read. */
export function* writesTooSoon(t: Thread, { words }: RaceArgs): KernelBody {
  const shared = t.shared('values', 'u32', 64);
  shared.store(t.threadRank, 1);
  yield* t.syncthreads();
  words.store(t.blockIdx.x * 64 + t.threadRank, shared.load(t.threadRank ^ 32));
  shared.store(t.threadRank, 2);
  yield* t.syncthreads();
}

export function* writesInTime(t: Thread, { words }: RaceArgs): KernelBody {
  const shared = t.shared('values', 'u32', 64);
  shared.store(t.threadRank, 1);
  yield* t.syncthreads();
  words.store(t.blockIdx.x * 64 + t.threadRank, shared.load(t.threadRank ^ 32));
  yield* t.syncthreads();
  shared.store(t.threadRank, 2);
  yield* t.syncthreads();
}

/** Block 0 sends word 0 to block 1 under the flag in word 1. */
function* send(t: Thread, { words }: RaceArgs, fence: Scope | null): KernelBody {
  words.store(0, 7);
  if (fence === 'block') yield* t.threadfenceBlock();
  if (fence === 'device') yield* t.threadfence();
  if (fence === 'system') yield* t.threadfenceSystem();
  yield* t.storeVolatile(words, 1, 1);
}

function* receive(t: Thread, { words }: RaceArgs, fence: Scope | null): KernelBody {
  while ((yield* t.loadVolatile(words, 1)) === 0) {
    // Not yet.
  }
  if (fence === 'block') yield* t.threadfenceBlock();
  if (fence === 'device') yield* t.threadfence();
  if (fence === 'system') yield* t.threadfenceSystem();
  words.store(2, words.load(0));
}

export function* volatileFlag(t: Thread, args: RaceArgs): KernelBody {
  if (t.threadRank !== 0) return;
  if (t.blockIdx.x === 0) yield* send(t, args, null);
  else yield* receive(t, args, null);
}

export function* fencedFlag(t: Thread, args: RaceArgs): KernelBody {
  if (t.threadRank !== 0) return;
  if (t.blockIdx.x === 0) yield* send(t, args, 'device');
  else yield* receive(t, args, 'device');
}

export function* fencedBySender(t: Thread, args: RaceArgs): KernelBody {
  if (t.threadRank !== 0) return;
  if (t.blockIdx.x === 0) yield* send(t, args, 'device');
  else yield* receive(t, args, null);
}

export function* fencedForBlock(t: Thread, args: RaceArgs): KernelBody {
  if (t.threadRank !== 0) return;
  if (t.blockIdx.x === 0) yield* send(t, args, 'block');
  else yield* receive(t, args, 'system');
}

/** Release and acquire at the scope of the device. */
export function* releases(t: Thread, { words }: RaceArgs): KernelBody {
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

export function* releasesForBlock(t: Thread, { words }: RaceArgs): KernelBody {
  if (t.threadRank !== 0) return;
  if (t.blockIdx.x === 0) {
    words.store(0, 7);
    yield* t.storeRelease('block', words, 1, 1);
  } else {
    while ((yield* t.loadAcquire('device', words, 1)) === 0) {
      // Not yet.
    }
    words.store(2, words.load(0));
  }
}

/** An atomic of a third thread carries the release on. */
export function* releasesThroughAtomic(t: Thread, { words }: RaceArgs): KernelBody {
  if (t.threadRank === 0 && t.blockIdx.x === 0) {
    words.store(0, 7);
    yield* t.storeRelease('device', words, 1, 1);
  } else if (t.threadRank === 32 && t.blockIdx.x === 0) {
    while ((yield* t.loadVolatile(words, 1)) === 0) {
      // Not yet.
    }
    yield* t.atomicAdd(words, 1, 1);
  } else if (t.threadRank === 0) {
    while ((yield* t.loadAcquire('device', words, 1)) < 2) {
      // Not yet.
    }
    words.store(2, words.load(0));
  }
}

/** The same, with a store that replaces what was released. */
export function* releaseReplaced(t: Thread, { words }: RaceArgs): KernelBody {
  if (t.threadRank === 0 && t.blockIdx.x === 0) {
    words.store(0, 7);
    yield* t.storeRelease('device', words, 1, 1);
  } else if (t.threadRank === 32 && t.blockIdx.x === 0) {
    while ((yield* t.loadVolatile(words, 1)) === 0) {
      // Not yet.
    }
    yield* t.storeVolatile(words, 1, 2);
    yield* t.storeVolatile(words, 9, 1);
  } else if (t.threadRank === 0) {
    while ((yield* t.loadVolatile(words, 9)) === 0) {
      // Not yet.
    }
    yield* t.loadAcquire('device', words, 1);
    words.store(2, words.load(0));
  }
}

/** All threads store the same value. */
export function* storesTheSame(t: Thread, { words }: RaceArgs): KernelBody {
  words.store(3, 5);
  yield* t.syncwarp(FULL_MASK);
}

export function* storesAnother(t: Thread, { words }: RaceArgs): KernelBody {
  words.store(3, t.threadRank);
  yield* t.syncwarp(FULL_MASK);
}

/** Neighbouring bytes of a word. */
export function* neighbouringBytes(t: Thread, { bytes }: RaceArgs): KernelBody {
  bytes.store(t.blockIdx.x * 64 + t.threadRank, 1);
  yield* t.syncwarp(FULL_MASK);
}

/** The same bytes, of which one thread stores a word. */
export function* byteInWord(t: Thread, { words }: RaceArgs): KernelBody {
  if (t.blockIdx.x === 0 && t.threadRank === 0) words.store(4, 1);
  if (t.blockIdx.x === 1 && t.threadRank === 0) words.cast('u8').store(19, 1);
  yield* t.syncwarp(FULL_MASK);
}

/** Counts by atomics, and by a plain store beside them. */
export function* countsAtomically(t: Thread, { words }: RaceArgs): KernelBody {
  yield* t.atomicAdd(words, 5, 1);
}

export function* countsBesides(t: Thread, { words }: RaceArgs): KernelBody {
  yield* t.atomicAdd(words, 5, 1);
  if (t.threadRank === 0 && t.blockIdx.x === 1) words.store(5, 0);
}

/** Atomics of each block for itself. */
export function* countsForBlock(t: Thread, { words }: RaceArgs): KernelBody {
  yield* t.atomicAddBlock(words, 5, 1);
}

/** Warp 1 tells warp 0 by a barrier that it arrives at, and does not wait. */
export function* arrives(t: Thread, { words }: RaceArgs): KernelBody {
  const shared = t.shared('values', 'u32', 64);
  if (t.threadRank >= 32) {
    shared.store(t.threadRank, 1);
    yield* t.barrierArrive(1, 64);
  } else {
    yield* t.barrierSync(1, 64);
    words.store(t.blockIdx.x * 64 + t.threadRank, shared.load(t.threadRank + 32));
  }
}

/** Whoever only arrives learns nothing. */
export function* arrivesAndReads(t: Thread, { words }: RaceArgs): KernelBody {
  const shared = t.shared('values', 'u32', 64);
  shared.store(t.threadRank, 1);
  if (t.threadRank >= 32) {
    yield* t.barrierArrive(1, 64);
    words.store(t.blockIdx.x * 64 + t.threadRank, shared.load(t.threadRank - 32));
  } else yield* t.barrierSync(1, 64);
}

/** Two pairs of warps use one barrier, one after the other, and nothing says that the first is through. */
export function* sharesBarrier(t: Thread, { words }: RaceArgs): KernelBody {
  const pair = t.threadRank >>> 6;
  if (pair === 1) {
    while ((yield* t.loadVolatile(words, 8)) === 0) {
      // The first pair has come.
    }
  }
  yield* t.barrierSync(1, 64);
  if (t.threadRank === 0) yield* t.storeVolatile(words, 8, 1);
}

export function* sharesBarrierInTurn(t: Thread, { words }: RaceArgs): KernelBody {
  const pair = t.threadRank >>> 6;
  if (pair === 1) yield* t.syncthreads();
  yield* t.barrierSync(1, 64);
  if (pair === 0) yield* t.syncthreads();
  if (t.threadRank === 0) yield* t.storeVolatile(words, 8, 1);
}

/** Stores word 6; the next launch reads it. */
export function* storesSix(t: Thread, { words }: RaceArgs): KernelBody {
  if (t.threadRank === 0 && t.blockIdx.x === 0) words.store(6, 1);
  yield* t.syncwarp(FULL_MASK);
}

export function* readsSix(t: Thread, { words }: RaceArgs): KernelBody {
  if (t.threadRank === 0 && t.blockIdx.x === 1) words.store(7, words.load(6));
  yield* t.syncwarp(FULL_MASK);
}
