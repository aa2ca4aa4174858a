import {
  countDefinitions,
  defUseOf,
  type Instruction,
  type Operand,
  type Program,
  type ValueType,
} from '../program/index.js';
import type { Node } from './flow.js';
import type { Uniformity } from './uniformity.js';

/**
 * How much a value grows from lane to lane: 0 for what is the same for all, null for what follows no such rule. Where
 * arithmetic wraps it may jump: whoever relies on a stride compares the first and the last lane.
 */
export type Strides = (operand: Operand) => number | null;

/** Values of more than this would wrap more than once within a warp. */
const MOST_STRIDE = 2 ** 20;

const isWord = (type: ValueType): boolean => type === 'i32' || type === 'u32';

export function findStrides(
  program: Program,
  nodes: readonly Node[],
  { isUniform, isLaneAffine }: Uniformity,
): Strides {
  const definitions = countDefinitions(program);
  const strides = new Map<number, number>();
  const strideOf: Strides = (operand) => {
    if (operand.kind === 'variable' && strides.has(operand.index)) return strides.get(operand.index)!;
    if (operand.kind === 'special' && isLaneAffine(operand)) return 1;
    return isUniform(operand) ? 0 : null;
  };
  for (let changed = true; changed; ) {
    changed = false;
    for (const { items } of nodes) {
      for (const instruction of items) {
        const { to } = defUseOf(instruction);
        if (to === -1 || definitions[to] !== 1 || strides.has(to) || isUniform({ kind: 'variable', index: to }))
          continue;
        const stride = strideOfResult(instruction);
        if (stride === null || Math.abs(stride) > MOST_STRIDE) continue;
        strides.set(to, stride);
        changed = true;
      }
    }
  }
  return strideOf;

  function strideOfResult(instruction: Instruction): number | null {
    switch (instruction.op) {
      case 'move':
        return strideOf(instruction.a);
      case 'convert':
        return isWord(instruction.from) && (isWord(instruction.type) || instruction.type === 'f64')
          ? strideOf(instruction.a)
          : null;
      case 'address': {
        const base = strideOf(instruction.base);
        const index = strideOf(instruction.index);
        // Two that grow could wrap at different lanes, and come out right at the last.
        if (base === null || index === null || (base !== 0 && index !== 0)) return null;
        return base + index * instruction.elementBytes;
      }
      case 'binary':
        return strideOfBinary(instruction);
      default:
        return null;
    }
  }

  function strideOfBinary({ operator, type, a, b }: Extract<Instruction, { op: 'binary' }>): number | null {
    // Doubles round, at some lanes and not at others.
    if (!isWord(type)) return null;
    const left = strideOf(a);
    const right = strideOf(b);
    const number = (operand: Operand) => (operand.kind === 'constant' ? Number(operand.value) : null);
    switch (operator) {
      case 'add':
        return left === null || right === null ? null : left + right;
      case 'sub':
        return left === null || right === null ? null : left - right;
      case 'mul': {
        const factor = number(b) ?? number(a);
        const other = number(b) === null ? right : left;
        return factor === null || other === null ? null : factor * other;
      }
      case 'shl': {
        const count = number(b);
        return count === null || left === null ? null : left * 2 ** (count & 31);
      }
      // A multiple of 32 plus the lane, modulo 32: the lane.
      case 'and':
        return isLaneAffine(a) && number(b) === 31 ? 1 : null;
      case 'rem':
        return isLaneAffine(a) && number(b) === 32 ? 1 : null;
      default:
        return null;
    }
  }
}
