import type { StepFacts, WordClass } from './facts.js';
import type { Subject } from './subject.js';

/** Steps that a look ahead may make before it is given up. */
const MOST_STEPS = 600;

/** What a granule has done in a look ahead. */
interface Runner {
  readonly id: number;
  /** The engine's number. */
  readonly granule: number;
  /** By place in the list of runners: how much of each it knows to be over. */
  readonly clock: number[];
  /** Goes round, and changes nothing. */
  isStuck: boolean;
  /** Since it has last changed memory: what its registers held when it was at a place again. */
  readonly places: Map<StepFacts, Set<number>>;
}

/** Who has touched a word, and when by its own clock. */
interface WordHistory {
  writer: number;
  writeTime: number;
  /** By runner; undefined: never. */
  readonly readTimes: number[];
}

/**
 * Finds out what granules do if some others stand still, by letting them. What it finds holds for every order of their
 * steps if they come to a standstill whatever the others do meanwhile: each waits for those who stand still, or polls
 * words that only those write; and none of them touches what another of them has touched, unless a barrier lies between.
 */
export class Lookahead {
  readonly #subject: Subject;
  #runners: Runner[] = [];
  readonly #running = new Set<number>();
  #history = new Map<number, WordHistory>();
  /** The steps cannot be taken back cheaply. */
  #needsFull = false;
  #isStopped: (id: number, segment: number) => boolean = () => false;

  constructor(subject: Subject) {
    this.#subject = subject;
  }

  /**
   * Who may touch some words while granules stand still. `touched`: words, and whether they are written. `others`: those
   * who may do so for all that is known. `isStopped`: whether somebody cannot leave its segment meanwhile. Result: one of
   * them; null: none does; 'unknown': it depends.
   */
  conflict(
    frozen: ReadonlySet<number>,
    touched: ReadonlyMap<number, boolean>,
    others: readonly number[],
    live: ReadonlyMap<number, number>,
    isStopped: (id: number, segment: number) => boolean,
  ): number | null | 'unknown' {
    const subject = this.#subject;
    this.#isStopped = isStopped;
    if (subject.hasQueue || subject.engine.warpShift !== 0) return 'unknown';
    for (const isFull of [false, true]) {
      this.#runners = [];
      this.#running.clear();
      this.#history = new Map();
      this.#needsFull = false;
      subject.beginTrial(isFull);
      for (const id of others) this.#admit(id, live);
      const found = this.#run(frozen, touched, live);
      subject.endTrial();
      if (!this.#needsFull) return found;
    }
    throw new Error('[simtwin bug] a full trial is not enough');
  }

  #admit(id: number, live: ReadonlyMap<number, number>): void {
    if (this.#running.has(id)) return;
    this.#running.add(id);
    const clock = this.#runners.map(() => 0);
    for (const runner of this.#runners) runner.clock.push(0);
    clock.push(1);
    this.#runners.push({ id, granule: live.get(id)!, clock, isStuck: false, places: new Map() });
  }

  #run(
    frozen: ReadonlySet<number>,
    touched: ReadonlyMap<number, boolean>,
    live: ReadonlyMap<number, number>,
  ): number | null | 'unknown' {
    const subject = this.#subject;
    const { engine } = subject;
    for (let steps = 0, isDone = false; !isDone; ) {
      isDone = true;
      for (let at = 0; at < this.#runners.length; at++) {
        const runner = this.#runners[at]!;
        while (!runner.isStuck && engine.readyLanes[runner.granule] !== 0) {
          isDone = false;
          if (++steps > MOST_STEPS) return 'unknown';
          this.#noteRound(runner);
          if (runner.isStuck) break;
          const segment = subject.segmentOf(runner.id);
          if (!subject.canTry(runner.granule)) {
            this.#needsFull = true;
            return 'unknown';
          }
          const accesses = subject.tryStep(runner.granule);
          if (accesses === null) return 'unknown';
          const found = this.#check(at, accesses, frozen, touched, live);
          if (found !== null) return found;
          if (subject.segmentOf(runner.id) !== segment) this.#joinClocks(runner);
        }
        if (engine.live[runner.granule] === 0 || engine.blockOfWarp[runner.granule] === null || runner.isStuck)
          continue;
        const missing = this.#missing(runner);
        if (missing === 'unknown') return 'unknown';
        for (const id of missing) {
          if (frozen.has(id) || this.#running.has(id)) continue;
          this.#admit(id, live);
          isDone = false;
        }
      }
    }
    return null;
  }

  /** Looks at what the last step of a runner has touched. */
  #check(
    at: number,
    accesses: readonly number[],
    frozen: ReadonlySet<number>,
    touched: ReadonlyMap<number, boolean>,
    live: ReadonlyMap<number, number>,
  ): number | null | 'unknown' {
    const { facts } = this.#subject;
    const runner = this.#runners[at]!;
    const seen = new Set<WordClass>();
    for (const access of accesses) {
      const word = access >> 1;
      const isWrite = (access & 1) === 1;
      const frozenWrites = touched.get(word);
      if (frozenWrites !== undefined && (isWrite || frozenWrites)) return runner.id;
      if (isWrite) runner.places.clear();
      const ofWord = facts.classOf(word);
      if (ofWord === null) continue;
      if (!seen.has(ofWord)) {
        seen.add(ofWord);
        this.#admitWriters(ofWord, runner.id, frozen, live);
      }
      if (!this.#isOrdered(at, word, isWrite)) return 'unknown';
    }
    return null;
  }

  /** Whoever may write what decides a runner's way has to run as well, unless it stands still. */
  #admitWriters({ uses }: WordClass, id: number, frozen: ReadonlySet<number>, live: ReadonlyMap<number, number>): void {
    for (const { granule, writes } of uses) {
      if (granule === id || writes.length === 0 || this.#running.has(granule)) continue;
      if (frozen.has(granule) || !live.has(granule)) continue;
      const from = this.#subject.segmentOf(granule);
      const isStopped = this.#isStopped(granule, from);
      if (writes.some((segment) => (isStopped ? segment === from : segment >= from))) this.#admit(granule, live);
    }
  }

  /** Whether everybody else who has touched a word did so before. */
  #isOrdered(at: number, word: number, isWrite: boolean): boolean {
    const { clock } = this.#runners[at]!;
    let history = this.#history.get(word);
    if (history === undefined) {
      history = { writer: -1, writeTime: 0, readTimes: [] };
      this.#history.set(word, history);
    }
    const { writer, writeTime, readTimes } = history;
    if (writer !== -1 && writer !== at && clock[writer]! < writeTime) return false;
    if (!isWrite) {
      readTimes[at] = clock[at]!;
      return true;
    }
    for (let other = 0; other < readTimes.length; other++) {
      if (other !== at && readTimes[other] !== undefined && clock[other]! < readTimes[other]!) return false;
    }
    history.writer = at;
    history.writeTime = clock[at]!;
    return true;
  }

  /** The runner has completed a barrier: all of its block who are past it know of each other. */
  #joinClocks({ id, granule }: Runner): void {
    const { engine } = this.#subject;
    const block = engine.blockOfWarp[granule]!;
    const barrier = this.#subject.facts.endOf(id, this.#subject.segmentOf(id) - 1);
    if (barrier === -1) return;
    const facts = this.#subject.facts.exactBarrier(barrier);
    if (facts === null) return;
    const there = this.#runners.filter(
      (runner) =>
        engine.blockOfWarp[runner.granule] === block &&
        (facts.expected === 0 || facts.users.has(runner.granule - block.firstWarp)),
    );
    const joined = this.#runners.map((_, at) => Math.max(...there.map(({ clock }) => clock[at]!)));
    for (const runner of there) {
      runner.clock.splice(0, runner.clock.length, ...joined);
      runner.clock[this.#runners.indexOf(runner)]!++;
    }
  }

  /** Sees whether a runner has come back to where it was, as it was. */
  #noteRound(runner: Runner): void {
    const { engine } = this.#subject;
    const place = this.#subject.nextStep(runner.granule, runner.id);
    const known = runner.places.get(place);
    if (known === undefined) {
      // Looked at from the second time on: most places are come to once.
      runner.places.set(place, new Set());
      return;
    }
    const { L, rowWords } = engine.blockOfWarp[runner.granule]!.arena;
    const row = engine.rowOfWarp[runner.granule]!;
    let low = 0;
    let high = 0x9e3779b9;
    for (let at = row; at < row + 32 * rowWords; at++) {
      low = Math.imul(low ^ L[at]!, 0x01000193);
      high = Math.imul(high + L[at]!, 0x85ebca6b) ^ (low >>> 15);
    }
    const hash = (high >>> 0) * 2 ** 20 + (low & 0xfffff);
    if (known.has(hash)) runner.isStuck = true;
    else known.add(hash);
  }

  /** Those of its block whom a granule that is not ready waits for. */
  #missing({ granule }: Runner): readonly number[] | 'unknown' {
    const subject = this.#subject;
    const { engine } = subject;
    const block = engine.blockOfWarp[granule]!;
    const index = granule - block.firstWarp;
    for (const [id, barrier] of block.barriers.entries()) {
      if (barrier === null || barrier.lanes[index] === 0) continue;
      const facts = subject.facts.exactBarrier(subject.barrierOf(block, id));
      if (facts === null || barrier.hasArrived[index] !== 1) return 'unknown';
      const missing: number[] = [];
      for (let other = 0; other < block.warpCount; other++) {
        const warp = block.firstWarp + other;
        if (barrier.hasArrived[other] === 1 || engine.live[warp] === 0) continue;
        if (facts.expected === 0 || facts.users.has(other)) missing.push(subject.idOf(warp));
      }
      return missing;
    }
    return 'unknown';
  }
}
