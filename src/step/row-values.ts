import { bigintOf, isWide, type ValueType } from '../program/index.js';
import { type ScalarType, scalarBytes } from '../simt/index.js';
import type { StepBlock } from './step-block.js';

/** A register. Its bytes are what they are; `defined` has a bit for each. */
export interface ElementValue {
  readonly value: number | bigint;
  readonly defined: number;
}

/** The value of a variable in its slot. */
export function readVariable(block: StepBlock, b: number, index: number): boolean | number | bigint {
  const { code } = block.arena;
  return readSlot(block, code.emitted.program.variables[index]!.type, b + code.layout.slots[index]!);
}

export function readSlot({ arena: { L, D } }: StepBlock, type: ValueType, word: number): boolean | number | bigint {
  if (isWide(type)) return bigintOf(L[word]!, L[word + 1]!, type === 'i64');
  switch (type) {
    case 'pred':
      return L[word] !== 0;
    case 'u32':
      return L[word]! >>> 0;
    case 'f64':
    case 'ptr':
      return D[word >> 1]!;
    default:
      return L[word]!;
  }
}

export function readArray({ arena }: StepBlock, b: number, index: number): ElementValue[] {
  const { L, U, code } = arena;
  const { slot, count, elementWords, definedByte } = code.layout.arrays[index]!;
  const { elementType } = code.emitted.program.arrays[index]!;
  return Array.from({ length: count }, (_, at) => {
    const word = b + slot + at * elementWords;
    const value =
      elementWords === 2 ? bigintOf(L[word]!, L[word + 1]!, elementType === 'i64') : normalised(elementType, L[word]!);
    return { value, defined: U[b * 4 + definedByte + at]! };
  });
}

function normalised(type: ScalarType, word: number): number {
  const shift = 32 - scalarBytes(type) * 8;
  return type.startsWith('i') ? (word << shift) >> shift : (word << shift) >>> shift;
}
