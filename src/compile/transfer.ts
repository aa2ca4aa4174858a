import type { ConstantTable } from '../program/program.js';
import type { ScalarType } from '../simt/index.js';
import type { BigintRange } from './bigint-ranges.js';
import * as big from './bigint-ranges.js';
import type { Instruction, Operand } from './hir.js';
import type { NumberRange } from './number-ranges.js';
import * as num from './number-ranges.js';

/** What a value may be; null for booleans and pointers. */
export type Range = NumberRange | BigintRange | null;

export const isNumberRange = (range: Range): range is NumberRange => range !== null && 'isInteger' in range;

export function joinRanges(a: Range, b: Range): Range {
  if (a === null || b === null) return null;
  return isNumberRange(a) ? num.joinNumbers(a, b as NumberRange) : big.joinBigints(a, b as BigintRange);
}

export function isSame(a: Range, b: Range): boolean {
  if (a === null || b === null) return a === b;
  return isNumberRange(a) ? num.isSameRange(a, b as NumberRange) : big.isSameBigints(a, b as BigintRange);
}

export function widen(before: Range, next: Range): Range {
  if (before === null || next === null) return next;
  return isNumberRange(before)
    ? num.widenNumbers(before, next as NumberRange)
    : big.widenBigints(before, next as BigintRange);
}

const SPECIAL_RANGES: Readonly<Record<string, NumberRange>> = {
  'threadIdx.x': num.integers(0, 1023),
  'threadIdx.y': num.integers(0, 1023),
  'threadIdx.z': num.integers(0, 63),
  'blockIdx.x': num.integers(0, 2 ** 31 - 2),
  'blockIdx.y': num.integers(0, 65534),
  'blockIdx.z': num.integers(0, 65534),
  'blockDim.x': num.integers(1, 1024),
  'blockDim.y': num.integers(1, 1024),
  'blockDim.z': num.integers(1, 64),
  'gridDim.x': num.integers(1, 2 ** 31 - 1),
  'gridDim.y': num.integers(1, 65535),
  'gridDim.z': num.integers(1, 65535),
  laneId: num.integers(0, 31),
  warpIndex: num.integers(0, 31),
};

/** The range of an operand that is no temporary. */
export function rangeOfLeaf(operand: Operand): Range {
  switch (operand.op) {
    case 'special':
      return SPECIAL_RANGES[operand.name]!;
    case 'param':
      return operand.kind === 'num' ? num.I32 : operand.kind === 'big' ? big.U64 : null;
    case 'const':
      return typeof operand.value === 'number'
        ? num.constantNumber(operand.value)
        : typeof operand.value === 'bigint'
          ? big.bigints(operand.value, operand.value)
          : null;
    default:
      throw new Error('[simtwin bug] a temporary is no leaf');
  }
}

/** Values of an element type. */
export function rangeOfElement(type: ScalarType): Range {
  switch (type) {
    case 'i8':
      return num.integers(-128, 127);
    case 'u8':
      return num.integers(0, 255);
    case 'i16':
      return num.integers(-32768, 32767);
    case 'u16':
      return num.integers(0, 65535);
    case 'i32':
      return num.I32;
    case 'u32':
    case 'f32':
      return num.U32;
    case 'i64':
      return big.I64;
    case 'u64':
      return big.U64;
    default:
      return type satisfies never;
  }
}

/** `(x | constant) >>> 0` is at least the constant. */
function aboveBits(range: NumberRange, operand: Operand): NumberRange {
  if (operand.op !== 'temp' || operand.temp.by.op !== 'pure' || operand.temp.by.name !== 'n.or') return range;
  const bits = operand.temp.by.args.map((arg) => (arg.op === 'const' ? Number(arg.value) >>> 0 : 0));
  return { ...range, lo: Math.max(range.lo, ...bits) };
}

/** The range of what a pure instruction gives. */
export function transfer(
  instruction: Instruction & { readonly op: 'pure' },
  rangeOf: (operand: Operand) => Range,
  tables: readonly ConstantTable[],
): Range {
  const { name, args, count = 0 } = instruction;
  const n = (at: number) => rangeOf(args[at]!) as NumberRange;
  const b = (at: number) => rangeOf(args[at]!) as BigintRange;
  switch (name) {
    case 'n.add':
      return num.addRanges(n(0), n(1));
    case 'n.sub': {
      const right = num.negateRange(n(1));
      // -0 comes of -0 - 0 alone.
      return {
        ...num.addRanges(n(0), right),
        mayBeNegativeZero: n(0).mayBeNegativeZero && n(1).lo <= 0 && n(1).hi >= 0,
      };
    }
    case 'n.mul':
      return num.multiplyRanges(n(0), n(1));
    case 'n.div':
      return num.divideRanges(n(0), n(1));
    case 'n.rem':
      return num.remainderRange(n(0), n(1));
    case 'n.neg':
      return num.negateRange(n(0));
    case 'n.floor':
      return num.roundRange(n(0), Math.floor);
    case 'n.ceil':
      return num.roundRange(n(0), Math.ceil);
    case 'n.trunc':
      return num.roundRange(n(0), Math.trunc);
    case 'n.abs':
      return num.absoluteRange(n(0));
    case 'n.min':
      return num.extremeRange(n(0), n(1), Math.min);
    case 'n.max':
      return num.extremeRange(n(0), n(1), Math.max);
    case 'n.toI32':
      return num.toI32Range(n(0));
    case 'n.toU32':
      return aboveBits(num.toU32Range(n(0)), args[0]!);
    case 'n.and':
      return num.bitwiseRange('and', n(0), n(1));
    case 'n.or':
      return num.bitwiseRange('or', n(0), n(1));
    case 'n.xor':
      return num.bitwiseRange('xor', n(0), n(1));
    case 'n.not': {
      const word = num.toI32Range(n(0));
      return num.integers(~word.hi, ~word.lo);
    }
    case 'n.shl':
      return num.shiftRange('shl', n(0), n(1));
    case 'n.shr':
      return num.shiftRange('shr', n(0), n(1));
    case 'n.ushr':
      return n(1).lo === 0 && n(1).hi === 0
        ? aboveBits(num.toU32Range(n(0)), args[0]!)
        : num.shiftRange('ushr', n(0), n(1));
    case 'n.imul':
      return num.wordProductRange(n(0), n(1));
    case 'n.popc':
    case 'n.clz':
    case 'n.ffs':
      return num.integers(0, 32);
    case 'n.popcll':
    case 'n.clzll':
    case 'n.ffsll':
      return num.integers(0, 64);
    case 'n.brev':
    case 'n.shlB32':
    case 'n.umulhi':
      return num.U32;
    case 'n.shrU32':
      return num.integers(0, num.toU32Range(n(0)).hi);
    case 'n.shrS32':
    case 'n.mulhi':
      return num.I32;
    case 'n.divI32':
      return num.wordQuotientRange(n(0), n(1));
    case 'n.remI32':
      return num.toI32Range({ ...num.remainderRange(n(0), n(1)), mayBeNaN: false });
    case 'n.fromBool':
      return num.integers(0, 1);
    case 'n.fromBig':
      return num.integers(Number(b(0).lo), Number(b(0).hi));
    case 'n.address':
      return num.integers(0, 2 ** 53);
    case 'n.table':
      return tables[count]!.values.map(num.constantNumber).reduce(num.joinNumbers);
    case 'b.add':
      return big.addBigints(b(0), b(1));
    case 'b.sub':
      return big.addBigints(b(0), big.negateBigints(b(1)));
    case 'b.mul':
      return big.multiplyBigints(b(0), b(1));
    case 'b.div':
      return big.divideBigints(b(0), b(1));
    case 'b.rem':
      return big.remainderBigints(b(0), b(1));
    case 'b.neg':
      return big.negateBigints(b(0));
    case 'b.not':
      return big.bigints(-b(0).hi - 1n, -b(0).lo - 1n);
    case 'b.and':
      return big.bitwiseBigints('and', b(0), b(1));
    case 'b.or':
      return big.bitwiseBigints('or', b(0), b(1));
    case 'b.xor':
      return big.bitwiseBigints('xor', b(0), b(1));
    case 'b.shl':
      return big.shiftBigints(b(0), b(1));
    case 'b.shr':
      return big.shiftBigints(b(0), big.negateBigints(b(1)));
    case 'b.asU':
      return big.wrapBigints(b(0), count, false);
    case 'b.asI':
      return big.wrapBigints(b(0), count, true);
    case 'b.fromNum': {
      const { lo, hi } = n(0);
      const toBigint = (value: number) =>
        Number.isFinite(value) ? BigInt(Math.trunc(value)) : value < 0 ? -(1n << 300n) : 1n << 300n;
      return big.bigints(toBigint(lo), toBigint(hi));
    }
    case 'b.brevll':
    case 'b.shlB64':
    case 'b.shrU64':
    case 'b.umul64hi':
      return big.U64;
    case 'b.shrS64':
    case 'b.mul64hi':
      return big.I64;
    case 'select':
      return joinRanges(rangeOf(args[1]!), rangeOf(args[2]!));
    case 'name':
      return rangeOf(args[0]!);
    case 'compare':
    case 'address':
    case 'p.not':
    case 'p.and':
    case 'p.or':
    case 'p.xor':
      return null;
    default:
      return name satisfies never;
  }
}
