import { Launch, type LaunchDims } from './launch.js';
import type { Pointer } from './pointer.js';
import type { BlockOrder } from './schedule.js';
import type { Kernel } from './thread.js';

/** Work queued on a stream. */
export type StreamItem =
  | { readonly kind: 'launch'; readonly launch: Launch }
  | { readonly kind: 'memset'; readonly pointer: Pointer; readonly byte: number; readonly bytes: number };

/** Numbers launches of a run and says in which order their blocks start. */
export interface LaunchFactory {
  nextLaunchId(): number;
  readonly blockOrder: BlockOrder;
}

/** A CUDA stream: its items run one after another, each when the one before has ended. */
export class Stream {
  /** Device (rank) on which its launches run. */
  readonly device: number;
  readonly #factory: LaunchFactory;
  readonly #queue: StreamItem[] = [];

  constructor(device: number, factory: LaunchFactory) {
    this.device = device;
    this.#factory = factory;
  }

  /**
   * `kernel<<<grid, block, 0, stream>>>(args)`. `device` overrides the stream's: ranks that share one stream.
   * @throws RangeError if the dimensions are no valid launch configuration.
   */
  launch<Args>(kernel: Kernel<Args>, dims: LaunchDims, args: Args, device = this.device): Launch {
    const { nextLaunchId, blockOrder } = this.#factory;
    const launch = new Launch(nextLaunchId(), device, kernel as Kernel<never>, dims, args, blockOrder);
    this.#queue.push({ kind: 'launch', launch });
    return launch;
  }

  /**
   * `cudaMemsetAsync(pointer, value, bytes, stream)`: each byte becomes the low byte of `value`.
   * @throws RangeError if the bytes leave the pointer's allocation.
   */
  memset(pointer: Pointer, value: number, bytes: number): void {
    const { allocation, offset } = pointer;
    if (!Number.isInteger(bytes) || bytes < 0 || offset < 0 || offset + bytes > allocation.bytes) {
      throw new RangeError(
        `memset of ${bytes} bytes at byte ${offset} of '${allocation.name}' (${allocation.bytes} bytes): out of bounds`,
      );
    }
    this.#queue.push({ kind: 'memset', pointer, byte: value & 0xff, bytes });
  }

  /** What runs now or next; undefined once the stream is idle. */
  get head(): StreamItem | undefined {
    return this.#queue[0];
  }

  /** What has not ended, in order. */
  get pending(): readonly StreamItem[] {
    return this.#queue;
  }

  /** The head has ended. */
  advance(): void {
    this.#queue.shift();
  }
}
