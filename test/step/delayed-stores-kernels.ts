import type { KernelBody, Pointer, Thread } from '../../src/simt/index.js';

export interface LitmusArgs {
  readonly rank: number;
  /** Each in a line of its own: `x` at 0, `y` at 32. */
  readonly words: Pointer<'u32'>;
  readonly output: Pointer<'u32'>;
  /** Scope of the writer's fence: 0 none, 1 block, 2 device, 3 system. */
  readonly scope: number;
}

const X = 0;
const Y = 32;

/** Message passing: the reader waits for `y` and then reads `x`. */
export function* passesMessage(t: Thread, { rank, words, output, scope }: LitmusArgs): KernelBody {
  if (rank + t.blockIdx.x === 0) {
    yield* t.storeVolatile(words, X, 1);
    if (scope === 1) yield* t.threadfenceBlock();
    if (scope === 2) yield* t.threadfence();
    if (scope === 3) yield* t.threadfenceSystem();
    yield* t.storeVolatile(words, Y, 1);
    return;
  }
  for (let flag = 0; flag === 0; ) flag = yield* t.loadVolatile(words, Y);
  output.store(0, yield* t.loadVolatile(words, X));
}

/** As {@link passesMessage}, with a release for the flag. */
export function* releasesMessage(t: Thread, { rank, words, output }: LitmusArgs): KernelBody {
  if (rank + t.blockIdx.x === 0) {
    yield* t.storeVolatile(words, X, 1);
    yield* t.storeRelease('system', words, Y, 1);
    return;
  }
  for (let flag = 0; flag === 0; ) flag = yield* t.loadAcquire('system', words, Y);
  output.store(0, yield* t.loadVolatile(words, X));
}

/** Every warp of block 0 stores, a barrier follows, and one thread sets the flag: what it has seen it hands on. */
export function* passesForTheBlock(t: Thread, { rank, words, output, scope }: LitmusArgs): KernelBody {
  const warp = t.threadIdx.x >>> 5;
  if (rank + t.blockIdx.x === 0) {
    if (warp === 1 && t.laneId === 0) yield* t.storeVolatile(words, X, 1);
    yield* t.syncthreads();
    if (t.threadIdx.x === 0) {
      if (scope === 1) yield* t.threadfenceBlock();
      if (scope === 2) yield* t.threadfence();
      if (scope === 3) yield* t.threadfenceSystem();
      yield* t.storeVolatile(words, Y, 1);
    }
    return;
  }
  if (t.threadIdx.x !== 0) return;
  for (let flag = 0; flag === 0; ) flag = yield* t.loadVolatile(words, Y);
  output.store(0, yield* t.loadVolatile(words, X));
}

/** What a warp has stored before a barrier, its block sees behind it. */
export function* meetsAtBarrier(t: Thread, { words, output }: LitmusArgs): KernelBody {
  if (t.threadIdx.x === 32) words.store(X, 1);
  yield* t.syncthreads();
  if (t.threadIdx.x === 0) output.store(0, words.load(X));
}

/** Store buffering: both may read 0. */
export function* storesThenLoads(t: Thread, { words, output, scope }: LitmusArgs): KernelBody {
  const own = t.blockIdx.x === 0 ? X : Y;
  yield* t.storeVolatile(words, own, 1);
  if (scope === 2) yield* t.threadfence();
  output.store(t.blockIdx.x, yield* t.loadVolatile(words, X + Y - own));
}

/** Coherence: who reads one word twice never sees it go back. */
export function* readsTwice(t: Thread, { words, output }: LitmusArgs): KernelBody {
  if (t.blockIdx.x === 0) {
    yield* t.storeVolatile(words, X, 1);
    yield* t.storeVolatile(words, X, 2);
    return;
  }
  const first = yield* t.loadVolatile(words, X);
  const second = yield* t.loadVolatile(words, X);
  output.store(0, first * 10 + second);
}

/** Read-modify-writes are never lost, and come behind what their thread has stored to the word. */
export function* counts(t: Thread, { words, output }: LitmusArgs): KernelBody {
  if (t.blockIdx.x === 0) yield* t.storeVolatile(words, Y, 10);
  if (t.blockIdx.x === 0) yield* t.atomicAdd(words, Y, 5);
  yield* t.atomicAdd(words, X, 1);
  if (t.blockIdx.x === 0) output.store(0, yield* t.loadVolatile(words, Y));
}
