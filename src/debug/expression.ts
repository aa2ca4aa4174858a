/** A value: an integer of any size, a truth, or a double that is no integer. */
export type ExpressionValue = bigint | boolean | number;

/** What a name stands for: a value, or values by number (registers, shared memory, what a pointer points to). */
export interface Meaning {
  readonly value?: ExpressionValue;
  readonly element?: (index: bigint) => ExpressionValue;
}

/** What an expression is evaluated in. */
export interface ExpressionScope {
  /** @throws EvaluationError if there is no such name, saying what there is. */
  lookUp(name: string): Meaning;
  /** The scalar of a type at an address. @throws EvaluationError if there is none. */
  load(type: MemoryType, address: bigint): ExpressionValue;
}

export const MEMORY_TYPES = ['i8', 'u8', 'i16', 'u16', 'i32', 'u32', 'i64', 'u64', 'f32'] as const;
export type MemoryType = (typeof MEMORY_TYPES)[number];

export type Expression =
  | { readonly kind: 'literal'; readonly value: ExpressionValue }
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'element'; readonly name: string; readonly index: Expression }
  | { readonly kind: 'memory'; readonly type: MemoryType; readonly address: Expression }
  | { readonly kind: 'unary'; readonly operator: '-' | '~' | '!'; readonly a: Expression }
  | { readonly kind: 'binary'; readonly operator: BinaryOperator; readonly a: Expression; readonly b: Expression };

/** From weakest to strongest; operators of a row are of one strength. */
const LEVELS = [
  ['||'],
  ['&&'],
  ['|'],
  ['^'],
  ['&'],
  ['==', '!='],
  ['<=', '>=', '<', '>'],
  ['<<', '>>'],
  ['+', '-'],
  ['*', '/', '%'],
] as const;
type BinaryOperator = (typeof LEVELS)[number][number];

/** A text that is no expression. The message is one line that says what is accepted. */
export class ExpressionError extends Error {
  override readonly name = 'ExpressionError';
}

/** An expression that has no value here. The message is one line. */
export class EvaluationError extends Error {
  override readonly name = 'EvaluationError';
}

export const EXPRESSION_HELP =
  "an expression has numbers (12, 0x1f), names (locals, arguments, threadIdx.x, rank, 'symbol'), elements (regs[3]), memory (u64[ADDRESS]) and the operators of C";

const TOKEN =
  /\s*(?:(0[xX][0-9a-fA-F]+|\d+(?:\.\d+)?)n?(?![\w.])|([A-Za-z_$][\w$]*(?:\.[A-Za-z_$][\w$]*)*)|'([^']*)'|(\|\||&&|==|!=|<=|>=|<<|>>|[-+*/%&|^~!<>()[\]]))/y;

type Token =
  | { readonly kind: 'number'; readonly value: ExpressionValue }
  | { readonly kind: 'name'; readonly text: string }
  | { readonly kind: 'sign'; readonly text: string };

const MOST_DEPTH = 200;

/** @throws ExpressionError */
export function parseExpression(text: string): Expression {
  const tokens = tokensOf(text);
  let at = 0;
  let depth = 0;
  const fail = (): never => {
    const token = tokens[at];
    const shown = token?.kind === 'number' ? String(token.value) : token?.text;
    const what = shown === undefined ? 'it ends too early' : `unexpected '${shown}'`;
    throw new ExpressionError(`'${text.trim()}': ${what}; ${EXPRESSION_HELP}`);
  };
  const take = (sign: string): boolean => {
    const token = tokens[at];
    if (token?.kind !== 'sign' || token.text !== sign) return false;
    at++;
    return true;
  };
  const expect = (sign: string) => {
    if (!take(sign)) fail();
  };
  const level = (strength: number): Expression => {
    const operators = LEVELS[strength];
    if (operators === undefined) return unary();
    let a = level(strength + 1);
    for (;;) {
      const operator = operators.find((candidate) => take(candidate));
      if (operator === undefined) return a;
      a = { kind: 'binary', operator, a, b: level(strength + 1) };
    }
  };
  const unary = (): Expression => {
    if (++depth > MOST_DEPTH) throw new ExpressionError(`'${text.slice(0, 20)}…' is nested too deeply`);
    try {
      for (const operator of ['-', '~', '!'] as const)
        if (take(operator)) return { kind: 'unary', operator, a: unary() };
      return primary();
    } finally {
      depth--;
    }
  };
  const primary = (): Expression => {
    if (take('(')) {
      const inner = level(0);
      expect(')');
      return inner;
    }
    const token = tokens[at];
    if (token === undefined || token.kind === 'sign') return fail();
    at++;
    if (token.kind === 'number') return { kind: 'literal', value: token.value };
    const { text: name } = token;
    if (name === 'true' || name === 'false') return { kind: 'literal', value: name === 'true' };
    if (!take('[')) return { kind: 'name', name };
    const index = level(0);
    expect(']');
    const type = MEMORY_TYPES.find((known) => known === name);
    return type === undefined ? { kind: 'element', name, index } : { kind: 'memory', type, address: index };
  };
  const parsed = level(0);
  if (at < tokens.length) fail();
  return parsed;
}

function tokensOf(text: string): Token[] {
  const tokens: Token[] = [];
  const pattern = new RegExp(TOKEN);
  let at = 0;
  while (text.slice(at).trim() !== '') {
    pattern.lastIndex = at;
    const match = pattern.exec(text);
    if (match === null) {
      throw new ExpressionError(`'${text.trim()}': unexpected '${text.slice(at).trim()[0]}'; ${EXPRESSION_HELP}`);
    }
    at = pattern.lastIndex;
    const [, number, name, quoted, sign] = match;
    if (number !== undefined)
      tokens.push({ kind: 'number', value: number.includes('.') ? Number(number) : BigInt(number) });
    else if (sign !== undefined) tokens.push({ kind: 'sign', text: sign });
    else tokens.push({ kind: 'name', text: name ?? quoted! });
  }
  return tokens;
}

/** @throws EvaluationError */
export function evaluateExpression(expression: Expression, scope: ExpressionScope): ExpressionValue {
  switch (expression.kind) {
    case 'literal':
      return expression.value;
    case 'name': {
      const { value } = scope.lookUp(expression.name);
      if (value !== undefined) return value;
      throw new EvaluationError(`${expression.name} has elements: say which, as ${expression.name}[0]`);
    }
    case 'element': {
      const { element } = scope.lookUp(expression.name);
      if (element !== undefined) return element(integer(evaluateExpression(expression.index, scope)));
      throw new EvaluationError(`${expression.name} is one value and has no elements`);
    }
    case 'memory':
      return scope.load(expression.type, integer(evaluateExpression(expression.address, scope)));
    case 'unary':
      return unaryValue(expression.operator, evaluateExpression(expression.a, scope));
    case 'binary':
      return binaryValue(expression, scope);
    default:
      return expression satisfies never;
  }
}

function unaryValue(operator: '-' | '~' | '!', a: ExpressionValue): ExpressionValue {
  if (operator === '!') return !truth(a);
  if (operator === '~') return ~integer(a);
  return typeof a === 'number' ? -a : -integer(a);
}

function binaryValue(
  { operator, a: left, b: right }: Extract<Expression, { kind: 'binary' }>,
  scope: ExpressionScope,
): ExpressionValue {
  const a = evaluateExpression(left, scope);
  if (operator === '&&') return truth(a) && truth(evaluateExpression(right, scope));
  if (operator === '||') return truth(a) || truth(evaluateExpression(right, scope));
  const b = evaluateExpression(right, scope);
  switch (operator) {
    case '==':
      return isEqual(number(a), number(b));
    case '!=':
      return !isEqual(number(a), number(b));
    case '<':
      return number(a) < number(b);
    case '<=':
      return number(a) <= number(b);
    case '>':
      return number(a) > number(b);
    case '>=':
      return number(a) >= number(b);
    case '&':
      return integer(a) & integer(b);
    case '|':
      return integer(a) | integer(b);
    case '^':
      return integer(a) ^ integer(b);
    case '<<':
      return integer(a) << shift(b);
    case '>>':
      return integer(a) >> shift(b);
    default:
      return arithmetic(operator, number(a), number(b));
  }
}

function arithmetic(operator: '+' | '-' | '*' | '/' | '%', a: bigint | number, b: bigint | number): ExpressionValue {
  if (typeof a === 'bigint' && typeof b === 'bigint') {
    if (b === 0n && (operator === '/' || operator === '%')) throw new EvaluationError('a division by zero');
    return { '+': () => a + b, '-': () => a - b, '*': () => a * b, '/': () => a / b, '%': () => a % b }[operator]();
  }
  const [x, y] = [Number(a), Number(b)];
  return { '+': () => x + y, '-': () => x - y, '*': () => x * y, '/': () => x / y, '%': () => x % y }[operator]();
}

/** Whether a value counts as true: as in C. */
export const truth = (value: ExpressionValue): boolean => value !== false && value !== 0n && value !== 0;

/** Of a bigint and a double, as numbers. */
const isEqual = (a: bigint | number, b: bigint | number): boolean => a <= b && a >= b;

const number = (value: ExpressionValue): bigint | number => (typeof value === 'boolean' ? (value ? 1n : 0n) : value);

function integer(value: ExpressionValue): bigint {
  const given = number(value);
  if (typeof given === 'bigint') return given;
  throw new EvaluationError(`${given} is no integer`);
}

function shift(value: ExpressionValue): bigint {
  const count = integer(value);
  if (count < 0n || count > 64n) throw new EvaluationError(`a shift by ${count}; 0 to 64 are possible`);
  return count;
}

/** A JavaScript number or bigint as a {@link ExpressionValue}. */
export const toValue = (value: boolean | number | bigint): ExpressionValue =>
  typeof value === 'number' && Number.isSafeInteger(value) && !Object.is(value, -0) ? BigInt(value) : value;
