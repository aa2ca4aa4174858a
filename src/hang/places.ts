import {
  type Liveness,
  livenessOf,
  type Program,
  predecessorsOf,
  reachableWithout,
  successorsOf,
} from '../program/index.js';

/** Instructions of a block that a place's number has room for. */
const PLACES_A_BLOCK = 2 ** 20;

/** An instruction of a program. */
export interface Place {
  readonly block: number;
  readonly at: number;
}

export const numberOf = ({ block, at }: Place): number => block * PLACES_A_BLOCK + at;
export const placeOf = (number: number): Place => ({
  block: Math.floor(number / PLACES_A_BLOCK),
  at: number % PLACES_A_BLOCK,
});

/** What of a thread may still be read at each place of a program: only that tells states apart. */
export class Places {
  /** Of all variables, then the registers of one array after the other. */
  readonly size: number;
  /** By array. */
  readonly firstRegister: readonly number[];
  readonly #counts: readonly number[];
  readonly #variables: number;
  readonly #liveness: Liveness;
  readonly #successors: readonly (readonly number[])[];
  readonly #isJoin: readonly boolean[];
  readonly #live = new Map<number, readonly number[]>();

  constructor(program: Program, counts: readonly number[]) {
    this.#counts = counts;
    this.#variables = program.variables.length;
    this.#liveness = livenessOf(program);
    this.#successors = successorsOf(program);
    this.#isJoin = predecessorsOf(this.#successors).map(({ length }, block) => length > 1 || block === 0);
    let next = program.variables.length;
    this.firstRegister = counts.map((count) => {
      const first = next;
      next += count;
      return first;
    });
    this.size = next;
  }

  /** Whether a block can be entered from several others, or from the start too. */
  isJoin(block: number): boolean {
    return this.#isJoin[block]!;
  }

  /** Whether a thread may come to a block again. */
  isInLoop(block: number): boolean {
    const after = this.#successors[block]!;
    return reachableWithout(this.#successors, after, -1).has(block) || after.includes(block);
  }

  /** Numbers of variables and registers that may be read at a place, or behind it. */
  liveAt(number: number): readonly number[] {
    let live = this.#live.get(number);
    if (live === undefined) {
      const { block, at } = placeOf(number);
      const isLive = this.#liveness.before(block, at);
      live = Array.from({ length: this.#variables }, (_, index) => index).filter((index) => isLive[index] === 1);
      this.#counts.forEach((count, array) => {
        if (isLive[this.#variables + array] !== 1) return;
        for (let register = 0; register < count; register++) {
          (live as number[]).push(this.firstRegister[array]! + register);
        }
      });
      this.#live.set(number, live);
    }
    return live;
  }
}

const known = new WeakMap<Program, Map<string, Places>>();

/** `counts`: registers of each array. */
export function placesOf(program: Program, counts: readonly number[]): Places {
  let ofProgram = known.get(program);
  if (ofProgram === undefined) {
    ofProgram = new Map();
    known.set(program, ofProgram);
  }
  const key = counts.join();
  let places = ofProgram.get(key);
  if (places === undefined) {
    places = new Places(program, counts);
    ofProgram.set(key, places);
  }
  return places;
}
