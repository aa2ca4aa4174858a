// SPDX-License-Identifier: Apache-2.0
// Loads and stores of every width, volatile and plain; NaN payloads; flags, fences, the last block.
#pragma once
#include "common.cuh"

__device__ inline uint32_t shared32(const void* pointer) {
  return static_cast<uint32_t>(__cvta_generic_to_shared(pointer));
}

__global__ void volatile_scalar(const uint32_t* in, uint32_t* out) {
  __shared__ u64 words[64];
  Writer w(out + 256);
  // 4 bytes: in, shared, out.
  uint32_t word;
  asm volatile("ld.volatile.global.u32 %0, [%1];" : "=r"(word) : "l"(in + threadIdx.x) : "memory");
  asm volatile("st.volatile.shared.u32 [%0], %1;" ::"r"(shared32(words + threadIdx.x)), "r"(word) : "memory");
  asm volatile("ld.volatile.shared.u32 %0, [%1];" : "=r"(word) : "r"(shared32(words + threadIdx.x)) : "memory");
  asm volatile("st.volatile.global.u32 [%0], %1;" ::"l"(out + threadIdx.x), "r"(word) : "memory");
  // 8 bytes.
  u64 wide;
  asm volatile("ld.volatile.global.u64 %0, [%1];" : "=l"(wide) : "l"(in + 2 * threadIdx.x) : "memory");
  asm volatile("st.volatile.shared.u64 [%0], %1;" ::"r"(shared32(words + threadIdx.x)), "l"(wide) : "memory");
  asm volatile("ld.volatile.shared.u64 %0, [%1];" : "=l"(wide) : "r"(shared32(words + threadIdx.x)) : "memory");
  asm volatile("st.volatile.global.u64 [%0], %1;" ::"l"(out + 64 + 2 * threadIdx.x), "l"(wide) : "memory");
  w.put(word);
  w.put64(wide);
}

__global__ void volatile_v2_u64(const uint32_t* in, uint32_t* out) {
  __shared__ alignas(16) uint32_t words[256];
  Writer w(out + 256);
  u64 first, second;
  asm volatile("ld.volatile.global.v2.u64 {%0, %1}, [%2];" : "=l"(first), "=l"(second) : "l"(in + 4 * threadIdx.x) : "memory");
  asm volatile("st.volatile.shared.v2.u64 [%0], {%1, %2};" ::"r"(shared32(words + 4 * threadIdx.x)), "l"(second), "l"(first) : "memory");
  w.put(words[4 * threadIdx.x]);
  w.put(words[4 * threadIdx.x + 3]);
  asm volatile("ld.volatile.shared.v2.u64 {%0, %1}, [%2];" : "=l"(first), "=l"(second) : "r"(shared32(words + 4 * threadIdx.x)) : "memory");
  asm volatile("st.volatile.global.v2.u64 [%0], {%1, %2};" ::"l"(out + 4 * threadIdx.x), "l"(first), "l"(second) : "memory");
}

__global__ void volatile_v4_u32(const uint32_t* in, uint32_t* out) {
  __shared__ alignas(16) uint32_t words[256];
  Writer w(out + 256);
  uint32_t a, b, c, d;
  asm volatile("ld.volatile.global.v4.u32 {%0, %1, %2, %3}, [%4];" : "=r"(a), "=r"(b), "=r"(c), "=r"(d) : "l"(in + 4 * threadIdx.x) : "memory");
  asm volatile("st.volatile.shared.v4.u32 [%0], {%1, %2, %3, %4};" ::"r"(shared32(words + 4 * threadIdx.x)), "r"(d), "r"(c), "r"(b), "r"(a) : "memory");
  w.put(words[4 * threadIdx.x]);
  w.put(words[4 * threadIdx.x + 3]);
  asm volatile("ld.volatile.shared.v4.u32 {%0, %1, %2, %3}, [%4];" : "=r"(a), "=r"(b), "=r"(c), "=r"(d) : "r"(shared32(words + 4 * threadIdx.x)) : "memory");
  asm volatile("st.volatile.global.v4.u32 [%0], {%1, %2, %3, %4};" ::"l"(out + 4 * threadIdx.x), "r"(a), "r"(b), "r"(c), "r"(d) : "memory");
}

__global__ void volatile_v2_u32(const uint32_t* in, uint32_t* out) {
  Writer w(out + 128);
  uint32_t a, b;
  asm volatile("ld.volatile.global.v2.u32 {%0, %1}, [%2];" : "=r"(a), "=r"(b) : "l"(in + 2 * threadIdx.x) : "memory");
  w.put(a);
  w.put(b);
  asm volatile("st.volatile.global.v2.u32 [%0], {%1, %2};" ::"l"(out + 2 * threadIdx.x), "r"(b), "r"(a) : "memory");
}

// A float is moved, never calculated with: every NaN keeps its payload, -0 its sign.
__global__ void nan_payloads(const uint32_t* in, uint32_t* out) {
  __shared__ float words[64];
  Writer w(out + 128);
  const float* floats = reinterpret_cast<const float*>(in);
  float value = floats[threadIdx.x];
  reinterpret_cast<float*>(out)[threadIdx.x] = value;
  words[63 - threadIdx.x] = value;
  __syncthreads();
  value = words[threadIdx.x];
  w.put(__float_as_uint(value));
  value = __shfl_xor_sync(FULL_MASK, value, 5);
  w.put(__float_as_uint(value));
  reinterpret_cast<volatile float*>(out)[64 + threadIdx.x] = value;
  value = __shfl_sync(FULL_MASK, value, 11);
  w.put(__float_as_uint(value));
  value = __uint_as_float(in[(threadIdx.x + 3) % 32] | 0x7f800000);
  w.put(__float_as_uint(__shfl_down_sync(FULL_MASK, value, 1)));
}

// Loads extend the sign of signed bytes and halves, and zeros of unsigned ones.
__global__ void narrow_loads(const uint32_t* in, uint32_t* out) {
  Writer w(out);
  for (int k = 0; k < 2; k++) {
    const int at = 2 * threadIdx.x + k;
    w.put(reinterpret_cast<const int8_t*>(in)[at]);
    w.put(reinterpret_cast<const uint8_t*>(in)[at]);
    w.put(reinterpret_cast<const int16_t*>(in)[at]);
    w.put(reinterpret_cast<const uint16_t*>(in)[at]);
  }
  w.put64(reinterpret_cast<const u64*>(in)[threadIdx.x]);
  w.put64(reinterpret_cast<const s64*>(in)[threadIdx.x] >> 7);
}

// Stores keep the low bits and leave the neighbours alone.
__global__ void narrow_stores(const uint32_t* in, uint32_t* out) {
  const int rank = threadIdx.x;
  const int word = in[rank];
  reinterpret_cast<int8_t*>(out)[4 * rank + 1] = word;
  reinterpret_cast<uint8_t*>(out)[4 * rank + 3] = in[rank];
  reinterpret_cast<int16_t*>(out + 64)[2 * rank + 1] = word;
  reinterpret_cast<uint16_t*>(out + 128)[2 * rank] = in[rank];
  reinterpret_cast<s64*>(out + 192)[rank] = word;
  reinterpret_cast<u64*>(out + 320)[rank] = in[rank];
}

__global__ void narrow_shared(const uint32_t* in, uint32_t* out) {
  __shared__ int8_t bytes[64];
  __shared__ uint16_t halves[64];
  Writer w(out);
  bytes[threadIdx.x] = in[threadIdx.x];
  halves[63 - threadIdx.x] = in[threadIdx.x];
  __syncthreads();
  w.put(bytes[63 - threadIdx.x]);
  w.put(halves[threadIdx.x]);
  volatile int8_t* volatileBytes = bytes;
  w.put(volatileBytes[threadIdx.x ^ 1]);
}

// Block 0 sends 16 bytes a thread to block 1 and sets a flag; volatile accesses and fences.
__global__ void flag_volatile(const uint32_t* in, uint32_t* out) {
  volatile uint32_t* flag = out;
  uint32_t* data = out + 4;
  Writer w(out + 4 + 256);
  if (blockIdx.x == 0) {
    for (int k = 0; k < 4; k++) data[4 * threadIdx.x + k] = in[4 * threadIdx.x + k];
    __threadfence();
    __syncthreads();
    if (threadIdx.x == 0) *flag = 1;
  } else {
    while (*flag != 1) {
    }
    __threadfence();
    uint32_t sum = 0;
    for (int k = 0; k < 4; k++) sum += reinterpret_cast<volatile uint32_t*>(data)[(4 * threadIdx.x + 13 * k) % 256];
    w.put(sum);
  }
}

// Block 0 and block 1 count in turn; acquire and release, at the scopes of a device and of the system.
__global__ void flag_acquire_release(const uint32_t* in, uint32_t* out) {
  Writer w(out + 4);
  if (threadIdx.x != 0) return;
  uint32_t* turn = out;
  uint32_t* total = out + 1;
  uint32_t last = 0;
  for (uint32_t k = blockIdx.x; k < 10; k += 2) {
    uint32_t seen;
    do {
      asm volatile("ld.acquire.gpu.global.u32 %0, [%1];" : "=r"(seen) : "l"(turn) : "memory");
    } while (seen != PRESET + k);
    asm volatile("ld.relaxed.sys.global.u32 %0, [%1];" : "=r"(last) : "l"(total) : "memory");
    last = last * 3 + in[k];
    asm volatile("st.relaxed.sys.global.u32 [%0], %1;" ::"l"(total), "r"(last) : "memory");
    const uint32_t next = PRESET + k + 1;
    asm volatile("st.release.gpu.global.u32 [%0], %1;" ::"l"(turn), "r"(next) : "memory");
  }
  w.put(last);
}

// The block that takes the last ticket adds up what all blocks have left.
__global__ void last_block(const uint32_t* in, uint32_t* out) {
  __shared__ bool isLast;
  __shared__ uint32_t sums[64];
  uint32_t* counter = out;
  uint32_t* total = out + 1;
  uint32_t* partial = out + 2;
  sums[threadIdx.x] = in[(blockIdx.x * 64 + threadIdx.x) % 512];
  __syncthreads();
  for (int half = 32; half > 0; half /= 2) {
    if (threadIdx.x < half) sums[threadIdx.x] += sums[threadIdx.x + half];
    __syncthreads();
  }
  if (threadIdx.x == 0) {
    partial[blockIdx.x] = sums[0];
    __threadfence();
    isLast = atomicAdd(counter, 1u) == PRESET + gridDim.x - 1;
  }
  __syncthreads();
  if (isLast && threadIdx.x == 0) {
    __threadfence();
    uint32_t sum = 0;
    for (int block = 0; block < gridDim.x; block++) sum += reinterpret_cast<volatile uint32_t*>(partial)[block];
    *total = sum;
  }
}
