// Ports of conformance/tiles.cuh and conformance/scan.cuh.
import { BlockScan, blockScanStorageCount, i32, type TileSize, tiledPartition, u32 } from '../../src/simt/index.js';
import { isIn, join64, type Port, type Ports, Writer } from './harness.js';

const tileVotes = (size: TileSize): Port =>
  function* tileVotes(t, { input, out }) {
    const w = new Writer(t, out);
    const tile = tiledPartition(t, size);
    w.put(tile.threadRank);
    w.put(tile.metaGroupRank);
    w.put(tile.size);
    for (let k = 0; k < 12; k++) {
      const p = ((input.load(64 + t.threadIdx.x) >>> k) & 3) !== 0;
      w.put(yield* tile.any(!p));
      w.put(yield* tile.all(p));
      w.put(yield* tile.ballot(p));
    }
  };

const tileShuffles = (size: TileSize): Port =>
  function* tileShuffles(t, { input, out }) {
    const w = new Writer(t, out);
    const tile = tiledPartition(t, size);
    const value = input.load(64 + t.threadIdx.x);
    for (let k = 0; k < size; k++) {
      w.put(yield* tile.shfl(value, k));
      w.put(yield* tile.shflUp(value, k));
      w.put(yield* tile.shflDown(value, k));
      w.put(yield* tile.shflXor(value, k));
    }
    const wide = join64(value, t.threadIdx.x);
    w.put64(yield* tile.shfl(wide, size - 1));
  };

const tileMatchAny = (size: TileSize): Port =>
  function* tileMatchAny(t, { input, out }) {
    const w = new Writer(t, out);
    const tile = tiledPartition(t, size);
    for (let bits = 0; bits < 4; bits++) {
      const value = input.load(64 + t.threadIdx.x) & ((1 << bits) - 1);
      w.put(yield* tile.matchAny(value));
      w.put(yield* tile.matchAny(BigInt(value) << 40n));
    }
  };

const tileDivergent = (size: TileSize): Port =>
  function* tileDivergent(t, { input, out }) {
    const w = new Writer(t, out);
    const tile = tiledPartition(t, size);
    let value = input.load(64 + t.threadIdx.x);
    const rounds = tile.metaGroupRank % 5;
    if (tile.metaGroupRank % 2 === 1) {
      for (let k = 0; k < rounds; k++) value = u32(value + (yield* tile.shfl(value, k % size)));
      w.put(value);
      w.put(yield* tile.ballot(isIn(value, 0)));
    } else {
      for (let k = 0; k < rounds; k++) value = u32(value ^ (yield* tile.ballot(isIn(value, k))));
      w.put(value);
      w.put(yield* tile.any(isIn(value, 0)));
    }
    yield* tile.sync();
    w.put(yield* tile.ballot(isIn(value, 1)));
  };

const blockScan = (threads: number): Port =>
  function* blockScan(t, { input, out }) {
    const storage = t.shared('storage', 'i32', blockScanStorageCount(threads));
    const scan = new BlockScan(t, storage, threads);
    const w = new Writer(t, out);
    const value = i32(input.load(t.threadIdx.x + t.blockIdx.x * 32));
    let result = yield* scan.inclusiveSum(value);
    w.put(result);
    yield* t.syncthreads();
    result = yield* scan.exclusiveSum(value);
    w.put(result);
    for (let k = 0; k < 3; k++) {
      yield* t.syncthreads();
      result = yield* scan.exclusiveSum((value >> k) & 1);
      w.put(result);
      yield* t.syncthreads();
      result = yield* scan.inclusiveSum(result);
      w.put(result);
    }
  };

const portsOfSize = (size: TileSize): Ports => ({
  [`tile_votes_${size}`]: tileVotes(size),
  [`tile_shuffles_${size}`]: tileShuffles(size),
  [`tile_match_any_${size}`]: tileMatchAny(size),
  [`tile_divergent_${size}`]: tileDivergent(size),
});

const SCAN_THREADS = [16, 32, 48, 64, 96, 128, 160, 192, 256, 320, 384, 512, 640, 768, 1000, 1024];

export const tilePorts: Ports = Object.assign(
  {},
  ...([1, 2, 4, 8, 16, 32] as const).map((size) => portsOfSize(size)),
  ...SCAN_THREADS.map((threads) => ({ [`block_scan_${threads}`]: blockScan(threads) })),
);
