import type { ValueType } from '../program/index.js';

/** A type of an instruction: `s32` is signed, `b32` and `f32` are bits. */
export interface PtxType {
  readonly name: string;
  readonly kind: 'u' | 's' | 'b' | 'f' | 'pred';
  readonly bits: 1 | 8 | 16 | 32 | 64 | 128;
  /** The program's type for values of it: 8 and 16 bits are an i32, extended as its sign says. */
  readonly value: ValueType;
}

const valueTypeOf = (kind: PtxType['kind'], bits: number): ValueType => {
  if (kind === 'pred') return 'pred';
  if (bits === 64) return kind === 's' ? 'i64' : 'u64';
  return bits === 32 && kind === 'u' ? 'u32' : 'i32';
};

const make = (name: string, kind: PtxType['kind'], bits: PtxType['bits']): [string, PtxType] => [
  name,
  { name, kind, bits, value: valueTypeOf(kind, bits) },
];

const TYPES: ReadonlyMap<string, PtxType> = new Map([
  make('pred', 'pred', 1),
  ...(['u', 's', 'b'] as const).flatMap((kind) =>
    ([8, 16, 32, 64] as const).map((bits) => make(`${kind}${bits}`, kind, bits)),
  ),
  make('f32', 'f', 32),
  make('f64', 'f', 64),
  make('f16', 'f', 16),
  make('bf16', 'f', 16),
  make('f16x2', 'f', 32),
  make('bf16x2', 'f', 32),
  make('b128', 'b', 128),
]);

/** The type of that name, without the dot; null: none. */
export const ptxType = (name: string): PtxType | null => TYPES.get(name) ?? null;

/** The same width as plain bits. */
export const bitsType = ({ bits, kind }: PtxType): PtxType =>
  kind === 'pred' ? TYPES.get('pred')! : TYPES.get(`b${bits}`)!;

/** The program's type of a register: its bits, those below 32 with zeros above. */
export function storageOf({ kind, bits }: PtxType): ValueType {
  if (kind === 'pred') return 'pred';
  return bits === 64 ? 'u64' : 'i32';
}
