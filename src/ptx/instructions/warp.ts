import type { CollectiveName, Operand, ValueType } from '../../program/index.js';
import type { PtxOperand } from '../ast.js';
import type { Form, Lowerer, Lowering } from '../lowering.js';
import { NotModelled } from '../not-modelled.js';
import { ptxType } from '../types.js';
import { word } from '../writer.js';

const PRED = ptxType('pred')!;
const B32 = ptxType('b32')!;
const U32 = ptxType('u32')!;

const visible = (lower: Lowerer['lower']): Lowerer => ({ isPure: false, lower });

const LANE: Operand = { kind: 'special', name: 'laneId' };
const ZERO = word('u32', 0);

function requireSync(form: Form): void {
  if (!form.take('sync')) throw new NotModelled(`${form.statement.opcode} without .sync`);
}

/** Emits a warp-wide operation; its result. */
function collective(
  { writer }: Lowering,
  operation: CollectiveName,
  given: { mask: Operand; value?: Operand; a?: Operand; b?: Operand; type?: ValueType; result: ValueType },
): Operand {
  const to = writer.variable(null, given.result);
  const { mask, value = null, a = null, b = null, type = 'pred' } = given;
  writer.emit({ op: 'collective', operation, to: to.index, type, mask, value, a, b });
  return to;
}

const vote = visible((form, l) => {
  requireSync(form);
  const kind = form.takeOne(['all', 'any', 'uni', 'ballot']);
  form.type();
  form.finish();
  const [d, a, m] = form.operandsOf(3) as [PtxOperand, PtxOperand, PtxOperand];
  const { writer } = l;
  const mask = l.read(m, U32);
  const value = l.predicate(a);
  switch (kind) {
    case 'all':
    case 'any':
      return l.write(d, PRED, collective(l, kind, { mask, value, result: 'pred' }));
    case 'ballot':
      return l.write(d, B32, writer.as(collective(l, 'ballot', { mask, value, a: ZERO, result: 'u32' }), 'i32'));
    case 'uni': {
      // The same for all: one vote says which lanes hold, the other which take part.
      const held = collective(l, 'ballot', { mask, value, a: ZERO, result: 'u32' });
      const all = writer.compare('eq', 'u32', held, mask);
      const none = writer.compare('eq', 'u32', held, ZERO);
      return l.write(d, PRED, writer.binary('or', 'pred', all, none));
    }
    default:
      throw new NotModelled(form.statement.opcode);
  }
});

const SHUFFLES = { idx: 'shfl.idx', up: 'shfl.up', down: 'shfl.down', bfly: 'shfl.bfly' } as const;

/** Whether a clamp and segment mask is what `__shfl_sync` makes of a width: the machine has these as they are. */
function widthOf(mode: keyof typeof SHUFFLES, packed: bigint | null): number | null {
  if (packed === null) return null;
  const width = 32 - Number((packed >> 8n) & 31n);
  const isWhole = Number.isInteger(Math.log2(width)) && Number(packed & 31n) === (mode === 'up' ? 0 : 31);
  return isWhole ? width : null;
}

const shfl = visible((form, l) => {
  requireSync(form);
  const mode = form.takeOne(['idx', 'up', 'down', 'bfly']);
  const type = form.type();
  form.finish();
  const [d, a, b, c, m] = form.operandsOf(5) as [PtxOperand, PtxOperand, PtxOperand, PtxOperand, PtxOperand];
  if (mode === null || type.bits !== 32) throw new NotModelled(form.statement.opcode);
  const { writer } = l;
  const value = l.read(a, B32);
  const mask = l.read(m, U32);
  // Held: the result may be written to one of these registers.
  const given = writer.held(writer.binary('and', 'i32', l.read(b, B32), word('i32', 31)));
  const width = widthOf(mode, l.constantOf(c));
  // The lane that the value is taken from, and whether it is within the segment.
  const packed = width === null ? l.read(c, B32) : word('i32', (32 - width) * 256 + (mode === 'up' ? 0 : 31));
  const source = mode !== 'idx' || width === null || d.kind === 'pair' ? sourceOf(l, mode, given, packed) : null;
  const isInRange = source === null ? null : writer.held(source.isInRange);
  const result =
    width === null
      ? collective(l, 'shfl.idx', {
          mask,
          value,
          a: writer.select3(isInRange!, 'i32', source!.lane, LANE),
          b: word('u32', 32),
          type: 'i32',
          result: 'i32',
        })
      : collective(l, SHUFFLES[mode], { mask, value, a: given, b: word('u32', width), type: 'i32', result: 'i32' });
  if (d.kind !== 'pair') return l.write(d, B32, result);
  l.write({ kind: 'name', name: d.first }, B32, result);
  l.write({ kind: 'name', name: d.second }, PRED, isInRange!);
});

/** Source: PTX ISA, "shfl.sync", its pseudo-code. */
function sourceOf({ writer }: Lowering, mode: keyof typeof SHUFFLES, given: Operand, packed: Operand) {
  const clamp = writer.binary('and', 'i32', packed, word('i32', 31));
  const segment = writer.binary('and', 'i32', writer.binary('shr', 'i32', packed, word('i32', 8)), word('i32', 31));
  const within = writer.unary('not', 'i32', segment);
  const first = writer.binary('and', 'i32', LANE, segment);
  const last = writer.binary('or', 'i32', first, writer.binary('and', 'i32', clamp, within));
  const lane = (() => {
    switch (mode) {
      case 'up':
        return writer.binary('sub', 'i32', LANE, given);
      case 'down':
        return writer.binary('add', 'i32', LANE, given);
      case 'bfly':
        return writer.binary('xor', 'i32', LANE, given);
      case 'idx':
        return writer.binary('or', 'i32', first, writer.binary('and', 'i32', given, within));
      default:
        return mode satisfies never;
    }
  })();
  return { lane, isInRange: writer.compare(mode === 'up' ? 'ge' : 'le', 'i32', lane, last) };
}

const match = visible((form, l) => {
  const kind = form.takeOne(['any', 'all']);
  requireSync(form);
  const type = form.type();
  form.finish();
  const [d, a, m] = form.operandsOf(3) as [PtxOperand, PtxOperand, PtxOperand];
  if (kind === null) throw new NotModelled(form.statement.opcode);
  const { writer } = l;
  const value = l.read(a, type);
  const mask = l.read(m, U32);
  const result = collective(l, `match.${kind}`, {
    mask,
    value,
    type: type.value,
    result: 'u32',
    ...(kind === 'any' ? { a: ZERO } : {}),
  });
  if (d.kind !== 'pair') return l.write(d, B32, result);
  l.write({ kind: 'name', name: d.second }, PRED, writer.held(writer.compare('ne', 'u32', result, ZERO)));
  l.write({ kind: 'name', name: d.first }, B32, writer.as(result, 'i32'));
});

const redux = visible((form, l) => {
  requireSync(form);
  const operation = form.takeOne(['add', 'min', 'max', 'and', 'or', 'xor']);
  const type = form.type();
  form.finish();
  const [d, a, m] = form.operandsOf(3) as [PtxOperand, PtxOperand, PtxOperand];
  if (operation === null || type.bits !== 32 || type.kind === 'f') throw new NotModelled(form.statement.opcode);
  const result: ValueType =
    operation === 'add' ? 'i32' : operation === 'min' || operation === 'max' ? type.value : 'u32';
  const own: ValueType = operation === 'add' ? 'i32' : operation === 'min' || operation === 'max' ? type.value : 'u32';
  const value = l.writer.as(l.read(a, type), own);
  l.write(
    d,
    B32,
    l.writer.as(collective(l, `redux.${operation}`, { mask: l.read(m, U32), value, type: own, result }), 'i32'),
  );
});

const activemask = visible((form, l) => {
  form.type();
  form.finish();
  const [d] = form.operandsOf(1) as [PtxOperand];
  const to = l.writer.variable(null, 'u32');
  l.writer.emit({ op: 'activemask', to: to.index });
  l.write(d, B32, l.writer.as(to, 'i32'));
});

/** The lowest lane of the mask is elected: which one is, PTX leaves open. */
const elect = visible((form, l) => {
  requireSync(form);
  form.finish();
  const [d, m] = form.operandsOf(2) as [PtxOperand, PtxOperand];
  if (d.kind !== 'pair') throw l.expected('d|p', `an operand of kind ${d.kind}`);
  const { writer } = l;
  const mask = writer.held(l.read(m, U32));
  writer.emit({ op: 'collective', operation: 'sync', to: -1, type: 'pred', mask, value: null, a: null, b: null });
  const leader = writer.binary('sub', 'i32', writer.unary('ffs', 'u32', mask), word('i32', 1));
  const isLeader = writer.compare('eq', 'i32', LANE, leader);
  l.write({ kind: 'name', name: d.second }, PRED, writer.held(isLeader));
  l.write({ kind: 'name', name: d.first }, B32, writer.held(leader));
});

/** `bar.sync`, `barrier.cta.sync.aligned`, `bar.warp.sync` and their like. */
const barrier = (isOld: boolean) =>
  visible((form, l) => {
    const { writer } = l;
    if (form.take('warp')) {
      requireSync(form);
      form.finish();
      const [m] = form.operandsOf(1) as [PtxOperand];
      const mask = l.read(m, U32);
      writer.emit({ op: 'collective', operation: 'sync', to: -1, type: 'pred', mask, value: null, a: null, b: null });
      return;
    }
    form.take('cta');
    const kind = form.takeOne(['sync', 'arrive']);
    const isAligned = form.take('aligned') || isOld;
    form.finish();
    if (kind === null) throw new NotModelled(form.statement.opcode);
    const [id, count] = form.operandsOf(1, 2) as [PtxOperand, PtxOperand | undefined];
    const threadCount = count === undefined ? word('i32', 0) : l.read(count, U32);
    writer.emit({ op: 'barrier', kind, isAligned, id: l.read(id, U32), threadCount });
  });

export const WARP: Readonly<Record<string, Lowerer>> = {
  vote,
  shfl,
  match,
  redux,
  activemask,
  elect,
  bar: barrier(true),
  barrier: barrier(false),
};
