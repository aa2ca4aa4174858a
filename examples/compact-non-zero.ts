import { FULL_MASK, type KernelBody, type Pointer, popc, type Thread } from 'simtwin';

/** Parameters of `compactNonZero`. */
export interface CompactArgs {
  readonly n: number;
  /** u32 [n]. */
  readonly input: Pointer<'u32'>;
  /** u32, as many as there are non-zero words. */
  readonly output: Pointer<'u32'>;
  /** u32 [1], zeroed by the host: the number of words in `output`. */
  readonly count: Pointer<'u32'>;
}

/**
 * Copies the non-zero words of `input` to the front of `output`, with one atomic a warp: `compact<<<ceil(n / block),
 * block>>>(n, input, output, count)`.
 *
 * Order: lane order within a warp; warps in the order in which their leaders reach the atomic.
 */
export function* compactNonZero(t: Thread, { n, input, output, count }: CompactArgs): KernelBody {
  const i = t.globalThreadIdx;
  const value = i < n ? input.load(i) : 0;
  const active = yield* t.ballotSync(FULL_MASK, value !== 0);
  let base = 0;
  if (t.laneId === 0) base = yield* t.atomicAdd(count, 0, popc(active));
  base = yield* t.shflSync(FULL_MASK, base, 0);
  if (value !== 0) output.store(base + popc(active & t.lanemaskLt), value);
}

/** The same with a bug: another warp may read `count` between the leader's load and its store. */
export function* compactNonZeroLosingUpdates(t: Thread, { n, input, output, count }: CompactArgs): KernelBody {
  const i = t.globalThreadIdx;
  const value = i < n ? input.load(i) : 0;
  const active = yield* t.ballotSync(FULL_MASK, value !== 0);
  let base = 0;
  if (t.laneId === 0) {
    base = yield* t.loadVolatile(count);
    yield* t.storeVolatile(count, 0, base + popc(active));
  }
  base = yield* t.shflSync(FULL_MASK, base, 0);
  if (value !== 0) output.store(base + popc(active & t.lanemaskLt), value);
}
