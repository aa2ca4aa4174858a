import type { Block } from './block.js';
import { Fault, type FaultThreads } from './errors.js';
import type { Granule } from './granule.js';
import {
  type KernelBody,
  OP_ACTIVEMASK,
  OP_ALL,
  OP_ANY,
  OP_ATOMIC_ADD,
  OP_ATOMIC_AND,
  OP_ATOMIC_CAS,
  OP_ATOMIC_DEC,
  OP_ATOMIC_EXCH,
  OP_ATOMIC_INC,
  OP_ATOMIC_MAX,
  OP_ATOMIC_MIN,
  OP_ATOMIC_OR,
  OP_ATOMIC_SUB,
  OP_ATOMIC_XOR,
  OP_BALLOT,
  OP_BARRIER_ARRIVE,
  OP_BARRIER_SYNC,
  OP_FENCE,
  OP_LOAD,
  OP_LOAD_V2,
  OP_LOAD_V4,
  OP_MATCH_ALL,
  OP_MATCH_ANY,
  OP_NONE,
  OP_REDUX_ADD,
  OP_REDUX_AND,
  OP_REDUX_MAX,
  OP_REDUX_MIN,
  OP_REDUX_OR,
  OP_REDUX_XOR,
  OP_SHFL_DOWN,
  OP_SHFL_IDX,
  OP_SHFL_UP,
  OP_SHFL_XOR,
  OP_STORE,
  OP_STORE_V2,
  OP_STORE_V4,
  OP_SYNCWARP,
  OPERATION_NAMES,
  type Opcode,
  type Operation,
  type Ordering,
  type Scope,
} from './operation.js';
import type { Pointer } from './pointer.js';
import { type Register, RegisterArray } from './register.js';
import type { Dim3, ScalarType, ScalarValue } from './scalar.js';
import type { Warp } from './warp.js';

/** Threads of a warp. */
export const WARP_SIZE = 32;
/** The mask of all lanes of a warp. */
export const FULL_MASK = 0xffffffff;

/** A kernel: the body of one thread. The function's name is the kernel's name in messages. */
export type Kernel<Args> = (t: Thread, args: Args) => KernelBody;

/** Types that atomics work on. */
export type AtomicType = 'i32' | 'u32' | 'i64' | 'u64';
/** Types that shuffles, matches and reductions work on. */
export type WordType = number | bigint;

/** Where a thread is in the life of an operation. */
export const PHASE_IDLE = 0;
/** Called, not yet yielded. */
export const PHASE_CALLED = 1;
/** Yielded: the machine performs it or makes the thread wait. */
export const PHASE_PENDING = 2;
/** Performed: the thread may go on with the result. */
export const PHASE_DONE = 3;
/** Like done, but somebody wants to see the thread's stack, or the operation failed. */
export const PHASE_PROBED = 4;
export const PHASE_EXITED = 5;

const YIELD: IteratorResult<undefined, never> = { done: false, value: undefined };
/** One object for every result: V8's `yield*` reads it at once. */
const RETURN: { done: true; value: unknown } = { done: true, value: undefined };

/**
 * One thread of a launch, as its kernel sees it: CUDA's built-in variables and operations.
 *
 * Ordinary calls (`pointer.load`, `pointer.store`, `t.shared`) are plain accesses. Everything that a scheduler must see
 * is an {@link Operation} and is written `yield* t.operation(...)`: volatile, relaxed, acquire and release accesses,
 * atomics, fences, warp-wide operations, barriers.
 */
export class Thread implements Operation<never> {
  readonly threadIdx: Dim3;
  readonly laneId: number;
  /** The machine's own: do not use in kernels. */
  readonly block: Block;
  readonly warp: Warp;
  readonly granule: Granule;

  // The pending operation and its operands. Which of them count depends on `opcode`.
  opcode: Opcode = OP_NONE;
  phase = PHASE_IDLE;
  mask = 0;
  operandA = 0;
  operandB = 0;
  pointer: Pointer | null = null;
  value: number | bigint | boolean | Register = 0;
  value1: number | bigint | Register = 0;
  registers: readonly (Register | number | bigint)[] | null = null;
  ordering: Ordering = 'volatile';
  scope: Scope = 'system';
  result: unknown = undefined;
  // invariant: null before the first step, and again once the thread has exited or is at fault
  coroutine: KernelBody | null = null;
  /** What to do with the stack of a probed thread, in place of going on or before it. */
  probe: ((stack: string | undefined) => void) | null = null;

  constructor(block: Block, warp: Warp, granule: Granule, laneId: number, threadIdx: Dim3) {
    this.block = block;
    this.warp = warp;
    this.granule = granule;
    this.laneId = laneId;
    this.threadIdx = threadIdx;
  }

  get blockIdx(): Dim3 {
    return this.block.blockIdx;
  }
  get blockDim(): Dim3 {
    return this.block.launch.blockDim;
  }
  get gridDim(): Dim3 {
    return this.block.launch.gridDim;
  }
  /** Thread number within the block: x fastest. */
  get threadRank(): number {
    return this.warp.index * WARP_SIZE + this.laneId;
  }
  /** `blockIdx.x * blockDim.x + threadIdx.x`. */
  get globalThreadIdx(): number {
    return (Math.imul(this.block.blockIdx.x, this.block.launch.blockDim.x) + this.threadIdx.x) | 0;
  }
  /** PTX `%lanemask_lt`: the lanes below this one. */
  get lanemaskLt(): number {
    return ((1 << this.laneId) - 1) >>> 0;
  }
  /** PTX `%lanemask_le`. */
  get lanemaskLe(): number {
    return ((2 << this.laneId) - 1) >>> 0;
  }
  /** PTX `%lanemask_eq`. */
  get lanemaskEq(): number {
    return (1 << this.laneId) >>> 0;
  }
  /** PTX `%lanemask_gt`. */
  get lanemaskGt(): number {
    return ~((2 << this.laneId) - 1) >>> 0;
  }
  /** PTX `%lanemask_ge`. */
  get lanemaskGe(): number {
    return ~((1 << this.laneId) - 1) >>> 0;
  }

  /**
   * `__shared__ TYPE name[count]`: the block's variable of that name. Every thread that declares it gets the same memory.
   * @throws SimtError SHARED_DECLARATION if two threads of the block declare it differently.
   */
  shared<T extends ScalarType>(name: string, type: T, count = 1): Pointer<T> {
    return this.block.shared(name, type, count);
  }

  /** `TYPE regs[count]`: undefined registers of this thread. */
  registerArray<T extends ScalarType>(type: T, count: number): RegisterArray<T> {
    return new RegisterArray(type, count);
  }

  // --- Warp-wide operations. CUDA C++ Programming Guide, "Warp Vote / Match / Reduce / Shuffle Functions".
  // Each waits until every lane of `mask` that has not exited performs the same operation with the same mask.

  /** `__syncwarp(mask)`. */
  syncwarp(mask: number = FULL_MASK): Operation<void> {
    return this.collective(OP_SYNCWARP, mask, 0, 0, 0);
  }
  /** `__any_sync`: whether the predicate holds for some lane. */
  anySync(mask: number, predicate: boolean): Operation<boolean> {
    return this.collective(OP_ANY, mask, predicate, 0, 0);
  }
  /** `__all_sync`: whether the predicate holds for all lanes. */
  allSync(mask: number, predicate: boolean): Operation<boolean> {
    return this.collective(OP_ALL, mask, predicate, 0, 0);
  }
  /** `__ballot_sync`: u32 mask of the lanes for which the predicate holds. */
  ballotSync(mask: number, predicate: boolean): Operation<number> {
    return this.collective(OP_BALLOT, mask, predicate, 0, 0);
  }
  /** `__ballot_sync` shifted right by `shift` bits: a tile's ballot. */
  ballotShifted(mask: number, predicate: boolean, shift: number): Operation<number> {
    return this.collective(OP_BALLOT, mask, predicate, shift, 0);
  }
  /** `__shfl_sync`: the value of lane `sourceLane` modulo `width`, within the segment of `width` lanes. */
  shflSync<V extends WordType>(mask: number, value: V, sourceLane: number, width = WARP_SIZE): Operation<V> {
    return this.collective(OP_SHFL_IDX, mask, value, sourceLane, width);
  }
  /** `__shfl_up_sync`: the value of the lane `delta` below; the own value where that leaves the segment. */
  shflUpSync<V extends WordType>(mask: number, value: V, delta: number, width = WARP_SIZE): Operation<V> {
    return this.collective(OP_SHFL_UP, mask, value, delta, width);
  }
  /** `__shfl_down_sync`: the value of the lane `delta` above; the own value where that leaves the segment. */
  shflDownSync<V extends WordType>(mask: number, value: V, delta: number, width = WARP_SIZE): Operation<V> {
    return this.collective(OP_SHFL_DOWN, mask, value, delta, width);
  }
  /** `__shfl_xor_sync`: the value of lane `laneId ^ laneMask`; the own value where that is in a later segment. */
  shflXorSync<V extends WordType>(mask: number, value: V, laneMask: number, width = WARP_SIZE): Operation<V> {
    return this.collective(OP_SHFL_XOR, mask, value, laneMask, width);
  }
  /** `__match_any_sync`: u32 mask of the lanes that hold the same value. */
  matchAnySync(mask: number, value: WordType): Operation<number> {
    return this.collective(OP_MATCH_ANY, mask, value, 0, 0);
  }
  /** `__match_any_sync` shifted right by `shift` bits: a tile's match. */
  matchAnyShifted(mask: number, value: WordType, shift: number): Operation<number> {
    return this.collective(OP_MATCH_ANY, mask, value, shift, 0);
  }
  /** `__match_all_sync`: the u32 mask of participants if all hold the same value, else 0 (then `pred` is false). */
  matchAllSync(mask: number, value: WordType): Operation<number> {
    return this.collective(OP_MATCH_ALL, mask, value, 0, 0);
  }
  /** `__reduce_add_sync` of i32 or u32: the sum modulo 2^32, signed. */
  reduceAddSync(mask: number, value: number): Operation<number> {
    return this.collective(OP_REDUX_ADD, mask, value, 0, 0);
  }
  /** `__reduce_min_sync`. Values compare as the numbers they are: pass i32 or u32, not a mixture. */
  reduceMinSync(mask: number, value: number): Operation<number> {
    return this.collective(OP_REDUX_MIN, mask, value, 0, 0);
  }
  /** `__reduce_max_sync`. Values compare as the numbers they are: pass i32 or u32, not a mixture. */
  reduceMaxSync(mask: number, value: number): Operation<number> {
    return this.collective(OP_REDUX_MAX, mask, value, 0, 0);
  }
  /** `__reduce_and_sync`, u32. */
  reduceAndSync(mask: number, value: number): Operation<number> {
    return this.collective(OP_REDUX_AND, mask, value, 0, 0);
  }
  /** `__reduce_or_sync`, u32. */
  reduceOrSync(mask: number, value: number): Operation<number> {
    return this.collective(OP_REDUX_OR, mask, value, 0, 0);
  }
  /** `__reduce_xor_sync`, u32. */
  reduceXorSync(mask: number, value: number): Operation<number> {
    return this.collective(OP_REDUX_XOR, mask, value, 0, 0);
  }
  /** `__activemask()`: the lanes that perform this operation in the same step. Depends on the schedule, as on hardware. */
  activemask(): Operation<number> {
    return this.call(OP_ACTIVEMASK);
  }

  // --- Barriers. PTX ISA, "bar, barrier".

  /** `__syncthreads()`: barrier 0 for every warp of the block that has not exited. */
  syncthreads(): Operation<void> {
    return this.barrier(OP_BARRIER_SYNC, 0, 0, true);
  }
  /** `barrier.sync.aligned id, threadCount`. All threads of a warp perform it together. */
  barrierSyncAligned(id: number, threadCount: number): Operation<void> {
    return this.barrier(OP_BARRIER_SYNC, id, threadCount, true);
  }
  /** `barrier.sync id, threadCount`. */
  barrierSync(id: number, threadCount: number): Operation<void> {
    return this.barrier(OP_BARRIER_SYNC, id, threadCount, false);
  }
  /** `barrier.arrive.aligned id, threadCount`: arrives without waiting for other warps. */
  barrierArriveAligned(id: number, threadCount: number): Operation<void> {
    return this.barrier(OP_BARRIER_ARRIVE, id, threadCount, true);
  }
  /** `barrier.arrive id, threadCount`. */
  barrierArrive(id: number, threadCount: number): Operation<void> {
    return this.barrier(OP_BARRIER_ARRIVE, id, threadCount, false);
  }

  // --- Memory accesses that the scheduler sees. PTX ISA, "ld", "st". `index` counts elements of the pointer's type.

  /** `ld.volatile`. @throws SimtError UNDEFINED_READ if a byte was never defined. */
  loadVolatile<T extends ScalarType>(pointer: Pointer<T>, index = 0): Operation<ScalarValue<T>> {
    return this.access(OP_LOAD, pointer, index, 'volatile', 'system');
  }
  /** `st.volatile`. */
  storeVolatile<T extends ScalarType>(
    pointer: Pointer<T>,
    index: number,
    value: ScalarValue<T> | Register<T>,
  ): Operation<void> {
    this.value = value;
    return this.access(OP_STORE, pointer, index, 'volatile', 'system');
  }
  /** `ld.relaxed.scope`. */
  loadRelaxed<T extends ScalarType>(scope: Scope, pointer: Pointer<T>, index = 0): Operation<ScalarValue<T>> {
    return this.access(OP_LOAD, pointer, index, 'relaxed', scope);
  }
  /** `ld.acquire.scope`. */
  loadAcquire<T extends ScalarType>(scope: Scope, pointer: Pointer<T>, index = 0): Operation<ScalarValue<T>> {
    return this.access(OP_LOAD, pointer, index, 'acquire', scope);
  }
  /** `st.relaxed.scope`. */
  storeRelaxed<T extends ScalarType>(
    scope: Scope,
    pointer: Pointer<T>,
    index: number,
    value: ScalarValue<T> | Register<T>,
  ): Operation<void> {
    this.value = value;
    return this.access(OP_STORE, pointer, index, 'relaxed', scope);
  }
  /** `st.release.scope`. */
  storeRelease<T extends ScalarType>(
    scope: Scope,
    pointer: Pointer<T>,
    index: number,
    value: ScalarValue<T> | Register<T>,
  ): Operation<void> {
    this.value = value;
    return this.access(OP_STORE, pointer, index, 'release', scope);
  }
  /** `ld.volatile.v2 {first, second}, [pointer + index]`: one access of two elements, aligned to its size. */
  loadVolatileV2<T extends ScalarType>(
    pointer: Pointer<T>,
    index: number,
    first: Register<T>,
    second: Register<T>,
  ): Operation<void> {
    this.value = first;
    this.value1 = second;
    return this.access(OP_LOAD_V2, pointer, index, 'volatile', 'system');
  }
  /** `st.volatile.v2 [pointer + index], {first, second}`: one access of two elements, aligned to its size. */
  storeVolatileV2<T extends ScalarType>(
    pointer: Pointer<T>,
    index: number,
    first: ScalarValue<T> | Register<T>,
    second: ScalarValue<T> | Register<T>,
  ): Operation<void> {
    this.value = first;
    this.value1 = second;
    return this.access(OP_STORE_V2, pointer, index, 'volatile', 'system');
  }
  /** `ld.volatile.v4`: one access of four elements of at most 4 bytes, aligned to its size. */
  loadVolatileV4<T extends Exclude<ScalarType, 'i64' | 'u64'>>(
    pointer: Pointer<T>,
    index: number,
    registers: readonly [Register<T>, Register<T>, Register<T>, Register<T>],
  ): Operation<void> {
    this.registers = registers;
    return this.access(OP_LOAD_V4, pointer, index, 'volatile', 'system');
  }
  /** `st.volatile.v4`: one access of four elements of at most 4 bytes, aligned to its size. */
  storeVolatileV4<T extends Exclude<ScalarType, 'i64' | 'u64'>>(
    pointer: Pointer<T>,
    index: number,
    values: readonly [
      ScalarValue<T> | Register<T>,
      ScalarValue<T> | Register<T>,
      ScalarValue<T> | Register<T>,
      ScalarValue<T> | Register<T>,
    ],
  ): Operation<void> {
    this.registers = values;
    return this.access(OP_STORE_V4, pointer, index, 'volatile', 'system');
  }

  // --- Atomics. CUDA C++ Programming Guide, "Atomic Functions": relaxed; each returns the old value.
  // Device scope without suffix, `_block` and `_system` as suffixes `Block` and `System`.

  atomicAdd<T extends AtomicType>(
    pointer: Pointer<T>,
    index: number,
    value: ScalarValue<T>,
  ): Operation<ScalarValue<T>> {
    return this.atomic(OP_ATOMIC_ADD, pointer, index, value, 'device');
  }
  atomicAddBlock<T extends AtomicType>(
    pointer: Pointer<T>,
    index: number,
    value: ScalarValue<T>,
  ): Operation<ScalarValue<T>> {
    return this.atomic(OP_ATOMIC_ADD, pointer, index, value, 'block');
  }
  atomicAddSystem<T extends AtomicType>(
    pointer: Pointer<T>,
    index: number,
    value: ScalarValue<T>,
  ): Operation<ScalarValue<T>> {
    return this.atomic(OP_ATOMIC_ADD, pointer, index, value, 'system');
  }
  atomicSub<T extends AtomicType>(
    p: Pointer<T>,
    index: number,
    value: ScalarValue<T>,
    scope: Scope = 'device',
  ): Operation<ScalarValue<T>> {
    return this.atomic(OP_ATOMIC_SUB, p, index, value, scope);
  }
  atomicExch<T extends AtomicType>(
    p: Pointer<T>,
    index: number,
    value: ScalarValue<T>,
    scope: Scope = 'device',
  ): Operation<ScalarValue<T>> {
    return this.atomic(OP_ATOMIC_EXCH, p, index, value, scope);
  }
  atomicMin<T extends AtomicType>(
    p: Pointer<T>,
    index: number,
    value: ScalarValue<T>,
    scope: Scope = 'device',
  ): Operation<ScalarValue<T>> {
    return this.atomic(OP_ATOMIC_MIN, p, index, value, scope);
  }
  atomicMax<T extends AtomicType>(
    p: Pointer<T>,
    index: number,
    value: ScalarValue<T>,
    scope: Scope = 'device',
  ): Operation<ScalarValue<T>> {
    return this.atomic(OP_ATOMIC_MAX, p, index, value, scope);
  }
  /** `old >= value ? 0 : old + 1`. */
  atomicInc(p: Pointer<'u32'>, index: number, value: number, scope: Scope = 'device'): Operation<number> {
    return this.atomic(OP_ATOMIC_INC, p, index, value, scope);
  }
  /** `old == 0 || old > value ? value : old - 1`. */
  atomicDec(p: Pointer<'u32'>, index: number, value: number, scope: Scope = 'device'): Operation<number> {
    return this.atomic(OP_ATOMIC_DEC, p, index, value, scope);
  }
  /** `old == compare ? value : old`. */
  atomicCAS<T extends AtomicType>(
    p: Pointer<T>,
    index: number,
    compare: ScalarValue<T>,
    value: ScalarValue<T>,
    scope: Scope = 'device',
  ): Operation<ScalarValue<T>> {
    this.value1 = compare;
    return this.atomic(OP_ATOMIC_CAS, p, index, value, scope);
  }
  atomicAnd<T extends AtomicType>(
    p: Pointer<T>,
    index: number,
    value: ScalarValue<T>,
    scope: Scope = 'device',
  ): Operation<ScalarValue<T>> {
    return this.atomic(OP_ATOMIC_AND, p, index, value, scope);
  }
  atomicOr<T extends AtomicType>(
    p: Pointer<T>,
    index: number,
    value: ScalarValue<T>,
    scope: Scope = 'device',
  ): Operation<ScalarValue<T>> {
    return this.atomic(OP_ATOMIC_OR, p, index, value, scope);
  }
  atomicXor<T extends AtomicType>(
    p: Pointer<T>,
    index: number,
    value: ScalarValue<T>,
    scope: Scope = 'device',
  ): Operation<ScalarValue<T>> {
    return this.atomic(OP_ATOMIC_XOR, p, index, value, scope);
  }

  /**
   * `__threadfence_block()`. Unless the schedule delays stores, memory is sequentially consistent and fences order nothing
   * more; checkers see them.
   */
  threadfenceBlock(): Operation<void> {
    return this.fence('block');
  }
  /** `__threadfence()`. */
  threadfence(): Operation<void> {
    return this.fence('device');
  }
  /** `__threadfence_system()`. */
  threadfenceSystem(): Operation<void> {
    return this.fence('system');
  }

  // --- The iterator behind `yield*`.

  [Symbol.iterator](): Iterator<undefined, never, undefined> {
    return this as unknown as Iterator<undefined, never, undefined>;
  }

  /** First call: the operation is yielded. Second call: the machine has performed it and the kernel gets its result. */
  next(): IteratorResult<undefined, unknown> {
    if (this.phase === PHASE_CALLED) {
      this.phase = PHASE_PENDING;
      return YIELD;
    }
    if (this.phase !== PHASE_DONE) this.leaveUnusually();
    this.phase = PHASE_IDLE;
    RETURN.value = this.result;
    return RETURN;
  }

  private leaveUnusually(): void {
    if (this.phase !== PHASE_PROBED) {
      throw new Fault(
        'DROPPED_OPERATION',
        `the operation ${OPERATION_NAMES[this.opcode]} was called once and is yielded again, or not by 'yield*': call it for each 'yield* t.…(…)'`,
      );
    }
    this.probe?.(new Error('probe').stack);
    this.probe = null;
  }

  private call(opcode: Opcode): this {
    if (this.phase !== PHASE_IDLE) throw this.droppedOperation();
    this.opcode = opcode;
    this.phase = PHASE_CALLED;
    return this;
  }

  /** The fault of an operation that was called and not yielded before the next one or the kernel's end. */
  droppedOperation(threads: FaultThreads = {}): Fault {
    return new Fault(
      'DROPPED_OPERATION',
      `the operation ${OPERATION_NAMES[this.opcode]} was called and never yielded: write 'yield* t.…(…)'`,
      threads,
    );
  }

  private collective(opcode: Opcode, mask: number, value: number | bigint | boolean, a: number, b: number): this {
    this.mask = mask | 0;
    this.value = value;
    this.operandA = a;
    this.operandB = b;
    return this.call(opcode);
  }

  private barrier(opcode: Opcode, id: number, threadCount: number, aligned: boolean): this {
    this.operandA = id;
    this.operandB = threadCount;
    this.mask = aligned ? 1 : 0;
    return this.call(opcode);
  }

  private access(opcode: Opcode, pointer: Pointer, index: number, ordering: Ordering, scope: Scope): this {
    this.pointer = pointer;
    this.operandA = index;
    this.ordering = ordering;
    this.scope = scope;
    return this.call(opcode);
  }

  private atomic(opcode: Opcode, pointer: Pointer, index: number, value: number | bigint, scope: Scope): this {
    this.value = value;
    return this.access(opcode, pointer, index, 'relaxed', scope);
  }

  private fence(scope: Scope): this {
    this.scope = scope;
    return this.call(OP_FENCE);
  }
}
