import type { KernelBody, Pointer, Thread } from '../../src/simt/index.js';

export interface StaleArgs {
  readonly words: Pointer<'u32'>;
}

/** Warp 1 reads what warp 0 writes, whether it has in this launch or not. */
export function* readsTooSoon(t: Thread, { words }: StaleArgs): KernelBody {
  if (t.threadRank === 32) words.store(1, yield* t.loadVolatile(words, 0));
  if (t.threadRank === 0) {
    for (let round = 0; round < 8; round++) yield* t.loadVolatile(words, 8);
    yield* t.storeVolatile(words, 0, (yield* t.loadVolatile(words, 2)) + 1);
  }
}

/** Warp 1 waits for the other value: what it polls is stale until it is not. */
export function* polls(t: Thread, { words }: StaleArgs): KernelBody {
  if (t.threadRank === 32) {
    const before = words.load(1);
    let seen = before;
    while (seen === before) seen = yield* t.loadVolatile(words, 0);
    words.store(1, seen);
  }
  if (t.threadRank === 0) {
    for (let round = 0; round < 8; round++) yield* t.loadVolatile(words, 8);
    yield* t.storeVolatile(words, 0, (yield* t.loadVolatile(words, 0)) + 1);
  }
}

/** A counter goes on from launch to launch. */
export function* counts(t: Thread, { words }: StaleArgs): KernelBody {
  if (t.threadRank === 32) words.store(1, yield* t.loadVolatile(words, 0));
  if (t.threadRank === 0) yield* t.atomicAdd(words, 0, 1);
}
