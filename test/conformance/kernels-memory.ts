// Ports of conformance/memory.cuh.
import { type F32, FULL_MASK, i32, u32 } from '../../src/simt/index.js';
import { type Port, type Ports, PRESET, Writer } from './harness.js';

const volatileScalar: Port = function* volatileScalar(t, { input, out }) {
  const words = t.shared('words', 'u64', 64);
  const x = t.threadIdx.x;
  const w = new Writer(t, out.add(256));
  const words32 = words.cast('u32');
  let word = yield* t.loadVolatile(input, x);
  yield* t.storeVolatile(words32, 2 * x, word);
  word = yield* t.loadVolatile(words32, 2 * x);
  yield* t.storeVolatile(out, x, word);
  let wide = yield* t.loadVolatile(input.cast('u64'), x);
  yield* t.storeVolatile(words, x, wide);
  wide = yield* t.loadVolatile(words, x);
  yield* t.storeVolatile(out.add(64).cast('u64'), x, wide);
  w.put(word);
  w.put64(wide);
};

const volatileV2U64: Port = function* volatileV2U64(t, { input, out }) {
  const words = t.shared('words', 'u32', 256);
  const x = t.threadIdx.x;
  const w = new Writer(t, out.add(256));
  const registers = t.registerArray('u64', 2);
  const first = registers.at(0);
  const second = registers.at(1);
  yield* t.loadVolatileV2(input.cast('u64'), 2 * x, first, second);
  yield* t.storeVolatileV2(words.cast('u64'), 2 * x, second, first);
  w.put(words.load(4 * x));
  w.put(words.load(4 * x + 3));
  yield* t.loadVolatileV2(words.cast('u64'), 2 * x, first, second);
  yield* t.storeVolatileV2(out.cast('u64'), 2 * x, first, second);
};

const volatileV4U32: Port = function* volatileV4U32(t, { input, out }) {
  const words = t.shared('words', 'u32', 256);
  const x = t.threadIdx.x;
  const w = new Writer(t, out.add(256));
  const registers = t.registerArray('u32', 4);
  const [a, b, c, d] = [registers.at(0), registers.at(1), registers.at(2), registers.at(3)];
  yield* t.loadVolatileV4(input, 4 * x, [a, b, c, d]);
  yield* t.storeVolatileV4(words, 4 * x, [d, c, b, a]);
  w.put(words.load(4 * x));
  w.put(words.load(4 * x + 3));
  yield* t.loadVolatileV4(words, 4 * x, [a, b, c, d]);
  yield* t.storeVolatileV4(out, 4 * x, [a, b, c, d]);
};

const volatileV2U32: Port = function* volatileV2U32(t, { input, out }) {
  const x = t.threadIdx.x;
  const w = new Writer(t, out.add(128));
  const registers = t.registerArray('u32', 2);
  const a = registers.at(0);
  const b = registers.at(1);
  yield* t.loadVolatileV2(input, 2 * x, a, b);
  w.put(a.value);
  w.put(b.value);
  yield* t.storeVolatileV2(out, 2 * x, b, a);
};

const nanPayloads: Port = function* nanPayloads(t, { input, out }) {
  const words = t.shared('words', 'f32', 64);
  const x = t.threadIdx.x;
  const w = new Writer(t, out.add(128));
  const floats = input.cast('f32');
  let value = floats.load(x);
  out.cast('f32').store(x, value);
  words.store(63 - x, value);
  yield* t.syncthreads();
  value = words.load(x);
  w.put(value);
  value = yield* t.shflXorSync(FULL_MASK, value, 5);
  w.put(value);
  yield* t.storeVolatile(out.cast('f32'), 64 + x, value);
  value = yield* t.shflSync(FULL_MASK, value, 11);
  w.put(value);
  value = u32(input.load((x + 3) % 32) | 0x7f800000) as F32;
  w.put(yield* t.shflDownSync(FULL_MASK, value, 1));
};

const narrowLoads: Port = function* narrowLoads(t, { input, out }) {
  const w = new Writer(t, out);
  for (let k = 0; k < 2; k++) {
    const at = 2 * t.threadIdx.x + k;
    w.put(input.cast('i8').load(at));
    w.put(input.cast('u8').load(at));
    w.put(input.cast('i16').load(at));
    w.put(input.cast('u16').load(at));
  }
  w.put64(input.cast('u64').load(t.threadIdx.x));
  w.put64(input.cast('i64').load(t.threadIdx.x) >> 7n);
};

const narrowStores: Port = function* narrowStores(t, { input, out }) {
  const rank = t.threadIdx.x;
  const word = i32(input.load(rank));
  out.cast('i8').store(4 * rank + 1, word);
  out.cast('u8').store(4 * rank + 3, input.load(rank));
  out
    .add(64)
    .cast('i16')
    .store(2 * rank + 1, word);
  out
    .add(128)
    .cast('u16')
    .store(2 * rank, input.load(rank));
  out.add(192).cast('i64').store(rank, BigInt(word));
  out
    .add(320)
    .cast('u64')
    .store(rank, BigInt(input.load(rank)));
};

const narrowShared: Port = function* narrowShared(t, { input, out }) {
  const bytes = t.shared('bytes', 'i8', 64);
  const halves = t.shared('halves', 'u16', 64);
  const x = t.threadIdx.x;
  const w = new Writer(t, out);
  bytes.store(x, input.load(x));
  halves.store(63 - x, input.load(x));
  yield* t.syncthreads();
  w.put(bytes.load(63 - x));
  w.put(halves.load(x));
  w.put(yield* t.loadVolatile(bytes, x ^ 1));
};

const flagVolatile: Port = function* flagVolatile(t, { input, out }) {
  const flag = out;
  const data = out.add(4);
  const x = t.threadIdx.x;
  const w = new Writer(t, out.add(4 + 256));
  if (t.blockIdx.x === 0) {
    for (let k = 0; k < 4; k++) data.store(4 * x + k, input.load(4 * x + k));
    yield* t.threadfence();
    yield* t.syncthreads();
    if (x === 0) yield* t.storeVolatile(flag, 0, 1);
  } else {
    while ((yield* t.loadVolatile(flag)) !== 1) {
      // Block 0 has not come to it yet.
    }
    yield* t.threadfence();
    let sum = 0;
    for (let k = 0; k < 4; k++) sum = u32(sum + (yield* t.loadVolatile(data, (4 * x + 13 * k) % 256)));
    w.put(sum);
  }
};

const flagAcquireRelease: Port = function* flagAcquireRelease(t, { input, out }) {
  const w = new Writer(t, out.add(4));
  if (t.threadIdx.x !== 0) return;
  const turn = out;
  const total = out.add(1);
  let last = 0;
  for (let k = t.blockIdx.x; k < 10; k += 2) {
    let seen: number;
    do {
      seen = yield* t.loadAcquire('device', turn);
    } while (seen !== PRESET + k);
    last = yield* t.loadRelaxed('system', total);
    last = u32(last * 3 + input.load(k));
    yield* t.storeRelaxed('system', total, 0, last);
    const next = PRESET + k + 1;
    yield* t.storeRelease('device', turn, 0, next);
  }
  w.put(last);
};

const lastBlock: Port = function* lastBlock(t, { input, out }) {
  const isLast = t.shared('isLast', 'u8');
  const sums = t.shared('sums', 'u32', 64);
  const x = t.threadIdx.x;
  const counter = out;
  const total = out.add(1);
  const partial = out.add(2);
  sums.store(x, input.load((t.blockIdx.x * 64 + x) % 512));
  yield* t.syncthreads();
  for (let half = 32; half > 0; half = half >>> 1) {
    if (x < half) sums.store(x, u32(sums.load(x) + sums.load(x + half)));
    yield* t.syncthreads();
  }
  if (x === 0) {
    partial.store(t.blockIdx.x, sums.load(0));
    yield* t.threadfence();
    isLast.store(0, Number((yield* t.atomicAdd(counter, 0, 1)) === PRESET + t.gridDim.x - 1));
  }
  yield* t.syncthreads();
  if (isLast.load() !== 0 && x === 0) {
    yield* t.threadfence();
    let sum = 0;
    for (let block = 0; block < t.gridDim.x; block++) sum = u32(sum + (yield* t.loadVolatile(partial, block)));
    total.store(0, sum);
  }
};

export const memoryPorts: Ports = {
  volatile_scalar: volatileScalar,
  volatile_v2_u64: volatileV2U64,
  volatile_v4_u32: volatileV4U32,
  volatile_v2_u32: volatileV2U32,
  nan_payloads: nanPayloads,
  narrow_loads: narrowLoads,
  narrow_stores: narrowStores,
  narrow_shared: narrowShared,
  flag_volatile: flagVolatile,
  flag_acquire_release: flagAcquireRelease,
  last_block: lastBlock,
};
