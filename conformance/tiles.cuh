// SPDX-License-Identifier: Apache-2.0
// Cooperative-groups tiles of 1 to 32 threads.
#pragma once
#include <cooperative_groups.h>

#include "common.cuh"

template <int SIZE>
__global__ void tile_votes(const uint32_t* in, uint32_t* out) {
  Writer w(out);
  const auto tile = cooperative_groups::tiled_partition<SIZE>(cooperative_groups::this_thread_block());
  w.put(tile.thread_rank());
  w.put(tile.meta_group_rank());
  w.put(tile.size());
  for (int k = 0; k < 12; k++) {
    const int p = (in[64 + threadIdx.x] >> k & 3) != 0;
    w.put(tile.any(!p) != 0);
    w.put(tile.all(p) != 0);
    w.put(tile.ballot(p));
  }
}

template <int SIZE>
__global__ void tile_shuffles(const uint32_t* in, uint32_t* out) {
  Writer w(out);
  const auto tile = cooperative_groups::tiled_partition<SIZE>(cooperative_groups::this_thread_block());
  const uint32_t value = in[64 + threadIdx.x];
  for (int k = 0; k < SIZE; k++) {
    w.put(tile.shfl(value, k));
    w.put(tile.shfl_up(value, k));
    w.put(tile.shfl_down(value, k));
    w.put(tile.shfl_xor(value, k));
  }
  const u64 wide = static_cast<u64>(value) << 32 | threadIdx.x;
  w.put64(tile.shfl(wide, SIZE - 1));
}

template <int SIZE>
__global__ void tile_match_any(const uint32_t* in, uint32_t* out) {
  Writer w(out);
  const auto tile = cooperative_groups::tiled_partition<SIZE>(cooperative_groups::this_thread_block());
  for (int bits = 0; bits < 4; bits++) {
    const uint32_t value = in[64 + threadIdx.x] & ((1u << bits) - 1);
    w.put(tile.match_any(value));
    w.put(tile.match_any(static_cast<u64>(value) << 40));
  }
}

// Neighbouring tiles are in different operations, and in loops of different length.
template <int SIZE>
__global__ void tile_divergent(const uint32_t* in, uint32_t* out) {
  Writer w(out);
  const auto tile = cooperative_groups::tiled_partition<SIZE>(cooperative_groups::this_thread_block());
  uint32_t value = in[64 + threadIdx.x];
  const int rounds = tile.meta_group_rank() % 5;
  if (tile.meta_group_rank() % 2 == 1) {
    for (int k = 0; k < rounds; k++) value += tile.shfl(value, k % SIZE);
    w.put(value);
    w.put(tile.ballot(value & 1));
  } else {
    for (int k = 0; k < rounds; k++) value ^= tile.ballot(value >> k & 1);
    w.put(value);
    w.put(tile.any(value & 1) != 0);
  }
  tile.sync();
  w.put(tile.ballot(value & 2));
}
