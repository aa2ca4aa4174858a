// SPDX-License-Identifier: Apache-2.0
// Votes, matches, reductions, lane masks, launch geometry.
#pragma once
#include "common.cuh"

// Predicate k of a lane: none, all, random, one lane, all but one, an int that is no bool.
__device__ inline int predicate(const uint32_t* in, int k) {
  const int lane = laneId();
  switch (k) {
    case 0: return 0;
    case 1: return 1;
    case 2: return in[64 + threadIdx.x] & 1;
    case 3: return lane == 31;
    case 4: return lane != 16;
    default: return in[64 + threadIdx.x] & 256;
  }
}

__global__ void vote_any(const uint32_t* in, uint32_t* out) {
  Writer w(out);
  for (uint32_t mask : MASKS) {
    for (int k = 0; k < 6; k++) {
      const int p = predicate(in, k);
      if (mask >> laneId() & 1) w.put(__any_sync(mask, p) != 0);
      else w.skip();
    }
  }
}

__global__ void vote_all(const uint32_t* in, uint32_t* out) {
  Writer w(out);
  for (uint32_t mask : MASKS) {
    for (int k = 0; k < 6; k++) {
      const int p = predicate(in, k);
      if (mask >> laneId() & 1) w.put(__all_sync(mask, p) != 0);
      else w.skip();
    }
  }
}

__global__ void vote_ballot(const uint32_t* in, uint32_t* out) {
  Writer w(out);
  for (uint32_t mask : MASKS) {
    for (int k = 0; k < 6; k++) {
      const int p = predicate(in, k);
      if (mask >> laneId() & 1) w.put(__ballot_sync(mask, p));
      else w.skip();
    }
  }
}

// Lanes exit one eighth at a time; the full mask goes on naming them.
__global__ void vote_exited(const uint32_t* in, uint32_t* out) {
  Writer w(out);
  for (int step = 0; step < 8; step++) {
    if (laneId() % 8 == step) return;
    const int p = in[64 + threadIdx.x] >> step & 1;
    w.put(__any_sync(FULL_MASK, p) != 0);
    w.put(__all_sync(FULL_MASK, p) != 0);
    w.put(__ballot_sync(FULL_MASK, p));
    w.put(__ballot_sync(FULL_MASK, 1));
  }
}

// The last warp of the block has fewer than 32 threads.
__global__ void vote_partial_warp(const uint32_t* in, uint32_t* out) {
  Writer w(out);
  for (int k = 0; k < 6; k++) {
    const int p = predicate(in, k);
    w.put(__any_sync(FULL_MASK, p) != 0);
    w.put(__all_sync(FULL_MASK, p) != 0);
    w.put(__ballot_sync(FULL_MASK, p));
  }
}

__global__ void match_any_32(const uint32_t* in, uint32_t* out) {
  Writer w(out);
  for (uint32_t mask : MASKS) {
    for (int bits = 0; bits < 4; bits++) {
      const uint32_t value = in[64 + threadIdx.x] & ((1u << bits) - 1);
      if (mask >> laneId() & 1) {
        w.put(__match_any_sync(mask, value));
        w.put(__match_any_sync(mask, -static_cast<int>(value)));
      } else w.skip(2);
    }
  }
}

// Values that differ in the high word alone, in the low word alone, in both.
__global__ void match_any_64(const uint32_t* in, uint32_t* out) {
  Writer w(out);
  const u64 low = in[64 + threadIdx.x] & 3;
  const u64 high = in[128 + threadIdx.x] & 1;
  for (uint32_t mask : MASKS) {
    if (mask >> laneId() & 1) {
      w.put(__match_any_sync(mask, high << 32));
      w.put(__match_any_sync(mask, low));
      w.put(__match_any_sync(mask, high << 63 | low));
      w.put(__match_any_sync(mask, -static_cast<s64>(low)));
    } else w.skip(4);
  }
}

// Bits decide: a NaN is equal to itself, 0 and -0 differ.
__global__ void match_any_f32(const uint32_t* in, uint32_t* out) {
  Writer w(out);
  const uint32_t words[4] = {0x7fc00000, 0x7fc00001, 0x80000000, 0};
  const float value = __uint_as_float(words[in[64 + threadIdx.x] & 3]);
  w.put(__match_any_sync(FULL_MASK, value));
}

__global__ void match_all_32(const uint32_t* in, uint32_t* out) {
  Writer w(out);
  for (uint32_t mask : MASKS) {
    for (int odd = -1; odd < 32; odd += 4) {
      const uint32_t value = in[12] + (laneId() == odd);
      if (mask >> laneId() & 1) {
        int pred = -1;
        w.put(__match_all_sync(mask, value, &pred));
        w.put(pred != 0);
      } else w.skip(2);
    }
  }
}

__global__ void match_all_64(const uint32_t* in, uint32_t* out) {
  Writer w(out);
  for (uint32_t mask : MASKS) {
    for (int odd = -1; odd < 32; odd += 4) {
      const u64 value = static_cast<u64>(in[12] + (laneId() == odd)) << 32 | in[11];
      if (mask >> laneId() & 1) {
        int pred = -1;
        w.put(__match_all_sync(mask, value, &pred));
        w.put(pred != 0);
      } else w.skip(2);
    }
  }
}

// Values of a reduction: edges, random words, small signed ones.
__device__ inline uint32_t reduceValue(const uint32_t* in, int k) {
  switch (k) {
    case 0: return in[threadIdx.x];
    case 1: return in[128 + threadIdx.x];
    default: return in[256 + threadIdx.x] % 201 - 100;
  }
}

__global__ void reduce_signed(const uint32_t* in, uint32_t* out) {
  Writer w(out);
  for (uint32_t mask : MASKS) {
    for (int k = 0; k < 3; k++) {
      const int value = reduceValue(in, k);
      if (mask >> laneId() & 1) {
        w.put(__reduce_add_sync(mask, value));
        w.put(__reduce_min_sync(mask, value));
        w.put(__reduce_max_sync(mask, value));
      } else w.skip(3);
    }
  }
}

__global__ void reduce_unsigned(const uint32_t* in, uint32_t* out) {
  Writer w(out);
  for (uint32_t mask : MASKS) {
    for (int k = 0; k < 3; k++) {
      const unsigned value = reduceValue(in, k);
      if (mask >> laneId() & 1) {
        w.put(__reduce_add_sync(mask, value));
        w.put(__reduce_min_sync(mask, value));
        w.put(__reduce_max_sync(mask, value));
      } else w.skip(3);
    }
  }
}

__global__ void reduce_bits(const uint32_t* in, uint32_t* out) {
  Writer w(out);
  for (uint32_t mask : MASKS) {
    for (int k = 0; k < 3; k++) {
      const unsigned value = reduceValue(in, k);
      if (mask >> laneId() & 1) {
        w.put(__reduce_and_sync(mask, value));
        w.put(__reduce_or_sync(mask, value));
        w.put(__reduce_xor_sync(mask, value));
      } else w.skip(3);
    }
  }
}

// In converged code alone: elsewhere the result is the hardware's choice.
__global__ void activemask(const uint32_t* in, uint32_t* out) {
  Writer w(out);
  w.put(__activemask());
  __syncthreads();
  w.put(__activemask());
  __syncwarp();
  w.put(__activemask());
}

__global__ void lanemasks(const uint32_t* in, uint32_t* out) {
  Writer w(out);
  uint32_t lt, le, eq, gt, ge, lane;
  asm("mov.u32 %0, %%lanemask_lt;" : "=r"(lt));
  asm("mov.u32 %0, %%lanemask_le;" : "=r"(le));
  asm("mov.u32 %0, %%lanemask_eq;" : "=r"(eq));
  asm("mov.u32 %0, %%lanemask_gt;" : "=r"(gt));
  asm("mov.u32 %0, %%lanemask_ge;" : "=r"(ge));
  asm("mov.u32 %0, %%laneid;" : "=r"(lane));
  w.put(lt);
  w.put(le);
  w.put(eq);
  w.put(gt);
  w.put(ge);
  w.put(lane);
}

// Which thread is which lane of which warp: x fastest.
__global__ void geometry(const uint32_t* in, uint32_t* out) {
  Writer w(out);
  uint32_t lane;
  asm("mov.u32 %0, %%laneid;" : "=r"(lane));
  w.put(threadIdx.x);
  w.put(threadIdx.y);
  w.put(threadIdx.z);
  w.put(blockIdx.x);
  w.put(blockIdx.y);
  w.put(blockIdx.z);
  w.put(blockDim.x);
  w.put(blockDim.y);
  w.put(blockDim.z);
  w.put(gridDim.x);
  w.put(gridDim.y);
  w.put(gridDim.z);
  w.put(lane);
  w.put(__ballot_sync(FULL_MASK, threadIdx.y == 1));
}
