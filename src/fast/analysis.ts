import {
  countDefinitions,
  defUseOf,
  type Instruction,
  type Operand,
  type Program,
  reachableWithout,
} from '../program/index.js';
import { flowOf, graphOf, type Node } from './flow.js';
import { findHammocks, type Hammock } from './hammocks.js';
import { analyseUniformity, isSpeculative, type Shape, type Uniformity } from './uniformity.js';

/** What is known of a program before its code is written. */
export interface Analysis {
  readonly nodes: readonly Node[];
  readonly uniformity: Uniformity;
  readonly hammocks: readonly Hammock[];
  /** Divergent branches that are no hammock. */
  readonly others: readonly number[];
  /** True: the lanes of a warp always go together. */
  readonly isConverged: boolean;
}

function analyseAs(program: Program, shape: Shape, converged: boolean): Analysis {
  const suspends = ({ op }: Instruction) => op === 'barrier' || (!converged && op === 'collective');
  const nodes = flowOf(program, suspends);
  const definitions = countDefinitions(program);
  // What is set within a loop over lanes is one value a lane, even if all lanes would set the same.
  const ofLanes = new Set<number>();
  for (;;) {
    const uniformity = analyseUniformity(program, nodes, shape, converged, ofLanes);
    const { hammocks, others } = findHammocks(nodes, uniformity);
    const before = ofLanes.size;
    for (const hammock of hammocks) {
      for (const node of hammock.nodes) {
        for (const item of nodes[node]!.items) {
          for (const target of defUseOf(item).targets) {
            const isOfWarp = uniformity.isUniform({ kind: 'variable', index: target });
            if (isOfWarp && !isSpeculative(item, definitions)) ofLanes.add(target);
          }
        }
      }
    }
    if (ofLanes.size > before) continue;
    return {
      nodes,
      uniformity,
      hammocks,
      isConverged: converged,
      others: converged
        ? others
        : [...uniformity.divergentBranches].filter(
            (node) => !hammocks.some((hammock) => hammock.nodes.has(node) || hammock.entry === node),
          ),
    };
  }
}

/** Whether a mask is a variable of 32-bit words that is set once in a warp's life. */
export function constantMasks(program: Program, nodes: readonly Node[]): (mask: Operand) => boolean {
  const definitions = countDefinitions(program);
  const graph = graphOf(nodes);
  return (mask) => {
    if (mask.kind !== 'variable' || definitions[mask.index] !== 1) return false;
    const { type } = program.variables[mask.index]!;
    if (type !== 'i32' && type !== 'u32') return false;
    const setter = nodes.findIndex(({ items }) => items.some((item) => defUseOf(item).targets.includes(mask.index)));
    return setter !== -1 && !reachableWithout(graph, graph[setter]!, -1).has(setter);
  };
}

/** Whether lanes poll one by one: some may have to go on so that others come to an end. */
const hasDivergentPolls = ({ nodes, hammocks }: Analysis): boolean =>
  hammocks.some(({ nodes: inside }) => [...inside].some((node) => nodes[node]!.end.op === 'poll'));

/** Analyses a program: lanes go together if all of its divergence allows it. */
export function analyse(program: Program, shape: Shape): Analysis {
  const converged = analyseAs(program, shape, true);
  return converged.others.length === 0 && !hasDivergentPolls(converged) ? converged : analyseAs(program, shape, false);
}
