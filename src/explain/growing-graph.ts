import type { EdgeKind, WaitEdge, WaitGraph, WaitNode } from './graph.js';

/** What is known of a node when it is added. */
export type NewNode = Omit<WaitNode, 'id' | 'goesOn' | 'fault'>;

/** A wait-for graph that is being made: nodes and edges stay in the order in which they were added. */
export class GrowingGraph implements WaitGraph {
  readonly nodes: WaitNode[] = [];
  readonly edges: WaitEdge[] = [];

  add(given: NewNode): WaitNode {
    const node: WaitNode = { ...given, id: this.nodes.length, goesOn: false, fault: null };
    this.nodes.push(node);
    return node;
  }

  link(
    from: WaitNode,
    to: WaitNode,
    kind: EdgeKind,
    { word = null, why, isNeeded = true }: Pick<WaitEdge, 'why'> & Partial<Pick<WaitEdge, 'word' | 'isNeeded'>>,
  ): void {
    this.edges.push({ from: from.id, to: to.id, kind, word, why, isNeeded });
  }
}
