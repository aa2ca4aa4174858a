import { type Known, UNDEFINED, UNKNOWN } from './known.js';

/** What is known of some variables and registers; `undefined`: nobody has set it. */
export type State = (Known | undefined)[];

/** Combinations of values that a place may have beside its precision. */
const MOST_STATES = 16;

/**
 * The states in which a thread may come to a place. Up to `precision` of them are told apart; from then on, what has a
 * value that it has never had there counts as unknown: a counter, but not what goes through a few values again and again.
 */
export class States {
  readonly #precision: number;
  #all: State[] = [];
  #byHash = new Map<number, State[]>();
  readonly #unknown = new Set<number>();

  constructor(precision: number) {
    this.#precision = precision;
  }

  get all(): readonly State[] {
    return this.#all;
  }

  /** Whether something counts as unknown that has been known. */
  get isBlurred(): boolean {
    return this.#unknown.size > 0;
  }

  /** Adds a state. Result: the states that are new; null: there are more than can be told apart. */
  add(given: State): readonly State[] | null {
    const state = this.#blurred(given);
    if (this.#has(state)) return [];
    if (this.#all.length < this.#precision) {
      this.#keep(state);
      return [state];
    }
    const before = this.#unknown.size;
    for (let index = 0; index < state.length; index++) {
      if (!this.#all.some((known) => Object.is(known[index], state[index]))) this.#unknown.add(index);
    }
    if (this.#unknown.size === before) {
      if (this.#all.length >= this.#precision * MOST_STATES) return null;
      this.#keep(state);
      return [state];
    }
    const old = [...this.#all, state];
    this.#all = [];
    this.#byHash = new Map();
    for (const known of old) {
      const next = this.#blurred(known);
      if (!this.#has(next)) this.#keep(next);
    }
    return this.#all;
  }

  #has(state: State): boolean {
    return this.#byHash.get(hashOf(state))?.some((known) => areEqual(known, state)) === true;
  }

  #keep(state: State): void {
    this.#all.push(state);
    const hash = hashOf(state);
    const same = this.#byHash.get(hash);
    if (same === undefined) this.#byHash.set(hash, [state]);
    else same.push(state);
  }

  #blurred(state: State): State {
    if (this.#unknown.size === 0) return state;
    const copy = [...state];
    for (const index of this.#unknown) copy[index] = copy[index] === UNDEFINED ? UNDEFINED : UNKNOWN;
    return copy;
  }
}

function hashOf(state: State): number {
  let hash = 0;
  for (const known of state) {
    let word: number;
    if (typeof known === 'number') word = known | 0;
    else if (typeof known === 'bigint') word = Number(BigInt.asIntN(32, known));
    else if (typeof known === 'boolean') word = known ? 1 : 2;
    else word = known === UNKNOWN ? 3 : known === UNDEFINED ? 4 : 5;
    hash = (Math.imul(hash, 31) + word) | 0;
  }
  return hash;
}

function areEqual(a: State, b: State): boolean {
  for (let index = 0; index < a.length; index++) if (!Object.is(a[index], b[index])) return false;
  return true;
}
