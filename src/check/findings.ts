import { type AccessInstruction, accessedElements, framesOf } from '../program/index.js';
import type { Allocation } from '../simt/index.js';
import { formatSymbol, type SourceFrame } from '../simt/index.js';
import type { KnownBlock } from './threads.js';

/** A thread. */
export interface ThreadReport {
  readonly rank: number;
  readonly kernel: string;
  /** `blockIdx` as (x,y,z). */
  readonly block: string;
  readonly warp: number;
  readonly lane: number;
}

/** An access of a thread. */
export interface AccessReport extends ThreadReport {
  /** `st.volatile.global.v2.u64`. */
  readonly operation: string;
  /** Innermost first. */
  readonly frames: readonly SourceFrame[];
}

/** Two accesses that touch the same bytes, one of them a write, and that nothing orders. */
export interface Race {
  readonly kind: 'race';
  /** Address of the first byte that both touch, and what is there. */
  readonly address: number;
  readonly word: string;
  readonly space: 'global' | 'shared';
  readonly first: AccessReport;
  readonly second: AccessReport;
  /** Both write, and write the same. */
  readonly writesTheSame: boolean;
  /** Cells of memory in which these two instructions have raced. */
  readonly count: number;
}

/** A barrier that threads come to before those of its last phase are known to be through. */
export interface BarrierReuse {
  readonly kind: 'barrier reuse';
  readonly id: number;
  /** Who comes, and who may still be there. */
  readonly first: ThreadReport;
  readonly second: ThreadReport;
  readonly count: number;
}

/** A write after which an invariant of the kernel's memory does not hold. */
export interface InvariantViolation {
  readonly kind: 'invariant';
  /** Name of the invariant. */
  readonly name: string;
  /** Address of the first byte that was written, and what is there. */
  readonly address: number;
  readonly word: string;
  /** What the invariant asks for, and what is the case. */
  readonly wants: string;
  readonly holds: string;
  /** The first write that breaks it. */
  readonly access: AccessReport;
  /** Writes that have broken it so far, to whatever allocation. */
  readonly count: number;
}

export type Finding = Race | BarrierReuse | InvariantViolation;

export function threadReport({ block }: Pick<KnownBlock, 'block'>, rank: number): ThreadReport {
  const { launch, blockIdx } = block;
  return {
    rank: launch.device,
    kernel: launch.name,
    block: `(${blockIdx.x},${blockIdx.y},${blockIdx.z})`,
    warp: rank >>> 5,
    lane: rank & 31,
  };
}

export function accessReport(
  known: Pick<KnownBlock, 'block'>,
  rank: number,
  instruction: AccessInstruction,
  space: string,
): AccessReport {
  const { program } = known.block.arena.code.emitted;
  return {
    ...threadReport(known, rank),
    operation: operationText(instruction, space),
    frames: framesOf(program, instruction.site),
  };
}

/** An access in PTX's words. */
function operationText(instruction: AccessInstruction, space: string): string {
  const { op, elementType, scope } = instruction;
  if (op === 'atomic') return `atom.relaxed.${scope}.${space}.${instruction.operator}.${elementType}`;
  const { ordering } = instruction;
  const order = ordering === 'plain' ? '' : ordering === 'volatile' ? '.volatile' : `.${ordering}.${scope}`;
  const count = accessedElements(instruction);
  return `${op === 'load' ? 'ld' : 'st'}${order}.${space}${count === 1 ? '' : `.v${count}`}.${elementType}`;
}

/** What lies at a byte, in the words of the kernel if its memory has them. */
export function wordText(allocation: Allocation, offset: number): string {
  const symbol = allocation.symbols?.describe(offset) ?? null;
  return symbol === null ? `byte ${offset} of '${allocation.name}'` : formatSymbol(symbol);
}
