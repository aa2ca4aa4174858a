// Ports of conformance/barriers.cuh.
import { type Operation, type Thread, u32 } from '../../src/simt/index.js';
import { type Port, type Ports, Writer } from './harness.js';

const syncthreadsPhases: Port = function* syncthreadsPhases(t, { input, out }) {
  const words = t.shared('words', 'u32', 256);
  const x = t.threadIdx.x;
  const w = new Writer(t, out);
  let value = input.load(x);
  for (let phase = 0; phase < 5; phase++) {
    words.store(x, value);
    yield* t.syncthreads();
    value = u32(value * 3 + words.load((x + 37) % t.blockDim.x));
    w.put(value);
    yield* t.syncthreads();
  }
};

/** `bar.sync` or `barrier.sync`, as the template argument says. */
function sync(t: Thread, aligned: boolean, id: number, threads: number): Operation<void> {
  if (aligned) return t.barrierSyncAligned(id, threads);
  return t.barrierSync(id, threads);
}
function arrive(t: Thread, aligned: boolean, id: number, threads: number): Operation<void> {
  if (aligned) return t.barrierArriveAligned(id, threads);
  return t.barrierArrive(id, threads);
}

const namedBarriers = (aligned: boolean): Port =>
  function* namedBarriers(t, { input, out }) {
    const words = t.shared('words', 'u32', 160);
    const x = t.threadIdx.x;
    const w = new Writer(t, out);
    const first = x < 64;
    const id = first ? 1 : 2;
    const threads = first ? 64 : 96;
    const begin = first ? 0 : 64;
    const rank = x - begin;
    let value = input.load(x);
    for (let phase = 0; phase < (first ? 3 : 6); phase++) {
      words.store(x, value);
      yield* sync(t, aligned, id, threads);
      value = u32(value * 5 + words.load(begin + ((rank + 33) % threads)));
      w.put(value);
      yield* sync(t, aligned, id, threads);
    }
    yield* t.syncthreads();
    words.store(x, value);
    yield* t.syncthreads();
    w.put(words.load(159 - x));
  };

const barrier15: Port = function* barrier15(t, { input, out }) {
  const words = t.shared('words', 'u32', 96);
  const x = t.threadIdx.x;
  const w = new Writer(t, out);
  let value = input.load(x);
  for (let phase = 0; phase < 4; phase++) {
    words.store(x, value);
    yield* t.barrierSyncAligned(phase % 2 === 0 ? 15 : 0, 96);
    value = u32(value + words.load((x + 40) % 96));
    w.put(value);
    yield* t.barrierSyncAligned(phase % 2 === 0 ? 0 : 15, 96);
  }
};

const producerConsumer = (aligned: boolean): Port =>
  function* producerConsumer(t, { input, out }) {
    const words = t.shared('words', 'u32', 64);
    const x = t.threadIdx.x;
    const w = new Writer(t, out);
    for (let phase = 0; phase < 6; phase++) {
      if (x < 64) {
        yield* sync(t, aligned, 2, 128);
        words.store(x, input.load(x + phase));
        yield* t.threadfenceBlock();
        yield* arrive(t, aligned, 1, 128);
      } else {
        yield* arrive(t, aligned, 2, 128);
        yield* sync(t, aligned, 1, 128);
        w.put(words.load((x * 7 + phase) % 64));
        yield* t.threadfenceBlock();
      }
    }
  };

const exitedWarps: Port = function* exitedWarps(t, { input, out }) {
  const words = t.shared('words', 'u32', 128);
  const x = t.threadIdx.x;
  const w = new Writer(t, out);
  const warp = x >>> 5;
  words.store(x, input.load(x));
  if (warp % 2 === 1) return;
  yield* t.syncthreads();
  w.put(words.load(x ^ 64));
  if (warp === 2) return;
  yield* t.syncthreads();
  words.store(x, u32(words.load(x) + 1));
  yield* t.syncthreads();
  w.put(words.load(x ^ 31));
};

const exitedLanes: Port = function* exitedLanes(t, { input, out }) {
  const words = t.shared('words', 'u32', 64);
  const x = t.threadIdx.x;
  const w = new Writer(t, out);
  words.store(x, input.load(x));
  for (let step = 0; step < 3; step++) {
    if (x % 4 === step + (x >>> 5)) return;
    yield* t.syncthreads();
    const value = u32(words.load(x ^ 32) + words.load(63 - x));
    w.put(value);
    yield* t.syncthreads();
    words.store(x, u32(value * 3));
  }
};

const namedBarrierExitedLanes: Port = function* namedBarrierExitedLanes(t, { input, out }) {
  const words = t.shared('words', 'u32', 96);
  const x = t.threadIdx.x;
  const w = new Writer(t, out);
  words.store(x, input.load(x));
  if (x % 32 >= 5 + (x >>> 5)) return;
  yield* t.barrierSyncAligned(3, 96);
  const value = words.load((x + 32) % 96);
  w.put(value);
  yield* t.barrierSyncAligned(4, 96);
  words.store(x, value);
  yield* t.barrierSyncAligned(3, 96);
  w.put(words.load((x + 64) % 96));
};

const partialLastWarp: Port = function* partialLastWarp(t, { input, out }) {
  const words = t.shared('words', 'u32', 40);
  const x = t.threadIdx.x;
  const w = new Writer(t, out);
  words.store(x, input.load(x));
  yield* t.syncthreads();
  const value = words.load(39 - x);
  w.put(value);
  yield* t.barrierSyncAligned(1, 64);
  words.store(x, u32(value * 9));
  yield* t.barrierSyncAligned(2, 64);
  w.put(words.load((x + 17) % 40));
};

const barrierFromBranches: Port = function* barrierFromBranches(t, { input, out }) {
  const words = t.shared('words', 'u32', 64);
  const x = t.threadIdx.x;
  const w = new Writer(t, out);
  words.store(x, input.load(x));
  if (x % 3 === 0) {
    words.store(x, u32(words.load(x) + 5));
    yield* t.barrierSync(6, 64);
    w.put(words.load(63 - x));
  } else {
    yield* t.barrierSync(6, 64);
    w.put(u32(words.load(63 - x) * 2));
  }
};

const syncwarpExchange: Port = function* syncwarpExchange(t, { input, out }) {
  const words = t.shared('words', 'u32', 64);
  const x = t.threadIdx.x;
  const w = new Writer(t, out);
  const lane = x % 32;
  const first = x - lane;
  let value = input.load(x);
  for (let k = 1; k < 32; k *= 2) {
    words.store(x, value);
    yield* t.syncwarp();
    value = u32(value * 3 + words.load(first + (lane ^ k)));
    w.put(value);
    yield* t.syncwarp();
  }
  const mask = lane < 16 ? 0x0000ffff : 0xffff0000;
  for (let k = 0; k < (lane < 16 ? 2 : 3); k++) {
    words.store(x, value);
    yield* t.syncwarp(mask);
    value = u32(value + words.load(x ^ 15));
    w.put(value);
    yield* t.syncwarp(mask);
  }
};

export const barrierPorts: Ports = {
  syncthreads_phases: syncthreadsPhases,
  named_barriers_aligned: namedBarriers(true),
  named_barriers_unaligned: namedBarriers(false),
  barrier_15: barrier15,
  producer_consumer_aligned: producerConsumer(true),
  producer_consumer_unaligned: producerConsumer(false),
  exited_warps: exitedWarps,
  exited_lanes: exitedLanes,
  named_barrier_exited_lanes: namedBarrierExitedLanes,
  partial_last_warp: partialLastWarp,
  barrier_from_branches: barrierFromBranches,
  syncwarp_exchange: syncwarpExchange,
};
