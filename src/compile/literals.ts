import ts from 'typescript';
import { makeVariable, newCell, readCell } from './cells.js';
import { type Context, fail } from './context.js';
import type { Environment } from './environment.js';
import { describeValue, type ObjectValue, type Value } from './values.js';

/** `[…]`. */
export function makeArray(c: Context, node: ts.ArrayLiteralExpression, environment: Environment): Value {
  const items: Value[] = [];
  const hint = c.hint;
  c.hint = null;
  for (const element of node.elements) {
    if (ts.isSpreadElement(element)) items.push(...itemsOf(c, c.evaluate(element.expression, environment)));
    else if (ts.isOmittedExpression(element)) fail(c, 'an array with holes', 'write undefined');
    else items.push(c.evaluate(element, environment));
  }
  c.hint = hint;
  return { kind: 'list', items, origin: node, region: c.region, isFrozen: false };
}

/** What iterating over a value gives, all at once. */
export function itemsOf(c: Context, value: Value): readonly Value[] {
  if (value.kind === 'list') return value.items;
  if (value.kind === 'poison') return fail(c, value.construct, value.advice);
  if (value.kind === 'static' && typeof value.value === 'string')
    return [...value.value].map((text): Value => ({ kind: 'static', value: text }));
  return fail(c, `an iteration over ${describeValue(value)}`, 'iterate over an array that is known at compile time');
}

/** `{…}`. */
export function makeObject(c: Context, node: ts.ObjectLiteralExpression, environment: Environment): Value {
  const object: ObjectValue = {
    kind: 'object',
    cells: new Map(),
    classValue: null,
    name: c.hint,
    origin: node,
    region: c.region,
    scope: c.scope,
    isFrozen: false,
  };
  const hint = c.hint;
  const put = (name: string, value: Value) => addField(c, object, name, value);
  for (const property of node.properties) {
    c.node = property;
    if (ts.isSpreadAssignment(property)) {
      const source = c.evaluate(property.expression, environment);
      for (const [name, value] of fieldsOf(c, source)) put(name, value);
    } else if (ts.isShorthandPropertyAssignment(property))
      put(property.name.text, c.evaluate(property.name, environment));
    else if (ts.isPropertyAssignment(property)) {
      const name = propertyName(c, property.name, environment);
      c.hint = name;
      put(name, c.evaluate(property.initializer, environment));
      c.hint = hint;
    } else if (ts.isMethodDeclaration(property)) {
      const name = propertyName(c, property.name, environment);
      put(name, { kind: 'function', node: property, environment, module: environment.module, name: `Object.${name}` });
    } else fail(c, 'an accessor of an object literal', 'write a method or a class', property);
  }
  return object;
}

/** Adds a field to an object that is being made. */
export function addField(c: Context, object: ObjectValue, name: string, value: Value): void {
  const cell = newCell(c, name, value, false);
  object.cells.set(name, cell);
  const origin = object.origin;
  const isMutable =
    object.classValue?.mutableFields.has(name) === true ||
    (origin !== null && c.mutableFields.get(origin)?.has(name) === true);
  if (isMutable && !c.region.isStatic) makeVariable(c, cell, `${object.name ?? 'object'}.${name}`, object.scope);
}

/** Own fields of an object, for spreads. */
export function fieldsOf(c: Context, value: Value): [string, Value][] {
  if (value.kind === 'static' && (value.value === undefined || value.value === null)) return [];
  if (value.kind === 'object') return [...value.cells].map(([name, cell]) => [name, readCell(c, cell)]);
  if (value.kind === 'list') return value.items.map((item, at) => [`${at}`, item]);
  if (value.kind === 'poison') return fail(c, value.construct, value.advice);
  return fail(c, `a spread of ${describeValue(value)}`, 'spread an object');
}

/** The text of a property's name. */
export function propertyName(c: Context, node: ts.PropertyName, environment: Environment): string {
  if (!ts.isComputedPropertyName(node)) return node.text;
  const value = c.evaluate(node.expression, environment);
  if (value.kind === 'static') return String(value.value);
  return fail(c, 'a field whose name is computed at run time', 'use a constant name', node);
}
