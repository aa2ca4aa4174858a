import type { ParamValue, Program } from '../program/index.js';
import { arithmeticRuntime, splitBigint } from '../program/index.js';
import { type Dim3, Pointer } from '../simt/index.js';

/** A block's record: its coordinates, its launch's dimensions and parameters; what is the same for all of its threads. */
export interface InfoLayout {
  /** Words of special values that are the same for a block, by name. */
  readonly specials: ReadonlyMap<string, number>;
  /** Word of each parameter; pairs are aligned. */
  readonly params: readonly number[];
  readonly words: number;
}

const BLOCK_SPECIALS = ['blockIdx', 'gridDim', 'blockDim'].flatMap((name) =>
  ['x', 'y', 'z'].map((axis) => `${name}.${axis}`),
);

export function infoLayoutOf(program: Program): InfoLayout {
  const specials = new Map(BLOCK_SPECIALS.map((name, word) => [name, word]));
  let next = specials.size;
  const params = program.params.map(({ type }) => {
    const isPair = type === 'u64' || type === 'ptr';
    if (isPair) next += next % 2;
    const word = next;
    next += isPair ? 2 : 1;
    return word;
  });
  return { specials, params, words: next + (next % 2) };
}

/** Fills the record of a block at word `at`. `KI` and `KD` are words and doubles of the same buffer. */
export function writeInfo(
  layout: InfoLayout,
  at: number,
  { KI, KD }: { readonly KI: Int32Array; readonly KD: Float64Array },
  dims: readonly [blockIdx: Dim3, gridDim: Dim3, blockDim: Dim3],
  values: readonly ParamValue[],
): void {
  dims.forEach(({ x, y, z }, index) => {
    KI.set([x, y, z], at + index * 3);
  });
  values.forEach((value, index) => {
    const word = at + layout.params[index]!;
    if (typeof value === 'bigint') {
      KI[word] = splitBigint(value);
      KI[word + 1] = arithmeticRuntime.high;
    } else if (value === null) KD[word >> 1] = 0;
    else if (value instanceof Pointer) KD[word >> 1] = value.address;
    else KI[word] = Number(value);
  });
}
