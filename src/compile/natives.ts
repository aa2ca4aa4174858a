import {
  brev,
  brevll,
  clz,
  clzll,
  divI32,
  f32,
  ffs,
  ffsll,
  i32,
  i64,
  mul64hi,
  mulhi,
  mulI32,
  popc,
  popcll,
  remI32,
  type ScalarType,
  scalarBytes,
  shlB32,
  shlB64,
  shrS32,
  shrS64,
  shrU32,
  shrU64,
  u32,
  u64,
  umul64hi,
  umulhi,
} from '../simt/index.js';
import { type Context, fail, isInteger } from './context.js';
import { bigintOf, booleanToNumber, dynamic, numberOf, pure, scalarOf } from './emit.js';
import type { Operand, PureName } from './hir.js';
import { truthOf } from './operators.js';
import { callObjectFunction } from './static-methods.js';
import { describeValue, isScalarType, native, type Primitive, staticValue, UNDEFINED, type Value } from './values.js';

// Functions of the library and of JavaScript that kernels may call.

/** A function of words: `kinds` of its operands, n for number, b for bigint. */
interface WordFunction {
  readonly pure: PureName;
  readonly kinds: string;
  readonly evaluate: (...args: never[]) => number | bigint;
  readonly count?: number;
}

const WORD_FUNCTIONS: Readonly<Record<string, WordFunction>> = {
  i32: { pure: 'n.toI32', kinds: 'n', evaluate: i32 },
  u32: { pure: 'n.toU32', kinds: 'n', evaluate: u32 },
  i64: { pure: 'b.asI', kinds: 'b', evaluate: i64, count: 64 },
  u64: { pure: 'b.asU', kinds: 'b', evaluate: u64, count: 64 },
  mulI32: { pure: 'n.imul', kinds: 'nn', evaluate: mulI32 },
  'Math.imul': { pure: 'n.imul', kinds: 'nn', evaluate: Math.imul },
  divI32: { pure: 'n.divI32', kinds: 'nn', evaluate: divI32 },
  remI32: { pure: 'n.remI32', kinds: 'nn', evaluate: remI32 },
  popc: { pure: 'n.popc', kinds: 'n', evaluate: popc },
  clz: { pure: 'n.clz', kinds: 'n', evaluate: clz },
  'Math.clz32': { pure: 'n.clz', kinds: 'n', evaluate: Math.clz32 },
  ffs: { pure: 'n.ffs', kinds: 'n', evaluate: ffs },
  brev: { pure: 'n.brev', kinds: 'n', evaluate: brev },
  shlB32: { pure: 'n.shlB32', kinds: 'nn', evaluate: shlB32 },
  shrU32: { pure: 'n.shrU32', kinds: 'nn', evaluate: shrU32 },
  shrS32: { pure: 'n.shrS32', kinds: 'nn', evaluate: shrS32 },
  mulhi: { pure: 'n.mulhi', kinds: 'nn', evaluate: mulhi },
  umulhi: { pure: 'n.umulhi', kinds: 'nn', evaluate: umulhi },
  popcll: { pure: 'n.popcll', kinds: 'b', evaluate: popcll },
  clzll: { pure: 'n.clzll', kinds: 'b', evaluate: clzll },
  ffsll: { pure: 'n.ffsll', kinds: 'b', evaluate: ffsll },
  brevll: { pure: 'b.brevll', kinds: 'b', evaluate: brevll },
  shlB64: { pure: 'b.shlB64', kinds: 'bn', evaluate: shlB64 },
  shrU64: { pure: 'b.shrU64', kinds: 'bn', evaluate: shrU64 },
  shrS64: { pure: 'b.shrS64', kinds: 'bn', evaluate: shrS64 },
  mul64hi: { pure: 'b.mul64hi', kinds: 'bb', evaluate: mul64hi },
  umul64hi: { pure: 'b.umul64hi', kinds: 'bb', evaluate: umul64hi },
  'Math.floor': { pure: 'n.floor', kinds: 'n', evaluate: Math.floor },
  'Math.ceil': { pure: 'n.ceil', kinds: 'n', evaluate: Math.ceil },
  'Math.trunc': { pure: 'n.trunc', kinds: 'n', evaluate: Math.trunc },
  'Math.abs': { pure: 'n.abs', kinds: 'n', evaluate: Math.abs },
};

/** Functions that are known for constants alone. */
const CONSTANT_FUNCTIONS: Readonly<Record<string, (...args: never[]) => Primitive>> = {
  f32,
  'Math.sqrt': Math.sqrt,
  'Math.round': Math.round,
  'Math.sign': Math.sign,
  'Math.pow': Math.pow,
  'Math.log2': Math.log2,
  'Number.isInteger': Number.isInteger,
  'Number.isSafeInteger': Number.isSafeInteger,
  'Number.isFinite': Number.isFinite,
  'Number.isNaN': Number.isNaN,
  String,
};

const CONSTANTS: Readonly<Record<string, Primitive>> = {
  Infinity,
  NaN,
  undefined,
  'Number.MAX_SAFE_INTEGER': Number.MAX_SAFE_INTEGER,
  'Number.MIN_SAFE_INTEGER': Number.MIN_SAFE_INTEGER,
  'Number.POSITIVE_INFINITY': Infinity,
  'Number.NEGATIVE_INFINITY': -Infinity,
  'Number.EPSILON': Number.EPSILON,
  'Number.MAX_VALUE': Number.MAX_VALUE,
  'Number.MIN_VALUE': Number.MIN_VALUE,
  'Number.NaN': NaN,
  'Math.PI': Math.PI,
  'Math.E': Math.E,
  'Math.SQRT2': Math.SQRT2,
  'Math.LN2': Math.LN2,
};

/** What instead of a global that kernels cannot use. */
const ADVICE: Readonly<Record<string, string>> = {
  Map: 'use shared memory or a register array',
  Set: 'use a bit mask, shared memory or a register array',
  WeakMap: 'use shared memory',
  Date: 'a kernel has no clock',
  performance: 'a kernel has no clock',
  'Math.random': 'pass random numbers in memory',
  console: 'store what you want to see to memory',
  Promise: 'a kernel waits by operations: yield* t.…(…)',
  fetch: 'pass data in memory',
  process: 'pass values as arguments',
};

const GLOBALS = new Set([
  ...['Math', 'Number', 'BigInt', 'Boolean', 'String', 'Object', 'Array', 'Error', 'RangeError', 'TypeError'],
  ...['JSON', 'Symbol', 'RegExp', 'parseInt', 'parseFloat', 'globalThis', 'Reflect', 'structuredClone', 'setTimeout'],
  ...['Int8Array', 'Uint8Array', 'Int16Array', 'Uint16Array', 'Int32Array', 'Uint32Array', 'Float32Array'],
  ...['Float64Array', 'BigInt64Array', 'BigUint64Array', 'ArrayBuffer', 'DataView'],
  ...Object.keys(ADVICE),
]);

/** The value of a name that the source does not declare; null if JavaScript does not know it either. */
export function globalValue(name: string): Value | null {
  if (Object.hasOwn(CONSTANTS, name)) return staticValue(CONSTANTS[name]);
  return GLOBALS.has(name) ? native(name) : null;
}

/** `Math.PI`, `Math.min`. */
export function nativeMember(receiver: string, name: string): Value {
  const full = `${receiver}.${name}`;
  return Object.hasOwn(CONSTANTS, full) ? staticValue(CONSTANTS[full]) : native(full);
}

/** Errors that a kernel may throw. */
export const isErrorClass = (name: string): boolean =>
  name === 'Error' || name === 'RangeError' || name === 'TypeError';

export function callNative(c: Context, name: string, args: readonly Value[]): Value {
  for (const value of args) if (value.kind === 'poison') fail(c, value.construct, value.advice);
  const isKnown = args.every(({ kind }) => kind === 'static');
  const known = args.map((value) => (value.kind === 'static' ? value.value : undefined)) as never[];
  const word = Object.hasOwn(WORD_FUNCTIONS, name) ? WORD_FUNCTIONS[name] : undefined;
  if (word !== undefined) return callWord(c, name, word, args, isKnown ? known : null);
  if (name === 'Math.min' || name === 'Math.max') return extreme(c, name, args, isKnown ? known : null);
  if (Object.hasOwn(CONSTANT_FUNCTIONS, name)) {
    if (isKnown) return staticValue(CONSTANT_FUNCTIONS[name]!(...known));
    const [first] = args;
    if (name === 'Number.isInteger' && first?.kind === 'dynamic' && first.type === 'num' && isInteger(first.operand))
      return staticValue(true);
    return fail(
      c,
      `a call of ${name} with ${describeValue(args.find(({ kind }) => kind !== 'static')!)}`,
      'it must be a constant',
    );
  }
  switch (name) {
    case 'Number':
    case 'BigInt':
    case 'Boolean':
      return convert(c, name, args[0] ?? UNDEFINED);
    case 'BigInt.asUintN':
    case 'BigInt.asIntN':
      return wrap(c, name, args[0] ?? UNDEFINED, args[1] ?? UNDEFINED);
    case 'scalarBytes': {
      const type = args[0]?.kind === 'static' ? args[0].value : undefined;
      if (isScalarType(type)) return staticValue(scalarBytes(type as ScalarType));
      break;
    }
  }
  return callObjectFunction(c, name, args) ?? fail(c, `a call of ${name}`, adviceFor(name));
}

export const adviceFor = (name: string): string =>
  ADVICE[name] ??
  ADVICE[name.split('.')[0]!] ??
  'kernels have integer arithmetic, Math.min, max, imul, floor, ceil, trunc, abs and clz32';

function callWord(
  c: Context,
  name: string,
  { pure: operation, kinds, evaluate, count }: WordFunction,
  args: readonly Value[],
  known: never[] | null,
): Value {
  const isOfKinds = known?.every((value, at) => (typeof value === 'bigint') === (kinds[at] === 'b'));
  if (known !== null && isOfKinds === true && known.length >= kinds.length) {
    try {
      return staticValue(evaluate(...known));
    } catch (error) {
      // A division by the constant 0 throws when the thread gets there.
      if (!(error instanceof RangeError)) throw error;
    }
  }
  const operands: Operand[] = [...kinds].map((kind, at) => {
    const what = `argument ${at + 1} of ${name}`;
    return kind === 'b' ? bigintOf(c, args[at] ?? UNDEFINED, what) : numberOf(c, args[at] ?? UNDEFINED, what);
  });
  return dynamic(pure(c, operation, operands, count));
}

function extreme(c: Context, name: 'Math.min' | 'Math.max', args: readonly Value[], known: never[] | null): Value {
  if (known !== null) return staticValue(name === 'Math.min' ? Math.min(...known) : Math.max(...known));
  const operands = args.map((value, at) => numberOf(c, value, `argument ${at + 1} of ${name}`));
  return dynamic(operands.reduce((a, b) => pure(c, name === 'Math.min' ? 'n.min' : 'n.max', [a, b])));
}

function convert(c: Context, name: 'Number' | 'BigInt' | 'Boolean', value: Value): Value {
  if (name === 'Boolean') {
    const truth = truthOf(c, value);
    return typeof truth === 'boolean' ? staticValue(truth) : dynamic(truth);
  }
  if (value.kind === 'static') {
    try {
      return staticValue(name === 'Number' ? Number(value.value) : BigInt(value.value as number));
    } catch (error) {
      if (!(error instanceof RangeError || error instanceof TypeError || error instanceof SyntaxError)) throw error;
      return fail(c, `${name}(${String(value.value)})`, 'it throws: convert an integer');
    }
  }
  const scalar = scalarOf(value);
  if (scalar === null || scalar.kind === 'ptr')
    return fail(c, `${name} of ${describeValue(value)}`, 'convert a number');
  const { kind, operand } = scalar;
  if (name === 'Number') {
    if (kind === 'num') return value;
    return dynamic(kind === 'bool' ? booleanToNumber(c, operand) : pure(c, 'n.fromBig', [operand]));
  }
  if (kind === 'big') return value;
  return dynamic(pure(c, 'b.fromNum', [kind === 'bool' ? booleanToNumber(c, operand) : operand]));
}

function wrap(c: Context, name: 'BigInt.asUintN' | 'BigInt.asIntN', bits: Value, value: Value): Value {
  const count = bits.kind === 'static' ? bits.value : null;
  if (typeof count !== 'number' || !Number.isInteger(count) || count < 1 || count > 64)
    return fail(c, `${name} of ${describeValue(bits)} bits`, 'use a constant from 1 to 64');
  if (value.kind === 'static' && typeof value.value === 'bigint')
    return staticValue(
      name === 'BigInt.asUintN' ? BigInt.asUintN(count, value.value) : BigInt.asIntN(count, value.value),
    );
  const operand = bigintOf(c, value, `argument 2 of ${name}`);
  return dynamic(pure(c, name === 'BigInt.asUintN' ? 'b.asU' : 'b.asI', [operand], count));
}
