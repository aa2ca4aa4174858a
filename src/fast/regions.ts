import { predecessorsOf, reversePostorder } from '../program/index.js';
import { graphOf, type Node } from './flow.js';
import type { Hammock } from './hammocks.js';
import { irreducibleTargets } from './structure.js';

/** Nodes that run without leaving off: one entry, its head. */
export interface Region {
  readonly head: number;
  /** The head first, then the others in reverse postorder. Nodes of hammocks are left out, but for entries. */
  readonly nodes: readonly number[];
}

/** The flow between the nodes of the warp: a hammock is one step from its entry to its join. */
export function warpGraph(nodes: readonly Node[], hammocks: readonly Hammock[]): number[][] {
  const graph = graphOf(nodes).map((after) => [...after]);
  for (const { entry, join } of hammocks) graph[entry] = [join];
  return graph;
}

/**
 * The regions of a program. Heads are the entry, wherever a warp goes on after it has left off, where lanes part
 * (`splits`), and where flows of several regions meet. In reverse postorder: lanes that are behind come first.
 */
export function findRegions(nodes: readonly Node[], hammocks: readonly Hammock[], splits: readonly number[]): Region[] {
  const graph = warpGraph(nodes, hammocks);
  const order = reversePostorder(graph);
  const predecessors = predecessorsOf(graph);
  const reachable = new Set(order);
  const heads = new Set<number>([0]);
  const splitting = new Set(splits);
  for (const node of order) {
    const { end } = nodes[node]!;
    if (end.op === 'suspend' || end.op === 'poll' || splitting.has(node)) {
      for (const target of graph[node]!) heads.add(target);
    }
  }
  for (;;) {
    const owner = assignOwners();
    if (owner !== null) {
      const regions = order
        .filter((node) => heads.has(node))
        .map((head): Region => ({ head, nodes: order.filter((node) => owner.get(node) === head) }));
      const wrong = regions.flatMap(({ head, nodes: inside }) => {
        const within = graph.map((after, node) =>
          inside.includes(node) ? after.filter((next) => inside.includes(next) && !heads.has(next)) : [],
        );
        return irreducibleTargets(within, head);
      });
      if (wrong.length === 0) return regions;
      for (const node of wrong) heads.add(node);
    }
  }

  /** The head from which each node is reached. Null: a node was reached from two and has become a head. */
  function assignOwners(): Map<number, number> | null {
    const owner = new Map<number, number>();
    for (const node of order) {
      if (heads.has(node)) owner.set(node, node);
      else {
        const before = predecessors[node]!.filter((other) => reachable.has(other) && owner.has(other));
        const first = owner.get(before[0]!)!;
        owner.set(node, first);
      }
    }
    for (const node of order) {
      if (heads.has(node)) continue;
      const owners = new Set(
        predecessors[node]!.filter((other) => reachable.has(other)).map((other) => owner.get(other)),
      );
      if (owners.size > 1) {
        heads.add(node);
        return null;
      }
    }
    return owner;
  }
}
