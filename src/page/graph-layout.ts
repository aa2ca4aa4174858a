import type { ReportGraph } from '../report/graph.js';

/**
 * The nodes of a wait-for graph in columns: whoever waits stands left of whom it waits for, as far as cycles allow.
 * Result: identifiers by column.
 */
export function levelsOf({ nodes, edges }: Pick<ReportGraph, 'nodes' | 'edges'>): number[][] {
  const after = new Map<number, number[]>(nodes.map(({ id }) => [id, []]));
  const waitedFor = new Set<number>();
  for (const { from, to } of edges) {
    if (from === to) continue;
    after.get(from)?.push(to);
    waitedFor.add(to);
  }
  const level = new Map<number, number>();
  // From those that nobody waits for; whoever is in a cycle that nothing leads into begins where its first node does.
  const begins = [...nodes.filter(({ id }) => !waitedFor.has(id)), ...nodes];
  for (const { id } of begins) {
    if (level.has(id)) continue;
    level.set(id, 0);
    const queue = [id];
    for (let at = 0; at < queue.length; at++) {
      for (const next of after.get(queue[at]!) ?? []) {
        if (level.has(next)) continue;
        level.set(next, level.get(queue[at]!)! + 1);
        queue.push(next);
      }
    }
  }
  const columns: number[][] = [];
  for (const { id } of nodes) {
    const column = level.get(id) ?? 0;
    while (columns.length <= column) columns.push([]);
    columns[column]!.push(id);
  }
  return columns;
}
