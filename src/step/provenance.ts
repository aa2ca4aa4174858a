import type { Instruction, Operand, Program } from '../program/index.js';

/** Address spaces that a pointer may be into. `any`: its address says which. */
type Space = 'global' | 'shared' | 'any';

/** Where pointers come from: a parameter's are global, a shared variable's shared. */
export interface Provenance {
  spaceOf(pointer: Operand): Space;
}

export function provenanceOf(program: Program): Provenance {
  /** 1: global, 2: shared; both: any. */
  const bits = program.variables.map(() => 0);
  const bitsOf = (operand: Operand): number => {
    if (operand.kind === 'variable') return bits[operand.index]!;
    return operand.kind === 'param' ? 1 : 0;
  };
  const given = (instruction: Instruction): number => {
    switch (instruction.op) {
      case 'shared':
        return 2;
      case 'move':
        return bitsOf(instruction.a);
      case 'address':
        return bitsOf(instruction.base);
      // A word may be any address.
      case 'convert':
        return 3;
      case 'select':
        return bitsOf(instruction.a) | bitsOf(instruction.b);
      default:
        return 3;
    }
  };
  for (let changed = true; changed; ) {
    changed = false;
    for (const { instructions } of program.blocks) {
      for (const instruction of instructions) {
        if (!('to' in instruction) || typeof instruction.to !== 'number' || instruction.to < 0) continue;
        if (program.variables[instruction.to]!.type !== 'ptr') continue;
        const next = bits[instruction.to]! | given(instruction);
        if (next === bits[instruction.to]) continue;
        bits[instruction.to] = next;
        changed = true;
      }
    }
  }
  return { spaceOf: (pointer) => (['any', 'global', 'shared', 'any'] as const)[bitsOf(pointer)]! };
}
