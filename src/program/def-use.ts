import type { ElementOperand, Instruction, Operand, Source } from './program.js';

/** What an instruction reads and writes, apart from memory. */
export interface DefUse {
  /** Every operand, those that index arrays included. */
  readonly operands: readonly Operand[];
  /** Elements of register arrays that it reads. */
  readonly reads: readonly ElementOperand[];
  /** Elements of register arrays that it writes. */
  readonly writes: readonly ElementOperand[];
  /** The variable that it sets; -1: none, or several: see `targets`. */
  readonly to: number;
  /** The variables that it sets. */
  readonly targets: readonly number[];
}

export function defUseOf(instruction: Instruction): DefUse {
  const operands: Operand[] = [];
  const reads: ElementOperand[] = [];
  const writes: ElementOperand[] = [];
  const targets: number[] = [];
  const use = (...given: (Source | null)[]) => {
    for (const source of given) {
      if (source === null) continue;
      if (source.kind === 'element') {
        reads.push(source);
        operands.push(source.index);
      } else operands.push(source);
    }
  };
  const set = (element: ElementOperand) => {
    writes.push(element);
    operands.push(element.index);
  };
  switch (instruction.op) {
    case 'move':
    case 'unary':
    case 'convert':
      use(instruction.a);
      break;
    case 'binary':
    case 'compare':
      use(instruction.a, instruction.b);
      break;
    case 'select':
      use(instruction.condition, instruction.a, instruction.b);
      break;
    case 'address':
      use(instruction.base, instruction.index);
      break;
    case 'loadTable':
      use(instruction.index);
      break;
    case 'clearArray':
      break;
    case 'readElement':
      use(instruction.element);
      break;
    case 'writeElement':
      use(instruction.a);
      set(instruction.element);
      break;
    case 'selectElement':
      use(instruction.condition, instruction.a, instruction.b);
      set(instruction.element);
      break;
    case 'shared':
      use(instruction.count);
      break;
    case 'load':
      use(instruction.base, instruction.index);
      for (const target of instruction.to) {
        if (target.kind === 'element') set(target);
        else targets.push(target.index);
      }
      break;
    case 'store':
      use(instruction.base, instruction.index, ...instruction.values);
      break;
    case 'atomic':
      use(instruction.base, instruction.index, instruction.value, instruction.compare);
      break;
    case 'fence':
      break;
    case 'collective':
      use(instruction.mask, instruction.value, instruction.a, instruction.b);
      break;
    case 'barrier':
      use(instruction.id, instruction.threadCount);
      break;
    case 'activemask':
      break;
    default:
      return instruction satisfies never;
  }
  if ('to' in instruction && typeof instruction.to === 'number' && instruction.to >= 0) targets.push(instruction.to);
  return { operands, reads, writes, targets, to: targets.length === 1 ? targets[0]! : -1 };
}
