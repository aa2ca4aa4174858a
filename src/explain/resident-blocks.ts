import type { StandingBarrier, StandingBlock, StandingLane, StandingWarp } from '../hang/index.js';
import { framesOf } from '../program/index.js';
import type { Dim3, Launch, Protocol, ThreadGroup } from '../simt/index.js';
import type { WaitNode } from './graph.js';
import type { GrowingGraph } from './growing-graph.js';
import { formatDim3 } from './names.js';
import { maskOf, siteOf } from './standing-lane.js';

/** A resident block, and its sets of lanes: those of a warp that are at one place. */
export interface ResidentBlock {
  readonly block: StandingBlock;
  /** By warp; null: all of its threads have exited. */
  readonly warps: readonly (StandingWarp | null)[];
  /** Lanes that have not exited, by warp. */
  readonly live: readonly number[];
  /** By warp. */
  readonly sets: readonly (readonly WaitNode[])[];
  readonly barriers: ReadonlyMap<number, StandingBarrier>;
}

/** The resident blocks of a machine; their sets are the first nodes of its wait-for graph. */
export class ResidentBlocks {
  readonly #graph: GrowingGraph;
  readonly #protocols: readonly Protocol[];
  readonly #byLaunch = new Map<Launch, Map<string, ResidentBlock>>();

  constructor(graph: GrowingGraph, blocks: readonly StandingBlock[], protocols: readonly Protocol[]) {
    this.#graph = graph;
    this.#protocols = protocols;
    for (const block of blocks) {
      const { launch, blockIdx } = block;
      const ofLaunch = this.#byLaunch.get(launch) ?? new Map<string, ResidentBlock>();
      this.#byLaunch.set(launch, ofLaunch);
      ofLaunch.set(formatDim3(blockIdx), this.#residentBlockOf(block));
    }
  }

  /** All of them, by launch. */
  *all(): Generator<ResidentBlock> {
    for (const ofLaunch of this.#byLaunch.values()) yield* ofLaunch.values();
  }

  ofLaunch(launch: Launch): Iterable<ResidentBlock> {
    return this.#byLaunch.get(launch)?.values() ?? [];
  }

  /** Null: that block is not resident. */
  at(launch: Launch, blockIdx: Dim3): ResidentBlock | null {
    return this.#byLaunch.get(launch)?.get(formatDim3(blockIdx)) ?? null;
  }

  /** The block of a set of lanes. */
  ofSet({ launch, blockIdx }: WaitNode): ResidentBlock {
    return this.at(launch!, blockIdx!)!;
  }

  #residentBlockOf(block: StandingBlock): ResidentBlock {
    const count = Math.ceil(block.launch.threadIdxs.length / 32);
    const warps = new Array<StandingWarp | null>(count).fill(null);
    for (const warp of block.warps) warps[warp.index] = warp;
    return {
      block,
      warps,
      live: warps.map((warp) => maskOf(warp?.lanes ?? [])),
      sets: warps.map((warp) => (warp === null ? [] : this.#setsOf(block, warp))),
      barriers: new Map(Array.from(block.barriers, (barrier) => [barrier.id, barrier])),
    };
  }

  #setsOf(block: StandingBlock, { index, lanes }: StandingWarp): WaitNode[] {
    const byPlace = new Map<string, StandingLane[]>();
    for (const lane of lanes) {
      const { waitsIn } = lane;
      const where = waitsIn?.kind === 'barrier' ? waitsIn.id : waitsIn?.kind === 'collective' ? waitsIn.mask : '';
      const key = `${waitsIn?.kind} ${lane.block} ${lane.at} ${where}`;
      const set = byPlace.get(key);
      if (set === undefined) byPlace.set(key, [lane]);
      else set.push(lane);
    }
    return Array.from(byPlace.values(), (set) => this.#addSet(block, index, set));
  }

  #addSet({ launch, blockIdx, program }: StandingBlock, warp: number, set: readonly StandingLane[]): WaitNode {
    const first = set[0]!;
    return this.#graph.add({
      kind: 'threads',
      rank: launch.device,
      kernel: launch.name,
      launch,
      blockIdx,
      lane: first,
      isPart: false,
      group: this.#groupOf(launch, blockIdx, warp * 32 + first.lane),
      warp,
      lanes: maskOf(set),
      threads: set.length,
      does: '',
      detail: '',
      frames: framesOf(program, siteOf(program, first)),
    });
  }

  #groupOf(launch: Launch, blockIdx: Dim3, rank: number): ThreadGroup | null {
    for (const protocol of this.#protocols) {
      const group = protocol.groupOf(launch, blockIdx, rank);
      if (group !== null) return group;
    }
    return null;
  }
}
