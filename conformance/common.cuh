// SPDX-License-Identifier: Apache-2.0
// What all conformance kernels share. Its twin on the simulator's side is test/conformance/harness.ts.
#pragma once
#include <cstdint>

typedef unsigned long long u64;
typedef long long s64;

// Every word of `out` holds this before a kernel runs.
constexpr uint32_t PRESET = 0xcdcdcdcd;
constexpr uint32_t FULL_MASK = 0xffffffff;

constexpr uint32_t EDGES[32] = {
    0,          1,          2,          31,         32,         33,         0x7fffffff, 0x80000000,
    0x80000001, 0xfffffffe, 0xffffffff, 0x7f800001, 0xffc12345, 255,        256,        65536,
    3,          63,         64,         65,         127,        128,        65535,      0x7fc00000,
    0x7f800000, 0xff800000, 0x3f800000, 0x00800000, 0x55555555, 0xaaaaaaaa, 0x0000ff80, 0x80007fff,
};

// Word i of `in`: the edge words, then a fixed hash of i.
constexpr uint32_t inputWord(uint32_t i) {
  if (i < 32) return EDGES[i];
  uint32_t x = i * 0x9e3779b9u + 0x85ebca6bu;
  x ^= x >> 16;
  x *= 0x7feb352du;
  x ^= x >> 15;
  x *= 0x846ca68bu;
  x ^= x >> 16;
  return x;
}

__device__ inline uint32_t threadRank() {
  return (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
}
__device__ inline uint32_t blockThreads() { return blockDim.x * blockDim.y * blockDim.z; }
__device__ inline uint32_t blockRank() { return (blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x; }
__device__ inline uint32_t gridBlocks() { return gridDim.x * gridDim.y * gridDim.z; }
__device__ inline int laneId() { return threadRank() % 32; }

// Writes the results of this thread: the k-th of thread i of n goes to out[k * n + i].
struct Writer {
  uint32_t* out;
  uint32_t at;
  uint32_t stride;
  __device__ explicit Writer(uint32_t* out)
      : out(out), at(blockRank() * blockThreads() + threadRank()), stride(gridBlocks() * blockThreads()) {}
  __device__ void put(uint32_t word) {
    out[at] = word;
    at += stride;
  }
  __device__ void put64(u64 word) {
    put(static_cast<uint32_t>(word));
    put(static_cast<uint32_t>(word >> 32));
  }
  __device__ void skip(int words = 1) { at += stride * words; }
};

// Places in `in` of the high and low words of sixteen 64-bit values with edges among them: 0, 1, 31, 33, 2^31, 2^32-1,
// -1, -2, the least and greatest signed values and their neighbours, 2^32, and three others.
__device__ constexpr int EDGE64_HIGH[16] = {0, 0, 0, 0, 0, 0, 10, 10, 7, 6, 6, 1, 7, 11, 12, 13};
__device__ constexpr int EDGE64_LOW[16] = {0, 1, 3, 5, 7, 10, 10, 9, 0, 10, 9, 0, 1, 12, 11, 14};
__device__ inline u64 edge64(const uint32_t* in, int i) {
  return static_cast<u64>(in[EDGE64_HIGH[i]]) << 32 | in[EDGE64_LOW[i]];
}

// Masks of the warp-wide operations: all lanes, halves, every other, the ends, all but one, one, holes.
__device__ constexpr uint32_t MASKS[8] = {0xffffffff, 0x0000ffff, 0xaaaaaaaa, 0x80000001,
                                          0xfffffffe, 0x00010000, 0x7fffffff, 0x0ff00ff0};
