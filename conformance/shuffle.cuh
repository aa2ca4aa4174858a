// SPDX-License-Identifier: Apache-2.0
// Shuffles: every width, operands past the width, partial masks, 64-bit values.
#pragma once
#include "common.cuh"

// Operand k of a shuffle: 0 to 35, then numbers of which PTX takes the low bits.
constexpr int SHUFFLE_OPERANDS = 40;
__device__ inline int shuffleOperand(int k) {
  switch (k) {
    case 36: return 63;
    case 37: return 64;
    case 38: return 97;
    case 39: return -1;
    default: return k;
  }
}

template <int WIDTH>
__global__ void shfl_idx(const uint32_t* in, uint32_t* out) {
  Writer w(out);
  for (int k = 0; k < SHUFFLE_OPERANDS; k++)
    w.put(__shfl_sync(FULL_MASK, in[threadIdx.x], shuffleOperand(k), WIDTH));
}

template <int WIDTH>
__global__ void shfl_up(const uint32_t* in, uint32_t* out) {
  Writer w(out);
  for (int k = 0; k < SHUFFLE_OPERANDS; k++)
    w.put(__shfl_up_sync(FULL_MASK, in[threadIdx.x], shuffleOperand(k), WIDTH));
}

template <int WIDTH>
__global__ void shfl_down(const uint32_t* in, uint32_t* out) {
  Writer w(out);
  for (int k = 0; k < SHUFFLE_OPERANDS; k++)
    w.put(__shfl_down_sync(FULL_MASK, in[threadIdx.x], shuffleOperand(k), WIDTH));
}

template <int WIDTH>
__global__ void shfl_xor(const uint32_t* in, uint32_t* out) {
  Writer w(out);
  for (int k = 0; k < SHUFFLE_OPERANDS; k++)
    w.put(__shfl_xor_sync(FULL_MASK, in[threadIdx.x], shuffleOperand(k), WIDTH));
}

// A lane whose source takes no part reads itself: the value would be undefined. Operands differ between lanes.
template <int WIDTH>
__global__ void shfl_partial(const uint32_t* in, uint32_t* out) {
  Writer w(out);
  const int lane = laneId();
  const int segment = lane & ~(WIDTH - 1);
  const uint32_t value = in[64 + lane];
  for (uint32_t mask : MASKS) {
    for (int k = 1; k < 32; k += 5) {
      if (!(mask >> lane & 1)) {
        w.skip(4);
        continue;
      }
      int source = segment | (lane * k & (WIDTH - 1));
      if (!(mask >> source & 1)) source = lane;
      w.put(__shfl_sync(mask, value, source, WIDTH));
      int delta = (lane + k) % 8;
      source = lane - delta;
      if (source >= segment && !(mask >> source & 1)) delta = 0;
      w.put(__shfl_up_sync(mask, value, delta, WIDTH));
      delta = (lane + k) % 8;
      source = lane + delta;
      if (source < segment + WIDTH && !(mask >> source & 1)) delta = 0;
      w.put(__shfl_down_sync(mask, value, delta, WIDTH));
      int laneMask = (lane + k) % 32;
      source = lane ^ laneMask;
      if (source < segment + WIDTH && !(mask >> source & 1)) laneMask = 0;
      w.put(__shfl_xor_sync(mask, value, laneMask, WIDTH));
    }
  }
}

template <int WIDTH>
__global__ void shfl_64(const uint32_t* in, uint32_t* out) {
  Writer w(out);
  const u64 value = static_cast<u64>(in[threadIdx.x]) << 32 | in[64 + threadIdx.x];
  for (int k = 0; k < 36; k += 7) {
    w.put64(__shfl_sync(FULL_MASK, value, k, WIDTH));
    w.put64(__shfl_up_sync(FULL_MASK, value, k, WIDTH));
    w.put64(__shfl_down_sync(FULL_MASK, static_cast<s64>(value), k, WIDTH));
    w.put64(__shfl_xor_sync(FULL_MASK, static_cast<s64>(value), k, WIDTH));
  }
}

// Lanes that have exited are named in the mask and not read.
__global__ void shfl_exited(const uint32_t* in, uint32_t* out) {
  Writer w(out);
  const int lane = laneId();
  if (lane >= 20) return;
  w.put(__shfl_sync(FULL_MASK, in[lane], 19 - lane));
  w.put(__shfl_up_sync(FULL_MASK, in[lane], 3));
  w.put(__shfl_down_sync(FULL_MASK, in[lane], lane < 17 ? 3 : 0));
  w.put(__shfl_xor_sync(FULL_MASK, in[lane], 3));
}
