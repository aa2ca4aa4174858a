import type { DeviceFunction, KernelBody, Pointer, Thread } from '../../../src/simt/index.js';
import type { ZooArgs } from './arguments.js';
import { arrive, waitParity, waitUntilAtLeast, zeroShared } from './waiting.js';

// Zoo 2: named barriers and the phases of mbarriers.

/** Z20 (flashinfer#4732): warps that only arrive come a second time before the others have come once. */
export function* z20(t: Thread, { output }: ZooArgs): KernelBody {
  const stages = t.shared('stages', 'u32', 128);
  const isMath = t.threadIdx.x < 64;
  for (let round = 0; round < 2; round++) {
    if (isMath) {
      stages.store(round * 64 + t.threadIdx.x, round * 64 + t.threadIdx.x);
      // BUG: the second arrival counts into the same phase.
      yield* t.barrierArrive(1, 96);
    } else {
      yield* t.barrierSync(1, 96);
      output.store(round * 32 + t.laneId, stages.load(round * 64 + 2 * t.laneId));
    }
  }
}

/** The twin of {@link z20}: rounds use different barriers in turn. */
export function* z20Fixed(t: Thread, { output }: ZooArgs): KernelBody {
  const stages = t.shared('stages', 'u32', 128);
  const isMath = t.threadIdx.x < 64;
  for (let round = 0; round < 2; round++) {
    if (isMath) {
      stages.store(round * 64 + t.threadIdx.x, round * 64 + t.threadIdx.x);
      yield* t.barrierArrive(1 + round, 96);
    } else {
      yield* t.barrierSync(1 + round, 96);
      output.store(round * 32 + t.laneId, stages.load(round * 64 + 2 * t.laneId));
    }
  }
}

/** Z21 (flashinfer#4533): two groups of warps use one barrier, whose phases are then made of warps of both. */
export function* z21(t: Thread, { output }: ZooArgs): KernelBody {
  const words = t.shared('words', 'u32', 128);
  yield* zeroShared(t, words, 128);
  const group = t.threadIdx.x >>> 6;
  words.store(t.threadIdx.x, t.threadIdx.x + 1);
  // BUG: the same barrier for both.
  yield* t.barrierSync(3, 64);
  output.store(t.threadIdx.x, words.load(group * 64 + ((t.threadIdx.x + 32) % 64)));
}

/** The twin of {@link z21}: a barrier for each group. */
export function* z21Fixed(t: Thread, { output }: ZooArgs): KernelBody {
  const words = t.shared('words', 'u32', 128);
  yield* zeroShared(t, words, 128);
  const group = t.threadIdx.x >>> 6;
  words.store(t.threadIdx.x, t.threadIdx.x + 1);
  yield* t.barrierSync(3 + group, 64);
  output.store(t.threadIdx.x, words.load(group * 64 + ((t.threadIdx.x + 32) % 64)));
}

/** Z22 (FlashMLA#57): a barrier expects 256 threads, and 128 take part. */
export function* z22(t: Thread, { output }: ZooArgs): KernelBody {
  const words = t.shared('words', 'u32', 128);
  words.store(t.threadIdx.x, t.threadIdx.x + 1);
  yield* t.barrierSync(2, 256);
  output.store(t.threadIdx.x, words.load(127 - t.threadIdx.x));
}

/** The twin of {@link z22}: expects those who come. */
export function* z22Fixed(t: Thread, { output }: ZooArgs): KernelBody {
  const words = t.shared('words', 'u32', 128);
  words.store(t.threadIdx.x, t.threadIdx.x + 1);
  yield* t.barrierSync(2, 128);
  output.store(t.threadIdx.x, words.load(127 - t.threadIdx.x));
}

/** Z23 (cutlass#2672): barrier 17 of 16. */
export function* z23(t: Thread, { output }: ZooArgs): KernelBody {
  const words = t.shared('words', 'u32', 64);
  words.store(t.threadIdx.x, t.threadIdx.x + 1);
  yield* t.barrierSync(17, 64);
  output.store(t.threadIdx.x, words.load(63 - t.threadIdx.x));
}

/** The twin of {@link z23}: a barrier that there is. */
export function* z23Fixed(t: Thread, { output }: ZooArgs): KernelBody {
  const words = t.shared('words', 'u32', 64);
  words.store(t.threadIdx.x, t.threadIdx.x + 1);
  yield* t.barrierSync(7, 64);
  output.store(t.threadIdx.x, words.load(63 - t.threadIdx.x));
}

const Z24_WORKERS = 2;

/** Z24 (flashinfer#5048): warps that take no part in a barrier poll its parity; two phases later it is what it was. */
export function* z24(t: Thread, { output }: ZooArgs): KernelBody {
  const barrier = t.shared('barrier', 'u32', 1);
  yield* zeroShared(t, barrier, 1);
  if (t.laneId !== 0) return;
  const warp = t.threadIdx.x >>> 5;
  if (warp < Z24_WORKERS) yield* z24Work(t, barrier);
  else {
    // BUG: nobody waits for this warp.
    yield* waitParity(t, barrier, 0, Z24_WORKERS, 0);
    output.store(0, 1);
  }
}

/** The twin of {@link z24}: waits for the count, which never comes back. */
export function* z24Fixed(t: Thread, { output }: ZooArgs): KernelBody {
  const barrier = t.shared('barrier', 'u32', 1);
  yield* zeroShared(t, barrier, 1);
  if (t.laneId !== 0) return;
  const warp = t.threadIdx.x >>> 5;
  if (warp < Z24_WORKERS) yield* z24Work(t, barrier);
  else {
    while ((yield* t.loadRelaxed('block', barrier)) < Z24_WORKERS) {
      // The first phase is not complete.
    }
    output.store(0, 1);
  }
}

function* z24Work(t: Thread, barrier: Pointer<'u32'>): DeviceFunction {
  for (let phase = 0; phase < 2; phase++) {
    yield* arrive(t, barrier, 0);
    yield* waitParity(t, barrier, 0, Z24_WORKERS, phase & 1);
  }
}

const Z25_STAGES = 3;

/** Z25 (flashinfer#3630): the consumer waits for the stage before the one that it reads. */
export function* z25(t: Thread, { output }: ZooArgs): KernelBody {
  const full = t.shared('full', 'u32', Z25_STAGES);
  const stages = t.shared('stages', 'u32', Z25_STAGES * 32);
  yield* zeroShared(t, full, Z25_STAGES);
  if (t.threadIdx.x < 32) yield* z25Produce(t, full, stages);
  else {
    for (let stage = 0; stage < Z25_STAGES; stage++) {
      // BUG: says nothing of this stage.
      const awaited = stage === 0 ? 0 : stage - 1;
      yield* waitParity(t, full, awaited, 1, 0);
      output.store(stage * 32 + t.laneId, stages.load(stage * 32 + t.laneId));
    }
  }
}

/** The twin of {@link z25}: waits for the stage that it reads. */
export function* z25Fixed(t: Thread, { output }: ZooArgs): KernelBody {
  const full = t.shared('full', 'u32', Z25_STAGES);
  const stages = t.shared('stages', 'u32', Z25_STAGES * 32);
  yield* zeroShared(t, full, Z25_STAGES);
  if (t.threadIdx.x < 32) yield* z25Produce(t, full, stages);
  else {
    for (let stage = 0; stage < Z25_STAGES; stage++) {
      yield* waitParity(t, full, stage, 1, 0);
      output.store(stage * 32 + t.laneId, stages.load(stage * 32 + t.laneId));
    }
  }
}

function* z25Produce(t: Thread, full: Pointer<'u32'>, stages: Pointer<'u32'>): DeviceFunction {
  for (let stage = 0; stage < Z25_STAGES; stage++) {
    stages.store(stage * 32 + t.laneId, stage * 32 + t.laneId + 1);
    yield* t.syncwarp();
    if (t.laneId === 0) yield* arrive(t, full, stage);
  }
}

const Z26_STAGES = 2;

/**
 * Z26 (flashinfer#3581): the producer's last call to a pipeline, which waits until all stages are free, is made by the
 * consumer, whose phase is another.
 */
export function* z26(t: Thread, args: ZooArgs): KernelBody {
  const barriers = t.shared('barriers', 'u32', 2 * Z26_STAGES);
  yield* zeroShared(t, barriers, 2 * Z26_STAGES);
  const isProducer = t.threadIdx.x < 32;
  const phase = isProducer ? 1 : 0;
  yield* z26Work(t, args, isProducer, barriers);
  // BUG: the wrong warps.
  if (!isProducer) yield* z26ProducerTail(t, barriers, phase ^ 1);
}

/** The twin of {@link z26}: the producer makes the call. */
export function* z26Fixed(t: Thread, args: ZooArgs): KernelBody {
  const barriers = t.shared('barriers', 'u32', 2 * Z26_STAGES);
  yield* zeroShared(t, barriers, 2 * Z26_STAGES);
  const isProducer = t.threadIdx.x < 32;
  const phase = isProducer ? 1 : 0;
  yield* z26Work(t, args, isProducer, barriers);
  if (isProducer) yield* z26ProducerTail(t, barriers, phase ^ 1);
}

/** Once through all stages. Barriers: of full stages, then of empty ones. */
function* z26Work(t: Thread, { output }: ZooArgs, isProducer: boolean, barriers: Pointer<'u32'>): DeviceFunction {
  const stages = t.shared('stages', 'u32', Z26_STAGES * 32);
  for (let stage = 0; stage < Z26_STAGES; stage++) {
    if (isProducer) {
      yield* waitParity(t, barriers, Z26_STAGES + stage, 1, 1);
      stages.store(stage * 32 + t.laneId, stage * 32 + t.laneId + 1);
      yield* t.syncwarp();
      if (t.laneId === 0) yield* arrive(t, barriers, stage);
    } else {
      yield* waitParity(t, barriers, stage, 1, 0);
      output.store(stage * 32 + t.laneId, stages.load(stage * 32 + t.laneId));
      yield* t.syncwarp();
      if (t.laneId === 0) yield* arrive(t, barriers, Z26_STAGES + stage);
    }
  }
}

function* z26ProducerTail(t: Thread, barriers: Pointer<'u32'>, phase: number): DeviceFunction {
  for (let stage = 0; stage < Z26_STAGES; stage++) yield* waitParity(t, barriers, Z26_STAGES + stage, 1, phase);
}

const Z27_ROUNDS = 2;
const Z27_CONSUMERS = 128;

/**
 * Z27 (triton#10035): the leading warp frees a stage before its siblings have left the wait for it, so the stage is
 * filled again, and the phase is that of another round.
 */
export function* z27(t: Thread, { output }: ZooArgs): KernelBody {
  const barriers = t.shared('barriers', 'u32', 2);
  const stage = t.shared('stage', 'u32', 32);
  yield* zeroShared(t, barriers, 2);
  for (let round = 0; round < Z27_ROUNDS; round++) {
    if (t.threadIdx.x >= Z27_CONSUMERS) yield* z27Fill(t, barriers, stage, round);
    else {
      yield* waitParity(t, barriers, 0, 1, round & 1);
      output.store(round * Z27_CONSUMERS + t.threadIdx.x, stage.load(t.laneId));
      // BUG: the other warps may still wait.
      if (t.threadIdx.x === 0) yield* arrive(t, barriers, 1);
    }
  }
}

/** The twin of {@link z27}: all consumers meet before the stage is freed. */
export function* z27Fixed(t: Thread, { output }: ZooArgs): KernelBody {
  const barriers = t.shared('barriers', 'u32', 2);
  const stage = t.shared('stage', 'u32', 32);
  yield* zeroShared(t, barriers, 2);
  for (let round = 0; round < Z27_ROUNDS; round++) {
    if (t.threadIdx.x >= Z27_CONSUMERS) yield* z27Fill(t, barriers, stage, round);
    else {
      yield* waitParity(t, barriers, 0, 1, round & 1);
      output.store(round * Z27_CONSUMERS + t.threadIdx.x, stage.load(t.laneId));
      yield* t.barrierSync(1, Z27_CONSUMERS);
      if (t.threadIdx.x === 0) yield* arrive(t, barriers, 1);
    }
  }
}

/** Barrier 0: the stage is full; barrier 1: it is empty. */
function* z27Fill(t: Thread, barriers: Pointer<'u32'>, stage: Pointer<'u32'>, round: number): DeviceFunction {
  yield* waitParity(t, barriers, 1, 1, (round & 1) ^ 1);
  stage.store(t.laneId, 100 * round + t.laneId);
  yield* t.syncwarp();
  if (t.laneId === 0) yield* arrive(t, barriers, 0);
}

/**
 * Z28 (flashinfer#2996): most threads of a block skip one of its barriers, and meet the others there at their next one.
 */
export function* z28(t: Thread, { output }: ZooArgs): KernelBody {
  const words = t.shared('words', 'u32', 40);
  const results = t.shared('results', 'u32', 40);
  const isWorking = t.threadIdx.x < 40;
  if (isWorking) {
    words.store(t.threadIdx.x, t.threadIdx.x + 1);
    // BUG: inside of the condition.
    yield* t.syncthreads();
    results.store(t.threadIdx.x, words.load(39 - t.threadIdx.x));
  }
  yield* t.syncthreads();
  output.store(t.threadIdx.x, results.load(t.threadIdx.x % 40));
}

/** The twin of {@link z28}: the barrier is outside of the condition. */
export function* z28Fixed(t: Thread, { output }: ZooArgs): KernelBody {
  const words = t.shared('words', 'u32', 40);
  const results = t.shared('results', 'u32', 40);
  const isWorking = t.threadIdx.x < 40;
  if (isWorking) words.store(t.threadIdx.x, t.threadIdx.x + 1);
  yield* t.syncthreads();
  if (isWorking) results.store(t.threadIdx.x, words.load(39 - t.threadIdx.x));
  yield* t.syncthreads();
  output.store(t.threadIdx.x, results.load(t.threadIdx.x % 40));
}

/** Z29 (tt-metal#52526): a barrier releases by a value that is there for a moment, and a slow waiter never sees it. */
export function* z29(t: Thread, { flags: go, data, output }: ZooArgs): KernelBody {
  if (t.threadIdx.x !== 0) return;
  if (t.blockIdx.x === 0) {
    data.store(0, 7);
    yield* t.storeRelease('device', go, 0, 1);
    yield* t.threadfence();
    // BUG: somebody may not have looked.
    yield* t.storeRelaxed('device', go, 0, 0);
  } else {
    yield* waitUntilAtLeast(t, go, 0, 1);
    output.store(t.blockIdx.x, data.load(0));
  }
}

/** The twin of {@link z29}: the value stays. */
export function* z29Fixed(t: Thread, { flags: go, data, output }: ZooArgs): KernelBody {
  if (t.threadIdx.x !== 0) return;
  if (t.blockIdx.x === 0) {
    data.store(0, 7);
    yield* t.storeRelease('device', go, 0, 1);
    yield* t.threadfence();
  } else {
    yield* waitUntilAtLeast(t, go, 0, 1);
    output.store(t.blockIdx.x, data.load(0));
  }
}

/**
 * Z30 (uccl#903): a forwarder holds a lock while it waits for one peer, who needs the lock. The twin has no lock: the
 * tag of a message is its epoch. That a spinning warp starves the holder is not shown: every schedule is fair.
 */
export function* z30(t: Thread, { flags, data: message, output }: ZooArgs): KernelBody {
  if (t.threadIdx.x !== 0) return;
  const isForwarder = t.blockIdx.x === 0;
  while ((yield* t.atomicCAS(flags, 0, 0, 1)) !== 0) {
    // Somebody has the lock.
  }
  yield* t.threadfence();
  if (isForwarder) {
    // BUG: waits with the lock.
    yield* waitUntilAtLeast(t, flags, 1, 1);
    output.store(0, message.load(0));
  } else {
    message.store(0, 7);
    yield* t.storeRelease('device', flags, 1, 1);
  }
  yield* t.threadfence();
  yield* t.atomicExch(flags, 0, 0);
}

/** The twin of {@link z30}: without a lock: the tag of a message is its epoch. */
export function* z30Fixed(t: Thread, { flags, data: message, output }: ZooArgs): KernelBody {
  if (t.threadIdx.x !== 0) return;
  const isForwarder = t.blockIdx.x === 0;
  if (isForwarder) {
    yield* waitUntilAtLeast(t, flags, 1, 1);
    output.store(0, message.load(0));
  } else {
    message.store(0, 7);
    yield* t.storeRelease('device', flags, 1, 1);
  }
}

/** Z31 (cutlass#3117): a relaxed load in the poll, and no acquire behind it. */
export function* z31(t: Thread, { flags, data, output }: ZooArgs): KernelBody {
  if (t.threadIdx.x !== 0) return;
  if (t.blockIdx.x === 0) {
    data.store(0, 7);
    yield* t.storeRelease('device', flags, 0, 1);
  } else {
    // BUG: what follows may be read before.
    while ((yield* t.loadRelaxed('device', flags, 0)) === 0) {
      // Not yet.
    }
    output.store(0, data.load(0));
  }
}

/** The twin of {@link z31}: an acquire. */
export function* z31Fixed(t: Thread, { flags, data, output }: ZooArgs): KernelBody {
  if (t.threadIdx.x !== 0) return;
  if (t.blockIdx.x === 0) {
    data.store(0, 7);
    yield* t.storeRelease('device', flags, 0, 1);
  } else {
    while ((yield* t.loadAcquire('device', flags, 0)) === 0) {
      // Not yet.
    }
    output.store(0, data.load(0));
  }
}
