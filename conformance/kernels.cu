// SPDX-License-Identifier: Apache-2.0
// Runs every conformance kernel on GPU 0 and writes what each left in `out` to one safetensors file.
// Usage: kernels FILE.  See README.md.
#include <cuda_runtime.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "atomics.cuh"
#include "barriers.cuh"
#include "common.cuh"
#include "integers.cuh"
#include "memory.cuh"
#include "scan.cuh"
#include "shuffle.cuh"
#include "tiles.cuh"
#include "warp.cuh"

typedef void (*Kernel)(const uint32_t* in, uint32_t* out);

struct Entry {
  std::string name;
  Kernel kernel;
  dim3 grid;
  dim3 block;
  uint32_t inWords;
  uint32_t outWords;
};

// Each thread of the launch writes `words` words.
static uint32_t eachThread(dim3 grid, dim3 block, uint32_t words) {
  return grid.x * grid.y * grid.z * block.x * block.y * block.z * words;
}

static Entry perThread(const char* name, Kernel kernel, dim3 grid, dim3 block, uint32_t words) {
  return {name, kernel, grid, block, 512, eachThread(grid, block, words)};
}

#define EACH_WIDTH(MACRO) MACRO(1) MACRO(2) MACRO(4) MACRO(8) MACRO(16) MACRO(32)
#define SHUFFLES(W)                                                          \
  perThread("shfl_idx_" #W, shfl_idx<W>, 1, 32, SHUFFLE_OPERANDS),           \
      perThread("shfl_up_" #W, shfl_up<W>, 1, 32, SHUFFLE_OPERANDS),         \
      perThread("shfl_down_" #W, shfl_down<W>, 1, 32, SHUFFLE_OPERANDS),     \
      perThread("shfl_xor_" #W, shfl_xor<W>, 1, 32, SHUFFLE_OPERANDS),       \
      perThread("shfl_partial_" #W, shfl_partial<W>, 1, 32, 8 * 7 * 4),      \
      perThread("shfl_64_" #W, shfl_64<W>, 1, 32, 6 * 8),
#define TILES(S)                                                             \
  perThread("tile_votes_" #S, tile_votes<S>, 1, 64, 3 + 12 * 3),             \
      perThread("tile_shuffles_" #S, tile_shuffles<S>, 1, 64, S * 4 + 2),    \
      perThread("tile_match_any_" #S, tile_match_any<S>, 1, 64, 8),          \
      perThread("tile_divergent_" #S, tile_divergent<S>, 1, 96, 3),
#define SCAN(N) Entry{"block_scan_" #N, block_scan<N>, 2, N, 2048, 2 * N * 8},
#define SCANS                                                                                                   \
  SCAN(16) SCAN(32) SCAN(48) SCAN(64) SCAN(96) SCAN(128) SCAN(160) SCAN(192) SCAN(256) SCAN(320) SCAN(384) SCAN(512) \
      SCAN(640) SCAN(768) SCAN(1000) SCAN(1024)
#define ATOMIC_VALUES(SUFFIX, SCOPE, SHARED)                                                                    \
  Entry{"atomic_values_u32_" SUFFIX, atomic_values_32<uint32_t, SCOPE, SHARED>, 1, 256, 512, 512 + 256 * 20},   \
      Entry{"atomic_values_i32_" SUFFIX, atomic_values_32<int, SCOPE, SHARED>, 1, 256, 512, 512 + 256 * 20},    \
      Entry{"atomic_values_inc_dec_" SUFFIX, atomic_values_inc_dec<SCOPE, SHARED>, 1, 256, 512, 512 + 256 * 4}, \
      Entry{"atomic_values_u64_" SUFFIX, atomic_values_u64<SCOPE, SHARED>, 1, 256, 512, 512 + 256 * 36},        \
      Entry{"atomic_values_i64_" SUFFIX, atomic_values_s64<SCOPE, SHARED>, 1, 256, 512, 512 + 256 * 8},

static std::vector<Entry> entries() {
  return {
      perThread("vote_any", vote_any, 1, 64, 8 * 6),
      perThread("vote_all", vote_all, 1, 64, 8 * 6),
      perThread("vote_ballot", vote_ballot, 1, 64, 8 * 6),
      perThread("vote_exited", vote_exited, 1, 64, 8 * 4),
      perThread("vote_partial_warp", vote_partial_warp, 1, 45, 6 * 3),
      perThread("match_any_32", match_any_32, 1, 64, 8 * 4 * 2),
      perThread("match_any_64", match_any_64, 1, 64, 8 * 4),
      perThread("match_any_f32", match_any_f32, 1, 64, 1),
      perThread("match_all_32", match_all_32, 1, 32, 8 * 9 * 2),
      perThread("match_all_64", match_all_64, 1, 32, 8 * 9 * 2),
      perThread("reduce_signed", reduce_signed, 1, 64, 8 * 3 * 3),
      perThread("reduce_unsigned", reduce_unsigned, 1, 64, 8 * 3 * 3),
      perThread("reduce_bits", reduce_bits, 1, 64, 8 * 3 * 3),
      perThread("activemask", activemask, 1, 45, 3),
      perThread("lanemasks", lanemasks, 1, 64, 6),
      perThread("geometry", geometry, dim3(2, 3, 2), dim3(4, 3, 4), 14),
      EACH_WIDTH(SHUFFLES)
      perThread("shfl_exited", shfl_exited, 1, 32, 4),
      EACH_WIDTH(TILES)
      SCANS
      perThread("wrap_32", wrap_32, 1, 1024, 6),
      perThread("wrap_64", wrap_64, 1, 256, 12),
      perThread("shifts_32", shifts_32, 1, 32, 71 * 3),
      perThread("shifts_64", shifts_64, 1, 16, 71 * 6),
      perThread("shifts_far", shifts_far, 1, 1024, 9),
      perThread("divide_32", divide_32, 1, 1024, 4),
      perThread("divide_64", divide_64, 1, 256, 8),
      perThread("bits_32", bits_32, 1, 128, 4),
      perThread("bits_64", bits_64, 1, 128, 5),
      perThread("minmax_32", minmax_32, 1, 1024, 4),
      perThread("minmax_64", minmax_64, 1, 256, 8),
      perThread("mulhi_32", mulhi_32, 1, 1024, 2),
      perThread("mulhi_64", mulhi_64, 1, 256, 4),
      perThread("widen", widen, 1, 1024, 9),
      perThread("syncthreads_phases", syncthreads_phases, 1, 256, 5),
      perThread("named_barriers_aligned", named_barriers<true>, 1, 160, 7),
      perThread("named_barriers_unaligned", named_barriers<false>, 1, 160, 7),
      perThread("barrier_15", barrier_15, 1, 96, 4),
      perThread("producer_consumer_aligned", producer_consumer<true>, 1, 128, 6),
      perThread("producer_consumer_unaligned", producer_consumer<false>, 1, 128, 6),
      perThread("exited_warps", exited_warps, 1, 128, 2),
      perThread("exited_lanes", exited_lanes, 1, 64, 3),
      perThread("named_barrier_exited_lanes", named_barrier_exited_lanes, 1, 96, 2),
      perThread("partial_last_warp", partial_last_warp, 1, 40, 2),
      perThread("barrier_from_branches", barrier_from_branches, 1, 64, 1),
      perThread("syncwarp_exchange", syncwarp_exchange, 1, 64, 8),
      ATOMIC_VALUES("block_shared", BLOCK, true)
      ATOMIC_VALUES("block_global", BLOCK, false)
      ATOMIC_VALUES("device_global", DEVICE, false)
      ATOMIC_VALUES("system_global", SYSTEM, false)
      Entry{"atomic_contended_block_shared", atomic_contended_shared<BLOCK>, 1, 128, 512, 208},
      Entry{"atomic_contended_block_global", atomic_contended<BLOCK>, 1, 128, 512, 80 + 128},
      Entry{"atomic_contended_device_shared", atomic_contended_shared<DEVICE>, 1, 128, 512, 208},
      Entry{"atomic_contended_device_global", atomic_contended<DEVICE>, 5, 96, 512, 80 + 480},
      Entry{"atomic_contended_system_global", atomic_contended<SYSTEM>, 5, 96, 512, 80 + 480},
      Entry{"atomic_aggregated", atomic_aggregated, 1, 128, 512, 1 + 128},
      Entry{"volatile_scalar", volatile_scalar, 1, 64, 512, 256 + 64 * 3},
      Entry{"volatile_v2_u64", volatile_v2_u64, 1, 64, 512, 256 + 64 * 2},
      Entry{"volatile_v4_u32", volatile_v4_u32, 1, 64, 512, 256 + 64 * 2},
      Entry{"volatile_v2_u32", volatile_v2_u32, 1, 64, 512, 128 + 64 * 2},
      Entry{"nan_payloads", nan_payloads, 1, 64, 512, 128 + 64 * 4},
      perThread("narrow_loads", narrow_loads, 1, 64, 12),
      Entry{"narrow_stores", narrow_stores, 1, 64, 512, 320 + 128},
      perThread("narrow_shared", narrow_shared, 1, 64, 3),
      Entry{"flag_volatile", flag_volatile, 2, 64, 512, 4 + 256 + 128},
      Entry{"flag_acquire_release", flag_acquire_release, 2, 32, 512, 4 + 64},
      Entry{"last_block", last_block, 9, 64, 512, 2 + 9},
  };
}

static void check(cudaError_t error, const char* what) {
  if (error == cudaSuccess) return;
  fprintf(stderr, "%s: %s\n", what, cudaGetErrorString(error));
  exit(1);
}

// Words behind `out` that no kernel may touch.
constexpr uint32_t GUARD_WORDS = 1024;

static std::vector<uint32_t> runKernel(const Entry& entry) {
  printf("%s", entry.name.c_str());
  fflush(stdout);
  std::vector<uint32_t> in(entry.inWords);
  for (uint32_t i = 0; i < entry.inWords; i++) in[i] = inputWord(i);
  std::vector<uint32_t> out(entry.outWords + GUARD_WORDS, PRESET);
  const size_t inBytes = in.size() * 4, outBytes = out.size() * 4;
  uint32_t *deviceIn, *deviceOut;
  check(cudaMalloc(&deviceIn, inBytes), "cudaMalloc");
  check(cudaMalloc(&deviceOut, outBytes), "cudaMalloc");
  check(cudaMemcpy(deviceIn, in.data(), inBytes, cudaMemcpyHostToDevice), "copy to the device");
  check(cudaMemcpy(deviceOut, out.data(), outBytes, cudaMemcpyHostToDevice), "copy to the device");
  entry.kernel<<<entry.grid, entry.block>>>(deviceIn, deviceOut);
  check(cudaGetLastError(), "launch");
  check(cudaDeviceSynchronize(), "run");
  check(cudaMemcpy(out.data(), deviceOut, outBytes, cudaMemcpyDeviceToHost), "copy from the device");
  check(cudaFree(deviceIn), "cudaFree");
  check(cudaFree(deviceOut), "cudaFree");
  for (uint32_t i = entry.outWords; i < out.size(); i++) {
    if (out[i] == PRESET) continue;
    fprintf(stderr, "\n%s wrote word %u of an output of %u\n", entry.name.c_str(), i, entry.outWords);
    exit(1);
  }
  out.resize(entry.outWords);
  return out;
}

static std::string dims(dim3 d) {
  return std::to_string(d.x) + ' ' + std::to_string(d.y) + ' ' + std::to_string(d.z);
}

static std::string version(int number) {
  return std::to_string(number / 1000) + '.' + std::to_string(number % 1000 / 10);
}

static std::string metadata(size_t kernels) {
  cudaDeviceProp device;
  int driver, runtime;
  check(cudaGetDeviceProperties(&device, 0), "device properties");
  check(cudaDriverGetVersion(&driver), "driver version");
  check(cudaRuntimeGetVersion(&runtime), "runtime version");
  return std::string("\"format\":\"simtwin-conformance/1\",\"device\":\"") + device.name + "\",\"compute_capability\":\"" +
         std::to_string(device.major) + '.' + std::to_string(device.minor) + "\",\"driver\":\"" + version(driver) +
         "\",\"runtime\":\"" + version(runtime) + "\",\"nvcc\":\"" + std::to_string(__CUDACC_VER_MAJOR__) + '.' +
         std::to_string(__CUDACC_VER_MINOR__) + '.' + std::to_string(__CUDACC_VER_BUILD__) + "\",\"kernels\":\"" +
         std::to_string(kernels) + '"';
}

int main(int argc, char** argv) {
  if (argc != 2) {
    fprintf(stderr, "usage: %s FILE.conformance\n", argv[0]);
    return 2;
  }
  const std::vector<Entry> table = entries();
  // __metadata__ "launch NAME": grid x y z, block x y z, words of `in`.
  std::string launches, tensors;
  std::vector<uint32_t> data;
  for (const Entry& entry : table) {
    const std::vector<uint32_t> out = runKernel(entry);
    size_t untouched = 0;
    for (const uint32_t word : out) untouched += word == PRESET;
    printf("  %u words, %zu untouched\n", entry.outWords, untouched);
    launches += ",\"launch " + entry.name + "\":\"" + dims(entry.grid) + ' ' + dims(entry.block) + ' ' +
                std::to_string(entry.inWords) + '"';
    const size_t begin = data.size() * 4;
    data.insert(data.end(), out.begin(), out.end());
    tensors += ",\"" + entry.name + "\":{\"dtype\":\"U32\",\"shape\":[" + std::to_string(entry.outWords) +
               "],\"data_offsets\":[" + std::to_string(begin) + ',' + std::to_string(data.size() * 4) + "]}";
  }
  std::string header = "{\"__metadata__\":{" + metadata(table.size()) + launches + '}' + tensors + '}';
  while (header.size() % 8 != 0) header += ' ';
  FILE* file = fopen(argv[1], "wb");
  if (file == nullptr) {
    perror(argv[1]);
    return 1;
  }
  // Little-endian, as every host of CUDA is.
  const uint64_t headerBytes = header.size();
  const bool written = fwrite(&headerBytes, 8, 1, file) == 1 && fwrite(header.data(), header.size(), 1, file) == 1 &&
                       fwrite(data.data(), 4, data.size(), file) == data.size();
  if (fclose(file) != 0 || !written) {
    perror(argv[1]);
    return 1;
  }
  printf("%zu kernels, %zu words\n", table.size(), data.size());
  return 0;
}
