import ts from 'typescript';
import { makeVariable, nameValue, newCell, readCell } from './cells.js';
import { type Context, fail } from './context.js';
import type { Environment } from './environment.js';
import { itemsOf, propertyName } from './literals.js';
import { memberOf } from './members.js';
import { assignedNames, enclosingFunction } from './syntax.js';
import { describeValue, type ObjectValue, UNDEFINED, type Value } from './values.js';

const NOTHING: ReadonlySet<string> = new Set();

/** Begins a block scope of the program. */
export function enterScope(c: Context): void {
  c.scope = c.code.newScope(c.code.scopes[c.scope]!.frame, c.scope);
}

export function declareVariables(c: Context, list: ts.VariableDeclarationList, environment: Environment): void {
  const isConstant = (list.flags & ts.NodeFlags.Const) !== 0;
  if ((list.flags & ts.NodeFlags.BlockScoped) === 0) fail(c, "'var'", 'write let or const', list);
  if ((list.flags & ts.NodeFlags.Using) === ts.NodeFlags.Using) fail(c, "'using'", 'write const', list);
  const assigned = isConstant ? NOTHING : assignedNames(enclosingFunction(list));
  for (const { name, initializer } of list.declarations) {
    const { hint } = c;
    c.hint = ts.isIdentifier(name) ? name.text : null;
    const value = initializer === undefined ? null : c.evaluate(initializer, environment);
    c.hint = hint;
    c.bind(name, value, environment, assigned);
  }
}

/** Binds names to parts of a value; `assigned`: names that are assigned later on. */
export function bindName(
  c: Context,
  name: ts.BindingName,
  value: Value | null,
  environment: Environment,
  assigned: ReadonlySet<string>,
): void {
  if (ts.isIdentifier(name)) {
    const isConstant = !assigned.has(name.text);
    const cell = environment.declare(newCell(c, name.text, value, isConstant));
    if (!isConstant && !c.region.isStatic) makeVariable(c, cell, name.text);
    if (cell.value !== null) nameValue(c, name.text, cell.value);
    return;
  }
  if (value === null) {
    fail(c, 'a destructuring declaration without a value', 'give it one', name);
    return;
  }
  if (ts.isArrayBindingPattern(name)) {
    const items = itemsOf(c, value);
    name.elements.forEach((element, at) => {
      if (ts.isOmittedExpression(element)) return;
      const part: Value =
        element.dotDotDotToken === undefined
          ? (items[at] ?? UNDEFINED)
          : { kind: 'list', items: items.slice(at), origin: element, region: c.region, isFrozen: false };
      bindElement(c, element, part, environment, assigned);
    });
    return;
  }
  const taken = new Set<string>();
  for (const element of name.elements) {
    c.node = element;
    if (element.dotDotDotToken !== undefined) {
      bindElement(c, element, restOf(c, value, taken), environment, assigned);
      continue;
    }
    const key = element.propertyName ?? (element.name as ts.Identifier);
    const field = propertyName(c, key, environment);
    taken.add(field);
    bindElement(c, element, memberOf(c, value, field), environment, assigned);
  }
}

function bindElement(
  c: Context,
  element: ts.BindingElement,
  value: Value,
  environment: Environment,
  assigned: ReadonlySet<string>,
): void {
  const isMissing = value.kind === 'static' && value.value === undefined;
  const given = isMissing && element.initializer !== undefined ? c.evaluate(element.initializer, environment) : value;
  bindName(c, element.name, given, environment, assigned);
}

/** `...rest` of an object. */
function restOf(c: Context, value: Value, taken: ReadonlySet<string>): Value {
  if (value.kind !== 'object' || value.classValue !== null)
    return fail(c, `the rest of ${describeValue(value)}`, 'take the rest of a plain object');
  const rest: ObjectValue = { ...value, cells: new Map(), origin: null, isFrozen: true };
  for (const [field, cell] of value.cells)
    if (!taken.has(field)) rest.cells.set(field, newCell(c, field, readCell(c, cell), true));
  return rest;
}
