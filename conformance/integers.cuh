// SPDX-License-Identifier: Apache-2.0
// Integer arithmetic. What C++ leaves undefined is written in PTX, which defines it.
#pragma once
#include "common.cuh"

#define PTX_BINARY(NAME, INSTRUCTION, TYPE, CONSTRAINT)                                       \
  __device__ inline TYPE NAME(TYPE a, TYPE b) {                                               \
    TYPE d;                                                                                   \
    asm(INSTRUCTION " %0, %1, %2;" : "=" CONSTRAINT(d) : CONSTRAINT(a), CONSTRAINT(b));       \
    return d;                                                                                 \
  }
#define PTX_SHIFT(NAME, INSTRUCTION, TYPE, CONSTRAINT)                                        \
  __device__ inline TYPE NAME(TYPE a, uint32_t count) {                                       \
    TYPE d;                                                                                   \
    asm(INSTRUCTION " %0, %1, %2;" : "=" CONSTRAINT(d) : CONSTRAINT(a), "r"(count));          \
    return d;                                                                                 \
  }
PTX_BINARY(addS32, "add.s32", int, "r")
PTX_BINARY(subS32, "sub.s32", int, "r")
PTX_BINARY(mulS32, "mul.lo.s32", int, "r")
PTX_BINARY(addS64, "add.s64", s64, "l")
PTX_BINARY(subS64, "sub.s64", s64, "l")
PTX_BINARY(mulS64, "mul.lo.s64", s64, "l")
PTX_SHIFT(shlB32, "shl.b32", uint32_t, "r")
PTX_SHIFT(shrU32, "shr.u32", uint32_t, "r")
PTX_SHIFT(shrS32, "shr.s32", int, "r")
PTX_SHIFT(shlB64, "shl.b64", u64, "l")
PTX_SHIFT(shrU64, "shr.u64", u64, "l")
PTX_SHIFT(shrS64, "shr.s64", s64, "l")

// All pairs of the 32 edge words: 1024 threads.
__device__ inline uint32_t firstOfPair(const uint32_t* in) { return in[threadIdx.x / 32]; }
__device__ inline uint32_t secondOfPair(const uint32_t* in) { return in[threadIdx.x % 32]; }
// All pairs of the 16 edge values of 64 bits: 256 threads.
__device__ inline u64 firstOfPair64(const uint32_t* in) { return edge64(in, threadIdx.x / 16); }
__device__ inline u64 secondOfPair64(const uint32_t* in) { return edge64(in, threadIdx.x % 16); }

__global__ void wrap_32(const uint32_t* in, uint32_t* out) {
  Writer w(out);
  const uint32_t a = firstOfPair(in), b = secondOfPair(in);
  w.put(a + b);
  w.put(a - b);
  w.put(a * b);
  w.put(addS32(a, b));
  w.put(subS32(a, b));
  w.put(mulS32(a, b));
}

__global__ void wrap_64(const uint32_t* in, uint32_t* out) {
  Writer w(out);
  const u64 a = firstOfPair64(in), b = secondOfPair64(in);
  w.put64(a + b);
  w.put64(a - b);
  w.put64(a * b);
  w.put64(addS64(a, b));
  w.put64(subS64(a, b));
  w.put64(mulS64(a, b));
}

__global__ void shifts_32(const uint32_t* in, uint32_t* out) {
  Writer w(out);
  for (uint32_t count = 0; count <= 70; count++) {
    w.put(shlB32(in[threadIdx.x], count));
    w.put(shrU32(in[threadIdx.x], count));
    w.put(shrS32(in[threadIdx.x], count));
  }
}

__global__ void shifts_64(const uint32_t* in, uint32_t* out) {
  Writer w(out);
  const u64 value = edge64(in, threadIdx.x);
  for (uint32_t count = 0; count <= 70; count++) {
    w.put64(shlB64(value, count));
    w.put64(shrU64(value, count));
    w.put64(shrS64(value, count));
  }
}

// Counts that are no small numbers: all 32 bits of the count matter.
__global__ void shifts_far(const uint32_t* in, uint32_t* out) {
  Writer w(out);
  const uint32_t a = firstOfPair(in), count = secondOfPair(in);
  w.put(shlB32(a, count));
  w.put(shrU32(a, count));
  w.put(shrS32(a, count));
  const u64 wide = static_cast<u64>(a) << 32 | 0x9abcdef1;
  w.put64(shlB64(wide, count));
  w.put64(shrU64(wide, count));
  w.put64(shrS64(wide, count));
}

// By zero, and the least number by -1, C++ leaves undefined.
__global__ void divide_32(const uint32_t* in, uint32_t* out) {
  Writer w(out);
  const uint32_t a = firstOfPair(in), b = secondOfPair(in);
  if (b == 0) return;
  w.put(a / b);
  w.put(a % b);
  if (a == 0x80000000 && b == 0xffffffff) return;
  w.put(static_cast<int>(a) / static_cast<int>(b));
  w.put(static_cast<int>(a) % static_cast<int>(b));
}

__global__ void divide_64(const uint32_t* in, uint32_t* out) {
  Writer w(out);
  const u64 a = firstOfPair64(in), b = secondOfPair64(in);
  if (b == 0) return;
  w.put64(a / b);
  w.put64(a % b);
  if (a == 0x8000000000000000 && b == 0xffffffffffffffff) return;
  w.put64(static_cast<s64>(a) / static_cast<s64>(b));
  w.put64(static_cast<s64>(a) % static_cast<s64>(b));
}

__global__ void bits_32(const uint32_t* in, uint32_t* out) {
  Writer w(out);
  const uint32_t value = in[threadIdx.x];
  w.put(__popc(value));
  w.put(__clz(value));
  w.put(__ffs(value));
  w.put(__brev(value));
}

__global__ void bits_64(const uint32_t* in, uint32_t* out) {
  Writer w(out);
  const u64 value =
      threadIdx.x < 16 ? edge64(in, threadIdx.x) : static_cast<u64>(in[threadIdx.x]) << 32 | in[64 + threadIdx.x];
  w.put(__popcll(value));
  w.put(__clzll(value));
  w.put(__ffsll(value));
  w.put64(__brevll(value));
}

__global__ void minmax_32(const uint32_t* in, uint32_t* out) {
  Writer w(out);
  const uint32_t a = firstOfPair(in), b = secondOfPair(in);
  w.put(min(a, b));
  w.put(max(a, b));
  w.put(min(static_cast<int>(a), static_cast<int>(b)));
  w.put(max(static_cast<int>(a), static_cast<int>(b)));
}

__global__ void minmax_64(const uint32_t* in, uint32_t* out) {
  Writer w(out);
  const u64 a = firstOfPair64(in), b = secondOfPair64(in);
  w.put64(min(a, b));
  w.put64(max(a, b));
  w.put64(min(static_cast<s64>(a), static_cast<s64>(b)));
  w.put64(max(static_cast<s64>(a), static_cast<s64>(b)));
}

__global__ void mulhi_32(const uint32_t* in, uint32_t* out) {
  Writer w(out);
  const uint32_t a = firstOfPair(in), b = secondOfPair(in);
  w.put(__umulhi(a, b));
  w.put(__mulhi(static_cast<int>(a), static_cast<int>(b)));
}

__global__ void mulhi_64(const uint32_t* in, uint32_t* out) {
  Writer w(out);
  const u64 a = firstOfPair64(in), b = secondOfPair64(in);
  w.put64(__umul64hi(a, b));
  w.put64(__mul64hi(static_cast<s64>(a), static_cast<s64>(b)));
}

// An int product wraps before it is widened; sign and zero extension; truncation.
__global__ void widen(const uint32_t* in, uint32_t* out) {
  Writer w(out);
  const uint32_t a = firstOfPair(in), b = secondOfPair(in);
  w.put64(static_cast<s64>(mulS32(a, b)));
  w.put64(static_cast<u64>(a * b));
  w.put64(static_cast<s64>(static_cast<int>(a)) * static_cast<int>(b));
  w.put64(static_cast<u64>(a) * b);
  w.put(static_cast<uint32_t>((static_cast<u64>(a) << 32 | b) >> 16));
}
