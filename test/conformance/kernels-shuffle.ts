// Ports of conformance/shuffle.cuh.
import { FULL_MASK, i64 } from '../../src/simt/index.js';
import { isIn, join64, MASKS, type Port, type Ports, Writer } from './harness.js';

const SHUFFLE_OPERANDS = 40;

function shuffleOperand(k: number): number {
  switch (k) {
    case 36:
      return 63;
    case 37:
      return 64;
    case 38:
      return 97;
    case 39:
      return -1;
    default:
      return k;
  }
}

const shflIdx = (width: number): Port =>
  function* shflIdx(t, { input, out }) {
    const w = new Writer(t, out);
    for (let k = 0; k < SHUFFLE_OPERANDS; k++)
      w.put(yield* t.shflSync(FULL_MASK, input.load(t.threadIdx.x), shuffleOperand(k), width));
  };

const shflUp = (width: number): Port =>
  function* shflUp(t, { input, out }) {
    const w = new Writer(t, out);
    for (let k = 0; k < SHUFFLE_OPERANDS; k++)
      w.put(yield* t.shflUpSync(FULL_MASK, input.load(t.threadIdx.x), shuffleOperand(k), width));
  };

const shflDown = (width: number): Port =>
  function* shflDown(t, { input, out }) {
    const w = new Writer(t, out);
    for (let k = 0; k < SHUFFLE_OPERANDS; k++)
      w.put(yield* t.shflDownSync(FULL_MASK, input.load(t.threadIdx.x), shuffleOperand(k), width));
  };

const shflXor = (width: number): Port =>
  function* shflXor(t, { input, out }) {
    const w = new Writer(t, out);
    for (let k = 0; k < SHUFFLE_OPERANDS; k++)
      w.put(yield* t.shflXorSync(FULL_MASK, input.load(t.threadIdx.x), shuffleOperand(k), width));
  };

const shflPartial = (width: number): Port =>
  function* shflPartial(t, { input, out }) {
    const w = new Writer(t, out);
    const lane = t.laneId;
    const segment = lane & ~(width - 1);
    const value = input.load(64 + lane);
    for (const mask of MASKS) {
      for (let k = 1; k < 32; k += 5) {
        if (!isIn(mask, lane)) {
          w.skip(4);
          continue;
        }
        let source = segment | ((lane * k) & (width - 1));
        if (!isIn(mask, source)) source = lane;
        w.put(yield* t.shflSync(mask, value, source, width));
        let delta = (lane + k) % 8;
        source = lane - delta;
        if (source >= segment && !isIn(mask, source)) delta = 0;
        w.put(yield* t.shflUpSync(mask, value, delta, width));
        delta = (lane + k) % 8;
        source = lane + delta;
        if (source < segment + width && !isIn(mask, source)) delta = 0;
        w.put(yield* t.shflDownSync(mask, value, delta, width));
        let laneMask = (lane + k) % 32;
        source = lane ^ laneMask;
        if (source < segment + width && !isIn(mask, source)) laneMask = 0;
        w.put(yield* t.shflXorSync(mask, value, laneMask, width));
      }
    }
  };

const shfl64 = (width: number): Port =>
  function* shfl64(t, { input, out }) {
    const w = new Writer(t, out);
    const value = join64(input.load(t.threadIdx.x), input.load(64 + t.threadIdx.x));
    for (let k = 0; k < 36; k += 7) {
      w.put64(yield* t.shflSync(FULL_MASK, value, k, width));
      w.put64(yield* t.shflUpSync(FULL_MASK, value, k, width));
      w.put64(yield* t.shflDownSync(FULL_MASK, i64(value), k, width));
      w.put64(yield* t.shflXorSync(FULL_MASK, i64(value), k, width));
    }
  };

const shflExited: Port = function* shflExited(t, { input, out }) {
  const w = new Writer(t, out);
  const lane = t.laneId;
  if (lane >= 20) return;
  w.put(yield* t.shflSync(FULL_MASK, input.load(lane), 19 - lane));
  w.put(yield* t.shflUpSync(FULL_MASK, input.load(lane), 3));
  w.put(yield* t.shflDownSync(FULL_MASK, input.load(lane), lane < 17 ? 3 : 0));
  w.put(yield* t.shflXorSync(FULL_MASK, input.load(lane), 3));
};

const portsOfWidth = (width: number): Ports => ({
  [`shfl_idx_${width}`]: shflIdx(width),
  [`shfl_up_${width}`]: shflUp(width),
  [`shfl_down_${width}`]: shflDown(width),
  [`shfl_xor_${width}`]: shflXor(width),
  [`shfl_partial_${width}`]: shflPartial(width),
  [`shfl_64_${width}`]: shfl64(width),
});

export const shufflePorts: Ports = Object.assign(
  { shfl_exited: shflExited },
  ...[1, 2, 4, 8, 16, 32].map((width) => portsOfWidth(width)),
);
