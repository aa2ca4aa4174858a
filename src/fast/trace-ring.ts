import type { TraceSink } from './runtime.js';
import type { FastWarp } from './warp.js';

/** One access of one lane. */
export interface TracedAccess {
  readonly rank: number;
  readonly kernel: string;
  /** Number of the thread's block within its launch, x fastest. */
  readonly block: number;
  /** Number of the thread within its block, x fastest. */
  readonly thread: number;
  readonly kind: 'load' | 'store' | 'atomic';
  readonly bytes: number;
  /** As compiled code sees it: an address of global memory, or one of a block's window of shared memory. */
  readonly address: number;
  /** Index into the sites of the kernel's program. */
  readonly site: number;
}

const KINDS = ['load', 'store', 'atomic'] as const;

/** An access of an instruction in one word: site, log2 of its bytes, kind; the lane goes below. */
export const traceWord = ({ op, site }: { readonly op: TracedAccess['kind']; readonly site: number }, bytes: number) =>
  (site << 10) | ((31 - Math.clz32(bytes)) << 7) | (KINDS.indexOf(op) << 5);

/** The last accesses of a run, as many as fit: typed arrays, no object an access. */
export class TraceRing implements TraceSink {
  readonly #capacityMask: number;
  readonly #addresses: Float64Array;
  /** By access: {@link traceWord} with the lane, then the number of the warp. */
  readonly #words: Int32Array;
  readonly #warps: FastWarp[] = [];
  readonly #numbers = new Map<FastWarp, number>();
  /** Number of the warp that steps. */
  #warp = 0;
  #count = 0;

  /** @throws RangeError unless `capacity` is a power of two up to 2^28. */
  constructor(capacity = 2 ** 20) {
    if (!Number.isInteger(Math.log2(capacity)) || capacity > 2 ** 28) {
      throw new RangeError(`a trace of ${capacity} accesses: it must be a power of two up to ${2 ** 28}`);
    }
    this.#capacityMask = capacity - 1;
    this.#addresses = new Float64Array(capacity);
    this.#words = new Int32Array(2 * capacity);
  }

  /** Accesses so far; the ring holds the last of them. */
  get count(): number {
    return this.#count;
  }

  turnTo(warp: FastWarp): void {
    const known = this.#numbers.get(warp);
    this.#warp = known ?? this.#warps.push(warp) - 1;
    if (known === undefined) this.#numbers.set(warp, this.#warp);
  }

  access(what: number, address: number): void {
    const at = this.#count++ & this.#capacityMask;
    this.#addresses[at] = address;
    this.#words[2 * at] = what;
    this.#words[2 * at + 1] = this.#warp;
  }

  /** The accesses that the ring holds, oldest first. */
  *accesses(): Generator<TracedAccess> {
    const held = Math.min(this.#count, this.#capacityMask + 1);
    for (let index = this.#count - held; index < this.#count; index++) {
      const at = index & this.#capacityMask;
      const what = this.#words[2 * at]!;
      const { block, firstThread } = this.#warps[this.#words[2 * at + 1]!]!;
      const { launch, blockIdx } = block;
      yield {
        rank: launch.device,
        kernel: launch.name,
        block: (blockIdx.z * launch.gridDim.y + blockIdx.y) * launch.gridDim.x + blockIdx.x,
        thread: firstThread + (what & 31),
        kind: KINDS[((what >>> 5) & 3) as 0 | 1 | 2],
        bytes: 1 << ((what >>> 7) & 7),
        address: this.#addresses[at]!,
        site: what >>> 10,
      };
    }
  }
}
