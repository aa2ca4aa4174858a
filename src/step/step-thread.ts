import type { Instruction } from '../program/index.js';
import { isAccess, isBarrier, isCollective, type Ordering, PHASE_IDLE } from '../simt/for-engines.js';
import { type Dim3, type ScalarType, type Scope, scalarBytes, type ThreadView } from '../simt/index.js';
import { MASK, OPERAND_A, OPERAND_B, PC } from './layout.js';
import type { StepBlock } from './step-block.js';

/** A thread as messages need it: a copy of its row's operation. */
export class StepThread implements ThreadView {
  readonly block: StepBlock;
  readonly warp: { readonly index: number };
  readonly threadIdx: Dim3;
  readonly threadRank: number;
  readonly laneId: number;
  readonly phase: number;
  readonly opcode: number;
  readonly mask: number;
  readonly operandA: number;
  readonly operandB: number;
  readonly pointer: ThreadView['pointer'];
  readonly ordering: Ordering;
  readonly scope: Scope;
  /** Number of the visible instruction that it has come to last; 0: none. */
  readonly visible: number;

  constructor(block: StepBlock, rank: number, phase: number) {
    const { L, D, code, rowWords } = block.arena;
    const b = block.rows + rank * rowWords;
    this.block = block;
    this.warp = { index: rank >>> 5 };
    this.threadIdx = block.launch.threadIdxs[rank]!;
    this.threadRank = rank;
    this.laneId = rank & 31;
    this.phase = phase;
    const pc = L[b + PC]!;
    // While a thread runs, it may be in a function of the compiled code that no instruction stands for.
    this.visible = pc < code.layout.visible.length ? pc : 0;
    this.opcode = code.visible.opcode[this.visible]!;
    this.mask = L[b + MASK]!;
    const hasOperands = isCollective(this.opcode) || isBarrier(this.opcode);
    this.operandA = hasOperands ? D[(b + OPERAND_A) >> 1]! : 0;
    this.operandB = hasOperands ? D[(b + OPERAND_B) >> 1]! : 0;
    const instruction = code.layout.visible[this.visible]?.instruction;
    this.scope = scopeOf(instruction);
    this.ordering = orderingOf(instruction);
    this.pointer =
      isAccess(this.opcode) && phase !== PHASE_IDLE ? pointerOf(instruction, D[(b + OPERAND_A) >> 1]!) : null;
  }
}

const scopeOf = (instruction: Instruction | undefined): Scope =>
  instruction !== undefined && 'scope' in instruction ? instruction.scope : 'system';

function orderingOf(instruction: Instruction | undefined): Ordering {
  if (instruction?.op === 'atomic') return 'relaxed';
  if (instruction === undefined || !('ordering' in instruction)) return 'volatile';
  return instruction.ordering === 'plain' ? 'volatile' : instruction.ordering;
}

function pointerOf(instruction: Instruction | undefined, address: number): ThreadView['pointer'] {
  const type: ScalarType = instruction !== undefined && 'elementType' in instruction ? instruction.elementType : 'u8';
  const space = { name: address < 2 ** 32 ? 'shared' : 'global' };
  return { address, elementBytes: scalarBytes(type), type, space };
}
