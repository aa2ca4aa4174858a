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
  /** By array: where its first element is in `V`, and how many there are, as expressions: parameters may be in them. */
  readonly arrayPlace: readonly string[];
  readonly arrayCount: readonly string[];
  readonly size: FrameSize;
}

/** How large a frame is. */
export interface FrameSize {
  readonly fWords: number;
  /** Words of `V` beside the arrays whose size a parameter gives. */
  readonly vWords: number;
  readonly dWords: number;
  /** Words of `V` for each element of these arrays. */
  readonly paramArrays: readonly { readonly array: number; readonly words: number }[];
}

const isDouble = (type: ValueType): boolean => type === 'f64' || type === 'ptr';

/** Lays out the variables of `used` and all arrays; those whose size a parameter gives come last. */
export function layOut(program: Program, { isUniform }: Uniformity, used: ReadonlySet<number>): Layout {
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
  const arrayPlace = program.arrays.map(() => '');
  const arrayCount = program.arrays.map(({ count }) =>
    count.kind === 'constant' ? String(count.value) : `p${count.index}`,
  );
  const wordsOf = (array: number) => registerShape(program, array).words;
  program.arrays.forEach(({ count }, array) => {
    if (count.kind !== 'constant') return;
    arrayPlace[array] = String(vWords);
    vWords += Number(count.value) * wordsOf(array);
  });
  const paramArrays: { readonly array: number; readonly words: number }[] = [];
  let end = String(vWords);
  program.arrays.forEach(({ count }, array) => {
    if (count.kind === 'constant') return;
    arrayPlace[array] = paramArrays.length === 0 ? end : `(${end})`;
    end = `${end} + ${wordsOf(array)} * ${arrayCount[array]}`;
    paramArrays.push({ array, words: wordsOf(array) });
  });
  return { place, arrayPlace, arrayCount, size: { fWords, vWords, dWords, paramArrays } };
}

/** A register of all lanes in `V`: rows of words, a mask of the lanes whose bytes are all defined, one of those with some. */
export interface RegisterShape {
  /** Bits of definedness, all set. */
  readonly full: number;
  readonly isWide: boolean;
  /** Offset of the masks. */
  readonly masks: number;
  /** Words from one register of an array to the next. */
  readonly words: number;
}

export function registerShape(program: Program, array: number): RegisterShape {
  const bytes = scalarBytes(program.arrays[array]!.elementType);
  const masks = LANES * (bytes === 8 ? 2 : 1);
  return { full: (1 << bytes) - 1, isWide: bytes === 8, masks, words: masks + 2 };
}
