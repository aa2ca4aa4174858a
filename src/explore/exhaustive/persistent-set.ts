import type { StepBlock } from '../../step/step-block.js';
import type { Facts, Touch, WordClass } from './facts.js';
import { Lookahead } from './lookahead.js';
import type { Subject } from './subject.js';

/** A ready granule: the engine's number, and the one that is the same in every run. */
export interface Candidate {
  readonly granule: number;
  readonly id: number;
}

/** Plants a bug: the check against a search without reductions must find it. */
export interface Plants {
  /** Takes reads for independent of writes that come later. */
  readonly ignoresReads?: boolean;
}

/**
 * Chooses who has to be looked at in a state: granules such that whatever the others do before one of these steps, it
 * commutes with these steps. All runs from the state are then, up to the order of independent steps, among those that
 * begin with one of them.
 *
 * What a granule may touch from where it is comes from {@link Facts}. If it cannot pass the next barrier without a
 * granule of the set, it is what it touches before.
 * Source: Godefroid 1996, Partial-order methods, chapter 4 (stubborn sets, by processes).
 */
export class PersistentSets {
  readonly #subject: Subject;
  readonly #facts: Facts;
  readonly #plants: Plants;
  readonly #lookahead: Lookahead;
  #live: ReadonlyMap<number, number> = new Map();
  /** What the next steps touch, where it has been looked at. */
  #exact = new Map<number, ReadonlySet<number>>();
  #ready: readonly Candidate[] = [];

  constructor(subject: Subject, plants: Plants = {}) {
    this.#subject = subject;
    this.#facts = subject.facts;
    this.#plants = plants;
    this.#lookahead = new Lookahead(subject);
  }

  /** Those to look at, of all ready granules in order of their numbers. */
  choose(ready: readonly Candidate[]): readonly Candidate[] {
    if (ready.length === 1) return ready;
    this.#exact = new Map();
    // Whoever touches nothing of others is enough, and needs no look at them.
    for (const candidate of ready) if (this.#touches(candidate).length === 0) return [candidate];
    this.#ready = ready;
    this.#live = this.#subject.liveGranules();
    // One component is brought to its end before another begins: their states add up instead of multiplying.
    const components = new Map<number, Candidate[]>();
    for (const candidate of ready) {
      const component = this.#facts.componentOf(candidate.id);
      const members = components.get(component);
      if (members === undefined) components.set(component, [candidate]);
      else members.push(candidate);
    }
    for (const component of [...components.keys()].sort((a, b) => a - b)) {
      const set = this.#chooseAmong(components.get(component)!);
      if (set !== null) return set;
    }
    return ready;
  }

  /** The smallest set around one of the members of a component; null: none is smaller than all who are ready. */
  #chooseAmong(members: readonly Candidate[]): readonly Candidate[] | null {
    let best: readonly Candidate[] | null = null;
    const limit = () => best?.length ?? this.#ready.length;
    for (const candidate of members) {
      best = this.#closure(candidate, limit()) ?? best;
      if (best?.length === 1) return best;
    }
    // Before there is a choice, a closer look: at what the next steps really touch, and at what others then do.
    for (const candidate of members) {
      if (this.#touchesOf(this.#exactly(candidate)).length === 0) return [candidate];
    }
    for (const candidate of members) {
      best = this.#closeUp(candidate, limit()) ?? best;
      if (best?.length === 1) return best;
    }
    return best;
  }

  #touches({ granule, id }: Candidate): readonly Touch[] {
    const exact = this.#exact.get(id);
    return exact === undefined ? this.#subject.nextStep(granule, id).touchesOf(this.#facts) : this.#touchesOf(exact);
  }

  /** Accesses that others may conflict with, by class. */
  #touchesOf(accesses: Iterable<number>): readonly Touch[] {
    const found = new Map<WordClass, boolean>();
    for (const access of accesses) {
      const ofWord = this.#facts.classOf(access >> 1);
      if (ofWord !== null) found.set(ofWord, (found.get(ofWord) ?? false) || (access & 1) === 1);
    }
    return Array.from(found, ([ofWord, isWrite]) => ({ class: ofWord, isWrite }));
  }

  /** What the next step of a candidate touches, as things are now: places are the same in each round of a loop. */
  #exactly({ granule, id }: Candidate): ReadonlySet<number> {
    const known = this.#exact.get(id);
    if (known !== undefined) return known;
    const subject = this.#subject;
    const facts = subject.nextStep(granule, id);
    let exact: ReadonlySet<number> = facts.accesses;
    if (facts.varies) {
      subject.beginTrial(!subject.canTry(granule));
      const accesses = subject.tryStep(granule);
      if (accesses !== null) exact = new Set(accesses);
      subject.endTrial();
    }
    this.#exact.set(id, exact);
    return exact;
  }

  /** The smallest set around a granule that this finds; null: it is no smaller than `limit`. */
  #closure(start: Candidate, limit: number): readonly Candidate[] | null {
    const set = new Set([start.id]);
    const chosen = [start];
    const todo: number[] = [start.id];
    for (let id = todo.pop(); id !== undefined; id = todo.pop()) {
      const candidate = this.#ready.find((other) => other.id === id);
      if (candidate === undefined) {
        const missing = this.#missing(id, set);
        if (missing === 'unknown') return null;
        if (missing !== null) {
          set.add(missing);
          todo.push(missing);
          const other = this.#ready.find((of) => of.id === missing);
          if (other !== undefined) chosen.push(other);
        }
        continue;
      }
      const conflicting = this.#conflicting([candidate], set);
      if (conflicting === null) return null;
      for (const granule of conflicting) {
        set.add(granule);
        todo.push(granule);
        const other = this.#ready.find((of) => of.id === granule);
        if (other !== undefined) chosen.push(other);
      }
      if (chosen.length >= limit) return null;
    }
    return chosen;
  }

  /** As {@link #closure}, but sees what the others do if the set stands still. */
  #closeUp(start: Candidate, limit: number): readonly Candidate[] | null {
    const set = new Set([start.id]);
    const chosen = [start];
    for (;;) {
      for (const candidate of chosen) this.#exactly(candidate);
      const conflicting = this.#conflicting(chosen, set);
      if (conflicting === null) return null;
      if (conflicting.size === 0) return chosen;
      const touched = new Map<number, boolean>();
      for (const candidate of chosen) {
        for (const access of this.#exactly(candidate)) {
          touched.set(access >> 1, (access & 1) === 1 || touched.get(access >> 1) === true);
        }
      }
      let next = this.#lookahead.conflict(set, touched, [...conflicting], this.#live, (id, segment) =>
        this.#isStopped(id, segment, set),
      );
      if (next === null) return chosen;
      while (typeof next === 'number') {
        const id: number = next;
        set.add(id);
        const candidate = this.#ready.find((other) => other.id === id);
        if (candidate !== undefined) {
          chosen.push(candidate);
          break;
        }
        next = this.#missing(id, set);
      }
      if (next === 'unknown' || chosen.length >= limit) return null;
    }
  }

  /** Granules outside of a set that may touch what its next steps touch; null: some of them have not begun. */
  #conflicting(chosen: readonly Candidate[], set: ReadonlySet<number>): ReadonlySet<number> | null {
    const found = new Set<number>();
    for (const candidate of chosen) {
      for (const { class: ofWord, isWrite } of this.#touches(candidate)) {
        for (const { granule, reads, writes } of ofWord.uses) {
          if (set.has(granule) || found.has(granule)) continue;
          if (!this.#live.has(granule)) {
            // It has ended, or its block has not begun.
            if (this.#subject.hasQueue && (writes.length > 0 || isWrite)) return null;
            continue;
          }
          const from = this.#subject.segmentOf(granule);
          const isStopped = this.#isStopped(granule, from, set);
          const touchesThen = (segments: readonly number[]) =>
            segments.some((segment) => (isStopped ? segment === from : segment >= from));
          if (touchesThen(writes) || (isWrite && this.#plants.ignoresReads !== true && touchesThen(reads))) {
            found.add(granule);
          }
        }
      }
    }
    return found;
  }

  /** Whether a granule cannot pass the barrier that its segment ends at before one of the set has stepped. */
  #isStopped(id: number, segment: number, set: ReadonlySet<number>): boolean {
    const { engine } = this.#subject;
    if (engine.warpShift !== 0) return false;
    const end = this.#facts.endOf(id, segment);
    if (end === -1) return false;
    const facts = this.#facts.exactBarrier(end);
    if (facts === null) return false;
    const block = engine.blockOfWarp[this.#live.get(id)!]!;
    for (const member of set) {
      const warp = this.#live.get(member);
      if (warp === undefined || engine.blockOfWarp[warp] !== block) continue;
      const index = warp - block.firstWarp;
      if (facts.expected !== 0 && !facts.users.has(index)) continue;
      if (block.barriers[end & 15]?.hasArrived[index] !== 1) return true;
    }
    return false;
  }

  /**
   * A granule without which one that is not ready cannot become so; null: one of the set, or nobody: it never will.
   */
  #missing(id: number, set: ReadonlySet<number>): number | null | 'unknown' {
    const subject = this.#subject;
    const { engine } = subject;
    const warp = this.#live.get(id);
    if (warp === undefined || engine.warpShift !== 0) return 'unknown';
    const block = engine.blockOfWarp[warp]!;
    const barrier = barrierOfWarp(block, warp - block.firstWarp);
    if (barrier === null) return 'unknown';
    const facts = this.#facts.exactBarrier(subject.barrierOf(block, barrier));
    if (facts === null) return 'unknown';
    const first = subject.idOf(block.firstWarp);
    let missing: number | null = null;
    const { hasArrived } = block.barriers[barrier]!;
    for (let index = 0; index < block.warpCount; index++) {
      if (hasArrived[index] === 1 || (facts.expected !== 0 && !facts.users.has(index))) continue;
      if (engine.live[block.firstWarp + index] === 0) {
        if (facts.expected !== 0) return null;
        continue;
      }
      if (set.has(first + index)) return null;
      missing ??= first + index;
    }
    return missing ?? 'unknown';
  }
}

/** The only barrier at which lanes of a warp wait, all of them; null: there is no such one. */
function barrierOfWarp({ barriers }: StepBlock, index: number): number | null {
  let found: number | null = null;
  for (const [id, barrier] of barriers.entries()) {
    if (barrier === null || barrier.lanes[index] === 0) continue;
    if (found !== null || barrier.hasArrived[index] !== 1) return null;
    found = id;
  }
  return found;
}
