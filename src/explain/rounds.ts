import type { Word } from '../program/index.js';

/** Most states of a lane at one place that are compared with later ones. */
const MOST_VISITS = 24;

/** What variables hold; undefined: not known. */
export type State = readonly (Word | undefined)[];

/** Tells when a lane comes back to a state that it was in, and from then on each time that it is in that one again. */
export class Rounds {
  /** States by number of the place; of each, the last ones. */
  readonly #visits = new Map<number, State[]>();
  #returnsTo: { readonly place: number; readonly state: State } | null = null;
  #returns = 0;

  /** How often it has come back to that state. */
  get returns(): number {
    return this.#returns;
  }

  /** A lane comes to a place. Result: whether it has come back. */
  visit(place: number, state: State): boolean {
    if (this.#returnsTo !== null) {
      if (this.#returnsTo.place !== place || !isSame(this.#returnsTo.state, state)) return false;
      this.#returns++;
      return true;
    }
    let visits = this.#visits.get(place);
    if (visits === undefined) {
      visits = [];
      this.#visits.set(place, visits);
    }
    if (visits.some((before) => isSame(before, state))) {
      this.#returnsTo = { place, state };
      this.#returns = 1;
      return true;
    }
    visits.push(state);
    if (visits.length > MOST_VISITS) visits.shift();
    return false;
  }
}

const isSame = (a: State, b: State): boolean => a.every((value, index) => value === b[index]);
