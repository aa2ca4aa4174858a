import { isWide, type Program, type ValueType } from '../program/index.js';
import { scalarBytes } from '../simt/index.js';
import type { Uniformity } from './uniformity.js';

/** Lanes of a warp. */
export const LANES = 32;

/**
 * Where a warp keeps its variables: words `F` and doubles `D` one a warp, words `V` and doubles `D` one a lane. A lane's
 * `pred` is a bit of a word of `F`.
 */
export interface Layout {
  /** By variable: its place in `F` (one a warp, and masks), `V` or `D`, in elements; 64-bit values take two rows. */
  readonly place: readonly number[];
  /** By array: its first element in `V`. */
  readonly arrayPlace: readonly number[];
  readonly counts: readonly number[];
  readonly fWords: number;
  readonly vWords: number;
  readonly dWords: number;
}

const isDouble = (type: ValueType): boolean => type === 'f64' || type === 'ptr';

/** `extraWords` are reserved at the end of `F`. */
export function layOut(
  program: Program,
  { isUniform }: Uniformity,
  counts: readonly number[],
  used: ReadonlySet<number>,
): Layout {
  let fWords = 0;
  let vWords = 0;
  let dWords = 0;
  const take = (words: number, lanes: boolean, double: boolean): number => {
    if (double) {
      const at = dWords;
      dWords += lanes ? LANES : 1;
      return at;
    }
    if (!lanes) {
      const at = fWords;
      fWords += words;
      return at;
    }
    const at = vWords;
    vWords += words * LANES;
    return at;
  };
  const place = program.variables.map(({ type }, index) => {
    if (!used.has(index)) return -1;
    const lanes = !isUniform({ kind: 'variable', index }) && type !== 'pred';
    return take(isWide(type) ? 2 : 1, lanes, isDouble(type));
  });
  const arrayPlace = program.arrays.map(({ elementType }, index) =>
    take(counts[index]! * planesOf(scalarBytes(elementType)), true, false),
  );
  return { place, arrayPlace, counts, fWords, vWords, dWords };
}

/** Rows of an array's element: its words, then the bits of its definedness. */
export const planesOf = (bytes: number): number => (bytes === 8 ? 3 : 2);
