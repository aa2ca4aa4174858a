// SPDX-License-Identifier: Apache-2.0
// cub::BlockScan of int, the default algorithm.
#pragma once
#include <cub/block/block_scan.cuh>

#include "common.cuh"

template <int THREADS>
__global__ void __launch_bounds__(THREADS) block_scan(const uint32_t* in, uint32_t* out) {
  typedef cub::BlockScan<int, THREADS> Scan;
  __shared__ typename Scan::TempStorage storage;
  Writer w(out);
  const int value = in[threadIdx.x + blockIdx.x * 32];
  int result;
  Scan(storage).InclusiveSum(value, result);
  w.put(result);
  __syncthreads();
  Scan(storage).ExclusiveSum(value, result);
  w.put(result);
  // The same storage again and again, small values.
  for (int k = 0; k < 3; k++) {
    __syncthreads();
    Scan(storage).ExclusiveSum(value >> k & 1, result);
    w.put(result);
    __syncthreads();
    Scan(storage).InclusiveSum(result, result);
    w.put(result);
  }
}
