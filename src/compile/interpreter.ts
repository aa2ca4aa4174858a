import ts from 'typescript';
import { callValue, evaluateCall } from './call-expressions.js';
import { chooseBetween } from './choices.js';
import { CodeBuilder } from './code-builder.js';
import { type Activation, type Context, fail, type JumpTarget, NotStatic, Restart, Unreachable } from './context.js';
import { bindName } from './declarations.js';
import { constantCell, Environment } from './environment.js';
import { evaluateExpression } from './evaluate.js';
import { makeClass } from './functions.js';
import type { Block, Temp } from './hir.js';
import { inlineBody } from './inline.js';
import { memberOf } from './members.js';
import type { ImportedName, ModuleLoader, ParsedModule } from './modules.js';
import { globalValue } from './natives.js';
import { performValue } from './operations.js';
import { truthOf } from './operators.js';
import { executeStatement } from './statements.js';
import { withoutParentheses } from './syntax.js';
import { type Cell, type FunctionValue, native, type Region, staticValue, UNDEFINED, type Value } from './values.js';

/** Steps that the module level may take. */
const STATIC_STEPS = 1_000_000;

/** Names that the library's own sources define in the kernel language: interpreted like any other source. */
const INTERPRETED: Readonly<Record<string, string>> = {
  BlockScan: 'block-scan',
  blockScanStorageCount: 'block-scan',
  Tile: 'tile',
  tiledPartition: 'tile',
};
const LIBRARY_CONSTANTS: Readonly<Record<string, number>> = { FULL_MASK: 0xffffffff, WARP_SIZE: 32 };

/** What attempts to compile one kernel tell the next. */
export interface Discoveries {
  readonly mutableFields: Map<ts.Node, Set<string>>;
  readonly unrolled: Set<ts.Node>;
}

/** The abstract interpreter: it runs a kernel's source with values that are known or not, and leaves a graph behind. */
export class Interpreter implements Context {
  readonly loader: ModuleLoader;
  readonly code = new CodeBuilder();
  block: Block | null;
  region: Region;
  scope = 0;
  node: ts.Node;
  hint: string | null = null;
  activation: Activation = { callee: null, returns: [], performIn: null, isKernel: false, isGenerator: false };
  targets: JumpTarget[] = [];
  readonly stack: FunctionValue[] = [];
  readonly mutableFields: Map<ts.Node, Set<string>>;
  readonly unrolled: Set<ts.Node>;
  readonly loopOf = new Map<Temp, ts.Node>();
  mustRestart = false;
  staticSteps = STATIC_STEPS;
  pending: Context['pending'] = null;
  readonly #static: Region = { id: 0, isStatic: true };
  readonly #environments = new Map<ParsedModule, Environment>();
  #regions = 1;

  constructor(loader: ModuleLoader, node: ts.Node, { mutableFields, unrolled }: Discoveries) {
    this.loader = loader;
    this.node = node;
    this.mutableFields = mutableFields;
    this.unrolled = unrolled;
    this.region = this.#static;
    this.block = this.code.newBlock();
  }

  evaluate(node: ts.Expression, environment: Environment): Value {
    const before = this.node;
    this.node = node;
    const value = evaluateExpression(this, node, environment);
    if (this.block === null) throw new Unreachable();
    this.node = before;
    return value;
  }

  perform(node: ts.Expression, environment: Environment): Value {
    if (this.region.isStatic) throw new NotStatic(node);
    return this.performIn(node, environment, null);
  }

  performIn(node: ts.Expression, environment: Environment, target: Activation['performIn']): Value {
    const inner = withoutParentheses(node);
    if (ts.isConditionalExpression(inner)) {
      const condition = truthOf(this, this.evaluate(inner.condition, environment));
      const then = () => this.performIn(inner.whenTrue, environment, target);
      const otherwise = () => this.performIn(inner.whenFalse, environment, target);
      if (typeof condition === 'boolean') return condition ? then() : otherwise();
      return chooseBetween(this, condition, then, otherwise);
    }
    const performIn = target ?? { scope: this.scope, site: this.siteOf(inner) };
    if (ts.isCallExpression(inner)) return evaluateCall(this, inner, environment, performIn);
    return performValue(this, this.evaluate(inner, environment), performIn, inner);
  }

  execute(node: ts.Statement, environment: Environment): void {
    executeStatement(this, node, environment);
  }

  call(callee: Value, args: readonly Value[], node: ts.Node, receiver: Value | null = null): Value {
    return callValue(this, callee, args, node, receiver, null);
  }

  inline(
    callee: FunctionValue,
    args: readonly Value[],
    receiver: Value | null,
    node: ts.Node,
    callSite: number,
  ): Value {
    return inlineBody(this, callee, args, receiver, node, null, callSite);
  }

  newRegion(): Region {
    return this.region.isStatic ? this.region : { id: this.#regions++, isStatic: false };
  }

  bind(name: ts.BindingName, value: Value | null, environment: Environment, assigned: ReadonlySet<string>): void {
    bindName(this, name, value, environment, assigned);
  }

  siteOf(node: ts.Node = this.node): number {
    return this.region.isStatic ? 0 : this.code.siteOf(this.scope, node);
  }

  needStatic(value: Value): void {
    if (value.kind === 'text') {
      for (const source of value.sources) this.needStatic(source);
      return;
    }
    let operand = value.kind === 'dynamic' ? value.operand : null;
    while (operand?.op === 'temp') {
      const loop = this.loopOf.get(operand.temp);
      if (loop !== undefined && !this.unrolled.has(loop)) {
        this.unrolled.add(loop);
        throw new Restart();
      }
      const { by } = operand.temp;
      operand = by.op === 'pure' && by.args.length > 0 ? (by.args.find((arg) => arg.op === 'temp') ?? null) : null;
    }
  }

  branchOn(node: ts.Expression, environment: Environment, then: Block, otherwise: Block): boolean | null {
    const inner = withoutParentheses(node);
    if (ts.isPrefixUnaryExpression(inner) && inner.operator === ts.SyntaxKind.ExclamationToken) {
      const known = this.branchOn(inner.operand, environment, otherwise, then);
      return known === null ? null : !known;
    }
    const operator = ts.isBinaryExpression(inner) ? inner.operatorToken.kind : null;
    if (
      ts.isBinaryExpression(inner) &&
      (operator === ts.SyntaxKind.AmpersandAmpersandToken || operator === ts.SyntaxKind.BarBarToken)
    ) {
      const isAnd = operator === ts.SyntaxKind.AmpersandAmpersandToken;
      const middle = this.code.newBlock();
      const left = this.branchOn(inner.left, environment, isAnd ? middle : then, isAnd ? otherwise : middle);
      if (left !== null) return left === isAnd ? this.branchOn(inner.right, environment, then, otherwise) : left;
      if (!this.code.isReached(middle)) return null;
      const { region } = this;
      this.block = middle;
      this.region = this.newRegion();
      try {
        const right = this.branchOn(inner.right, environment, then, otherwise);
        if (right !== null && this.block !== null)
          this.code.end(this.block, { op: 'jump', site: this.siteOf(inner), target: right ? then : otherwise });
      } catch (error) {
        if (!(error instanceof Unreachable)) throw error;
      }
      this.region = region;
      return null;
    }
    const condition = truthOf(this, this.evaluate(inner, environment));
    if (typeof condition === 'boolean') return condition;
    if (this.block === null) throw new Unreachable();
    const site = this.siteOf(inner);
    this.code.end(this.block, { op: 'branch', site, condition, onTrue: then, onFalse: otherwise, isCheck: false });
    return null;
  }

  /** The names of a module. Their values are computed when they are first used. */
  moduleEnvironment(module: ParsedModule): Environment {
    const known = this.#environments.get(module);
    if (known !== undefined) return known;
    const environment = new Environment(null, module);
    this.#environments.set(module, environment);
    const declare = (name: string, lazy: () => Value) => {
      const cell: Cell = { ...constantCell(name, null, this.#static), lazy: () => this.#guard(module, name, lazy) };
      environment.declare(cell);
    };
    for (const [name, imported] of module.imports) declare(name, () => this.importedValue(imported));
    for (const [name, node] of module.functions)
      declare(name, () => ({ kind: 'function', node, environment, module, name }));
    for (const [name, node] of module.classes) declare(name, () => makeClass(this, node, environment));
    for (const [name, node] of module.variables) {
      declare(name, () => {
        const names = new Environment(environment, module);
        if (node.initializer === undefined)
          fail(
            this,
            `the module's variable '${name}'`,
            'make it a constant: a kernel keeps what changes in memory',
            node,
          );
        this.hint = ts.isIdentifier(node.name) ? node.name.text : null;
        const value = this.evaluate(node.initializer, environment);
        this.bind(node.name, value, names, new Set());
        return names.lookup(name)?.value ?? UNDEFINED;
      });
    }
    return environment;
  }

  /** Computes something of module level, whatever is going on in the kernel. */
  #guard(module: ParsedModule, name: string, lazy: () => Value): Value {
    const { block, region, scope, node, hint, activation, targets, staticSteps } = this;
    // A region of its own: what one declaration makes, another must not change.
    this.region = { id: -this.#regions++, isStatic: true };
    this.block = this.code.newBlock();
    this.activation = { callee: null, returns: [], performIn: null, isKernel: false, isGenerator: false };
    this.targets = [];
    this.staticSteps = STATIC_STEPS;
    this.hint = null;
    try {
      const value = lazy();
      const declaration = module.variables.get(name);
      const isMutable = value.kind === 'object' || value.kind === 'list';
      if (declaration !== undefined && (module.changed().has(name) || (isMutable && module.passed().has(name))))
        fail(this, `the module's variable '${name}', which changes,`, 'make it a constant', declaration);
      return value;
    } catch (error) {
      if (error instanceof Unreachable || error instanceof NotStatic) {
        const at = error instanceof NotStatic ? error.node : node;
        return fail(
          this,
          `the value of '${name}', which is not known when the kernel is compiled,`,
          'compute it from constants',
          at,
        );
      }
      throw error;
    } finally {
      this.block = block;
      this.region = region;
      this.scope = scope;
      this.node = node;
      this.hint = hint;
      this.activation = activation;
      this.targets = targets;
      this.staticSteps = staticSteps;
    }
  }

  /** What an import is bound to. */
  importedValue(imported: ImportedName): Value {
    if (imported.target.kind === 'library') return this.#libraryValue(imported.name);
    if (imported.name === '*') return this.#namespace(imported);
    const found = this.loader.findImport(imported);
    if (found === null || !('local' in found)) {
      if (found?.target.kind === 'library') return this.#libraryValue(found.name);
      const from = imported.target.kind === 'unknown' ? imported.target.specifier : imported.target.path;
      return {
        kind: 'poison',
        construct: `'${imported.name}' of '${from}'`,
        advice: 'import from sources that the compiler sees, or from simtwin',
      };
    }
    const cell = this.moduleEnvironment(found.module).lookup(found.local);
    if (cell?.lazy === null && cell.value !== null) return cell.value;
    return this.#read(cell, found.local);
  }

  #read(cell: Cell | null, name: string): Value {
    if (cell === null) return globalValue(name) ?? UNDEFINED;
    if (cell.lazy !== null) {
      const { lazy } = cell;
      cell.lazy = () => fail(this, `a constant that is computed from itself ('${name}')`, 'break the cycle');
      cell.value = lazy();
      cell.lazy = null;
    }
    return cell.value ?? UNDEFINED;
  }

  #libraryValue(name: string): Value {
    if (name === '*') {
      return {
        kind: 'poison',
        construct: 'the library as a namespace',
        advice: "import the names: import { popc } from 'simtwin'",
      };
    }
    if (Object.hasOwn(LIBRARY_CONSTANTS, name)) return staticValue(LIBRARY_CONSTANTS[name]);
    const file = Object.hasOwn(INTERPRETED, name) ? INTERPRETED[name] : undefined;
    if (file === undefined) return native(name);
    return this.#read(this.moduleEnvironment(this.loader.loadLibrary(file)).lookup(name), name);
  }

  #namespace(imported: ImportedName): Value {
    const module = imported.target.kind === 'module' ? this.loader.load(imported.target.path) : null;
    if (module === null) return { kind: 'poison', construct: 'this namespace', advice: 'import from a source file' };
    const cells = new Map<string, Cell>();
    const environment = this.moduleEnvironment(module);
    for (const [name, local] of module.exports) {
      const cell = environment.lookup(local);
      if (cell !== null) cells.set(name, cell);
    }
    return {
      kind: 'object',
      cells,
      classValue: null,
      name: null,
      origin: null,
      region: this.#static,
      scope: 0,
      isFrozen: true,
    };
  }

  /** The value of an exported name, and of one of its fields. */
  exportedValue(module: ParsedModule, name: string, key: string | null): Value {
    const value = this.importedValue({ name, target: { kind: 'module', path: module.path } });
    return key === null ? value : memberOf(this, value, key);
  }
}
