import type { Instruction, Program } from '../program/index.js';
import { optimized } from '../program/index.js';
import type { EmitOptions } from './emission.js';
import { emitFast } from './emit.js';
import type { Layout } from './layout.js';
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

/** A program as running code, for one set of array sizes and one kind of block. */
export class CompiledKernel {
  readonly program: Program;
  readonly regions: readonly RegionFunction[];
  readonly suspended: readonly Instruction[];
  readonly isConverged: boolean;
  /** The JavaScript text. */
  readonly source: string;
  readonly #layout: Layout;
  readonly #frames: Frame[] = [];
  readonly #mostFreeFrames: number;

  constructor(program: Program, options: EmitOptions) {
    const { source, layout, suspended, isConverged } = emitFast(optimized(program), options);
    this.program = program;
    this.#layout = layout;
    const { fWords, vWords, dWords } = layout;
    this.#mostFreeFrames = Math.floor(FREE_FRAME_BYTES / (4 * (fWords + vWords + 2 * dWords) + FRAME_OVERHEAD_BYTES));
    this.suspended = suspended;
    this.isConverged = isConverged;
    this.source = source;
    // A number makes the text unlike any other: V8 shares what it has learnt between equal ones.
    const make = new Function('E', 'R', `${source}\n// ${++compiled}`) as (
      e: typeof runtime,
      r: typeof arithmetic,
    ) => RegionFunction[];
    this.regions = make(runtime, arithmetic);
  }

  takeFrame(): Frame {
    const free = this.#frames.pop();
    // What has been seen of masks was another warp's.
    if (free !== undefined) free.F.fill(0);
    const { fWords, vWords, dWords } = this.#layout;
    return free ?? { F: new Int32Array(fWords), V: new Int32Array(vWords), D: new Float64Array(dWords) };
  }

  /** A frame that nobody uses any more. */
  giveFrame(frame: Frame): void {
    if (this.#frames.length < this.#mostFreeFrames) this.#frames.push(frame);
  }
}

/** What three typed arrays cost beside their elements. */
const FRAME_OVERHEAD_BYTES = 600;

/** Bytes of frames that are kept for reuse. */
const FREE_FRAME_BYTES = 2 ** 23;
let compiled = 0;

const known = new WeakMap<Program, Map<string, CompiledKernel>>();

/** The running code of a program; compiled once for each set of options. */
export function compiledKernelOf(program: Program, options: EmitOptions): CompiledKernel {
  let kernels = known.get(program);
  if (kernels === undefined) {
    kernels = new Map();
    known.set(program, kernels);
  }
  const key = `${options.counts.join()} ${options.hasWholeRows} ${options.trace}`;
  let kernel = kernels.get(key);
  if (kernel === undefined || options.plant !== undefined) {
    kernel = new CompiledKernel(program, options);
    if (options.plant === undefined) kernels.set(key, kernel);
  }
  return kernel;
}
