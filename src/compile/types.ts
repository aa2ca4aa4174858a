import { type ConstantTable, loadedType, type ValueType } from '../program/program.js';
import type { Analysis } from './analyse.js';
import { type BigintRange, fitsI64, fitsU64 } from './bigint-ranges.js';
import type { Instruction, Mutable, Operand, PureName, Temp } from './hir.js';
import { fitsI32, fitsU32, isExact, type NumberRange } from './number-ranges.js';

/** Operations whose low 32 bits depend on the low 32 bits of their operands alone. */
const RING: ReadonlySet<PureName> = new Set<PureName>(['n.add', 'n.sub', 'n.mul', 'n.neg']);
/** The same for 64 bits. */
export const WIDE_RING: ReadonlySet<PureName> = new Set<PureName>([
  'b.add',
  'b.sub',
  'b.mul',
  'b.neg',
  'b.and',
  'b.or',
  'b.xor',
  'b.not',
  'b.shl',
  'b.div',
  'b.rem',
  'select',
]);

type Pure = Instruction & { readonly op: 'pure' };

/** Picks machine types from intervals. */
export class Types {
  readonly #analysis: Analysis;
  readonly #tables: readonly ConstantTable[];
  /** A division tells 0 from -0: then no word may stand for a number that may be -0. */
  readonly #isStrict: boolean;
  readonly #types = new Map<Temp, ValueType | null>();
  readonly #variables = new Map<Mutable, ValueType | null>();

  constructor(analysis: Analysis, tables: readonly ConstantTable[]) {
    this.#analysis = analysis;
    this.#tables = tables;
    this.#isStrict = analysis.blocks.some(({ instructions }) =>
      instructions.some((instruction) => {
        if (instruction.op !== 'pure' || instruction.name !== 'n.div') return false;
        const divisor = this.number(instruction.args[1]!);
        return divisor.mayBeNegativeZero && divisor.lo <= 0 && divisor.hi >= 0;
      }),
    );
  }

  number(operand: Operand): NumberRange {
    return this.#analysis.rangeOf(operand) as NumberRange;
  }
  bigint(operand: Operand): BigintRange {
    return this.#analysis.rangeOf(operand) as BigintRange;
  }

  /** The word type that holds all numbers of a range, or f64. */
  numberType(range: NumberRange, prefersUnsigned = false): 'i32' | 'u32' | 'f64' {
    if (this.#isStrict && range.mayBeNegativeZero) return 'f64';
    if (prefersUnsigned && fitsU32(range)) return 'u32';
    return fitsI32(range) ? 'i32' : fitsU32(range) ? 'u32' : 'f64';
  }

  /** The word type that holds all bigints of a range, or null. */
  bigintType(range: BigintRange): 'i64' | 'u64' | null {
    return fitsU64(range) ? 'u64' : fitsI64(range) ? 'i64' : null;
  }

  /** A type that holds the values of two operands; null if none does. */
  commonBigint(a: Operand, b: Operand): 'i64' | 'u64' | null {
    const [first, second] = [this.bigint(a), this.bigint(b)];
    if (fitsU64(first) && fitsU64(second)) return 'u64';
    return fitsI64(first) && fitsI64(second) ? 'i64' : null;
  }

  /** A type in which two numbers compare as they do as doubles. */
  commonNumber(a: Operand, b: Operand): 'i32' | 'u32' | 'f64' {
    const [first, second] = [this.number(a), this.number(b)];
    if (fitsI32(first) && fitsI32(second)) return 'i32';
    return fitsU32(first) && fitsU32(second) ? 'u32' : 'f64';
  }

  ofVariable(variable: Mutable): ValueType | null {
    const known = this.#variables.get(variable);
    if (known !== undefined) return known;
    const range = this.#analysis.rangeOfVariable(variable);
    const type =
      variable.kind === 'num'
        ? range === undefined
          ? 'i32'
          : this.numberType(range as NumberRange)
        : variable.kind === 'big'
          ? range === undefined
            ? 'u64'
            : this.bigintType(range as BigintRange)
          : variable.kind === 'ptr'
            ? 'ptr'
            : 'pred';
    this.#variables.set(variable, type);
    return type;
  }

  /** The type of an operand's value; null: a bigint that no word holds. */
  of(operand: Operand): ValueType | null {
    switch (operand.op) {
      case 'temp':
        return this.ofTemp(operand.temp);
      case 'special':
        return 'i32';
      case 'param':
        return operand.kind === 'num'
          ? 'i32'
          : operand.kind === 'big'
            ? 'u64'
            : operand.kind === 'ptr'
              ? 'ptr'
              : 'pred';
      case 'const':
        if (typeof operand.value === 'number') return this.numberType(this.number(operand));
        if (typeof operand.value === 'bigint') return this.bigintType(this.bigint(operand));
        return operand.value === null ? 'ptr' : 'pred';
      default:
        return operand satisfies never;
    }
  }

  ofTemp(temp: Temp): ValueType | null {
    const known = this.#types.get(temp);
    if (known !== undefined) return known;
    const type = this.#find(temp);
    this.#types.set(temp, type);
    return type;
  }

  #find(temp: Temp): ValueType | null {
    const { by } = temp;
    if (temp.kind === 'bool') return 'pred';
    if (temp.kind === 'ptr') return 'ptr';
    const self: Operand = { op: 'temp', temp };
    switch (by.op) {
      case 'read':
        return this.ofVariable(by.variable);
      case 'load':
      case 'readElement':
      case 'atomic':
        return loadedType(by.elementType);
      case 'collective':
        if (temp.kind === 'big') return this.bigintType(this.bigint(self));
        if (by.operation.startsWith('shfl') || by.operation === 'redux.min' || by.operation === 'redux.max')
          return this.numberType(this.number(self));
        return by.operation === 'redux.add' ? 'i32' : 'u32';
      case 'activemask':
        return 'u32';
      case 'pure':
        return temp.kind === 'big' ? this.#bigintOf(self, by) : this.#numberOf(self, by);
      default:
        throw new Error(`[simtwin bug] ${by.op} has no result`);
    }
  }

  #bigintOf(self: Operand, { name, args, count }: Pure): ValueType | null {
    switch (name) {
      case 'b.asU':
        return 'u64';
      case 'b.asI':
        return count === 64 ? 'i64' : this.bigintType(this.bigint(self));
      case 'b.shrS64':
      case 'b.mul64hi':
        return 'i64';
      case 'b.shr':
        return this.bigint(args[1]!).lo >= 0n ? this.of(args[0]!) : this.bigintType(this.bigint(self));
      case 'name':
        return this.of(args[0]!);
      default:
        return this.bigintType(this.bigint(self));
    }
  }

  #numberOf(self: Operand, instruction: Pure): ValueType {
    const { name, args } = instruction;
    const range = this.number(self);
    const areUnsigned = () =>
      args.some((arg) => arg.op !== 'const') && args.every((arg) => arg.op === 'const' || this.of(arg) === 'u32');
    switch (name) {
      case 'n.add':
      case 'n.sub':
      case 'n.mul':
      case 'n.neg':
        return this.isRing(instruction) ? this.numberType(range, areUnsigned()) : 'f64';
      case 'n.min':
      case 'n.max':
      case 'select': {
        const [a, b] = name === 'select' ? [args[1]!, args[2]!] : [args[0]!, args[1]!];
        const type = this.commonNumber(a, b);
        return this.#isStrict && range.mayBeNegativeZero ? 'f64' : type;
      }
      case 'n.rem': {
        const divisor = this.number(args[1]!);
        const isWord = this.commonNumber(args[0]!, args[1]!);
        return divisor.lo <= 0 && divisor.hi >= 0 ? 'f64' : this.#isStrict && range.mayBeNegativeZero ? 'f64' : isWord;
      }
      case 'n.abs':
        return fitsI32(this.number(args[0]!)) && fitsI32(range) ? 'i32' : 'f64';
      case 'n.floor':
      case 'n.ceil':
      case 'n.trunc':
        if (this.number(args[0]!).isInteger && !this.number(args[0]!).mayBeNaN) return this.of(args[0]!)!;
        return this.wordQuotient(instruction)?.type ?? 'f64';
      case 'n.toU32':
      case 'n.ushr':
      case 'n.brev':
      case 'n.shlB32':
      case 'n.shrU32':
      case 'n.umulhi':
        return 'u32';
      case 'n.div':
      case 'n.address':
        return 'f64';
      case 'n.fromBig':
        return fitsI32(range) ? 'i32' : fitsU32(range) ? 'u32' : 'f64';
      case 'n.table':
        return this.#tables[instruction.count!]!.type;
      case 'name':
        return this.of(args[0]!)!;
      default:
        return 'i32';
    }
  }

  /** Whether words give the same as doubles: all values are integers that doubles hold exactly. */
  isRing({ name, args, to }: Pure): boolean {
    return (
      RING.has(name) &&
      isExact(this.number({ op: 'temp', temp: to! })) &&
      args.every((arg) => isExact(this.number(arg)))
    );
  }

  /** `Math.floor(a / b)`, `Math.trunc(a / b)`, `(a / b) | 0` as a division of words. */
  wordQuotient({
    name,
    args,
  }: Pure): { readonly type: 'i32' | 'u32'; readonly a: Operand; readonly b: Operand } | null {
    const [quotient] = args;
    if (quotient?.op !== 'temp' || quotient.temp.name !== null) return null;
    const { by } = quotient.temp;
    if (by.op !== 'pure' || by.name !== 'n.div' || name === 'n.ceil') return null;
    const [a, b] = [by.args[0]!, by.args[1]!];
    const [dividend, divisor] = [this.number(a), this.number(b)];
    if (divisor.lo <= 0 && divisor.hi >= 0) return null;
    const isPositive = dividend.lo >= 0 && divisor.lo > 0;
    if (fitsI32(dividend) && fitsI32(divisor)) {
      // The quotient of -2^31 and -1 is no i32, and only `| 0` makes it one.
      const mayOverflow = dividend.lo === -(2 ** 31) && divisor.hi < 0 && name !== 'n.toI32';
      const isNegativeZero = this.#isStrict && !isPositive && name !== 'n.toI32' && name !== 'n.toU32';
      if ((isPositive || name !== 'n.floor') && !mayOverflow && !isNegativeZero && (isPositive || name !== 'n.toU32'))
        return { type: 'i32', a, b };
    }
    return fitsU32(dividend) && fitsU32(divisor) ? { type: 'u32', a, b } : null;
  }
}
