/**
 * What threads know of each other, as vector clocks. A thread's own clock counts what it has published; its view has, for
 * every other thread, the clock up to which everything that one did comes before what it does itself. Lanes that have just
 * met share a view: it is copied once one of them learns something alone.
 * Source: Flanagan and Freund, "FastTrack: efficient and precise dynamic race detection", PLDI 2009.
 */
export class Clocks {
  /** By thread; starts at 1, so that 0 is before everything. */
  #own = new Int32Array(64);
  #views: View[] = [];

  /** Threads so far. */
  get size(): number {
    return this.#views.length;
  }

  /** New threads, which know what `known` has. Result: the number of the first. */
  add(count: number, known: Int32Array | null): number {
    const first = this.#views.length;
    const view: View = { clocks: new Int32Array(first + count), owners: count };
    if (known !== null) view.clocks.set(known);
    for (let index = 0; index < count; index++) this.#views.push(view);
    if (this.#views.length > this.#own.length) {
      const grown = new Int32Array(this.#views.length * 2);
      grown.set(this.#own);
      this.#own = grown;
    }
    this.#own.fill(1, first, first + count);
    return first;
  }

  now(thread: number): number {
    return this.#own[thread]!;
  }

  /** Whether what `other` did at its time `clock` comes before what `thread` does now. */
  isBefore(other: number, clock: number, thread: number): boolean {
    if (other === thread) return true;
    const { clocks } = this.#views[thread]!;
    return other < clocks.length && clocks[other]! >= clock;
  }

  /** What a thread has done and knows, for others to learn. What it does from here on is not in it. */
  publish(thread: number): Publication {
    const view = this.#views[thread]!;
    view.owners++;
    return { view, thread, clock: this.#own[thread]!++ };
  }

  acquire(thread: number, publication: Publication): void {
    if (this.isBefore(publication.thread, publication.clock, thread)) return;
    learn(this.#exclusive(thread).clocks, publication);
  }

  /** Threads meet: whatever any of them has done comes before whatever all of them do next. */
  meet(threads: readonly number[]): void {
    const view = this.#views[threads[0]!]!;
    const isTheirs = view.owners === threads.length && threads.every((thread) => this.#views[thread] === view);
    if (!isTheirs) {
      this.share(threads, this.gather(threads, null));
      return;
    }
    const { clocks } = this.#wide(view, threads);
    for (const thread of threads) clocks[thread] = this.#own[thread]!++;
  }

  /** A view that only `threads` have, with room for every thread. */
  #wide(view: View, threads: readonly number[]): View {
    if (view.clocks.length >= this.#views.length) return view;
    const wide: View = { clocks: grown(view.clocks, this.#views.length), owners: view.owners };
    for (const thread of threads) this.#views[thread] = wide;
    return wide;
  }

  /** What threads have done and know, added to `into`. */
  gather(threads: readonly number[], into: Int32Array | null): Int32Array {
    let all = into ?? new Int32Array(this.#views.length);
    if (all.length < this.#views.length) all = grown(all, this.#views.length);
    let last: View | null = null;
    for (const thread of threads) {
      const view = this.#views[thread]!;
      if (view !== last) join(all, view.clocks);
      last = view;
    }
    for (const thread of threads) all[thread] = Math.max(all[thread]!, this.#own[thread]!++);
    return all;
  }

  /** Threads know just this from here on. Domain: it holds all that they knew. */
  share(threads: readonly number[], clocks: Int32Array): void {
    const view: View = { clocks, owners: threads.length };
    for (const thread of threads) {
      this.#views[thread]!.owners--;
      this.#views[thread] = view;
    }
  }

  #exclusive(thread: number): View {
    const shared = this.#views[thread]!;
    if (shared.owners === 1 && shared.clocks.length >= this.#views.length) return shared;
    shared.owners--;
    const view: View = { clocks: grown(shared.clocks, this.#views.length), owners: 1 };
    this.#views[thread] = view;
    return view;
  }
}

interface View {
  readonly clocks: Int32Array;
  /** Threads and publications that have it. */
  owners: number;
}

/** What a thread had done and knew at some time. */
export interface Publication {
  readonly view: View;
  readonly thread: number;
  readonly clock: number;
}

function grown(clocks: Int32Array, size: number): Int32Array {
  const next = new Int32Array(size);
  next.set(clocks);
  return next;
}

function join(into: Int32Array, clocks: Int32Array): void {
  for (let at = 0; at < clocks.length; at++) if (clocks[at]! > into[at]!) into[at] = clocks[at]!;
}

function learn(into: Int32Array, { view: { clocks }, thread, clock }: Publication): void {
  join(into, clocks);
  if (into[thread]! < clock) into[thread] = clock;
}
