import type ts from 'typescript';
import type { ScalarType, Scope } from '../simt/index.js';
import type { Environment } from './environment.js';
import type { Instruction, Mutable, Operand } from './hir.js';
import type { Module } from './modules.js';

/** What the interpreter computes with. */
export type Value =
  | StaticValue
  | DynamicValue
  | PointerValue
  | { readonly kind: 'thread' }
  | ObjectValue
  | ListValue
  | FunctionValue
  | ClassValue
  | NativeValue
  | RegisterArrayValue
  | RegisterValue
  | OperationValue
  | GeneratorValue
  | ErrorValue
  /** A string that is not known: `text` has `…` for what is dynamic, `sources`. It can only be thrown. */
  | { readonly kind: 'text'; readonly text: string; readonly sources: readonly Value[] }
  /** Differs from path to path; using it is an error. */
  | { readonly kind: 'poison'; readonly construct: string; readonly advice: string };

export type Primitive = number | string | boolean | bigint | null | undefined;

/** Known at compile time. */
export interface StaticValue {
  readonly kind: 'static';
  readonly value: Primitive;
}
/** A number, bigint or boolean that the thread computes. */
export interface DynamicValue {
  readonly kind: 'dynamic';
  readonly type: 'num' | 'big' | 'bool';
  readonly operand: Operand;
}
export interface PointerValue {
  readonly kind: 'pointer';
  readonly operand: Operand;
  readonly element: ScalarType;
  /** It may be null. */
  readonly isNullable: boolean;
}
/** An object literal, an instance of a class, or a structure of parameters. */
export interface ObjectValue {
  readonly kind: 'object';
  readonly cells: Map<string, Cell>;
  readonly classValue: ClassValue | null;
  /** What its fields are named after. */
  readonly name: string | null;
  readonly origin: ts.Node | null;
  readonly region: Region;
  /** The program's scope in which its fields have their names. */
  readonly scope: number;
  /** Copies of its fields exist: it must not change any more. */
  isFrozen: boolean;
}
export interface ListValue {
  readonly kind: 'list';
  readonly items: Value[];
  readonly origin: ts.Node | null;
  readonly region: Region;
  isFrozen: boolean;
}
export interface FunctionValue {
  readonly kind: 'function';
  readonly node: ts.FunctionLikeDeclaration;
  readonly environment: Environment;
  readonly module: Module;
  readonly name: string;
}
export interface ClassValue {
  readonly kind: 'class';
  readonly node: ts.ClassLikeDeclaration;
  readonly environment: Environment;
  readonly module: Module;
  readonly name: string;
  /** Fields that are assigned outside of the straight line of the constructor. */
  readonly mutableFields: ReadonlySet<string>;
}
/** Something of the library or the language: `popc`, `Math`, `Math.min`. */
export interface NativeValue {
  readonly kind: 'native';
  readonly name: string;
}
export interface RegisterArrayValue {
  readonly kind: 'registers';
  readonly array: number;
  readonly element: ScalarType;
  readonly count: Operand;
}
export interface RegisterValue {
  readonly kind: 'register';
  readonly array: number;
  readonly element: ScalarType;
  readonly index: Operand;
  /** The register is a copy of one of several: it may be read where it was made, and nowhere else. */
  readonly copyOf: { readonly region: Region; readonly writes: number } | null;
}
/** A visible operation that has been called and not yet been yielded. */
export interface OperationValue {
  readonly kind: 'operation';
  readonly node: ts.Node;
  readonly name: string;
  readonly instruction: WithoutPlace<Instruction>;
  /** Null: no result. */
  readonly result: 'num' | 'big' | 'bool' | null;
  readonly region: Region;
  isPerformed: boolean;
}
/** An instruction without its site and its result. */
export type WithoutPlace<I> = I extends unknown ? Omit<I, 'site' | 'to'> : never;
/** A generator that has been called and has not started. */
interface GeneratorValue {
  readonly kind: 'generator';
  readonly node: ts.Node;
  readonly callee: FunctionValue;
  readonly args: readonly Value[];
  readonly receiver: Value | null;
  readonly region: Region;
  isStarted: boolean;
}
/** `new RangeError(message)`. */
interface ErrorValue {
  readonly kind: 'error';
  readonly name: string;
  readonly message: string;
}

/** Where a value is held that may change. */
export interface Cell {
  /** Null: not assigned yet, or held in `variable`. */
  value: Value | null;
  /** The program's variable that holds it. */
  variable: Mutable | null;
  /** Of a pointer in a variable. */
  element: ScalarType | null;
  readonly name: string;
  readonly isConstant: boolean;
  readonly region: Region;
  /** Computes a module's binding on first use. */
  lazy: (() => Value) | null;
}

/** A piece of code all of which runs, or none of it, and as often. */
export interface Region {
  readonly id: number;
  /** True: everything is known at compile time, no code is made. */
  readonly isStatic: boolean;
}

export const staticValue = (value: Primitive): StaticValue => ({ kind: 'static', value });
export const UNDEFINED = staticValue(undefined);
export const native = (name: string): NativeValue => ({ kind: 'native', name });

export const isScalarType = (text: unknown): text is ScalarType =>
  typeof text === 'string' && ['i8', 'u8', 'i16', 'u16', 'i32', 'u32', 'f32', 'i64', 'u64'].includes(text);
export const isScope = (text: unknown): text is Scope => text === 'block' || text === 'device' || text === 'system';

/** How a value is called in messages. */
export function describeValue(value: Value): string {
  switch (value.kind) {
    case 'static':
      return typeof value.value === 'string' ? `the string '${value.value}'` : `${value.value}`;
    case 'dynamic':
      return value.type === 'num' ? 'a number' : value.type === 'big' ? 'a bigint' : 'a boolean';
    case 'pointer':
      return `a pointer to ${value.element}`;
    case 'thread':
      return 'the thread';
    case 'object':
      return value.classValue === null ? 'an object' : `an instance of ${value.classValue.name}`;
    case 'list':
      return 'an array';
    case 'function':
      return value.name === '' ? 'a function' : `the function ${value.name}`;
    case 'class':
      return `the class ${value.name}`;
    case 'native':
      return value.name;
    case 'registers':
      return 'a register array';
    case 'register':
      return 'a register';
    case 'operation':
      return `the operation ${value.name}`;
    case 'generator':
      return `a call of the generator ${value.callee.name}`;
    case 'error':
      return `an error`;
    case 'text':
      return 'a string of dynamic parts';
    case 'poison':
      return value.construct;
    default:
      return value satisfies never;
  }
}
