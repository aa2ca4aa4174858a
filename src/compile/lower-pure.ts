import type { BinaryOperator, UnaryOperator, ValueType } from '../program/program.js';
import { failAt } from './demands.js';
import type { Instruction, PureName } from './hir.js';
import { lowerBigint } from './lower-bigints.js';
import type { LoweredValues } from './lowered-values.js';
import { fitsI32, fitsU32 } from './number-ranges.js';

type Pure = Instruction & { readonly op: 'pure' };

const RING: Partial<Record<PureName, BinaryOperator>> = { 'n.add': 'add', 'n.sub': 'sub', 'n.mul': 'mul' };
/** Operations of two signed words that wrap. */
const WORDS: Partial<Record<PureName, BinaryOperator>> = {
  'n.and': 'and',
  'n.or': 'or',
  'n.xor': 'xor',
  'n.shl': 'shl',
  'n.shr': 'shr',
  'n.imul': 'mul',
  'n.mulhi': 'mulhi',
};
const COUNTS: Partial<Record<PureName, UnaryOperator>> = {
  'n.popc': 'popc',
  'n.clz': 'clz',
  'n.ffs': 'ffs',
  'n.popcll': 'popc',
  'n.clzll': 'clz',
  'n.ffsll': 'ffs',
};
const CLAMPED: Partial<Record<PureName, { readonly operator: BinaryOperator; readonly type: 'i32' | 'u32' }>> = {
  'n.shlB32': { operator: 'shlClamp', type: 'u32' },
  'n.shrU32': { operator: 'shrClamp', type: 'u32' },
  'n.shrS32': { operator: 'shrClamp', type: 'i32' },
};
const LOGIC: Partial<Record<PureName, 'and' | 'or' | 'xor'>> = { 'p.and': 'and', 'p.or': 'or', 'p.xor': 'xor' };

/** Emits what is needed of a pure instruction: its value, its low bits, or nothing. */
export function lowerPure(v: LoweredValues, instruction: Pure): void {
  const { to } = instruction;
  if (to === null) throw new Error('[simtwin bug] a pure instruction without a result');
  if (v.demands.isLowNeeded(to)) {
    if (to.kind === 'big') lowerBigint(v, instruction, 'u64', v.defineLow(to, 'u64'));
    else lowerRing(v, instruction, 'i32', v.defineLow(to, 'i32'));
  }
  if (!v.demands.isNeeded(to)) return;
  const type = v.types.ofTemp(to);
  if (type === null) {
    v.failWide(instruction.site);
    return;
  }
  if (instruction.name === 'name') {
    v.alias(to, v.value(instruction.args[0]!, type, instruction.site), type, instruction.site);
  } else if (instruction.name === 'select') lowerSelect(v, instruction, type);
  else if (to.kind === 'big') lowerBigint(v, instruction, type as 'i64' | 'u64', null);
  else if (to.kind === 'num') lowerNumber(v, instruction, type);
  else lowerOther(v, instruction, type);
}

function lowerSelect(v: LoweredValues, { args, site, to }: Pure, type: ValueType): void {
  const condition = v.value(args[0]!, 'pred', site);
  const a = v.value(args[1]!, type, site);
  const b = v.value(args[2]!, type, site);
  v.builder.emit({ op: 'select', site, type, to: v.define(to!, type), condition, a, b });
}

/** Booleans and pointers. */
function lowerOther(v: LoweredValues, instruction: Pure, type: ValueType): void {
  const { name, args, site, compare } = instruction;
  const [a, b] = [args[0]!, args[1]!];
  const to = () => v.define(instruction.to!, type);
  const logic = LOGIC[name];
  if (logic !== undefined) {
    const [x, y] = [v.value(a, 'pred', site), v.value(b, 'pred', site)];
    v.builder.emit({ op: 'binary', site, operator: logic, type: 'pred', to: to(), a: x, b: y });
  } else if (name === 'p.not') {
    const x = v.value(a, 'pred', site);
    v.builder.emit({ op: 'unary', site, operator: 'not', type: 'pred', to: to(), a: x });
  } else if (name === 'compare' && compare !== undefined) {
    const { kind, operator } = compare;
    const common =
      kind === 'num'
        ? v.types.commonNumber(a, b)
        : kind === 'big'
          ? v.types.commonBigint(a, b)
          : kind === 'ptr'
            ? 'ptr'
            : 'pred';
    if (common === null) {
      failAt(
        v.code,
        site,
        'a comparison of a bigint that may be negative with one that may be 2^63 or more',
        'convert both with u64(...) or both with i64(...)',
      );
    }
    const [x, y] = [v.value(a, common, site), v.value(b, common, site)];
    v.builder.emit({ op: 'compare', site, operator, type: common, to: to(), a: x, b: y });
  } else if (name === 'address') {
    const base = v.value(a, 'ptr', site);
    const own = v.types.of(b);
    const indexType = own ?? 'u64';
    const index = own === null ? v.low64(b, 'u64', site) : v.value(b, indexType, site);
    v.builder.emit({ op: 'address', site, to: to(), base, index, indexType, elementBytes: instruction.count! });
  } else throw new Error(`[simtwin bug] no lowering of ${name}`);
}

/** `+`, `-`, `*` and negation in words, or as doubles. */
function lowerRing(v: LoweredValues, { name, args, site }: Pure, type: 'i32' | 'u32' | 'f64', to: number): void {
  const operand = (at: number) => (type === 'f64' ? v.value(args[at]!, type, site) : v.word(args[at]!, type, site));
  const a = operand(0);
  if (name === 'n.neg') v.builder.emit({ op: 'unary', site, operator: 'neg', type, to, a });
  else v.builder.emit({ op: 'binary', site, operator: RING[name]!, type, to, a, b: operand(1) });
}

function lowerNumber(v: LoweredValues, instruction: Pure, type: ValueType): void {
  const { name, args, site } = instruction;
  const temp = instruction.to!;
  const { builder } = v;
  const to = () => v.define(temp, type);
  const unary = (operator: UnaryOperator, of: ValueType, a: ReturnType<typeof v.value>) =>
    builder.emit({ op: 'unary', site, operator, type: of, to: to(), a });
  const binary = (
    operator: BinaryOperator,
    of: ValueType,
    a: ReturnType<typeof v.value>,
    b: ReturnType<typeof v.value>,
  ) => builder.emit({ op: 'binary', site, operator, type: of, to: to(), a, b });
  if (RING[name] !== undefined || name === 'n.neg') {
    lowerRing(v, instruction, type as 'i32', to());
    return;
  }
  const words = WORDS[name];
  if (words !== undefined) {
    binary(words, 'i32', v.word(args[0]!, 'i32', site), v.word(args[1]!, 'i32', site));
    return;
  }
  const count = COUNTS[name];
  if (count !== undefined) {
    const of = name.endsWith('ll') ? 'u64' : 'u32';
    unary(count, of, v.word(args[0]!, of, site));
    return;
  }
  const clamped = CLAMPED[name];
  if (clamped !== undefined) {
    binary(clamped.operator, clamped.type, v.word(args[0]!, clamped.type, site), shiftCount(v, instruction));
    return;
  }
  switch (name) {
    case 'n.min':
    case 'n.max': {
      const [a, b] = [v.value(args[0]!, type, site), v.value(args[1]!, type, site)];
      binary(name === 'n.min' ? 'min' : 'max', type, a, b);
      return;
    }
    case 'n.div':
      binary('div', 'f64', v.value(args[0]!, 'f64', site), v.value(args[1]!, 'f64', site));
      return;
    case 'n.rem':
      binary('rem', type, v.value(args[0]!, type, site), v.value(args[1]!, type, site));
      return;
    case 'n.floor':
    case 'n.ceil':
    case 'n.trunc':
    case 'n.toI32':
    case 'n.toU32':
      lowerRounding(v, instruction, type);
      return;
    case 'n.abs': {
      const a = v.value(args[0]!, type, site);
      if (type === 'f64') {
        unary('abs', type, a);
        return;
      }
      const negated = builder.temporary(type, v.code.sites[site]!.scope);
      builder.emit({ op: 'unary', site, operator: 'neg', type, to: negated, a });
      binary('max', type, a, { kind: 'variable', index: negated });
      return;
    }
    case 'n.not':
      unary('not', 'i32', v.word(args[0]!, 'i32', site));
      return;
    case 'n.ushr':
      binary('shr', 'u32', v.word(args[0]!, 'u32', site), v.low32(args[1]!, site));
      return;
    case 'n.brev':
      unary('brev', 'u32', v.word(args[0]!, 'u32', site));
      return;
    case 'n.umulhi':
      binary('mulhi', 'u32', v.word(args[0]!, 'u32', site), v.word(args[1]!, 'u32', site));
      return;
    case 'n.divI32':
    case 'n.remI32':
      lowerIntegerDivision(v, instruction);
      return;
    case 'n.fromBool':
      builder.emit({ op: 'convert', site, from: 'pred', type, to: to(), a: v.value(args[0]!, 'pred', site) });
      return;
    case 'n.address':
      builder.emit({ op: 'convert', site, from: 'ptr', type, to: to(), a: v.value(args[0]!, 'ptr', site) });
      return;
    case 'n.fromBig':
      lowerFromBigint(v, instruction, type);
      return;
    case 'n.table': {
      const range = v.types.number(args[0]!);
      if (!range.isInteger || range.mayBeNaN)
        failAt(v.code, site, 'an index of an array that may be no integer', 'round it: (index | 0)');
      builder.emit({ op: 'loadTable', site, to: to(), table: instruction.count!, index: v.number(args[0]!, site) });
      return;
    }
    default:
      throw new Error(`[simtwin bug] no lowering of ${name}`);
  }
}

/** The count of a shift that shifts everything out from the width on: never negative. */
function shiftCount(v: LoweredValues, { args, site }: Pure): ReturnType<typeof v.value> {
  const count = args[1]!;
  const range = v.types.number(count);
  if (!fitsU32(range))
    failAt(v.code, site, 'a shift by a count that may be negative or no integer', 'write u32(count)');
  return v.value(count, fitsI32(range) ? 'i32' : 'u32', site);
}

function lowerRounding(v: LoweredValues, instruction: Pure, type: ValueType): void {
  const { name, args, site } = instruction;
  const temp = instruction.to!;
  const operand = args[0]!;
  const quotient = v.types.wordQuotient(instruction);
  if (quotient !== null) {
    const [a, b] = [v.value(quotient.a, quotient.type, site), v.value(quotient.b, quotient.type, site)];
    const isOwn = quotient.type === type;
    const to = isOwn ? v.define(temp, type) : v.builder.temporary(quotient.type, v.code.sites[site]!.scope);
    v.builder.emit({ op: 'binary', site, operator: 'div', type: quotient.type, to, a, b });
    if (!isOwn)
      v.alias(
        temp,
        v.convert({ operand: { kind: 'variable', index: to }, type: quotient.type }, type, site),
        type,
        site,
      );
    return;
  }
  if (name === 'n.toI32' || name === 'n.toU32') {
    const word = name === 'n.toI32' ? 'i32' : 'u32';
    v.alias(temp, v.word(operand, word, site), word, site);
    return;
  }
  const range = v.types.number(operand);
  if (range.isInteger && !range.mayBeNaN) {
    v.alias(temp, v.value(operand, type, site), type, site);
    return;
  }
  const operator = name === 'n.floor' ? 'floor' : name === 'n.ceil' ? 'ceil' : 'trunc';
  v.builder.emit({
    op: 'unary',
    site,
    operator,
    type: 'f64',
    to: v.define(temp, 'f64'),
    a: v.value(operand, 'f64', site),
  });
}

/** `divI32`, `remI32`: words, whose result is signed. */
function lowerIntegerDivision(v: LoweredValues, instruction: Pure): void {
  const { name, args, site } = instruction;
  const temp = instruction.to!;
  const common = v.types.commonNumber(args[0]!, args[1]!);
  const text = name === 'n.divI32' ? 'divI32' : 'remI32';
  if (common === 'f64') failAt(v.code, site, `${text} of a number that may be no int`, 'write i32(…) around it');
  const [a, b] = [v.value(args[0]!, common, site), v.value(args[1]!, common, site)];
  const to = common === 'i32' ? v.define(temp, 'i32') : v.builder.temporary('u32', v.code.sites[site]!.scope);
  const operator = name === 'n.divI32' ? 'div' : 'rem';
  v.builder.emit({ op: 'binary', site, operator, type: common, to, a, b });
  if (common === 'u32')
    v.alias(temp, v.convert({ operand: { kind: 'variable', index: to }, type: 'u32' }, 'i32', site), 'i32', site);
}

/** `Number(bigint)`. */
function lowerFromBigint(v: LoweredValues, instruction: Pure, type: ValueType): void {
  const { site } = instruction;
  const { operand, shift, isWord } = v.demands.wordSource(instruction);
  const own = v.types.of(operand);
  const from = (own === 'i64' && shift === 0 ? 'i64' : 'u64') as 'i64' | 'u64';
  let a = isWord ? v.low64(operand, from, site) : v.value(operand, from, site);
  if (shift > 0) {
    const shifted = v.builder.temporary('u64', v.code.sites[site]!.scope);
    const b = { kind: 'constant', type: 'i32', value: shift } as const;
    v.builder.emit({ op: 'binary', site, operator: 'shrClamp', type: 'u64', to: shifted, a, b });
    a = { kind: 'variable', index: shifted };
  }
  v.builder.emit({ op: 'convert', site, from, type, to: v.define(instruction.to!, type), a });
}
