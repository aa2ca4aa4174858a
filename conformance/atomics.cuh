// SPDX-License-Identifier: Apache-2.0
// Atomics of every operation, type and scope, on shared and global memory.
#pragma once
#include "common.cuh"

enum Scope { BLOCK, DEVICE, SYSTEM };

#define SCOPED(NAME)                                       \
  template <Scope SCOPE, class T>                          \
  __device__ inline T scoped##NAME(T* cell, T value) {     \
    if (SCOPE == BLOCK) return atomic##NAME##_block(cell, value);   \
    if (SCOPE == SYSTEM) return atomic##NAME##_system(cell, value); \
    return atomic##NAME(cell, value);                      \
  }
SCOPED(Add)
SCOPED(Sub)
SCOPED(Exch)
SCOPED(Min)
SCOPED(Max)
SCOPED(Inc)
SCOPED(Dec)
SCOPED(And)
SCOPED(Or)
SCOPED(Xor)
template <Scope SCOPE, class T>
__device__ inline T scopedCAS(T* cell, T compare, T value) {
  if (SCOPE == BLOCK) return atomicCAS_block(cell, compare, value);
  if (SCOPE == SYSTEM) return atomicCAS_system(cell, compare, value);
  return atomicCAS(cell, compare, value);
}

// The cells of 256 threads: of global memory the first 512 words of `out`, so that their last values are recorded.
template <class T, bool SHARED>
__device__ inline T* ownCell(uint32_t* out) {
  if (SHARED) {
    __shared__ T cells[256];
    return cells + threadIdx.x;
  }
  return reinterpret_cast<T*>(out) + threadIdx.x;
}

// Each thread has a pair (a, b) of edge values and a cell of its own: writes the old value and the new one.
#define OLD_AND_NEW(PUT, EXPRESSION) \
  {                                  \
    *cell = a;                       \
    PUT(EXPRESSION);                 \
    PUT(*cell);                      \
  }

template <class T, Scope SCOPE, bool SHARED>
__global__ void atomic_values_32(const uint32_t* in, uint32_t* out) {
  T* cell = ownCell<T, SHARED>(out);
  Writer w(out + 512);
  const T a = in[threadIdx.x / 16], b = in[threadIdx.x % 16];
  OLD_AND_NEW(w.put, scopedAdd<SCOPE>(cell, b))
  OLD_AND_NEW(w.put, scopedSub<SCOPE>(cell, b))
  OLD_AND_NEW(w.put, scopedExch<SCOPE>(cell, b))
  OLD_AND_NEW(w.put, scopedMin<SCOPE>(cell, b))
  OLD_AND_NEW(w.put, scopedMax<SCOPE>(cell, b))
  OLD_AND_NEW(w.put, scopedAnd<SCOPE>(cell, b))
  OLD_AND_NEW(w.put, scopedOr<SCOPE>(cell, b))
  OLD_AND_NEW(w.put, scopedXor<SCOPE>(cell, b))
  OLD_AND_NEW(w.put, scopedCAS<SCOPE>(cell, a, b))
  OLD_AND_NEW(w.put, scopedCAS<SCOPE>(cell, b, T(~a)))
}

template <Scope SCOPE, bool SHARED>
__global__ void atomic_values_inc_dec(const uint32_t* in, uint32_t* out) {
  uint32_t* cell = ownCell<uint32_t, SHARED>(out);
  Writer w(out + 512);
  const uint32_t a = in[threadIdx.x / 16], b = in[threadIdx.x % 16];
  OLD_AND_NEW(w.put, scopedInc<SCOPE>(cell, b))
  OLD_AND_NEW(w.put, scopedDec<SCOPE>(cell, b))
}

template <Scope SCOPE, bool SHARED>
__global__ void atomic_values_u64(const uint32_t* in, uint32_t* out) {
  u64* cell = ownCell<u64, SHARED>(out);
  Writer w(out + 512);
  const u64 a = edge64(in, threadIdx.x / 16), b = edge64(in, threadIdx.x % 16);
  OLD_AND_NEW(w.put64, scopedAdd<SCOPE>(cell, b))
  OLD_AND_NEW(w.put64, scopedExch<SCOPE>(cell, b))
  OLD_AND_NEW(w.put64, scopedMin<SCOPE>(cell, b))
  OLD_AND_NEW(w.put64, scopedMax<SCOPE>(cell, b))
  OLD_AND_NEW(w.put64, scopedAnd<SCOPE>(cell, b))
  OLD_AND_NEW(w.put64, scopedOr<SCOPE>(cell, b))
  OLD_AND_NEW(w.put64, scopedXor<SCOPE>(cell, b))
  OLD_AND_NEW(w.put64, scopedCAS<SCOPE>(cell, a, b))
  OLD_AND_NEW(w.put64, scopedCAS<SCOPE>(cell, b, ~a))
}

template <Scope SCOPE, bool SHARED>
__global__ void atomic_values_s64(const uint32_t* in, uint32_t* out) {
  s64* cell = ownCell<s64, SHARED>(out);
  Writer w(out + 512);
  const s64 a = edge64(in, threadIdx.x / 16), b = edge64(in, threadIdx.x % 16);
  OLD_AND_NEW(w.put64, scopedMin<SCOPE>(cell, b))
  OLD_AND_NEW(w.put64, scopedMax<SCOPE>(cell, b))
}

// Many threads, few cells. Cells begin as PRESET; `tickets` has a word a thread, `histogram` 16 words.
// Nothing that is written depends on the order of the threads.
template <Scope SCOPE>
__device__ void contend(const uint32_t* in, uint32_t* cells, uint32_t* tickets, uint32_t* histogram) {
  const uint32_t rank = blockIdx.x * blockDim.x + threadIdx.x;
  const uint32_t threads = gridDim.x * blockDim.x;
  const uint32_t value = in[rank % 512];
  scopedAdd<SCOPE>(&cells[0], value);
  scopedSub<SCOPE>(&cells[1], value);
  scopedMin<SCOPE>(&cells[2], value);
  scopedMax<SCOPE>(&cells[3], value);
  scopedMin<SCOPE>(reinterpret_cast<int*>(&cells[4]), static_cast<int>(value));
  scopedMax<SCOPE>(reinterpret_cast<int*>(&cells[5]), static_cast<int>(value));
  scopedAnd<SCOPE>(&cells[6], ~(1u << rank % 13));
  scopedOr<SCOPE>(&cells[7], 1u << rank % 16);
  scopedXor<SCOPE>(&cells[8], value);
  // Old values of the counters: all numbers from 0 to 9, about equally often.
  const uint32_t up = scopedInc<SCOPE>(&cells[9], 9u);
  scopedAdd<SCOPE>(&histogram[up == PRESET ? 15 : up], 1u);
  const uint32_t down = scopedDec<SCOPE>(&cells[10], 9u);
  scopedSub<SCOPE>(&histogram[down == PRESET ? 14 : down], 1u << 16);
  // Each number is one thread's.
  const uint32_t ticket = scopedAdd<SCOPE>(&cells[11], 1u) - PRESET;
  tickets[ticket] = ticket;
  // One thread wins.
  if (scopedCAS<SCOPE>(&cells[12], PRESET, 7u) == PRESET) scopedAdd<SCOPE>(&cells[13], 1u);
  uint32_t assumed, old = PRESET;
  do {
    assumed = old;
    old = scopedCAS<SCOPE>(&cells[14], assumed, assumed * 5 + 1);
  } while (assumed != old);
  // What is exchanged out is added up; the last thread adds what is left.
  scopedAdd<SCOPE>(&cells[16], scopedExch<SCOPE>(&cells[15], value));
  __threadfence();
  if (scopedInc<SCOPE>(&cells[17], PRESET + threads) == PRESET + threads - 1)
    scopedAdd<SCOPE>(&cells[16], scopedExch<SCOPE>(&cells[15], 0u));

  u64* cells64 = reinterpret_cast<u64*>(cells + 32);
  const u64 wide = static_cast<u64>(value) << 32 | in[(rank + 77) % 512];
  scopedAdd<SCOPE>(&cells64[0], wide);
  scopedMin<SCOPE>(&cells64[1], wide);
  scopedMax<SCOPE>(&cells64[2], wide);
  scopedMin<SCOPE>(reinterpret_cast<s64*>(&cells64[3]), static_cast<s64>(wide));
  scopedMax<SCOPE>(reinterpret_cast<s64*>(&cells64[4]), static_cast<s64>(wide));
  scopedAnd<SCOPE>(&cells64[5], ~(1ull << rank % 37));
  scopedOr<SCOPE>(&cells64[6], 1ull << rank % 40);
  scopedXor<SCOPE>(&cells64[7], wide);
  u64 assumed64, old64 = 0;
  do {
    assumed64 = old64;
    old64 = scopedCAS<SCOPE>(&cells64[8], assumed64, assumed64 + (1ull << 31));
  } while (assumed64 != old64);
}

// `out`: 64 words of cells, 16 of the histogram, one a thread of tickets.
template <Scope SCOPE>
__global__ void atomic_contended(const uint32_t* in, uint32_t* out) {
  contend<SCOPE>(in, out, out + 80, out + 64);
}

// The same in shared memory; then the block copies it.
template <Scope SCOPE>
__global__ void atomic_contended_shared(const uint32_t* in, uint32_t* out) {
  __shared__ alignas(8) uint32_t words[208];
  for (int i = threadIdx.x; i < 208; i += blockDim.x) words[i] = PRESET;
  __syncthreads();
  contend<SCOPE>(in, words, words + 80, words + 64);
  __syncthreads();
  for (int i = threadIdx.x; i < 208; i += blockDim.x) out[i] = words[i];
}

// One atomic a lane at the same time: the lanes' old values, sorted by a second atomic, are one run of numbers a warp.
__global__ void atomic_aggregated(const uint32_t* in, uint32_t* out) {
  const int lane = threadIdx.x % 32;
  const bool keep = in[64 + threadIdx.x] & 1;
  const uint32_t kept = __ballot_sync(FULL_MASK, keep);
  uint32_t base = 0;
  if (lane == 0) base = atomicAdd(&out[0], __popc(kept)) - PRESET;
  base = __shfl_sync(FULL_MASK, base, 0);
  const uint32_t below = kept & ((1u << lane) - 1);
  if (keep) out[1 + base + __popc(below)] = base + __popc(below);
}
