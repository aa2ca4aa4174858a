import { type Scope as MemoryScope, type ScalarType, scalarBytes } from '../simt/index.js';

/**
 * The compiled form of a kernel: what a front end makes of its source and every back end runs. Nothing in it is tied to
 * TypeScript. It is data: it can be written as JSON ({@link serializeProgram}), printed and compared.
 *
 * A program is a control-flow graph of basic blocks over typed variables (virtual registers that may be assigned more
 * than once). All device functions are inlined; {@link Frame}s and {@link Site}s remember where each came from.
 */
export interface Program {
  /** The kernel's name. */
  readonly name: string;
  /** Source files, by the numbers that frames use; paths as they are to be shown. */
  readonly files: readonly SourceFile[];
  readonly params: readonly Param[];
  readonly variables: readonly Variable[];
  readonly arrays: readonly RegisterArrayVariable[];
  /** Constant arrays that are indexed at run time. */
  readonly tables: readonly ConstantTable[];
  readonly frames: readonly Frame[];
  readonly scopes: readonly Scope[];
  readonly sites: readonly Site[];
  /** Block 0 is the entry. Every block can be reached from it. */
  readonly blocks: readonly BasicBlock[];
  /** What a build has made of it for a back end, by back end and options: made there and then, if it is not here. */
  readonly emitted?: Readonly<Record<string, string>>;
}

export interface SourceFile {
  readonly path: string;
  /** {@link digestOf} the text that was compiled. */
  readonly digest: string;
}

/**
 * Types of variables.
 *
 * - `pred`: true or false.
 * - `i32`, `u32`: 32-bit words, as signed or unsigned numbers. An f32 is a `u32` that holds its bits.
 * - `i64`, `u64`: 64-bit words, as signed or unsigned integers.
 * - `f64`: an IEEE double. What is a plain `number` in TypeScript and not known to be a 32-bit word is one.
 * - `ptr`: a generic address in bytes, 0 to 2^53; 0 is null. Addresses below 2^32 are in the block's shared memory.
 */
export type ValueType = 'pred' | 'i32' | 'u32' | 'i64' | 'u64' | 'f64' | 'ptr';

/**
 * A value that the launch gives: a leaf of the kernel's arguments, the same for all of its threads.
 * JavaScript values: `pred` boolean, `i32` an integer of 32 bits, `u64` a bigint, `ptr` a Pointer or null.
 */
export interface Param {
  /** Where it is in the arguments: `['worldInfo', 'epSize']`. */
  readonly path: readonly string[];
  readonly type: 'pred' | 'i32' | 'u64' | 'ptr';
  /** For `ptr`: the element type that the kernel declares. */
  readonly elementType?: ScalarType;
}

export interface Variable {
  /** Name in the source; a field is `comm.step`. Null: a temporary. */
  readonly name: string | null;
  readonly type: ValueType;
  /** Where the name is visible: an index into {@link Program.scopes}. */
  readonly scope: number;
}

/** `TYPE name[count]` in registers, each byte with its definedness. They start undefined when their scope is entered. */
export interface RegisterArrayVariable {
  readonly name: string | null;
  readonly elementType: ScalarType;
  /** A constant or a parameter. */
  readonly count: ConstantOperand | ParamOperand;
  readonly scope: number;
}

export interface ConstantTable {
  readonly name: string | null;
  readonly type: 'i32' | 'u32' | 'f64';
  readonly values: readonly number[];
}

/** One inlined call of a function, or the kernel itself (frame 0). */
export interface Frame {
  readonly functionName: string;
  /** Index into {@link Program.files}. */
  readonly file: number;
  /** Site of the call in the caller; -1 for the kernel. */
  readonly callSite: number;
  /** True: part of the machine's own library (BlockScan, Tile); left out of the stacks that users see. */
  readonly isLibrary: boolean;
}

/** A block scope of a frame. */
export interface Scope {
  readonly frame: number;
  /** Enclosing scope of the same frame; -1 for the function's own. */
  readonly parent: number;
}

/** A position in the source. Lines and columns count from 1. */
export interface Site {
  readonly scope: number;
  readonly line: number;
  readonly column: number;
}

export interface VariableOperand {
  readonly kind: 'variable';
  readonly index: number;
}
export interface ParamOperand {
  readonly kind: 'param';
  readonly index: number;
}
/** `pred`: boolean; 64-bit types: bigint, within the type's range; all else: number. */
export interface ConstantOperand {
  readonly kind: 'constant';
  readonly type: ValueType;
  readonly value: number | bigint | boolean;
}
/** A built-in variable, all i32. */
interface SpecialOperand {
  readonly kind: 'special';
  readonly name: SpecialName;
}
export type Operand = VariableOperand | ParamOperand | ConstantOperand | SpecialOperand;

export const SPECIAL_NAMES = [
  'threadIdx.x',
  'threadIdx.y',
  'threadIdx.z',
  'blockIdx.x',
  'blockIdx.y',
  'blockIdx.z',
  'blockDim.x',
  'blockDim.y',
  'blockDim.z',
  'gridDim.x',
  'gridDim.y',
  'gridDim.z',
  /** Lane within the warp, 0 to 31. */
  'laneId',
  /** Number of the warp within the block. */
  'warpIndex',
] as const;
export type SpecialName = (typeof SPECIAL_NAMES)[number];

/** A register of an array. An index outside of it is a fault OUT_OF_BOUNDS. */
export interface ElementOperand {
  readonly kind: 'element';
  readonly array: number;
  /** i32, u32 or f64. */
  readonly index: Operand;
}

/** What is stored or moved with the definedness of its bytes. */
export type Source = Operand | ElementOperand;
/** Where a load puts a value: a variable takes defined bytes only (UNDEFINED_READ), a register takes them as they are. */
export type Target = VariableOperand | ElementOperand;

export type UnaryOperator =
  /** i32, u32, i64, u64 wrap; f64. */
  | 'neg'
  /** Bitwise of integers; logical of `pred`. */
  | 'not'
  /** Of i32, u32, i64, u64, as unsigned words; the result is i32. `ffs` counts from 1; 0 for 0. */
  | 'popc'
  | 'clz'
  | 'ffs'
  /** u32, u64. */
  | 'brev'
  /** f64: Math.floor, Math.ceil, Math.trunc, Math.abs. */
  | 'floor'
  | 'ceil'
  | 'trunc'
  | 'abs';

export type BinaryOperator =
  /** Integers wrap; f64 as IEEE. */
  | 'add'
  | 'sub'
  | 'mul'
  /** Integers truncate towards zero, a divisor of 0 is a fault KERNEL_THREW; f64 as JavaScript's `/` and `%`. */
  | 'div'
  | 'rem'
  /** As Math.min and Math.max for numbers; by value for 64-bit words. */
  | 'min'
  | 'max'
  /** Integers and `pred`. */
  | 'and'
  | 'or'
  | 'xor'
  /**
   * Shifts of integers; `b` is i32 or u32. `shl` and `shr` take the count modulo the width. The others clamp, as PTX's
   * do: the count is unsigned, and one of the width or more shifts everything out (`shr` of a signed word: copies the
   * sign).
   */
  | 'shl'
  | 'shr'
  | 'shlClamp'
  | 'shrClamp'
  /** The upper half of the double-width product: i32, u32, i64, u64. */
  | 'mulhi';

export type CompareOperator = 'eq' | 'ne' | 'lt' | 'le' | 'gt' | 'ge';

/** What an instruction does. `to` is always a variable's index. Operands have the type that is said beside them. */
export type Instruction = { readonly site: number } & (
  | { readonly op: 'move'; readonly type: ValueType; readonly to: number; readonly a: Operand }
  /** `a` and `to` are of `type`, unless the operator says otherwise. */
  | {
      readonly op: 'unary';
      readonly operator: UnaryOperator;
      readonly type: ValueType;
      readonly to: number;
      readonly a: Operand;
    }
  | {
      readonly op: 'binary';
      readonly operator: BinaryOperator;
      readonly type: ValueType;
      readonly to: number;
      readonly a: Operand;
      readonly b: Operand;
    }
  /** `a` and `b` are of `type`; `to` is `pred`. `pred` and `ptr` have `eq` and `ne` only. */
  | {
      readonly op: 'compare';
      readonly operator: CompareOperator;
      readonly type: ValueType;
      readonly to: number;
      readonly a: Operand;
      readonly b: Operand;
    }
  | {
      readonly op: 'select';
      readonly type: ValueType;
      readonly to: number;
      readonly condition: Operand;
      readonly a: Operand;
      readonly b: Operand;
    }
  /**
   * The value of `a` as another type. f64 to a 32-bit word: modulo 2^32 of the integer part (JavaScript's `| 0`).
   * f64 to 64 bits: an f64 that is no integer is a fault KERNEL_THREW; else modulo 2^64. 64 bits to 32: the low word.
   * 64 bits to f64: rounded to nearest even. i32 to 64 bits is sign-extended, u32 zero-extended. pred: 0 or 1. ptr to
   * f64: the address. u64 to ptr: the global address; what is below 2^46 leads nowhere.
   */
  | {
      readonly op: 'convert';
      readonly from: ValueType;
      readonly type: ValueType;
      readonly to: number;
      readonly a: Operand;
    }
  /** `base + index * elementBytes`; a 64-bit product wraps, and counts as signed. `indexType` is not pred or ptr. */
  | {
      readonly op: 'address';
      readonly to: number;
      readonly base: Operand;
      readonly index: Operand;
      readonly indexType: ValueType;
      readonly elementBytes: number;
    }
  | { readonly op: 'loadTable'; readonly to: number; readonly table: number; readonly index: Operand }
  /** All registers of an array become undefined: its declaration is reached. */
  | { readonly op: 'clearArray'; readonly array: number }
  /** The value of a register as the variable's type. @throws UNDEFINED_READ */
  | { readonly op: 'readElement'; readonly to: number; readonly element: ElementOperand }
  /** `element = a` with definedness; an operand's bytes are all defined. The sizes are equal. */
  | { readonly op: 'writeElement'; readonly element: ElementOperand; readonly a: Source }
  /** `element = condition ? a : b` with definedness. */
  | {
      readonly op: 'selectElement';
      readonly element: ElementOperand;
      readonly condition: Operand;
      readonly a: Source;
      readonly b: Source;
    }
  /** `__shared__ TYPE name[count]`: the address of the block's variable. `count` is i32 or f64. @throws SHARED_DECLARATION */
  | {
      readonly op: 'shared';
      readonly to: number;
      readonly name: string;
      readonly elementType: ScalarType;
      readonly count: Operand;
    }
  /**
   * One access of `to.length` (1, 2 or 4) elements at `base + index * sizeof(elementType)`, aligned to its size.
   * The loaded type is i32 for i8, i16 and i32, u32 for u8, u16, u32 and f32, else i64 or u64.
   * `plain`: happens where it stands, no scheduler sees it. `index` is i32, u32 or f64.
   */
  | {
      readonly op: 'load';
      readonly elementType: ScalarType;
      readonly to: readonly Target[];
      readonly base: Operand;
      readonly index: Operand;
      readonly ordering: 'plain' | 'volatile' | 'relaxed' | 'acquire';
      readonly scope: MemoryScope;
    }
  /** The values are words of any integer type or f64 (then modulo 2^32) for elements up to 32 bits, else i64 or u64. */
  | {
      readonly op: 'store';
      readonly elementType: ScalarType;
      readonly values: readonly Source[];
      readonly base: Operand;
      readonly index: Operand;
      readonly ordering: 'plain' | 'volatile' | 'relaxed' | 'release';
      readonly scope: MemoryScope;
    }
  /** Read-modify-write: i32, u32, i64, u64. The old value goes to `to`, unless that is -1. `cas`: `compare`. */
  | {
      readonly op: 'atomic';
      readonly operator: AtomicOperator;
      readonly elementType: 'i32' | 'u32' | 'i64' | 'u64';
      readonly to: number;
      readonly base: Operand;
      readonly index: Operand;
      readonly value: Operand;
      readonly compare: Operand | null;
      readonly scope: MemoryScope;
    }
  | { readonly op: 'fence'; readonly scope: MemoryScope }
  /**
   * A warp-wide operation with a member mask (u32, i32 or f64; its low 32 bits count).
   *
   * - `sync`: nothing else.
   * - `any`, `all`: `value` pred, result pred. `ballot`: `value` pred, result u32, shifted right by `a`.
   * - `shfl.idx|up|down|bfly`: `value` of `type`, `a` the lane, delta or lane mask, `b` the width; result of `type`.
   * - `match.any`: result u32, shifted right by `a`; `match.all`: result u32.
   * - `redux.add`: result i32; `min`, `max`: of `type`, which is i32, u32 or f64; `and`, `or`, `xor`: result u32.
   *
   * `a` and `b` are i32, u32 or f64.
   */
  | {
      readonly op: 'collective';
      readonly operation: CollectiveName;
      readonly to: number;
      readonly type: ValueType;
      readonly mask: Operand;
      readonly value: Operand | null;
      readonly a: Operand | null;
      readonly b: Operand | null;
    }
  /** `id` and `threadCount` are i32, u32 or f64. A count of 0: all warps of the block. */
  | {
      readonly op: 'barrier';
      readonly kind: 'sync' | 'arrive';
      readonly isAligned: boolean;
      readonly id: Operand;
      readonly threadCount: Operand;
    }
  /** u32: lanes that perform it together. */
  | { readonly op: 'activemask'; readonly to: number }
);

export const COLLECTIVE_NAMES = [
  'sync',
  'any',
  'all',
  'ballot',
  'shfl.idx',
  'shfl.up',
  'shfl.down',
  'shfl.bfly',
  'match.any',
  'match.all',
  'redux.add',
  'redux.min',
  'redux.max',
  'redux.and',
  'redux.or',
  'redux.xor',
] as const;
export type CollectiveName = (typeof COLLECTIVE_NAMES)[number];

export type AtomicOperator = 'add' | 'sub' | 'exch' | 'min' | 'max' | 'inc' | 'dec' | 'cas' | 'and' | 'or' | 'xor';

export type Terminator = { readonly site: number } & (
  | { readonly op: 'jump'; readonly target: number }
  /** `condition` is pred. */
  | { readonly op: 'branch'; readonly condition: Operand; readonly then: number; readonly else: number }
  | { readonly op: 'exit' }
  /** The kernel throws: a fault KERNEL_THREW with this message. */
  | { readonly op: 'throw'; readonly message: string }
);

export interface BasicBlock {
  readonly instructions: readonly Instruction[];
  readonly terminator: Terminator;
}

/** Whether the scheduler sees an instruction: the thread stops before it, and it happens in the machine. */
export function isVisible(instruction: Instruction): boolean {
  switch (instruction.op) {
    case 'load':
    case 'store':
      return instruction.ordering !== 'plain';
    case 'atomic':
    case 'fence':
    case 'collective':
    case 'barrier':
    case 'activemask':
      return true;
    default:
      return false;
  }
}

/** The type of the variable that a load of an element of memory gives. */
export function loadedType(type: ScalarType): 'i32' | 'u32' | 'i64' | 'u64' {
  switch (type) {
    case 'i8':
    case 'i16':
    case 'i32':
      return 'i32';
    case 'u8':
    case 'u16':
    case 'u32':
    case 'f32':
      return 'u32';
    case 'i64':
    case 'u64':
      return type;
    default:
      return type satisfies never;
  }
}

/** The type of an operand's value. */
export function typeOfOperand(program: Program, operand: Operand): ValueType {
  switch (operand.kind) {
    case 'variable':
      return program.variables[operand.index]!.type;
    case 'param':
      return program.params[operand.index]!.type;
    case 'constant':
      return operand.type;
    case 'special':
      return 'i32';
    default:
      return operand satisfies never;
  }
}

/** An instruction of one kind, or of several. */
export type InstructionOf<Op extends Instruction['op']> = Extract<Instruction, { readonly op: Op }>;

/** An instruction that accesses memory. */
export type AccessInstruction = InstructionOf<'load' | 'store' | 'atomic'>;

/** Elements that an access touches, one behind the other. */
export function accessedElements(access: AccessInstruction): number {
  return access.op === 'load' ? access.to.length : access.op === 'store' ? access.values.length : 1;
}

/** Bytes that an access touches. */
export const accessedBytes = (access: AccessInstruction): number =>
  accessedElements(access) * scalarBytes(access.elementType);

/** Whether values of a type are two words. */
export const isWide = (type: ValueType): boolean => type === 'i64' || type === 'u64';

/** A digest of a source text: 64 bits of FNV-1a as 16 hexadecimal digits. Line ends do not count. */
export function digestOf(text: string): string {
  let low = 0x84222325;
  let high = 0xcbf29ce4;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit === 13) continue;
    low = (low ^ unit) >>> 0;
    // Times 2^40 + 0x1b3.
    const product = low * 0x1b3;
    high = (Math.imul(high, 0x1b3) + Math.imul(low, 0x100) + Math.floor(product / 2 ** 32)) >>> 0;
    low = product >>> 0;
  }
  return high.toString(16).padStart(8, '0') + low.toString(16).padStart(8, '0');
}
