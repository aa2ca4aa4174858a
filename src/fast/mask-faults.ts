import { notInMask, warpDivergence } from '../simt/faults.js';
import { lowestLane } from '../simt/lanes.js';
import { type Collective, opcodeOf } from './collectives.js';
import { runtime } from './runtime.js';

/** @throws Fault WARP_MASK, WARP_DIVERGENCE for lanes that arrive together, as they would one by one. */
export function checkMasks(instruction: Collective, lanes: number): void {
  const opcode = opcodeOf(instruction);
  for (let rest = lanes; rest !== 0; rest &= rest - 1) {
    const lane = lowestLane(rest);
    const mask = runtime.xm[lane]!;
    runtime.lane = lane;
    if ((mask & (1 << lane)) === 0) throw notInMask({ lane, opcode, mask });
    const before = lanes & ((1 << lane) - 1);
    for (let others = before; others !== 0; others &= others - 1) {
      const other = lowestLane(others);
      const theirs = runtime.xm[other]!;
      if (theirs === mask || (theirs & (1 << lane)) === 0 || (mask & (1 << other)) === 0) continue;
      throw warpDivergence({ lane, opcode, mask }, { opcode, mask: theirs, arrived: lanesWithMask(before, theirs) });
    }
  }
}

function lanesWithMask(lanes: number, mask: number): number {
  let found = 0;
  for (let rest = lanes; rest !== 0; rest &= rest - 1) {
    const lane = lowestLane(rest);
    if (runtime.xm[lane] === mask) found |= 1 << lane;
  }
  return found;
}
