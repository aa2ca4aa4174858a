import { FULL_MASK, type KernelBody, type Pointer, type Thread } from '../../src/simt/index.js';

/** What every kernel here gets: `flags` of 64 u32, all 0. */
export interface FlagArgs {
  readonly flags: Pointer<'u32'>;
  readonly n: number;
}

/** Block b waits for the flag of the next block before it sets its own. */
export function* waitsFirst(t: Thread, { flags }: FlagArgs): KernelBody {
  const next = (t.blockIdx.x + 1) % t.gridDim.x;
  if (t.threadRank === 0) {
    while ((yield* t.loadVolatile(flags, next)) === 0) {}
    yield* t.storeVolatile(flags, t.blockIdx.x, 1);
  }
}

/** Block 0 announces itself only if there is work; the others wait for it in any case. */
export function* announcesIfBusy(t: Thread, { flags, n }: FlagArgs): KernelBody {
  if (t.blockIdx.x === 0) {
    if (n > 0) yield* t.storeVolatile(flags, 5, 2);
    return;
  }
  while ((yield* t.loadAcquire('device', flags, 5)) < 2) {}
}

/** A lock that nobody gives back. */
export function* locksForEver(t: Thread, { flags }: FlagArgs): KernelBody {
  if (t.laneId !== 0) return;
  while ((yield* t.atomicCAS(flags, 3, 0, 1)) !== 0) {}
  flags.store(9, t.blockIdx.x);
}

/** 96 threads are expected where there are 64. */
export function* expectsTooMany(t: Thread): KernelBody {
  yield* t.barrierSync(1, 96);
}

/** Warp 1 returns; warp 0 waits for it. */
export function* returnsEarly(t: Thread, { n }: FlagArgs): KernelBody {
  if (t.threadRank >= 32 && n === 0) return;
  yield* t.barrierSync(2, 64);
}

/** Warps come to two barriers in different orders. */
export function* crossesBarriers(t: Thread): KernelBody {
  const isFirst = t.threadRank < 32;
  yield* t.barrierSync(isFirst ? 1 : 2, 64);
  yield* t.barrierSync(isFirst ? 2 : 1, 64);
}

/** Half of the warp waits for the flag that the other half sets once the whole warp is together. */
export function* splitsWarp(t: Thread, { flags }: FlagArgs): KernelBody {
  if (t.laneId < 16) {
    yield* t.syncwarp(FULL_MASK);
    yield* t.storeVolatile(flags, 7, 1);
  } else {
    while ((yield* t.loadVolatile(flags, 7)) === 0) {}
    yield* t.syncwarp(FULL_MASK);
  }
}

/** A barrier of all blocks of the grid. */
export function* gridBarrier(t: Thread, { flags }: FlagArgs): KernelBody {
  if (t.threadRank === 0) {
    yield* t.atomicAdd(flags, 0, 1);
    while ((yield* t.loadVolatile(flags, 0)) < t.gridDim.x) {}
  }
  yield* t.syncthreads();
}

/** Waits until flag 4 is at least 5. */
export function* awaitsFlag(t: Thread, { flags }: FlagArgs): KernelBody {
  while ((yield* t.loadVolatile(flags, 4)) < 5) {}
}

/** Sets flag 4. */
export function* setsFlag(t: Thread, { flags }: FlagArgs): KernelBody {
  if (t.threadRank === 0) yield* t.storeVolatile(flags, 4, 5);
}

/** Lane 0 polls and tells the others. */
export function* leaderPolls(t: Thread, { flags }: FlagArgs): KernelBody {
  let value = 0;
  do {
    if (t.laneId === 0) value = yield* t.loadVolatile(flags, 11);
    value = yield* t.shflSync(FULL_MASK, value, 0);
  } while (value + 3 < 8);
  flags.store(20 + t.laneId, value);
}

/** Thread 0 polls and tells the block through shared memory. */
export function* blockPolls(t: Thread, { flags }: FlagArgs): KernelBody {
  const seen = t.shared('seen', 'u32', 1);
  for (;;) {
    if (t.threadRank === 0) seen.store(0, yield* t.loadVolatile(flags, 12));
    yield* t.syncthreads();
    const value = seen.load(0);
    yield* t.syncthreads();
    if (value === 3) break;
  }
}

/** Counts how often it has polled. */
export function* countsPolls(t: Thread, { flags }: FlagArgs): KernelBody {
  let polls = 0;
  while ((yield* t.loadVolatile(flags, 13)) !== 7) polls = (polls + 1) | 0;
  flags.store(14, polls);
}

/** Waits for a bit. */
export function* awaitsBit(t: Thread, { flags }: FlagArgs): KernelBody {
  while (((yield* t.loadRelaxed('system', flags, 15)) & 4) === 0) {}
}

/** Waits until all lanes have seen a flag of their own. */
export function* everyLanePolls(t: Thread, { flags }: FlagArgs): KernelBody {
  let seen = false;
  do {
    if (!seen) seen = (yield* t.loadVolatile(flags, t.laneId)) !== 0;
  } while (!(yield* t.allSync(FULL_MASK, seen)));
}

/** Thread 0 of block 0 waits for a flag that every other thread sets, but only if there is work. */
export function* othersAnnounce(t: Thread, { flags, n }: FlagArgs): KernelBody {
  if (t.blockIdx.x === 0 && t.threadRank === 0) {
    while ((yield* t.loadVolatile(flags, 16)) === 0) {}
  } else if (n > 0) yield* t.storeVolatile(flags, 16, 1);
}

/** Thread 0 of block 0 waits for a flag that threads of other blocks set, but only if there is work. */
export function* otherBlocksAnnounce(t: Thread, { flags, n }: FlagArgs): KernelBody {
  if (t.blockIdx.x === 0) {
    if (t.threadRank === 0) while ((yield* t.loadVolatile(flags, 17)) === 0) {}
    return;
  }
  if (n > 0) yield* t.storeVolatile(flags, 17, 1);
}

/** Waits for a flag, and sets it only then; thread 32 would have set it if there were work. */
export function* setsTooLate(t: Thread, { flags, n }: FlagArgs): KernelBody {
  if (t.threadRank === 32) {
    if (n > 0) yield* t.storeVolatile(flags, 18, 1);
    return;
  }
  if (t.threadRank !== 0) return;
  while ((yield* t.loadVolatile(flags, 18)) === 0) {}
  yield* t.storeVolatile(flags, 18, 2);
}

/** All come together before they wait. */
export function* meetsFirst(t: Thread, { flags }: FlagArgs): KernelBody {
  yield* t.syncthreads();
  while ((yield* t.loadVolatile(flags, 19)) === 0) {}
}

/** Goes round for ever by itself. */
export function* goesRound(t: Thread): KernelBody {
  for (;;) yield* t.syncwarp(FULL_MASK);
}
