import { defUseOf } from './def-use.js';
import type { Instruction, Program } from './program.js';

export function successorsOf(program: Program): number[][] {
  return program.blocks.map(({ terminator }) => {
    if (terminator.op === 'jump') return [terminator.target];
    if (terminator.op === 'branch') return [...new Set([terminator.then, terminator.else])];
    return [];
  });
}

/** Which variables, and behind them which register arrays, may still be read. */
export interface Liveness {
  /** By block. Variables, then arrays. */
  readonly atStart: readonly Uint8Array[];
  /** What is alive before an instruction of a block; a copy. */
  before(block: number, at: number): Uint8Array;
}

export function livenessOf(program: Program): Liveness {
  const size = program.variables.length + program.arrays.length;
  const successors = successorsOf(program);
  const atStart = program.blocks.map(() => new Uint8Array(size));
  const before = (block: number, at: number): Uint8Array => {
    const live = new Uint8Array(size);
    for (const successor of successors[block]!) {
      for (let index = 0; index < size; index++) live[index]! |= atStart[successor]![index]!;
    }
    const { instructions, terminator } = program.blocks[block]!;
    if (terminator.op === 'branch' && terminator.condition.kind === 'variable') live[terminator.condition.index] = 1;
    for (let index = instructions.length - 1; index >= at; index--) liveBefore(program, instructions[index]!, live);
    return live;
  };
  for (let changed = true; changed; ) {
    changed = false;
    for (let block = program.blocks.length - 1; block >= 0; block--) {
      const live = before(block, 0);
      const known = atStart[block]!;
      for (let index = 0; index < size; index++) {
        if (live[index] === known[index]) continue;
        known[index] = 1;
        changed = true;
      }
    }
  }
  return { atStart, before };
}

/** From what is alive behind an instruction to what is before it. */
export function liveBefore(program: Program, instruction: Instruction, live: Uint8Array): void {
  const { operands, reads, targets } = defUseOf(instruction);
  for (const target of targets) live[target] = 0;
  const firstArray = program.variables.length;
  if (instruction.op === 'clearArray') live[firstArray + instruction.array] = 0;
  for (const operand of operands) if (operand.kind === 'variable') live[operand.index] = 1;
  for (const { array } of reads) live[firstArray + array] = 1;
}
