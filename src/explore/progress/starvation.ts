import { type FairCycle, roundOf } from './fair-cycle.js';
import type { ProgressGraph } from './progress-graph.js';

/** Steps that a starved block is tried alone for, to see what it would write. */
const ALONE_STEPS = 1000;

/** A block of a launch that does not end. */
export interface StarvationBlock {
  /** Device of the launch. */
  readonly rank: number;
  readonly kernel: string;
  /** Number of the launch, in the order of the machine. */
  readonly launch: number;
  /** `blockIdx`, x fastest. */
  readonly block: number;
  /**
   * Of a block that waits: blocks that write what it reads, as far as they can be tried alone; else, all that are not
   * resident. By their place in {@link Starvation.starved}.
   */
  readonly waitsFor: readonly number[];
  /** `resident`: its threads are on the device; `queued`: there is no room, or its launch waits for others. */
  readonly where: 'resident' | 'queued';
  readonly hasBegun: boolean;
}

/** A run that is as fair as a model asks for, and does not end. */
export interface Starvation {
  /**
   * `deadlock`: from there no schedule leads to an end; `starvation`: blocks that nobody has to let go on do not;
   * `livelock`: all blocks go on, and none ends.
   */
  readonly kind: 'starvation' | 'livelock' | 'deadlock';
  /** Token of the schedule that leads there and then goes one round, which may be repeated for ever. */
  readonly schedule: string;
  /** Steps of the schedule before the round, and in it. 0 in it: no granule is ready, or the machine has proven the hang. */
  readonly leadSteps: number;
  readonly roundSteps: number;
  /** Blocks that step in the round; if it has none, that are resident. */
  readonly waiting: readonly StarvationBlock[];
  /** Blocks that have not ended and never step. */
  readonly starved: readonly StarvationBlock[];
}

/** What becomes of who stays in a cycle, if only those step who have to. */
export function kindOf(graph: ProgressGraph, { states, goals }: FairCycle): Starvation['kind'] {
  const home = states[0]!;
  if (!graph.canEnd(home)) return 'deadlock';
  const stepping = new Set(goals.map(({ edge }) => edge?.block));
  return graph.unfinished(graph.states[home]!).every((block) => stepping.has(block)) ? 'livelock' : 'starvation';
}

/** The run that stays in a cycle. */
export function starvationOf(graph: ProgressGraph, cycle: FairCycle): Starvation {
  const { subject } = graph;
  const home = cycle.states[0]!;
  const round = roundOf(cycle, graph);
  const kind = kindOf(graph, cycle);
  graph.goTo(home);
  const leadSteps = subject.picks.length;
  const reads = new Map<number, Set<number>>();
  for (const { actor, block } of round) {
    const accesses = traced(graph, actor);
    const words = reads.get(block) ?? new Set();
    for (const access of accesses) words.add(access >> 1);
    reads.set(block, words);
  }
  const schedule = subject.token;
  const starved = graph.unfinished(graph.states[home]!).filter((block) => !reads.has(block));
  const writes = new Map(starved.map((block) => [block, writesAlone(graph, home, block)]));
  const waitsFor = (block: number): number[] => {
    const words = reads.get(block)!;
    const found = starved.flatMap((other, at) =>
      [...(writes.get(other) ?? [])].some((w) => words.has(w)) ? [at] : [],
    );
    return found.length > 0 ? found : starved.flatMap((other, at) => (writes.get(other) === null ? [at] : []));
  };
  return {
    // Unguaranteed blocks may have to step between the steps of others.
    kind: kind === 'starvation' && starved.length === 0 ? 'livelock' : kind,
    schedule,
    leadSteps,
    roundSteps: round.length,
    waiting: [...reads.keys()].sort((a, b) => a - b).map((block) => named(graph, home, block, waitsFor(block))),
    starved: starved.map((block) => named(graph, home, block, [])),
  };
}

/** The run that leads to a state of which the machine says that it hangs. */
export function hangOf(graph: ProgressGraph, state: number): Starvation {
  const { subject } = graph;
  graph.goTo(state);
  const blocks = graph.unfinished(graph.states[state]!).map((block) => named(graph, state, block, []));
  return {
    kind: 'deadlock',
    schedule: subject.token,
    leadSteps: subject.picks.length,
    roundSteps: 0,
    waiting: blocks.filter(({ where }) => where === 'resident'),
    starved: blocks.filter(({ where }) => where === 'queued'),
  };
}

function named(graph: ProgressGraph, state: number, block: number, waitsFor: readonly number[]): StarvationBlock {
  const residentBlocks = graph.states[state]!.resident;
  const grid = graph.gridOf(block);
  const { launch, first } = grid;
  return {
    rank: launch.device,
    kernel: launch.name,
    launch: graph.grids.indexOf(grid),
    block: block - first,
    waitsFor,
    where: residentBlocks.has(block) ? 'resident' : 'queued',
    hasBegun: graph.gridState(graph.states[state]!, grid).hasBegun(block - first),
  };
}

/** Words that a block writes if only it goes on, from a state; null: it cannot. */
function writesAlone(graph: ProgressGraph, state: number, block: number): Set<number> | null {
  const { subject } = graph;
  graph.goTo(state);
  const writes = new Set<number>();
  let hasStepped = false;
  for (let steps = 0; steps < ALONE_STEPS && subject.outcome === null; steps++) {
    const actor = graph.actorOf(block);
    if (actor === undefined) break;
    hasStepped = true;
    for (const access of traced(graph, actor)) if ((access & 1) === 1) writes.add(access >> 1);
  }
  return hasStepped ? writes : null;
}

/** Makes a step. Result: its accesses, `word * 2`, plus 1 for a write. */
function traced(graph: ProgressGraph, actor: number): readonly number[] {
  const { subject } = graph;
  subject.trace = [];
  graph.step(actor);
  const accesses = subject.trace;
  subject.trace = null;
  return accesses;
}
