import ts from 'typescript';
import { type Context, fail, NotStatic, pendingJumps, Unreachable } from './context.js';
import { declareVariables, enterScope } from './declarations.js';
import { constantCell, Environment } from './environment.js';
import { makeClass } from './functions.js';
import type { Block } from './hir.js';
import { evaluateReturned } from './inline.js';
import { joinBlocks } from './joins.js';
import { forOfStatement, forStatement, loop } from './loops.js';
import { dropped } from './operations.js';
import { textOf } from './operators.js';
import { switchStatement } from './switch-statement.js';
import { describeValue, UNDEFINED } from './values.js';

const K = ts.SyntaxKind;

/** Runs a statement; afterwards `c.block` is where control goes on, or null. */
export function executeStatement(
  c: Context,
  node: ts.Statement,
  environment: Environment,
  labels: readonly string[] = [],
): void {
  if (c.region.isStatic && --c.staticSteps < 0) throw new NotStatic(node);
  const before = c.node;
  c.node = node;
  try {
    dispatch(c, node, environment, labels);
  } catch (error) {
    if (!(error instanceof Unreachable)) throw error;
    c.block = null;
  }
  c.node = before;
}

function dispatch(c: Context, node: ts.Statement, environment: Environment, labels: readonly string[]): void {
  switch (node.kind) {
    case K.ExpressionStatement:
      c.evaluate((node as ts.ExpressionStatement).expression, environment);
      if (c.pending !== null) dropped(c, c.pending);
      return;
    case K.VariableStatement:
      declareVariables(c, (node as ts.VariableStatement).declarationList, environment);
      return;
    case K.Block:
      if (labels.length > 0) labelled(c, labels, () => block(c, node as ts.Block, environment));
      else block(c, node as ts.Block, environment);
      return;
    case K.IfStatement:
      ifStatement(c, node as ts.IfStatement, environment);
      return;
    case K.ReturnStatement:
      returnStatement(c, node as ts.ReturnStatement, environment);
      return;
    case K.ThrowStatement:
      throwStatement(c, node as ts.ThrowStatement, environment);
      return;
    case K.BreakStatement:
    case K.ContinueStatement:
      jump(c, node as ts.BreakOrContinueStatement);
      return;
    case K.ForStatement:
      forStatement(c, node as ts.ForStatement, environment, labels);
      return;
    case K.WhileStatement: {
      const { expression, statement } = node as ts.WhileStatement;
      loop(c, {
        condition: expression,
        isTestedFirst: true,
        labels,
        environment,
        body: (inner) => c.execute(statement, inner),
      });
      return;
    }
    case K.DoStatement: {
      const { expression, statement } = node as ts.DoStatement;
      loop(c, {
        condition: expression,
        isTestedFirst: false,
        labels,
        environment,
        body: (inner) => c.execute(statement, inner),
      });
      return;
    }
    case K.ForOfStatement:
      forOfStatement(c, node as ts.ForOfStatement, environment, labels);
      return;
    case K.SwitchStatement:
      switchStatement(c, node as ts.SwitchStatement, environment, labels);
      return;
    case K.LabeledStatement: {
      const { label, statement } = node as ts.LabeledStatement;
      executeStatement(c, statement, environment, [...labels, label.text]);
      return;
    }
    case K.ClassDeclaration: {
      const value = makeClass(c, node as ts.ClassDeclaration, environment);
      environment.declare(constantCell(value.name, value, c.region));
      return;
    }
    case K.FunctionDeclaration:
    case K.EmptyStatement:
    case K.InterfaceDeclaration:
    case K.TypeAliasDeclaration:
      return;
    case K.TryStatement:
      fail(c, "'try'", 'a fault ends the run: test the condition first');
      return;
    case K.ForInStatement:
      fail(c, "'for … in'", 'write for … of over a constant array');
      return;
    case K.DebuggerStatement:
      fail(c, "'debugger'", 'step through the kernel with simtwin itself');
      return;
    default:
      fail(
        c,
        `a statement of kind ${ts.SyntaxKind[node.kind]}`,
        'use declarations, expressions, if, loops, switch, return and throw',
      );
      return;
  }
}

/** Statements in order, until control goes elsewhere. Function declarations are hoisted. */
function executeAll(c: Context, statements: readonly ts.Statement[], environment: Environment): void {
  for (const statement of statements) {
    if (ts.isFunctionDeclaration(statement) && statement.name !== undefined && statement.body !== undefined) {
      const { module } = environment;
      const name = statement.name.text;
      environment.declare(
        constantCell(name, { kind: 'function', node: statement, environment, module, name }, c.region),
      );
    }
  }
  for (const statement of statements) {
    if (c.block === null) return;
    c.execute(statement, environment);
  }
}

function block(c: Context, node: ts.Block, environment: Environment): void {
  const inner = new Environment(environment, environment.module);
  const isFunctionBody = ts.isFunctionLike(node.parent);
  const declares = node.statements.some((statement) => ts.isVariableStatement(statement));
  const { scope } = c;
  if (!isFunctionBody && declares && !c.region.isStatic) enterScope(c);
  executeAll(c, node.statements, inner);
  c.scope = scope;
}

function ifStatement(c: Context, node: ts.IfStatement, environment: Environment): void {
  const then = c.code.newBlock();
  const otherwise = c.code.newBlock();
  const { region } = c;
  const jumps = pendingJumps(c);
  const known = c.branchOn(node.expression, environment, then, otherwise);
  if (known !== null) {
    const taken = known ? node.thenStatement : node.elseStatement;
    if (taken !== undefined) c.execute(taken, environment);
    return;
  }
  const ends: Block[] = [];
  for (const [first, statement] of [
    [then, node.thenStatement],
    [otherwise, node.elseStatement],
  ] as const) {
    if (!c.code.isReached(first)) continue;
    c.block = first;
    c.region = c.newRegion();
    if (statement !== undefined) c.execute(statement, environment);
    // Set by the statement.
    const end = c.block as Block | null;
    if (end !== null) ends.push(end);
  }
  c.region = pendingJumps(c) === jumps ? region : c.newRegion();
  joinBlocks(c, ends);
}

function returnStatement(c: Context, node: ts.ReturnStatement, environment: Environment): void {
  const value = node.expression === undefined ? UNDEFINED : evaluateReturned(c, node.expression, environment);
  if (c.block !== null) c.activation.returns.push({ block: c.block, value, node });
  c.block = null;
}

function throwStatement(c: Context, node: ts.ThrowStatement, environment: Environment): void {
  if (c.region.isStatic) throw new NotStatic(node);
  const value = c.evaluate(node.expression, environment);
  if (value.kind !== 'error' && value.kind !== 'static' && value.kind !== 'text')
    fail(c, `a throw of ${describeValue(value)}`, "write throw new Error('…')");
  const text = value.kind === 'error' ? `${value.name}: ${value.message}` : textOf(value);
  if (c.block !== null)
    c.code.end(c.block, { op: 'throw', site: c.siteOf(node.expression), message: `the kernel threw ${text}` });
  c.block = null;
}

function jump(c: Context, node: ts.BreakOrContinueStatement): void {
  const isBreak = ts.isBreakStatement(node);
  const label = node.label?.text;
  const target = c.targets.findLast(({ kind, labels }) =>
    label === undefined ? kind === 'loop' || (isBreak && kind === 'switch') : labels.includes(label),
  );
  if (target === undefined) fail(c, `'${node.getText()}' without a target`, 'put it into a loop');
  if (c.block !== null) (isBreak ? target.breaks : target.continues).push(c.block);
  c.block = null;
}

function labelled(c: Context, labels: readonly string[], body: () => void): void {
  const target = { labels, kind: 'block' as const, breaks: [] as Block[], continues: [] };
  c.targets.push(target);
  body();
  c.targets.pop();
  joinBlocks(c, c.block === null ? target.breaks : [...target.breaks, c.block]);
}
