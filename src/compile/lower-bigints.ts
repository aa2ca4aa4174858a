import type { BinaryOperator, Operand as ProgramOperand, ValueType } from '../program/program.js';
import { failAt, TOO_WIDE, WRAP_IT } from './demands.js';
import type { Instruction, Operand, PureName } from './hir.js';
import type { LoweredValues } from './lowered-values.js';
import { fitsI32, fitsU32 } from './number-ranges.js';

type Pure = Instruction & { readonly op: 'pure' };
type Wide = 'i64' | 'u64';

const RING: Partial<Record<PureName, BinaryOperator>> = {
  'b.add': 'add',
  'b.sub': 'sub',
  'b.mul': 'mul',
  'b.and': 'and',
  'b.or': 'or',
  'b.xor': 'xor',
};
const FIXED_SHIFTS: Partial<Record<PureName, { readonly operator: BinaryOperator; readonly type: Wide }>> = {
  'b.shlB64': { operator: 'shlClamp', type: 'u64' },
  'b.shrU64': { operator: 'shrClamp', type: 'u64' },
  'b.shrS64': { operator: 'shrClamp', type: 'i64' },
};

/**
 * Emits an operation of bigints in 64-bit words. `low`: the variable for its low bits, where only they are needed;
 * null: the value itself, which fits `type`.
 */
export function lowerBigint(v: LoweredValues, instruction: Pure, type: Wide, low: number | null): void {
  const { name, args, site } = instruction;
  const temp = instruction.to!;
  const { builder } = v;
  const scope = v.code.sites[site]!.scope;
  const to = () => low ?? v.define(temp, type);
  const binary = (operator: BinaryOperator, a: ProgramOperand, b: ProgramOperand, of: Wide = type) => {
    builder.emit({ op: 'binary', site, operator, type: of, to: of === type ? to() : convertAfter(of), a, b });
  };
  /** A variable of another type than the result's: the result is its conversion. */
  let pending: { readonly index: number; readonly type: Wide } | null = null;
  const convertAfter = (of: Wide): number => {
    pending = { index: builder.temporary(of, scope), type: of };
    return pending.index;
  };
  const finish = () => {
    if (pending === null) return;
    const operand = { kind: 'variable', index: pending.index } as const;
    builder.emit({ op: 'convert', site, from: pending.type, type, to: to(), a: operand });
  };
  const ring = RING[name];
  if (ring !== undefined) {
    binary(ring, v.word(args[0]!, type, site), v.word(args[1]!, type, site));
    return;
  }
  const shift = FIXED_SHIFTS[name];
  if (shift !== undefined) {
    binary(shift.operator, v.word(args[0]!, shift.type, site), countOf(v, args[1]!, site, 'u32(count)'), shift.type);
    finish();
    return;
  }
  switch (name) {
    case 'b.neg':
    case 'b.not': {
      const a = v.word(args[0]!, type, site);
      builder.emit({ op: 'unary', site, operator: name === 'b.neg' ? 'neg' : 'not', type, to: to(), a });
      return;
    }
    case 'select': {
      const condition = v.value(args[0]!, 'pred', site);
      const [a, b] = [v.word(args[1]!, type, site), v.word(args[2]!, type, site)];
      builder.emit({ op: 'select', site, type, to: to(), condition, a, b });
      return;
    }
    case 'b.brevll':
      builder.emit({ op: 'unary', site, operator: 'brev', type: 'u64', to: to(), a: v.word(args[0]!, 'u64', site) });
      return;
    case 'b.umul64hi':
    case 'b.mul64hi': {
      const of = name === 'b.mul64hi' ? 'i64' : 'u64';
      binary('mulhi', v.word(args[0]!, of, site), v.word(args[1]!, of, site), of);
      return;
    }
    case 'b.div':
    case 'b.rem':
      divide(v, instruction, binary);
      finish();
      return;
    case 'b.shl':
    case 'b.shr':
      lowerShift(v, instruction, type, to);
      return;
    case 'b.asU':
    case 'b.asI':
      lowerWrap(v, instruction, type, to);
      return;
    case 'b.fromNum': {
      const from = v.types.of(args[0]!)!;
      builder.emit({ op: 'convert', site, from, type, to: to(), a: v.number(args[0]!, site) });
      return;
    }
    default:
      throw new Error(`[simtwin bug] no lowering of ${name}`);
  }
}

/** `/` and `%`: in a type that holds both operands, or `%` by a magnitude. */
function divide(
  v: LoweredValues,
  { name, args, site }: Pure,
  binary: (operator: BinaryOperator, a: ProgramOperand, b: ProgramOperand, of: Wide) => void,
): void {
  const [a, b] = [args[0]!, args[1]!];
  const operator = name === 'b.div' ? 'div' : 'rem';
  const common = v.types.commonBigint(a, b);
  if (common !== null) {
    binary(operator, v.value(a, common, site), v.value(b, common, site), common);
    return;
  }
  if (operator === 'rem' && v.types.of(a) === 'u64' && v.types.of(b) === 'i64') {
    // The sign of a remainder is that of the dividend, which is not negative.
    const divisor = v.value(b, 'i64', site);
    const { scope } = v.code.sites[site]!;
    const [negated, isNegative, size] = [
      v.builder.temporary('i64', scope),
      v.builder.temporary('pred', scope),
      v.builder.temporary('i64', scope),
    ];
    const zero = { kind: 'constant', type: 'i64', value: 0n } as const;
    v.builder.emit({ op: 'unary', site, operator: 'neg', type: 'i64', to: negated, a: divisor });
    v.builder.emit({ op: 'compare', site, operator: 'lt', type: 'i64', to: isNegative, a: divisor, b: zero });
    v.builder.emit({
      op: 'select',
      site,
      type: 'i64',
      to: size,
      condition: { kind: 'variable', index: isNegative },
      a: { kind: 'variable', index: negated },
      b: divisor,
    });
    const magnitude = v.convert({ operand: { kind: 'variable', index: size }, type: 'i64' }, 'u64', site);
    binary('rem', v.value(a, 'u64', site), magnitude, 'u64');
    return;
  }
  if (v.types.of(a) === null || v.types.of(b) === null) failAt(v.code, site, TOO_WIDE, WRAP_IT);
  failAt(
    v.code,
    site,
    `'${operator === 'div' ? '/' : '%'}' of a bigint that may be negative and one that may be 2^63 or more`,
    'convert both with u64(...) or both with i64(...)',
  );
}

/** A count that is not negative, as a 32-bit word. */
function countOf(v: LoweredValues, count: Operand, site: number, advice: string): ProgramOperand {
  const range = v.types.number(count);
  if (!fitsU32(range)) failAt(v.code, site, 'a shift by a count that may be negative or no integer', `write ${advice}`);
  return v.value(count, fitsI32(range) ? 'i32' : 'u32', site);
}

/** `<<` and `>>` of bigints: by constants, by numbers, and to the other side if the count may be negative. */
function lowerShift(v: LoweredValues, { name, args, site }: Pure, type: Wide, to: () => number): void {
  const [value, count] = [args[0]!, args[1]!];
  const isLeft = name === 'b.shl';
  const { builder } = v;
  const shiftBy = (operator: 'shlClamp' | 'shrClamp', a: ProgramOperand, b: ProgramOperand, target: number) =>
    builder.emit({ op: 'binary', site, operator, type, to: target, a, b });
  const a = () => v.word(value, type, site);
  if (count.op === 'const') {
    const by = count.value as bigint;
    const size = by < 0n ? -by : by;
    const b = { kind: 'constant', type: 'i32', value: Number(size > 64n ? 64n : size) } as const;
    shiftBy(isLeft === by >= 0n ? 'shlClamp' : 'shrClamp', a(), b, to());
    return;
  }
  const source = v.demands.countOf(count);
  const isNumber = source !== count;
  const range = v.types.bigint(count);
  const isWord = range.lo >= -(2n ** 31n) + 1n && range.hi < 2n ** 31n;
  if (!isWord && !(range.lo >= 0n && range.hi < 2n ** 32n))
    failAt(
      v.code,
      site,
      'a shift of a bigint by a count that may be large',
      'mask the count, or write shlB64, shrU64 or shrS64',
    );
  const wordType: ValueType = isWord ? 'i32' : 'u32';
  const b = isNumber ? v.value(source, wordType, site) : v.word(source, wordType, site);
  if (range.lo >= 0n) {
    shiftBy(isLeft ? 'shlClamp' : 'shrClamp', a(), b, to());
    return;
  }
  // One of the two counts is 0.
  const { scope } = v.code.sites[site]!;
  const zero = { kind: 'constant', type: 'i32', value: 0 } as const;
  const [forth, negated, back, middle] = [
    builder.temporary('i32', scope),
    builder.temporary('i32', scope),
    builder.temporary('i32', scope),
    builder.temporary(type, scope),
  ];
  builder.emit({ op: 'binary', site, operator: 'max', type: 'i32', to: forth, a: b, b: zero });
  builder.emit({ op: 'unary', site, operator: 'neg', type: 'i32', to: negated, a: b });
  builder.emit({
    op: 'binary',
    site,
    operator: 'max',
    type: 'i32',
    to: back,
    a: { kind: 'variable', index: negated },
    b: zero,
  });
  const [left, right] = isLeft ? [forth, back] : [back, forth];
  shiftBy('shlClamp', v.value(value, type, site), { kind: 'variable', index: left }, middle);
  shiftBy('shrClamp', { kind: 'variable', index: middle }, { kind: 'variable', index: right }, to());
}

/** `BigInt.asUintN`, `asIntN`, `u64`, `i64`. */
function lowerWrap(v: LoweredValues, instruction: Pure, type: Wide, to: () => number): void {
  const { name, args, site, count } = instruction;
  const bits = count!;
  const temp = instruction.to!;
  const { builder } = v;
  const { operand, shift } = v.demands.lowBits(args[0]!, bits);
  const { scope } = v.code.sites[site]!;
  let a: ProgramOperand;
  if (shift > 0) {
    const index = builder.temporary('u64', scope);
    const b = { kind: 'constant', type: 'i32', value: shift } as const;
    builder.emit({
      op: 'binary',
      site,
      operator: 'shrClamp',
      type: 'u64',
      to: index,
      a: v.word(operand, 'u64', site),
      b,
    });
    a = v.convert({ operand: { kind: 'variable', index }, type: 'u64' }, type, site);
  } else a = v.word(operand, type, site);
  if (bits === 64) {
    v.alias(temp, a, type, site);
    return;
  }
  if (name === 'b.asU') {
    const mask = { kind: 'constant', type, value: (1n << BigInt(bits)) - 1n } as const;
    builder.emit({ op: 'binary', site, operator: 'and', type, to: to(), a, b: mask });
    return;
  }
  const signed = v.convert({ operand: a, type }, 'i64', site);
  const far = { kind: 'constant', type: 'i32', value: 64 - bits } as const;
  const [up, down] = [builder.temporary('i64', scope), type === 'i64' ? to() : builder.temporary('i64', scope)];
  builder.emit({ op: 'binary', site, operator: 'shl', type: 'i64', to: up, a: signed, b: far });
  builder.emit({
    op: 'binary',
    site,
    operator: 'shr',
    type: 'i64',
    to: down,
    a: { kind: 'variable', index: up },
    b: far,
  });
  if (type === 'u64')
    v.alias(temp, v.convert({ operand: { kind: 'variable', index: down }, type: 'i64' }, 'u64', site), 'u64', site);
}
