import type ts from 'typescript';
import type { CodeBuilder } from './code-builder.js';
import { CompileError } from './compile-error.js';
import type { Environment } from './environment.js';
import type { Block, Operand, Temp } from './hir.js';
import type { ModuleLoader, ParsedModule } from './modules.js';
import { placeOf } from './syntax.js';
import type { FunctionValue, Region, Value } from './values.js';

/** Where `break`, `continue` or `return` go. */
export interface JumpTarget {
  readonly labels: readonly string[];
  readonly kind: 'loop' | 'switch' | 'block';
  /** Blocks that end with the jump; they get it when the target is known. */
  readonly breaks: Block[];
  readonly continues: Block[];
}

/** One inlined call. */
export interface Activation {
  readonly callee: FunctionValue | null;
  /** What is returned, and at the end of which block. */
  readonly returns: { readonly block: Block; readonly value: Value; readonly node: ts.Node }[];
  /** An operation or a generator that is returned is performed at once, as part of the caller. */
  readonly performIn: { readonly scope: number; readonly site: number } | null;
  /** Returning ends the thread. */
  readonly isKernel: boolean;
  readonly isGenerator: boolean;
}

/** The state of the interpreter and its parts, which call each other through it. */
export interface Context {
  readonly loader: ModuleLoader;
  readonly code: CodeBuilder;
  /** Where instructions go; null where control never comes. */
  block: Block | null;
  region: Region;
  /** Index into the program's scopes. */
  scope: number;
  /** What is being evaluated: instructions get its position. */
  node: ts.Node;
  /** What the value that is being evaluated will be called. */
  hint: string | null;
  activation: Activation;
  targets: JumpTarget[];
  /** Functions that are being inlined. */
  readonly stack: FunctionValue[];
  /** Objects' fields, by origin, that must be variables; the next attempt knows them from the start. */
  readonly mutableFields: Map<ts.Node, Set<string>>;
  /** Loops over constant arrays that must be unrolled. */
  readonly unrolled: Set<ts.Node>;
  /** Elements of constant arrays that loops run over, and those loops. */
  readonly loopOf: Map<Temp, ts.Node>;
  /** This attempt has found something that the next one must know: what it makes is thrown away. */
  mustRestart: boolean;
  /** Steps that may still be taken at compile time. */
  staticSteps: number;
  /** The operation that was called and has not been yielded. */
  pending: { readonly name: string; readonly node: ts.Node } | null;

  evaluate(node: ts.Expression, environment: Environment): Value;
  /** `yield* node`. */
  perform(node: ts.Expression, environment: Environment): Value;
  /** What `node` gives, performed as part of the function, and at the site, that `target` names. */
  performIn(node: ts.Expression, environment: Environment, target: NonNullable<Activation['performIn']>): Value;
  execute(node: ts.Statement, environment: Environment): void;
  call(callee: Value, args: readonly Value[], node: ts.Node, receiver?: Value | null): Value;
  newRegion(): Region;
  moduleEnvironment(module: ParsedModule): Environment;
  /** Binds names to parts of a value; `assigned`: names that are assigned later on. */
  bind(name: ts.BindingName, value: Value | null, environment: Environment, assigned: ReadonlySet<string>): void;
  branchOn(node: ts.Expression, environment: Environment, then: Block, otherwise: Block): boolean | null;
  siteOf(node?: ts.Node): number;
  /** The body of a function in place of its call. */
  inline(callee: FunctionValue, args: readonly Value[], receiver: Value | null, node: ts.Node, callSite: number): Value;
  /** A value must be known: if it runs over a constant array, the loop is unrolled in the next attempt. */
  needStatic(value: Value): void;
}

/** Jumps that lead out of what is being interpreted: code behind a condition that holds one runs conditionally. */
export const pendingJumps = ({ activation, targets }: Context): number =>
  targets.reduce(
    (sum, { breaks, continues }) => sum + breaks.length + continues.length,
    activation.isKernel ? 0 : activation.returns.length,
  );

/** What is computed at compile time turned out to be dynamic. */
export class NotStatic extends Error {
  readonly node: ts.Node;
  constructor(node: ts.Node) {
    super('not known at compile time');
    this.node = node;
  }
}

/** What was found out must be known from the start: begin again. */
export class Restart extends Error {}

/** Control never gets behind the expression that is being evaluated. */
export class Unreachable extends Error {}

/** Reports a construct that is not in the subset. */
export function fail(c: Context, construct: string, advice: string, node: ts.Node = c.node): never {
  throw new CompileError(placeOf(node, c.loader.sources.display(node.getSourceFile().fileName)), construct, advice);
}

/** Whether an operand is an integer, as far as its instruction alone tells. */
export function isInteger(operand: Operand): boolean {
  switch (operand.op) {
    case 'const':
      return Number.isInteger(operand.value);
    case 'param':
    case 'special':
      return true;
    case 'temp': {
      const { by } = operand.temp;
      if (by.op === 'read') return false;
      if (by.op !== 'pure') return true;
      if (by.name === 'name' || by.name === 'n.neg' || by.name === 'n.abs') return isInteger(by.args[0]!);
      if (['n.add', 'n.sub', 'n.mul', 'n.min', 'n.max'].includes(by.name)) return by.args.every(isInteger);
      if (by.name === 'select') return by.args.slice(1).every(isInteger);
      return by.name !== 'n.div' && by.name !== 'n.rem' && by.name !== 'n.table';
    }
    default:
      return operand satisfies never;
  }
}
