import { type KernelBody, type Pointer, type Thread, u32 } from '../../src/simt/index.js';

export interface SmallArgs {
  /** Zeroed; the output. */
  readonly words: Pointer<'u32'>;
}

/** A random program: what each warp's first lane does, as numbers. */
export interface ScriptArgs extends SmallArgs {
  /** 4 numbers an instruction: what, word, value, unused; `length` instructions a warp. */
  readonly script: Pointer<'u32'>;
  readonly length: number;
}

/** Each warp adds 1, without an atomic. */
export function* losesUpdates(t: Thread, { words }: SmallArgs): KernelBody {
  if (t.laneId !== 0) return;
  const old = yield* t.loadVolatile(words, 0);
  yield* t.storeVolatile(words, 0, u32(old + 1));
}

/** Each warp adds 1 under a lock. */
export function* countsUnderLock(t: Thread, { words }: SmallArgs): KernelBody {
  if (t.laneId !== 0) return;
  while ((yield* t.atomicCAS(words, 1, 0, 1)) !== 0) {
    // Somebody has it.
  }
  words.store(0, u32(words.load(0) + 1));
  yield* t.storeRelease('device', words, 1, 0);
}

/** Warp 0 hands over data with a flag; everybody else polls. */
export function* handsOver(t: Thread, { words }: SmallArgs): KernelBody {
  if (t.laneId !== 0) return;
  if (t.threadIdx.x === 0) {
    words.store(0, 42);
    yield* t.storeRelease('device', words, 1, 1);
    return;
  }
  while ((yield* t.loadAcquire('device', words, 1)) === 0) {
    // Not yet.
  }
  yield* t.storeVolatile(words, 2 + (t.threadIdx.x >> 5), words.load(0));
}

/** Two locks, taken in different orders. */
export function* locksCrosswise(t: Thread, { words }: SmallArgs): KernelBody {
  if (t.laneId !== 0) return;
  const first = (t.threadIdx.x >> 5) & 1;
  while ((yield* t.atomicCAS(words, first, 0, 1)) !== 0) {
    // Somebody has it.
  }
  while ((yield* t.atomicCAS(words, 1 - first, 0, 1)) !== 0) {
    // Somebody has it.
  }
  yield* t.atomicAdd(words, 2, 1);
  yield* t.storeVolatile(words, 1 - first, 0);
  yield* t.storeVolatile(words, first, 0);
}

/** A warp leaves before the barrier if it is late. */
export function* waitsForTheLate(t: Thread, { words }: SmallArgs): KernelBody {
  const warp = t.threadIdx.x >> 5;
  let mine = 0;
  if (t.laneId === 0) mine = yield* t.atomicAdd(words, 0, 1);
  mine = yield* t.shflSync(0xffffffff, mine, 0);
  if (mine === 1) return;
  yield* t.barrierSync(1, 64);
  if (t.laneId === 0) yield* t.storeVolatile(words, 1 + warp, 1);
}

/** Fails for whoever comes last. */
export function* failsForTheLast(t: Thread, { words }: SmallArgs): KernelBody {
  if (t.laneId !== 0) return;
  const ticket = yield* t.atomicAdd(words, 0, 1);
  const warps = t.blockDim.x >> 5;
  yield* t.storeVolatile(words, ticket === warps - 1 ? 1000 : ticket, 7);
}

/** Does what the script says: loads, stores, additions, polls and barriers of all. */
export function* followsScript(t: Thread, { words, script, length }: ScriptArgs): KernelBody {
  const warp = t.threadIdx.x >> 5;
  let seen = warp + 1;
  for (let at = 0; at < length; at++) {
    const base = 4 * (warp * length + at);
    const what = script.load(base);
    const word = script.load(base + 1);
    const value = script.load(base + 2);
    if (what === 0) {
      if (t.laneId === 0) seen = u32(seen * 5 + (yield* t.loadVolatile(words, word)));
    } else if (what === 1) {
      if (t.laneId === 0) yield* t.storeVolatile(words, word, u32(seen + value));
    } else if (what === 2) {
      if (t.laneId === 0) yield* t.storeVolatile(words, word, value);
    } else if (what === 3) {
      if (t.laneId === 0) seen = u32(seen + (yield* t.atomicAdd(words, word, value)));
    } else if (what === 4) {
      if (t.laneId === 0) {
        while ((yield* t.loadVolatile(words, word)) < value) {
          // Not yet.
        }
      }
    } else if (what === 5) {
      yield* t.syncthreads();
    } else if (what === 6) {
      if (t.laneId === 0) seen = u32(seen * 3 + words.load(word));
    } else if (what === 7) {
      yield* t.syncwarp();
    } else if (what === 8) {
      if (t.laneId === 0) {
        while ((yield* t.atomicCAS(words, word, 0, 1)) !== 0) {
          // Somebody has it.
        }
      }
    } else if (what === 9) {
      yield* t.barrierSync(2, 64);
    }
  }
  if (t.laneId === 0) words.store(8 + warp, seen);
}
