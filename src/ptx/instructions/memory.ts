import type { AtomicOperator, InstructionOf, Operand, Target, ValueType } from '../../program/index.js';
import type { Scope as MemoryScope, ScalarType } from '../../simt/index.js';
import type { PtxOperand } from '../ast.js';
import type { Form, Lowerer, Lowering } from '../lowering.js';
import { NotModelled } from '../not-modelled.js';
import { type PtxType, ptxType } from '../types.js';
import { word } from '../writer.js';

const visible = (lower: Lowerer['lower']): Lowerer => ({ isPure: false, lower });

const SCOPES: Readonly<Record<string, MemoryScope>> = { cta: 'block', gpu: 'device', sys: 'system' };

/** `.cta`, `.gpu` or `.sys`; null: none is said. */
function scopeOf(form: Form): MemoryScope | null {
  const name = form.takeOne(['cta', 'gpu', 'sys', 'cluster']);
  if (name === 'cluster') throw new NotModelled(`.cluster of ${form.root}: clusters`);
  return name === null ? null : SCOPES[name]!;
}

/** What only says how caches should behave: it changes no value. */
function takeCacheHints(form: Form): void {
  form.takeOne(['ca', 'cg', 'cs', 'lu', 'cv', 'wb', 'wt']);
  form.take('nc');
  form.takeOne(['L1::evict_normal', 'L1::evict_unchanged', 'L1::evict_first', 'L1::evict_last', 'L1::no_allocate']);
  form.takeOne(['L2::64B', 'L2::128B', 'L2::256B']);
  form.takeOne(['L2::evict_first', 'L2::evict_last', 'L2::evict_normal']);
}

type Space = 'global' | 'shared' | 'param' | 'generic';

function spaceOf(form: Form): Space {
  const name = form.takeOne([
    'global',
    'shared',
    'shared::cta',
    'param',
    'param::entry',
    'param::func',
    'local',
    'const',
    'shared::cluster',
  ]);
  switch (name) {
    case null:
      return 'generic';
    case 'global':
      return name;
    case 'shared':
    case 'shared::cta':
      return 'shared';
    case 'param':
    case 'param::entry':
    case 'param::func':
      return 'param';
    default:
      throw new NotModelled(`.${name} memory`);
  }
}

/** The element type of memory for a type: its bits, and the sign where a register is wider. */
function elementTypeOf({ kind, bits, name }: PtxType): ScalarType {
  if (bits === 128 || kind === 'pred') throw new NotModelled(`.${name} in memory`);
  if (bits === 64) return 'u64';
  if (bits === 32) return 'i32';
  return `${kind === 's' ? 'i' : 'u'}${bits as 8 | 16}`;
}

/** Where an access goes: a pointer, and elements behind it. */
interface Place {
  readonly base: Operand;
  readonly index: Operand;
}

type AddressOperand = Extract<PtxOperand, { kind: 'address' }>;

function addressOperand(l: Lowering, operand: PtxOperand): AddressOperand {
  if (operand.kind !== 'address') throw l.expected('an address in brackets', `an operand of kind ${operand.kind}`);
  if (operand.rest.length > 0) throw new NotModelled('an address with coordinates');
  return operand;
}

/** The place of an access to elements of so many bytes. */
function placeOf(l: Lowering, operand: PtxOperand, space: Space, bytes: number): Place {
  const { base, offset } = addressOperand(l, operand);
  const pointer = pointerOf(l, base, space);
  const isSmall = offset > -(2n ** 31n) && offset < 2n ** 31n;
  if (isSmall && offset % BigInt(bytes) === 0n) return { base: pointer, index: word('i32', offset / BigInt(bytes)) };
  return { base: l.writer.address(pointer, word('i64', offset)), index: word('i32', 0) };
}

function pointerOf(l: Lowering, base: string | null, space: Space): Operand {
  const { writer, addresses } = l;
  if (base === null) throw new NotModelled('an absolute address');
  const named = l.find(base);
  if (named.kind === 'memory') {
    const { memory } = named;
    const own = memory.variable.space;
    if (own !== 'shared' || (space !== 'shared' && space !== 'generic')) throw new NotModelled(`.${own} variables`);
    return writer.address(sharedBase(l), word('i32', addresses.shared(memory)));
  }
  if (named.kind !== 'register') throw l.expected('a register or a variable', `'${base}'`);
  const { register } = named;
  const bits = register.type.bits;
  if (bits !== 32 && bits !== 64) throw l.expected('an address of 32 or 64 bits', `${base} of .${register.type.name}`);
  const value = writer.read(register);
  if (space === 'shared') return writer.address(sharedBase(l), value);
  const address = bits === 64 ? value : writer.as(writer.as(value, 'u32'), 'u64');
  const global = writer.as(address, 'ptr');
  if (space === 'global' || addresses.sharedBase === null) return global;
  // Generic: the lowest addresses are the block's shared memory.
  const isShared = writer.compare('lt', 'u64', address, word('u64', 2n ** 32n));
  return writer.select3(isShared, 'ptr', writer.address(addresses.sharedBase, writer.as(address, 'u32')), global);
}

function sharedBase({ addresses }: Lowering): Operand {
  if (addresses.sharedBase === null) throw new NotModelled('.shared memory in an entry that has no shared variable');
  return addresses.sharedBase;
}

/** The operands of a vector, or the one operand. */
const elementsOf = (operand: PtxOperand): readonly PtxOperand[] =>
  operand.kind === 'vector' ? operand.elements : [operand];

function vectorOf(form: Form, l: Lowering, operand: PtxOperand): readonly PtxOperand[] {
  const name = form.takeOne(['v2', 'v4', 'v8']);
  const count = name === null ? 1 : Number(name.slice(1));
  const elements = elementsOf(operand);
  if (elements.length !== count) throw l.expected(`${count} registers`, `${elements.length}`);
  if (count === 8) throw new NotModelled('.v8');
  return elements;
}

const loadedTypes: Readonly<Record<string, ValueType>> = {
  i8: 'i32',
  i16: 'i32',
  i32: 'i32',
  u8: 'u32',
  u16: 'u32',
  u64: 'u64',
};

const ld = visible((form, l) => {
  const ordering = form.takeOne(['volatile', 'relaxed', 'acquire', 'weak', 'mmio']);
  const scope = scopeOf(form);
  const space = spaceOf(form);
  takeCacheHints(form);
  const elements = vectorOf(form, l, form.operands[0]!);
  const type = form.type();
  form.finish();
  const [, place] = form.operandsOf(2) as [PtxOperand, PtxOperand];
  if (space === 'param') return loadParameter(l, elements, type, addressOperand(l, place));
  const { writer } = l;
  const elementType = elementTypeOf(type);
  const loaded = loadedTypes[elementType]!;
  const { base, index } = placeOf(l, place, space, type.bits / 8);
  const after: (() => void)[] = [];
  const to = elements.map((element): Target => {
    const register = l.target(element);
    if (register === null) return writer.variable(null, loaded);
    const storage = writer.storage(register);
    if (register.type.bits === type.bits) {
      if (storage.kind === 'element') return storage.element;
      if (storage.type === loaded) return storage.variable;
    }
    const value = writer.variable(null, loaded);
    after.push(() => l.writeRegister(register, type.bits === 32 ? ptxType('b32')! : type, fromMemory(l, value, type)));
    return value;
  });
  writer.emit({
    op: 'load',
    elementType,
    to,
    base,
    index,
    ordering: ordering === null || ordering === 'weak' ? 'plain' : ordering === 'mmio' ? 'relaxed' : ordering,
    scope: scope ?? 'system',
  });
  for (const write of after) write();
});

/** What a load has given as a value of the instruction's type. */
const fromMemory = ({ writer }: Lowering, value: Operand, type: PtxType): Operand =>
  writer.as(value, type.bits < 32 ? 'i32' : type.bits === 32 ? 'i32' : type.value);

/** A parameter of the entry, or one of a call that has been inlined. */
function loadParameter(
  l: Lowering,
  elements: readonly PtxOperand[],
  type: PtxType,
  { base, offset }: AddressOperand,
): void {
  const { addresses } = l;
  const named = base === null ? null : l.find(base);
  if (named === null) throw l.expected('a parameter', 'an absolute address');
  const bytes = type.bits / 8;
  elements.forEach((element, at) => {
    const from = Number(offset) + at * bytes;
    if (named.kind === 'register') {
      l.write(element, type, l.readRegister(named.register, type, true));
      return;
    }
    if (named.kind !== 'memory') throw l.expected('a parameter', `'${base}'`);
    const name = addresses.parameter(named.memory);
    if (name === null) {
      l.write(element, type, l.fromBits(l.cell(named.memory, from, bytes), type, false));
      return;
    }
    l.write(element, type, parameterPiece(l, name, type, from));
  });
}

/** A piece of an entry's parameter, by its bytes. */
function parameterPiece(l: Lowering, name: string, type: PtxType, offset: number): Operand {
  const { writer } = l;
  if (type.bits === 64) return writer.as(writer.param([name, `${offset}:8`], 'u64'), type.value);
  return l.fromBits(writer.param([name, `${offset}:${type.bits / 8}`], 'i32'), type, true);
}

const st = visible((form, l) => {
  const ordering = form.takeOne(['volatile', 'relaxed', 'release', 'weak', 'mmio']);
  const scope = scopeOf(form);
  const space = spaceOf(form);
  takeCacheHints(form);
  const elements = vectorOf(form, l, form.operands[1]!);
  const type = form.type();
  form.finish();
  const [place] = form.operandsOf(2) as [PtxOperand, PtxOperand];
  const { writer } = l;
  if (space === 'param') {
    const { base, offset } = addressOperand(l, place);
    const named = base === null ? null : l.find(base);
    elements.forEach((element, at) => {
      const value = l.read(element, type, true);
      if (named?.kind === 'register') l.writeRegister(named.register, type, value);
      else if (named?.kind === 'memory')
        l.setCell(named.memory, Number(offset) + (at * type.bits) / 8, type.bits / 8, value);
      else throw l.expected('a parameter', `'${base}'`);
    });
    return;
  }
  const elementType = elementTypeOf(type);
  const bits = type.bits === 64 ? ptxType('b64')! : type.bits === 32 ? ptxType('b32')! : type;
  const values = elements.map((element) => {
    const source = l.carried(element, type.bits);
    return source ?? l.read(element, bits, true);
  });
  const { base, index } = placeOf(l, place, space, type.bits / 8);
  writer.emit({
    op: 'store',
    elementType,
    values,
    base,
    index,
    ordering: ordering === null || ordering === 'weak' ? 'plain' : ordering === 'mmio' ? 'relaxed' : ordering,
    scope: scope ?? 'system',
  });
});

const ATOMICS: Readonly<Record<string, AtomicOperator>> = {
  add: 'add',
  min: 'min',
  max: 'max',
  exch: 'exch',
  cas: 'cas',
  inc: 'inc',
  dec: 'dec',
  and: 'and',
  or: 'or',
  xor: 'xor',
};

/** An atomic; `red`: without the old value. Acquire and release are fences around it. */
const atomic = (hasResult: boolean) =>
  visible((form, l) => {
    const semantics = form.takeOne(['relaxed', 'acquire', 'release', 'acq_rel']);
    const scope = scopeOf(form) ?? 'device';
    const space = spaceOf(form);
    const name = form.takeOne(Object.keys(ATOMICS));
    takeCacheHints(form);
    const type = form.type();
    form.finish();
    if (name === null || type.kind === 'f' || (type.bits !== 32 && type.bits !== 64) || space === 'param')
      throw new NotModelled(form.statement.opcode);
    const operands = form.operandsOf((hasResult ? 1 : 0) + (name === 'cas' ? 3 : 2));
    const [d, place, first, second] = hasResult ? operands : [null, ...operands];
    const { writer } = l;
    const elementType = type.value as InstructionOf<'atomic'>['elementType'];
    const { base, index } = placeOf(l, place!, space, type.bits / 8);
    const read = (operand: PtxOperand) => writer.as(l.read(operand, type), elementType);
    // `cas d, [a], b, c`: b is compared, c is stored.
    const value = read(name === 'cas' ? second! : first!);
    const compare = name === 'cas' ? read(first!) : null;
    if (semantics === 'release' || semantics === 'acq_rel') writer.emit({ op: 'fence', scope });
    const register = d == null ? null : l.target(d);
    const to = register === null ? null : writer.variable(null, elementType);
    const operator = ATOMICS[name]!;
    writer.emit({ op: 'atomic', operator, elementType, to: to?.index ?? -1, base, index, value, compare, scope });
    if (register !== null) l.writeRegister(register, type, to!);
    if (semantics === 'acquire' || semantics === 'acq_rel') writer.emit({ op: 'fence', scope });
  });

const fence = visible((form, l) => {
  form.takeOne(['sc', 'acq_rel', 'acquire', 'release']);
  const scope = scopeOf(form) ?? 'system';
  form.finish();
  form.operandsOf(0);
  l.writer.emit({ op: 'fence', scope });
});

const membar = visible((form, l) => {
  const level = form.takeOne(['cta', 'gl', 'sys']);
  form.finish();
  if (level === null) throw new NotModelled(form.statement.opcode);
  l.writer.emit({ op: 'fence', scope: level === 'cta' ? 'block' : level === 'gl' ? 'device' : 'system' });
});

/** It changes no value. */
const nothing: Lowerer = { isPure: true, lower: () => undefined };

export const MEMORY: Readonly<Record<string, Lowerer>> = {
  ld,
  ldu: ld,
  st,
  atom: atomic(true),
  red: atomic(false),
  fence,
  membar,
  prefetch: nothing,
  prefetchu: nothing,
};
