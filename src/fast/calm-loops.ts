import { defUseOf, type Instruction, isArithmetic, type Operand } from '../program/index.js';
import type { Access } from './access-code.js';
import type { Node } from './flow.js';
import { hasLoop, nodesInOrder } from './hammocks.js';
import type { LanePart } from './segments.js';

/**
 * Whether a lane of a loop may be given up before any access of which `mayLeave` says so, and begun again: up to there it
 * has changed neither memory nor what it had read, and done nothing that others could tell from its being done twice.
 */
export function canBeginAgain(
  parts: readonly LanePart[],
  nodes: readonly Node[],
  mayLeave: (access: Access) => boolean,
  isLocalArray: (array: number) => boolean,
  trace: boolean,
): boolean {
  const read = new Set<string>();
  let hasChanged = false;
  const noteRead = (operand: Operand) => {
    if (operand.kind === 'variable') read.add(`${operand.index}`);
  };
  const visit = (instruction: Instruction, goesRound: boolean): boolean => {
    const isAccess = instruction.op === 'load' || instruction.op === 'store';
    const isClearing = instruction.op === 'clearArray' && isLocalArray(instruction.array);
    if (!isAccess && !isClearing && !isOfRegisters(instruction)) return false;
    if (isAccess && (hasChanged || goesRound) && mayLeave(instruction)) return false;
    const { operands, reads, writes, targets } = defUseOf(instruction);
    operands.forEach(noteRead);
    for (const { array } of reads) read.add(`array ${array}`);
    const written = [...targets.map(String), ...writes.map(({ array }) => `array ${array}`)];
    if (instruction.op === 'store' || (isAccess && trace) || written.some((it) => read.has(it))) hasChanged = true;
    return true;
  };
  const noteBranch = ({ end }: Node) => {
    if (end.op === 'branch') noteRead(end.condition);
  };
  return parts.every((part) => {
    switch (part.kind) {
      case 'instruction':
        return visit(part.instruction, false);
      case 'hammock': {
        const goesRound = hasLoop(nodes, part.hammock);
        if (!part.hammock.isLoop) noteBranch(nodes[part.hammock.entry]!);
        return nodesInOrder(nodes, part.hammock).every((node) => {
          const mayGoOn = nodes[node]!.items.every((instruction) => visit(instruction, goesRound));
          noteBranch(nodes[node]!);
          return mayGoOn;
        });
      }
      case 'offer':
      case 'receive':
      case 'vote': {
        const { operands, targets } = defUseOf(part.instruction);
        operands.forEach(noteRead);
        if (part.kind !== 'offer' && targets.some((target) => read.has(String(target)))) hasChanged = true;
        return true;
      }
      default:
        return part satisfies never;
    }
  });
}

/**
 * Whether an instruction concerns a lane's variables and registers alone, and undefines none that the loop may have found
 * defined.
 */
const isOfRegisters = (instruction: Instruction): boolean =>
  isArithmetic(instruction) ||
  ['loadTable', 'readElement', 'writeElement', 'selectElement', 'fence'].includes(instruction.op);
