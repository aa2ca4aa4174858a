import type { AccessInstruction, InstructionOf } from '../program/index.js';
import type { Opcode } from '../simt/for-engines.js';
import type { Allocation } from '../simt/index.js';
import type { StepEngine } from './engine.js';
import type { Arrival, StepBlock } from './step-block.js';

/**
 * Is told of everything that threads do to each other, in the order in which it happens. Code that is not observed has no
 * trace of this. Threads are named by their block and their number within it.
 */
export interface StepObserver {
  /** Before anything else: whose threads it is told of. */
  begin?(engine: StepEngine): void;
  blockStarts(block: StepBlock): void;
  blockEnds(block: StepBlock): void;
  /**
   * An access of one thread, located and not yet done. Result: whether {@link stored} is to be called once it is.
   */
  access(
    instruction: AccessInstruction,
    allocation: Allocation,
    offset: number,
    block: StepBlock,
    rank: number,
  ): boolean;
  /** The last access is done. */
  stored(): void;
  fence(instruction: InstructionOf<'fence'>, block: StepBlock, rank: number): void;
  /** Lanes of a warp of the block meet in a warp-wide operation. Only `bar.warp.sync` orders memory. */
  meet(block: StepBlock, warpIndex: number, lanes: number, opcode: Opcode): void;
  /** Lanes of a warp come to a barrier. */
  arrive(block: StepBlock, id: number, warpIndex: number, lanes: number): void;
  /** Everybody who was expected at a barrier has arrived. `waiting`: those who have waited and go on now. */
  complete(block: StepBlock, id: number, waiting: readonly Arrival[]): void;
  /** A step of a warp is over; what it has done has been told. Not called if it has failed. */
  stepEnds?(block: StepBlock, warpIndex: number): void;
}
