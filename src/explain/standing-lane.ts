import type { StandingLane } from '../hang/index.js';
import { opcodeOf, type Program } from '../program/index.js';
import { OPERATION_NAMES } from '../simt/for-engines.js';

/** Lanes as a mask. */
export const maskOf = (lanes: readonly StandingLane[]): number =>
  lanes.reduce((mask, { lane }) => mask | (1 << lane), 0);

/** The operation that a lane has come to: `vote.sync.any`. */
export const operationAt = (program: Program, { block, at }: StandingLane): string =>
  OPERATION_NAMES[opcodeOf(program.blocks[block]!.instructions[at]!)]!;

/** Where a lane is: what it waits in, or what it has done last. */
export function siteOf(program: Program, { block, at, waitsIn }: StandingLane): number {
  const { instructions, terminator } = program.blocks[block]!;
  return (instructions[waitsIn === null && at > 0 ? at - 1 : at] ?? terminator).site;
}
