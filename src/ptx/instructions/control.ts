import type { PtxOperand } from '../ast.js';
import type { FlatItem, NameScope } from '../flatten.js';
import { Form, type Lowerer, type Lowering } from '../lowering.js';
import { NotModelled } from '../not-modelled.js';
import { ptxType } from '../types.js';
import { word } from '../writer.js';

const U32 = ptxType('u32')!;

/** Blocks that instructions go to. */
export interface Flow {
  /** The block of a label. */
  blockOf(label: number): number;
  /** The block where the thread ends. */
  readonly exit: number;
}

type FlatInstruction = Extract<FlatItem, { kind: 'instruction' }>;

function labelled(l: Lowering, flow: Flow, scope: NameScope, name: string): number {
  const named = scope.find(name);
  if (named?.kind !== 'label') throw l.expected('a label', `'${name}'`);
  return flow.blockOf(named.label);
}

/** Where an instruction goes instead of on, if it does: bra, ret, exit. Null: it is none of them. */
function targetOf(l: Lowering, flow: Flow, { statement, scope, returnTo }: FlatInstruction): number | null {
  const form = new Form(statement);
  switch (form.root) {
    case 'bra': {
      form.take('uni');
      form.finish();
      const [target] = form.operandsOf(1) as [PtxOperand];
      if (target.kind !== 'name') throw l.expected('a label', `an operand of kind ${target.kind}`);
      return labelled(l, flow, scope, target.name);
    }
    case 'ret':
      form.take('uni');
      form.finish();
      return returnTo === null ? flow.exit : flow.blockOf(returnTo);
    case 'exit':
      form.finish();
      return flow.exit;
    default:
      return null;
  }
}

/** Lowers an instruction that says where the thread goes on; false: it is none. */
export function lowerControl(l: Lowering, flow: Flow, item: FlatInstruction): boolean {
  const { writer } = l;
  const { statement } = item;
  const target = targetOf(l, flow, item);
  if (target !== null) {
    if (statement.guard === null) {
      writer.end({ op: 'jump', target });
      return true;
    }
    const { predicate, isNegated } = statement.guard;
    const condition = l.read({ kind: 'name', name: predicate }, ptxType('pred')!);
    const next = writer.block();
    const [yes, no] = isNegated ? [next, target] : [target, next];
    // biome-ignore lint/suspicious/noThenProperty: the field's name
    writer.end({ op: 'branch', condition, then: yes, else: no });
    writer.select(next);
    return true;
  }
  const [root] = statement.opcode.split('.');
  if (root === 'brx') {
    if (statement.guard !== null) throw new NotModelled('a guarded brx.idx');
    indexedBranch(l, flow, item);
    return true;
  }
  return false;
}

/** `brx.idx index, targets`: one comparison a target; an index outside is an error. */
function indexedBranch(l: Lowering, flow: Flow, { statement, scope }: FlatInstruction): void {
  const form = new Form(statement);
  if (!form.take('idx')) throw new NotModelled(statement.opcode);
  form.take('uni');
  form.finish();
  const [index, list] = form.operandsOf(2) as [PtxOperand, PtxOperand];
  const named = list.kind === 'name' ? scope.find(list.name) : null;
  if (named?.kind !== 'targets') throw l.expected('the name of .branchtargets', `an operand of kind ${list.kind}`);
  const { writer } = l;
  const value = l.read(index, U32);
  named.labels.forEach((name, at) => {
    const next = writer.block();
    const condition = writer.compare('eq', 'u32', value, word('u32', at));
    // biome-ignore lint/suspicious/noThenProperty: the field's name
    writer.end({ op: 'branch', condition, then: labelled(l, flow, scope, name), else: next });
    writer.select(next);
  });
  writer.end({ op: 'throw', message: `brx.idx: the index is not below ${named.labels.length}` });
}

const other = (lower: Lowerer['lower']): Lowerer => ({ isPure: false, lower });

/** `call` of what has no body here: only what ends the thread has a meaning. */
const call = other((form, l) => {
  const name = form.operands.find(({ kind }) => kind === 'name');
  const callee = name?.kind === 'name' ? name.name : 'an address';
  if (callee === '__assertfail' || callee === '__assert_fail') {
    l.writer.end({ op: 'throw', message: 'device-side assertion failed' });
    return;
  }
  throw new NotModelled(`a call of ${callee}, which has no body here`);
});

const trap = other((form, l) => {
  form.finish();
  l.writer.end({ op: 'throw', message: form.root });
});

/** It takes time and does nothing. */
const wait: Lowerer = { isPure: true, lower: () => undefined };

export const CONTROL: Readonly<Record<string, Lowerer>> = { call, trap, nanosleep: wait };
