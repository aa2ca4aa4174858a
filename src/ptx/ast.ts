import type { PtxPlace } from './ptx-error.js';

/** What a PTX text says, before anything is known of what it means. Source: PTX ISA 9.0, chapters 4, 5, 10 and 11. */
export interface PtxModule {
  /** `.version`, as it is written: "9.0". */
  readonly version: string;
  readonly targets: readonly string[];
  readonly addressBits: 32 | 64;
  /** Paths by the numbers that `.loc` uses. */
  readonly files: ReadonlyMap<number, string>;
  /** Texts of `.debug_str` by their labels: the names of inlined functions. */
  readonly debugStrings: ReadonlyMap<string, string>;
  readonly variables: readonly PtxVariable[];
  /** Entries and functions in the order of the text; declarations without a body come before their definition. */
  readonly functions: readonly PtxFunction[];
}

export type PtxSpace = 'reg' | 'sreg' | 'const' | 'global' | 'local' | 'param' | 'shared';

export type Linkage = 'extern' | 'visible' | 'weak' | 'common' | null;

/** A variable or a parameter. */
export interface PtxVariable extends PtxPlace {
  readonly space: PtxSpace;
  readonly linkage: Linkage;
  /** Bytes; null: as its type says. */
  readonly alignment: number | null;
  /** 1, 2 or 4: `.v2`, `.v4`. */
  readonly vector: number;
  /** Without the dot: `b32`, `pred`. */
  readonly type: string;
  readonly name: string;
  /** `.reg .b32 %r<8>`: %r0 to %r7; null: a single one. */
  readonly count: number | null;
  /** Sizes of each dimension; -1: not given. */
  readonly dimensions: readonly number[];
  readonly initial: Initial | null;
}

/** What a variable holds at first: a value, or values of an array's elements. */
export type Initial = InitialValue | readonly Initial[];

/** A constant, or the address of a symbol and an offset; generic: `generic(symbol)`. */
export type InitialValue =
  | Literal
  | { readonly kind: 'symbol'; readonly name: string; readonly offset: bigint; readonly isGeneric: boolean };

export type Literal =
  | { readonly kind: 'integer'; readonly value: bigint }
  /** The bits of an f32 (`0f…`) or f64 (`0d…`, decimal). */
  | { readonly kind: 'float'; readonly bits: bigint; readonly width: 32 | 64 };

export interface PtxFunction extends PtxPlace {
  readonly kind: 'entry' | 'func';
  readonly linkage: Linkage;
  readonly name: string;
  /** Of a `.func`: what it returns. */
  readonly results: readonly PtxVariable[];
  readonly parameters: readonly PtxVariable[];
  /** `.maxntid 256, 1, 1` and its like, by name without the dot. */
  readonly directives: ReadonlyMap<string, readonly number[]>;
  /** Null: a declaration only. */
  readonly body: readonly Statement[] | null;
}

export type Statement =
  | InstructionStatement
  | ({ readonly kind: 'label'; readonly name: string } & PtxPlace)
  | { readonly kind: 'variable'; readonly variable: PtxVariable }
  | { readonly kind: 'scope'; readonly body: readonly Statement[] }
  | LocStatement
  /** `label: .branchtargets a, b;` and `.calltargets`. */
  | ({ readonly kind: 'targets'; readonly name: string; readonly targets: readonly string[] } & PtxPlace)
  /** `label: .callprototype …;` */
  | ({ readonly kind: 'prototype'; readonly name: string } & PtxPlace);

/** `.loc`: where what follows comes from. */
export interface LocStatement {
  readonly kind: 'loc';
  readonly file: number;
  readonly line: number;
  readonly column: number;
  /** Label of the function's name in `.debug_str`, and the place of its call; null: not inlined. */
  readonly inlined: {
    readonly functionName: string;
    readonly at: { readonly file: number; readonly line: number; readonly column: number };
  } | null;
}

export interface InstructionStatement extends PtxPlace {
  readonly kind: 'instruction';
  /** `ld.global.v2.u64` as it is written. */
  readonly opcode: string;
  readonly guard: { readonly predicate: string; readonly isNegated: boolean } | null;
  readonly operands: readonly PtxOperand[];
}

export type PtxOperand =
  /** A register, a special register, a variable, a label or a function; `_` is a sink. */
  | { readonly kind: 'name'; readonly name: string }
  | Literal
  /** A variable's address and an offset. */
  | { readonly kind: 'symbol'; readonly name: string; readonly offset: bigint }
  /** `[base+offset]`; base is a name, or null for an absolute address. `rest`: what follows commas in the brackets. */
  | {
      readonly kind: 'address';
      readonly base: string | null;
      readonly offset: bigint;
      readonly rest: readonly PtxOperand[];
    }
  | { readonly kind: 'vector'; readonly elements: readonly PtxOperand[] }
  /** `!p` */
  | { readonly kind: 'not'; readonly name: string }
  /** `d|p` */
  | { readonly kind: 'pair'; readonly first: string; readonly second: string }
  /** `(a, b)` of a call. */
  | { readonly kind: 'list'; readonly elements: readonly PtxOperand[] };
