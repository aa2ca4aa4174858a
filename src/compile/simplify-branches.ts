import type { CodeBuilder } from './code-builder.js';
import { type Block, type Instruction, type Operand, type PureName, reversePostorder, targetsOf } from './hir.js';
import { isHarmless } from './merge.js';

/** Instructions that are rather computed in vain than jumped around. */
const MOST_SPECULATED = 12;

/** Turns `if (a && b)` into one branch where `b` is cheap and cannot fault. */
export function simplifyBranches(code: CodeBuilder): void {
  const blocks = reversePostorder(code.entry);
  const predecessors = new Map<Block, number>();
  for (const block of blocks)
    for (const target of targetsOf(block)) predecessors.set(target, (predecessors.get(target) ?? 0) + 1);
  for (const block of blocks.reverse()) {
    while (absorb(code, block, predecessors));
  }
}

/** Joins a block with a test that only it leads to; whether it did. */
function absorb(code: CodeBuilder, block: Block, predecessors: Map<Block, number>): boolean {
  const { end } = block;
  if (end?.op !== 'branch' || end.isCheck) return false;
  for (const isAnd of [true, false]) {
    const middle = isAnd ? end.onTrue : end.onFalse;
    const other = isAnd ? end.onFalse : end.onTrue;
    const test = middle.end;
    if (middle === block || middle === other || predecessors.get(middle) !== 1) continue;
    if (test?.op !== 'branch' || test.isCheck || test.onTrue === test.onFalse) continue;
    if (test.onTrue !== other && test.onFalse !== other) continue;
    if (middle.instructions.length > MOST_SPECULATED || !middle.instructions.every(isHarmless)) continue;
    block.instructions.push(...middle.instructions);
    const append = (name: PureName, args: readonly Operand[]): Operand => {
      const instruction: Instruction = { op: 'pure', name, args, isTotal: true, site: test.site, to: null };
      instruction.to = code.newTemp('bool', instruction);
      block.instructions.push(instruction);
      return { op: 'temp', temp: instruction.to };
    };
    const goesOn = isAnd ? test.onFalse === other : test.onTrue === other;
    const second = goesOn ? test.condition : append('p.not', [test.condition]);
    const target = test.onTrue === other ? test.onFalse : test.onTrue;
    const condition = append(isAnd ? 'p.and' : 'p.or', [end.condition, second]);
    block.end = { ...end, condition, onTrue: isAnd ? target : other, onFalse: isAnd ? other : target };
    predecessors.set(other, predecessors.get(other)! - 1);
    return true;
  }
  return false;
}
