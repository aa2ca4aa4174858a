import { FULL_MASK, type KernelBody, type Pointer, type Thread } from '../../src/simt/index.js';

/** What every kernel here gets: `data` of 64 u32, `wide` of 16 u64, `raw` of 64 u32 that nobody has written. */
export interface FaultyArgs {
  readonly data: Pointer<'u32'>;
  readonly wide: Pointer<'u64'>;
  readonly raw: Pointer<'u32'>;
}

export function* outOfBoundsLoad(t: Thread, { data }: FaultyArgs): KernelBody {
  yield* t.syncwarp();
  data.store(0, data.load(40 + t.threadRank));
}

export function* outOfBoundsStore(t: Thread, { data }: FaultyArgs): KernelBody {
  yield* t.syncwarp();
  data.store(t.threadRank - 3, 1);
}

export function* outOfBoundsVolatile(t: Thread, { data }: FaultyArgs): KernelBody {
  if (t.laneId > 7) yield* t.storeVolatile(data, 60 + t.laneId, 1);
}

export function* misaligned(t: Thread, { data }: FaultyArgs): KernelBody {
  yield* t.loadVolatile(data.cast('u64'), 0);
  const odd = data
    .cast('u8')
    .add(2 + t.laneId)
    .cast('u32');
  yield* t.loadVolatile(odd, 0);
}

export function* undefinedRead(t: Thread, { raw }: FaultyArgs): KernelBody {
  raw.store(t.laneId, 1);
  yield* t.syncwarp();
  raw.load(t.laneId + 1);
}

export function* undefinedVolatile(t: Thread, { raw }: FaultyArgs): KernelBody {
  if (t.laneId === 9) yield* t.loadVolatile(raw, 5);
}

export function* undefinedAtomic(t: Thread, { raw }: FaultyArgs): KernelBody {
  yield* t.atomicAdd(raw, t.laneId, 1);
}

export function* undefinedRegister(t: Thread, { data }: FaultyArgs): KernelBody {
  const regs = t.registerArray('u32', 4);
  regs.at(1).set(7);
  yield* t.syncwarp();
  data.store(0, regs.at(1).value);
  data.store(1, regs.at(2).value);
}

export function* registerIndex(t: Thread, { data }: FaultyArgs): KernelBody {
  const regs = t.registerArray('u32', 4);
  yield* t.syncwarp();
  for (let i = 0; i <= 4; i++) regs.at(i).set(i);
  data.store(0, regs.at(3).value);
}

export function* undefinedShuffle(t: Thread, { data }: FaultyArgs): KernelBody {
  if (t.laneId < 8) data.store(t.laneId, yield* t.shflSync(0xff, t.laneId, t.laneId + 1));
}

export function* undefinedShuffleAtExit(t: Thread, { data }: FaultyArgs): KernelBody {
  if (t.laneId === 31) {
    yield* t.threadfence();
    return;
  }
  data.store(t.laneId, yield* t.shflDownSync(FULL_MASK, t.laneId, 1));
}

export function* shuffleWidth(t: Thread, { data }: FaultyArgs): KernelBody {
  data.store(t.laneId, yield* t.shflXorSync(FULL_MASK, t.laneId, 1, 12));
}

export function* notInMask(t: Thread, { data }: FaultyArgs): KernelBody {
  data.store(0, 1);
  yield* t.syncwarp(0x0000fff0);
}

export function* maskDisagreement(t: Thread, { data }: FaultyArgs): KernelBody {
  const all = yield* t.allSync(t.laneId < 16 ? FULL_MASK : 0xfffffffe, true);
  if (all) data.store(0, 1);
}

export function* differentOperations(t: Thread, { data }: FaultyArgs): KernelBody {
  if (t.laneId < 4) yield* t.syncwarp();
  else if (yield* t.anySync(FULL_MASK, true)) data.store(0, 1);
}

export function* barrierId(t: Thread, { data }: FaultyArgs): KernelBody {
  data.store(0, 1);
  yield* t.barrierSync(16, 64);
}

export function* barrierCount(t: Thread, { data }: FaultyArgs): KernelBody {
  data.store(0, 1);
  yield* t.barrierSync(1, 40);
}

export function* barrierArriveCount(t: Thread, { data }: FaultyArgs): KernelBody {
  data.store(0, 1);
  yield* t.barrierArrive(1, 0);
}

export function* barrierOtherCount(t: Thread, { data }: FaultyArgs): KernelBody {
  data.store(0, 1);
  yield* t.barrierSync(2, t.threadRank < 32 ? 64 : 96);
}

export function* barrierDivergence(t: Thread, { data }: FaultyArgs): KernelBody {
  data.store(0, 1);
  yield* t.barrierSyncAligned(t.laneId < 5 ? 1 : 2, 64);
}

export function* barrierArrivals(t: Thread, { data }: FaultyArgs): KernelBody {
  data.store(0, 1);
  yield* t.barrierArrive(3, 96);
  yield* t.barrierArrive(3, 96);
}

export function* sharedDeclaration(t: Thread, { data }: FaultyArgs): KernelBody {
  yield* t.syncwarp();
  const s = t.shared('s', 'u32', t.threadRank < 40 ? 8 : 9);
  s.store(0, 1);
  data.store(0, s.load());
}

export function* sharedOutOfBounds(t: Thread, { data }: FaultyArgs): KernelBody {
  const s = t.shared('s', 'u32', 8);
  s.store(t.laneId % 8, 1);
  yield* t.syncthreads();
  data.store(t.threadRank, s.load(t.laneId));
}

export function* divisionByZero(t: Thread, { wide, data }: FaultyArgs): KernelBody {
  yield* t.syncwarp();
  const divisor = BigInt(data.load(t.laneId)) & 0n;
  wide.store(0, 8n / divisor);
}

export function* deadlockAtBarrier(t: Thread, { data }: FaultyArgs): KernelBody {
  if (t.threadRank < 32) yield* t.syncwarp();
  if (t.laneId < 5) return;
  if (t.threadRank >= 32) yield* t.barrierSync(4, 96);
  else if (t.laneId < 10) yield* t.barrierSync(5, 64);
  else yield* t.syncwarp(0xffffffff);
  data.store(0, 1);
}

export function* polls(t: Thread, { data }: FaultyArgs): KernelBody {
  if (t.threadRank >= 40) yield* t.syncthreads();
  else if (t.threadRank < 8) while ((yield* t.loadVolatile(data, 1)) !== 77);
  else yield* t.threadfence();
}
