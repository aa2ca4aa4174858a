import type { PtxOperand } from './ast.js';
import type { FlatItem, NameScope } from './flatten.js';
import { ptxType } from './types.js';

/**
 * Ids of the registers that carry memory: a load puts bytes into them that a store takes out again, directly or by way
 * of other registers. They keep the definedness of each byte, so that copying memory that is not defined is no error;
 * computing with it is.
 */
export function carriersOf(items: readonly FlatItem[]): ReadonlySet<number> {
  const loaded = new Set<number>();
  const stored = new Set<number>();
  /** Registers that a register is copied to, and from. */
  const to = new Map<number, number[]>();
  const from = new Map<number, number[]>();
  for (const item of items) {
    if (item.kind !== 'instruction') continue;
    const { scope, statement } = item;
    const [root, ...modifiers] = statement.opcode.split('.');
    const type = modifiers.map((name) => ptxType(name)).find((candidate) => candidate !== null);
    if (type === undefined || type === null || type.bits < 16 || type.bits > 64) continue;
    const ids = (operand: PtxOperand | undefined): number[] => registersOf(scope, operand, type.bits);
    const { operands } = statement;
    if ((root === 'ld' || root === 'ldu') && !modifiers.some((name) => name.startsWith('param')))
      for (const id of ids(operands[0])) loaded.add(id);
    else if (root === 'st' && !modifiers.some((name) => name.startsWith('param')))
      for (const id of ids(operands[1])) stored.add(id);
    else if ((root === 'mov' && operands[0]?.kind === 'name') || root === 'selp') {
      for (const target of ids(operands[0])) {
        for (const source of (root === 'mov' ? [operands[1]] : [operands[1], operands[2]]).flatMap(ids)) {
          push(to, source, target);
          push(from, target, source);
        }
      }
    }
  }
  const forwards = closure(loaded, to);
  const backwards = closure(stored, from);
  return new Set([...forwards].filter((id) => backwards.has(id)));
}

function registersOf(scope: NameScope, operand: PtxOperand | undefined, bits: number): number[] {
  if (operand?.kind === 'vector') return operand.elements.flatMap((element) => registersOf(scope, element, bits));
  if (operand?.kind !== 'name') return [];
  const named = scope.find(operand.name);
  return named?.kind === 'register' && named.register.type.bits === bits ? [named.register.id] : [];
}

function push(map: Map<number, number[]>, key: number, value: number): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
}

function closure(starts: ReadonlySet<number>, next: ReadonlyMap<number, readonly number[]>): Set<number> {
  const reached = new Set(starts);
  const pending = [...starts];
  for (let at = pending.pop(); at !== undefined; at = pending.pop()) {
    for (const other of next.get(at) ?? []) {
      if (reached.has(other)) continue;
      reached.add(other);
      pending.push(other);
    }
  }
  return reached;
}
