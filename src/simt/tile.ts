import type { Operation } from './operation.js';
import { type Thread, WARP_SIZE, type WordType } from './thread.js';

/** Sizes of a cooperative-groups tile. */
export type TileSize = 1 | 2 | 4 | 8 | 16 | 32;

/**
 * `cg::thread_block_tile<size>`: `size` neighbouring lanes of a warp. Its operations are the warp-wide ones under the
 * tile's mask. Source: CUDA C++ Programming Guide, "Cooperative Groups, Thread Block Tile".
 */
export class Tile {
  readonly size: TileSize;
  /** Lanes of the tile. */
  readonly mask: number;
  /** `thread_rank()`: the thread's number within the tile. */
  readonly threadRank: number;
  /** `meta_group_rank()`: the tile's number within the block. */
  readonly metaGroupRank: number;
  readonly #thread: Thread;
  readonly #firstLane: number;

  constructor(thread: Thread, size: TileSize) {
    this.#thread = thread;
    this.size = size;
    this.threadRank = thread.laneId & (size - 1);
    this.#firstLane = thread.laneId - this.threadRank;
    this.metaGroupRank = Math.floor(thread.threadRank / size);
    this.mask = ((size === WARP_SIZE ? 0xffffffff : (1 << size) - 1) << this.#firstLane) >>> 0;
  }

  /** `sync()`. */
  sync(): Operation<void> {
    return this.#thread.syncwarp(this.mask);
  }
  /** `any(predicate)`. */
  any(predicate: boolean): Operation<boolean> {
    return this.#thread.anySync(this.mask, predicate);
  }
  /** `all(predicate)`. */
  all(predicate: boolean): Operation<boolean> {
    return this.#thread.allSync(this.mask, predicate);
  }
  /** `ballot(predicate)`: bit r is the tile's thread r. */
  ballot(predicate: boolean): Operation<number> {
    return this.#thread.ballotShifted(this.mask, predicate, this.#firstLane);
  }
  /** `shfl(value, rank)`. */
  shfl<V extends WordType>(value: V, rank: number): Operation<V> {
    return this.#thread.shflSync(this.mask, value, rank, this.size);
  }
  /** `shfl_up(value, delta)`. */
  shflUp<V extends WordType>(value: V, delta: number): Operation<V> {
    return this.#thread.shflUpSync(this.mask, value, delta, this.size);
  }
  /** `shfl_down(value, delta)`. */
  shflDown<V extends WordType>(value: V, delta: number): Operation<V> {
    return this.#thread.shflDownSync(this.mask, value, delta, this.size);
  }
  /** `shfl_xor(value, laneMask)`. */
  shflXor<V extends WordType>(value: V, laneMask: number): Operation<V> {
    return this.#thread.shflXorSync(this.mask, value, laneMask, this.size);
  }
  /** `match_any(value)`, as a mask of the warp's lanes shifted to the tile. */
  matchAny(value: WordType): Operation<number> {
    return this.#thread.matchAnyShifted(this.mask, value, this.#firstLane);
  }
}

/**
 * `cg::tiled_partition<size>(cg::this_thread_block())`.
 * @throws RangeError if the size is no tile size.
 */
export function tiledPartition(thread: Thread, size: TileSize): Tile {
  if (![1, 2, 4, 8, 16, 32].includes(size))
    throw new RangeError(`a tile has 1, 2, 4, 8, 16 or 32 threads, not ${size}`);
  return new Tile(thread, size);
}
