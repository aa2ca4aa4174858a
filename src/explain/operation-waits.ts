import type { StandingLane, WaitingOperation } from '../hang/index.js';
import type { EdgeKind, WaitNode } from './graph.js';
import type { GrowingGraph } from './growing-graph.js';
import { counted, describeBlock, lanesName } from './names.js';
import type { Reach } from './reach.js';
import type { ResidentBlock } from './resident-blocks.js';
import { maskOf, operationAt } from './standing-lane.js';

type WaitingCollective = Extract<WaitingOperation, { readonly kind: 'collective' }>;

/** What sets of lanes wait for at barriers and in warp-wide operations. */
export class OperationWaits {
  readonly #graph: GrowingGraph;
  readonly #reach: Reach;

  constructor(graph: GrowingGraph, reach: Reach) {
    this.#graph = graph;
    this.#reach = reach;
  }

  /** Says what a set of a block waits for, and links it with who is missing. */
  add(resident: ResidentBlock, node: WaitNode): void {
    const { waitsIn } = node.lane!;
    if (waitsIn?.kind === 'barrier') this.#addBarrier(resident, node, waitsIn.id);
    else if (waitsIn?.kind === 'collective') this.#addCollective(resident, node, waitsIn);
    else if (waitsIn !== null) {
      node.does = `stands at ${operationAt(resident.block.program, node.lane!)}: the run has failed`;
    }
  }

  #addCollective({ block, warps, sets }: ResidentBlock, node: WaitNode, { operation, mask }: WaitingCollective): void {
    const isMissing = ({ lane, waitsIn }: StandingLane) => {
      if ((mask & (1 << lane)) === 0) return false;
      return waitsIn?.kind !== 'collective' || waitsIn.operation !== operation || waitsIn.mask !== mask;
    };
    const missing = maskOf(warps[node.warp]!.lanes.filter(isMissing));
    node.does = `waits in ${operationAt(block.program, node.lane!)}`;
    node.detail = `for ${lanesName(missing)} of its warp`;
    this.#linkMissing(node, sets[node.warp]!, missing, 'warp');
  }

  #linkMissing(node: WaitNode, ofWarp: readonly WaitNode[], missing: number, kind: EdgeKind): void {
    for (const other of ofWarp) {
      const lanes = other.lanes & missing;
      if (lanes !== 0) this.#graph.link(node, other, kind, { why: `missing: ${lanesName(lanes)} of its warp` });
    }
  }

  #addBarrier({ block, live, sets, barriers }: ResidentBlock, node: WaitNode, id: number): void {
    node.does = `waits at barrier ${id}`;
    const barrier = barriers.get(id);
    if (barrier === undefined) return;
    const missingOf = (warp: number) => live[warp]! & ~(barrier.lanes.get(warp) ?? 0);
    const isThere = (warp: number) => barrier.lanes.has(warp) && missingOf(warp) === 0;
    const expected = barrier.expected === 0 ? block.liveWarps * 32 : barrier.expected;
    const arrived = [...barrier.lanes.keys()].filter(isThere).length * 32;
    node.detail = `${arrived} of ${expected} threads have arrived`;
    if (!isThere(node.warp)) {
      const missing = missingOf(node.warp);
      node.detail = `${lanesName(missing)} of its warp not there`;
      this.#linkMissing(node, sets[node.warp]!, missing, 'barrier');
      return;
    }
    let able = 0;
    let gone = 0;
    for (const [index, ofWarp] of sets.entries()) {
      if (isThere(index)) continue;
      if (ofWarp.length === 0) {
        gone++;
        continue;
      }
      const coming = ofWarp.filter((other) => barrier.expected === 0 || this.#reach.mayReachBarrier(block, other, id));
      if (coming.length > 0) able++;
      for (const other of coming) {
        this.#graph.link(node, other, 'barrier', { why: `missing: warp ${other.warp} ${lanesName(other.lanes)}` });
      }
    }
    const most = arrived + able * 32;
    if (barrier.expected !== 0 && most < expected) {
      const returned =
        gone === 0 ? '' : `; ${counted(gone, 'warp')} of the block ${gone === 1 ? 'has' : 'have'} returned`;
      node.fault = {
        cause: 'barrier misuse',
        sentence: `barrier ${id} of ${describeBlock(node)} expects ${expected} threads, but at most ${most} can ever arrive: ${arrived} have arrived, ${able * 32} more can come${returned}`,
        advice: `use a thread count that the threads which reach barrier ${id} add up to, and let all of them reach it`,
      };
    }
  }
}
