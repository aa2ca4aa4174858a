import type { ProgressEdge } from './progress-graph.js';

/**
 * The strongly connected sets, with a step within them, of the states in `within`.
 * Source: Tarjan, "Depth-first search and linear graph algorithms", 1972.
 */
export function cyclicComponents(
  within: readonly number[],
  edgesOf: (state: number) => readonly ProgressEdge[],
): number[][] {
  const allowed = new Set(within);
  const order = new Map<number, number>();
  const low = new Map<number, number>();
  const placed = new Set<number>();
  const stack: number[] = [];
  const components: number[][] = [];
  for (const root of within) {
    if (order.has(root)) continue;
    const path: { readonly state: number; readonly edges: readonly ProgressEdge[]; at: number }[] = [];
    const enter = (state: number) => {
      order.set(state, order.size);
      low.set(state, order.get(state)!);
      stack.push(state);
      path.push({ state, edges: edgesOf(state), at: 0 });
    };
    const lower = (state: number, to: number) => low.set(state, Math.min(low.get(state)!, to));
    enter(root);
    for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
      const { state, edges } = top;
      const edge = edges[top.at++];
      if (edge !== undefined) {
        if (!allowed.has(edge.to)) continue;
        if (!order.has(edge.to)) enter(edge.to);
        else if (!placed.has(edge.to)) lower(state, order.get(edge.to)!);
        continue;
      }
      path.pop();
      const parent = path.at(-1);
      if (parent !== undefined) lower(parent.state, low.get(state)!);
      if (low.get(state) !== order.get(state)) continue;
      const members = stack.splice(stack.lastIndexOf(state));
      for (const member of members) placed.add(member);
      if (members.length > 1 || edges.some(({ to }) => to === state)) components.push(members);
    }
  }
  return components;
}
