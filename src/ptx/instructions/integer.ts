import type { Operand } from '../../program/index.js';
import type { PtxOperand } from '../ast.js';
import type { Form, Lowerer, Lowering } from '../lowering.js';
import { NotModelled } from '../not-modelled.js';
import { bitsType, type PtxType, ptxType } from '../types.js';
import { type Writer, word } from '../writer.js';

const B32 = ptxType('b32')!;
const U32 = ptxType('u32')!;
const S32 = ptxType('s32')!;

const pure = (lower: Lowerer['lower']): Lowerer => ({ isPure: true, lower });

/** @throws NotModelled unless it is a type of integers */
function integers(type: PtxType, form: Form): PtxType {
  if (type.kind === 'f' || type.kind === 'pred' || type.bits === 128)
    throw new NotModelled(`.${type.name} arithmetic: ${form.statement.opcode}`);
  return type;
}

/** The type of twice the width. */
const wider = ({ kind, bits }: PtxType): PtxType => ptxType(`${kind}${bits * 2}`)!;

/** The value cut to the type's width, so that it is one of the type's. */
function wrapped({ writer }: Lowering, value: Operand, { kind, bits }: PtxType): Operand {
  if (bits >= 32 || kind === 'pred') return value;
  if (kind !== 's') return writer.binary('and', 'i32', value, word('i32', 2 ** bits - 1));
  const shift = word('i32', 32 - bits);
  return writer.binary('shr', 'i32', writer.binary('shl', 'i32', value, shift), shift);
}

/** `d = a op b` that wraps. */
const wrapping = (operator: 'add' | 'sub') =>
  pure((form, l) => {
    const isCarried = form.take('cc');
    const isSaturated = form.take('sat');
    // Signed or not, the bits are the same.
    const type = bitsType(integers(form.type(), form));
    form.finish();
    const [d, a, b] = form.operandsOf(3) as [PtxOperand, PtxOperand, PtxOperand];
    if (isSaturated) throw new NotModelled(`.sat of ${form.root}`);
    if (isCarried) {
      withCarry(l, type, operator, l.read(a, type), l.read(b, type), null, d, true);
      return;
    }
    l.write(d, type, wrapped(l, l.writer.binary(operator, type.value, l.read(a, type), l.read(b, type)), type));
  });

/** The condition code: one a thread. */
const CARRY = { name: '%CC', type: ptxType('pred')!, id: -1 };

/** `a op b op carry`, and the carry or borrow out of it. */
function withCarry(
  l: Lowering,
  type: PtxType,
  operator: 'add' | 'sub',
  a: Operand,
  b: Operand,
  carry: Operand | null,
  d: PtxOperand,
  setsCarry: boolean,
): void {
  const { writer } = l;
  const unsigned = type.bits === 64 ? 'u64' : 'u32';
  const [x, y] = [writer.as(a, unsigned), writer.as(b, unsigned)];
  const first = writer.binary(operator, unsigned, x, y);
  const isOver = (result: Operand, of: Operand) =>
    operator === 'add' ? writer.compare('lt', unsigned, result, of) : writer.compare('lt', unsigned, of, result);
  let result: Operand = first;
  let over: Operand | null = setsCarry ? isOver(first, x) : null;
  if (carry !== null) {
    result = writer.binary(operator, unsigned, first, writer.as(writer.as(carry, 'u32'), unsigned));
    if (over !== null) over = writer.binary('or', 'pred', over, isOver(result, first));
  }
  if (over !== null) l.writeRegister(CARRY, CARRY.type, over);
  l.write(d, type, writer.as(result, type.value));
}

const carried = (operator: 'add' | 'sub') =>
  pure((form, l) => {
    const setsCarry = form.take('cc');
    const type = integers(form.type(), form);
    form.finish();
    const [d, a, b] = form.operandsOf(3) as [PtxOperand, PtxOperand, PtxOperand];
    withCarry(l, type, operator, l.read(a, type), l.read(b, type), l.writer.read(CARRY), d, setsCarry);
  });

/** The product's low half, high half or whole, as a value of the result's type. */
function product(
  form: Form,
  l: Lowering,
  type: PtxType,
  half: 'lo' | 'hi' | 'wide',
  a: PtxOperand,
  b: PtxOperand,
): Operand {
  const { writer } = l;
  if (half === 'lo') {
    const bits = bitsType(type);
    return wrapped(l, writer.binary('mul', bits.value, l.read(a, bits), l.read(b, bits)), bits);
  }
  const [x, y] = [l.read(a, type), l.read(b, type)];
  if (half === 'wide') {
    const result = wider(type);
    return writer.binary('mul', result.value, x, y);
  }
  if (type.bits >= 32) return writer.binary('mulhi', type.value, x, y);
  if (type.bits !== 16) throw new NotModelled(form.statement.opcode);
  const whole = writer.binary('mul', 'i32', x, y);
  return writer.binary('shr', type.kind === 's' ? 'i32' : 'u32', whole, word('i32', 16));
}

const mul = pure((form, l) => {
  const half = form.takeOne(['lo', 'hi', 'wide']);
  const type = integers(form.type(), form);
  form.finish();
  if (half === null) throw l.expected('.lo, .hi or .wide', form.statement.opcode);
  const [d, a, b] = form.operandsOf(3) as [PtxOperand, PtxOperand, PtxOperand];
  const result = half === 'wide' ? bitsType(wider(type)) : half === 'lo' ? bitsType(type) : type;
  l.write(d, result, l.writer.as(product(form, l, type, half, a, b), result.value));
});

const mad = (hasCarryIn: boolean) =>
  pure((form, l) => {
    const half = form.takeOne(['lo', 'hi', 'wide']);
    const setsCarry = form.take('cc');
    if (form.take('sat')) throw new NotModelled(`.sat of ${form.root}`);
    const type = integers(form.type(), form);
    form.finish();
    if (half === null) throw l.expected('.lo, .hi or .wide', form.statement.opcode);
    const [d, a, b, c] = form.operandsOf(4) as [PtxOperand, PtxOperand, PtxOperand, PtxOperand];
    const result = half === 'wide' ? bitsType(wider(type)) : half === 'lo' ? bitsType(type) : type;
    const left = product(form, l, type, half, a, b);
    const right = l.read(c, result);
    if (setsCarry || hasCarryIn) {
      withCarry(l, result, 'add', left, right, hasCarryIn ? l.writer.read(CARRY) : null, d, setsCarry);
      return;
    }
    l.write(d, result, wrapped(l, l.writer.binary('add', result.value, left, right), result));
  });

/** `d = a op b` of values that need no wrapping. */
const plain = (operator: 'min' | 'max') =>
  pure((form, l) => {
    const type = integers(form.type(), form);
    form.finish();
    const [d, a, b] = form.operandsOf(3) as [PtxOperand, PtxOperand, PtxOperand];
    l.write(d, type, l.writer.binary(operator, type.value, l.read(a, type), l.read(b, type)));
  });

const logic = (operator: 'and' | 'or' | 'xor') =>
  pure((form, l) => {
    const type = bitsType(form.type());
    form.finish();
    const [d, a, b] = form.operandsOf(3) as [PtxOperand, PtxOperand, PtxOperand];
    l.write(d, type, l.writer.binary(operator, type.value, l.read(a, type), l.read(b, type)));
  });

const shift = (operator: 'shlClamp' | 'shrClamp') =>
  pure((form, l) => {
    const type = form.type();
    form.finish();
    const [d, a, b] = form.operandsOf(3) as [PtxOperand, PtxOperand, PtxOperand];
    const { writer } = l;
    const isSigned = type.kind === 's';
    // Bits shift right as unsigned words.
    const value = type.bits === 64 ? (isSigned ? 'i64' : 'u64') : isSigned || operator === 'shlClamp' ? 'i32' : 'u32';
    const result = writer.binary(operator, value, l.read(a, type), l.read(b, U32));
    l.write(d, type, wrapped(l, writer.as(result, type.value), type));
  });

/** `d = (c < 32 ? {b,a} shifted by c)`: a funnel shift. */
const shf = pure((form, l) => {
  const direction = form.takeOne(['l', 'r']);
  const mode = form.takeOne(['wrap', 'clamp']);
  form.type();
  form.finish();
  const [d, a, b, c] = form.operandsOf(4) as [PtxOperand, PtxOperand, PtxOperand, PtxOperand];
  const { writer } = l;
  const both = pair(writer, l.read(a, U32), l.read(b, U32));
  const given = l.read(c, U32);
  const count =
    mode === 'wrap'
      ? writer.binary('and', 'u32', given, word('u32', 31))
      : writer.binary('min', 'u32', given, word('u32', 32));
  const shifted =
    direction === 'l'
      ? writer.binary('shrClamp', 'u64', writer.binary('shlClamp', 'u64', both, count), word('u32', 32))
      : writer.binary('shrClamp', 'u64', both, count);
  // A shift to the left by 32 leaves a in the high word.
  l.write(d, B32, writer.as(shifted, 'i32'));
});

/** The 64-bit word of two halves. */
export function pair(writer: Writer, low: Operand, high: Operand): Operand {
  const above = writer.binary('shl', 'u64', writer.as(writer.as(high, 'u32'), 'u64'), word('i32', 32));
  return writer.binary('or', 'u64', above, writer.as(writer.as(low, 'u32'), 'u64'));
}

/** Any function of three bits, by its table: the sum of the products that it has. */
const lop3 = pure((form, l) => {
  form.type();
  form.finish();
  const [d, a, b, c, table] = form.operandsOf(5) as [PtxOperand, PtxOperand, PtxOperand, PtxOperand, PtxOperand];
  if (table.kind !== 'integer') throw l.expected('a table of 8 bits', `an operand of kind ${table.kind}`);
  const { writer } = l;
  const inputs = [a, b, c].map((operand) => l.read(operand, B32));
  let sum: Operand = word('i32', 0);
  let isFirst = true;
  for (let row = 0; row < 8; row++) {
    if (((Number(table.value) >> row) & 1) === 0) continue;
    const product = inputs
      .map((input, at) => ((row >> (2 - at)) & 1 ? input : writer.unary('not', 'i32', input)))
      .reduce((left, right) => writer.binary('and', 'i32', left, right));
    sum = isFirst ? product : writer.binary('or', 'i32', sum, product);
    isFirst = false;
  }
  l.write(d, B32, sum);
});

const not = pure((form, l) => {
  const type = form.type();
  form.finish();
  const [d, a] = form.operandsOf(2) as [PtxOperand, PtxOperand];
  l.write(d, type, wrapped(l, l.writer.unary('not', type.value, l.read(a, type)), type));
});

const cnot = pure((form, l) => {
  const type = form.type();
  form.finish();
  const [d, a] = form.operandsOf(2) as [PtxOperand, PtxOperand];
  const { writer } = l;
  const isZero = writer.compare('eq', type.value, l.read(a, type), l.constant(0n, type));
  l.write(d, type, writer.as(isZero, type.value));
});

const neg = pure((form, l) => {
  const type = bitsType(integers(form.type(), form));
  form.finish();
  const [d, a] = form.operandsOf(2) as [PtxOperand, PtxOperand];
  l.write(d, type, wrapped(l, l.writer.unary('neg', type.value, l.read(a, type)), type));
});

const abs = pure((form, l) => {
  const type = integers(form.type(), form);
  form.finish();
  const [d, a] = form.operandsOf(2) as [PtxOperand, PtxOperand];
  const { writer } = l;
  const x = l.read(a, type);
  const isNegative = writer.compare('lt', type.value, x, l.constant(0n, type));
  l.write(d, type, wrapped(l, writer.select3(isNegative, type.value, writer.unary('neg', type.value, x), x), type));
});

/** `d = c + |a - b|` */
const sad = pure((form, l) => {
  const type = integers(form.type(), form);
  form.finish();
  const [d, a, b, c] = form.operandsOf(4) as [PtxOperand, PtxOperand, PtxOperand, PtxOperand];
  const { writer } = l;
  const [x, y] = [l.read(a, type), l.read(b, type)];
  const isLess = writer.compare('lt', type.value, x, y);
  const difference = writer.select3(
    isLess,
    type.value,
    writer.binary('sub', type.value, y, x),
    writer.binary('sub', type.value, x, y),
  );
  l.write(d, type, wrapped(l, writer.binary('add', type.value, difference, l.read(c, type)), type));
});

const count = (operator: 'popc' | 'clz') =>
  pure((form, l) => {
    const type = form.type();
    form.finish();
    const [d, a] = form.operandsOf(2) as [PtxOperand, PtxOperand];
    l.write(d, U32, l.writer.as(l.writer.unary(operator, type.value, l.read(a, type)), 'u32'));
  });

const brev = pure((form, l) => {
  const type = form.type();
  form.finish();
  const [d, a] = form.operandsOf(2) as [PtxOperand, PtxOperand];
  const value = type.bits === 64 ? 'u64' : 'u32';
  l.write(d, type, l.writer.as(l.writer.unary('brev', value, l.read(a, type)), type.value));
});

/** The place of the highest bit that is no sign; all ones if there is none. */
const bfind = pure((form, l) => {
  const isShift = form.take('shiftamt');
  const type = integers(form.type(), form);
  form.finish();
  const [d, a] = form.operandsOf(2) as [PtxOperand, PtxOperand];
  const { writer } = l;
  let x = l.read(a, type);
  if (type.kind === 's') {
    const sign = writer.binary('shrClamp', type.value, x, word('u32', type.bits - 1));
    x = writer.binary('xor', type.value, x, sign);
  }
  const zeros = writer.unary('clz', type.value, x);
  const place = isShift ? zeros : writer.binary('sub', 'i32', word('i32', type.bits - 1), zeros);
  const isNone = writer.compare('eq', 'i32', zeros, word('i32', type.bits));
  l.write(d, B32, writer.select3(isNone, 'i32', word('i32', -1), place));
});

/** `length` bits of a from bit `position` on; bits beyond the word are the sign, or zeros. */
const bfe = pure((form, l) => {
  const type = integers(form.type(), form);
  form.finish();
  const [d, a, b, c] = form.operandsOf(4) as [PtxOperand, PtxOperand, PtxOperand, PtxOperand];
  const { writer } = l;
  const { value, bits } = type;
  const low = (operand: PtxOperand) => writer.binary('and', 'u32', l.read(operand, U32), word('u32', 255));
  const [x, position, length] = [l.read(a, type), low(b), low(c)];
  const isSigned = type.kind === 's';
  const shifted = writer.binary('shrClamp', value, x, position);
  // Shifted up so that the field's highest bit is the word's, and down again.
  const missing = writer.binary(
    'sub',
    'i32',
    word('i32', bits),
    writer.binary('min', 'u32', length, word('u32', bits)),
  );
  const up = writer.binary('shlClamp', value, shifted, writer.as(missing, 'u32'));
  let field: Operand = writer.binary('shrClamp', value, up, writer.as(missing, 'u32'));
  if (isSigned) {
    // Where the field ends beyond the word, its sign is the word's: a shift by `position` alone has put it there.
    const end = writer.binary('add', 'u32', position, length);
    const isBeyond = writer.compare('ge', 'u32', end, word('u32', bits));
    field = writer.select3(isBeyond, value, shifted, field);
  }
  const isEmpty = writer.compare('eq', 'u32', length, word('u32', 0));
  l.write(d, type, writer.select3(isEmpty, value, l.constant(0n, type), field));
});

/** b with `length` bits from bit `position` on replaced by the low bits of a. */
const bfi = pure((form, l) => {
  const type = form.type();
  form.finish();
  const [f, a, b, c, d] = form.operandsOf(5) as [PtxOperand, PtxOperand, PtxOperand, PtxOperand, PtxOperand];
  const { writer } = l;
  const value = type.bits === 64 ? 'u64' : 'u32';
  const low = (operand: PtxOperand) => writer.binary('and', 'u32', l.read(operand, U32), word('u32', 255));
  const [x, y, position, length] = [l.read(a, type), l.read(b, type), low(c), low(d)];
  const ones = writer.unary('not', value, writer.binary('shlClamp', value, word(value, -1), length));
  const mask = writer.binary('shlClamp', value, ones, position);
  const inserted = writer.binary('and', value, writer.binary('shlClamp', value, x, position), mask);
  const kept = writer.binary('and', value, y, writer.unary('not', value, mask));
  l.write(f, type, writer.as(writer.binary('or', value, inserted, kept), type.value));
});

/** Four bytes of eight, each as it is or as its sign. */
const prmt = pure((form, l) => {
  form.type();
  form.finish();
  const [d, a, b, c] = form.operandsOf(4) as [PtxOperand, PtxOperand, PtxOperand, PtxOperand];
  const { writer } = l;
  const bytes = pair(writer, l.read(a, U32), l.read(b, U32));
  const selector = l.read(c, U32);
  const picked = [0, 1, 2, 3].map((at) => {
    const nibble = writer.binary('shr', 'u32', selector, word('i32', 4 * at));
    const place = writer.binary('shl', 'u32', writer.binary('and', 'u32', nibble, word('u32', 7)), word('i32', 3));
    const byte = writer.binary('and', 'i32', writer.binary('shr', 'u64', bytes, place), word('i32', 255));
    const sign = writer.binary('shr', 'i32', writer.binary('shl', 'i32', byte, word('i32', 24)), word('i32', 31));
    const isSign = writer.compare('ne', 'u32', writer.binary('and', 'u32', nibble, word('u32', 8)), word('u32', 0));
    const value = writer.select3(isSign, 'i32', writer.binary('and', 'i32', sign, word('i32', 255)), byte);
    return writer.binary('shl', 'i32', value, word('i32', 8 * at));
  });
  l.write(
    d,
    B32,
    picked.reduce((left, right) => writer.binary('or', 'i32', left, right)),
  );
});

/** `c` and the dot product of the bytes of a and b; dp2a: of halves of a and two bytes of b. */
const dot = (parts: 4 | 2) =>
  pure((form, l) => {
    const half = parts === 2 ? form.takeOne(['lo', 'hi']) : null;
    const [typeA, typeB] = [form.type(), form.type()];
    form.finish();
    const [d, a, b, c] = form.operandsOf(4) as [PtxOperand, PtxOperand, PtxOperand, PtxOperand];
    const { writer } = l;
    const [x, y] = [l.read(a, B32), l.read(b, B32)];
    const part = (value: Operand, bits: number, at: number, isSigned: boolean) => {
      const up = writer.binary('shl', 'i32', value, word('i32', 32 - bits * (at + 1)));
      return writer.as(writer.binary('shr', isSigned ? 'i32' : 'u32', up, word('i32', 32 - bits)), 'i32');
    };
    let sum = l.read(c, B32);
    for (let at = 0; at < parts; at++) {
      const left = part(x, parts === 4 ? 8 : 16, at, typeA.kind === 's');
      const right = part(y, 8, parts === 4 ? at : at + (half === 'hi' ? 2 : 0), typeB.kind === 's');
      sum = writer.binary('add', 'i32', sum, writer.binary('mul', 'i32', left, right));
    }
    l.write(d, S32, sum);
  });

export const INTEGER: Readonly<Record<string, Lowerer>> = {
  add: wrapping('add'),
  sub: wrapping('sub'),
  addc: carried('add'),
  subc: carried('sub'),
  mul,
  mad: mad(false),
  madc: mad(true),
  // A divisor of 0 is an error: what the hardware gives then is not specified.
  div: { isPure: false, lower: divide('div') },
  rem: { isPure: false, lower: divide('rem') },
  min: plain('min'),
  max: plain('max'),
  and: logic('and'),
  or: logic('or'),
  xor: logic('xor'),
  not,
  cnot,
  shl: shift('shlClamp'),
  shr: shift('shrClamp'),
  shf,
  lop3,
  neg,
  abs,
  sad,
  popc: count('popc'),
  clz: count('clz'),
  brev,
  bfind,
  bfe,
  bfi,
  prmt,
  dp4a: dot(4),
  dp2a: dot(2),
};

function divide(operator: 'div' | 'rem'): Lowerer['lower'] {
  return (form, l) => {
    const type = integers(form.type(), form);
    form.finish();
    const [d, a, b] = form.operandsOf(3) as [PtxOperand, PtxOperand, PtxOperand];
    l.write(d, type, wrapped(l, l.writer.binary(operator, type.value, l.read(a, type), l.read(b, type)), type));
  };
}
