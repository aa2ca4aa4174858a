import type { KernelBody, Pointer, Thread } from '../../src/simt/index.js';

export interface LineArgs {
  /** One 128-byte line: 16 bytes a lane, each a word of data and one that may hold the flag. */
  readonly line: Pointer<'u64'>;
  readonly received: Pointer<'u64'>;
}

const LANES = 0xff;

/** Block 0 sends a line of which only the last lane's flag counts, as LL128 does. Blocks of 8 threads. */
export function* flagOfLine(t: Thread, { line, received }: LineArgs): KernelBody {
  const word = t.laneId * 2;
  if (t.blockIdx.x === 0) {
    yield* t.storeVolatileV2(line, word, BigInt(t.laneId) + 7n, 1n);
    return;
  }
  const packet = t.registerArray('u64', 2);
  for (let isThere = false; !isThere; ) {
    yield* t.loadVolatileV2(line, word, packet.at(0), packet.at(1));
    isThere = yield* t.anySync(LANES, t.laneId === 7 && packet.at(1).value === 1n);
  }
  received.store(t.laneId, packet.at(0).value);
}

/** Each 16 bytes have a flag of their own. */
export function* flagOfLane(t: Thread, { line, received }: LineArgs): KernelBody {
  const word = t.laneId * 2;
  if (t.blockIdx.x === 0) {
    yield* t.storeVolatileV2(line, word, 1n, BigInt(t.laneId) + 7n);
    return;
  }
  const packet = t.registerArray('u64', 2);
  for (let isThere = false; !isThere; ) {
    yield* t.loadVolatileV2(line, word, packet.at(0), packet.at(1));
    isThere = yield* t.allSync(LANES, packet.at(0).value === 1n);
  }
  received.store(t.laneId, packet.at(1).value);
}

/** The flag is stored behind the data, and read before it. */
export function* flagBehind(t: Thread, { line, received }: LineArgs): KernelBody {
  const word = t.laneId * 2;
  if (t.blockIdx.x === 0) {
    yield* t.storeVolatile(line, word, BigInt(t.laneId) + 7n);
    yield* t.storeVolatile(line, word + 1, 1n);
    return;
  }
  for (let isThere = false; !isThere; ) {
    const flag = yield* t.loadVolatile(line, word + 1);
    isThere = yield* t.allSync(LANES, flag === 1n);
  }
  received.store(t.laneId, yield* t.loadVolatile(line, word));
}
