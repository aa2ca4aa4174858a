import type { DeviceFunction } from './operation.js';
import type { Pointer } from './pointer.js';
import { FULL_MASK, type Thread, WARP_SIZE } from './thread.js';

/**
 * `cub::BlockScan<int, BLOCK_THREADS>`, algorithm BLOCK_SCAN_RAKING, the default: every thread writes its value to
 * shared memory, the first warp scans it, every thread reads its result, with a block barrier before and after the
 * warp's part. CUB asks for a block barrier before the storage is used again. A block of one warp scans
 * with shuffles alone.
 *
 * Sums wrap at 32 bits. Source: CUB, `cub/block/block_scan.cuh`, `specializations/block_scan_raking.cuh`.
 */
export class BlockScan {
  readonly #thread: Thread;
  readonly #storage: Pointer<'i32'>;
  readonly #blockThreads: number;

  /** `storage` has {@link blockScanStorageCount} elements. */
  constructor(thread: Thread, storage: Pointer<'i32'>, blockThreads: number) {
    this.#thread = thread;
    this.#storage = storage;
    this.#blockThreads = blockThreads;
  }

  /** `InclusiveSum(input, output)`: the sum of the values of the threads up to and including this one. */
  *inclusiveSum(value: number): DeviceFunction<number> {
    return ((yield* this.exclusiveSum(value)) + value) | 0;
  }

  /** `ExclusiveSum(input, output)`: the sum of the values of the threads before this one. */
  *exclusiveSum(value: number): DeviceFunction<number> {
    const t = this.#thread;
    if (this.#blockThreads <= WARP_SIZE) return yield* warpExclusiveSum(t, value, partialMask(this.#blockThreads));
    const segment = segmentLength(this.#blockThreads);
    const place = placeOf(t.threadRank, segment);
    this.#storage.store(place, value);
    yield* t.syncthreads();
    if (t.threadRank < WARP_SIZE) yield* this.#rake(segment);
    yield* t.syncthreads();
    return this.#storage.load(place);
  }

  /** The first warp: each lane sums a segment, the warp scans the sums, each lane writes its segment's prefix sums. */
  *#rake(segment: number): DeviceFunction {
    const t = this.#thread;
    const first = Math.imul(t.laneId, segment);
    const last = Math.min(first + segment, this.#blockThreads);
    let sum = 0;
    for (let rank = first; rank < last; rank++) sum = (sum + this.#storage.load(placeOf(rank, segment))) | 0;
    let prefix = yield* warpExclusiveSum(t, sum, FULL_MASK);
    for (let rank = first; rank < last; rank++) {
      const place = placeOf(rank, segment);
      const value = this.#storage.load(place);
      this.#storage.store(place, prefix);
      prefix = (prefix + value) | 0;
    }
  }
}

/** i32 elements of `TempStorage` for a block of `blockThreads` threads. */
export function blockScanStorageCount(blockThreads: number): number {
  return placeOf(blockThreads - 1, segmentLength(blockThreads)) + 1;
}

const segmentLength = (blockThreads: number): number => Math.ceil(blockThreads / WARP_SIZE);

/** As in CUB, segments of even length above 2 are padded by one element, so that the raking lanes hit different banks. */
const placeOf = (rank: number, segment: number): number =>
  segment % 2 === 0 && segment > 2 ? rank + Math.floor(rank / segment) : rank;

const partialMask = (threads: number): number => (threads >= WARP_SIZE ? FULL_MASK : ((1 << threads) - 1) >>> 0);

/** `cub::WarpScan` by shuffles: log2(32) steps. */
function* warpExclusiveSum(t: Thread, value: number, mask: number): DeviceFunction<number> {
  let inclusive = value;
  for (let delta = 1; delta < WARP_SIZE; delta *= 2) {
    const below = yield* t.shflUpSync(mask, inclusive, delta);
    if (t.laneId >= delta) inclusive = (inclusive + below) | 0;
  }
  return (inclusive - value) | 0;
}
