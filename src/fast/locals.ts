import { defUseOf, type Instruction, type Operand, type Program } from '../program/index.js';
import type { Node } from './flow.js';
import { nodesInOrder } from './hammocks.js';
import type { LanePart, Segments } from './segments.js';

/** Variables and register arrays that one lane loop alone uses, so that JavaScript locals hold them. */
export interface Locals {
  readonly variables: ReadonlySet<number>;
  readonly arrays: ReadonlySet<number>;
  /** Variables that any code refers to. */
  readonly used: ReadonlySet<number>;
}

/** Reads and writes in the order in which they may happen. */
interface Reference {
  readonly isWrite: boolean;
  readonly isArray: boolean;
  readonly index: number;
}

const WARP = -1;

/** Whether an array has one element. */
export const mayBeLocal = ({ count }: Program['arrays'][number]): boolean =>
  count.kind === 'constant' && count.value === 1;

export function findLocals(program: Program, nodes: readonly Node[], segments: Segments): Locals {
  const variables = new Map<number, { loop: number; isFirstWrite: boolean }>();
  const arrays = new Map<number, { loop: number; isFirstWrite: boolean }>();
  const cannot = new Set<number>();
  const note = (loop: number) => (reference: Reference) => {
    const known = reference.isArray ? arrays : variables;
    const before = known.get(reference.index);
    if (before === undefined) known.set(reference.index, { loop, isFirstWrite: reference.isWrite });
    else if (before.loop !== loop) before.loop = WARP;
  };
  const noteOperand = (operand: Operand, loop: number) => {
    if (operand.kind === 'variable') note(loop)({ isWrite: false, isArray: false, index: operand.index });
  };
  for (const [node, list] of segments.ofNode) {
    for (const segment of list) {
      if (segment.kind === 'lanes') {
        for (const part of segment.parts) forEachReference(part, nodes, note(segment.id), cannot);
      } else {
        const { instruction } = segment;
        for (const reference of referencesOf(instruction, cannot)) {
          // A vote's result is taken by a lane loop of its own.
          const isTaken = segment.kind === 'masks' || segment.kind === 'meeting';
          if (!isTaken || !reference.isWrite) note(WARP)(reference);
        }
      }
    }
    const { end } = nodes[node]!;
    if (end.op === 'branch') {
      const isOfHammock = list.some(
        (segment) =>
          segment.kind === 'lanes' &&
          segment.parts.some((part) => part.kind === 'hammock' && part.hammock.entry === node),
      );
      if (!isOfHammock) noteOperand(end.condition, WARP);
    }
    if (end.op === 'suspend') for (const operand of defUseOf(end.instruction).operands) noteOperand(operand, WARP);
  }
  const local = (known: ReadonlyMap<number, { loop: number; isFirstWrite: boolean }>) =>
    [...known].filter(([, { loop, isFirstWrite }]) => loop !== WARP && isFirstWrite).map(([index]) => index);
  return {
    variables: new Set(local(variables)),
    arrays: new Set(local(arrays).filter((array) => !cannot.has(array) && mayBeLocal(program.arrays[array]!))),
    used: new Set(variables.keys()),
  };
}

function forEachReference(
  part: LanePart,
  nodes: readonly Node[],
  visit: (reference: Reference) => void,
  cannot: Set<number>,
): void {
  switch (part.kind) {
    case 'instruction':
      referencesOf(part.instruction, cannot).forEach(visit);
      break;
    case 'offer':
      for (const reference of referencesOf(part.instruction, cannot)) if (!reference.isWrite) visit(reference);
      break;
    case 'vote':
      for (const operand of [part.instruction.mask, part.instruction.a]) {
        if (operand?.kind === 'variable') visit({ isWrite: false, isArray: false, index: operand.index });
      }
      visit({ isWrite: true, isArray: false, index: part.instruction.to });
      break;
    case 'receive':
      for (const reference of referencesOf(part.instruction, cannot)) {
        // The ballot's shift is applied where the result is taken.
        visit(reference);
      }
      break;
    case 'hammock': {
      const { hammock } = part;
      for (const node of [...(hammock.isLoop ? [] : [hammock.entry]), ...nodesInOrder(nodes, hammock)]) {
        const { items, end } = nodes[node]!;
        if (hammock.nodes.has(node)) for (const item of items) referencesOf(item, cannot).forEach(visit);
        if (end.op === 'branch' && end.condition.kind === 'variable') {
          visit({ isWrite: false, isArray: false, index: end.condition.index });
        }
      }
      break;
    }
    default:
      part satisfies never;
  }
}

/** `cannot` collects arrays that are indexed otherwise than by 0. */
function referencesOf(instruction: Instruction, cannot: Set<number>): Reference[] {
  const { operands, reads, writes, targets } = defUseOf(instruction);
  for (const { array, index } of [...reads, ...writes]) {
    if (index.kind !== 'constant' || index.value !== 0) cannot.add(array);
  }
  const references: Reference[] = [];
  for (const operand of operands) {
    if (operand.kind === 'variable') references.push({ isWrite: false, isArray: false, index: operand.index });
  }
  for (const { array } of reads) references.push({ isWrite: false, isArray: true, index: array });
  for (const index of targets) references.push({ isWrite: true, isArray: false, index });
  for (const { array } of writes) references.push({ isWrite: true, isArray: true, index: array });
  if (instruction.op === 'clearArray') references.push({ isWrite: true, isArray: true, index: instruction.array });
  return references;
}
