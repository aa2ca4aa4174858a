import { assignedBy, mapOperands, operandsOf, withResult } from '../program/builder.js';
import {
  type BasicBlock,
  type Instruction,
  isVisible,
  type Operand,
  type Program,
  type Terminator,
} from '../program/program.js';
import { renumber } from './renumber.js';

interface MutableBlock {
  instructions: Instruction[];
  terminator: Terminator;
}

/** Removes moves that only carry values between temporaries, blocks that only jump, and whatever nothing refers to. */
export function tidy(program: Program): Program {
  const blocks: MutableBlock[] = program.blocks.map(({ instructions, terminator }) => ({
    instructions: [...instructions],
    terminator,
  }));
  const isTemporary = (index: number) => program.variables[index]!.name === null;
  const uses = countUses(program.variables.length, blocks);
  const definitions = countDefinitions(program.variables.length, blocks);
  for (const block of blocks) {
    forwardCopies(block, uses, definitions, isTemporary);
    writeInPlace(block, uses, definitions, isTemporary);
  }
  removeDead(blocks, program.variables.length, isTemporary);
  return renumber({ ...program, blocks: mergeBlocks(blocks) });
}

function countUses(count: number, blocks: readonly BasicBlock[]): number[] {
  const uses = new Array<number>(count).fill(0);
  const use = (operand: Operand) => {
    if (operand.kind === 'variable') uses[operand.index]!++;
  };
  for (const { instructions, terminator } of blocks) {
    for (const instruction of instructions) operandsOf(instruction).forEach(use);
    if (terminator.op === 'branch') use(terminator.condition);
  }
  return uses;
}

function countDefinitions(count: number, blocks: readonly BasicBlock[]): number[] {
  const definitions = new Array<number>(count).fill(0);
  for (const { instructions } of blocks)
    for (const instruction of instructions) for (const index of assignedBy(instruction)) definitions[index]!++;
  return definitions;
}

/** `t = x; … t …` becomes `… x …` where x still has that value at every use of t. */
function forwardCopies(
  block: MutableBlock,
  uses: number[],
  definitions: readonly number[],
  isTemporary: (index: number) => boolean,
): void {
  for (let at = 0; at < block.instructions.length; at++) {
    const move = block.instructions[at]!;
    if (move.op !== 'move' || !isTemporary(move.to) || definitions[move.to] !== 1) continue;
    const { a, to } = move;
    const replace = (operand: Operand): Operand => (operand.kind === 'variable' && operand.index === to ? a : operand);
    const count = (operands: readonly Operand[]) =>
      operands.filter((operand) => operand.kind === 'variable' && operand.index === to).length;
    let found = 0;
    let end = at + 1;
    for (; end < block.instructions.length && found < uses[to]!; end++) {
      const instruction = block.instructions[end]!;
      found += count(operandsOf(instruction));
      if (a.kind === 'variable' && assignedBy(instruction).includes(a.index)) {
        end++;
        break;
      }
    }
    const isWholeBlock = end === block.instructions.length;
    const lastChanges =
      a.kind === 'variable' && end > at + 1 && assignedBy(block.instructions[end - 1]!).includes(a.index);
    const inTerminator =
      block.terminator.op === 'branch' && isWholeBlock && !lastChanges ? count([block.terminator.condition]) : 0;
    if (found + inTerminator !== uses[to]) continue;
    for (let later = at + 1; later < end; later++)
      block.instructions[later] = mapOperands(block.instructions[later]!, replace);
    if (block.terminator.op === 'branch' && inTerminator > 0)
      block.terminator = { ...block.terminator, condition: replace(block.terminator.condition) };
    if (a.kind === 'variable') uses[a.index]! += uses[to]! - 1;
    uses[to] = 0;
    block.instructions.splice(at, 1);
    at--;
  }
}

/** `t = a + b; x = t` becomes `x = a + b` where nothing looks at x in between. */
function writeInPlace(
  block: MutableBlock,
  uses: readonly number[],
  definitions: readonly number[],
  isTemporary: (index: number) => boolean,
): void {
  const { instructions } = block;
  for (let at = 0; at < instructions.length; at++) {
    const move = instructions[at]!;
    if (move.op !== 'move' || move.a.kind !== 'variable') continue;
    const from = move.a.index;
    if (!isTemporary(from) || uses[from] !== 1 || definitions[from] !== 1) continue;
    for (let earlier = at - 1; earlier >= 0; earlier--) {
      const instruction = instructions[earlier]!;
      if (assignedBy(instruction).includes(from)) {
        if (assignedBy(instruction).length > 1) break;
        instructions[earlier] = withResult(instruction, move.to);
        instructions.splice(at, 1);
        at--;
        break;
      }
      const isLookedAt = operandsOf(instruction).some(
        (operand) => operand.kind === 'variable' && operand.index === move.to,
      );
      if (isLookedAt || assignedBy(instruction).includes(move.to) || isVisible(instruction)) break;
    }
  }
}

const mayGo = (instruction: Instruction): boolean => {
  switch (instruction.op) {
    case 'move':
    case 'unary':
    case 'compare':
    case 'select':
    case 'address':
    case 'loadTable':
      return true;
    case 'binary':
      return (instruction.operator !== 'div' && instruction.operator !== 'rem') || instruction.type === 'f64';
    case 'convert':
      return instruction.from !== 'f64' || (instruction.type !== 'i64' && instruction.type !== 'u64');
    default:
      return false;
  }
};

/** Removes what computes temporaries that nobody reads. */
function removeDead(blocks: readonly MutableBlock[], count: number, isTemporary: (index: number) => boolean): void {
  for (let hasChanged = true; hasChanged; ) {
    hasChanged = false;
    const uses = countUses(count, blocks);
    for (const block of blocks) {
      const kept = block.instructions.filter((instruction) => {
        const [to] = assignedBy(instruction);
        return to === undefined || !isTemporary(to) || uses[to]! > 0 || !mayGo(instruction);
      });
      hasChanged ||= kept.length < block.instructions.length;
      block.instructions = kept;
    }
  }
}

/** Skips blocks that only jump and joins blocks with their only successor. */
function mergeBlocks(blocks: readonly MutableBlock[]): BasicBlock[] {
  const skip = (from: number): number => {
    const seen = new Set<number>();
    let at = from;
    for (;;) {
      const { instructions, terminator } = blocks[at]!;
      if (instructions.length > 0 || terminator.op !== 'jump' || seen.has(at)) return at;
      seen.add(at);
      at = terminator.target;
    }
  };
  for (const block of blocks) {
    const { terminator } = block;
    if (terminator.op === 'jump') block.terminator = { ...terminator, target: skip(terminator.target) };
    else if (terminator.op === 'branch') {
      const [then, otherwise] = [skip(terminator.then), skip(terminator.else)];
      block.terminator =
        then === otherwise
          ? { op: 'jump', site: terminator.site, target: then }
          : { ...terminator, then, else: otherwise };
    }
  }
  const predecessors = countPredecessors(blocks);
  for (const [at, block] of blocks.entries()) {
    if (predecessors[at] === 0 && at !== 0) continue;
    while (block.terminator.op === 'jump') {
      const { target } = block.terminator;
      const next = blocks[target]!;
      if (target === 0 || next === block || predecessors[target] !== 1) break;
      block.instructions.push(...next.instructions);
      block.terminator = next.terminator;
      predecessors[target] = 0;
    }
  }
  return [...blocks];
}

function countPredecessors(blocks: readonly BasicBlock[]): number[] {
  const counts = new Array<number>(blocks.length).fill(0);
  const seen = new Set<number>();
  const stack = [0];
  for (let at = stack.pop(); at !== undefined; at = stack.pop()) {
    if (seen.has(at)) continue;
    seen.add(at);
    const { terminator } = blocks[at]!;
    const targets =
      terminator.op === 'jump'
        ? [terminator.target]
        : terminator.op === 'branch'
          ? [terminator.then, terminator.else]
          : [];
    for (const target of targets) {
      counts[target]!++;
      stack.push(target);
    }
  }
  return counts;
}
