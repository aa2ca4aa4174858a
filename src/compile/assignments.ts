import ts from 'typescript';
import { nameValue, noteMutableField, readCell, writeCell } from './cells.js';
import { chooseBetween } from './choices.js';
import { type Context, fail, NotStatic } from './context.js';
import type { Environment } from './environment.js';
import { itemsOf } from './literals.js';
import { elementOf, memberOf } from './members.js';
import { binary, truthOf } from './operators.js';
import { withoutParentheses } from './syntax.js';
import { type Cell, describeValue, staticValue, UNDEFINED, type Value } from './values.js';

const K = ts.SyntaxKind;

const COMPOUND: Partial<Record<ts.SyntaxKind, ts.SyntaxKind>> = {
  [K.PlusEqualsToken]: K.PlusToken,
  [K.MinusEqualsToken]: K.MinusToken,
  [K.AsteriskEqualsToken]: K.AsteriskToken,
  [K.SlashEqualsToken]: K.SlashToken,
  [K.PercentEqualsToken]: K.PercentToken,
  [K.AsteriskAsteriskEqualsToken]: K.AsteriskAsteriskToken,
  [K.LessThanLessThanEqualsToken]: K.LessThanLessThanToken,
  [K.GreaterThanGreaterThanEqualsToken]: K.GreaterThanGreaterThanToken,
  [K.GreaterThanGreaterThanGreaterThanEqualsToken]: K.GreaterThanGreaterThanGreaterThanToken,
  [K.AmpersandEqualsToken]: K.AmpersandToken,
  [K.BarEqualsToken]: K.BarToken,
  [K.CaretEqualsToken]: K.CaretToken,
};

/** What an assignment changes, with its own operands evaluated. */
interface Place {
  readonly read: () => Value;
  readonly write: (value: Value) => void;
}

/** `target = value`, `target += value`, `[a, b] = [b, a]`. */
export function assignTo(c: Context, node: ts.BinaryExpression, environment: Environment): Value {
  const { operatorToken, right } = node;
  const left = withoutParentheses(node.left);
  const operator = operatorToken.kind;
  if (operator === K.EqualsToken) {
    if (ts.isArrayLiteralExpression(left) || ts.isObjectLiteralExpression(left)) {
      const value = c.evaluate(right, environment);
      destructure(c, left, value, environment);
      return value;
    }
    const place = placeOf(c, left, environment);
    const { hint } = c;
    if (ts.isIdentifier(left)) c.hint = left.text;
    const value = c.evaluate(right, environment);
    c.hint = hint;
    c.node = node;
    place.write(value);
    return value;
  }
  const place = placeOf(c, left, environment);
  if (
    operator === K.AmpersandAmpersandEqualsToken ||
    operator === K.BarBarEqualsToken ||
    operator === K.QuestionQuestionEqualsToken
  ) {
    if (operator === K.QuestionQuestionEqualsToken) return fail(c, "'??='", 'write an if statement');
    const before = place.read();
    const truth = truthOf(c, before);
    const isAnd = operator === K.AmpersandAmpersandEqualsToken;
    const assign = () => {
      const value = c.evaluate(right, environment);
      place.write(value);
      return value;
    };
    if (typeof truth === 'boolean') return truth === isAnd ? assign() : before;
    return chooseBetween(c, truth, isAnd ? assign : () => before, isAnd ? () => before : assign);
  }
  const before = place.read();
  const value = c.evaluate(right, environment);
  c.node = node;
  const result = binary(c, COMPOUND[operator]!, before, value);
  place.write(result);
  return result;
}

/** `target++`, `--target`. */
export function stepOf(
  c: Context,
  target: ts.Expression,
  operator: ts.SyntaxKind,
  isPostfix: boolean,
  environment: Environment,
): Value {
  const place = placeOf(c, withoutParentheses(target), environment);
  const before = place.read();
  const isBig =
    (before.kind === 'dynamic' && before.type === 'big') ||
    (before.kind === 'static' && typeof before.value === 'bigint');
  const token = operator === K.PlusPlusToken ? K.PlusToken : K.MinusToken;
  const after = binary(c, token, before, staticValue(isBig ? 1n : 1));
  place.write(after);
  return isPostfix ? before : after;
}

function placeOf(c: Context, target: ts.Expression, environment: Environment): Place {
  if (ts.isIdentifier(target)) {
    const cell = environment.lookup(target.text);
    if (cell === null)
      return fail(c, `an assignment to '${target.text}', which is not declared here,`, 'declare it', target);
    return {
      read: () => readCell(c, cell),
      write: (value) => writeName(c, cell, value, target),
    };
  }
  if (ts.isPropertyAccessExpression(target) || ts.isElementAccessExpression(target)) {
    const receiver = c.evaluate(target.expression, environment);
    if (ts.isElementAccessExpression(target)) {
      const index = c.evaluate(target.argumentExpression, environment);
      if (receiver.kind === 'list')
        return {
          read: () => elementOf(c, receiver, index, target),
          write: (value) => writeItem(c, receiver, index, value),
        };
      if (index.kind === 'static') {
        const name = String(index.value);
        return { read: () => memberOf(c, receiver, name), write: (value) => writeField(c, receiver, name, value) };
      }
      return fail(
        c,
        `an assignment to an element of ${describeValue(receiver)}`,
        'store to a pointer or set a register',
        target,
      );
    }
    const name = target.name.text;
    return { read: () => memberOf(c, receiver, name), write: (value) => writeField(c, receiver, name, value) };
  }
  return fail(c, 'an assignment to this target', 'assign to a variable or a field', target);
}

function writeName(c: Context, cell: Cell, value: Value, node: ts.Node): void {
  if (cell.isConstant) fail(c, `an assignment to the constant '${cell.name}'`, 'declare it with let', node);
  // What was made outside of a computation at compile time must stay as it is.
  if (c.region.isStatic && cell.region !== c.region) throw new NotStatic(node);
  writeCell(c, cell, value, () =>
    fail(
      c,
      `an assignment to '${cell.name}' from a place that the compiler cannot follow`,
      'declare it with let in the function that changes it',
      node,
    ),
  );
  if (cell.variable === null) nameValue(c, cell.name, value);
}

function writeField(c: Context, receiver: Value, name: string, value: Value): void {
  if (receiver.kind !== 'object')
    fail(c, `an assignment to '${name}' of ${describeValue(receiver)}`, 'only fields of objects can be assigned');
  if (receiver.isFrozen)
    fail(c, `an assignment to the field '${name}' of a structure that is shared or an argument`, 'copy it first');
  const cell = receiver.cells.get(name);
  if (cell === undefined)
    fail(c, `an assignment to the new field '${name}'`, 'give the object all of its fields where it is made');
  if (c.region.isStatic && cell.region !== c.region) throw new NotStatic(c.node);
  const isFirst = cell.value === null && cell.variable === null;
  const { origin } = receiver;
  writeCell(c, cell, value, () => {
    if (origin === null) fail(c, `an assignment to the field '${name}'`, 'assign to a variable');
    noteMutableField(c, origin, name);
    cell.value = value;
  });
  const isHidden = receiver.classValue?.module.isLibrary === true && name.startsWith('#');
  if (isFirst && receiver.classValue !== null && !isHidden)
    nameValue(c, `${receiver.name}.${name}`, value, receiver.scope);
}

function writeItem(c: Context, receiver: Value & { kind: 'list' }, index: Value, value: Value): void {
  const at = index.kind === 'static' ? index.value : null;
  if (typeof at !== 'number')
    fail(c, 'an assignment to an element at an index that is computed', 'use a register array or shared memory');
  if (receiver.isFrozen || receiver.region !== c.region) {
    if (c.region.isStatic) throw new NotStatic(c.node);
    fail(
      c,
      'an assignment to an element of an array under a condition or in a loop',
      'use a register array or variables',
    );
  }
  receiver.items[at] = value;
}

function destructure(
  c: Context,
  target: ts.ArrayLiteralExpression | ts.ObjectLiteralExpression,
  value: Value,
  environment: Environment,
): void {
  const assign = (node: ts.Expression, item: Value) => placeOf(c, withoutParentheses(node), environment).write(item);
  if (ts.isArrayLiteralExpression(target)) {
    const items = itemsOf(c, value);
    target.elements.forEach((element, at) => {
      if (ts.isSpreadElement(element)) fail(c, 'a rest element in an assignment', 'name each element', element);
      if (!ts.isOmittedExpression(element)) assign(element, items[at] ?? UNDEFINED);
    });
    return;
  }
  for (const property of target.properties) {
    if (ts.isShorthandPropertyAssignment(property)) assign(property.name, memberOf(c, value, property.name.text));
    else if (ts.isPropertyAssignment(property))
      assign(property.initializer, memberOf(c, value, property.name.getText()));
    else fail(c, 'this element of a destructuring assignment', 'name each field', property);
  }
}
