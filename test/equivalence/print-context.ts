import type { ScalarType } from '../../src/simt/index.js';
import type { ExprType, FunctionAst, KernelCase, Stmt } from './kernel-ast.js';
import { BLOCKS, threadsOf } from './kernel-ast.js';

/** Who has the same value: nobody, the lanes that are together, the whole block. */
export const DIVERGENT = 0;
export const GROUP = 1;
export const BLOCK = 2;
export type Uniformity = typeof DIVERGENT | typeof GROUP | typeof BLOCK;

/** Lanes that go together: all of them that have not exited come to each statement. */
export interface Group {
  /** `self`: each lane for itself. `block`: all threads of the block together. */
  readonly level: 'self' | 'lanes' | 'warp' | 'block';
  /** An expression: the mask of the lanes, and perhaps of lanes that have exited. */
  readonly mask: string;
  /** The mask, if it is known. */
  readonly constant: number | null;
  /** It consists of whole tiles of this many lanes. */
  readonly tileLanes: number;
}

export const WARP_GROUP: Group = { level: 'warp', mask: 'FULL_MASK', constant: 0xffffffff, tileLanes: 32 };
export const BLOCK_GROUP: Group = { ...WARP_GROUP, level: 'block' };
/** The group without the other warps. */
export const below = (group: Group): Group => (group.level === 'block' ? WARP_GROUP : group);
export const SELF_GROUP: Group = { level: 'self', mask: 't.lanemaskEq', constant: null, tileLanes: 1 };

export interface Variable {
  readonly name: string;
  readonly type: ExprType;
  readonly isMutable: boolean;
  readonly uniformity: Uniformity;
  isUsed: boolean;
}

export interface Registers {
  readonly name: string;
  readonly type: ScalarType;
  readonly count: number;
  /** Every register is defined, always. */
  readonly isDefined: boolean;
}

/** A loop or a switch that a jump may leave. */
export interface Target {
  readonly label: string;
  readonly isLoop: boolean;
  readonly group: Group;
  isNamed: boolean;
}

/** A function as it was printed. */
export interface Callable {
  readonly call: string;
  readonly ast: FunctionAst;
}

/** What is in scope at a statement. Each block has a copy. */
export interface Context {
  readonly kind: 'kernel' | 'generator' | 'plain';
  readonly group: Group;
  readonly variables: Variable[];
  readonly registers: Registers[];
  readonly objects: { readonly name: string; readonly methods: readonly Callable[] }[];
  readonly targets: readonly Target[];
  /** Of the function: where a `return` is lawful, and what. */
  readonly returns: { readonly group: Group; readonly type: ExprType | null };
  readonly lines: string[];
  readonly depth: number;
  /** How often a statement runs, about. */
  readonly weight: number;
}

/** A kernel that is being printed. */
export interface Printing {
  /** Prints a statement: here so that files that print those within others need not import all of them. */
  readonly printStatement: (p: Printing, c: Context, s: Stmt) => void;
  readonly kernel: KernelCase;
  readonly threads: number;
  readonly blockWarps: number;
  readonly hasWholeWarps: boolean;
  /** Some lanes may have exited before. */
  hasExited: boolean;
  next: number;
  /** Visible operations of a thread, about. */
  cost: number;
  readonly features: Set<string>;
  readonly plain: Callable[];
  readonly generators: Callable[];
  readonly classes: { readonly fields: readonly ExprType[]; readonly methods: readonly Callable[] }[];
}

export function newPrinting(kernel: KernelCase, printStatement: Printing['printStatement']): Printing {
  const threads = threadsOf(BLOCKS[kernel.block]!);
  return {
    printStatement,
    kernel,
    threads,
    blockWarps: Math.ceil(threads / 32),
    hasWholeWarps: threads % 32 === 0,
    hasExited: false,
    next: 0,
    cost: 0,
    features: new Set(),
    plain: [],
    generators: [],
    classes: [],
  };
}

/** What is in scope in a block of `context`. */
export const inner = (context: Context, changes: Partial<Context> = {}): Context => ({
  ...context,
  variables: [...context.variables],
  registers: [...context.registers],
  objects: [...context.objects],
  depth: context.depth + 1,
  ...changes,
});

export const line = (context: Context, text: string): void => {
  context.lines.push('  '.repeat(context.depth) + text);
};

/** A new name. Those of functions such as `i32` are left out. */
export function name(p: Printing, prefix: string): string {
  if (p.next === 32 || p.next === 64) p.next++;
  return `${prefix}${p.next++}`;
}

/** Declares a variable for what follows. */
export function declare(
  context: Context,
  variable: Omit<Variable, 'isUsed' | 'uniformity'> & { readonly uniformity?: Uniformity },
): Variable {
  const declared = { uniformity: DIVERGENT as Uniformity, isUsed: false, ...variable };
  context.variables.push(declared);
  return declared;
}

/** A visible operation of that many steps. */
export const spend = (p: Printing, context: Context, steps = 1): void => {
  p.cost += context.weight * steps;
};

export const hasThread = (context: Context): boolean => context.kind !== 'plain';
export const isBlockWide = (context: Context): boolean => context.kind === 'kernel' && context.group.level === 'block';
/** What a condition must be for all lanes of the group to take the same way. */
export const uniformityOf = ({ group }: Context): Uniformity =>
  group.level === 'block' ? BLOCK : group.level === 'self' ? DIVERGENT : GROUP;

export const PREFIXES: Readonly<Record<ExprType, string>> = {
  i32: 'i',
  u32: 'u',
  f64: 'f',
  bool: 'b',
  u64: 'w',
  i64: 's',
};
export const TS_TYPES: Readonly<Record<ExprType, string>> = {
  i32: 'number',
  u32: 'number',
  f64: 'number',
  bool: 'boolean',
  u64: 'bigint',
  i64: 'bigint',
};

/** The expression type of an element of memory. */
export function elementType(type: ScalarType): ExprType {
  if (type === 'u64' || type === 'i64') return type;
  return type.startsWith('i') ? 'i32' : 'u32';
}
