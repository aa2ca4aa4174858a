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
  readonly #unknown = new Set<number>();

  constructor(precision: number) {
    this.#precision = precision;
  }

  get all(): readonly State[] {
    return this.#all;
  }

  /** Adds a state. Result: the states that are new; null: there are more than can be told apart. */
  add(given: State): readonly State[] | null {
    const state = this.#blurred(given);
    if (this.#all.some((known) => areEqual(known, state))) return [];
    if (this.#all.length < this.#precision) {
      this.#all.push(state);
      return [state];
    }
    const before = this.#unknown.size;
    for (let index = 0; index < state.length; index++) {
      if (!this.#all.some((known) => Object.is(known[index], state[index]))) this.#unknown.add(index);
    }
    if (this.#unknown.size === before) {
      if (this.#all.length >= this.#precision * MOST_STATES) return null;
      this.#all.push(state);
      return [state];
    }
    const blurred: State[] = [];
    for (const known of [...this.#all, state]) {
      const next = this.#blurred(known);
      if (!blurred.some((other) => areEqual(other, next))) blurred.push(next);
    }
    this.#all = blurred;
    return blurred;
  }

  #blurred(state: State): State {
    if (this.#unknown.size === 0) return state;
    const copy = [...state];
    for (const index of this.#unknown) copy[index] = copy[index] === UNDEFINED ? UNDEFINED : UNKNOWN;
    return copy;
  }
}

function areEqual(a: State, b: State): boolean {
  for (let index = 0; index < a.length; index++) if (!Object.is(a[index], b[index])) return false;
  return true;
}
