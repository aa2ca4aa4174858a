import type { StepBlock } from '../../step/step-block.js';

/** What is known of one barrier of a block. */
export interface BarrierFacts {
  /** Warps of the block, by index, that have ever come to it. */
  readonly users: Set<number>;
  /** Threads expected, as every arrival has said; 0: all that have not exited; -1: not always the same. */
  expected: number;
  /** Somebody arrives without waiting. */
  hasArriveOnly: boolean;
}

/** Accesses of a granule to a word, by segment. */
interface WordUse {
  readonly reads: Set<number>;
  readonly writes: Set<number>;
}

/** Words that the same granules use in the same segments. */
export interface WordClass {
  readonly uses: readonly {
    readonly granule: number;
    readonly reads: readonly number[];
    readonly writes: readonly number[];
  }[];
}

/** What one step of a granule may touch: the steps from one place in one segment. */
export class StepFacts {
  readonly granule: number;
  readonly segment: number;
  /** `word * 2`, plus 1 if it is written. */
  readonly accesses = new Set<number>();
  /** Whether some steps from there do not touch all of it. */
  varies = false;
  #touches: readonly Touch[] = [];
  #version = -1;

  constructor(granule: number, segment: number) {
    this.granule = granule;
    this.segment = segment;
  }

  /** Those of the accesses that others may conflict with, by class. */
  touchesOf(facts: Facts): readonly Touch[] {
    if (this.#version === facts.version) return this.#touches;
    const found = new Map<WordClass, boolean>();
    for (const access of this.accesses) {
      const ofWord = facts.classOf(access >> 1);
      if (ofWord === null) continue;
      found.set(ofWord, (found.get(ofWord) ?? false) || (access & 1) === 1);
    }
    this.#touches = Array.from(found, ([ofWord, isWrite]) => ({ class: ofWord, isWrite }));
    this.#version = facts.version;
    return this.#touches;
  }
}

export interface Touch {
  readonly class: WordClass;
  readonly isWrite: boolean;
}

/** The end of a segment is not always the same barrier. */
const SEVERAL = -2;

/**
 * What the runs so far have shown of a program: which words a granule touches and when, and who comes to which barrier.
 * A search that relies on it is sound if it learns nothing new that {@link hasChanged} tells of.
 *
 * A granule's run is divided into segments, by the barriers that it has waited at. Granules, blocks and words have
 * numbers that are the same in every run.
 */
export class Facts {
  /** Counts what {@link settle} has settled. */
  version = 0;
  /** Something was learned that the decisions since {@link settle} had not allowed for. */
  hasChanged = false;
  /** Granules whose segments are not told apart: they come back to the same state in another one. */
  readonly coarse = new Set<number>();
  readonly #words = new Map<number, Map<number, WordUse>>();
  readonly #steps: Map<number, StepFacts>[][] = [];
  readonly #ends: number[][] = [];
  readonly #barriers = new Map<number, BarrierFacts>();
  #classes = new Map<number, WordClass>();
  /** By granule: another of its component. */
  readonly #above = new Map<number, number>();

  stepFacts(granule: number, segment: number, place: number): StepFacts {
    let segments = this.#steps[granule];
    if (segments === undefined) {
      segments = [];
      this.#steps[granule] = segments;
    }
    let places = segments[segment];
    if (places === undefined) {
      places = new Map();
      segments[segment] = places;
    }
    let facts = places.get(place);
    if (facts === undefined) {
      facts = new StepFacts(granule, segment);
      places.set(place, facts);
    }
    return facts;
  }

  /** A step touches a word. `access`: `word * 2`, plus 1 for a write. */
  noteAccess(step: StepFacts, access: number): void {
    if (step.accesses.has(access)) return;
    step.accesses.add(access);
    const word = access >> 1;
    let uses = this.#words.get(word);
    if (uses === undefined) {
      uses = new Map();
      this.#words.set(word, uses);
    }
    let use = uses.get(step.granule);
    if (use === undefined) {
      use = { reads: new Set(), writes: new Set() };
      uses.set(step.granule, use);
    }
    ((access & 1) === 1 ? use.writes : use.reads).add(step.segment);
    if (isShared(uses)) this.hasChanged = true;
  }

  noteArrival(barrier: number, warpIndex: number, expected: number, isArriveOnly: boolean): void {
    const known = this.#barriers.get(barrier);
    if (known === undefined) {
      this.#barriers.set(barrier, { users: new Set([warpIndex]), expected, hasArriveOnly: isArriveOnly });
      this.hasChanged = true;
      return;
    }
    if (!known.users.has(warpIndex)) {
      known.users.add(warpIndex);
      this.hasChanged = true;
    }
    if (known.expected !== expected && known.expected !== -1) {
      known.expected = -1;
      this.hasChanged = true;
    }
    if (isArriveOnly && !known.hasArriveOnly) {
      known.hasArriveOnly = true;
      this.hasChanged = true;
    }
  }

  /** A granule's segment has ended at a barrier. */
  noteEnd(granule: number, segment: number, barrier: number): void {
    let ends = this.#ends[granule];
    if (ends === undefined) {
      ends = [];
      this.#ends[granule] = ends;
    }
    const known = ends[segment];
    // Nothing has relied on an end that was not known.
    if (known === undefined) ends[segment] = barrier;
    else if (known !== barrier && known !== SEVERAL) {
      ends[segment] = SEVERAL;
      this.hasChanged = true;
    }
  }

  /** A state has been reached with different segments: those of the granule tell nothing. */
  noteCoarse(granule: number): void {
    this.coarse.add(granule);
    this.hasChanged = true;
  }

  /** The barrier that a granule's segment always ends at; -1: not known, or not always the same. */
  endOf(granule: number, segment: number): number {
    if (this.coarse.has(granule)) return -1;
    const end = this.#ends[granule]?.[segment] ?? -1;
    return end === SEVERAL ? -1 : end;
  }

  /**
   * The barrier, if it is passed only once all who use it have come, so that the order in which they do does not matter:
   * all warps of the block that have not exited, or as many as there are who ever come. Null: it is not so.
   */
  exactBarrier(barrier: number): BarrierFacts | null {
    const known = this.#barriers.get(barrier);
    if (known === undefined || known.hasArriveOnly || known.expected === -1) return null;
    return known.expected === 0 || known.users.size * 32 <= known.expected ? known : null;
  }

  /** The words like this one; null: nobody else touches it, or nobody writes it. */
  classOf(word: number): WordClass | null {
    return this.#classes.get(word) ?? null;
  }

  /** A number that granules have in common who touch the same words, or words that others touch who do, and so on. */
  componentOf(granule: number): number {
    let root = granule;
    for (let above = this.#above.get(root); above !== undefined; above = this.#above.get(root)) root = above;
    return root;
  }

  /** Makes what is known what decisions rely on from here on. Granules that have become coarse lose their segments. */
  settle(): void {
    for (const granule of this.coarse) this.#dropSegments(granule);
    const bySignature = new Map<string, WordClass>();
    this.#classes = new Map();
    this.#above.clear();
    for (const [word, uses] of this.#words) {
      if (!isShared(uses)) continue;
      const sorted = [...uses].sort(([a], [b]) => a - b);
      const list = sorted.map(([granule, { reads, writes }]) => ({ granule, reads: [...reads], writes: [...writes] }));
      const signature = JSON.stringify(
        list.map(({ granule, reads, writes }) => [granule, reads.sort(byNumber), writes.sort(byNumber)]),
      );
      let ofWord = bySignature.get(signature);
      if (ofWord === undefined) {
        ofWord = { uses: list };
        bySignature.set(signature, ofWord);
        const root = this.componentOf(list[0]!.granule);
        for (const { granule } of list) {
          const other = this.componentOf(granule);
          if (other !== root) this.#above.set(other, root);
        }
      }
      this.#classes.set(word, ofWord);
    }
    this.version++;
    this.hasChanged = false;
  }

  #dropSegments(granule: number): void {
    const segments = this.#steps[granule];
    if (segments === undefined || segments.length <= 1) return;
    const all = new Map<number, StepFacts>();
    for (const places of segments) {
      for (const [place, { accesses }] of places ?? []) {
        let facts = all.get(place);
        if (facts === undefined) {
          facts = new StepFacts(granule, 0);
          all.set(place, facts);
        }
        for (const access of accesses) facts.accesses.add(access);
        facts.varies = true;
      }
    }
    this.#steps[granule] = [all];
    for (const uses of this.#words.values()) {
      const use = uses.get(granule);
      if (use === undefined) continue;
      for (const segment of [use.reads, use.writes]) {
        if (segment.size === 0) continue;
        segment.clear();
        segment.add(0);
      }
    }
  }
}

const byNumber = (a: number, b: number): number => a - b;

/** Whether two granules touch a word and one of them writes it. */
function isShared(uses: ReadonlyMap<number, WordUse>): boolean {
  if (uses.size < 2) return false;
  for (const { writes } of uses.values()) if (writes.size > 0) return true;
  return false;
}

/** Numbers for blocks, granules and words that are the same in every run of a workload. */
export class Numbers {
  readonly #blocks = new Map<string, { readonly index: number; readonly firstGranule: number }>();
  readonly #ofBlock = new WeakMap<StepBlock, { readonly index: number; readonly firstGranule: number }>();
  readonly #spaces = new Map<string, number>();
  #granules = 0;
  #words = 0;

  get granules(): number {
    return this.#granules;
  }

  /** Number of a block, and of its first granule; `granules`: as many as it has. */
  block(
    block: StepBlock,
    launchNumber: number,
    granules: number,
  ): { readonly index: number; readonly firstGranule: number } {
    const known = this.#ofBlock.get(block);
    if (known !== undefined) return known;
    const { x, y, z } = block.blockIdx;
    const key = `${launchNumber} ${x} ${y} ${z}`;
    let numbers = this.#blocks.get(key);
    if (numbers === undefined) {
      numbers = { index: this.#blocks.size, firstGranule: this.takeGranules(granules) };
      this.#blocks.set(key, numbers);
    }
    this.#ofBlock.set(block, numbers);
    return numbers;
  }

  takeGranules(count: number): number {
    const first = this.#granules;
    this.#granules += count;
    return first;
  }

  /** The first of the words of something of that name. */
  firstWord(name: string, count: number): number {
    let first = this.#spaces.get(name);
    if (first === undefined) {
      first = this.#words;
      this.#words += count;
      if (this.#words >= 2 ** 30)
        throw new RangeError(`the program has more than 2^30 words of memory: too many to explore`);
      this.#spaces.set(name, first);
    }
    return first;
  }
}
