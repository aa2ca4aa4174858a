import type { CollectiveName, ParamValue, Program, SpecialName, Word } from '../program/index.js';
import type { Allocation, Dim3, Engine, Launch, Machine, ScalarType } from '../simt/index.js';
import type { Known } from './known.js';

/** An engine whose threads can be read between two steps. */
export interface StandingEngine extends Engine {
  /** Blocks with a thread that has not exited. */
  standing(): readonly StandingBlock[];
}

/** @throws RangeError if the machine is in a mode that cannot tell, or has not begun. */
export function standingBlocksOf({ engine, mode }: Machine): readonly StandingBlock[] {
  if (engine === null) throw new RangeError('nothing runs yet: call run() after the first launch');
  if (isStanding(engine)) return engine.standing();
  throw new RangeError(`threads of a machine in mode '${mode}' cannot be read: run it in mode 'fast' or 'step'`);
}

const isStanding = (engine: Engine): engine is StandingEngine => 'standing' in engine;

/** A block between two steps. What is iterable is so any number of times. */
export interface StandingBlock {
  readonly launch: Launch;
  readonly blockIdx: Dim3;
  readonly program: Program;
  /** Registers of each array. */
  readonly counts: readonly number[];
  readonly params: readonly ParamValue[];
  readonly liveWarps: number;
  readonly liveThreads: number;
  /** Where those of its threads stand that may go on; blocks of a launch may be alike in this. '' if nobody may. */
  readonly standsAt: string;
  /** Warps with a lane that has not exited. */
  readonly warps: Iterable<StandingWarp>;
  /** What an access touches. @throws Fault as the access does */
  locate(
    address: number,
    bytes: number,
    access: 'load' | 'store' | 'atomic',
  ): { readonly allocation: Allocation; readonly offset: number };
  /** A shared variable; null: nobody has declared it. */
  sharedVariable(name: string): StandingVariable | null;
  /** Barriers that somebody has arrived at. */
  readonly barriers: Iterable<StandingBarrier>;
}

/** A variable in shared memory, of `count` elements. */
interface StandingVariable {
  readonly address: number;
  readonly type: ScalarType;
  readonly count: number;
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

/** A warp-wide operation or a barrier that a thread has come to, with its operands; an access, if the run has failed. */
export type WaitingOperation =
  | {
      readonly kind: 'collective';
      readonly operation: CollectiveName;
      readonly mask: number;
      readonly value: Word | null;
      readonly a: number;
      readonly b: number;
    }
  | { readonly kind: 'barrier'; readonly id: number }
  | { readonly kind: 'access' };
