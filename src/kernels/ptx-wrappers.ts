import type { Operation, Pointer, Register, Thread } from '../simt/index.js';

/** `barrier.sync.aligned name, nThreads`. Source: trtllm_alltoall.cuh:247-249. */
export function barrierSync(t: Thread, name: number, nThreads: number): Operation<void> {
  return t.barrierSyncAligned(name, nThreads);
}

/** `ld.volatile.global.v2.u64 {v0, v1}, [ptr + offset]`; `offset` counts u64. Source: trtllm_alltoall.cuh:251-256. */
export function load128(
  t: Thread,
  ptr: Pointer<'u64'>,
  offset: number,
  v0: Register<'u64'>,
  v1: Register<'u64'>,
): Operation<void> {
  return t.loadVolatileV2(ptr, offset, v0, v1);
}

/** `st.volatile.global.v2.u64 [ptr + offset], {v0, v1}`; `offset` counts u64. Source: trtllm_alltoall.cuh:258-260. */
export function store128(
  t: Thread,
  ptr: Pointer<'u64'>,
  offset: number,
  v0: Register<'u64'> | bigint,
  v1: Register<'u64'> | bigint,
): Operation<void> {
  return t.storeVolatileV2(ptr, offset, v0, v1);
}
