import type { Word } from '../program/index.js';

/** Any value of its type. */
export const UNKNOWN = Symbol('unknown');
/** Any bytes, some of which the program may never have defined. */
export const UNDEFINED = Symbol('undefined');

/** What is known of a value for all time to come: it itself, or nothing. */
export type Known = Word | typeof UNKNOWN | typeof UNDEFINED;

/** What holds of a value that is one or the other; `undefined`: there is none yet. */
export function join(a: Known | undefined, b: Known | undefined): Known | undefined {
  if (a === undefined || Object.is(a, b)) return b;
  if (b === undefined) return a;
  return a === UNDEFINED || b === UNDEFINED ? UNDEFINED : UNKNOWN;
}

export const isWord = (known: Known | undefined): known is Word =>
  known !== undefined && known !== UNKNOWN && known !== UNDEFINED;

/** Why no proof can be given: the way on that a thread may take. */
export class Escape extends Error {
  /** Of the instruction. */
  readonly site: number;

  constructor(what: string, site: number) {
    super(what);
    this.site = site;
  }
}
