import type { AtomicOperator, CollectiveName, CompareOperator, SpecialName } from '../program/program.js';
import type { ScalarType, Scope } from '../simt/index.js';

// What abstract interpretation of a source gives: a control-flow graph with JavaScript's meaning. Numbers have no
// machine type yet; `analyse.ts` finds intervals, `lower.ts` picks types.

/** Kinds of dynamic values. `num` is a JavaScript number, `big` a bigint of any size, `ptr` an address or null. */
export type Kind = 'num' | 'big' | 'bool' | 'ptr';

export type Operand =
  | { readonly op: 'temp'; readonly temp: Temp }
  /** null: the null pointer. */
  | { readonly op: 'const'; readonly value: number | bigint | boolean | null }
  | { readonly op: 'param'; readonly index: number; readonly kind: Kind }
  | { readonly op: 'special'; readonly name: SpecialName };

/** A value that is computed at one place. */
export interface Temp {
  readonly id: number;
  readonly kind: Kind;
  /** The instruction that computes it. */
  readonly by: Instruction;
  /** What the source calls it, if anything. */
  name: string | null;
  scope: number;
}

/** A variable that is assigned at several places. */
export interface Mutable {
  readonly id: number;
  /** Null until something was assigned. */
  kind: Kind | null;
  readonly name: string | null;
  readonly scope: number;
}

/** Pure operations of numbers (`n.`), bigints (`b.`), booleans (`p.`) and pointers. Meaning: JavaScript's. */
export type PureName =
  | 'n.add'
  | 'n.sub'
  | 'n.mul'
  | 'n.div'
  | 'n.rem'
  | 'n.neg'
  | 'n.floor'
  | 'n.ceil'
  | 'n.trunc'
  | 'n.abs'
  | 'n.min'
  | 'n.max'
  | 'n.toI32'
  | 'n.toU32'
  | 'n.and'
  | 'n.or'
  | 'n.xor'
  | 'n.not'
  | 'n.shl'
  | 'n.shr'
  | 'n.ushr'
  | 'n.imul'
  | 'n.popc'
  | 'n.clz'
  | 'n.ffs'
  | 'n.brev'
  | 'n.shlB32'
  | 'n.shrU32'
  | 'n.shrS32'
  | 'n.mulhi'
  | 'n.umulhi'
  | 'n.divI32'
  | 'n.remI32'
  | 'n.fromBool'
  | 'n.fromBig'
  | 'n.address'
  | 'n.popcll'
  | 'n.clzll'
  | 'n.ffsll'
  | 'n.table'
  | 'b.add'
  | 'b.sub'
  | 'b.mul'
  | 'b.div'
  | 'b.rem'
  | 'b.neg'
  | 'b.and'
  | 'b.or'
  | 'b.xor'
  | 'b.not'
  | 'b.shl'
  | 'b.shr'
  | 'b.asU'
  | 'b.asI'
  | 'b.fromNum'
  | 'b.brevll'
  | 'b.shlB64'
  | 'b.shrU64'
  | 'b.shrS64'
  | 'b.mul64hi'
  | 'b.umul64hi'
  | 'p.not'
  | 'p.and'
  | 'p.or'
  | 'p.xor'
  | 'compare'
  | 'select'
  | 'address'
  /** A copy under another name. */
  | 'name';

/** A register of an array. */
export interface HirElement {
  readonly array: number;
  readonly index: Operand;
}
export type HirSource = Operand | { readonly op: 'element'; readonly element: HirElement };

export type Instruction = { readonly site: number; to: Temp | null } & (
  | {
      readonly op: 'pure';
      readonly name: PureName;
      readonly args: readonly Operand[];
      /** It can neither fault nor be observed: it may be computed where it is not needed. */
      readonly isTotal: boolean;
      readonly compare?: { readonly operator: CompareOperator; readonly kind: Kind };
      /** Bits of `b.asU` and `b.asI`, element bytes of `address`, table of `n.table`. */
      readonly count?: number;
    }
  | { readonly op: 'read'; readonly variable: Mutable }
  | { readonly op: 'assign'; readonly variable: Mutable; readonly value: Operand }
  /** The declaration of a variable without a value. */
  | { readonly op: 'undefine'; readonly variable: Mutable }
  | { readonly op: 'clearArray'; readonly array: number }
  | { readonly op: 'readElement'; readonly element: HirElement; readonly elementType: ScalarType }
  | { readonly op: 'writeElement'; readonly element: HirElement; readonly value: HirSource }
  | {
      readonly op: 'selectElement';
      readonly element: HirElement;
      readonly condition: Operand;
      readonly a: HirSource;
      readonly b: HirSource;
    }
  | { readonly op: 'shared'; readonly name: string; readonly elementType: ScalarType; readonly count: Operand }
  | {
      readonly op: 'load';
      readonly elementType: ScalarType;
      /** Registers; none: `to`. */
      readonly registers: readonly HirElement[];
      readonly base: Operand;
      readonly index: Operand;
      readonly ordering: 'plain' | 'volatile' | 'relaxed' | 'acquire';
      readonly scope: Scope;
    }
  | {
      readonly op: 'store';
      readonly elementType: ScalarType;
      readonly values: readonly HirSource[];
      readonly base: Operand;
      readonly index: Operand;
      readonly ordering: 'plain' | 'volatile' | 'relaxed' | 'release';
      readonly scope: Scope;
    }
  | {
      readonly op: 'atomic';
      readonly operator: AtomicOperator;
      readonly elementType: 'i32' | 'u32' | 'i64' | 'u64';
      readonly base: Operand;
      readonly index: Operand;
      readonly value: Operand;
      readonly compare: Operand | null;
      readonly scope: Scope;
    }
  | { readonly op: 'fence'; readonly scope: Scope }
  | {
      readonly op: 'collective';
      readonly operation: CollectiveName;
      readonly mask: Operand;
      readonly value: Operand | null;
      readonly a: Operand | null;
      readonly b: Operand | null;
    }
  | {
      readonly op: 'barrier';
      readonly kind: 'sync' | 'arrive';
      readonly isAligned: boolean;
      readonly id: Operand;
      readonly threadCount: Operand;
    }
  | { readonly op: 'activemask' }
);

export type Jump =
  | { readonly op: 'jump'; readonly site: number; readonly target: Block }
  | {
      readonly op: 'branch';
      readonly site: number;
      readonly condition: Operand;
      readonly onTrue: Block;
      readonly onFalse: Block;
      /** The branch guards against a fault and goes away if intervals show that there is none. */
      readonly isCheck: boolean;
    }
  | { readonly op: 'exit'; readonly site: number }
  | { readonly op: 'throw'; readonly site: number; readonly message: string };

export interface Block {
  readonly id: number;
  instructions: Instruction[];
  end: Jump | null;
}

export const kindOfOperand = (operand: Operand): Kind => {
  switch (operand.op) {
    case 'temp':
      return operand.temp.kind;
    case 'param':
      return operand.kind;
    case 'special':
      return 'num';
    case 'const':
      return operand.value === null
        ? 'ptr'
        : typeof operand.value === 'number'
          ? 'num'
          : typeof operand.value === 'bigint'
            ? 'big'
            : 'bool';
    default:
      return operand satisfies never;
  }
};

export const constant = (value: number | bigint | boolean | null): Operand => ({ op: 'const', value });
export const special = (name: SpecialName): Operand => ({ op: 'special', name });

/** Blocks that can be reached from the first, in reverse postorder. */
export function reversePostorder(entry: Block): Block[] {
  const seen = new Set<Block>([entry]);
  const order: Block[] = [];
  const stack: { readonly block: Block; readonly targets: Block[] }[] = [{ block: entry, targets: targetsOf(entry) }];
  for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
    const next = top.targets.pop();
    if (next === undefined) {
      order.push(top.block);
      stack.pop();
    } else if (!seen.has(next)) {
      seen.add(next);
      stack.push({ block: next, targets: targetsOf(next) });
    }
  }
  return order.reverse();
}

/** Where a block may go on; the last one comes first in {@link reversePostorder}. */
export function targetsOf({ end }: Block): Block[] {
  if (end?.op === 'jump') return [end.target];
  if (end?.op === 'branch') return [end.onFalse, end.onTrue];
  return [];
}
