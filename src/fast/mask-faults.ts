import { Fault } from '../simt/errors.js';
import { popc } from '../simt/integer.js';
import { OPERATION_NAMES } from '../simt/operation.js';
import { type Collective, lowestLane, opcodeOf } from './collectives.js';
import { runtime } from './runtime.js';
import type { WaitingLanes } from './warp.js';

/** @throws Fault WARP_MASK, WARP_DIVERGENCE for lanes that arrive together, as they would one by one. */
export function checkMasks(instruction: Collective, lanes: number): void {
  const name = OPERATION_NAMES[opcodeOf(instruction)]!;
  for (let rest = lanes; rest !== 0; rest &= rest - 1) {
    const lane = lowestLane(rest);
    const mask = runtime.xm[lane]!;
    runtime.lane = lane;
    if ((mask & (1 << lane)) === 0) {
      throw new Fault('WARP_MASK', `lane ${lane} calls ${name} with mask ${hex(mask)}, which does not name it`);
    }
    for (let before = lanes & ((1 << lane) - 1); before !== 0; before &= before - 1) {
      const other = lowestLane(before);
      const theirs = runtime.xm[other]!;
      if (theirs === mask || (theirs & (1 << lane)) === 0 || (mask & (1 << other)) === 0) continue;
      throw new Fault(
        'WARP_DIVERGENCE',
        `lanes disagree on the mask of ${name}: lane ${lane} says ${hex(mask)}, waiting lane ${other} says ${hex(theirs)}; ${popc(before)} lanes wait there`,
      );
    }
  }
}

/** The fault of a lane that is not in its own mask. */
export const notNamed = (lane: number, mask: number, opcode: number): Fault =>
  new Fault(
    'WARP_MASK',
    `lane ${lane} calls ${OPERATION_NAMES[opcode]} with mask ${hex(mask)}, which does not name it`,
  );

/** The fault of a lane that meets others that wait for it in another operation or under another mask. */
export function divergence(
  lane: number,
  mask: number,
  opcode: number,
  pending: WaitingLanes['pending'][number],
): Fault {
  const waiting = lowestLane(pending.arrived & mask);
  const mine = OPERATION_NAMES[opcode];
  const theirOpcode = opcodeOf(pending.instruction as Collective);
  const what =
    opcode === theirOpcode
      ? `lanes disagree on the mask of ${mine}: lane ${lane} says ${hex(mask)}, waiting lane ${waiting} says ${hex(pending.mask)}`
      : `lanes that wait for each other are in different operations: lane ${lane} in ${mine} (mask ${hex(mask)}), lane ${waiting} in ${OPERATION_NAMES[theirOpcode]} (mask ${hex(pending.mask)})`;
  return new Fault('WARP_DIVERGENCE', `${what}; ${popc(pending.arrived)} lanes wait there`);
}

const hex = (mask: number): string => `0x${(mask >>> 0).toString(16).padStart(8, '0')}`;
