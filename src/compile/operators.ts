import ts from 'typescript';
import type { CompareOperator } from '../program/program.js';
import { type Context, fail, isInteger } from './context.js';
import { booleanToNumber, compare, dynamic, pure, scalarOf } from './emit.js';
import { constant, type Operand, type PureName } from './hir.js';
import { describeValue, type Primitive, staticValue, type Value } from './values.js';

const K = ts.SyntaxKind;

const NUMBER_OPERATORS: Partial<Record<ts.SyntaxKind, PureName>> = {
  [K.PlusToken]: 'n.add',
  [K.MinusToken]: 'n.sub',
  [K.AsteriskToken]: 'n.mul',
  [K.SlashToken]: 'n.div',
  [K.PercentToken]: 'n.rem',
  [K.AmpersandToken]: 'n.and',
  [K.BarToken]: 'n.or',
  [K.CaretToken]: 'n.xor',
  [K.LessThanLessThanToken]: 'n.shl',
  [K.GreaterThanGreaterThanToken]: 'n.shr',
  [K.GreaterThanGreaterThanGreaterThanToken]: 'n.ushr',
};

const BIGINT_OPERATORS: Partial<Record<ts.SyntaxKind, PureName>> = {
  [K.PlusToken]: 'b.add',
  [K.MinusToken]: 'b.sub',
  [K.AsteriskToken]: 'b.mul',
  [K.SlashToken]: 'b.div',
  [K.PercentToken]: 'b.rem',
  [K.AmpersandToken]: 'b.and',
  [K.BarToken]: 'b.or',
  [K.CaretToken]: 'b.xor',
  [K.LessThanLessThanToken]: 'b.shl',
  [K.GreaterThanGreaterThanToken]: 'b.shr',
};

const COMPARISONS: Partial<Record<ts.SyntaxKind, CompareOperator>> = {
  [K.EqualsEqualsEqualsToken]: 'eq',
  [K.ExclamationEqualsEqualsToken]: 'ne',
  [K.EqualsEqualsToken]: 'eq',
  [K.ExclamationEqualsToken]: 'ne',
  [K.LessThanToken]: 'lt',
  [K.LessThanEqualsToken]: 'le',
  [K.GreaterThanToken]: 'gt',
  [K.GreaterThanEqualsToken]: 'ge',
};

/** `a OPERATOR b`, without `&&`, `||`, `??` and assignments. */
export function binary(c: Context, operator: ts.SyntaxKind, a: Value, b: Value): Value {
  for (const value of [a, b]) if (value.kind === 'poison') fail(c, value.construct, value.advice);
  const isEquality = COMPARISONS[operator] === 'eq' || COMPARISONS[operator] === 'ne';
  if (a.kind === 'static' && b.kind === 'static') return staticBinary(c, operator, a.value, b.value);
  if (isEquality) return equality(c, operator, a, b);
  const isText = (value: Value) =>
    value.kind === 'text' || (value.kind === 'static' && typeof value.value === 'string');
  if (operator === K.PlusToken && (isText(a) || isText(b)))
    return { kind: 'text', text: textOf(a) + textOf(b), sources: [a, b] };
  const text = ts.tokenToString(operator) ?? 'operator';
  const first = scalarOf(a);
  const second = scalarOf(b);
  if (first === null || second === null || first.kind === 'ptr' || second.kind === 'ptr') {
    const culprit = first === null || first.kind === 'ptr' ? a : b;
    const advice =
      culprit.kind === 'pointer'
        ? 'compute with pointer.add(count), or with the number pointer.address'
        : 'compute with numbers, bigints or booleans';
    return fail(c, `'${text}' of ${describeValue(culprit)}`, advice);
  }
  const comparison = COMPARISONS[operator];
  if (first.kind === 'big' || second.kind === 'big') {
    if (first.kind !== second.kind) {
      return fail(c, `'${text}' of a number and a bigint`, 'convert one of them: BigInt(number) or Number(bigint)');
    }
    if (comparison !== undefined) return dynamic(compare(c, comparison, 'big', first.operand, second.operand));
    const name = BIGINT_OPERATORS[operator];
    if (name === undefined) return fail(c, `'${text}' of bigints`, 'use + - * / % & | ^ << >>');
    return dynamic(pure(c, name, [first.operand, second.operand]));
  }
  const toNumber = ({ kind, operand }: typeof first) => (kind === 'bool' ? booleanToNumber(c, operand) : operand);
  if (comparison !== undefined) return dynamic(compare(c, comparison, 'num', toNumber(first), toNumber(second)));
  const name = NUMBER_OPERATORS[operator];
  if (name === undefined) return fail(c, `'${text}' of numbers`, 'use + - * / % & | ^ << >> >>>');
  const isZero = b.kind === 'static' && b.value === 0;
  if (isZero && operator === K.BarToken) return dynamic(pure(c, 'n.toI32', [toNumber(first)]));
  if (isZero && operator === K.GreaterThanGreaterThanGreaterThanToken)
    return dynamic(pure(c, 'n.toU32', [toNumber(first)]));
  return dynamic(pure(c, name, [toNumber(first), toNumber(second)]));
}

function equality(c: Context, operator: ts.SyntaxKind, a: Value, b: Value): Value {
  const isEqual = COMPARISONS[operator] === 'eq';
  const isLoose = operator === K.EqualsEqualsToken || operator === K.ExclamationEqualsToken;
  const isNull = (value: Value) =>
    value.kind === 'static' && (value.value === null || (isLoose && value.value === undefined));
  const known = (isSame: boolean) => staticValue(isSame === isEqual);
  const nullable = isNull(b) ? a : isNull(a) ? b : null;
  if (nullable?.kind === 'pointer') {
    if (!nullable.isNullable) return known(false);
    return dynamic(compare(c, isEqual ? 'eq' : 'ne', 'ptr', nullable.operand, constant(null)));
  }
  if (a.kind === 'pointer' && b.kind === 'pointer') {
    return fail(c, 'a comparison of pointers', 'compare their addresses: a.address === b.address');
  }
  if (a.kind === 'text' || b.kind === 'text') return fail(c, 'a comparison of strings', 'compare numbers');
  const first = scalarOf(a);
  const second = scalarOf(b);
  if (first !== null && second !== null && first.kind !== 'ptr' && second.kind !== 'ptr') {
    if (first.kind === second.kind) {
      if (first.kind === 'bool') return dynamic(sameTruth(c, isEqual, first.operand, second.operand));
      return dynamic(compare(c, isEqual ? 'eq' : 'ne', first.kind, first.operand, second.operand));
    }
    if (isLoose) return fail(c, "'==' of different types", "convert one of them and use '==='");
    return known(false);
  }
  if (first === null && second === null && a.kind !== 'static' && b.kind !== 'static') {
    if (a.kind === 'register' || b.kind === 'register')
      return fail(c, 'a comparison of registers', 'compare their values: register.value');
    return known(a === b);
  }
  return known(false);
}

function sameTruth(c: Context, isEqual: boolean, a: Operand, b: Operand): Operand {
  const fixed = a.op === 'const' ? a : b.op === 'const' ? b : null;
  if (fixed !== null) {
    const other = fixed === a ? b : a;
    return (fixed.value === true) === isEqual ? other : pure(c, 'p.not', [other]);
  }
  const differs = pure(c, 'p.xor', [a, b]);
  return isEqual ? pure(c, 'p.not', [differs]) : differs;
}

function staticBinary(c: Context, operator: ts.SyntaxKind, a: Primitive, b: Primitive): Value {
  // The operands are what they are; JavaScript itself says what comes out or throws.
  const x = a as number;
  const y = b as number;
  try {
    switch (operator) {
      case K.PlusToken:
        return staticValue(x + y);
      case K.MinusToken:
        return staticValue(x - y);
      case K.AsteriskToken:
        return staticValue(x * y);
      case K.SlashToken:
        return staticValue(x / y);
      case K.PercentToken:
        return staticValue(x % y);
      case K.AsteriskAsteriskToken:
        return staticValue(x ** y);
      case K.AmpersandToken:
        return staticValue(x & y);
      case K.BarToken:
        return staticValue(x | y);
      case K.CaretToken:
        return staticValue(x ^ y);
      case K.LessThanLessThanToken:
        return staticValue(x << y);
      case K.GreaterThanGreaterThanToken:
        return staticValue(x >> y);
      case K.GreaterThanGreaterThanGreaterThanToken:
        return staticValue(x >>> y);
      case K.LessThanToken:
        return staticValue(x < y);
      case K.LessThanEqualsToken:
        return staticValue(x <= y);
      case K.GreaterThanToken:
        return staticValue(x > y);
      case K.GreaterThanEqualsToken:
        return staticValue(x >= y);
      case K.EqualsEqualsEqualsToken:
        return staticValue(x === y);
      case K.ExclamationEqualsEqualsToken:
        return staticValue(x !== y);
      case K.EqualsEqualsToken:
        // biome-ignore lint/suspicious/noDoubleEquals: the source says so
        return staticValue(x == y);
      case K.ExclamationEqualsToken:
        // biome-ignore lint/suspicious/noDoubleEquals: the source says so
        return staticValue(x != y);
      default:
        return fail(
          c,
          `the operator '${ts.tokenToString(operator)}'`,
          'use arithmetic, bitwise and comparison operators',
        );
    }
  } catch (error) {
    if (!(error instanceof TypeError || error instanceof RangeError)) throw error;
    return fail(c, `a computation that throws ${error.name} (${error.message})`, 'change its operands');
  }
}

/** `OPERATOR value`: `-`, `+`, `~`, `!`. */
export function unary(c: Context, operator: ts.PrefixUnaryOperator, value: Value): Value {
  if (operator === K.ExclamationToken) {
    const truth = truthOf(c, value);
    return typeof truth === 'boolean' ? staticValue(!truth) : dynamic(pure(c, 'p.not', [truth]));
  }
  if (value.kind === 'poison') return fail(c, value.construct, value.advice);
  if (value.kind === 'static') {
    const primitive = value.value;
    if (typeof primitive === 'bigint') {
      if (operator === K.MinusToken) return staticValue(-primitive);
      if (operator === K.TildeToken) return staticValue(~primitive);
    } else {
      const number = primitive as number;
      return staticValue(operator === K.MinusToken ? -number : operator === K.TildeToken ? ~number : +number);
    }
  }
  const scalar = scalarOf(value);
  if (scalar?.kind === 'big' && operator !== K.PlusToken)
    return dynamic(pure(c, operator === K.MinusToken ? 'b.neg' : 'b.not', [scalar.operand]));
  if (scalar?.kind !== 'num' && scalar?.kind !== 'bool') {
    return fail(c, `'${ts.tokenToString(operator)}' of ${describeValue(value)}`, 'it needs a number');
  }
  const operand = scalar.kind === 'bool' ? booleanToNumber(c, scalar.operand) : scalar.operand;
  if (operator === K.PlusToken) return dynamic(operand);
  return dynamic(pure(c, operator === K.MinusToken ? 'n.neg' : 'n.not', [operand]));
}

/** Whether a value counts as true: known, or an operand. */
export function truthOf(c: Context, value: Value): boolean | Operand {
  switch (value.kind) {
    case 'static':
      return Boolean(value.value);
    case 'dynamic': {
      const { operand, type } = value;
      if (type === 'bool') return operand;
      if (type === 'big') return compare(c, 'ne', 'big', operand, constant(0n));
      const isNonZero = compare(c, 'ne', 'num', operand, constant(0));
      if (isInteger(operand)) return isNonZero;
      return pure(c, 'p.and', [isNonZero, compare(c, 'eq', 'num', operand, operand)]);
    }
    case 'pointer':
      return value.isNullable ? compare(c, 'ne', 'ptr', value.operand, constant(null)) : true;
    case 'poison':
      return fail(c, value.construct, value.advice);
    case 'text':
      return fail(c, 'a string of dynamic parts as a condition', 'test a number or a boolean');
    case 'operation':
    case 'generator':
      return fail(c, `${describeValue(value)} as a condition`, "perform it: 'yield* …'");
    default:
      return true;
  }
}

/** What a value adds to a message. */
export function textOf(value: Value): string {
  if (value.kind === 'static') return String(value.value);
  return value.kind === 'text' ? value.text : '…';
}
