import ts from 'typescript';
import { readCell } from './cells.js';
import { type Context, fail } from './context.js';
import type { Environment } from './environment.js';
import { findMember } from './functions.js';
import { callFunction, instantiate, methodOf, type PerformIn } from './inline.js';
import { itemsOf } from './literals.js';
import { isNullish, memberOf } from './members.js';
import { adviceFor, callNative, isErrorClass } from './natives.js';
import { performValue } from './operations.js';
import { textOf } from './operators.js';
import { callArray, callPointer, callRegister } from './register-members.js';
import { callList, callText } from './static-methods.js';
import { withoutParentheses } from './syntax.js';
import { callThread } from './thread-members.js';
import { describeValue, UNDEFINED, type Value } from './values.js';

/** A call. With `performIn`, what it gives is performed: it stands behind `yield*`. */
export function evaluateCall(
  c: Context,
  node: ts.CallExpression,
  environment: Environment,
  performIn: PerformIn = null,
): Value {
  const { hint } = c;
  c.hint = null;
  const value = dispatch(c, node, environment, performIn);
  c.hint = hint;
  return value;
}

function dispatch(c: Context, node: ts.CallExpression, environment: Environment, performIn: PerformIn): Value {
  const callee = withoutParentheses(node.expression);
  if (callee.kind === ts.SyntaxKind.SuperKeyword || callee.kind === ts.SyntaxKind.ImportKeyword)
    return fail(c, `'${callee.getText()}(…)'`, 'import statically; classes that extend others are not supported');
  if (!ts.isPropertyAccessExpression(callee)) {
    const value = c.evaluate(callee, environment);
    const args = argumentsOf(c, node, environment);
    return callValue(c, value, args, node, null, performIn);
  }
  const receiver = c.evaluate(callee.expression, environment);
  if (callee.questionDotToken !== undefined && isNullish(c, receiver, node)) return UNDEFINED;
  const name = callee.name.text;
  switch (receiver.kind) {
    case 'object': {
      const cell = receiver.cells.get(name);
      if (cell !== undefined) {
        const value = readCell(c, cell);
        return callValue(c, value, argumentsOf(c, node, environment), node, receiver, performIn);
      }
      const method = receiver.classValue === null ? null : findMember(receiver.classValue, name, false);
      if (receiver.classValue !== null && method !== null && ts.isMethodDeclaration(method)) {
        const args = argumentsOf(c, node, environment);
        return callFunction(c, methodOf(receiver.classValue, method), args, node, receiver, performIn);
      }
      const value = memberOf(c, receiver, name);
      if (value.kind === 'static')
        return fail(c, `a call of ${name}, which ${describeValue(receiver)} does not have`, 'define it', node);
      return callValue(c, value, argumentsOf(c, node, environment), node, receiver, performIn);
    }
    case 'class':
    case 'native': {
      const value = memberOf(c, receiver, name);
      return callValue(c, value, argumentsOf(c, node, environment), node, receiver, performIn);
    }
    case 'poison':
      return fail(c, receiver.construct, receiver.advice, node);
    default: {
      const args = argumentsOf(c, node, environment);
      const before = c.node;
      c.node = node;
      const value =
        callBuiltIn(c, receiver, name, args) ??
        fail(c, `a call of ${name} of ${describeValue(receiver)}`, adviceForCall(receiver), node);
      c.node = before;
      return performIn === null ? value : performValue(c, value, performIn, node);
    }
  }
}

function adviceForCall(receiver: Value): string {
  switch (receiver.kind) {
    case 'thread':
      return 'use an operation of Thread';
    case 'function':
      return 'call the function itself';
    case 'list':
      return 'use map, filter, includes, reduce, …, or a loop';
    default:
      return 'use a method that kernels know';
  }
}

/** A method of what is neither an object nor a class; null if it has none of that name. */
function callBuiltIn(c: Context, receiver: Value, name: string, args: readonly Value[]): Value | null {
  for (const value of args) if (value.kind === 'poison') fail(c, value.construct, value.advice);
  switch (receiver.kind) {
    case 'thread':
      return callThread(c, name, args);
    case 'pointer':
      return callPointer(c, receiver, name, args);
    case 'registers':
      return callArray(c, receiver, name, args);
    case 'register':
      return callRegister(c, receiver, name, args);
    case 'list':
      return callList(c, receiver, name, args);
    case 'static':
      return typeof receiver.value === 'string' ? callText(receiver.value, name, args) : null;
    default:
      return null;
  }
}

/** A call of a value, by whoever calls it. */
export function callValue(
  c: Context,
  callee: Value,
  args: readonly Value[],
  node: ts.Node,
  receiver: Value | null,
  performIn: PerformIn,
): Value {
  switch (callee.kind) {
    case 'function':
      return callFunction(c, callee, args, node, receiver, performIn);
    case 'native': {
      if (isErrorClass(callee.name)) return { kind: 'error', name: callee.name, message: textOf(args[0] ?? UNDEFINED) };
      const before = c.node;
      c.node = node;
      const value = callNative(c, callee.name, args);
      c.node = before;
      if (performIn !== null) return performValue(c, value, performIn, node);
      return value;
    }
    case 'poison':
      return fail(c, callee.construct, callee.advice, node);
    default:
      return fail(c, `a call of ${describeValue(callee)}`, 'call a function', node);
  }
}

function argumentsOf(c: Context, node: ts.CallExpression | ts.NewExpression, environment: Environment): Value[] {
  const values: Value[] = [];
  for (const argument of node.arguments ?? []) {
    if (ts.isSpreadElement(argument)) values.push(...itemsOf(c, c.evaluate(argument.expression, environment)));
    else values.push(c.evaluate(argument, environment));
  }
  return values;
}

export function evaluateNew(c: Context, node: ts.NewExpression, environment: Environment): Value {
  const { hint } = c;
  c.hint = null;
  const callee = c.evaluate(node.expression, environment);
  const args = argumentsOf(c, node, environment);
  c.hint = hint;
  if (callee.kind === 'class') {
    const value = instantiate(c, callee, args, node);
    c.hint = hint;
    return value;
  }
  if (callee.kind === 'native' && isErrorClass(callee.name)) {
    const message = args[0];
    return { kind: 'error', name: callee.name, message: message === undefined ? '' : textOf(message) };
  }
  if (callee.kind === 'poison') return fail(c, callee.construct, callee.advice);
  const name = describeValue(callee);
  return fail(
    c,
    `'new ${name}'`,
    callee.kind === 'native' ? adviceFor(callee.name) : 'make an instance of a class',
    node,
  );
}
