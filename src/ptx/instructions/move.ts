import type { CompareOperator, Operand } from '../../program/index.js';
import type { PtxOperand } from '../ast.js';
import type { Form, Lowerer, Lowering } from '../lowering.js';
import { NotModelled } from '../not-modelled.js';
import { bitsType, type PtxType, ptxType } from '../types.js';
import { word } from '../writer.js';
import { pair } from './integer.js';

const PRED = ptxType('pred')!;
const B32 = ptxType('b32')!;
const U64 = ptxType('u64')!;

const pure = (lower: Lowerer['lower']): Lowerer => ({ isPure: true, lower });

/** Moves bits; between a vector of narrow registers and a wide one, packs or unpacks them. */
const mov = pure((form, l) => {
  const type = bitsType(form.type());
  form.finish();
  const [d, a] = form.operandsOf(2) as [PtxOperand, PtxOperand];
  if (d.kind === 'vector') return unpack(l, type, d.elements, l.read(a, type));
  if (a.kind === 'vector') return l.write(d, type, pack(l, type, a.elements));
  const [to, from] = [registerOf(l, d), registerOf(l, a)];
  if (
    to !== null &&
    from !== null &&
    to.type.bits === type.bits &&
    from.type.bits === type.bits &&
    type.kind !== 'pred'
  ) {
    const [target, source] = [l.writer.storage(to), l.writer.storage(from)];
    if (target.kind === 'element') {
      const value = source.kind === 'element' ? source.element : source.variable;
      const { element } = target;
      if (l.condition === null) l.writer.emit({ op: 'writeElement', element, a: value });
      else l.writer.emit({ op: 'selectElement', element, condition: l.condition, a: value, b: element });
      return;
    }
  }
  l.write(d, type, l.read(a, type));
});

function registerOf(l: Lowering, operand: PtxOperand) {
  if (operand.kind !== 'name' || operand.name === '_' || (operand.name.startsWith('%') && l.isSpecial(operand.name)))
    return null;
  const named = l.find(operand.name);
  return named.kind === 'register' ? named.register : null;
}

/** The type of each of `count` parts. */
function partOf(l: Lowering, type: PtxType, count: number): PtxType {
  const part = ptxType(`b${type.bits / count}`);
  if (part === null || part.bits < 8) throw l.expected(`a vector that fits .${type.name}`, `one of ${count}`);
  return part;
}

function pack(l: Lowering, type: PtxType, elements: readonly PtxOperand[]): Operand {
  const part = partOf(l, type, elements.length);
  const { writer } = l;
  const values = elements.map((element) => l.read(element, part));
  if (type.bits === 64) {
    if (part.bits === 32) return pair(writer, values[0]!, values[1]!);
    const [low, high] = [values.slice(0, values.length / 2), values.slice(values.length / 2)];
    return pair(writer, joined(l, low, part.bits), joined(l, high, part.bits));
  }
  return joined(l, values, part.bits);
}

/** Narrow values side by side in a word. */
const joined = ({ writer }: Lowering, values: readonly Operand[], bits: number): Operand =>
  values
    .map((value, at) => (at === 0 ? value : writer.binary('shl', 'i32', value, word('i32', at * bits))))
    .reduce((left, right) => writer.binary('or', 'i32', left, right));

function unpack(l: Lowering, type: PtxType, elements: readonly PtxOperand[], value: Operand): void {
  const part = partOf(l, type, elements.length);
  const { writer } = l;
  // All parts are computed before the first is written: it may be where the value comes from.
  const held = writer.held(value);
  const parts = elements.map((_, at) => {
    if (type.bits !== 64) {
      const shifted = at === 0 ? held : writer.binary('shr', 'u32', held, word('i32', at * part.bits));
      return part.bits === 32 ? shifted : writer.binary('and', 'i32', shifted, word('i32', 2 ** part.bits - 1));
    }
    const shifted = at === 0 ? held : writer.binary('shr', 'u64', held, word('i32', at * part.bits));
    const low = writer.as(shifted, 'i32');
    return part.bits === 32 ? low : writer.binary('and', 'i32', low, word('i32', 2 ** part.bits - 1));
  });
  elements.forEach((element, at) => {
    l.write(element, part, writer.held(parts[at]!));
  });
}

/** Integers to integers. Floats are converted elsewhere. */
function convertInteger(form: Form, l: Lowering, to: PtxType, from: PtxType, isSaturated: boolean): void {
  const [d, a] = form.operandsOf(2) as [PtxOperand, PtxOperand];
  const { writer } = l;
  const value = l.read(a, from, true);
  if (isSaturated) throw new NotModelled(`.sat of ${form.statement.opcode}`);
  // First to the width of the result, as the source's sign says.
  let wide: Operand;
  if (to.bits === 64)
    wide =
      from.bits === 64
        ? writer.as(value, to.value)
        : writer.as(writer.as(value, from.kind === 's' ? 'i32' : 'u32'), to.value);
  else wide = writer.as(value, 'i32');
  l.write(d, to, to.bits >= 32 ? writer.as(wide, to.value) : l.fromBits(wide, to, true));
}

const cvt = pure((form, l) => {
  const isSaturated = form.take('sat');
  const to = form.type();
  const from = form.type();
  form.finish();
  if (to.kind === 'f' || from.kind === 'f') throw new NotModelled(form.statement.opcode);
  convertInteger(form, l, to, from, isSaturated);
});

/**
 * Between generic addresses and those of a space. Both are the same numbers: shared memory has the lowest 2^32 generic
 * addresses, all others are global.
 */
const cvta = pure((form, l) => {
  form.take('to');
  const space = form.takeOne(['global', 'shared', 'shared::cta', 'const', 'param', 'local']);
  const type = form.type();
  form.finish();
  const [d, a] = form.operandsOf(2) as [PtxOperand, PtxOperand];
  if (space !== 'global' && space !== 'shared' && space !== 'shared::cta') throw new NotModelled(form.statement.opcode);
  l.write(d, bitsType(type), l.read(a, bitsType(type)));
});

const isspacep = pure((form, l) => {
  const space = form.takeOne(['global', 'shared', 'shared::cta']);
  form.finish();
  if (space === null) throw new NotModelled(form.statement.opcode);
  const [d, a] = form.operandsOf(2) as [PtxOperand, PtxOperand];
  const operator: CompareOperator = space === 'global' ? 'ge' : 'lt';
  l.write(d, PRED, l.writer.compare(operator, 'u64', l.read(a, U64), word('u64', 2n ** 32n)));
});

const selp = pure((form, l) => {
  const type = bitsType(form.type());
  form.finish();
  const [d, a, b, c] = form.operandsOf(4) as [PtxOperand, PtxOperand, PtxOperand, PtxOperand];
  const { writer } = l;
  const to = registerOf(l, d);
  const condition = l.predicate(c);
  const target = to === null ? null : writer.storage(to);
  if (target?.kind === 'element' && to!.type.bits === type.bits && l.condition === null) {
    const source = (operand: PtxOperand) => {
      const from = registerOf(l, operand);
      if (from === null || from.type.bits !== type.bits) return l.read(operand, type);
      const storage = writer.storage(from);
      return storage.kind === 'element' ? storage.element : storage.variable;
    };
    writer.emit({ op: 'selectElement', element: target.element, condition, a: source(a), b: source(b) });
    return;
  }
  l.write(d, type, writer.select3(condition, type.value, l.read(a, type), l.read(b, type)));
});

const slct = pure((form, l) => {
  const type = bitsType(form.type());
  const of = form.type();
  form.finish();
  if (of.name !== 's32') throw new NotModelled(form.statement.opcode);
  const [d, a, b, c] = form.operandsOf(4) as [PtxOperand, PtxOperand, PtxOperand, PtxOperand];
  const { writer } = l;
  const isFirst = writer.compare('ge', 'i32', l.read(c, of), word('i32', 0));
  l.write(d, type, writer.select3(isFirst, type.value, l.read(a, type), l.read(b, type)));
});

const COMPARISONS: Readonly<Record<string, CompareOperator>> = {
  eq: 'eq',
  ne: 'ne',
  lt: 'lt',
  le: 'le',
  gt: 'gt',
  ge: 'ge',
  // Unsigned, whatever the type.
  lo: 'lt',
  ls: 'le',
  hi: 'gt',
  hs: 'ge',
};

/** The comparison that an opcode names, of its first two sources. */
function comparison(form: Form, l: Lowering, type: PtxType, name: string, a: PtxOperand, b: PtxOperand): Operand {
  if (type.kind === 'f') throw new NotModelled(form.statement.opcode);
  return l.writer.compare(COMPARISONS[name]!, type.value, l.read(a, type), l.read(b, type));
}

function combined(
  { writer }: Lowering,
  name: 'and' | 'or' | 'xor' | null,
  result: Operand,
  other: () => Operand,
): Operand {
  return name === null ? result : writer.binary(name, 'pred', result, other());
}

const setp = pure((form, l) => {
  const name = form.takeOne(Object.keys(COMPARISONS));
  const boolean = form.takeOne(['and', 'or', 'xor']);
  const type = form.type();
  form.finish();
  if (name === null) throw new NotModelled(form.statement.opcode);
  const operands = form.operandsOf(boolean === null ? 3 : 4);
  const [d, a, b, c] = operands as [PtxOperand, PtxOperand, PtxOperand, PtxOperand | undefined];
  const { writer } = l;
  const result = comparison(form, l, type, name, a, b);
  const other = () => l.predicate(c!);
  if (d.kind !== 'pair') return l.write(d, PRED, combined(l, boolean, result, other));
  const negated = combined(l, boolean, writer.unary('not', 'pred', result), other);
  const own = combined(l, boolean, result, other);
  // Both are computed before either is written.
  const [first, second] = [writer.held(own), writer.held(negated)];
  l.write({ kind: 'name', name: d.first }, PRED, first);
  l.write({ kind: 'name', name: d.second }, PRED, second);
});

/** Like setp, with all ones or zeros as the result. */
const set = pure((form, l) => {
  const name = form.takeOne(Object.keys(COMPARISONS));
  const boolean = form.takeOne(['and', 'or', 'xor']);
  const to = form.type();
  const type = form.type();
  form.finish();
  if (name === null || to.kind === 'f') throw new NotModelled(form.statement.opcode);
  const operands = form.operandsOf(boolean === null ? 3 : 4);
  const [d, a, b, c] = operands as [PtxOperand, PtxOperand, PtxOperand, PtxOperand | undefined];
  const result = combined(l, boolean, comparison(form, l, type, name, a, b), () => l.predicate(c!));
  l.write(d, B32, l.writer.select3(result, 'i32', word('i32', -1), word('i32', 0)));
});

/** Of predicates: `mov.pred`, `and.pred` and their like are those of integers. */
export const MOVES: Readonly<Record<string, Lowerer>> = { mov, cvt, cvta, isspacep, selp, slct, setp, set };
