import ts from 'typescript';
import { readCell } from './cells.js';
import { type Context, fail } from './context.js';
import { dynamic, emit, numberOf, pure } from './emit.js';
import { constantCell, Environment } from './environment.js';
import { findMember } from './functions.js';
import { constant, type Operand } from './hir.js';
import { methodOf } from './inline.js';
import { nativeMember } from './natives.js';
import { arrayProperty, pointerProperty, registerProperty } from './register-members.js';
import { threadProperty } from './thread-members.js';
import {
  type ClassValue,
  describeValue,
  type ListValue,
  type ObjectValue,
  staticValue,
  UNDEFINED,
  type Value,
} from './values.js';

/** `receiver.name`, where it is no call. */
export function memberOf(c: Context, receiver: Value, name: string): Value {
  const value = findProperty(c, receiver, name);
  if (value !== null) return value;
  if (receiver.kind === 'static' && (receiver.value === null || receiver.value === undefined))
    return fail(c, `'${name}' of ${String(receiver.value)}`, 'make sure that there is an object');
  return fail(
    c,
    `the property '${name}' of ${describeValue(receiver)}`,
    `use a property that kernels know, or call it`,
  );
}

function findProperty(c: Context, receiver: Value, name: string): Value | null {
  switch (receiver.kind) {
    case 'poison':
      return fail(c, receiver.construct, receiver.advice);
    case 'thread':
      return threadProperty(c, name);
    case 'pointer':
      return pointerProperty(c, receiver, name);
    case 'registers':
      return arrayProperty(c, receiver, name);
    case 'register':
      return registerProperty(c, receiver, name);
    case 'object':
      return objectProperty(c, receiver, name);
    case 'class':
      return staticMember(c, receiver, name);
    case 'list':
      return name === 'length' ? staticValue(receiver.items.length) : null;
    case 'static':
      return typeof receiver.value === 'string' && name === 'length' ? staticValue(receiver.value.length) : null;
    case 'native':
      return nativeMember(receiver.name, name);
    case 'function':
      return name === 'name' ? staticValue(receiver.name) : null;
    case 'error':
      return name === 'message' ? { kind: 'text', text: receiver.message, sources: [] } : null;
    default:
      return null;
  }
}

function objectProperty(c: Context, object: ObjectValue, name: string): Value {
  const cell = object.cells.get(name);
  if (cell !== undefined) return readCell(c, cell);
  if (object.classValue === null) return UNDEFINED;
  const member = findMember(object.classValue, name, false);
  if (member === null) return UNDEFINED;
  const callee = methodOf(object.classValue, member as ts.MethodDeclaration);
  return ts.isGetAccessorDeclaration(member) ? c.call(callee, [], c.node, object) : callee;
}

function staticMember(c: Context, classValue: ClassValue, name: string): Value | null {
  const member = findMember(classValue, name, true);
  if (member === null) return name === 'name' ? staticValue(classValue.name) : null;
  if ('initializer' in member) {
    const environment = new Environment(classValue.environment, classValue.module);
    environment.declare(constantCell('this', classValue, c.region));
    return member.initializer === undefined ? UNDEFINED : c.evaluate(member.initializer, environment);
  }
  return methodOf(classValue, member as ts.MethodDeclaration);
}

/** Whether a value is null or undefined, for `?.` and `??`. */
export function isNullish(c: Context, value: Value, node: ts.Node = c.node): boolean {
  if (value.kind === 'pointer' && value.isNullable)
    fail(c, "'?.' on a pointer that may be null", 'test it first: if (pointer !== null) …', node);
  return value.kind === 'static' && (value.value === null || value.value === undefined);
}

/** `receiver[index]`. */
export function elementOf(c: Context, receiver: Value, index: Value, node: ts.ElementAccessExpression): Value {
  if (receiver.kind === 'poison') return fail(c, receiver.construct, receiver.advice);
  if (receiver.kind === 'list') {
    if (index.kind === 'dynamic') return tableElement(c, receiver, index.operand, node);
    const at = index.kind === 'static' ? index.value : undefined;
    if (typeof at === 'number') return receiver.items[at] ?? UNDEFINED;
    if (typeof at === 'string') return memberOf(c, receiver, at);
  }
  if (index.kind === 'static') {
    if (receiver.kind === 'static' && typeof receiver.value === 'string' && typeof index.value === 'number')
      return staticValue(receiver.value[index.value]);
    if (receiver.kind === 'object' || typeof index.value === 'string')
      return memberOf(c, receiver, `${String(index.value)}`);
  }
  c.needStatic(index);
  const advice =
    receiver.kind === 'pointer'
      ? 'write pointer.load(index) or pointer.store(index, value)'
      : receiver.kind === 'registers'
        ? 'write registers.at(index)'
        : 'use a constant index, or a register array';
  return fail(c, `an element of ${describeValue(receiver)} at ${describeValue(index)}`, advice);
}

/** A constant array at an index that the thread computes: a table. */
function tableElement(c: Context, list: ListValue, index: Operand, node: ts.ElementAccessExpression): Value {
  const at = numberOf(c, dynamic(index), 'an index');
  const values = list.items.map((item) => (item.kind === 'static' ? item.value : null));
  const isTable = values.length > 0 && values.every((value): value is number => typeof value === 'number');
  if (!isTable) {
    c.needStatic(dynamic(index));
    return fail(
      c,
      'an array of values that are not all constant numbers, at an index that is computed,',
      'keep the values in a register array or in shared memory',
    );
  }
  const name = node.expression.getText().split('.').at(-1) ?? 'the array';
  checkIndex(c, at, values.length, name);
  return dynamic(pure(c, 'n.table', [at], c.code.tableOf(name, values)));
}

/** Throws in the kernel if an index is not one of an array's. Intervals show later whether it can happen. */
function checkIndex(c: Context, index: Operand, length: number, name: string): void {
  const site = c.siteOf();
  const bound = (operator: 'ge' | 'le', limit: number) => {
    const block = c.block;
    if (block === null) return;
    const condition = emit(
      c,
      {
        op: 'pure',
        name: 'compare',
        args: [index, constant(limit)],
        isTotal: true,
        compare: { operator, kind: 'num' },
      },
      'bool',
    );
    const good = c.code.newBlock();
    const bad = c.code.newBlock();
    bad.end = {
      op: 'throw',
      site,
      message: `the kernel threw RangeError: an index of ${name} is not one of 0 to ${length - 1}`,
    };
    c.code.end(block, { op: 'branch', site, condition, onTrue: good, onFalse: bad, isCheck: true });
    c.block = good;
  };
  bound('ge', 0);
  bound('le', length - 1);
}
