/** Algorithms on directed graphs: nodes are numbers, `successors[n]` the nodes after n. Node 0 is the entry. */
export type Graph = readonly (readonly number[])[];

/** Nodes that can be reached from `entry`, each before its successors but for back edges. */
export function reversePostorder(successors: Graph, entry = 0): number[] {
  const seen = new Set<number>([entry]);
  const order: number[] = [];
  const stack: { node: number; next: number }[] = [{ node: entry, next: 0 }];
  while (stack.length > 0) {
    const top = stack[stack.length - 1]!;
    const after = successors[top.node]!;
    // The last successor first: the first ends up in front, as in the source.
    const successor = after[after.length - 1 - top.next];
    if (successor === undefined) {
      order.push(top.node);
      stack.pop();
      continue;
    }
    top.next++;
    if (seen.has(successor)) continue;
    seen.add(successor);
    stack.push({ node: successor, next: 0 });
  }
  return order.reverse();
}

/** The graph with its edges turned round. */
export function predecessorsOf(successors: Graph): number[][] {
  const predecessors: number[][] = successors.map(() => []);
  successors.forEach((after, node) => {
    for (const successor of after) predecessors[successor]!.push(node);
  });
  return predecessors;
}

/**
 * Immediate dominator of each node; the entry's is itself, that of a node that cannot be reached is -1.
 * Source: Cooper, Harvey, Kennedy, "A Simple, Fast Dominance Algorithm".
 */
export function immediateDominators(successors: Graph, entry = 0): number[] {
  const order = reversePostorder(successors, entry);
  const position = new Map(order.map((node, at) => [node, at]));
  const predecessors = predecessorsOf(successors);
  const dominator = successors.map(() => -1);
  dominator[entry] = entry;
  for (let changed = true; changed; ) {
    changed = false;
    for (const node of order) {
      if (node === entry) continue;
      let common = -1;
      for (const predecessor of predecessors[node]!) {
        if (dominator[predecessor] === -1) continue;
        common = common === -1 ? predecessor : intersect(common, predecessor, dominator, position);
      }
      if (dominator[node] !== common) {
        dominator[node] = common;
        changed = true;
      }
    }
  }
  return dominator;
}

function intersect(a: number, b: number, dominator: readonly number[], position: ReadonlyMap<number, number>): number {
  let x = a;
  let y = b;
  while (x !== y) {
    while (position.get(x)! > position.get(y)!) x = dominator[x]!;
    while (position.get(y)! > position.get(x)!) y = dominator[y]!;
  }
  return x;
}

/**
 * Immediate post-dominator of each node; -1 if there is none but the end, or the end cannot be reached. The end follows
 * every node without successors.
 */
export function immediatePostdominators(successors: Graph): number[] {
  const end = successors.length;
  const reversed: number[][] = Array.from({ length: end + 1 }, () => []);
  successors.forEach((after, node) => {
    for (const successor of after) reversed[successor]!.push(node);
    if (after.length === 0) reversed[end]!.push(node);
  });
  return immediateDominators(reversed, end)
    .slice(0, end)
    .map((node) => (node === end ? -1 : node));
}

/** Whether `a` dominates `b`. */
export function dominates(a: number, b: number, dominator: readonly number[]): boolean {
  let node = b;
  while (node !== a) {
    const above = dominator[node]!;
    if (above === node || above === -1) return false;
    node = above;
  }
  return true;
}

/** Nodes that can be reached from `from` without entering `stop`; `from` itself included unless it is `stop`. */
export function reachableWithout(successors: Graph, from: readonly number[], stop: number): Set<number> {
  const seen = new Set<number>();
  const pending = [...from];
  for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
    if (node === stop || seen.has(node)) continue;
    seen.add(node);
    pending.push(...successors[node]!);
  }
  return seen;
}
