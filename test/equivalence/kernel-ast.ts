/**
 * Random kernels as trees. Every tree is a valid kernel: numbers are wishes, which the printer maps to what is lawful
 * where they stand (`n` modulo the variables in scope, a jump to one of the loops that may be left, a collective with
 * the mask of the lanes that are there). So a shrinker may cut and replace as it likes.
 */

/** Types of expressions. `f64` is a plain number: an integer, but of no word. */
export type ExprType = 'i32' | 'u32' | 'f64' | 'bool' | 'u64' | 'i64';
export const EXPR_TYPES: readonly ExprType[] = ['i32', 'u32', 'f64', 'bool', 'u64', 'i64'];

export interface Expr {
  /** A leaf of `print-expression.ts` or an operator of `operators.ts`. */
  readonly op: string;
  readonly type: ExprType;
  readonly n: number;
  readonly args: readonly Expr[];
}

export type StatementName =
  // Of any function.
  | 'let'
  | 'set'
  | 'bump'
  | 'if'
  | 'loop'
  | 'switch'
  | 'jump'
  | 'return'
  | 'scope'
  // Of a thread: memory, registers, atomics.
  | 'store'
  | 'load'
  | 'pointer'
  | 'regNew'
  | 'regSet'
  | 'regMove'
  | 'regLoad'
  | 'regStore'
  | 'regRead'
  | 'sharedOwn'
  | 'atomicAcc'
  | 'atomicOwn'
  | 'fence'
  | 'callGen'
  | 'new'
  | 'callMethod'
  // Of a group of lanes.
  | 'collective'
  | 'shuffle'
  | 'tile'
  | 'lazyVote'
  | 'waterfall'
  // Of a block.
  | 'sync'
  | 'barrier'
  | 'exchange'
  | 'sharedRound'
  | 'signal'
  | 'scan'
  | 'produce';

export interface Stmt {
  readonly op: StatementName;
  readonly n: readonly number[];
  readonly exprs: readonly Expr[];
  readonly bodies: readonly (readonly Stmt[])[];
}

/** A device function or a method. */
export interface FunctionAst {
  /**
   * `plain`: only arithmetic, an ordinary function. `group`: a generator that gets the mask of the lanes that call it.
   * `warp`: a generator that whole warps call.
   */
  readonly kind: 'plain' | 'group' | 'warp';
  /** Lanes of a generator may return before others. */
  readonly diverges: boolean;
  readonly params: readonly ExprType[];
  readonly body: readonly Stmt[];
  readonly result: Expr;
}

export interface ClassAst {
  readonly fields: readonly Expr[];
  /** None is of kind `warp`. */
  readonly methods: readonly FunctionAst[];
}

/** A kernel, its launch and its schedule. */
export interface KernelCase {
  readonly functions: readonly FunctionAst[];
  readonly classes: readonly ClassAst[];
  readonly body: readonly Stmt[];
  /** Index into {@link BLOCKS}. */
  readonly block: number;
  /** Index into {@link GRIDS}. */
  readonly grid: number;
  readonly schedule: string;
  /** Of the input. */
  readonly seed: number;
  readonly isExtraNull: boolean;
  /** Devices that run the kernel at the same time, each on memory of its own. */
  readonly devices: number;
  /** A statement of the kernel, counted in preorder, and what goes wrong there for one thread. */
  readonly fault: FaultAst | null;
}

export const FAULTS = [
  'out of bounds load',
  'out of bounds store',
  'out of bounds atomic',
  'out of bounds register',
  'undefined load',
  'undefined register',
  'undefined shared',
  'misaligned load',
  'misaligned store',
  'misaligned vector',
  'division by zero',
  'remainder by zero',
  'bigint division by zero',
  'throw',
  'mask without the lane',
  'shuffle from an absent lane',
  'shuffle width',
  'barrier count',
  'barrier id',
  'shared declaration',
] as const;

interface FaultAst {
  readonly kind: number;
  /** Statement before which it happens. */
  readonly at: number;
  /** Of the thread, modulo their number. */
  readonly thread: number;
}

export interface Shape {
  readonly x: number;
  readonly y: number;
  readonly z: number;
}
const shape = (x: number, y = 1, z = 1): Shape => ({ x, y, z });

/** Shapes of blocks, simple ones first. */
export const BLOCKS: readonly Shape[] = [
  shape(32),
  shape(1),
  shape(64),
  shape(40),
  shape(33),
  shape(16, 4),
  shape(8, 3),
  shape(32, 2, 2),
  shape(96),
  shape(5, 3, 3),
  shape(256),
];
export const GRIDS: readonly Shape[] = [shape(1), shape(2), shape(1, 2), shape(3), shape(4, 2)];

export const threadsOf = ({ x, y, z }: Shape): number => x * y * z;

/** Words that each thread has to itself in `out`: the first {@link RANDOM_WORDS} for random accesses, then results. */
export const OWN_WORDS = 64;
export const RANDOM_WORDS = 16;
/** Words of each thread in `scratch`, undefined at first. */
export const SCRATCH_WORDS = 8;
/** Words of each thread in `cells`, for atomics. */
export const CELL_WORDS = 4;
/** Words of `input`. */
export const INPUT_WORDS = 64;
/** Cells of `acc` and `wideAcc`: one an operator. */
export const ACC_CELLS = 8;
/** Registers of arrays whose count is a parameter. */
export const COUNT_ARGUMENT = 4;

export const MASKS = [0xffff, 0x55555555, 0xff00ff00, 0x1, 0x80000000, 0xfffffffe, 0x0f0f0f0f, 0x12345678] as const;
