import { FULL_MASK, type KernelBody, type Pointer, type Thread } from '../../src/simt/index.js';

/** What each of these kernels gets. */
export interface Args {
  readonly out: Pointer<'u32'>;
}

/** Each lane stores its number, then adds what the next lane has stored. */
export function* rotate(t: Thread, { out }: Args): KernelBody {
  const slots = t.shared('slots', 'u32', 32);
  slots.store(t.laneId, t.laneId);
  yield* t.syncwarp();
  yield* t.storeVolatile(out, t.laneId, slots.load((t.laneId + 1) % 32));
}

/** Waits for a word that nobody ever writes. */
export function* waitForNobody(t: Thread, { out }: Args): KernelBody {
  while ((yield* t.loadVolatile(out)) === 0) {
    // Still nobody.
  }
  yield* t.syncwarp();
}

/** A spin lock of a warp's lanes: one by one, those that have it must come out before others get it. */
export function* countUnderLock(t: Thread, { out }: Args): KernelBody {
  while ((yield* t.atomicCAS(out, 0, 0, 1)) !== 0) {
    // Somebody else has it.
  }
  const before = yield* t.loadVolatile(out, 1);
  yield* t.storeVolatile(out, 1, before + 1);
  yield* t.atomicExch(out, 0, 0);
}

/** Shows where its shared memory is. */
export function* showAddress(t: Thread, { out }: Args): KernelBody {
  const slots = t.shared('slots', 'u32', 32);
  yield* t.storeVolatile(out, 0, slots.add(t.laneId).address % 65536);
}

/** Two lanes name themselves alone, the others everybody. */
export function* ballotOfTwo(t: Thread, { out }: Args): KernelBody {
  const all = yield* t.ballotSync(t.laneId < 2 ? 3 : FULL_MASK, true);
  out.store(t.laneId, all);
}

/** Never ends, whatever others do. */
export function* storeForEver(t: Thread, { out }: Args): KernelBody {
  for (let turn = 0; turn >= 0; turn = (turn + 1) & 0xff) yield* t.storeVolatile(out, t.laneId, turn);
}

/** One lane never ends. */
export function* oneLaneForEver(t: Thread, { out }: Args): KernelBody {
  if (t.laneId === 3) {
    for (let turn = 0; turn >= 0; turn = (turn + 1) & 0xff) yield* t.atomicAdd(out, 0, 1);
  }
}

/** What each of the kernels below gets. */
export interface PairArgs extends Args {
  readonly input: Pointer<'u32'>;
}

/** Makes bytes undefined by one access, and defined again by another one. */
export function* undefineAndDefine(t: Thread, { out }: Args): KernelBody {
  const registers = t.registerArray('u32', 2);
  out.store(t.laneId, registers.at(0));
  out.store(t.laneId, 3);
  yield* t.syncwarp();
}

/** Copies undefined bytes that have just been stored. */
export function* copyUndefined(t: Thread, { out }: Args): KernelBody {
  const registers = t.registerArray('u32', 2);
  out.store(t.laneId, registers.at(0));
  out.loadInto(registers.at(1), t.laneId);
  out.store(32 + t.laneId, registers.at(1));
  yield* t.syncwarp();
}

/** Doubles beyond 2^53 round at some lanes. */
export function* roundedIndex(t: Thread, { input, out }: PairArgs): KernelBody {
  const index = 9007199254740992 + t.laneId - 9007199254740992;
  out.store(t.laneId, input.load(index));
  yield* t.syncwarp();
}

/** A shift count is taken modulo 32. */
export function* negativeShift(t: Thread, { input, out }: PairArgs): KernelBody {
  out.store(t.laneId, input.load((t.laneId << 1) << -1));
  yield* t.syncwarp();
}

/** The index wraps between two lanes. */
export function* wrappedIndex(t: Thread, { input, out }: PairArgs): KernelBody {
  out.store(t.laneId, input.add(-2147483640).load((2147483640 + t.laneId) | 0));
  yield* t.syncwarp();
}

/** The fraction of an index is lost beside the address. */
export function* fractionalIndex(t: Thread, { input, out }: PairArgs): KernelBody {
  out.store(t.laneId, input.load(t.laneId * 0.1 * 10));
  yield* t.syncwarp();
}

/** A lane spins at a warp-wide operation of its own until another lane has stored. */
export function* spinAtSyncwarp(t: Thread, { out }: Args): KernelBody {
  if (t.laneId === 5) {
    while (out.load(0) === 0) yield* t.syncwarp(32);
    out.store(1, 9);
  } else if (t.laneId === 20) out.store(0, 1);
}

/** Uses memory again and again. */
export function* useAgain(t: Thread, { input, out }: PairArgs): KernelBody {
  for (let i = 0; i < 6; i++) {
    out.store(t.laneId, input.load(t.laneId));
    yield* t.syncthreads();
  }
}

/** Lanes load from two allocations: some from the one that was last accessed, others not. */
export function* twoAllocations(t: Thread, { input, out }: PairArgs): KernelBody {
  for (let round = 0; round < 3; round++) {
    const from = t.laneId < 10 + round ? input : out.add(32);
    out.store(t.laneId, from.load(t.laneId) + round);
    yield* t.syncwarp();
  }
}

/** Registers are undefined at each declaration, whatever they held in the round before. */
export function* declareAgain(t: Thread, { input, out }: PairArgs): KernelBody {
  for (let round = 0; round < 3; round++) {
    const registers = t.registerArray('u32', 2);
    out.store(t.laneId, registers.at(1));
    input.loadInto(registers.at(1), t.laneId);
    out.store(32 + t.laneId, registers.at(1));
    yield* t.syncwarp();
  }
}

/** Some lanes define a register that all of them store. */
export function* definedBySome(t: Thread, { input, out }: PairArgs): KernelBody {
  const registers = t.registerArray('u32', 2);
  for (let round = 0; round < 3; round++) {
    if (t.laneId % 3 === round) input.loadInto(registers.at(round % 2), t.laneId);
    out.store(t.laneId, registers.at(0));
    out.store(32 + t.laneId, registers.at(1));
    yield* t.syncwarp();
  }
}

/** Lanes vote among four, all together, some missing, and together again. */
export function* voteInTiles(t: Thread, { input, out }: PairArgs): KernelBody {
  const mask = (0xf << (t.laneId & 28)) >>> 0;
  let count = 0;
  for (let round = 0; round < 6; round++) {
    if (round !== 3 || t.laneId < 16) {
      if (yield* t.anySync(mask, (input.load(t.laneId) + round) % 5 === 0)) count++;
    }
    if (yield* t.allSync(mask, input.load(t.laneId) % 8 > round - 3)) count += 16;
    if (round === 4 && t.laneId >= 28) return;
  }
  out.store(t.laneId, count);
}

/** Registers take over which bytes of a word are defined, from memory and from each other. */
export function* partlyDefined(t: Thread, { input, out }: PairArgs): KernelBody {
  const registers = t.registerArray('u32', 3);
  const bytes = out.cast('u8');
  for (let round = 0; round < 3; round++) {
    out.store(t.laneId, registers.at(0));
    bytes.store(4 * t.laneId + 1 + (t.laneId % 3), 7);
    out.loadInto(registers.at(1), t.laneId);
    out.store(32 + t.laneId, registers.at(1));
    registers.at(2).assign(registers.at(1));
    input.loadInto(registers.at(1), t.laneId);
    out.store(t.laneId, registers.at(2));
    yield* t.syncwarp();
  }
  if (t.laneId % 2 === 0) out.store(t.laneId, registers.at(1));
}

/** A lane has added when it comes to memory that is elsewhere: it must not add again. */
export function* addBeforeElsewhere(t: Thread, { input, out }: PairArgs): KernelBody {
  for (let round = 0; round < 3; round++) {
    out.store(t.laneId, out.load(t.laneId) + 1);
    const from = t.laneId < 10 + round ? input : out.add(32);
    out.store(32 + t.laneId, from.load(t.laneId));
    yield* t.syncwarp();
  }
}

/** What a lane has found remains so, whether or not it looks again. */
export function* remembered(t: Thread, { input, out }: PairArgs): KernelBody {
  let hasFound = false;
  for (let round = 0; round < 3; round++) {
    if (input.load(t.laneId) % 4 === round) hasFound = t.laneId % 5 !== 0;
    out.store(t.laneId, out.load(t.laneId) * 2 + (hasFound ? 1 : 0));
    yield* t.syncwarp();
  }
}
