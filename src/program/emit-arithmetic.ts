import { type BinaryOperator, type Instruction, isWide, type Operand, type ValueType } from './program.js';

/** How a back end names values in the JavaScript that it writes. */
export interface Names {
  /**
   * An expression without side effects for a value that is not 64 bits wide: a number, normalised as its type says; for
   * `pred` anything that is truthy or not.
   */
  value(operand: Operand): string;
  /** Expressions for the low and the high word of a 64-bit value, as signed 32-bit numbers. */
  words(operand: Operand): readonly [low: string, high: string];
  /** A statement that sets a variable. For `pred` the expression is a boolean. */
  assign(variable: number, expression: string): string;
  /** Statements that set a 64-bit variable. The expressions may name the variable itself. */
  assignWords(variable: number, low: string, high: string): string;
}

/** Instructions that compute a value from operands and nothing else. */
export type ArithmeticInstruction = Extract<
  Instruction,
  { op: 'move' | 'unary' | 'binary' | 'compare' | 'select' | 'convert' | 'address' }
>;

export const isArithmetic = (instruction: Instruction): instruction is ArithmeticInstruction =>
  ['move', 'unary', 'binary', 'compare', 'select', 'convert', 'address'].includes(instruction.op);

/** Whether an arithmetic instruction may throw. */
export function mayThrow(instruction: ArithmeticInstruction): boolean {
  if (instruction.op === 'binary') {
    return (instruction.operator === 'div' || instruction.operator === 'rem') && instruction.type !== 'f64';
  }
  return instruction.op === 'convert' && instruction.from === 'f64' && isWide(instruction.type);
}

/**
 * JavaScript statements for an arithmetic instruction. `R` is {@link arithmeticRuntime} in the code that is written.
 * The meaning of every operator is here and nowhere else.
 */
export function emitArithmetic(instruction: ArithmeticInstruction, names: Names): string {
  const { to } = instruction;
  switch (instruction.op) {
    case 'move': {
      if (!isWide(instruction.type)) return names.assign(to, names.value(instruction.a));
      return names.assignWords(to, ...names.words(instruction.a));
    }
    case 'unary':
      return emitUnary(instruction, names);
    case 'binary':
      return isWide(instruction.type)
        ? emitWideBinary(instruction, names)
        : names.assign(
            to,
            binary(instruction.operator, instruction.type, names.value(instruction.a), names.value(instruction.b)),
          );
    case 'compare':
      return names.assign(to, compare(instruction, names));
    case 'select': {
      const condition = names.value(instruction.condition);
      if (!isWide(instruction.type)) {
        return names.assign(to, `(${condition}) ? ${names.value(instruction.a)} : ${names.value(instruction.b)}`);
      }
      const [aLow, aHigh] = names.words(instruction.a);
      const [bLow, bHigh] = names.words(instruction.b);
      return names.assignWords(to, `((${condition}) ? ${aLow} : ${bLow})`, `((${condition}) ? ${aHigh} : ${bHigh})`);
    }
    case 'convert':
      return emitConvert(instruction, names);
    case 'address': {
      const { base, index, indexType, elementBytes } = instruction;
      if (!isWide(indexType)) {
        return names.assign(to, `${names.value(base)} + ${names.value(index)} * ${elementBytes}`);
      }
      const [low, high] = names.words(index);
      return names.assign(to, `${names.value(base)} + R.signed64Times(${low}, ${high}, ${elementBytes})`);
    }
    default:
      return instruction satisfies never;
  }
}

type Of<Op extends ArithmeticInstruction['op']> = Extract<ArithmeticInstruction, { op: Op }>;

/** Wraps an exact expression of numbers as the type says. */
function normalised(type: ValueType, expression: string): string {
  if (type === 'i32') return `(${expression}) | 0`;
  if (type === 'u32') return `(${expression}) >>> 0`;
  return expression;
}

function emitUnary({ operator, type, to, a }: Of<'unary'>, names: Names): string {
  if (isWide(type)) {
    const [low, high] = names.words(a);
    switch (operator) {
      case 'neg':
        return names.assignWords(to, `(-${low} | 0)`, `(~${high} + (${low} === 0 ? 1 : 0) | 0)`);
      case 'not':
        return names.assignWords(to, `~${low}`, `~${high}`);
      case 'popc':
        return names.assign(to, `R.popc(${low}) + R.popc(${high})`);
      case 'clz':
        return names.assign(to, `(${high}) !== 0 ? Math.clz32(${high}) : 32 + Math.clz32(${low})`);
      case 'ffs':
        return names.assign(to, `R.ffs64(${low}, ${high})`);
      case 'brev':
        return names.assignWords(to, `(R.brev(${high}) | 0)`, `(R.brev(${low}) | 0)`);
      default:
        throw new Error(`[simtwin bug] no operator ${operator} of ${type}`);
    }
  }
  const x = names.value(a);
  switch (operator) {
    case 'neg':
      return names.assign(to, normalised(type, `-${x}`));
    case 'not':
      return names.assign(to, type === 'pred' ? `!(${x})` : normalised(type, `~${x}`));
    case 'popc':
      return names.assign(to, `R.popc(${x})`);
    case 'clz':
      return names.assign(to, `Math.clz32(${x})`);
    case 'ffs':
      return names.assign(to, `R.ffs(${x})`);
    case 'brev':
      return names.assign(to, normalised(type, `R.brev(${x})`));
    case 'floor':
    case 'ceil':
    case 'trunc':
    case 'abs':
      return names.assign(to, `Math.${operator}(${x})`);
    default:
      return operator satisfies never;
  }
}

function binary(operator: BinaryOperator, type: ValueType, a: string, b: string): string {
  const isFloat = type === 'f64';
  switch (operator) {
    case 'add':
      return normalised(type, `${a} + ${b}`);
    case 'sub':
      return normalised(type, `${a} - ${b}`);
    case 'mul':
      return isFloat ? `${a} * ${b}` : normalised(type, `Math.imul(${a}, ${b})`);
    case 'div':
      return isFloat ? `${a} / ${b}` : normalised(type, `R.div32(${a}, ${b})`);
    case 'rem':
      return isFloat ? `${a} % ${b}` : normalised(type, `R.rem32(${a}, ${b})`);
    case 'min':
    case 'max':
      return `Math.${operator}(${a}, ${b})`;
    case 'and':
      return type === 'pred' ? `((${a}) && (${b})) ? true : false` : normalised(type, `${a} & ${b}`);
    case 'or':
      return type === 'pred' ? `((${a}) || (${b})) ? true : false` : normalised(type, `${a} | ${b}`);
    case 'xor':
      return type === 'pred' ? `!(${a}) !== !(${b})` : normalised(type, `${a} ^ ${b}`);
    case 'shl':
      return normalised(type, `${a} << ${b}`);
    case 'shr':
      return type === 'u32' ? `${a} >>> ${b}` : `${a} >> ${b}`;
    case 'shlClamp':
      return `(${b} >>> 0) > 31 ? 0 : ${normalised(type, `${a} << ${b}`)}`;
    case 'shrClamp':
      return type === 'u32' ? `(${b} >>> 0) > 31 ? 0 : ${a} >>> ${b}` : `${a} >> ((${b} >>> 0) > 31 ? 31 : ${b})`;
    case 'mulhi':
      return type === 'u32' ? `R.mulhiU32(${a}, ${b})` : `R.mulhiI32(${a}, ${b})`;
    default:
      return operator satisfies never;
  }
}

function emitWideBinary({ operator, type, to, a, b }: Of<'binary'>, names: Names): string {
  const [aLow, aHigh] = names.words(a);
  const isSigned = type === 'i64';
  // A shift's count is one word.
  if (['shl', 'shr', 'shlClamp', 'shrClamp'].includes(operator)) {
    const count = operator === 'shl' || operator === 'shr' ? `(${names.value(b)}) & 63` : `(${names.value(b)}) >>> 0`;
    const name = operator.startsWith('shl') ? 'shl64' : isSigned ? 'shrI64' : 'shrU64';
    return names.assignWords(to, `R.${name}(${aLow}, ${aHigh}, ${count})`, 'R.high');
  }
  const [bLow, bHigh] = names.words(b);
  const all = `${aLow}, ${aHigh}, ${bLow}, ${bHigh}`;
  switch (operator) {
    case 'add':
      // Small constants, as counters have, need no call.
      return names.assignWords(
        to,
        `(${aLow} + ${bLow} | 0)`,
        `(${aHigh} + ${bHigh} + ((${aLow} >>> 0) + (${bLow} >>> 0) > 4294967295 ? 1 : 0) | 0)`,
      );
    case 'sub':
      return names.assignWords(
        to,
        `(${aLow} - ${bLow} | 0)`,
        `(${aHigh} - ${bHigh} - ((${aLow} >>> 0) < (${bLow} >>> 0) ? 1 : 0) | 0)`,
      );
    case 'and':
      return names.assignWords(to, `(${aLow} & ${bLow})`, `(${aHigh} & ${bHigh})`);
    case 'or':
      return names.assignWords(to, `(${aLow} | ${bLow})`, `(${aHigh} | ${bHigh})`);
    case 'xor':
      return names.assignWords(to, `(${aLow} ^ ${bLow})`, `(${aHigh} ^ ${bHigh})`);
    case 'mul':
      return names.assignWords(to, `R.mul64(${all})`, 'R.high');
    case 'div':
    case 'rem':
    case 'mulhi':
      return names.assignWords(to, `R.${operator}64(${all}, ${isSigned})`, 'R.high');
    case 'min':
    case 'max': {
      const less = lessThan(isSigned, aLow, aHigh, bLow, bHigh);
      const [first, second] = operator === 'min' ? [0, 1] : [1, 0];
      const low = [aLow, bLow];
      const high = [aHigh, bHigh];
      return names.assignWords(
        to,
        `(${less} ? ${low[first]} : ${low[second]})`,
        `(${less} ? ${high[first]} : ${high[second]})`,
      );
    }
    default:
      throw new Error(`[simtwin bug] no operator ${operator} of ${type}`);
  }
}

function lessThan(isSigned: boolean, aLow: string, aHigh: string, bLow: string, bHigh: string): string {
  const word = (high: string) => (isSigned ? high : `(${high} >>> 0)`);
  return `(${word(aHigh)} < ${word(bHigh)} || (${aHigh} === ${bHigh} && (${aLow} >>> 0) < (${bLow} >>> 0)))`;
}

const SIGNS = { eq: '===', ne: '!==', lt: '<', le: '<=', gt: '>', ge: '>=' } as const;

function compare({ operator, type, a, b }: Of<'compare'>, names: Names): string {
  if (type === 'pred') return `!(${names.value(a)}) ${SIGNS[operator]} !(${names.value(b)})`;
  if (!isWide(type)) return `${names.value(a)} ${SIGNS[operator]} ${names.value(b)}`;
  const [aLow, aHigh] = names.words(a);
  const [bLow, bHigh] = names.words(b);
  const isSigned = type === 'i64';
  switch (operator) {
    case 'eq':
      return `${aLow} === ${bLow} && ${aHigh} === ${bHigh}`;
    case 'ne':
      return `${aLow} !== ${bLow} || ${aHigh} !== ${bHigh}`;
    case 'lt':
      return lessThan(isSigned, aLow, aHigh, bLow, bHigh);
    case 'ge':
      return `!${lessThan(isSigned, aLow, aHigh, bLow, bHigh)}`;
    case 'gt':
      return lessThan(isSigned, bLow, bHigh, aLow, aHigh);
    case 'le':
      return `!${lessThan(isSigned, bLow, bHigh, aLow, aHigh)}`;
    default:
      return operator satisfies never;
  }
}

function emitConvert({ from, type, to, a }: Of<'convert'>, names: Names): string {
  if (isWide(from)) {
    const [low, high] = names.words(a);
    if (isWide(type)) return names.assignWords(to, low, high);
    if (type === 'i32') return names.assign(to, low);
    if (type === 'u32') return names.assign(to, `${low} >>> 0`);
    if (type === 'pred') return names.assign(to, `(${low} | ${high}) !== 0`);
    if (type === 'ptr') return names.assign(to, `R.globalAddress(${low}, ${high})`);
    return names.assign(to, `R.numberOf64(${low}, ${high}, ${from === 'i64'})`);
  }
  const x = names.value(a);
  if (isWide(type)) {
    if (from === 'pred') return names.assignWords(to, `((${x}) ? 1 : 0)`, '0');
    if (from === 'i32') return names.assignWords(to, x, `(${x} >> 31)`);
    if (from === 'u32') return names.assignWords(to, `(${x} | 0)`, '0');
    return names.assignWords(to, `R.wordsOfF64(${x})`, 'R.high');
  }
  if (type === 'pred') return names.assign(to, from === 'f64' ? `R.isTruthy(${x})` : `${x} !== 0`);
  if (from === 'pred') return names.assign(to, `(${x}) ? 1 : 0`);
  return names.assign(to, type === from ? x : normalised(type, x));
}
