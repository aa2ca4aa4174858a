import ts from 'typescript';
import { assignTo, stepOf } from './assignments.js';
import { evaluateCall, evaluateNew } from './call-expressions.js';
import { readCell } from './cells.js';
import { arm, chooseBetween } from './choices.js';
import { type Context, fail, NotStatic } from './context.js';
import type { Environment } from './environment.js';
import { functionName, makeClass } from './functions.js';
import { makeArray, makeObject } from './literals.js';
import { elementOf, isNullish, memberOf } from './members.js';
import { globalValue } from './natives.js';
import { binary, textOf, truthOf, unary } from './operators.js';
import { isAssignment, isGeneratorFunction, isTransparent } from './syntax.js';
import { describeValue, staticValue, UNDEFINED, type Value } from './values.js';

const K = ts.SyntaxKind;

/** The value of an expression. */
export function evaluateExpression(c: Context, node: ts.Expression, environment: Environment): Value {
  if (c.region.isStatic && --c.staticSteps < 0) throw new NotStatic(node);
  if (isTransparent(node)) return c.evaluate(node.expression, environment);
  if (ts.isIdentifier(node)) return identifier(c, node, environment);
  if (ts.isNumericLiteral(node)) return staticValue(Number(node.text));
  if (ts.isBigIntLiteral(node)) return staticValue(BigInt(node.text.slice(0, -1)));
  if (ts.isStringLiteralLike(node)) return staticValue(node.text);
  if (ts.isPropertyAccessExpression(node)) return propertyAccess(c, node, environment);
  if (ts.isElementAccessExpression(node)) return elementAccess(c, node, environment);
  if (ts.isCallExpression(node)) return evaluateCall(c, node, environment);
  if (ts.isNewExpression(node)) return evaluateNew(c, node, environment);
  if (isAssignment(node)) return assignTo(c, node, environment);
  if (ts.isBinaryExpression(node)) return binaryExpression(c, node, environment);
  if (ts.isConditionalExpression(node)) {
    return choose(
      c,
      truthOf(c, c.evaluate(node.condition, environment)),
      () => c.evaluate(node.whenTrue, environment),
      () => c.evaluate(node.whenFalse, environment),
    );
  }
  if (ts.isPostfixUnaryExpression(node)) return stepOf(c, node.operand, node.operator, true, environment);
  if (ts.isPrefixUnaryExpression(node)) {
    if (node.operator === K.PlusPlusToken || node.operator === K.MinusMinusToken)
      return stepOf(c, node.operand, node.operator, false, environment);
    return unary(c, node.operator, c.evaluate(node.operand, environment));
  }
  if (ts.isTemplateExpression(node)) return template(c, node, environment);
  if (ts.isObjectLiteralExpression(node)) return makeObject(c, node, environment);
  if (ts.isArrayLiteralExpression(node)) return makeArray(c, node, environment);
  if (ts.isArrowFunction(node) || ts.isFunctionExpression(node)) {
    if (node.modifiers?.some(({ kind }) => kind === K.AsyncKeyword) === true)
      fail(c, 'an async function', 'a kernel waits by operations: yield* t.…(…)');
    return { kind: 'function', node, environment, module: environment.module, name: functionName(c, node) };
  }
  if (ts.isClassExpression(node)) return makeClass(c, node, environment);
  if (ts.isYieldExpression(node)) return yieldExpression(c, node, environment);
  return special(c, node, environment);
}

function special(c: Context, node: ts.Expression, environment: Environment): Value {
  switch (node.kind) {
    case K.TrueKeyword:
      return staticValue(true);
    case K.FalseKeyword:
      return staticValue(false);
    case K.NullKeyword:
      return staticValue(null);
    case K.ThisKeyword: {
      const cell = environment.lookup('this');
      return cell === null ? UNDEFINED : readCell(c, cell);
    }
    case K.VoidExpression:
      c.evaluate((node as ts.VoidExpression).expression, environment);
      return UNDEFINED;
    case K.TypeOfExpression:
      return typeOf(c, c.evaluate((node as ts.TypeOfExpression).expression, environment));
    case K.AwaitExpression:
      return fail(c, "'await'", 'a kernel waits by operations: yield* t.…(…)');
    case K.RegularExpressionLiteral:
      return fail(c, 'a regular expression', 'a kernel computes with numbers');
    case K.DeleteExpression:
      return fail(c, "'delete'", 'make objects with the fields that they need');
    case K.TaggedTemplateExpression:
      return fail(c, 'a tagged template', 'call a function');
    default:
      return fail(
        c,
        `'${shortText(node)}' (${ts.SyntaxKind[node.kind]})`,
        'write it with functions, objects and operators',
      );
  }
}

const shortText = (node: ts.Node): string => {
  const text = node.getText().replace(/\s+/g, ' ');
  return text.length > 30 ? `${text.slice(0, 29)}…` : text;
};

function identifier(c: Context, node: ts.Identifier, environment: Environment): Value {
  if (node.text === 'arguments') fail(c, "'arguments'", 'name the parameters, or take them as ...rest');
  const cell = environment.lookup(node.text);
  if (cell !== null) return readCell(c, cell);
  const value = globalValue(node.text);
  return value ?? fail(c, `the name '${node.text}'`, 'declare or import it where the compiler sees it');
}

function propertyAccess(c: Context, node: ts.PropertyAccessExpression, environment: Environment): Value {
  const receiver = c.evaluate(node.expression, environment);
  if (node.questionDotToken !== undefined && isNullish(c, receiver)) return UNDEFINED;
  return memberOf(c, receiver, node.name.text);
}

function elementAccess(c: Context, node: ts.ElementAccessExpression, environment: Environment): Value {
  const receiver = c.evaluate(node.expression, environment);
  if (node.questionDotToken !== undefined && isNullish(c, receiver)) return UNDEFINED;
  return elementOf(c, receiver, c.evaluate(node.argumentExpression, environment), node);
}

function binaryExpression(c: Context, node: ts.BinaryExpression, environment: Environment): Value {
  const { left, operatorToken, right } = node;
  switch (operatorToken.kind) {
    case K.AmpersandAmpersandToken: {
      const a = c.evaluate(left, environment);
      return choose(
        c,
        truthOf(c, a),
        () => c.evaluate(right, environment),
        () => a,
      );
    }
    case K.BarBarToken: {
      const a = c.evaluate(left, environment);
      return choose(
        c,
        truthOf(c, a),
        () => a,
        () => c.evaluate(right, environment),
      );
    }
    case K.QuestionQuestionToken: {
      const a = c.evaluate(left, environment);
      if (a.kind === 'pointer' && a.isNullable) {
        return choose(
          c,
          truthOf(c, a),
          () => ({ ...a, isNullable: false }),
          () => c.evaluate(right, environment),
        );
      }
      return isNullish(c, a) ? c.evaluate(right, environment) : a;
    }
    case K.CommaToken:
      c.evaluate(left, environment);
      return c.evaluate(right, environment);
    case K.InKeyword:
    case K.InstanceOfKeyword:
      return fail(c, `'${operatorToken.getText()}'`, 'keep a boolean or a number that says which it is');
    default: {
      const a = c.evaluate(left, environment);
      const b = c.evaluate(right, environment);
      return binary(c, operatorToken.kind, a, b);
    }
  }
}

/** `condition ? then() : otherwise()`, and `&&` and `||`, where a side may be what the condition itself is. */
function choose(c: Context, condition: ReturnType<typeof truthOf>, then: () => Value, otherwise: () => Value): Value {
  if (typeof condition === 'boolean') return condition ? then() : otherwise();
  return chooseBetween(
    c,
    condition,
    arm(() => replaceCondition(then(), condition, true)),
    arm(() => replaceCondition(otherwise(), condition, false)),
  );
}

/** `a && b` is false where a boolean `a` is false: no need to keep `a`. */
function replaceCondition(value: Value, condition: object, truth: boolean): Value {
  return value.kind === 'dynamic' && value.operand === condition ? staticValue(truth) : value;
}

function template(c: Context, node: ts.TemplateExpression, environment: Environment): Value {
  let text = node.head.text;
  const sources: Value[] = [];
  for (const { expression, literal } of node.templateSpans) {
    const value = c.evaluate(expression, environment);
    if (value.kind !== 'static') sources.push(value);
    text += textOf(value) + literal.text;
  }
  return sources.length === 0 ? staticValue(text) : { kind: 'text', text, sources };
}

function yieldExpression(c: Context, node: ts.YieldExpression, environment: Environment): Value {
  if (node.asteriskToken === undefined || node.expression === undefined)
    return fail(c, "'yield' without a star", "write 'yield* t.…(…)'");
  if (c.activation.callee !== null && !isGeneratorFunction(c.activation.callee.node))
    return fail(c, "'yield*' outside of a generator", 'write function*');
  return c.perform(node.expression, environment);
}

function typeOf(c: Context, value: Value): Value {
  switch (value.kind) {
    case 'static':
      return staticValue(typeof value.value);
    case 'dynamic':
      return staticValue({ num: 'number', big: 'bigint', bool: 'boolean' }[value.type]);
    case 'function':
    case 'class':
    case 'native':
      return staticValue('function');
    case 'text':
      return staticValue('string');
    case 'poison':
      return fail(c, value.construct, value.advice);
    case 'operation':
      return fail(c, `typeof ${describeValue(value)}`, "perform it: 'yield* …'");
    default:
      return staticValue('object');
  }
}
