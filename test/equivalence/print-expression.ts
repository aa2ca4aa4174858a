import { type ScalarType, scalarBytes } from '../../src/simt/index.js';
import { type Expr, type ExprType, INPUT_WORDS, RANDOM_WORDS } from './kernel-ast.js';
import { OPERATORS } from './operators.js';
import { type Context, DIVERGENT, hasThread, type Printing, type Uniformity, type Variable } from './print-context.js';

/** Prints an expression whose value is at least as uniform as `needed`: a primary expression. */
export function printExpr(p: Printing, c: Context, e: Expr, needed: Uniformity = DIVERGENT): string {
  const operator = OPERATORS.get(e.op);
  if (operator !== undefined) {
    p.features.add(e.op);
    const args = operator.args.map((type, at) => printExpr(p, c, e.args[at] ?? zero(type), needed));
    return operator.print(args, e.n);
  }
  switch (e.op) {
    case 'variable':
      return printVariable(p, c, e, needed);
    case 'special':
      return printSpecial(p, c, e, needed);
    case 'argument':
      return printArgument(p, c, e);
    case 'load':
      return printLoad(p, c, e, needed);
    case 'call':
      return printCall(p, c, e, needed);
    default:
      return literal(e.type, e.n);
  }
}

/** As the whole of a statement's or an argument's expression: without outer parentheses. */
export function printWhole(p: Printing, c: Context, e: Expr, needed: Uniformity = DIVERGENT): string {
  return withoutParentheses(printExpr(p, c, e, needed));
}

export function withoutParentheses(text: string): string {
  if (!text.startsWith('(')) return text;
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    if (text[at] === '(') depth++;
    else if (text[at] === ')' && --depth === 0 && at < text.length - 1) return text;
  }
  return text.slice(1, -1);
}

export const zero = (type: ExprType): Expr => ({ op: 'literal', type, n: 0, args: [] });

export function literal(type: ExprType, n: number): string {
  switch (type) {
    case 'i32':
    case 'f64':
      return n < 0 ? `(${n})` : `${n}`;
    case 'u32':
      return `${n >>> 0}`;
    case 'bool':
      return n & 1 ? 'true' : 'false';
    case 'u64':
      return `${BigInt.asUintN(64, spread(n))}n`;
    case 'i64': {
      const value = BigInt.asIntN(64, spread(n));
      return value < 0n ? `(${value}n)` : `${value}n`;
    }
    default:
      return type satisfies never;
  }
}

/** Large numbers stand for words of 64 random bits. */
const spread = (n: number): bigint => (Math.abs(n) < 1000 ? BigInt(n) : BigInt(n) * 0x9e3779b97f4a7c15n);

/** Variables of a type; those of words also count as plain numbers. */
export function candidates(c: Context, type: ExprType, needed: Uniformity, isMutable = false): readonly Variable[] {
  return c.variables.filter(
    (v) =>
      (v.type === type || (!isMutable && type === 'f64' && (v.type === 'i32' || v.type === 'u32'))) &&
      v.uniformity >= needed &&
      (!isMutable || v.isMutable),
  );
}

function printVariable(_p: Printing, c: Context, e: Expr, needed: Uniformity): string {
  const found = candidates(c, e.type, needed);
  if (found.length === 0) return literal(e.type, e.n & 7);
  // The latest ones first: what has just been computed is most often used.
  const variable = found[found.length - 1 - (e.n % found.length)]!;
  variable.isUsed = true;
  return variable.name;
}

const UNIFORM = ['t.blockIdx.x', 't.blockDim.x', 't.gridDim.x', 't.blockIdx.y', 't.blockDim.y'] as const;
const VARYING = [
  't.laneId',
  't.threadRank',
  't.threadIdx.x',
  't.threadIdx.y',
  't.threadIdx.z',
  't.globalThreadIdx',
  'threadNumber(t)',
] as const;
const LANE_MASKS = ['t.lanemaskLt', 't.lanemaskLe', 't.lanemaskEq', 't.lanemaskGt', 't.lanemaskGe'] as const;

function printSpecial(p: Printing, c: Context, e: Expr, needed: Uniformity): string {
  if (!hasThread(c)) return literal(e.type, e.n & 7);
  if (e.type === 'u32' && needed === DIVERGENT) {
    p.features.add('lane masks');
    return LANE_MASKS[e.n % LANE_MASKS.length]!;
  }
  const names = needed === DIVERGENT ? [...VARYING, ...UNIFORM] : UNIFORM;
  p.features.add('special registers');
  return convert(names[e.n % names.length]!, e.type);
}

/** An i32 as another type. */
function convert(text: string, type: ExprType): string {
  switch (type) {
    case 'i32':
    case 'f64':
      return text;
    case 'u32':
      return `(${text} >>> 0)`;
    case 'bool':
      return `((${text} & 1) !== 0)`;
    case 'u64':
      return `u64(BigInt(${text}))`;
    case 'i64':
      return `BigInt(${text})`;
    default:
      return type satisfies never;
  }
}

function printArgument(p: Printing, c: Context, e: Expr): string {
  if (!hasThread(c)) return literal(e.type, e.n & 7);
  p.features.add('arguments');
  if (e.type === 'bool') return e.n & 1 ? 'inner.isOn' : 'flag';
  if (e.type === 'u64') return 'big';
  return convert(['n', 'k', 'inner.scale', 'inner.deep.bias'][e.n % 4]!, e.type);
}

const LOADS: Readonly<Record<ExprType, readonly ScalarType[]>> = {
  i32: ['i32', 'i16', 'i8'],
  u32: ['u32', 'u16', 'u8', 'f32'],
  f64: ['i32'],
  bool: ['i32'],
  u64: ['u64'],
  i64: ['i64'],
};

function printLoad(p: Printing, c: Context, e: Expr, needed: Uniformity): string {
  if (!hasThread(c)) return literal(e.type, e.n & 7);
  const types = LOADS[e.type];
  const type = types[(e.n >> 1) % types.length]!;
  const isOwn = (e.n & 1) === 1 && needed === DIVERGENT;
  const index = printWhole(p, c, e.args[0] ?? zero('i32'), needed);
  p.features.add(isOwn ? 'plain loads of own memory' : 'plain loads of the input');
  p.features.add(`memory of ${type}`);
  const text = `${typed(isOwn ? 'own' : 'input', type)}.load(${masked(index, elementsIn(isOwn ? 'own' : 'input', type))})`;
  return e.type === 'bool' ? `((${text} & 1) !== 0)` : text;
}

/** Elements that a thread may access there. */
export const elementsIn = (memory: 'own' | 'input', type: ScalarType): number =>
  ((memory === 'own' ? RANDOM_WORDS : INPUT_WORDS) * 4) / scalarBytes(type);

/** An index from 0 to `count` - 1, a power of two. */
export const masked = (index: string, count: number): string =>
  /^\d+$/.test(index) ? `${Number(index) % count}` : `${/[^\w.]/.test(index) ? `(${index})` : index} & ${count - 1}`;

const NATIVE: Readonly<Record<string, ScalarType>> = { own: 'u32', input: 'i32', scratch: 'u32', cells: 'u32' };

/** A pointer as one to that type. */
export const typed = (pointer: string, type: ScalarType): string =>
  NATIVE[pointer] === type ? pointer : `${pointer}.cast('${type}')`;

function printCall(p: Printing, c: Context, e: Expr, needed: Uniformity): string {
  const callables = [
    ...p.plain.filter(({ ast }) => ast.result.type === e.type),
    // Objects of the kernel are nowhere else in scope.
    ...(needed === DIVERGENT
      ? c.objects.flatMap(({ methods }) =>
          methods.filter(({ ast }) => ast.kind === 'plain' && ast.result.type === e.type),
        )
      : []),
  ];
  if (callables.length === 0) return literal(e.type, e.n & 7);
  const { call, ast } = callables[e.n % callables.length]!;
  p.features.add(call.includes('.') ? 'plain methods' : 'plain functions');
  return `${call}(${printArguments(p, c, ast.params, e.args, needed).join(', ')})`;
}

/** Arguments for parameters of those types: what is given where the type fits, else 0. */
export function printArguments(
  p: Printing,
  c: Context,
  params: readonly ExprType[],
  given: readonly Expr[],
  needed: Uniformity = DIVERGENT,
): string[] {
  return params.map((type, at) => {
    const arg = given[at];
    return printWhole(p, c, arg !== undefined && arg.type === type ? arg : zero(type), needed);
  });
}
