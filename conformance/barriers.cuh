// SPDX-License-Identifier: Apache-2.0
// Barriers of a block: __syncthreads, named barriers with a count, arrivals without waiting, exited threads.
#pragma once
#include "common.cuh"

__device__ inline void barSync(int id, int threads) {
  asm volatile("bar.sync %0, %1;" ::"r"(id), "r"(threads) : "memory");
}
__device__ inline void barArrive(int id, int threads) {
  asm volatile("bar.arrive %0, %1;" ::"r"(id), "r"(threads) : "memory");
}
__device__ inline void barrierSync(int id, int threads) {
  asm volatile("barrier.sync %0, %1;" ::"r"(id), "r"(threads) : "memory");
}
__device__ inline void barrierArrive(int id, int threads) {
  asm volatile("barrier.arrive %0, %1;" ::"r"(id), "r"(threads) : "memory");
}

__global__ void syncthreads_phases(const uint32_t* in, uint32_t* out) {
  __shared__ uint32_t words[256];
  Writer w(out);
  uint32_t value = in[threadIdx.x];
  for (int phase = 0; phase < 5; phase++) {
    words[threadIdx.x] = value;
    __syncthreads();
    value = value * 3 + words[(threadIdx.x + 37) % blockDim.x];
    w.put(value);
    __syncthreads();
  }
}

// Warps 0 and 1 on barrier 1, warps 2 to 4 on barrier 2; the second group makes more phases.
template <bool ALIGNED>
__global__ void named_barriers(const uint32_t* in, uint32_t* out) {
  __shared__ uint32_t words[160];
  Writer w(out);
  const bool first = threadIdx.x < 64;
  const int id = first ? 1 : 2;
  const int threads = first ? 64 : 96;
  const int begin = first ? 0 : 64;
  const int rank = threadIdx.x - begin;
  uint32_t value = in[threadIdx.x];
  for (int phase = 0; phase < (first ? 3 : 6); phase++) {
    words[threadIdx.x] = value;
    if (ALIGNED) barSync(id, threads);
    else barrierSync(id, threads);
    value = value * 5 + words[begin + (rank + 33) % threads];
    w.put(value);
    if (ALIGNED) barSync(id, threads);
    else barrierSync(id, threads);
  }
  __syncthreads();
  words[threadIdx.x] = value;
  __syncthreads();
  w.put(words[159 - threadIdx.x]);
}

// The highest barrier, used in turn with barrier 0.
__global__ void barrier_15(const uint32_t* in, uint32_t* out) {
  __shared__ uint32_t words[96];
  Writer w(out);
  uint32_t value = in[threadIdx.x];
  for (int phase = 0; phase < 4; phase++) {
    words[threadIdx.x] = value;
    barSync(phase % 2 == 0 ? 15 : 0, 96);
    value += words[(threadIdx.x + 40) % 96];
    w.put(value);
    barSync(phase % 2 == 0 ? 0 : 15, 96);
  }
}

// Warps 0 and 1 produce, warps 2 and 3 consume: barrier 1 says full, barrier 2 empty.
template <bool ALIGNED>
__global__ void producer_consumer(const uint32_t* in, uint32_t* out) {
  __shared__ uint32_t words[64];
  Writer w(out);
  for (int phase = 0; phase < 6; phase++) {
    if (threadIdx.x < 64) {
      if (ALIGNED) barSync(2, 128);
      else barrierSync(2, 128);
      words[threadIdx.x] = in[threadIdx.x + phase];
      __threadfence_block();
      if (ALIGNED) barArrive(1, 128);
      else barrierArrive(1, 128);
    } else {
      if (ALIGNED) barArrive(2, 128);
      else barrierArrive(2, 128);
      if (ALIGNED) barSync(1, 128);
      else barrierSync(1, 128);
      w.put(words[(threadIdx.x * 7 + phase) % 64]);
      __threadfence_block();
    }
  }
}

// Warps 1 and 3 of four exit at once, warp 2 after one phase.
__global__ void exited_warps(const uint32_t* in, uint32_t* out) {
  __shared__ uint32_t words[128];
  Writer w(out);
  const int warp = threadIdx.x / 32;
  words[threadIdx.x] = in[threadIdx.x];
  if (warp % 2 == 1) return;
  __syncthreads();
  w.put(words[threadIdx.x ^ 64]);
  if (warp == 2) return;
  __syncthreads();
  words[threadIdx.x] += 1;
  __syncthreads();
  w.put(words[threadIdx.x ^ 31]);
}

// Lanes exit one quarter at a time, those of warp 1 after those of warp 0.
__global__ void exited_lanes(const uint32_t* in, uint32_t* out) {
  __shared__ uint32_t words[64];
  Writer w(out);
  words[threadIdx.x] = in[threadIdx.x];
  for (int step = 0; step < 3; step++) {
    if (threadIdx.x % 4 == step + threadIdx.x / 32) return;
    __syncthreads();
    const uint32_t value = words[threadIdx.x ^ 32] + words[63 - threadIdx.x];
    w.put(value);
    __syncthreads();
    words[threadIdx.x] = value * 3;
  }
}

// A warp counts as 32 threads, however few of its lanes are left.
__global__ void named_barrier_exited_lanes(const uint32_t* in, uint32_t* out) {
  __shared__ uint32_t words[96];
  Writer w(out);
  words[threadIdx.x] = in[threadIdx.x];
  if (threadIdx.x % 32 >= 5 + threadIdx.x / 32) return;
  barSync(3, 96);
  const uint32_t value = words[(threadIdx.x + 32) % 96];
  w.put(value);
  barSync(4, 96);
  words[threadIdx.x] = value;
  barSync(3, 96);
  w.put(words[(threadIdx.x + 64) % 96]);
}

// A block of 40 threads: two warps, the second has 8.
__global__ void partial_last_warp(const uint32_t* in, uint32_t* out) {
  __shared__ uint32_t words[40];
  Writer w(out);
  words[threadIdx.x] = in[threadIdx.x];
  __syncthreads();
  const uint32_t value = words[39 - threadIdx.x];
  w.put(value);
  barSync(1, 64);
  words[threadIdx.x] = value * 9;
  barSync(2, 64);
  w.put(words[(threadIdx.x + 17) % 40]);
}

// Lanes come to an unaligned barrier from both sides of a branch.
__global__ void barrier_from_branches(const uint32_t* in, uint32_t* out) {
  __shared__ uint32_t words[64];
  Writer w(out);
  words[threadIdx.x] = in[threadIdx.x];
  if (threadIdx.x % 3 == 0) {
    words[threadIdx.x] += 5;
    barrierSync(6, 64);
    w.put(words[63 - threadIdx.x]);
  } else {
    barrierSync(6, 64);
    w.put(words[63 - threadIdx.x] * 2);
  }
}

__global__ void syncwarp_exchange(const uint32_t* in, uint32_t* out) {
  __shared__ uint32_t words[64];
  Writer w(out);
  const int lane = threadIdx.x % 32;
  const int first = threadIdx.x - lane;
  uint32_t value = in[threadIdx.x];
  for (int k = 1; k < 32; k *= 2) {
    words[threadIdx.x] = value;
    __syncwarp();
    value = value * 3 + words[first + (lane ^ k)];
    w.put(value);
    __syncwarp();
  }
  // The halves of a warp on their own.
  const uint32_t mask = lane < 16 ? 0x0000ffff : 0xffff0000;
  for (int k = 0; k < (lane < 16 ? 2 : 3); k++) {
    words[threadIdx.x] = value;
    __syncwarp(mask);
    value += words[threadIdx.x ^ 15];
    w.put(value);
    __syncwarp(mask);
  }
}
