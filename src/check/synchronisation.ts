import type { Scope } from '../simt/index.js';
import { Clocks, type Publication } from './clocks.js';
import type { Threads } from './threads.js';

/** What a strong write has published, and for whom. */
interface Release {
  readonly publication: Publication;
  readonly scope: Scope;
}

/** A release that a strong read has seen; it counts from the next fence on. */
interface Seen {
  readonly release: Release;
  readonly scope: Scope;
}

/**
 * Which accesses come before which: the causality order of the PTX memory model. A strong write publishes what its thread
 * had done at its last fence, or all of it if it is a release; an acquire that reads it learns that at once, any other
 * strong read at the thread's next fence. Scopes of both sides must include each other. Read-modify-writes carry on what
 * they find.
 */
export class Synchronisation {
  readonly clocks = new Clocks();
  readonly #threads: Threads;
  /** What strong writes have published, by word. */
  readonly #releases = new Map<number, readonly Release[]>();
  /** By thread: what it had done at its last fence. */
  readonly #fences = new Map<number, Release>();
  readonly #seen = new Map<number, Seen[]>();

  constructor(threads: Threads) {
    this.#threads = threads;
  }

  /** Whether nobody has released anything, nor made a fence: strong accesses that release nothing need not be told. */
  get isIdle(): boolean {
    return this.#releases.size === 0 && this.#fences.size === 0;
  }

  fence(thread: number, scope: Scope): void {
    for (const { release, scope: read } of this.#seen.get(thread) ?? []) {
      this.#acquire(thread, release, narrower(scope, read));
    }
    this.#seen.delete(thread);
    this.#fences.set(thread, { publication: this.clocks.publish(thread), scope });
  }

  /** `isUpdate`: it is a read-modify-write. */
  write(word: number, thread: number, scope: Scope, isRelease: boolean, isUpdate: boolean): void {
    const before = isUpdate ? (this.#releases.get(word) ?? []) : [];
    const fence = this.#fences.get(thread);
    const own: Release[] = [];
    if (isRelease) own.push({ publication: this.clocks.publish(thread), scope });
    else if (fence !== undefined) own.push({ publication: fence.publication, scope: narrower(scope, fence.scope) });
    if (own.length === 0 && before.length === 0) this.#releases.delete(word);
    else this.#releases.set(word, [...before.filter((known) => !isFrom(known, thread)), ...own]);
  }

  read(word: number, thread: number, scope: Scope, isAcquire: boolean): void {
    const releases = this.#releases.get(word);
    if (releases === undefined) return;
    for (const release of releases) {
      const { thread: other, clock } = release.publication;
      if (this.clocks.isBefore(other, clock, thread)) continue;
      if (isAcquire) {
        this.#acquire(thread, release, scope);
        continue;
      }
      const seen = this.#seen.get(thread);
      if (seen === undefined) this.#seen.set(thread, [{ release, scope }]);
      else if (!seen.some((known) => known.release === release)) seen.push({ release, scope });
    }
  }

  #acquire(thread: number, { publication, scope }: Release, own: Scope): void {
    const other = publication.thread;
    if (!this.#threads.includes(scope, other, thread) || !this.#threads.includes(own, thread, other)) return;
    this.clocks.acquire(thread, publication);
  }
}

const isFrom = ({ publication }: Release, thread: number): boolean => publication.thread === thread;

const WIDTH: Readonly<Record<Scope, number>> = { block: 0, device: 1, system: 2 };

const narrower = (a: Scope, b: Scope): Scope => (WIDTH[a] < WIDTH[b] ? a : b);
