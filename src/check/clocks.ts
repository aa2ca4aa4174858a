/**
 * What threads know of each other, as vector clocks. A thread's own clock counts what it has published; its view has, for
 * every other thread, the clock up to which everything that one did comes before what it does itself. Lanes that have just
 * met share a view: it is copied once one of them learns something alone. A view has the clocks of a block in one piece,
 * which views share until one of them changes it.
 *
 * A thread's number is that of its block times {@link BLOCK_THREADS}, plus its rank.
 * Source: Flanagan and Freund, "FastTrack: efficient and precise dynamic race detection", PLDI 2009.
 */
export class Clocks {
  /** By block and rank; from 1 on, so that 0 is before everything. */
  readonly #own: Int32Array[] = [];
  readonly #views: View[][] = [];

  /** A new block, whose threads know what `known` has. Result: the number of its first thread. */
  addBlock(threads: number, known: Knowledge | null): number {
    this.#own.push(new Int32Array(threads).fill(1));
    const view: View = { pieces: known === null ? [] : [...known.pieces], changing: [], owners: threads };
    if (known !== null) known.changing.length = 0;
    return (this.#views.push(new Array<View>(threads).fill(view)) - 1) * BLOCK_THREADS;
  }

  now(thread: number): number {
    return this.#own[thread >>> BLOCK_SHIFT]![thread & RANK_MASK]!;
  }

  /** Whether what `other` did at its time `clock` comes before what `thread` does now. */
  isBefore(other: number, clock: number, thread: number): boolean {
    if (other === thread) return true;
    const piece = this.#viewOf(thread).pieces[other >>> BLOCK_SHIFT];
    return piece !== undefined && piece[other & RANK_MASK]! >= clock;
  }

  /** Which of `others` had done at its time what does not come before what one of `threads` does now; -1: none. */
  firstNotBefore(others: readonly number[], times: readonly number[], threads: readonly number[]): number {
    // Of threads that share a view two stand for all: to one of them, no other thread is itself.
    const judges: number[] = [];
    let last: View | null = null;
    let ofLast = 0;
    for (const thread of threads) {
      const view = this.#viewOf(thread);
      ofLast = view === last ? ofLast + 1 : 1;
      last = view;
      if (ofLast <= 2) judges.push(thread);
    }
    for (let at = 0; at < others.length; at++) {
      for (const judge of judges) if (!this.isBefore(others[at]!, times[at]!, judge)) return at;
    }
    return -1;
  }

  /** What a thread has done and knows, for others to learn. What it does from here on is not in it. */
  publish(thread: number): Publication {
    const view = this.#viewOf(thread);
    view.owners++;
    return { view, thread, clock: this.#tick(thread) };
  }

  acquire(thread: number, { view, thread: other, clock }: Publication): void {
    if (this.isBefore(other, clock, thread)) return;
    let own = this.#viewOf(thread);
    if (own.owners > 1) {
      own = copyOf(own);
      this.#views[thread >>> BLOCK_SHIFT]![thread & RANK_MASK] = own;
    }
    learn(own, view);
    this.#set(own, other, clock);
  }

  /** Threads meet: whatever any of them has done comes before whatever all of them do next. */
  meet(threads: readonly number[]): void {
    const view = this.#viewOf(threads[0]!);
    const isTheirs = view.owners === threads.length && threads.every((thread) => this.#viewOf(thread) === view);
    if (isTheirs) for (const thread of threads) this.#set(view, thread, this.#tick(thread));
    else this.share([threads], this.gather(threads, null));
  }

  /** What threads have done and know, added to `into`. */
  gather(threads: readonly number[], into: Knowledge | null): Knowledge {
    const all = into ?? { pieces: [], changing: [] };
    let last: View | null = null;
    for (const thread of threads) {
      const view = this.#viewOf(thread);
      if (view !== last) learn(all, view);
      last = view;
    }
    for (const thread of threads) this.#set(all, thread, this.#tick(thread));
    return all;
  }

  /** Threads know just this from here on. Domain: it holds all that they knew, and nobody changes it any more. */
  share(groups: readonly (readonly number[])[], known: Knowledge): void {
    const view: View = { pieces: known.pieces, changing: known.changing, owners: 0 };
    for (const threads of groups) {
      view.owners += threads.length;
      for (let at = 0; at < threads.length; at++) {
        const thread = threads[at]!;
        const ofBlock = this.#views[thread >>> BLOCK_SHIFT]!;
        ofBlock[thread & RANK_MASK]!.owners--;
        ofBlock[thread & RANK_MASK] = view;
      }
    }
  }

  #viewOf(thread: number): View {
    return this.#views[thread >>> BLOCK_SHIFT]![thread & RANK_MASK]!;
  }

  /** The time of a thread, which goes on. */
  #tick(thread: number): number {
    return this.#own[thread >>> BLOCK_SHIFT]![thread & RANK_MASK]!++;
  }

  #set({ pieces, changing }: Knowledge, thread: number, clock: number): void {
    const block = thread >>> BLOCK_SHIFT;
    if (changing[block] !== true) {
      pieces[block] = pieces[block]?.slice() ?? new Int32Array(this.#own[block]!.length);
      changing[block] = true;
    }
    const piece = pieces[block]!;
    if (piece[thread & RANK_MASK]! < clock) piece[thread & RANK_MASK] = clock;
  }
}

/** Most threads of a block. */
const BLOCK_SHIFT = 10;
export const BLOCK_THREADS = 1 << BLOCK_SHIFT;
const RANK_MASK = BLOCK_THREADS - 1;

/** Clocks of threads. */
export interface Knowledge {
  /** By block, those of its threads; absent: nothing is known of any. */
  readonly pieces: (Int32Array | undefined)[];
  /** Blocks whose piece is in no other view: it may be changed. */
  readonly changing: (true | undefined)[];
}

interface View extends Knowledge {
  /** Threads and publications that have it. */
  owners: number;
}

/** What a thread had done and knew at some time. */
export interface Publication {
  readonly view: View;
  readonly thread: number;
  readonly clock: number;
}

/** A view that one of several owners may change. */
function copyOf(view: View): View {
  view.owners--;
  view.changing.length = 0;
  return { pieces: [...view.pieces], changing: [], owners: 1 };
}

/** Adds what another view has. Pieces that are taken as they are belong to both from here on. */
function learn(into: Knowledge, from: Knowledge): void {
  for (let block = 0; block < from.pieces.length; block++) {
    const piece = from.pieces[block];
    const own = into.pieces[block];
    if (piece === undefined || piece === own) continue;
    if (own === undefined) {
      into.pieces[block] = piece;
      into.changing[block] = undefined;
      from.changing[block] = undefined;
      continue;
    }
    let target = own;
    for (let rank = 0; rank < piece.length; rank++) {
      if (piece[rank]! <= target[rank]!) continue;
      if (into.changing[block] !== true) {
        target = target.slice();
        into.pieces[block] = target;
        into.changing[block] = true;
      }
      target[rank] = piece[rank]!;
    }
  }
}
