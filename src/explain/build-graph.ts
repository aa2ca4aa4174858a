import { standingBlocksOf } from '../hang/index.js';
import type { Machine, Protocol } from '../simt/index.js';
import { AbsentNodes } from './absent-nodes.js';
import { DeclaredWriters } from './declared-writers.js';
import type { WaitGraph } from './graph.js';
import { GrowingGraph } from './growing-graph.js';
import { OperationWaits } from './operation-waits.js';
import { pollingCoursesOf } from './polling-courses.js';
import { Polls } from './polls.js';
import { PossibleWriters } from './possible-writers.js';
import { Reach } from './reach.js';
import { ResidentBlocks } from './resident-blocks.js';
import { ThreadCoordinates } from './thread-coordinates.js';

/** The wait-for graph of a machine whose run has ended or stands between two steps, and the protocols of its memory. */
export interface Standing extends WaitGraph {
  readonly protocols: readonly Protocol[];
}

/** @throws RangeError if the machine is in a mode that cannot tell, or has not begun. */
export function waitGraphOf(machine: Machine): Standing {
  const blocks = standingBlocksOf(machine);
  const protocols = protocolsOf(machine);
  const graph = new GrowingGraph();
  const residents = new ResidentBlocks(graph, blocks, protocols);
  // Those that poll first: where they go from there decides who can come to a barrier.
  const courses = pollingCoursesOf(residents.all());
  const coordinates = new ThreadCoordinates(residents);
  const reach = new Reach(coordinates, courses);
  const waits = new OperationWaits(graph, reach);
  for (const resident of residents.all()) {
    for (const node of resident.sets.flat()) if (!courses.has(node)) waits.add(resident, node);
  }
  const absent = new AbsentNodes(graph, residents, protocols, machine);
  const declared = new DeclaredWriters(residents, absent);
  const possible = new PossibleWriters(machine.launches, residents, absent, coordinates, reach);
  const polls = new Polls(graph, residents, absent, declared, possible);
  for (const [node, course] of courses) polls.add(node, course);
  return { nodes: graph.nodes, edges: graph.edges, protocols };
}

/** What the machine's memory is used by, each once. */
function protocolsOf({ memory }: Machine): Protocol[] {
  const protocols = new Set<Protocol>();
  for (const { symbols } of memory.space.allocations) {
    if (symbols?.protocol !== undefined) protocols.add(symbols.protocol);
  }
  return [...protocols];
}
