import { defUseOf } from './def-use.js';
import { isArithmetic, mayThrow } from './emit-arithmetic.js';
import type { Instruction, Operand, Program, Terminator } from './program.js';

/**
 * The same program with copies propagated and unused arithmetic left out. Variables keep their numbers; some are no
 * longer set, so that a debugger could not show them.
 */
export function optimized(program: Program): Program {
  const definitions = countDefinitions(program);
  const alias = new Map<number, Operand>();
  for (const { instructions } of program.blocks) {
    for (const instruction of instructions) {
      if (instruction.op !== 'move' || definitions[instruction.to] !== 1) continue;
      const { a } = instruction;
      if (a.kind === 'variable' && definitions[a.index] !== 1) continue;
      alias.set(instruction.to, a);
    }
  }
  const resolve = <T extends Operand>(operand: T): Operand => {
    let current: Operand = operand;
    while (current.kind === 'variable') {
      const next = alias.get(current.index);
      if (next === undefined) break;
      current = next;
    }
    return current;
  };
  let blocks = program.blocks.map(({ instructions, terminator }) => ({
    instructions: instructions.map((instruction) => withOperands(instruction, resolve)),
    terminator: withOperands(terminator, resolve),
  }));
  for (let removed = true; removed; ) {
    const used = new Set<number>();
    const use = (operand: Operand) => {
      if (operand.kind === 'variable') used.add(operand.index);
    };
    for (const { instructions, terminator } of blocks) {
      for (const instruction of instructions) defUseOf(instruction).operands.forEach(use);
      if (terminator.op === 'branch') use(terminator.condition);
    }
    removed = false;
    blocks = blocks.map((block) => {
      const instructions = block.instructions.filter(
        (instruction) =>
          !((isArithmetic(instruction) && !mayThrow(instruction)) || instruction.op === 'loadTable') ||
          used.has(instruction.to),
      );
      removed ||= instructions.length !== block.instructions.length;
      return { ...block, instructions };
    });
  }
  return { ...program, blocks };
}

/** How many instructions set each variable. */
export function countDefinitions(program: Program): number[] {
  const definitions = program.variables.map(() => 0);
  for (const { instructions } of program.blocks) {
    for (const instruction of instructions) {
      for (const target of defUseOf(instruction).targets) definitions[target]!++;
    }
  }
  return definitions;
}

/** The same instruction with each operand that it reads replaced. Targets stay. */
function withOperands<T extends Instruction | Terminator>(instruction: T, replace: (operand: Operand) => Operand): T {
  const copy: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(instruction))
    copy[name] = name === 'to' ? withTargets(value) : within(value);
  return copy as T;

  function within(value: unknown): unknown {
    if (Array.isArray(value)) return value.map(within);
    if (typeof value !== 'object' || value === null) return value;
    const source = value as Operand | { readonly kind: 'element'; readonly array: number; readonly index: Operand };
    return source.kind === 'element' ? { ...source, index: replace(source.index) } : replace(source);
  }
  function withTargets(value: unknown): unknown {
    return Array.isArray(value)
      ? value.map((target: { kind: string }) => (target.kind === 'element' ? within(target) : target))
      : value;
  }
}
