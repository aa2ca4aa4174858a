import {
  defUseOf,
  dominates,
  type Graph,
  type Instruction,
  immediateDominators,
  immediatePostdominators,
  isVisible,
  type Operand,
  type Program,
  predecessorsOf,
  reachableWithout,
  reversePostorder,
} from '../program/index.js';

/** How a node ends. */
export type NodeEnd =
  | { readonly op: 'jump'; readonly target: number }
  | {
      readonly op: 'branch';
      readonly condition: Operand;
      readonly then: number;
      readonly else: number;
      readonly site: number;
    }
  | { readonly op: 'exit'; readonly site: number }
  | { readonly op: 'throw'; readonly message: string; readonly site: number }
  /** The warp leaves off here, and goes on at `target` once the instruction has been performed. */
  | { readonly op: 'suspend'; readonly instruction: Instruction; readonly target: number }
  /** A polling loop goes round: others must run. `instruction` is what it polls with. */
  | { readonly op: 'poll'; readonly target: number; readonly instruction: Instruction };

/** A run of instructions without a place where a warp can leave off. */
export interface Node {
  readonly items: readonly Instruction[];
  readonly end: NodeEnd;
}

export const targetsOf = (end: NodeEnd): readonly number[] => {
  switch (end.op) {
    case 'jump':
    case 'suspend':
    case 'poll':
      return [end.target];
    case 'branch':
      return [end.then, end.else];
    case 'exit':
    case 'throw':
      return [];
    default:
      return end satisfies never;
  }
};

export const graphOf = (nodes: readonly Node[]): Graph => nodes.map(({ end }) => targetsOf(end));

/** The blocks of a program, split where `suspends` says so, with a node on each edge that goes round a polling loop. */
export function flowOf(program: Program, suspends: (instruction: Instruction) => boolean): Node[] {
  const nodes: Node[] = [];
  // The first node of each block has the block's number.
  for (const _ of program.blocks) nodes.push({ items: [], end: { op: 'exit', site: 0 } });
  program.blocks.forEach(({ instructions, terminator }, block) => {
    let at = block;
    let items: Instruction[] = [];
    for (const instruction of instructions) {
      if (!suspends(instruction)) {
        items.push(instruction);
        continue;
      }
      const target = nodes.push({ items: [], end: { op: 'exit', site: 0 } }) - 1;
      nodes[at] = { items, end: { op: 'suspend', instruction, target } };
      at = target;
      items = [];
    }
    nodes[at] = { items, end: { ...terminator } };
  });
  for (const { from, to, instruction } of pollEdges(nodes)) {
    const poll = nodes.push({ items: [], end: { op: 'poll', target: to, instruction } }) - 1;
    nodes[from] = { items: nodes[from]!.items, end: retargeted(nodes[from]!.end, to, poll) };
  }
  return nodes;
}

function retargeted(end: NodeEnd, from: number, to: number): NodeEnd {
  const changed = (target: number) => (target === from ? to : target);
  switch (end.op) {
    case 'jump':
    case 'suspend':
    case 'poll':
      return { ...end, target: changed(end.target) };
    case 'branch':
      // biome-ignore lint/suspicious/noThenProperty: a side of the branch; nobody awaits a node
      return { ...end, then: changed(end.then), else: changed(end.else) };
    default:
      return end;
  }
}

/** Whether an instruction reads memory that others may change meanwhile, and says so. */
const readsVisibly = (instruction: Instruction): boolean =>
  (instruction.op === 'load' && instruction.ordering !== 'plain') ||
  instruction.op === 'atomic' ||
  instruction.op === 'activemask';

/**
 * Back edges of the loops whose end depends on a visible load or atomic within them: by data, or by a branch that does.
 * Such a loop may go on until another warp does something.
 */
function pollEdges(nodes: readonly Node[]): { from: number; to: number; instruction: Instruction }[] {
  const graph = graphOf(nodes);
  const dominator = immediateDominators(graph);
  const postdominator = immediatePostdominators(graph);
  const predecessors = predecessorsOf(graph);
  const edges: { from: number; to: number; instruction: Instruction }[] = [];
  for (const header of reversePostorder(graph)) {
    const latches = predecessors[header]!.filter(
      (node) => dominator[node] !== -1 && dominates(header, node, dominator),
    );
    if (latches.length === 0) continue;
    const body = reachableWithout(predecessors, latches, header).add(header);
    if (!dependsOnOthers(nodes, body, graph, postdominator)) continue;
    const instruction = [...body].flatMap((node) => nodes[node]!.items).find(readsVisibly)!;
    for (const from of latches) edges.push({ from, to: header, instruction });
  }
  return edges;
}

/** The headers of the loops with a visible instruction: such a loop may never end, and must be noticed if it does not. */
export function visibleLoops(nodes: readonly Node[]): Map<number, Instruction> {
  const graph = graphOf(nodes);
  const dominator = immediateDominators(graph);
  const predecessors = predecessorsOf(graph);
  const found = new Map<number, Instruction>();
  for (const header of reversePostorder(graph)) {
    const latches = predecessors[header]!.filter(
      (node) => dominator[node] !== -1 && dominates(header, node, dominator),
    );
    if (latches.length === 0) continue;
    const body = reachableWithout(predecessors, latches, header).add(header);
    const visible = [...body].flatMap((node) => nodes[node]!.items).find(isVisible);
    if (visible !== undefined) found.set(header, visible);
  }
  return found;
}

function dependsOnOthers(
  nodes: readonly Node[],
  body: ReadonlySet<number>,
  graph: Graph,
  postdominator: readonly number[],
): boolean {
  if (![...body].some((node) => nodes[node]!.items.some(readsVisibly))) return false;
  const tainted = new Set<number>();
  const taintedArrays = new Set<number>();
  /** Nodes that run or not as a tainted branch says. */
  const taintedNodes = new Set<number>();
  const isTainted = (operand: Operand) => operand.kind === 'variable' && tainted.has(operand.index);
  for (let size = -1; size !== tainted.size + taintedArrays.size + taintedNodes.size; ) {
    size = tainted.size + taintedArrays.size + taintedNodes.size;
    for (const node of body) {
      const { items, end } = nodes[node]!;
      for (const instruction of items) {
        const { operands, reads, writes, targets } = defUseOf(instruction);
        const taints =
          taintedNodes.has(node) ||
          readsVisibly(instruction) ||
          operands.some(isTainted) ||
          reads.some(({ array }) => taintedArrays.has(array));
        if (!taints) continue;
        for (const target of targets) tainted.add(target);
        for (const { array } of writes) taintedArrays.add(array);
      }
      if (end.op !== 'branch' || !isTainted(end.condition) || !body.has(end.then) || !body.has(end.else)) continue;
      for (const influenced of reachableWithout(graph, [end.then, end.else], postdominator[node]!)) {
        if (body.has(influenced)) taintedNodes.add(influenced);
      }
    }
  }
  return [...body].some((node) => {
    const { end } = nodes[node]!;
    return end.op === 'branch' && isTainted(end.condition) && (!body.has(end.then) || !body.has(end.else));
  });
}
