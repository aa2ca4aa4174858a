import { type AccessInstruction, framesOf, type Program } from '../program/index.js';
import type { SourceFrame } from '../simt/index.js';

/** A place of a kernel's source that accesses memory. */
export interface AccessSite {
  readonly kernel: string;
  readonly operation: AccessInstruction['op'];
  /** Innermost first: who has called it belongs to it. */
  readonly frames: readonly SourceFrame[];
}

/** Two places at which different threads have touched the same bytes, at least one of them writing. */
export interface AccessPair {
  readonly first: AccessSite;
  readonly second: AccessSite;
  /**
   * Whether it was seen that `first` came first, and that `second` did. Of a place with itself: that the lower of the two
   * threads did, by rank, block and thread, and the higher.
   */
  readonly isForward: boolean;
  readonly isBackward: boolean;
  /** Whether the two were ever seen with nothing that orders them. If not, the other order may be out of the question. */
  readonly isFree: boolean;
}

/** Pairs by a text that is the same for the same two places of all runs. */
export type AccessPairs = ReadonlyMap<string, AccessPair>;

interface KnownSite {
  readonly key: string;
  readonly site: AccessSite;
}

/** The same for the same place of all runs. */
const siteKey = ({ kernel, operation, frames }: AccessSite): string =>
  [kernel, ...frames.map(({ file, line, column }) => `${file}:${line}:${column}`), operation].join(' ');

export const pairKey = ({ first, second }: AccessPair): string => textOf(siteKey(first), siteKey(second));

const textOf = (first: string, second: string): string => `${first} | ${second}`;

/** Programs outlive runs. */
const SITES = new WeakMap<AccessInstruction, KnownSite>();

// What was seen of two places, in the order of their accesses.
const ORDERED = 1;
const FREE = 2;
/** Of a place with itself, where the higher thread came first, the same two shifted by so much. */
const HIGHER_SHIFT = 2;
const ANY_LOWER = ORDERED | FREE;
const ANY_HIGHER = ANY_LOWER << HIGHER_SHIFT;

/** Gathers the pairs of one run. */
export class PairRecorder {
  readonly #sites: KnownSite[] = [];
  readonly #numbers = new Map<string, number>();
  /** What was seen of two places: by the number of the first times the width, plus that of the second. */
  #width = 32;
  #seen = new Uint8Array(this.#width ** 2);

  /** The number of the place of an instruction, for {@link note}. */
  numberOf(instruction: AccessInstruction, program: Program): number {
    let known = SITES.get(instruction);
    if (known === undefined) {
      const { op: operation } = instruction;
      const site = { kernel: program.name, operation, frames: framesOf(program, instruction.site) };
      known = { key: siteKey(site), site };
      SITES.set(instruction, known);
    }
    let number = this.#numbers.get(known.key);
    if (number === undefined) {
      number = this.#sites.push(known) - 1;
      this.#numbers.set(known.key, number);
      if (number >= this.#width) this.#widen();
    }
    return number;
  }

  /** Whether accesses at `first` and then `second` would tell nothing new. */
  knows(first: number, second: number, isOrdered: boolean): boolean {
    const bits = isOrdered ? ORDERED : FREE;
    const all = first === second ? bits | (bits << HIGHER_SHIFT) : bits;
    return (this.#seen[first * this.#width + second]! & all) === all;
  }

  /** Accesses at `first` and then `second` conflict. `isLower`: whether the lower of the two threads came first. */
  note(first: number, second: number, isOrdered: boolean, isLower: boolean): void {
    const bit = isOrdered ? ORDERED : FREE;
    this.#seen[first * this.#width + second]! |= first !== second || isLower ? bit : bit << HIGHER_SHIFT;
  }

  /** All pairs so far. */
  pairs(): AccessPairs {
    const pairs = new Map<string, AccessPair>();
    const width = this.#width;
    for (let a = 0; a < this.#sites.length; a++) {
      for (let b = a; b < this.#sites.length; b++) {
        const there = this.#seen[a * width + b]!;
        const back = a === b ? (there & ANY_HIGHER) >>> HIGHER_SHIFT : this.#seen[b * width + a]!;
        if ((there | back) === 0) continue;
        const [one, other] = [this.#sites[a]!, this.#sites[b]!];
        const inOrder = one.key <= other.key;
        const [first, second] = inOrder ? [one, other] : [other, one];
        const forward = (there & ANY_LOWER) !== 0;
        pairs.set(textOf(first.key, second.key), {
          first: first.site,
          second: second.site,
          isForward: inOrder ? forward : back !== 0,
          isBackward: inOrder ? back !== 0 : forward,
          isFree: ((there | back) & FREE) !== 0,
        });
      }
    }
    return pairs;
  }

  #widen(): void {
    const before = this.#width;
    const seen = new Uint8Array((2 * before) ** 2);
    for (let first = 0; first < before; first++)
      seen.set(this.#seen.subarray(first * before, (first + 1) * before), first * 2 * before);
    this.#width = 2 * before;
    this.#seen = seen;
  }
}

/** Pairs of several runs. The order of the two does not matter. */
export function mergePairs(a: AccessPairs, b: AccessPairs): AccessPairs {
  let merged: Map<string, AccessPair> | null = null;
  for (const [key, pair] of b) {
    const known = a.get(key);
    const isForward = pair.isForward || known?.isForward === true;
    const isBackward = pair.isBackward || known?.isBackward === true;
    const isFree = pair.isFree || known?.isFree === true;
    if (known?.isForward === isForward && known.isBackward === isBackward && known.isFree === isFree) continue;
    merged ??= new Map(a);
    merged.set(key, { ...pair, isForward, isBackward, isFree });
  }
  return merged ?? a;
}
