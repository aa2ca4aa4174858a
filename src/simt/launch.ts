import { Random } from './random.js';
import type { Dim3 } from './scalar.js';
import type { BlockOrder } from './schedule.js';
import type { Kernel } from './thread.js';

/** CUDA's limits for any device of compute capability 3.0 and later. */
const MAX_THREADS_PER_BLOCK = 1024;
const MAX_BLOCK_DIM: Dim3 = { x: 1024, y: 1024, z: 64 };
const MAX_GRID_DIM: Dim3 = { x: 2 ** 31 - 1, y: 65535, z: 65535 };

/** `<<<grid, block>>>`: a number n stands for (n, 1, 1). */
export interface LaunchDims {
  readonly grid: Dim3 | number;
  readonly block: Dim3 | number;
}

/** The stream that a launch is queued on: what has not ended of it, in order. */
export interface LaunchQueue {
  /** Device (rank) of the stream; a launch may run on another. */
  readonly device: number;
  /** Number of the stream within the machine. */
  readonly index: number;
  readonly pending: readonly { readonly kind: string; readonly launch?: Launch }[];
}

/** A kernel launch: its blocks become resident in order while its device has room. */
export class Launch {
  readonly name: string;
  readonly device: number;
  readonly gridDim: Dim3;
  readonly blockDim: Dim3;
  /** `threadIdx` by thread rank, shared by all blocks. */
  readonly threadIdxs: readonly Dim3[];
  readonly kernel: Kernel<unknown>;
  readonly args: unknown;
  readonly blockCount: number;
  /** The stream that it was queued on; null: none. */
  readonly queue: LaunchQueue | null;
  /** Blocks that have become resident so far. */
  startedBlocks = 0;
  /** Blocks all of whose threads have exited. */
  finishedBlocks = 0;
  readonly #order: Uint32Array | null;
  readonly #reverse: boolean;

  /** @throws RangeError if the dimensions are no valid launch configuration. */
  constructor(
    device: number,
    kernel: Kernel<never>,
    dims: LaunchDims,
    args: unknown,
    order: BlockOrder,
    queue: LaunchQueue | null = null,
  ) {
    this.device = device;
    this.queue = queue;
    this.name = kernel.name;
    this.kernel = kernel as Kernel<unknown>;
    this.args = args;
    this.gridDim = checkDim(this.name, 'grid', toDim3(dims.grid), MAX_GRID_DIM);
    this.blockDim = checkDim(this.name, 'block', toDim3(dims.block), MAX_BLOCK_DIM);
    const threads = this.blockDim.x * this.blockDim.y * this.blockDim.z;
    if (threads > MAX_THREADS_PER_BLOCK) {
      throw new RangeError(`${this.name}: ${threads} threads a block; a block has at most ${MAX_THREADS_PER_BLOCK}`);
    }
    this.blockCount = this.gridDim.x * this.gridDim.y * this.gridDim.z;
    this.threadIdxs = Array.from({ length: threads }, (_, rank) => coordinates(rank, this.blockDim));
    this.#reverse = order.kind === 'reverse';
    this.#order = order.kind === 'shuffle' ? shuffled(this.blockCount, new Random(order.seed)) : null;
  }

  /** `blockIdx` of the block that becomes resident next. */
  nextBlockIdx(): Dim3 {
    return this.blockIdxAt(this.startedBlocks++);
  }

  /** `blockIdx` of the block that becomes resident as number `position`, from 0. */
  blockIdxAt(position: number): Dim3 {
    const linear = this.#order?.[position] ?? (this.#reverse ? this.blockCount - 1 - position : position);
    return coordinates(linear, this.gridDim);
  }
}

const toDim3 = (dim: Dim3 | number): Dim3 => (typeof dim === 'number' ? { x: dim, y: 1, z: 1 } : dim);

function coordinates(linear: number, { x, y }: Dim3): Dim3 {
  return { x: linear % x, y: Math.floor(linear / x) % y, z: Math.floor(linear / (x * y)) };
}

function checkDim(name: string, what: 'grid' | 'block', dim: Dim3, most: Dim3): Dim3 {
  for (const axis of ['x', 'y', 'z'] as const) {
    if (!Number.isInteger(dim[axis]) || dim[axis] < 1 || dim[axis] > most[axis]) {
      throw new RangeError(
        `${name}: ${what} dimension ${axis} is ${dim[axis]}; it must be an integer from 1 to ${most[axis]} (cudaErrorInvalidConfiguration)`,
      );
    }
  }
  return dim;
}

function shuffled(count: number, random: Random): Uint32Array {
  const order = Uint32Array.from({ length: count }, (_, index) => index);
  for (let at = count - 1; at > 0; at--) {
    const other = random.nextBelow(at + 1);
    const value = order[at]!;
    order[at] = order[other]!;
    order[other] = value;
  }
  return order;
}
