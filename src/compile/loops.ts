import ts from 'typescript';
import { type Context, fail, type JumpTarget, NotStatic, pendingJumps } from './context.js';
import { declareVariables, enterScope } from './declarations.js';
import { assign, compare, dynamic, emit, pure } from './emit.js';
import { Environment } from './environment.js';
import { type Block, constant } from './hir.js';
import { joinBlocks, jumpAll } from './joins.js';
import { itemsOf } from './literals.js';
import { truthOf } from './operators.js';
import { assignedNames, enclosingFunction } from './syntax.js';
import type { Value } from './values.js';

export interface Loop {
  /** Null: for ever. */
  readonly condition: ts.Expression | null;
  readonly isTestedFirst: boolean;
  readonly labels: readonly string[];
  readonly environment: Environment;
  readonly body: (environment: Environment) => void;
  readonly update?: () => void;
}

/** A loop: dynamic in a kernel, run through at compile time elsewhere. */
export function loop(c: Context, parts: Loop): void {
  if (c.region.isStatic) staticLoop(c, parts);
  else dynamicLoop(c, parts);
}

function staticLoop(c: Context, { condition, isTestedFirst, labels, environment, body, update }: Loop): void {
  const holds = () => {
    if (condition === null) return true;
    const truth = truthOf(c, c.evaluate(condition, environment));
    if (typeof truth !== 'boolean') throw new NotStatic(condition);
    return truth;
  };
  for (let isFirst = true; (isFirst && !isTestedFirst) || holds(); isFirst = false) {
    if (--c.staticSteps < 0) throw new NotStatic(c.node);
    const target: JumpTarget = { labels, kind: 'loop', breaks: [], continues: [] };
    c.targets.push(target);
    body(environment);
    c.targets.pop();
    if (c.block === null && target.continues.length === 0) {
      joinBlocks(c, target.breaks);
      return;
    }
    c.block ??= target.continues[0]!;
    update?.();
  }
}

function dynamicLoop(c: Context, { condition, isTestedFirst, labels, environment, body, update }: Loop): void {
  const { region, node } = c;
  const jumps = pendingJumps(c);
  const head = c.code.newBlock();
  const first = c.code.newBlock();
  const exit = c.code.newBlock();
  jumpAll(c, [c.block!], head);
  c.block = head;
  c.region = c.newRegion();
  const target: JumpTarget = { labels, kind: 'loop', breaks: [], continues: [] };
  const test = (onTrue: Block) => {
    const known = condition === null ? true : c.branchOn(condition, environment, onTrue, exit);
    if (known !== null && c.block !== null) jumpAll(c, [c.block], known ? onTrue : exit);
  };
  if (isTestedFirst) {
    test(first);
    c.block = c.code.isReached(first) ? first : null;
  }
  c.region = c.newRegion();
  c.targets.push(target);
  if (c.block !== null) body(environment);
  c.targets.pop();
  c.region = c.newRegion();
  c.node = node;
  joinBlocks(c, c.block === null ? target.continues : [...target.continues, c.block]);
  if (c.block !== null) {
    update?.();
    if (c.block !== null) {
      if (isTestedFirst) jumpAll(c, [c.block], head);
      else test(head);
    }
  }
  c.node = node;
  jumpAll(c, target.breaks, exit);
  c.region = pendingJumps(c) === jumps ? region : c.newRegion();
  c.block = c.code.isReached(exit) ? exit : null;
}

export function forStatement(
  c: Context,
  node: ts.ForStatement,
  environment: Environment,
  labels: readonly string[],
): void {
  const inner = new Environment(environment, environment.module);
  const { scope } = c;
  const { initializer, condition, incrementor, statement } = node;
  if (initializer !== undefined) {
    if (ts.isVariableDeclarationList(initializer)) {
      if (!c.region.isStatic) enterScope(c);
      declareVariables(c, initializer, inner);
    } else c.evaluate(initializer, inner);
  }
  loop(c, {
    condition: condition ?? null,
    isTestedFirst: true,
    labels,
    environment: inner,
    body: (environment) => c.execute(statement, environment),
    ...(incrementor === undefined ? {} : { update: () => void c.evaluate(incrementor, inner) }),
  });
  c.scope = scope;
}

/** `for (const x of array)`: unrolled, or a loop over a table if the items are numbers. */
export function forOfStatement(
  c: Context,
  node: ts.ForOfStatement,
  environment: Environment,
  labels: readonly string[],
): void {
  const { initializer, statement } = node;
  if (node.awaitModifier !== undefined) fail(c, "'for await'", 'a kernel waits by operations: yield* t.…(…)');
  if (!ts.isVariableDeclarationList(initializer))
    fail(c, "'for … of' without a declaration", 'write for (const x of …)', initializer);
  const items = itemsOf(c, c.evaluate(node.expression, environment));
  const { name } = initializer.declarations[0]!;
  const isConstant = (initializer.flags & ts.NodeFlags.Const) !== 0;
  const assigned: ReadonlySet<string> = isConstant ? new Set() : assignedNames(enclosingFunction(node));
  const numbers = items.map((item) => (item.kind === 'static' ? item.value : null));
  const isTable =
    !c.region.isStatic &&
    numbers.length > 1 &&
    numbers.every((value): value is number => typeof value === 'number') &&
    ts.isIdentifier(name) &&
    !c.unrolled.has(node);
  const { scope } = c;
  if (isTable) overTable(c, node, name, numbers, assigned, environment, labels);
  else unroll(c, items, name, assigned, statement, environment, labels);
  c.scope = scope;
}

function overTable(
  c: Context,
  node: ts.ForOfStatement,
  name: ts.Identifier,
  numbers: readonly number[],
  assigned: ReadonlySet<string>,
  environment: Environment,
  labels: readonly string[],
): void {
  enterScope(c);
  const variable = c.code.newMutable(null, 'num', c.scope);
  const table = c.code.tableOf(ts.isIdentifier(node.expression) ? node.expression.text : null, numbers);
  assign(c, variable, constant(0));
  const read = () => emit(c, { op: 'read', variable }, 'num');
  const { region, node: outer } = c;
  const jumps = pendingJumps(c);
  const head = c.code.newBlock();
  const first = c.code.newBlock();
  const exit = c.code.newBlock();
  jumpAll(c, [c.block!], head);
  c.block = head;
  const condition = compare(c, 'lt', 'num', read(), constant(numbers.length));
  c.code.end(head, { op: 'branch', site: c.siteOf(), condition, onTrue: first, onFalse: exit, isCheck: false });
  c.block = first;
  c.region = c.newRegion();
  const element = pure(c, 'n.table', [read()], table);
  if (element.op === 'temp') c.loopOf.set(element.temp, node);
  const inner = new Environment(environment, environment.module);
  c.bind(name, dynamic(element), inner, assigned);
  const target: JumpTarget = { labels, kind: 'loop', breaks: [], continues: [] };
  c.targets.push(target);
  c.execute(node.statement, inner);
  c.targets.pop();
  c.region = c.newRegion();
  c.node = outer;
  joinBlocks(c, c.block === null ? target.continues : [...target.continues, c.block]);
  if (c.block !== null) {
    assign(c, variable, pure(c, 'n.add', [read(), constant(1)]));
    jumpAll(c, [c.block], head);
  }
  jumpAll(c, target.breaks, exit);
  c.region = pendingJumps(c) === jumps ? region : c.newRegion();
  c.block = exit;
}

function unroll(
  c: Context,
  items: readonly Value[],
  name: ts.BindingName,
  assigned: ReadonlySet<string>,
  statement: ts.Statement,
  environment: Environment,
  labels: readonly string[],
): void {
  const { region, scope } = c;
  const jumps = pendingJumps(c);
  const breaks: Block[] = [];
  for (const item of items) {
    if (c.block === null) break;
    if (!c.region.isStatic) enterScope(c);
    const target: JumpTarget = { labels, kind: 'loop', breaks, continues: [] };
    c.targets.push(target);
    const inner = new Environment(environment, environment.module);
    c.bind(name, item, inner, assigned);
    c.execute(statement, inner);
    c.targets.pop();
    joinBlocks(c, c.block === null ? target.continues : [...target.continues, c.block]);
    c.scope = scope;
    // Behind a jump out of the loop, an iteration may not happen.
    if (breaks.length > 0 && !c.region.isStatic) c.region = c.newRegion();
  }
  c.region = pendingJumps(c) === jumps ? region : c.region.isStatic ? region : c.newRegion();
  joinBlocks(c, c.block === null ? breaks : [...breaks, c.block]);
}
