import { defUseOf, type Operand } from '../program/index.js';
import { graphOf, type Node } from './flow.js';

/** Variables that may be read, from each node's beginning on, before they are set. */
export function liveVariables(nodes: readonly Node[]): ReadonlySet<number>[] {
  const graph = graphOf(nodes);
  const reads = nodes.map(() => new Set<number>());
  const sets = nodes.map(() => new Set<number>());
  nodes.forEach(({ items, end }, node) => {
    const read = (operand: Operand) => {
      if (operand.kind === 'variable' && !sets[node]!.has(operand.index)) reads[node]!.add(operand.index);
    };
    for (const item of items) {
      const { operands, targets } = defUseOf(item);
      operands.forEach(read);
      for (const target of targets) sets[node]!.add(target);
    }
    if (end.op === 'branch') read(end.condition);
    // What the machine sets, it sets after the warp has left off: nothing is set here.
    if (end.op === 'suspend') defUseOf(end.instruction).operands.forEach(read);
  });
  const live = reads.map((initial) => new Set(initial));
  for (let changed = true; changed; ) {
    changed = false;
    for (let node = nodes.length - 1; node >= 0; node--) {
      for (const after of graph[node]!) {
        for (const variable of live[after]!) {
          if (sets[node]!.has(variable) || live[node]!.has(variable)) continue;
          live[node]!.add(variable);
          changed = true;
        }
      }
    }
  }
  return live;
}
