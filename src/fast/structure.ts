import { dominates, immediateDominators, predecessorsOf, reversePostorder } from '../program/index.js';

/** What {@link structured} needs to know of a graph in order to write it as nested statements. */
export interface StructureSource {
  /** Numbers of nodes within the graph that `from` may go to; others leave it. */
  readonly successors: readonly (readonly number[])[];
  readonly entry: number;
  /** Makes labels unique within a function. */
  readonly prefix: string;
  /**
   * Statements of a node, its end included. `go` gives the statement that goes to a successor within the graph.
   */
  readonly emit: (node: number, go: (target: number) => string) => string;
  /** Statements to be done whenever a loop goes round to its header; none if it is left out. */
  readonly repeat?: (header: number) => string;
}

/**
 * JavaScript statements for a reducible control-flow graph: blocks and loops with labels. No statement is written twice.
 * Source: Ramsey, "Beyond Relooper: recursive translation of unstructured control flow to structured control flow".
 */
export function structured({ successors, entry, prefix, emit, repeat = () => '' }: StructureSource): string {
  const order = reversePostorder(successors, entry);
  const position = new Map(order.map((node, at) => [node, at]));
  const dominator = immediateDominators(successors, entry);
  const predecessors = predecessorsOf(successors);
  const isBackEdge = (from: number, to: number) => position.get(to)! <= position.get(from)!;
  const isHeader = (node: number) => predecessors[node]!.some((from) => position.has(from) && isBackEdge(from, node));
  const isMerge = (node: number) =>
    predecessors[node]!.filter((from) => position.has(from) && !isBackEdge(from, node)).length > 1;
  const loopLabel = (node: number) => `L${prefix}${node}`;
  const blockLabel = (node: number) => `B${prefix}${node}`;

  function tree(node: number): string {
    // Those that come last are the outermost blocks.
    const merges = order.filter((other) => other !== node && dominator[other] === node && isMerge(other)).reverse();
    const body = within(node, merges);
    return isHeader(node) ? `${loopLabel(node)}: for (;;) {\n${body}\n}` : body;
  }

  function within(node: number, merges: readonly number[]): string {
    const [last, ...rest] = merges;
    if (last !== undefined) return `${blockLabel(last)}: {\n${within(node, rest)}\n}\n${tree(last)}`;
    return emit(node, (target) => {
      if (isBackEdge(node, target)) return `${repeat(target)} continue ${loopLabel(target)};`;
      if (isMerge(target)) return `break ${blockLabel(target)};`;
      return tree(target);
    });
  }

  return tree(entry);
}

/** Edges that would make a graph irreducible: they enter a loop past its header. */
export function irreducibleTargets(successors: readonly (readonly number[])[], entry: number): number[] {
  const order = reversePostorder(successors, entry);
  const position = new Map(order.map((node, at) => [node, at]));
  const dominator = immediateDominators(successors, entry);
  return order.flatMap((from) =>
    successors[from]!.filter((to) => position.get(to)! <= position.get(from)! && !dominates(to, from, dominator)),
  );
}
