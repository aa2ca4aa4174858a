import type { TileSize } from '../simt/index.js';

/** The tile that the host code picks for `topK`: the least size that holds it. Source: trtllm_alltoall.cuh:613-624. */
export function tileSizeForTopK(topK: number): TileSize {
  if (topK <= 1) return 1;
  if (topK <= 2) return 2;
  if (topK <= 4) return 4;
  if (topK <= 8) return 8;
  if (topK <= 16) return 16;
  return 32;
}

/** The block that the host code picks for the cumulative sum over `epSize` ranks. Source: trtllm_alltoall.cuh:654-671. */
export function cumSumBlockSize(epSize: number): number {
  if (epSize <= 32) return 32;
  if (epSize <= 64) return 64;
  if (epSize <= 128) return 128;
  if (epSize <= 256) return 256;
  if (epSize <= 512) return 512;
  return 1024;
}
