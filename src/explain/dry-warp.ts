import { placesOf, type StandingBlock, type StandingLane, type StandingWarp } from '../hang/index.js';
import { controlFlowOf } from './control-flow.js';
import { DryLane } from './dry-lane.js';
import { DryMemory } from './dry-memory.js';
import { type LaneCourse, together } from './lane-course.js';
import type { DrySurroundings } from './lane-values.js';
import { aloneResult, collectiveResult, NOT_ALONE } from './operation-results.js';
import { maskOf } from './standing-lane.js';
import { wordsOf } from './values.js';

/**
 * Runs lanes of a warp on from where they are, once, without changing anything: their stores are their own secret.
 * Barriers are passed, those that lanes wait at too; alone, a lane leaves off where the others decide what happens.
 */
export class DryWarp {
  readonly #surroundings: DrySurroundings;
  readonly #lanes: readonly StandingLane[];

  constructor(block: StandingBlock, { lanes }: StandingWarp) {
    this.#surroundings = {
      block,
      places: placesOf(block.program, block.counts),
      flow: controlFlowOf(block.program),
      params: wordsOf(block.params),
      live: maskOf(lanes),
      memory: new DryMemory(block),
    };
    this.#lanes = lanes;
  }

  /** The course of one lane, the other lanes left out; null: it depends on them. */
  runAlone(standing: StandingLane): LaneCourse | null {
    const lane = new DryLane(this.#surroundings, standing, true);
    for (;;) {
      const operation = lane.run();
      if (operation === null) return lane.course;
      const result = aloneResult(operation);
      if (result === NOT_ALONE) return null;
      lane.finish(result);
    }
  }

  /**
   * The course of `own`, some of `lanes`, all of which are run together. Lanes that wait in a warp-wide operation go on
   * with them. If one of `own` goes on, nothing more is looked at.
   */
  run(lanes: number, own: number): LaneCourse {
    const isOwn = ({ lane }: DryLane) => (own & (1 << lane)) !== 0;
    const waiting = new Set<DryLane>();
    const all: DryLane[] = [];
    for (const standing of this.#lanes) {
      const lane = new DryLane(this.#surroundings, standing, false);
      if ((lanes & (1 << standing.lane)) !== 0) all.push(lane);
      else if (lane.pending !== null) waiting.add(lane);
    }
    let running = all;
    while (running.length > 0) {
      for (const lane of running) {
        if (lane.run() !== null) waiting.add(lane);
        else if (isOwn(lane) && lane.course.kind === 'goes on') return lane.course;
      }
      if (all.every(({ isOver }) => isOver)) break;
      running = this.#perform(waiting);
    }
    return together(all.filter(isOwn).map(({ course }) => course));
  }

  /** Performs what all lanes of its mask have come to. Result: the lanes that go on. */
  #perform(waiting: Set<DryLane>): DryLane[] {
    const released: DryLane[] = [];
    for (const first of waiting) {
      const { instruction, mask } = first.pending!;
      const group = [...waiting].filter(
        ({ pending }) => pending!.instruction.operation === instruction.operation && pending!.mask === mask,
      );
      let arrived = 0;
      for (const { lane } of group) arrived |= 1 << lane;
      if ((mask & this.#surroundings.live & ~arrived) !== 0) continue;
      const values = new Map(group.map(({ lane, pending }) => [lane, pending!.value]));
      for (const lane of group) {
        lane.finish(collectiveResult(lane.pending!, values, lane.lane));
        waiting.delete(lane);
        if (!lane.hasEnded) released.push(lane);
      }
    }
    return released;
  }
}
