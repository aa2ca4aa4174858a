import type { ExprType } from './kernel-ast.js';

/** An operator: how it is written, given its operands as text (each a primary expression) and a number to choose by. */
interface Operator {
  readonly type: ExprType;
  readonly args: readonly ExprType[];
  readonly print: (args: readonly string[], n: number) => string;
}

const COMPARISONS = ['<', '<=', '>', '>=', '===', '!=='] as const;
const comparison = (n: number): string => COMPARISONS[n % 6]!;
const infix =
  (operator: string) =>
  ([a, b]: readonly string[]): string =>
    `(${a} ${operator} ${b})`;
const call =
  (name: string) =>
  (args: readonly string[]): string =>
    `${name}(${args.join(', ')})`;
const select = ([c, a, b]: readonly string[]): string => `(${c} ? ${a} : ${b})`;
/** TypeScript's parser takes `a < (b > (c))` for a call with type arguments: written the other way round. */
const compare = ([a, b]: readonly string[], n: number): string =>
  comparison(n) === '<' && b!.includes('>') ? `(${b} > ${a})` : `(${a} ${comparison(n)} ${b})`;
const SHIFTS = [0, 1, 5, 31, 8, 16] as const;
const WIDE_SHIFTS = [0, 1, 13, 32, 63, 40] as const;
const DIVISORS = [3, 1, -2, 7, 16, -5] as const;
const WIDE_DIVISORS = ['7n', '1n', '10n', '4294967296n', '0xffffffffffn', '3n'] as const;
const shift = (n: number): number => SHIFTS[n % 6]!;
const wideShift = (n: number): string => `${WIDE_SHIFTS[n % 6]}n`;

const i32: Record<string, Omit<Operator, 'type'>> = {
  add: { args: ['i32', 'i32'], print: ([a, b]) => `((${a} + ${b}) | 0)` },
  sub: { args: ['i32', 'i32'], print: ([a, b]) => `((${a} - ${b}) | 0)` },
  add3: { args: ['i32', 'i32', 'i32'], print: ([a, b, c]) => `((${a} + ${b} - ${c}) | 0)` },
  wrap: { args: ['i32', 'i32'], print: ([a, b]) => `i32(${a} + ${b})` },
  mul: { args: ['i32', 'i32'], print: call('mulI32') },
  mad: { args: ['i32', 'i32', 'i32'], print: ([a, b, c]) => `((mulI32(${a}, ${b}) + ${c}) | 0)` },
  smallMul: { args: ['i32', 'i32'], print: ([a, b]) => `((${a} & 1023) * (${b} & 511))` },
  smallSum: { args: ['i32', 'i32'], print: ([a, b]) => `((${a} & 0xffff) - (${b} & 255))` },
  div: { args: ['i32', 'i32'], print: ([a, b]) => `divI32(${a}, ${b} | 1)` },
  rem: { args: ['i32', 'i32'], print: ([a, b]) => `remI32(${a}, ${b} | 1)` },
  divBy: { args: ['i32'], print: ([a], n) => `divI32(${a}, ${DIVISORS[n % 6]})` },
  remBy: { args: ['i32'], print: ([a], n) => `remI32(${a}, ${DIVISORS[n % 6]})` },
  modulo: { args: ['i32'], print: ([a], n) => `(((${a} % ${Math.abs(DIVISORS[n % 6]!)}) + 0) | 0)` },
  and: { args: ['i32', 'i32'], print: infix('&') },
  or: { args: ['i32', 'i32'], print: infix('|') },
  xor: { args: ['i32', 'i32'], print: infix('^') },
  not: { args: ['i32'], print: ([a]) => `(~${a})` },
  neg: { args: ['i32'], print: ([a]) => `(-${a} | 0)` },
  shl: { args: ['i32', 'i32'], print: ([a, b], n) => (n & 1 ? `(${a} << (${b} & 31))` : `(${a} << ${b})`) },
  shr: { args: ['i32', 'i32'], print: ([a, b], n) => (n & 1 ? `(${a} >> (${b} & 31))` : `(${a} >> ${b})`) },
  shlBy: { args: ['i32'], print: ([a], n) => `(${a} << ${shift(n)})` },
  shrBy: { args: ['i32'], print: ([a], n) => `(${a} >> ${shift(n)})` },
  popc: { args: ['u32'], print: call('popc') },
  popcSigned: { args: ['i32'], print: call('popc') },
  clz: { args: ['i32'], print: call('clz') },
  ffs: { args: ['u32'], print: call('ffs') },
  min: { args: ['i32', 'i32'], print: call('Math.min') },
  max: { args: ['i32', 'i32'], print: call('Math.max') },
  abs: { args: ['i32'], print: ([a]) => `(Math.abs(${a}) | 0)` },
  ofU32: { args: ['u32'], print: ([a]) => `(${a} | 0)` },
  ofF64: { args: ['f64'], print: ([a]) => `(${a} | 0)` },
  ofBool: { args: ['bool'], print: call('Number') },
  select: { args: ['bool', 'i32', 'i32'], print: select },
  selectTruthy: { args: ['i32', 'i32', 'i32'], print: select },
  mulhi: { args: ['i32', 'i32'], print: call('mulhi') },
  shrS32: { args: ['i32', 'i32'], print: ([a, b]) => `shrS32(${a}, ${b} & 63)` },
  ofU64: { args: ['u64'], print: ([a]) => `(Number(${a} & 0xffffffffn) | 0)` },
  ofI64: { args: ['i64'], print: ([a]) => `Number(BigInt.asIntN(32, ${a}))` },
  popcll: { args: ['u64'], print: call('popcll') },
  clzll: { args: ['i64'], print: call('clzll') },
  ffsll: { args: ['u64'], print: call('ffsll') },
  table: { args: ['i32'], print: ([a]) => `TABLE[${a} & 7]!` },
};

const u32: Record<string, Omit<Operator, 'type'>> = {
  ofI32: { args: ['i32'], print: ([a]) => `(${a} >>> 0)` },
  add: { args: ['u32', 'u32'], print: ([a, b]) => `((${a} + ${b}) >>> 0)` },
  sub: { args: ['u32', 'u32'], print: ([a, b]) => `((${a} - ${b}) >>> 0)` },
  mul: { args: ['u32', 'u32'], print: ([a, b]) => `(mulI32(${a}, ${b}) >>> 0)` },
  wrap: { args: ['i32', 'u32'], print: ([a, b]) => `u32(${a} - ${b})` },
  div: { args: ['u32', 'u32'], print: ([a, b]) => `u32(Math.floor(${a} / ((${b} | 1) >>> 0)))` },
  rem: { args: ['u32', 'u32'], print: ([a, b]) => `u32(${a} % ((${b} | 1) >>> 0))` },
  and: { args: ['u32', 'u32'], print: ([a, b]) => `((${a} & ${b}) >>> 0)` },
  or: { args: ['u32', 'u32'], print: ([a, b]) => `((${a} | ${b}) >>> 0)` },
  xor: { args: ['u32', 'i32'], print: ([a, b]) => `((${a} ^ ${b}) >>> 0)` },
  not: { args: ['u32'], print: ([a]) => `(~${a} >>> 0)` },
  shr: { args: ['u32', 'i32'], print: ([a, b], n) => (n & 1 ? `(${a} >>> (${b} & 31))` : `(${a} >>> ${b})`) },
  shrSigned: { args: ['i32', 'i32'], print: ([a, b]) => `(${a} >>> (${b} & 31))` },
  shrBy: { args: ['i32'], print: ([a], n) => `(${a} >>> ${shift(n)})` },
  shlBy: { args: ['u32'], print: ([a], n) => `((${a} << ${shift(n)}) >>> 0)` },
  brev: { args: ['u32'], print: call('brev') },
  umulhi: { args: ['u32', 'u32'], print: call('umulhi') },
  shlB32: { args: ['u32', 'i32'], print: ([a, b]) => `shlB32(${a}, ${b} & 63)` },
  shrU32: { args: ['u32', 'i32'], print: ([a, b]) => `shrU32(${a}, ${b} & 63)` },
  min: { args: ['u32', 'u32'], print: call('Math.min') },
  max: { args: ['u32', 'u32'], print: call('Math.max') },
  ofF64: { args: ['f64'], print: ([a]) => `(${a} >>> 0)` },
  select: { args: ['bool', 'u32', 'u32'], print: select },
  ofU64: { args: ['u64'], print: ([a], n) => (n & 1 ? `Number(${a} >> 32n)` : `Number(${a} & 0xffffffffn)`) },
};

const f64: Record<string, Omit<Operator, 'type'>> = {
  ofI32: { args: ['i32'], print: ([a]) => a! },
  ofU32: { args: ['u32'], print: ([a]) => a! },
  add: { args: ['f64', 'f64'], print: infix('+') },
  sub: { args: ['f64', 'f64'], print: infix('-') },
  mul: { args: ['f64', 'f64'], print: infix('*') },
  mulMixed: { args: ['i32', 'u32'], print: infix('*') },
  neg: { args: ['f64'], print: ([a]) => `(-${a})` },
  floor: { args: ['f64'], print: ([a], n) => `Math.floor(${a} / ${DIVISORS[n % 6]})` },
  ceil: { args: ['f64'], print: ([a], n) => `Math.ceil(${a} / ${DIVISORS[n % 6]})` },
  trunc: { args: ['f64'], print: ([a], n) => `Math.trunc(${a} / ${DIVISORS[n % 6]})` },
  rem: { args: ['f64'], print: ([a], n) => `(${a} % ${DIVISORS[n % 6]})` },
  abs: { args: ['f64'], print: call('Math.abs') },
  min: { args: ['f64', 'f64'], print: call('Math.min') },
  max: { args: ['f64', 'f64'], print: call('Math.max') },
  select: { args: ['bool', 'f64', 'f64'], print: select },
  ofU64: { args: ['u64'], print: call('Number') },
  ofI64: { args: ['i64'], print: call('Number') },
};

const bool: Record<string, Omit<Operator, 'type'>> = {
  compareI32: { args: ['i32', 'i32'], print: compare },
  compareU32: { args: ['u32', 'u32'], print: compare },
  compareF64: { args: ['f64', 'f64'], print: compare },
  compareMixed: { args: ['i32', 'u32'], print: compare },
  compareU64: { args: ['u64', 'u64'], print: compare },
  compareI64: { args: ['i64', 'i64'], print: compare },
  compareWide: { args: ['i64', 'u64'], print: ([a, b], n) => compare([`u64(${a})`, b!], n) },
  not: { args: ['bool'], print: ([a]) => `!${a}` },
  notNumber: { args: ['i32'], print: ([a]) => `!${a}` },
  and: { args: ['bool', 'bool'], print: infix('&&') },
  or: { args: ['bool', 'bool'], print: infix('||') },
  same: { args: ['bool', 'bool'], print: ([a, b], n) => `(${a} ${n & 1 ? '===' : '!=='} ${b})` },
  bit: { args: ['i32'], print: ([a], n) => `((${a} & ${2 ** (n % 8)}) !== 0)` },
  isIn: { args: ['u32', 'i32'], print: ([a, b]) => `isIn(${a}, ${b} & 31)` },
  select: { args: ['bool', 'bool', 'bool'], print: select },
};

const u64: Record<string, Omit<Operator, 'type'>> = {
  add: { args: ['u64', 'u64'], print: ([a, b]) => `u64(${a} + ${b})` },
  sub: { args: ['u64', 'u64'], print: ([a, b]) => `u64(${a} - ${b})` },
  mul: { args: ['u64', 'u64'], print: ([a, b]) => `u64(${a} * ${b})` },
  mad: { args: ['u64', 'u64', 'u64'], print: ([a, b, c]) => `u64(${a} * ${b} + ${c})` },
  div: { args: ['u64'], print: ([a], n) => `(${a} / ${WIDE_DIVISORS[n % 6]})` },
  rem: { args: ['u64'], print: ([a], n) => `(${a} % ${WIDE_DIVISORS[n % 6]})` },
  and: { args: ['u64', 'u64'], print: infix('&') },
  or: { args: ['u64', 'u64'], print: infix('|') },
  xor: { args: ['u64', 'u64'], print: infix('^') },
  not: { args: ['u64'], print: ([a]) => `u64(~${a})` },
  neg: { args: ['u64'], print: ([a]) => `u64(-${a})` },
  shl: { args: ['u64'], print: ([a], n) => `u64(${a} << ${wideShift(n)})` },
  shr: { args: ['u64'], print: ([a], n) => `(${a} >> ${wideShift(n)})` },
  shlB64: { args: ['u64', 'i32'], print: ([a, b]) => `shlB64(${a}, ${b} & 127)` },
  shrU64: { args: ['u64', 'i32'], print: ([a, b]) => `shrU64(${a}, ${b} & 127)` },
  brevll: { args: ['u64'], print: call('brevll') },
  umul64hi: { args: ['u64', 'u64'], print: call('umul64hi') },
  ofI64: { args: ['i64'], print: call('u64') },
  ofU32: { args: ['u32'], print: call('BigInt') },
  ofI32: { args: ['i32'], print: ([a]) => `u64(BigInt(${a}))` },
  join: { args: ['u32', 'u32'], print: ([a, b]) => `((BigInt(${a}) << 32n) | BigInt(${b}))` },
  select: { args: ['bool', 'u64', 'u64'], print: select },
};

const i64: Record<string, Omit<Operator, 'type'>> = {
  add: { args: ['i64', 'i64'], print: ([a, b]) => `i64(${a} + ${b})` },
  sub: { args: ['i64', 'i64'], print: ([a, b]) => `i64(${a} - ${b})` },
  mul: { args: ['i64', 'i64'], print: ([a, b]) => `i64(${a} * ${b})` },
  div: { args: ['i64'], print: ([a], n) => `(${a} / ${WIDE_DIVISORS[n % 6]})` },
  divNegative: { args: ['i64'], print: ([a], n) => `i64(${a} / -${WIDE_DIVISORS[n % 6]})` },
  rem: { args: ['i64'], print: ([a], n) => `(${a} % ${n & 8 ? '-' : ''}${WIDE_DIVISORS[n % 6]})` },
  and: { args: ['i64', 'i64'], print: infix('&') },
  or: { args: ['i64', 'i64'], print: infix('|') },
  xor: { args: ['i64', 'i64'], print: infix('^') },
  not: { args: ['i64'], print: ([a]) => `i64(~${a})` },
  neg: { args: ['i64'], print: ([a]) => `i64(-${a})` },
  shl: { args: ['i64'], print: ([a], n) => `i64(${a} << ${wideShift(n)})` },
  shr: { args: ['i64'], print: ([a], n) => `(${a} >> ${wideShift(n)})` },
  shrS64: { args: ['i64', 'i32'], print: ([a, b]) => `shrS64(${a}, ${b} & 127)` },
  mul64hi: { args: ['i64', 'i64'], print: call('mul64hi') },
  ofU64: { args: ['u64'], print: call('i64') },
  ofI32: { args: ['i32'], print: call('BigInt') },
  ofU32: { args: ['u32'], print: call('BigInt') },
  select: { args: ['bool', 'i64', 'i64'], print: select },
};

const TABLES: Readonly<Record<ExprType, Record<string, Omit<Operator, 'type'>>>> = { i32, u32, f64, bool, u64, i64 };

/** Operators by name: `i32.add`. */
export const OPERATORS: ReadonlyMap<string, Operator> = new Map(
  Object.entries(TABLES).flatMap(([type, table]) =>
    Object.entries(table).map(([name, operator]) => [
      `${type}.${name}`,
      { ...operator, type: type as ExprType } satisfies Operator,
    ]),
  ),
);

/** Names of the operators that give a type. */
export const OPERATORS_OF: Readonly<Record<ExprType, readonly string[]>> = Object.fromEntries(
  Object.entries(TABLES).map(([type, table]) => [type, Object.keys(table).map((name) => `${type}.${name}`)]),
) as unknown as Record<ExprType, readonly string[]>;
