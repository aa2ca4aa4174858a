import { FULL_MASK, type KernelBody, type Pointer, type Thread, u64 } from '../../src/simt/index.js';

/** What each of these kernels gets: zeroed words. */
export interface HangArgs {
  readonly words: Pointer<'u32'>;
  readonly counters: Pointer<'u64'>;
}

// --- Kernels that never end.

/** Polls a flag that nobody writes. */
export function* pollForNobody(t: Thread, { words }: HangArgs): KernelBody {
  while ((yield* t.loadVolatile(words)) === 0) {
    // Still nobody.
  }
}

/** Polls with the whole warp: all lanes vote whether their word has come. */
export function* pollTogether(t: Thread, { words }: HangArgs): KernelBody {
  while (yield* t.anySync(FULL_MASK, (yield* t.loadVolatile(words, t.laneId)) === 0)) {
    // Still nobody.
  }
}

/** Goes through several words a round, and a barrier. */
export function* pollAroundBarriers(t: Thread, { words }: HangArgs): KernelBody {
  for (let isMissing = true; isMissing; ) {
    isMissing = false;
    for (let word = 0; word < 12; word++) {
      if ((yield* t.loadVolatile(words, word)) === 0) isMissing = true;
    }
    yield* t.syncthreads();
  }
}

/** Waits for a lock that is never given back. */
export function* lockTwice(t: Thread, { words }: HangArgs): KernelBody {
  if (t.threadIdx.x === 0) {
    while ((yield* t.atomicCAS(words, 0, 0, 1)) !== 0) {
      // Somebody has it.
    }
    while ((yield* t.atomicCAS(words, 0, 0, 1)) !== 0) {
      // This thread has it.
    }
  }
}

/** Block 0 waits for block 1, and block 1 for block 0. */
export function* waitForEachOther(t: Thread, { words }: HangArgs): KernelBody {
  const mine = t.blockIdx.x % 2;
  while ((yield* t.loadVolatile(words, 1 - mine)) === 0) {
    // The other has not begun.
  }
  yield* t.storeVolatile(words, mine, 1);
}

/** One warp polls for ever, the others wait for it at a barrier. */
export function* onePollsOthersWait(t: Thread, { words }: HangArgs): KernelBody {
  if (t.threadIdx.x < 32) {
    while ((yield* t.loadAcquire('device', words)) === 0) {
      // Still nobody.
    }
  }
  yield* t.syncthreads();
  yield* t.storeVolatile(words, 0, 1);
}

/** One thread polls, the others of its warp and block wait for it at a barrier. */
export function* oneThreadPolls(t: Thread, { words }: HangArgs): KernelBody {
  if (t.threadIdx.x === 0) {
    while ((yield* t.loadVolatile(words)) === 0) {
      // Nobody sets it.
    }
  }
  yield* t.syncthreads();
}

/** A barrier of more blocks than there are. */
export function* gridBarrier(t: Thread, { words }: HangArgs): KernelBody {
  if (t.threadIdx.x === 0) {
    yield* t.atomicAdd(words, 0, 1);
    while ((yield* t.loadVolatile(words)) < 3) {
      // Two come.
    }
  }
  yield* t.syncthreads();
}

/** Stores what is there already, round after round. */
export function* storesTheSame(t: Thread, { words }: HangArgs): KernelBody {
  while ((yield* t.loadVolatile(words, 1)) === 0) words.store(2, 0);
}

/** As {@link storesTheSame}, where the scheduler sees it. */
export function* storesTheSameVisibly(t: Thread, { words }: HangArgs): KernelBody {
  while ((yield* t.loadVolatile(words, 1)) === 0) yield* t.storeVolatile(words, 2, 0);
}

/** Counts how often it has looked. */
export function* countsPolls(t: Thread, { words, counters }: HangArgs): KernelBody {
  while ((yield* t.loadVolatile(words)) === 0) yield* t.atomicAdd(counters, 0, 1n);
}

/** Two sides count for ever, each with the other, and come to nothing. */
export function* countInTurn(t: Thread, { counters }: HangArgs): KernelBody {
  const mine = t.blockIdx.x % 2;
  let step = 0n;
  for (let done = 0; done < 1; ) {
    yield* t.syncthreads();
    if (mine === 0) {
      while (u64((yield* t.loadVolatile(counters, 1)) + 4n) < step) {
        // The other is behind.
      }
    }
    if (t.threadIdx.x === 0) yield* t.atomicAdd(counters, mine, 1n);
    step = u64(step + 1n);
  }
}

/** Lanes of a warp wait for each other: some of them at a word, the others in a warp operation. */
export function* halfAWarpPolls(t: Thread, { words }: HangArgs): KernelBody {
  if (t.laneId < 16) {
    while ((yield* t.loadVolatile(words)) === 0) {
      // The others will not come.
    }
  }
  yield* t.syncwarp();
  yield* t.storeVolatile(words, 0, 1);
}

// --- Kernels that end, however long they take.

/** Tries for a while, then gives up. */
export function* givesUp(t: Thread, { words }: HangArgs): KernelBody {
  let tries = 0;
  while ((yield* t.loadVolatile(words)) === 0 && tries < 3000) tries++;
  yield* t.storeVolatile(words, 1, tries);
}

/** As {@link givesUp}, but what ends it is in shared memory. */
export function* givesUpByShared(t: Thread, { words }: HangArgs): KernelBody {
  const tries = t.shared('tries', 'u32', 32);
  tries.store(t.laneId, 0);
  while ((yield* t.loadVolatile(words)) === 0 && tries.load(t.laneId) < 3000) {
    tries.store(t.laneId, tries.load(t.laneId) + 1);
  }
}

/** Looks until an atomic has counted far enough. */
export function* countsToTheEnd(t: Thread, { counters }: HangArgs): KernelBody {
  while ((yield* t.atomicAdd(counters, 0, 1n)) < 4000n) {
    // Not yet.
  }
}

/** Block 0 begins late; the others wait for it. */
export function* lateRank(t: Thread, { words }: HangArgs): KernelBody {
  if (t.blockIdx.x === 0) {
    let x = 1;
    for (let round = 0; round < 3000; round++) {
      x = (Math.imul(x, 3) + (yield* t.loadVolatile(words, 1))) | 0;
    }
    yield* t.storeVolatile(words, 0, x | 1);
  } else {
    while ((yield* t.loadVolatile(words)) === 0) {
      // Not yet.
    }
  }
}

/** As {@link lateRank}, but nobody sees what block 0 does until then. */
export function* lateRankUnseen(t: Thread, { words }: HangArgs): KernelBody {
  if (t.blockIdx.x === 0) {
    let x = 1;
    for (let round = 0; round < 3000; round++) {
      x = Math.imul(x, 3);
      yield* t.syncwarp();
    }
    yield* t.storeVolatile(words, 0, x | 1);
  } else {
    while ((yield* t.loadVolatile(words)) === 0) {
      // Not yet.
    }
  }
}

/** The flag comes from a lane of the same warp, after a while. */
export function* laneSetsFlag(t: Thread, { words }: HangArgs): KernelBody {
  if (t.laneId === 5) {
    for (let round = 0; round < 2000; round++) yield* t.loadVolatile(words, 1);
    yield* t.storeVolatile(words, 0, 1);
  } else {
    while ((yield* t.loadVolatile(words)) === 0) {
      // Not yet.
    }
  }
}

/** Goes on once a barrier has let enough warps in often enough. */
export function* barrierRounds(t: Thread, { words }: HangArgs): KernelBody {
  for (let round = 0; round < 1500; round++) {
    yield* t.loadVolatile(words, 1);
    yield* t.syncthreads();
  }
}
