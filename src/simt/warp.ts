import type { Block } from './block.js';
import { performCollective } from './collectives.js';
import type { Fault } from './errors.js';
import { notInMask, warpDivergence } from './faults.js';
import { isCollective, type Opcode } from './operation.js';
import type { Thread } from './thread.js';

/** Lanes that have arrived at one warp-wide operation with one mask and wait for the rest of it. */
class PendingCollective {
  opcode: Opcode = 0;
  mask = 0;
  arrived = 0;
}

/** 32 threads (fewer at the end of a block) and the warp-wide operations that some of them wait at. */
export class Warp {
  readonly block: Block;
  /** Number within the block. */
  readonly index: number;
  readonly threads: Thread[] = [];
  /** Lanes that exist and have not exited. */
  live = 0;
  /** Lanes that are at some barrier of the block, waiting or arriving. */
  lanesAtBarriers = 0;
  /** Those of them that do not wait for other warps. */
  lanesOnlyArriving = 0;
  /** Several only where lanes diverge under disjoint masks, as tiles do. */
  readonly #pending: PendingCollective[] = [];

  constructor(block: Block, index: number) {
    this.block = block;
    this.index = index;
  }

  /**
   * A thread arrives at the warp-wide operation that it has yielded. Completes it for all participants once every live
   * lane of the mask is there.
   * @throws Fault WARP_MASK if the thread is not in its own mask; WARP_DIVERGENCE if it and a waiting lane wait for each
   * other with different masks or in different operations.
   */
  arrive(thread: Thread): void {
    const { mask, opcode } = thread;
    const bit = 1 << thread.laneId;
    if ((mask & bit) === 0) {
      throw notInMask({ lane: thread.laneId, opcode, mask });
    }
    const participants = mask & this.live;
    if (participants === bit) {
      performCollective(this, opcode, bit);
      return;
    }
    let group: PendingCollective | null = null;
    for (const candidate of this.#pending) {
      if (candidate.mask === mask && candidate.opcode === opcode) group = candidate;
      else if ((candidate.mask & bit) !== 0 && (candidate.arrived & mask) !== 0)
        throw this.#divergence(thread, candidate);
    }
    if (group === null) {
      group = new PendingCollective();
      group.opcode = opcode;
      group.mask = mask;
      this.#pending.push(group);
    }
    group.arrived |= bit;
    if (group.arrived === participants) this.#complete(group);
  }

  /**
   * The common case: every live lane has just yielded the same warp-wide operation for all of them. Performs it and
   * returns true; otherwise returns false and leaves the lanes to {@link arrive}.
   */
  arriveTogether(yielded: number): boolean {
    if (yielded !== this.live || yielded === 0 || this.#pending.length > 0) return false;
    const { opcode, mask } = this.threads[31 - Math.clz32(yielded & -yielded)]!;
    if (!isCollective(opcode) || (mask & this.live) !== yielded) return false;
    for (let rest = yielded & (yielded - 1); rest !== 0; rest &= rest - 1) {
      const thread = this.threads[31 - Math.clz32(rest & -rest)]!;
      if (thread.opcode !== opcode || thread.mask !== mask) return false;
    }
    performCollective(this, opcode, yielded);
    return true;
  }

  /** A lane has exited: what waited for it alone completes. */
  exit(laneId: number): void {
    this.live &= ~(1 << laneId);
    for (const group of [...this.#pending]) {
      if (group.arrived === (group.mask & this.live)) this.#complete(group);
    }
  }

  /** Lanes for which the operation that `thread` waits at still waits; 0 if it waits at none. */
  missingLanes(thread: Thread): number {
    const bit = 1 << thread.laneId;
    for (const group of this.#pending) {
      if ((group.arrived & bit) !== 0) return group.mask & this.live & ~group.arrived;
    }
    return 0;
  }

  #complete(group: PendingCollective): void {
    const last = this.#pending.pop()!;
    if (last !== group) this.#pending[this.#pending.indexOf(group)] = last;
    performCollective(this, group.opcode, group.arrived);
  }

  #divergence(thread: Thread, group: PendingCollective): Fault {
    const waiting = this.threads[31 - Math.clz32(group.arrived & thread.mask)]!;
    const { laneId: lane, opcode, mask } = thread;
    return warpDivergence({ lane, opcode, mask }, group, { other: waiting });
  }
}
