import { type Instruction, optimized, type Program } from '../program/index.js';
import { parseJson, serializeJson } from '../program/serialize.js';
import type { EmitOptions } from './emission.js';
import { type Emitted, emitFast } from './emit.js';
import type { FrameSize } from './layout.js';
import { arithmetic, runtime } from './runtime.js';
import type { FastWarp } from './warp.js';

/** Runs a warp from the beginning of a region; see `LEFT` in emit.ts for negative results. */
export type RegionFunction = (warp: FastWarp, lanes: number) => number;

/** Where a warp keeps its variables. */
export interface Frame {
  readonly F: Int32Array;
  readonly V: Int32Array;
  readonly D: Float64Array;
}

/** Code that has been made of a program, for launches of all sizes. */
interface RunnableCode {
  readonly emitted: Emitted;
  readonly regions: readonly RegionFunction[];
}

/** A program as running code, for one set of array sizes. */
export class CompiledKernel {
  readonly program: Program;
  readonly regions: readonly RegionFunction[];
  readonly suspended: readonly Instruction[];
  readonly isConverged: boolean;
  /** The JavaScript text. */
  readonly source: string;
  readonly #size: FrameSize;
  readonly #vWords: number;
  readonly #frames: Frame[] = [];
  readonly #mostFreeFrames: number;
  #slab = new ArrayBuffer(0);
  /** Where the rest of the slab begins. */
  #slabAt = 0;
  #framesCut = 0;

  constructor(program: Program, { emitted, regions }: RunnableCode, counts: readonly number[]) {
    const { source, frame, suspended, isConverged } = emitted;
    this.program = program;
    this.regions = regions;
    this.suspended = suspended;
    this.isConverged = isConverged;
    this.source = source;
    this.#size = frame;
    this.#vWords = frame.paramArrays.reduce((sum, { array, words }) => sum + words * counts[array]!, frame.vWords);
    const bytes = 4 * (frame.fWords + this.#vWords + 2 * frame.dWords) + FRAME_OVERHEAD_BYTES;
    this.#mostFreeFrames = Math.floor(FREE_FRAME_BYTES / bytes);
  }

  takeFrame(): Frame {
    const free = this.#frames.pop();
    // What has been seen of masks was another warp's.
    if (free !== undefined) free.F.fill(0);
    return free ?? this.#newFrame();
  }

  /** Cuts a frame from a slab: one of many frames costs less than many do, in the allocator and the garbage collector. */
  #newFrame(): Frame {
    const { fWords, dWords } = this.#size;
    const vWords = this.#vWords;
    const bytes = 8 * dWords + 4 * (vWords + (vWords % 2)) + 4 * (fWords + (fWords % 2));
    if (this.#slabAt + bytes > this.#slab.byteLength) {
      // The first ones are small: many kernels have few warps.
      this.#slab = new ArrayBuffer(bytes * Math.min(FRAMES_A_SLAB, 1 + this.#framesCut));
      this.#slabAt = 0;
    }
    const at = this.#slabAt;
    this.#slabAt += bytes;
    this.#framesCut++;
    const D = new Float64Array(this.#slab, at, dWords);
    const V = new Int32Array(this.#slab, at + 8 * dWords, vWords);
    return { D, V, F: new Int32Array(this.#slab, at + bytes - 4 * (fWords + (fWords % 2)), fWords) };
  }

  /** A frame that nobody uses any more. */
  giveFrame(frame: Frame): void {
    if (this.#frames.length < this.#mostFreeFrames) this.#frames.push(frame);
  }
}

/** What three typed arrays cost beside their elements. */
const FRAME_OVERHEAD_BYTES = 600;

/** Frames that share an allocation. */
const FRAMES_A_SLAB = 64;

/** Bytes of frames that are kept for reuse. */
const FREE_FRAME_BYTES = 2 ** 25;

/** A key of {@link Program.emitted}. */
const keyOf = ({ hasWholeRows, trace }: EmitOptions): string =>
  `fast${hasWholeRows ? '' : ' partial rows'}${trace ? ' trace' : ''}`;

/** What a build does ahead of time: the code for launches whose blockDim.x is a multiple of 32, without a trace. */
export function emitAhead(program: Program): Program {
  const options = { hasWholeRows: true, trace: false };
  return { ...program, emitted: { [keyOf(options)]: serializeJson(emitFast(optimized(program), options)) } };
}

const codes = new WeakMap<Program, Map<string, RunnableCode>>();
const kernels = new WeakMap<RunnableCode, Map<string, CompiledKernel>>();
let compiled = 0;

/** The running code of a program; made once for each set of options and sizes of arrays. */
export function compiledKernelOf(program: Program, options: EmitOptions, counts: readonly number[]): CompiledKernel {
  if (options.plant !== undefined) return new CompiledKernel(program, makeCode(program, options), counts);
  const code = known(codes, program, keyOf(options), () => makeCode(program, options));
  return known(kernels, code, counts.join(), () => new CompiledKernel(program, code, counts));
}

function makeCode(program: Program, options: EmitOptions): RunnableCode {
  const ahead = options.plant === undefined ? program.emitted?.[keyOf(options)] : undefined;
  const emitted = ahead === undefined ? emitFast(optimized(program), options) : (parseJson(ahead) as Emitted);
  // A number makes the text unlike any other: V8 shares what it has learnt between equal ones.
  const make = new Function('E', 'R', `${emitted.source}\n// ${++compiled}`) as (
    e: typeof runtime,
    r: typeof arithmetic,
  ) => RegionFunction[];
  return { emitted, regions: make(runtime, arithmetic) };
}

function known<K extends object, V>(all: WeakMap<K, Map<string, V>>, owner: K, key: string, make: () => V): V {
  let values = all.get(owner);
  if (values === undefined) {
    values = new Map();
    all.set(owner, values);
  }
  let value = values.get(key);
  if (value === undefined) {
    value = make();
    values.set(key, value);
  }
  return value;
}
