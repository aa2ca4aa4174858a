import {
  type Dim3,
  describeOutcome,
  type EngineChooser,
  type Kernel,
  Machine,
  type Pointer,
  type Thread,
  u32,
} from '../../src/simt/index.js';

/** What every port gets, as its kernel does: `in` and `out`. */
export interface PortArgs {
  readonly input: Pointer<'u32'>;
  readonly out: Pointer<'u32'>;
}

/** A kernel of `conformance/`, written for the simulator. */
export type Port = Kernel<PortArgs>;
/** Ports by the name of their kernel in the recording. */
export type Ports = Readonly<Record<string, Port>>;

// The rest is common.cuh, line by line.

/** Every word of `out` holds this before a kernel runs. */
export const PRESET = 0xcdcdcdcd;

const EDGES: readonly number[] = [
  0, 1, 2, 31, 32, 33, 0x7fffffff, 0x80000000, 0x80000001, 0xfffffffe, 0xffffffff, 0x7f800001, 0xffc12345, 255, 256,
  65536, 3, 63, 64, 65, 127, 128, 65535, 0x7fc00000, 0x7f800000, 0xff800000, 0x3f800000, 0x00800000, 0x55555555,
  0xaaaaaaaa, 0x0000ff80, 0x80007fff,
];

/** Word i of `in`: the edge words, then a fixed hash of i. */
function inputWord(i: number): number {
  if (i < 32) return EDGES[i]!;
  let x = Math.imul(i, 0x9e3779b9) + 0x85ebca6b;
  x ^= x >>> 16;
  x = Math.imul(x, 0x7feb352d);
  x ^= x >>> 15;
  x = Math.imul(x, 0x846ca68b);
  x ^= x >>> 16;
  return u32(x);
}

const blockThreads = ({ blockDim }: Thread): number => blockDim.x * blockDim.y * blockDim.z;
const blockRank = ({ blockIdx, gridDim }: Thread): number =>
  (blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
const gridBlocks = ({ gridDim }: Thread): number => gridDim.x * gridDim.y * gridDim.z;

/** Writes the results of a thread: the k-th of thread i of n goes to out[k * n + i]. */
export class Writer {
  readonly #out: Pointer<'u32'>;
  readonly #stride: number;
  #at: number;

  constructor(t: Thread, out: Pointer<'u32'>) {
    this.#out = out;
    this.#at = blockRank(t) * blockThreads(t) + t.threadRank;
    this.#stride = gridBlocks(t) * blockThreads(t);
  }

  /** An integer of at most 32 bits, or a predicate as 0 or 1. */
  put(word: number | boolean): void {
    this.#out.store(this.#at, u32(Number(word)));
    this.#at += this.#stride;
  }
  put64(word: bigint): void {
    this.put(Number(BigInt.asUintN(32, word)));
    this.put(Number(BigInt.asUintN(32, word >> 32n)));
  }
  skip(words = 1): void {
    this.#at += this.#stride * words;
  }
}

const EDGE64_HIGH = [0, 0, 0, 0, 0, 0, 10, 10, 7, 6, 6, 1, 7, 11, 12, 13] as const;
const EDGE64_LOW = [0, 1, 3, 5, 7, 10, 10, 9, 0, 10, 9, 0, 1, 12, 11, 14] as const;

/** The unsigned 64-bit word of two halves. */
export const join64 = (high: number, low: number): bigint => (BigInt(u32(high)) << 32n) | BigInt(u32(low));

/** One of 16 values of 64 bits, unsigned. */
export const edge64 = (input: Pointer<'u32'>, i: number): bigint =>
  join64(input.load(EDGE64_HIGH[i]), input.load(EDGE64_LOW[i]));

export const MASKS: readonly number[] = [
  0xffffffff, 0x0000ffff, 0xaaaaaaaa, 0x80000001, 0xfffffffe, 0x00010000, 0x7fffffff, 0x0ff00ff0,
];

/** `mask >> lane & 1`. */
export const isIn = (mask: number, lane: number): boolean => ((mask >>> lane) & 1) === 1;

/** The launch of a recorded kernel. */
export interface RecordedLaunch {
  readonly grid: Dim3;
  readonly block: Dim3;
  readonly inWords: number;
}

/**
 * Runs a port as its kernel was run and returns what it leaves in `out`, `outWords` words.
 * @throws Error unless the run completes.
 */
export function runPort(
  port: Port,
  { grid, block, inWords }: RecordedLaunch,
  outWords: number,
  schedule: string,
  engine?: EngineChooser,
) {
  const machine = new Machine({ schedule, ...(engine === undefined ? {} : { engine }) });
  const input = machine.memory.upload(
    'in',
    'u32',
    Uint32Array.from({ length: inWords }, (_, i) => inputWord(i)),
  );
  const out = machine.memory.upload('out', 'u32', new Uint32Array(outWords).fill(PRESET));
  machine.stream().launch(port, { grid, block }, { input, out });
  const outcome = machine.run();
  if (outcome.verdict !== 'completes') throw new Error(describeOutcome(outcome, machine.limits));
  return new Uint32Array(machine.memory.download(out, outWords).buffer);
}
