import { lowestLane } from '../simt/lanes.js';
import { runtime } from './runtime.js';
import { type FastWarp, type LaneGroup, WAITS } from './warp.js';

/** Whether lanes of a warp do not wait for others. */
export function canRun({ groups }: FastWarp): boolean {
  for (let at = 0; at < groups.length; at++) if (groups[at]!.state !== WAITS) return true;
  return false;
}

/** Joins a group with another one that is at the same place. */
export function meet(warp: FastWarp, group: LaneGroup): void {
  const { groups } = warp;
  if (groups.length === 1 || group.state === WAITS) return;
  const other = groups.find(
    (candidate) =>
      candidate !== group &&
      candidate.pc === group.pc &&
      candidate.state === group.state &&
      candidate.hasResults === group.hasResults,
  );
  if (other === undefined) return;
  group.lanes |= other.lanes;
  groups.splice(groups.indexOf(other), 1);
}

/** Whether each lane of `lanes` names only lanes of them, besides those that have exited, and all of these agree. */
export function isComplete(lanes: number, live: number): boolean {
  const { xm } = runtime;
  for (let rest = lanes; rest !== 0; ) {
    const lane = 31 - Math.clz32(rest & -rest);
    const mask = xm[lane]!;
    const members = mask & live;
    if ((members & (1 << lane)) === 0 || (members & ~lanes) !== 0) return false;
    for (let others = members; others !== 0; others &= others - 1) {
      if (xm[31 - Math.clz32(others & -others)] !== mask) return false;
    }
    rest &= ~members;
  }
  return true;
}

/** Offered barriers, by number and count. */
export function distinctBarriers(lanes: number): { id: number; count: number; lanes: number }[] {
  const arrivals: { id: number; count: number; lanes: number }[] = [];
  for (let rest = lanes; rest !== 0; rest &= rest - 1) {
    const lane = lowestLane(rest);
    const id = runtime.xa[lane]!;
    const count = runtime.xb[lane]!;
    const known = arrivals.find((arrival) => arrival.id === id && arrival.count === count);
    if (known === undefined) arrivals.push({ id, count, lanes: 1 << lane });
    else known.lanes |= 1 << lane;
  }
  return arrivals;
}
