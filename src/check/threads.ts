import type { Scope } from '../simt/index.js';
import type { StepBlock } from '../step/step-block.js';
import { BLOCK_THREADS } from './clocks.js';

/** Threads of a block, numbered over the whole run as in {@link Clocks}: from `first` on, by thread rank. */
export interface KnownBlock {
  readonly block: StepBlock;
  readonly first: number;
  /** Threads of whole warps, by index. */
  readonly warps: (readonly number[] | undefined)[];
}

/** Numbers all threads of a run. */
export class Threads {
  readonly #blocks: KnownBlock[] = [];
  readonly #byBlock = new Map<StepBlock, KnownBlock>();
  #last: KnownBlock | null = null;

  add(block: StepBlock, first: number): KnownBlock {
    const known = { block, first, warps: [] };
    this.#blocks.push(known);
    this.#byBlock.set(block, known);
    return known;
  }

  /** The numbers of all threads so far. */
  all(): number[] {
    return this.#blocks.flatMap(({ block, first }) => block.launch.threadIdxs.map((_, rank) => first + rank));
  }

  of(block: StepBlock): KnownBlock {
    if (this.#last?.block !== block) this.#last = this.#byBlock.get(block)!;
    return this.#last;
  }

  /** The block of a thread. */
  blockOf(thread: number): KnownBlock {
    return this.#blocks[Math.floor(thread / BLOCK_THREADS)]!;
  }

  /** Whether a thread has the lower place of two: by rank, block and number, whichever has started first. */
  isLower(thread: number, other: number): boolean {
    const [a, b] = [this.blockOf(thread), this.blockOf(other)];
    if (a === b) return thread < other;
    const places = [a, b].map(({ block: { launch, blockIdx } }) => [
      launch.device,
      blockIdx.z,
      blockIdx.y,
      blockIdx.x,
    ]) as [number[], number[]];
    const at = places[0].findIndex((value, index) => value !== places[1][index]);
    return at === -1 ? thread - a.first <= other - b.first : places[0][at]! < places[1][at]!;
  }

  /** Whether a scope that one of two threads names includes the other. */
  includes(scope: Scope, thread: number, other: number): boolean {
    if (scope === 'system') return true;
    const [a, b] = [this.blockOf(thread), this.blockOf(other)];
    return a === b || (scope === 'device' && a.block.launch.device === b.block.launch.device);
  }
}
