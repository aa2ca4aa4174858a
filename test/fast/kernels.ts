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
