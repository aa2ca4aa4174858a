import {
  defUseOf,
  type Instruction,
  isVisible,
  type Liveness,
  liveBefore,
  livenessOf,
  opcodeOf,
  type Program,
  predecessorsOf,
  successorsOf,
} from '../program/index.js';
import type { Opcode } from '../simt/for-engines.js';
import { scalarBytes } from '../simt/index.js';
import { allocateSlots, type Lives } from './slots.js';

// The words of a row: the state of one thread. Variables and register arrays follow.
/** Where the thread goes on: 0 at the start, else the number of the visible instruction that it has come to last. */
export const PC = 0;
/** Member mask of its last warp-wide operation; of a barrier: 1 if aligned, else 0. */
export const MASK = 1;
/** Number of the thread within its block. */
export const RANK = 2;
/** `threadIdx`: x, y, z of 10 bits each. */
export const THREAD_IDX = 3;
/** Operands as doubles: the address of an access, `a` of a warp-wide operation, number of a barrier. */
export const OPERAND_A = 4;
/** `b` of a warp-wide operation, threads of a barrier. */
export const OPERAND_B = 6;
/** Four words: values to store, or of a warp-wide operation; a double where its type is f64. */
export const VALUES = 8;
/** Two words: the result of an operation; a double where its type is f64. */
export const RESULT = 12;
/** Definedness of the bytes to store, one bit each. */
export const DEFINED = 14;
/** First word behind the above. */
const HEADER_WORDS = 16;

/** A visible instruction. Its number is that of the place behind it, where threads resume. */
interface VisibleInstruction {
  readonly block: number;
  /** Place within the block. */
  readonly at: number;
  readonly instruction: Instruction;
  readonly opcode: Opcode;
}

/** Where a register array is in a row. */
interface ArrayLayout {
  readonly count: number;
  /** First word of the values, `elementWords` an element. */
  readonly slot: number;
  readonly elementWords: 1 | 2;
  /** Byte of the row that holds the definedness of element 0; one byte an element. */
  readonly definedByte: number;
}

/** What is alive where a thread resumes. */
interface LiveState {
  readonly variables: readonly number[];
  readonly arrays: readonly number[];
  /** Whether the operation's result, which the thread has not taken yet, is used. */
  readonly result: boolean;
}

/** Where everything of a thread is in its row. */
export interface Layout {
  /** By number; 0 stands for the start. */
  readonly visible: readonly (VisibleInstruction | null)[];
  /** Word of each variable; -1 for temporaries that live between two visible operations only. */
  readonly slots: readonly number[];
  readonly arrays: readonly ArrayLayout[];
  readonly rowWords: number;
  /** By number of the visible instruction. */
  readonly liveAt: readonly LiveState[];
}

/** @throws Error if the program has something that no back end knows. `counts`: registers of each array. */
export function layoutOf(program: Program, counts: readonly number[]): Layout {
  const visible = visibleInstructions(program);
  const liveness = livenessOf(program);
  const needsSlot = program.variables.map(({ name }) => name !== null);
  const predecessors = predecessorsOf(successorsOf(program));
  const require = (live: Uint8Array) => {
    for (let index = 0; index < needsSlot.length; index++) if (live[index] === 1) needsSlot[index] = true;
  };
  program.blocks.forEach((_, block) => {
    if (block === 0 || predecessors[block]!.length > 1) require(liveness.atStart[block]!);
  });
  const liveAt = visible.map((place) => {
    const live = place === null ? liveness.atStart[0]! : liveness.before(place.block, place.at + 1);
    const targets = place === null ? [] : defUseOf(place.instruction).targets;
    const result = targets.some((target) => live[target] === 1);
    // What the operation itself gives is not in its slot yet.
    for (const target of targets) live[target] = 0;
    require(live);
    const arrays = program.arrays.flatMap((_, index) => (live[program.variables.length + index] === 1 ? [index] : []));
    return { variables: program.variables.flatMap((_, index) => (live[index] === 1 ? [index] : [])), arrays, result };
  });
  const isSet = setVariables(program);
  const { slots, end } = allocateSlots(
    program,
    needsSlot.map((needs, index) => needs && isSet[index]!),
    livesOf(program, liveness),
    HEADER_WORDS,
  );
  let next = end;
  const take = (words: number) => {
    const slot = next;
    next += words;
    return slot;
  };
  const arrays = program.arrays.map(({ elementType }, index): ArrayLayout => {
    const elementWords = scalarBytes(elementType) === 8 ? 2 : 1;
    return { count: counts[index]!, slot: take(counts[index]! * elementWords), elementWords, definedByte: 0 };
  });
  let definedByte = next * 4;
  const placed = arrays.map((array) => {
    const at = definedByte;
    definedByte += array.count;
    return { ...array, definedByte: at };
  });
  return { visible, slots, arrays: placed, rowWords: Math.ceil(definedByte / 8) * 2, liveAt };
}

function visibleInstructions(program: Program): (VisibleInstruction | null)[] {
  const found: (VisibleInstruction | null)[] = [null];
  program.blocks.forEach(({ instructions }, block) => {
    instructions.forEach((instruction, at) => {
      if (isVisible(instruction)) found.push({ block, at, instruction, opcode: opcodeOf(instruction) });
    });
  });
  return found;
}

function setVariables(program: Program): boolean[] {
  const isSet = program.variables.map(() => false);
  for (const { instructions } of program.blocks) {
    for (const instruction of instructions) for (const target of defUseOf(instruction).targets) isSet[target] = true;
  }
  return isSet;
}

/** Which variables are alive where others are set. */
function livesOf(program: Program, { atStart, before }: Liveness): Lives {
  const aliveWhenSet = program.variables.map(() => new Set<number>());
  program.blocks.forEach(({ instructions }, block) => {
    const live = before(block, instructions.length);
    for (let at = instructions.length - 1; at >= 0; at--) {
      const instruction = instructions[at]!;
      const { targets } = defUseOf(instruction);
      for (const target of targets) {
        for (let index = 0; index < aliveWhenSet.length; index++)
          if (live[index] === 1) aliveWhenSet[target]!.add(index);
        for (const other of targets) aliveWhenSet[target]!.add(other);
      }
      liveBefore(program, instruction, live);
    }
  });
  return { aliveWhenSet, atStart: aliveWhenSet.flatMap((_, index) => (atStart[0]![index] === 1 ? [index] : [])) };
}
