// Ports of conformance/integers.cuh. None has a visible operation: each is one run of plain arithmetic.
import {
  brev,
  brevll,
  clz,
  clzll,
  divI32,
  ffs,
  ffsll,
  i32,
  i64,
  mul64hi,
  mulhi,
  mulI32,
  popc,
  popcll,
  remI32,
  shlB32,
  shlB64,
  shrS32,
  shrS64,
  shrU32,
  shrU64,
  type Thread,
  u32,
  u64,
  umul64hi,
  umulhi,
} from '../../src/simt/index.js';
import { edge64, join64, type Port, type PortArgs, type Ports, Writer } from './harness.js';

type Input = PortArgs['input'];

const firstOfPair = (t: Thread, input: Input): number => input.load(t.threadIdx.x >>> 5);
const secondOfPair = (t: Thread, input: Input): number => input.load(t.threadIdx.x % 32);
const firstOfPair64 = (t: Thread, input: Input): bigint => edge64(input, t.threadIdx.x >>> 4);
const secondOfPair64 = (t: Thread, input: Input): bigint => edge64(input, t.threadIdx.x % 16);

/** A kernel without visible operations. */
const plain = (body: (t: Thread, w: Writer, input: Input) => void): Port =>
  function* plain(t, { input, out }) {
    body(t, new Writer(t, out), input);
  };

const wrap32 = plain((t, w, input) => {
  const a = firstOfPair(t, input);
  const b = secondOfPair(t, input);
  w.put(u32(a + b));
  w.put(u32(a - b));
  w.put(u32(mulI32(a, b)));
  w.put(i32(i32(a) + i32(b)));
  w.put(i32(i32(a) - i32(b)));
  w.put(mulI32(i32(a), i32(b)));
});

const wrap64 = plain((t, w, input) => {
  const a = firstOfPair64(t, input);
  const b = secondOfPair64(t, input);
  w.put64(u64(a + b));
  w.put64(u64(a - b));
  w.put64(u64(a * b));
  w.put64(i64(i64(a) + i64(b)));
  w.put64(i64(i64(a) - i64(b)));
  w.put64(i64(i64(a) * i64(b)));
});

const shifts32 = plain((t, w, input) => {
  for (let count = 0; count <= 70; count++) {
    w.put(shlB32(input.load(t.threadIdx.x), count));
    w.put(shrU32(input.load(t.threadIdx.x), count));
    w.put(shrS32(input.load(t.threadIdx.x), count));
  }
});

const shifts64 = plain((t, w, input) => {
  const value = edge64(input, t.threadIdx.x);
  for (let count = 0; count <= 70; count++) {
    w.put64(shlB64(value, count));
    w.put64(shrU64(value, count));
    w.put64(shrS64(value, count));
  }
});

const shiftsFar = plain((t, w, input) => {
  const a = firstOfPair(t, input);
  const count = secondOfPair(t, input);
  w.put(shlB32(a, count));
  w.put(shrU32(a, count));
  w.put(shrS32(a, count));
  const wide = join64(a, 0x9abcdef1);
  w.put64(shlB64(wide, count));
  w.put64(shrU64(wide, count));
  w.put64(shrS64(wide, count));
});

const divide32 = plain((t, w, input) => {
  const a = firstOfPair(t, input);
  const b = secondOfPair(t, input);
  if (b === 0) return;
  w.put(Math.floor(a / b));
  w.put(a % b);
  if (a === 0x80000000 && b === 0xffffffff) return;
  w.put(divI32(i32(a), i32(b)));
  w.put(remI32(i32(a), i32(b)));
});

const divide64 = plain((t, w, input) => {
  const a = firstOfPair64(t, input);
  const b = secondOfPair64(t, input);
  if (b === 0n) return;
  w.put64(a / b);
  w.put64(a % b);
  if (a === 0x8000000000000000n && b === 0xffffffffffffffffn) return;
  w.put64(i64(a) / i64(b));
  w.put64(i64(a) % i64(b));
});

const bits32 = plain((t, w, input) => {
  const value = input.load(t.threadIdx.x);
  w.put(popc(value));
  w.put(clz(value));
  w.put(ffs(value));
  w.put(brev(value));
});

const bits64 = plain((t, w, input) => {
  const x = t.threadIdx.x;
  const value = x < 16 ? edge64(input, x) : join64(input.load(x), input.load(64 + x));
  w.put(popcll(value));
  w.put(clzll(value));
  w.put(ffsll(value));
  w.put64(brevll(value));
});

const minmax32 = plain((t, w, input) => {
  const a = firstOfPair(t, input);
  const b = secondOfPair(t, input);
  w.put(Math.min(a, b));
  w.put(Math.max(a, b));
  w.put(Math.min(i32(a), i32(b)));
  w.put(Math.max(i32(a), i32(b)));
});

const minmax64 = plain((t, w, input) => {
  const a = firstOfPair64(t, input);
  const b = secondOfPair64(t, input);
  w.put64(a < b ? a : b);
  w.put64(a > b ? a : b);
  w.put64(i64(a) < i64(b) ? a : b);
  w.put64(i64(a) > i64(b) ? a : b);
});

const mulhi32 = plain((t, w, input) => {
  const a = firstOfPair(t, input);
  const b = secondOfPair(t, input);
  w.put(umulhi(a, b));
  w.put(mulhi(a, b));
});

const mulhi64 = plain((t, w, input) => {
  const a = firstOfPair64(t, input);
  const b = secondOfPair64(t, input);
  w.put64(umul64hi(a, b));
  w.put64(mul64hi(a, b));
});

const widen = plain((t, w, input) => {
  const a = firstOfPair(t, input);
  const b = secondOfPair(t, input);
  w.put64(BigInt(mulI32(a, b)));
  w.put64(BigInt(u32(mulI32(a, b))));
  w.put64(BigInt(i32(a)) * BigInt(i32(b)));
  w.put64(BigInt(a) * BigInt(b));
  w.put(Number(BigInt.asUintN(32, join64(a, b) >> 16n)));
});

export const integerPorts: Ports = {
  wrap_32: wrap32,
  wrap_64: wrap64,
  shifts_32: shifts32,
  shifts_64: shifts64,
  shifts_far: shiftsFar,
  divide_32: divide32,
  divide_64: divide64,
  bits_32: bits32,
  bits_64: bits64,
  minmax_32: minmax32,
  minmax_64: minmax64,
  mulhi_32: mulhi32,
  mulhi_64: mulhi64,
  widen,
};
