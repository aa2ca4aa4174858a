// Ports of conformance/atomics.cuh.
import {
  type DeviceFunction,
  FULL_MASK,
  i32,
  i64,
  type Operation,
  type Pointer,
  popc,
  type ScalarValue,
  type Scope,
  type Thread,
  u32,
  u64,
} from '../../src/simt/index.js';
import { edge64, join64, type Port, type PortArgs, type Ports, PRESET, Writer } from './harness.js';

type Input = PortArgs['input'];
type AtomicType = 'u32' | 'i32' | 'u64';

/** `atomicAdd` of a scope: on the simulator's side it has a method a scope. */
function atomicAdd<T extends AtomicType>(
  t: Thread,
  scope: Scope,
  cell: Pointer<T>,
  value: ScalarValue<T>,
): Operation<ScalarValue<T>> {
  switch (scope) {
    case 'block':
      return t.atomicAddBlock(cell, 0, value);
    case 'device':
      return t.atomicAdd(cell, 0, value);
    case 'system':
      return t.atomicAddSystem(cell, 0, value);
    default:
      return scope satisfies never;
  }
}

const atomicValues32 = (type: 'u32' | 'i32', scope: Scope, shared: boolean): Port =>
  function* atomicValues32(t, { input, out }) {
    const x = t.threadIdx.x;
    const cells = shared ? t.shared<'u32' | 'i32'>('cells', type, 256) : out.cast<'u32' | 'i32'>(type);
    const cell = cells.add(x);
    const w = new Writer(t, out.add(512));
    const T = type === 'i32' ? i32 : u32;
    const a = T(input.load(x >>> 4));
    const b = T(input.load(x % 16));
    cell.store(0, a);
    w.put(yield* atomicAdd(t, scope, cell, b));
    w.put(cell.load());
    cell.store(0, a);
    w.put(yield* t.atomicSub(cell, 0, b, scope));
    w.put(cell.load());
    cell.store(0, a);
    w.put(yield* t.atomicExch(cell, 0, b, scope));
    w.put(cell.load());
    cell.store(0, a);
    w.put(yield* t.atomicMin(cell, 0, b, scope));
    w.put(cell.load());
    cell.store(0, a);
    w.put(yield* t.atomicMax(cell, 0, b, scope));
    w.put(cell.load());
    cell.store(0, a);
    w.put(yield* t.atomicAnd(cell, 0, b, scope));
    w.put(cell.load());
    cell.store(0, a);
    w.put(yield* t.atomicOr(cell, 0, b, scope));
    w.put(cell.load());
    cell.store(0, a);
    w.put(yield* t.atomicXor(cell, 0, b, scope));
    w.put(cell.load());
    cell.store(0, a);
    w.put(yield* t.atomicCAS(cell, 0, a, b, scope));
    w.put(cell.load());
    cell.store(0, a);
    w.put(yield* t.atomicCAS(cell, 0, b, T(~a), scope));
    w.put(cell.load());
  };

const atomicValuesIncDec = (scope: Scope, shared: boolean): Port =>
  function* atomicValuesIncDec(t, { input, out }) {
    const x = t.threadIdx.x;
    const cell = (shared ? t.shared('cells', 'u32', 256) : out).add(x);
    const w = new Writer(t, out.add(512));
    const a = input.load(x >>> 4);
    const b = input.load(x % 16);
    cell.store(0, a);
    w.put(yield* t.atomicInc(cell, 0, b, scope));
    w.put(cell.load());
    cell.store(0, a);
    w.put(yield* t.atomicDec(cell, 0, b, scope));
    w.put(cell.load());
  };

const atomicValuesU64 = (scope: Scope, shared: boolean): Port =>
  function* atomicValuesU64(t, { input, out }) {
    const x = t.threadIdx.x;
    const cell = (shared ? t.shared('cells', 'u64', 256) : out.cast('u64')).add(x);
    const w = new Writer(t, out.add(512));
    const a = edge64(input, x >>> 4);
    const b = edge64(input, x % 16);
    cell.store(0, a);
    w.put64(yield* atomicAdd(t, scope, cell, b));
    w.put64(cell.load());
    cell.store(0, a);
    w.put64(yield* t.atomicExch(cell, 0, b, scope));
    w.put64(cell.load());
    cell.store(0, a);
    w.put64(yield* t.atomicMin(cell, 0, b, scope));
    w.put64(cell.load());
    cell.store(0, a);
    w.put64(yield* t.atomicMax(cell, 0, b, scope));
    w.put64(cell.load());
    cell.store(0, a);
    w.put64(yield* t.atomicAnd(cell, 0, b, scope));
    w.put64(cell.load());
    cell.store(0, a);
    w.put64(yield* t.atomicOr(cell, 0, b, scope));
    w.put64(cell.load());
    cell.store(0, a);
    w.put64(yield* t.atomicXor(cell, 0, b, scope));
    w.put64(cell.load());
    cell.store(0, a);
    w.put64(yield* t.atomicCAS(cell, 0, a, b, scope));
    w.put64(cell.load());
    cell.store(0, a);
    w.put64(yield* t.atomicCAS(cell, 0, b, u64(~a), scope));
    w.put64(cell.load());
  };

const atomicValuesI64 = (scope: Scope, shared: boolean): Port =>
  function* atomicValuesI64(t, { input, out }) {
    const x = t.threadIdx.x;
    const cell = (shared ? t.shared('cells', 'i64', 256) : out.cast('i64')).add(x);
    const w = new Writer(t, out.add(512));
    const a = i64(edge64(input, x >>> 4));
    const b = i64(edge64(input, x % 16));
    cell.store(0, a);
    w.put64(yield* t.atomicMin(cell, 0, b, scope));
    w.put64(cell.load());
    cell.store(0, a);
    w.put64(yield* t.atomicMax(cell, 0, b, scope));
    w.put64(cell.load());
  };

interface Contended {
  readonly input: Input;
  readonly cells: Pointer<'u32'>;
  readonly tickets: Pointer<'u32'>;
  readonly histogram: Pointer<'u32'>;
}

function* contend(t: Thread, scope: Scope, { input, cells, tickets, histogram }: Contended): DeviceFunction {
  const rank = t.globalThreadIdx;
  const threads = t.gridDim.x * t.blockDim.x;
  const value = input.load(rank % 512);
  yield* atomicAdd(t, scope, cells, value);
  yield* t.atomicSub(cells, 1, value, scope);
  yield* t.atomicMin(cells, 2, value, scope);
  yield* t.atomicMax(cells, 3, value, scope);
  yield* t.atomicMin(cells.cast('i32'), 4, i32(value), scope);
  yield* t.atomicMax(cells.cast('i32'), 5, i32(value), scope);
  yield* t.atomicAnd(cells, 6, u32(~(1 << (rank % 13))), scope);
  yield* t.atomicOr(cells, 7, u32(1 << (rank % 16)), scope);
  yield* t.atomicXor(cells, 8, value, scope);
  const up = yield* t.atomicInc(cells, 9, 9, scope);
  yield* atomicAdd(t, scope, histogram.add(up === PRESET ? 15 : up), 1);
  const down = yield* t.atomicDec(cells, 10, 9, scope);
  yield* t.atomicSub(histogram, down === PRESET ? 14 : down, 1 << 16, scope);
  const ticket = (yield* atomicAdd(t, scope, cells.add(11), 1)) - PRESET;
  tickets.store(ticket, ticket);
  if ((yield* t.atomicCAS(cells, 12, PRESET, 7, scope)) === PRESET) yield* atomicAdd(t, scope, cells.add(13), 1);
  let assumed: number;
  let old = PRESET;
  do {
    assumed = old;
    old = yield* t.atomicCAS(cells, 14, assumed, u32(assumed * 5 + 1), scope);
  } while (assumed !== old);
  yield* atomicAdd(t, scope, cells.add(16), yield* t.atomicExch(cells, 15, value, scope));
  yield* t.threadfence();
  if ((yield* t.atomicInc(cells, 17, PRESET + threads, scope)) === PRESET + threads - 1)
    yield* atomicAdd(t, scope, cells.add(16), yield* t.atomicExch(cells, 15, 0, scope));

  const cells64 = cells.add(32).cast('u64');
  const wide = join64(value, input.load((rank + 77) % 512));
  yield* atomicAdd(t, scope, cells64, wide);
  yield* t.atomicMin(cells64, 1, wide, scope);
  yield* t.atomicMax(cells64, 2, wide, scope);
  yield* t.atomicMin(cells64.cast('i64'), 3, i64(wide), scope);
  yield* t.atomicMax(cells64.cast('i64'), 4, i64(wide), scope);
  yield* t.atomicAnd(cells64, 5, u64(~(1n << BigInt(rank % 37))), scope);
  yield* t.atomicOr(cells64, 6, 1n << BigInt(rank % 40), scope);
  yield* t.atomicXor(cells64, 7, wide, scope);
  let assumed64: bigint;
  let old64 = 0n;
  do {
    assumed64 = old64;
    old64 = yield* t.atomicCAS(cells64, 8, assumed64, u64(assumed64 + (1n << 31n)), scope);
  } while (assumed64 !== old64);
}

const atomicContended = (scope: Scope): Port =>
  function* atomicContended(t, { input, out }) {
    yield* contend(t, scope, { input, cells: out, tickets: out.add(80), histogram: out.add(64) });
  };

const atomicContendedShared = (scope: Scope): Port =>
  function* atomicContendedShared(t, { input, out }) {
    const words = t.shared('words', 'u32', 208);
    for (let i = t.threadIdx.x; i < 208; i += t.blockDim.x) words.store(i, PRESET);
    yield* t.syncthreads();
    yield* contend(t, scope, { input, cells: words, tickets: words.add(80), histogram: words.add(64) });
    yield* t.syncthreads();
    for (let i = t.threadIdx.x; i < 208; i += t.blockDim.x) out.store(i, words.load(i));
  };

const atomicAggregated: Port = function* atomicAggregated(t, { input, out }) {
  const lane = t.threadIdx.x % 32;
  const keep = (input.load(64 + t.threadIdx.x) & 1) !== 0;
  const kept = yield* t.ballotSync(FULL_MASK, keep);
  let base = 0;
  if (lane === 0) base = (yield* t.atomicAdd(out, 0, popc(kept))) - PRESET;
  base = yield* t.shflSync(FULL_MASK, base, 0);
  const below = kept & ((1 << lane) - 1);
  if (keep) out.store(1 + base + popc(below), base + popc(below));
};

const valuePorts = (suffix: string, scope: Scope, shared: boolean): Ports => ({
  [`atomic_values_u32_${suffix}`]: atomicValues32('u32', scope, shared),
  [`atomic_values_i32_${suffix}`]: atomicValues32('i32', scope, shared),
  [`atomic_values_inc_dec_${suffix}`]: atomicValuesIncDec(scope, shared),
  [`atomic_values_u64_${suffix}`]: atomicValuesU64(scope, shared),
  [`atomic_values_i64_${suffix}`]: atomicValuesI64(scope, shared),
});

export const atomicPorts: Ports = {
  ...valuePorts('block_shared', 'block', true),
  ...valuePorts('block_global', 'block', false),
  ...valuePorts('device_global', 'device', false),
  ...valuePorts('system_global', 'system', false),
  atomic_contended_block_shared: atomicContendedShared('block'),
  atomic_contended_block_global: atomicContended('block'),
  atomic_contended_device_shared: atomicContendedShared('device'),
  atomic_contended_device_global: atomicContended('device'),
  atomic_contended_system_global: atomicContended('system'),
  atomic_aggregated: atomicAggregated,
};
