import { checkHostAccess } from './device-memory.js';
import { Launch, type LaunchDims } from './launch.js';
import type { NotStarted } from './outcome.js';
import type { Pointer } from './pointer.js';
import type { BlockOrder } from './schedule.js';
import type { Kernel } from './thread.js';

/** Work queued on a stream. */
export type StreamItem =
  | { readonly kind: 'launch'; readonly launch: Launch }
  | { readonly kind: 'memset'; readonly pointer: Pointer; readonly byte: number; readonly bytes: number };

/** What a stream needs of its machine: the order in which blocks of launches start, and its attention. */
export interface StreamHost {
  readonly blockOrder: BlockOrder;
  /** The stream has a new head. */
  headChanged(stream: Stream): void;
}

/** Ended items that a queue keeps before it drops them all at once. */
const MOST_ENDED_ITEMS = 64;

/** A CUDA stream: its items run one after another, each when the one before has ended. */
export class Stream {
  /** Device (rank) on which its launches run. */
  readonly device: number;
  /** Number within the machine, in order of creation. */
  readonly index: number;
  readonly #host: StreamHost;
  readonly #queue: StreamItem[] = [];
  /** Place of the head in the queue; before it stand items that have ended. */
  #headAt = 0;

  constructor(device: number, index: number, host: StreamHost) {
    this.device = device;
    this.index = index;
    this.#host = host;
  }

  /**
   * `kernel<<<grid, block, 0, stream>>>(args)`. `device` overrides the stream's: ranks that share one stream.
   * @throws RangeError if the dimensions are no valid launch configuration.
   */
  launch<Args>(kernel: Kernel<Args>, dims: LaunchDims, args: Args, device = this.device): Launch {
    const launch = new Launch(device, kernel as Kernel<never>, dims, args, this.#host.blockOrder, this);
    this.#push({ kind: 'launch', launch });
    return launch;
  }

  /**
   * `cudaMemsetAsync(pointer, value, bytes, stream)`: each byte becomes the low byte of `value`.
   * @throws RangeError if the bytes leave the pointer's allocation or it is freed.
   */
  memset(pointer: Pointer, value: number, bytes: number): void {
    checkHostAccess('memset', pointer, bytes);
    this.#push({ kind: 'memset', pointer, byte: value & 0xff, bytes });
  }

  /** What runs now or next; undefined once the stream is idle. */
  get head(): StreamItem | undefined {
    return this.#queue[this.#headAt];
  }

  /** What has not ended, in order. */
  get pending(): readonly StreamItem[] {
    return this.#queue.slice(this.#headAt);
  }

  /** Launches that wait for the one at the head, in order. */
  queuedLaunches(): NotStarted[] {
    const { head } = this;
    if (head?.kind !== 'launch') return [];
    const behind = { rank: head.launch.device, kernel: head.launch.name };
    return this.pending.slice(1).flatMap((item): NotStarted[] => {
      if (item.kind !== 'launch') return [];
      const { device, name } = item.launch;
      return [{ kind: 'launch', rank: device, kernel: name, streamDevice: this.device, behind }];
    });
  }

  /** What is queued, as {@link restore} takes it back. */
  snapshot(): readonly StreamItem[] {
    return this.pending;
  }

  restore(pending: readonly StreamItem[]): void {
    this.#queue.splice(0, this.#queue.length, ...pending);
    this.#headAt = 0;
  }

  /** The head has ended. */
  advance(): void {
    this.#headAt++;
    if (this.#headAt >= MOST_ENDED_ITEMS && this.#headAt * 2 >= this.#queue.length) {
      this.#queue.splice(0, this.#headAt);
      this.#headAt = 0;
    }
    if (this.head !== undefined) this.#host.headChanged(this);
  }

  #push(item: StreamItem): void {
    this.#queue.push(item);
    if (this.head === item) this.#host.headChanged(this);
  }
}
