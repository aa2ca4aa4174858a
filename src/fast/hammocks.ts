import {
  dominates,
  type Instruction,
  immediateDominators,
  predecessorsOf,
  reachableWithout,
  reversePostorder,
} from '../program/index.js';
import { graphOf, type Node } from './flow.js';
import { irreducibleTargets } from './structure.js';
import type { Uniformity } from './uniformity.js';

/**
 * Nodes that lanes may go through one lane after the other, because no lane waits for another in them: what lies between
 * a divergent branch and where its sides meet.
 */
export interface Hammock {
  /** The node with the branch. */
  readonly entry: number;
  /** True: the entry is the header of a loop of lanes and belongs to the nodes. False: only its branch does. */
  readonly isLoop: boolean;
  readonly nodes: ReadonlySet<number>;
  /** Where the lanes meet. */
  readonly join: number;
}

/** Its nodes in an order in which each comes before those that it goes on to, but for loops. */
export function nodesInOrder(nodes: readonly Node[], { entry, nodes: inside }: Hammock): number[] {
  return reversePostorder(graphWithin(nodes, inside, entry), entry).filter((node) => inside.has(node));
}

/** Whether lanes go round a loop in it. */
export function hasLoop(nodes: readonly Node[], hammock: Hammock): boolean {
  const order = nodesInOrder(nodes, hammock);
  const graph = graphWithin(nodes, hammock.nodes, hammock.entry);
  return order.some((node, at) => graph[node]!.some((next) => order.indexOf(next) <= at));
}

const graphWithin = (nodes: readonly Node[], inside: ReadonlySet<number>, entry: number): number[][] =>
  graphOf(nodes).map((after, node) =>
    node === entry || inside.has(node) ? after.filter((next) => inside.has(next)) : [],
  );

/** Whether an instruction concerns one lane alone. */
const isOfLane = (instruction: Instruction): boolean =>
  instruction.op !== 'collective' && instruction.op !== 'barrier' && instruction.op !== 'activemask';

/**
 * The hammocks of divergent branches, outermost first, none within another; and the divergent branches for which there
 * is none.
 */
export function findHammocks(
  nodes: readonly Node[],
  { divergentBranches, exitBranches, postdominator }: Uniformity,
): { hammocks: Hammock[]; others: number[] } {
  const graph = graphOf(nodes);
  const predecessors = predecessorsOf(graph);
  const dominator = immediateDominators(graph);
  const hammocks: Hammock[] = [];
  const others: number[] = [];
  const taken = new Set<number>();

  for (const entry of reversePostorder(graph)) {
    const { end } = nodes[entry]!;
    if (end.op !== 'branch' || !divergentBranches.has(entry) || taken.has(entry)) continue;
    if (exitBranches.has(entry)) continue;
    const join = postdominator[entry]!;
    const inside = join === -1 ? null : reachableWithout(graph, [end.then, end.else], join);
    if (inside === null || !isHammock(inside, entry)) {
      others.push(entry);
      continue;
    }
    for (const node of inside) taken.add(node);
    hammocks.push({ entry, isLoop: inside.has(entry), nodes: inside, join });
  }
  return { hammocks, others };

  function isHammock(inside: ReadonlySet<number>, entry: number): boolean {
    for (const node of inside) {
      const { items, end } = nodes[node]!;
      if (end.op === 'suspend' || end.op === 'poll' || end.op === 'exit' || !items.every(isOfLane)) return false;
      if (!dominates(entry, node, dominator)) return false;
      if (node !== entry && predecessors[node]!.some((before) => before !== entry && !inside.has(before))) return false;
    }
    // Loops within must have one header, so that they can be written as loops.
    return irreducibleTargets(graphWithin(nodes, inside, entry), entry).length === 0;
  }
}
