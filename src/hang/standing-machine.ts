import type { CollectiveName, Instruction, ParamValue, Program, SpecialName, Word } from '../program/index.js';
import type { Allocation, ScalarType } from '../simt/index.js';
import type { Known } from './known.js';

/** A machine between two steps, as {@link proveHang} sees it. What is iterable is so any number of times. */
export interface StandingMachine {
  /** Blocks with a thread that has not exited. */
  readonly blocks: Iterable<StandingBlock>;
}

export interface StandingBlock {
  readonly program: Program;
  /** Registers of each array. */
  readonly counts: readonly number[];
  readonly params: readonly ParamValue[];
  readonly liveWarps: number;
  /** Warps with a lane that has not exited. */
  readonly warps: Iterable<StandingWarp>;
  /** What an access touches. @throws Fault as the access does */
  locate(
    address: number,
    bytes: number,
    access: 'load' | 'store' | 'atomic',
  ): { readonly allocation: Allocation; readonly offset: number };
  /** Address of a shared variable; null: nobody has declared it like this. */
  sharedVariable(name: string, type: ScalarType, count: number): number | null;
  /** Barriers that somebody has arrived at. */
  readonly barriers: Iterable<StandingBarrier>;
}

export interface StandingBarrier {
  readonly id: number;
  /** Threads expected; 0: those of all warps of the block that have not exited. */
  readonly expected: number;
  /** Lanes that are here, by warp; all of a warp that counts as arrived. */
  readonly lanes: ReadonlyMap<number, number>;
}

export interface StandingWarp {
  readonly index: number;
  /** Lanes that have not exited, in order. */
  readonly lanes: readonly StandingLane[];
}

/** A thread that has not exited. */
export interface StandingLane {
  readonly lane: number;
  /** The next instruction, or the one that it waits in. */
  readonly block: number;
  readonly at: number;
  /** What it waits in; null: it may go on. */
  readonly waitsIn: WaitingOperation | null;
  /** Sets what is known of variables, then of registers one array after the other. */
  fill(known: (Known | undefined)[]): void;
  special(name: SpecialName): number;
}

/** A warp-wide operation or a barrier that a thread has come to, with its operands. */
export type WaitingOperation =
  | {
      readonly kind: 'collective';
      readonly operation: CollectiveName;
      readonly mask: number;
      readonly value: Word | null;
      readonly a: number;
      readonly b: number;
    }
  | { readonly kind: 'barrier'; readonly id: number };

export type InstructionOf<Op extends Instruction['op']> = Extract<Instruction, { readonly op: Op }>;
