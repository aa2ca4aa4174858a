import { FULL_MASK, type KernelBody, type Thread } from '../../src/simt/index.js';
import type { HangArgs } from './kernels.js';

// Kernels that look as if they hung, and do not.

/** The lower half is counted on its own; the whole is, too, and carries into the upper half, which block 0 polls. */
export function* carriesOver(t: Thread, { words, counters }: HangArgs): KernelBody {
  const halves = counters.cast('u32');
  if (t.blockIdx.x === 0) {
    while ((yield* t.loadVolatile(halves, 1)) === 0) {
      // Not yet.
    }
    yield* t.storeVolatile(words, 0, 1);
  } else {
    while ((yield* t.loadVolatile(words, 0)) === 0) {
      yield* t.atomicXor(halves, 0, 1);
      yield* t.atomicAdd(counters, 0, 0x8000n);
    }
  }
}

/** Lanes that only arrive go on with the rest of their warp, however many the barrier expects. */
export function* arrivesInParts(t: Thread, { words }: HangArgs): KernelBody {
  const warp = t.threadIdx.x >>> 5;
  if (t.laneId < 16) {
    yield* t.barrierArrive(1, 512);
    yield* t.storeVolatile(words, warp, 1);
  } else {
    for (let round = 0; round < 600; round++) yield* t.loadVolatile(words, 40);
    yield* t.barrierArrive(1, 512);
    while ((yield* t.loadVolatile(words, warp)) === 0) {
      // The lanes below store it.
    }
  }
}

/** As {@link arrivesInParts}, where mode `fast` sees the wait as well. */
export function* arrivesInPartsAfterCount(t: Thread, { words, counters }: HangArgs): KernelBody {
  const warp = t.threadIdx.x >>> 5;
  if (t.laneId < 16) {
    yield* t.barrierArrive(1, 512);
    yield* t.storeVolatile(words, warp, 1);
  } else {
    while ((yield* t.atomicAdd(counters, 0, 1n)) < 200_000n) {
      // Not yet.
    }
    yield* t.barrierArrive(1, 512);
    while ((yield* t.loadVolatile(words, warp)) === 0) {
      // The lanes below store it.
    }
  }
}

/** Counts, and then fails: the count of a barrier is a multiple of 32. */
export function* badCountAfterCount(t: Thread, { counters }: HangArgs): KernelBody {
  while ((yield* t.atomicAdd(counters, 0, 1n)) < 200_000n) {
    // Not yet.
  }
  yield* t.barrierSync(1, 2049);
}

/** Counts, and then fails: its warp arrives twice in a phase. */
export function* arrivesTwiceAfterCount(t: Thread, { counters }: HangArgs): KernelBody {
  while ((yield* t.atomicAdd(counters, 0, 1n)) < 200_000n) {
    // Not yet.
  }
  for (;;) yield* t.barrierArrive(1, 512);
}

/** Fails, as soon as the upper lanes come to an operation that is not that of the lower ones. */
export function* mixedOperationsLate(t: Thread, { words }: HangArgs): KernelBody {
  if (t.laneId < 16) yield* t.anySync(FULL_MASK, true);
  else {
    for (let round = 0; round < 120; round++) yield* t.loadVolatile(words, 1);
    yield* t.allSync(FULL_MASK, true);
  }
}

/** Counted once, long ago; since then nothing in memory moves. */
export function* countedLongAgo(t: Thread, { words, counters }: HangArgs): KernelBody {
  let tries = 0;
  while ((yield* t.atomicCAS(words, 0, 1, 2)) !== 1) {
    tries++;
    if (tries === 10) yield* t.atomicAdd(counters, 0, 1n);
  }
}
