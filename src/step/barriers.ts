import {
  BARRIER_COUNT,
  barrierDivergence,
  barrierInUse,
  checkBarrierCount,
  Fault,
  PHASE_PENDING,
  secondArrival,
} from '../simt/for-engines.js';
import type { StepEngine } from './engine.js';
import { MASK, OPERAND_A, OPERAND_B, PC } from './layout.js';
import { StepBarrier, type StepBlock } from './step-block.js';

/** The barriers of all blocks: `simt/barrier.ts` over flat state, same effects in the same order. */
export class BarrierUnit {
  readonly #engine: StepEngine;

  constructor(engine: StepEngine) {
    this.#engine = engine;
  }

  /**
   * Lanes of a warp arrive with one instruction. Returns false, and leaves the lanes to {@link arrive}, if there is
   * anything unusual about it.
   */
  arriveTogether(block: StepBlock, warp: number, number: number, lanes: number): boolean {
    const engine = this.#engine;
    const { D, rowWords } = block.arena;
    const row = engine.rowOfWarp[warp]!;
    const first = row + (31 - Math.clz32(lanes & -lanes)) * rowWords;
    const id = D[(first + OPERAND_A) >> 1]!;
    const expected = D[(first + OPERAND_B) >> 1]!;
    for (let rest = lanes & (lanes - 1); rest !== 0; rest &= rest - 1) {
      const b = row + (31 - Math.clz32(rest & -rest)) * rowWords;
      if (D[(b + OPERAND_A) >> 1] !== id || D[(b + OPERAND_B) >> 1] !== expected) return false;
    }
    const barrier = block.barriers[id];
    // Also an id that is none.
    if (barrier === undefined || barrier === null) return false;
    const index = warp - block.firstWarp;
    if (barrier.hasArrived[index] === 1 || expected < 0 || expected % 32 !== 0) return false;
    const isArriveOnly = engine.isArriveOnly(block, number);
    if (barrier.inUse ? barrier.expected !== expected : isArriveOnly && expected === 0) return false;
    const here = barrier.lanes[index]!;
    if ((engine.lanesAtBarriers[warp]! & ~here) !== 0) return false;
    barrier.expected = expected;
    barrier.lanes[index] = here | lanes;
    engine.lanesAtBarriers[warp]! |= lanes;
    barrier.waiting.push({ warpIndex: index, lanes, isArriveOnly });
    if (isArriveOnly) engine.lanesOnlyArriving[warp]! |= lanes;
    engine.observer?.arrive(block, id, index, lanes);
    if (barrier.lanes[index] === engine.live[warp]) this.#warpArrives(block, barrier, index);
    return true;
  }

  /** A thread arrives at the barrier that it has come to. @throws Fault as `Block.arriveAtBarrier` and `Barrier.arrive` do. */
  arrive(block: StepBlock, warp: number, lane: number): void {
    const engine = this.#engine;
    const { L, D, rowWords } = block.arena;
    const b = engine.rowOfWarp[warp]! + lane * rowWords;
    const id = D[(b + OPERAND_A) >> 1]!;
    const expected = D[(b + OPERAND_B) >> 1]!;
    const isArriveOnly = engine.isArriveOnly(block, L[b + PC]!);
    let barrier = block.barriers[id];
    if (barrier === undefined) {
      throw new Fault('BARRIER_ID', `barrier ${id} does not exist: a block has barriers 0 to ${BARRIER_COUNT - 1}`);
    }
    if (barrier === null) {
      barrier = new StepBarrier(block.warpCount);
      block.barriers[id] = barrier;
    }
    if (expected !== barrier.expected || !barrier.inUse) this.#begin(block, barrier, id, expected, isArriveOnly);
    const index = warp - block.firstWarp;
    if (barrier.hasArrived[index] === 1) {
      throw secondArrival(id, index);
    }
    const bit = 1 << lane;
    const lanes = barrier.lanes[index]! | bit;
    if ((engine.lanesAtBarriers[warp]! & ~lanes) !== 0) this.#checkDivergence(block, warp, lane, id, lanes);
    barrier.lanes[index] = lanes;
    engine.lanesAtBarriers[warp]! |= bit;
    barrier.waiting.push({ warpIndex: index, lanes: bit, isArriveOnly });
    if (isArriveOnly) engine.lanesOnlyArriving[warp]! |= bit;
    engine.observer?.arrive(block, id, index, bit);
    if (lanes === engine.live[warp]) this.#warpArrives(block, barrier, index);
  }

  /** A lane of `warp` has exited: the rest of it may now have arrived, and fewer warps may be expected. */
  laneExited(block: StepBlock, warp: number): void {
    const live = this.#engine.live[warp]!;
    const index = warp - block.firstWarp;
    for (const barrier of block.barriers) {
      if (barrier === null || !barrier.inUse) continue;
      if (live !== 0 && barrier.hasArrived[index] === 0 && barrier.lanes[index] === live) {
        this.#warpArrives(block, barrier, index);
      } else this.#completeIfAllArrived(block, barrier);
    }
  }

  #begin(block: StepBlock, barrier: StepBarrier, id: number, expected: number, isArriveOnly: boolean): void {
    checkBarrierCount(id, expected, isArriveOnly);
    if (barrier.inUse) {
      const first = barrier.waiting[0];
      throw barrierInUse(id, barrier.expected, expected, {
        other:
          first === undefined
            ? undefined
            : this.#engine.threadOf(
                block,
                first.warpIndex * 32 + (31 - Math.clz32(first.lanes & -first.lanes)),
                PHASE_PENDING,
              ),
      });
    }
    barrier.expected = expected;
  }

  #warpArrives(block: StepBlock, barrier: StepBarrier, index: number): void {
    barrier.arrivedWarps++;
    barrier.hasArrived[index] = 1;
    if (this.#engine.lanesOnlyArriving[block.firstWarp + index] !== 0) this.#releaseArriving(block, barrier, index);
    this.#completeIfAllArrived(block, barrier);
  }

  /** Threads that arrive without waiting go on as soon as their warp is complete. */
  #releaseArriving(block: StepBlock, barrier: StepBarrier, index: number): void {
    const arriving = barrier.waiting.filter(({ warpIndex, isArriveOnly }) => warpIndex === index && isArriveOnly);
    barrier.waiting = barrier.waiting.filter(({ warpIndex, isArriveOnly }) => warpIndex !== index || !isArriveOnly);
    for (const { lanes } of arriving) this.#release(block, barrier, index, lanes);
    this.#engine.lanesOnlyArriving[block.firstWarp + index] = 0;
  }

  #completeIfAllArrived(block: StepBlock, barrier: StepBarrier): void {
    const arrived = barrier.arrivedWarps * 32;
    const expected = barrier.expected === 0 ? block.liveWarps * 32 : barrier.expected;
    if (arrived === 0 || arrived < expected) return;
    const released = barrier.waiting;
    barrier.waiting = [];
    barrier.arrivedWarps = 0;
    barrier.hasArrived.fill(0);
    for (const { warpIndex, lanes } of released) this.#release(block, barrier, warpIndex, lanes);
    this.#engine.observer?.complete(block, block.barriers.indexOf(barrier), released);
  }

  /** `lanes` are of one granule. */
  #release(block: StepBlock, barrier: StepBarrier, index: number, lanes: number): void {
    const engine = this.#engine;
    const warp = block.firstWarp + index;
    barrier.lanes[index]! &= ~lanes;
    engine.lanesAtBarriers[warp]! &= ~lanes;
    const part = (31 - Math.clz32(lanes & -lanes)) >>> engine.granuleShift;
    engine.makeReady((warp << engine.warpShift) + part, lanes);
  }

  /** Lanes of the warp that are at another barrier can never come to this one, nor this one to them. */
  #checkDivergence(block: StepBlock, warp: number, lane: number, id: number, lanesHere: number): void {
    const engine = this.#engine;
    const { L, D, rowWords } = block.arena;
    const row = engine.rowOfWarp[warp]!;
    const otherLane = 31 - Math.clz32(engine.lanesAtBarriers[warp]! & ~lanesHere);
    const b = row + otherLane * rowWords;
    if (L[row + lane * rowWords + MASK] === 0 && L[b + MASK] === 0) return;
    throw barrierDivergence(lane, id, otherLane, D[(b + OPERAND_A) >> 1]!, {
      other: engine.threadOf(block, (warp - block.firstWarp) * 32 + otherLane, PHASE_PENDING),
    });
  }
}
