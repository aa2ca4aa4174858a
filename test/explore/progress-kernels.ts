import { type KernelBody, type Pointer, type Thread, u32 } from '../../src/simt/index.js';

/** Zeroed words. */
export interface ProgressArgs {
  readonly words: Pointer<'u32'>;
}

export interface AxbArgs extends ProgressArgs {
  /** 5 numbers an instruction: word, value to compare with, instruction to go to if it is equal, whether to store, value to store. */
  readonly script: Pointer<'u32'>;
  /** First instruction of each block, and behind them the end of the last. */
  readonly starts: Pointer<'u32'>;
}

/** Everybody adds 1: no block waits. */
export function* adds(t: Thread, { words }: ProgressArgs): KernelBody {
  if (t.laneId === 0) yield* t.atomicAdd(words, 0, 1);
}

/** Block 0 sets a flag, the others wait for it. */
export function* waitForLower(t: Thread, { words }: ProgressArgs): KernelBody {
  if (t.laneId !== 0) return;
  if (t.blockIdx.x === 0) {
    yield* t.storeVolatile(words, 0, 1);
    return;
  }
  while ((yield* t.loadVolatile(words, 0)) === 0) {
    // Not yet.
  }
}

/** The last block sets a flag, the others wait for it. */
export function* waitForHigher(t: Thread, { words }: ProgressArgs): KernelBody {
  if (t.laneId !== 0) return;
  if (t.blockIdx.x === t.gridDim.x - 1) {
    yield* t.storeVolatile(words, 0, 1);
    return;
  }
  while ((yield* t.loadVolatile(words, 0)) === 0) {
    // Not yet.
  }
}

/** Sets the flag of another launch. */
export function* setsFlag(t: Thread, { words }: ProgressArgs): KernelBody {
  if (t.laneId === 0) yield* t.storeVolatile(words, 4, 1);
}

/** Waits for it. */
export function* waitForFlagOfAnother(t: Thread, { words }: ProgressArgs): KernelBody {
  if (t.laneId !== 0) return;
  while ((yield* t.loadVolatile(words, 4)) === 0) {
    // Not yet.
  }
}

/** Each block arrives and waits until all have. */
export function* spinBarrier(t: Thread, { words }: ProgressArgs): KernelBody {
  if (t.laneId !== 0) return;
  yield* t.atomicAdd(words, 0, 1);
  while ((yield* t.loadVolatile(words, 0)) !== t.gridDim.x) {
    // Not all are here.
  }
}

/** Each block adds 1 under a lock. */
export function* spinLock(t: Thread, { words }: ProgressArgs): KernelBody {
  if (t.laneId !== 0) return;
  while ((yield* t.atomicCAS(words, 0, 0, 1)) !== 0) {
    // Somebody has it.
  }
  words.store(1, u32(words.load(1) + 1));
  yield* t.storeVolatile(words, 0, 0);
}

/** A block that does not get the lock at once goes. */
export function* tryLock(t: Thread, { words }: ProgressArgs): KernelBody {
  if (t.laneId !== 0) return;
  if ((yield* t.atomicCAS(words, 0, 0, 1)) !== 0) return;
  words.store(1, u32(words.load(1) + 1));
  yield* t.storeVolatile(words, 0, 0);
}

/** A lock that is never given back. */
export function* keepsLock(t: Thread, { words }: ProgressArgs): KernelBody {
  if (t.laneId !== 0) return;
  while ((yield* t.atomicCAS(words, 0, 0, 1)) !== 0) {
    // Somebody has it.
  }
}

/** Each block waits for the one before it, and then takes a lock. */
export function* chainWithLock(t: Thread, { words }: ProgressArgs): KernelBody {
  if (t.laneId !== 0) return;
  if (t.blockIdx.x > 0) {
    while ((yield* t.loadVolatile(words, 1 + t.blockIdx.x)) === 0) {
      // Not yet.
    }
  }
  yield* t.storeVolatile(words, 2 + t.blockIdx.x, 1);
  while ((yield* t.atomicCAS(words, 0, 0, 1)) !== 0) {
    // Somebody has it.
  }
  yield* t.storeVolatile(words, 0, 0);
}

/** Words of a discovery protocol. */
const LOCK = 0;
const CLOSED = 1;
const COUNT = 2;
const ARRIVED = 3;

/**
 * A barrier of the blocks that an occupancy discovery protocol has found: those that come before one of them closes it.
 * Source: Sorensen, Evrard, Donaldson, CONCUR 2018, section 5.1.
 */
export function* discoveryBarrier(t: Thread, { words }: ProgressArgs): KernelBody {
  if (t.laneId !== 0) return;
  while ((yield* t.atomicCAS(words, LOCK, 0, 1)) !== 0) {
    // Somebody has it.
  }
  const isOpen = words.load(CLOSED) === 0;
  if (isOpen) words.store(COUNT, u32(words.load(COUNT) + 1));
  yield* t.storeVolatile(words, LOCK, 0);
  if (!isOpen) return;
  while ((yield* t.atomicCAS(words, LOCK, 0, 1)) !== 0) {
    // Somebody has it.
  }
  words.store(CLOSED, 1);
  yield* t.storeVolatile(words, LOCK, 0);
  yield* t.atomicAdd(words, ARRIVED, 1);
  while ((yield* t.loadVolatile(words, ARRIVED)) !== words.load(COUNT)) {
    // Not all are here.
  }
}

/** The same, but that a block is found with any of a higher number. */
export function* linearDiscoveryBarrier(t: Thread, { words }: ProgressArgs): KernelBody {
  if (t.laneId !== 0) return;
  while ((yield* t.atomicCAS(words, LOCK, 0, 1)) !== 0) {
    // Somebody has it.
  }
  const isFound = words.load(CLOSED) === 0 || t.blockIdx.x < words.load(COUNT);
  if (isFound && t.blockIdx.x >= words.load(COUNT)) words.store(COUNT, u32(t.blockIdx.x + 1));
  yield* t.storeVolatile(words, LOCK, 0);
  if (!isFound) return;
  while ((yield* t.atomicCAS(words, LOCK, 0, 1)) !== 0) {
    // Somebody has it.
  }
  words.store(CLOSED, 1);
  yield* t.storeVolatile(words, LOCK, 0);
  yield* t.atomicAdd(words, ARRIVED, 1);
  while ((yield* t.loadVolatile(words, ARRIVED)) !== words.load(COUNT)) {
    // Not all are here.
  }
}

/** A warp of each block waits at a barrier for the other, which waits for the last block. */
export function* warpsOfBlocks(t: Thread, { words }: ProgressArgs): KernelBody {
  if (t.threadIdx.x === 0) {
    if (t.blockIdx.x === t.gridDim.x - 1) {
      yield* t.storeVolatile(words, 0, 1);
    } else {
      while ((yield* t.loadVolatile(words, 0)) === 0) {
        // Not yet.
      }
    }
  }
  yield* t.syncthreads();
}

/** A warp waits at a barrier for another, which leaves. */
export function* waitsForTheGone(t: Thread, _: ProgressArgs): KernelBody {
  if (t.threadIdx.x >= 32) return;
  yield* t.barrierSync(1, 64);
}

/** Instructions of one kind: compare a word, go elsewhere if it is equal, store, all at once. */
export function* followsAxb(t: Thread, { words, script, starts }: AxbArgs): KernelBody {
  if (t.laneId !== 0) return;
  const first = starts.load(t.blockIdx.x);
  const end = starts.load(t.blockIdx.x + 1);
  let at = first;
  while (at < end) {
    const word = script.load(5 * at);
    const value = script.load(5 * at + 1);
    const target = script.load(5 * at + 2);
    const old =
      script.load(5 * at + 3) === 1
        ? yield* t.atomicExch(words, word, script.load(5 * at + 4))
        : yield* t.loadVolatile(words, word);
    at = old === value ? u32(first + target) : u32(at + 1);
  }
}
