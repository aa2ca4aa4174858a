import {
  type DeviceFunction,
  FULL_MASK,
  type KernelBody,
  type Pointer,
  popc,
  type Thread,
} from '../../../src/simt/index.js';
import type { ZooArgs } from './arguments.js';
import { zeroShared } from './waiting.js';

// Zoo 3: what lanes of a warp and warps of a block share.

/**
 * Z32 (flashinfer#3880): a block of 40 threads sums with shuffles of 32 lanes, of which its last warp has 8, and counts
 * its warps by a shift.
 */
export function* z32(t: Thread, { output }: ZooArgs): KernelBody {
  const sums = t.shared('sums', 'i32', 2);
  const warp = t.threadIdx.x >>> 5;
  // BUG: the last warp has not all lanes.
  const sum = yield* butterflySum(t, t.threadIdx.x + 1, FULL_MASK, 32);
  if (t.laneId === 0) sums.store(warp, sum);
  yield* t.syncthreads();
  let total = 0;
  // BUG: nor is it counted.
  for (let index = 0; index < t.blockDim.x >>> 5; index++) total = (total + sums.load(index)) | 0;
  output.store(t.threadIdx.x, total);
}

/** The twin of {@link z32}: as wide as the warp is, and all warps are counted. */
export function* z32Fixed(t: Thread, { output }: ZooArgs): KernelBody {
  const sums = t.shared('sums', 'i32', 2);
  const warp = t.threadIdx.x >>> 5;
  const lanes = Math.min(32, t.blockDim.x - warp * 32);
  const sum = yield* butterflySum(t, t.threadIdx.x + 1, lanes === 32 ? FULL_MASK : 0xff, lanes);
  if (t.laneId === 0) sums.store(warp, sum);
  yield* t.syncthreads();
  let total = 0;
  for (let index = 0; index < (t.blockDim.x + 31) >>> 5; index++) total = (total + sums.load(index)) | 0;
  output.store(t.threadIdx.x, total);
}

/** The sum over `lanes` lanes, a power of two, in each of them. */
function* butterflySum(t: Thread, value: number, mask: number, lanes: number): DeviceFunction<number> {
  let sum = value;
  for (let distance = lanes >>> 1; distance > 0; distance >>>= 1) {
    sum = (sum + (yield* t.shflXorSync(mask, sum, distance))) | 0;
  }
  return sum;
}

/** Z33 (flashinfer#3439): a barrier of the warp where data goes from one warp to another. */
export function* z33(t: Thread, { output }: ZooArgs): KernelBody {
  const words = t.shared('words', 'u32', 64);
  yield* zeroShared(t, words, 64);
  words.store(t.threadIdx.x, t.threadIdx.x + 1);
  // BUG: the next line reads what the other warp writes.
  yield* t.syncwarp();
  output.store(t.threadIdx.x, words.load((t.threadIdx.x + 32) % 64));
}

/** The twin of {@link z33}: a barrier of the block. */
export function* z33Fixed(t: Thread, { output }: ZooArgs): KernelBody {
  const words = t.shared('words', 'u32', 64);
  yield* zeroShared(t, words, 64);
  words.store(t.threadIdx.x, t.threadIdx.x + 1);
  yield* t.syncthreads();
  output.store(t.threadIdx.x, words.load((t.threadIdx.x + 32) % 64));
}

/** Z34 (flashinfer#3624): two reductions of a block use one temporary storage, with no barrier between them. */
export function* z34(t: Thread, { output }: ZooArgs): KernelBody {
  const storage = t.shared('storage', 'i32', 4);
  const first = yield* blockSum(t, storage, 1);
  // BUG: other warps still read the storage.
  const second = yield* blockSum(t, storage, 2);
  output.store(t.threadIdx.x, first * 1000 + second);
}

/** The twin of {@link z34}: with a barrier between the two. */
export function* z34Fixed(t: Thread, { output }: ZooArgs): KernelBody {
  const storage = t.shared('storage', 'i32', 4);
  const first = yield* blockSum(t, storage, 1);
  yield* t.syncthreads();
  const second = yield* blockSum(t, storage, 2);
  output.store(t.threadIdx.x, first * 1000 + second);
}

/** The sum over a block of four warps, in each of its threads. */
function* blockSum(t: Thread, storage: Pointer<'i32'>, value: number): DeviceFunction<number> {
  const sum = yield* butterflySum(t, value, FULL_MASK, 32);
  if (t.laneId === 0) storage.store(t.threadIdx.x >>> 5, sum);
  yield* t.syncthreads();
  let total = 0;
  for (let warp = 0; warp < 4; warp++) total = (total + storage.load(warp)) | 0;
  return total;
}

const Z35_LANES = 20;

/**
 * Z35 (mallocMC#145): code from before lanes had counters of their own. A ballot under a condition names lanes that
 * never come to it.
 */
export function* z35(t: Thread, { output }: ZooArgs): KernelBody {
  let odd = 0;
  // BUG: lanes that are not here are named.
  if (t.laneId < Z35_LANES) odd = yield* t.ballotSync(FULL_MASK, t.laneId % 2 === 1);
  const most = yield* t.reduceMaxSync(FULL_MASK, popc(odd));
  output.store(t.laneId, most);
}

/** The twin of {@link z35}: the mask is that of the lanes that take the branch. */
export function* z35Fixed(t: Thread, { output }: ZooArgs): KernelBody {
  let odd = 0;
  const active = yield* t.ballotSync(FULL_MASK, t.laneId < Z35_LANES);
  if (t.laneId < Z35_LANES) odd = yield* t.ballotSync(active, t.laneId % 2 === 1);
  const most = yield* t.reduceMaxSync(FULL_MASK, popc(odd));
  output.store(t.laneId, most);
}

/** Z35b (moderngpu#36): a reduction in volatile shared memory takes for granted that lanes go in lockstep. */
export function* z35b(t: Thread, { output }: ZooArgs): KernelBody {
  const words = t.shared('words', 'u32', 32);
  words.store(t.laneId, t.laneId + 1);
  yield* t.syncwarp();
  for (let distance = 16; distance > 0; distance >>>= 1) {
    if (t.laneId < distance) {
      const sum = (yield* t.loadVolatile(words, t.laneId)) + (yield* t.loadVolatile(words, t.laneId + distance));
      yield* t.storeVolatile(words, t.laneId, sum);
    }
    // BUG: the other lanes of the next round may be behind.
  }
  if (t.laneId === 0) output.store(0, yield* t.loadVolatile(words, 0));
}

/** The twin of {@link z35b}: a barrier of the warp in each round. */
export function* z35bFixed(t: Thread, { output }: ZooArgs): KernelBody {
  const words = t.shared('words', 'u32', 32);
  words.store(t.laneId, t.laneId + 1);
  yield* t.syncwarp();
  for (let distance = 16; distance > 0; distance >>>= 1) {
    if (t.laneId < distance) {
      const sum = (yield* t.loadVolatile(words, t.laneId)) + (yield* t.loadVolatile(words, t.laneId + distance));
      yield* t.storeVolatile(words, t.laneId, sum);
    }
    yield* t.syncwarp();
  }
  if (t.laneId === 0) output.store(0, yield* t.loadVolatile(words, 0));
}

/**
 * Z35c (sglang#11183): `activemask` as the mask of the lanes that took a branch; it is that of lanes that happen to be
 * together.
 */
export function* z35c(t: Thread, { output }: ZooArgs): KernelBody {
  yield* t.syncwarp();
  if (t.laneId < Z35_LANES) {
    // BUG: not all of them need be here.
    const active = yield* t.activemask();
    const count = yield* t.reduceAddSync(active, 1);
    output.store(t.laneId, count);
  }
}

/** The twin of {@link z35c}: a ballot before the branch. */
export function* z35cFixed(t: Thread, { output }: ZooArgs): KernelBody {
  const active = yield* t.ballotSync(FULL_MASK, t.laneId < Z35_LANES);
  if (t.laneId < Z35_LANES) {
    const count = yield* t.reduceAddSync(active, 1);
    output.store(t.laneId, count);
  }
}

/** Z35d (cub#154): lanes of a warp exchange words in shared memory without a barrier of the warp. */
export function* z35d(t: Thread, { output }: ZooArgs): KernelBody {
  const words = t.shared('words', 'u32', 32);
  yield* zeroShared(t, words, 32);
  words.store(t.laneId, t.laneId + 1);
  // BUG: the next line reads what the neighbour writes.
  output.store(t.laneId, words.load(t.laneId ^ 1));
}

/** The twin of {@link z35d}: with the barrier. */
export function* z35dFixed(t: Thread, { output }: ZooArgs): KernelBody {
  const words = t.shared('words', 'u32', 32);
  yield* zeroShared(t, words, 32);
  words.store(t.laneId, t.laneId + 1);
  yield* t.syncwarp();
  output.store(t.laneId, words.load(t.laneId ^ 1));
}

/** Z35e (cub#154): a vote in place of the barrier. Lanes meet in it, and it orders no memory. */
export function* z35e(t: Thread, { output }: ZooArgs): KernelBody {
  const words = t.shared('words', 'u32', 32);
  yield* zeroShared(t, words, 32);
  words.store(t.laneId, t.laneId + 1);
  // BUG: is no barrier.
  const isAnyOdd = yield* t.anySync(FULL_MASK, t.laneId % 2 === 1);
  if (isAnyOdd) output.store(t.laneId, words.load(t.laneId ^ 1));
}

/** The twin of {@link z35e}: with a barrier behind the vote. */
export function* z35eFixed(t: Thread, { output }: ZooArgs): KernelBody {
  const words = t.shared('words', 'u32', 32);
  yield* zeroShared(t, words, 32);
  words.store(t.laneId, t.laneId + 1);
  const isAnyOdd = yield* t.anySync(FULL_MASK, t.laneId % 2 === 1);
  yield* t.syncwarp();
  if (isAnyOdd) output.store(t.laneId, words.load(t.laneId ^ 1));
}

const Z36_BLOCKS = 2;
const Z36_PARTS = 128;

/** Z36 (cccl#10627): the last block to count reads the parts of all, for which their writers neither met nor fenced. */
export function* z36(t: Thread, args: ZooArgs): KernelBody {
  const { flags: counter, data: parts } = args;
  const isLast = t.shared('isLast', 'u32', 1);
  parts.store(t.globalThreadIdx, t.globalThreadIdx + 1);
  // BUG: other threads have not stored theirs, and nothing orders the stores before the count.
  if (t.threadIdx.x === 0) {
    const count = yield* t.atomicAdd(counter, 0, 1);
    isLast.store(0, count === Z36_BLOCKS - 1 ? 1 : 0);
  }
  yield* z36Total(t, args, isLast);
}

/** The twin of {@link z36}: with a barrier of the block, and fences around the count. */
export function* z36Fixed(t: Thread, args: ZooArgs): KernelBody {
  const { flags: counter, data: parts } = args;
  const isLast = t.shared('isLast', 'u32', 1);
  parts.store(t.globalThreadIdx, t.globalThreadIdx + 1);
  yield* t.syncthreads();
  if (t.threadIdx.x === 0) {
    yield* t.threadfence();
    const count = yield* t.atomicAdd(counter, 0, 1);
    yield* t.threadfence();
    isLast.store(0, count === Z36_BLOCKS - 1 ? 1 : 0);
  }
  yield* z36Total(t, args, isLast);
}

/** Z36b (aiter#4007): as {@link z36}, with the barrier and without the fences. Its twin is {@link z36Fixed}. */
export function* z36b(t: Thread, args: ZooArgs): KernelBody {
  const { flags: counter, data: parts } = args;
  const isLast = t.shared('isLast', 'u32', 1);
  parts.store(t.globalThreadIdx, t.globalThreadIdx + 1);
  yield* t.syncthreads();
  if (t.threadIdx.x === 0) {
    // BUG: a relaxed atomic orders nothing.
    const count = yield* t.atomicAdd(counter, 0, 1);
    isLast.store(0, count === Z36_BLOCKS - 1 ? 1 : 0);
  }
  yield* z36Total(t, args, isLast);
}

function* z36Total(t: Thread, { data: parts, output }: ZooArgs, isLast: Pointer<'u32'>): DeviceFunction {
  yield* t.syncthreads();
  if (isLast.load(0) === 0 || t.threadIdx.x !== 0) return;
  let total = 0;
  for (let part = 0; part < Z36_PARTS; part++) total = (total + parts.load(part)) >>> 0;
  output.store(0, total);
}
