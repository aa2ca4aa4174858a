// Ports of conformance/warp.cuh.
import { type DeviceFunction, FULL_MASK, i32, type Operation, type Thread, u32 } from '../../src/simt/index.js';
import { isIn, join64, MASKS, type Port, type PortArgs, type Ports, Writer } from './harness.js';

function predicate(t: Thread, input: PortArgs['input'], k: number): boolean {
  const lane = t.laneId;
  switch (k) {
    case 0:
      return false;
    case 1:
      return true;
    case 2:
      return (input.load(64 + t.threadIdx.x) & 1) !== 0;
    case 3:
      return lane === 31;
    case 4:
      return lane !== 16;
    default:
      return (input.load(64 + t.threadIdx.x) & 256) !== 0;
  }
}

/** The three votes differ in one line: `vote`. */
export const voteWith = (vote: (t: Thread, mask: number, p: boolean) => Operation<number | boolean>): Port =>
  function* vote_(t, { input, out }) {
    const w = new Writer(t, out);
    for (const mask of MASKS) {
      for (let k = 0; k < 6; k++) {
        const p = predicate(t, input, k);
        if (isIn(mask, t.laneId)) w.put(yield* vote(t, mask, p));
        else w.skip();
      }
    }
  };

const voteExited: Port = function* voteExited(t, { input, out }) {
  const w = new Writer(t, out);
  for (let step = 0; step < 8; step++) {
    if (t.laneId % 8 === step) return;
    const p = isIn(input.load(64 + t.threadIdx.x), step);
    w.put(yield* t.anySync(FULL_MASK, p));
    w.put(yield* t.allSync(FULL_MASK, p));
    w.put(yield* t.ballotSync(FULL_MASK, p));
    w.put(yield* t.ballotSync(FULL_MASK, true));
  }
};

const votePartialWarp: Port = function* votePartialWarp(t, { input, out }) {
  const w = new Writer(t, out);
  for (let k = 0; k < 6; k++) {
    const p = predicate(t, input, k);
    w.put(yield* t.anySync(FULL_MASK, p));
    w.put(yield* t.allSync(FULL_MASK, p));
    w.put(yield* t.ballotSync(FULL_MASK, p));
  }
};

const matchAny32: Port = function* matchAny32(t, { input, out }) {
  const w = new Writer(t, out);
  for (const mask of MASKS) {
    for (let bits = 0; bits < 4; bits++) {
      const value = input.load(64 + t.threadIdx.x) & ((1 << bits) - 1);
      if (isIn(mask, t.laneId)) {
        w.put(yield* t.matchAnySync(mask, value));
        w.put(yield* t.matchAnySync(mask, i32(-value)));
      } else w.skip(2);
    }
  }
};

const matchAny64: Port = function* matchAny64(t, { input, out }) {
  const w = new Writer(t, out);
  const low = BigInt(input.load(64 + t.threadIdx.x) & 3);
  const high = BigInt(input.load(128 + t.threadIdx.x) & 1);
  for (const mask of MASKS) {
    if (isIn(mask, t.laneId)) {
      w.put(yield* t.matchAnySync(mask, high << 32n));
      w.put(yield* t.matchAnySync(mask, low));
      w.put(yield* t.matchAnySync(mask, (high << 63n) | low));
      w.put(yield* t.matchAnySync(mask, -low));
    } else w.skip(4);
  }
};

const matchAnyF32: Port = function* matchAnyF32(t, { input, out }) {
  const w = new Writer(t, out);
  const words = [0x7fc00000, 0x7fc00001, 0x80000000, 0] as const;
  const value = words[(input.load(64 + t.threadIdx.x) & 3) as 0 | 1 | 2 | 3];
  w.put(yield* t.matchAnySync(FULL_MASK, value));
};

/** `__match_all_sync` writes the predicate through a pointer; here it is that the mask is not 0. */
function* matchAll(t: Thread, w: Writer, mask: number, value: number | bigint): DeviceFunction {
  if (isIn(mask, t.laneId)) {
    const same = yield* t.matchAllSync(mask, value);
    w.put(same);
    w.put(same !== 0);
  } else w.skip(2);
}

const matchAll32: Port = function* matchAll32(t, { input, out }) {
  const w = new Writer(t, out);
  for (const mask of MASKS) {
    for (let odd = -1; odd < 32; odd += 4) {
      const value = u32(input.load(12) + Number(t.laneId === odd));
      yield* matchAll(t, w, mask, value);
    }
  }
};

const matchAll64: Port = function* matchAll64(t, { input, out }) {
  const w = new Writer(t, out);
  for (const mask of MASKS) {
    for (let odd = -1; odd < 32; odd += 4) {
      const value = join64(input.load(12) + Number(t.laneId === odd), input.load(11));
      yield* matchAll(t, w, mask, value);
    }
  }
};

function reduceValue(t: Thread, input: PortArgs['input'], k: number): number {
  switch (k) {
    case 0:
      return input.load(t.threadIdx.x);
    case 1:
      return input.load(128 + t.threadIdx.x);
    default:
      return u32((input.load(256 + t.threadIdx.x) % 201) - 100);
  }
}

/** `reduce_signed` and `reduce_unsigned` differ in the type of `value`. */
const reduceAs = (type: typeof i32 | typeof u32): Port =>
  function* reduceAs(t, { input, out }) {
    const w = new Writer(t, out);
    for (const mask of MASKS) {
      for (let k = 0; k < 3; k++) {
        const value = type(reduceValue(t, input, k));
        if (isIn(mask, t.laneId)) {
          w.put(yield* t.reduceAddSync(mask, value));
          w.put(yield* t.reduceMinSync(mask, value));
          w.put(yield* t.reduceMaxSync(mask, value));
        } else w.skip(3);
      }
    }
  };

const reduceBits: Port = function* reduceBits(t, { input, out }) {
  const w = new Writer(t, out);
  for (const mask of MASKS) {
    for (let k = 0; k < 3; k++) {
      const value = reduceValue(t, input, k);
      if (isIn(mask, t.laneId)) {
        w.put(yield* t.reduceAndSync(mask, value));
        w.put(yield* t.reduceOrSync(mask, value));
        w.put(yield* t.reduceXorSync(mask, value));
      } else w.skip(3);
    }
  }
};

const activemask: Port = function* activemask(t, { out }) {
  const w = new Writer(t, out);
  w.put(yield* t.activemask());
  yield* t.syncthreads();
  w.put(yield* t.activemask());
  yield* t.syncwarp();
  w.put(yield* t.activemask());
};

const lanemasks: Port = function* lanemasks(t, { out }) {
  const w = new Writer(t, out);
  w.put(t.lanemaskLt);
  w.put(t.lanemaskLe);
  w.put(t.lanemaskEq);
  w.put(t.lanemaskGt);
  w.put(t.lanemaskGe);
  w.put(t.laneId);
};

const geometry: Port = function* geometry(t, { out }) {
  const w = new Writer(t, out);
  for (const { x, y, z } of [t.threadIdx, t.blockIdx, t.blockDim, t.gridDim]) {
    w.put(x);
    w.put(y);
    w.put(z);
  }
  w.put(t.laneId);
  w.put(yield* t.ballotSync(FULL_MASK, t.threadIdx.y === 1));
};

export const warpPorts: Ports = {
  vote_any: voteWith((t, mask, p) => t.anySync(mask, p)),
  vote_all: voteWith((t, mask, p) => t.allSync(mask, p)),
  vote_ballot: voteWith((t, mask, p) => t.ballotSync(mask, p)),
  vote_exited: voteExited,
  vote_partial_warp: votePartialWarp,
  match_any_32: matchAny32,
  match_any_64: matchAny64,
  match_any_f32: matchAnyF32,
  match_all_32: matchAll32,
  match_all_64: matchAll64,
  reduce_signed: reduceAs(i32),
  reduce_unsigned: reduceAs(u32),
  reduce_bits: reduceBits,
  activemask,
  lanemasks,
  geometry,
};
