import { cyclicComponents } from './components.js';
import { GUARANTEES, type GuaranteeRule, type ProgressModel } from './model.js';
import type { ProgressEdge, ProgressGraph } from './progress-graph.js';

/** States that a run can stay in for ever, though it is as fair as a model asks for. */
export interface FairCycle {
  /** In ascending order of their number: the first is nearest to the start. */
  readonly states: readonly number[];
  /** Each is made in a round that is as fair; null: it is enough to come to the state. */
  readonly goals: readonly FairCycleGoal[];
  readonly isGuaranteed: (block: number) => boolean;
}

/** A state that a round comes to, and the step, if any, that it makes there. */
interface FairCycleGoal {
  readonly state: number;
  readonly edge: ProgressEdge | null;
}

/** Whether each block of a state, by its number of all launches, is sure to go on. */
function guaranteedIn(graph: ProgressGraph, state: number, rule: GuaranteeRule): (block: number) => boolean {
  return (block) => {
    const grid = graph.gridOf(block);
    return rule(block - grid.first, graph.gridState(graph.states[state]!, grid));
  };
}

/** Those of a model; none: every run that is as fair ends. */
export function* fairCycles(
  graph: ProgressGraph,
  { guarantee, fairness }: ProgressModel,
  rules: Readonly<Record<string, GuaranteeRule>> = GUARANTEES,
): Generator<FairCycle> {
  const { states } = graph;
  const rule = rules[guarantee]!;
  const edgesOf = (state: number): readonly ProgressEdge[] => states[state]!.edges ?? [];
  const todo = cyclicComponents(Array.from(states.keys()), edgesOf).sort((a, b) => Math.min(...a) - Math.min(...b));
  for (let members = todo.shift(); members !== undefined; members = todo.shift()) {
    members.sort((a, b) => a - b);
    // invariant: within a component nobody begins or ends, so that the same blocks are guaranteed in all of its states.
    const isGuaranteed = guaranteedIn(graph, members[0]!, rule);
    if (fairness === 'weak') {
      const goals = weakGoals(members, edgesOf, isGuaranteed);
      if (goals !== null) yield { states: members, goals, isGuaranteed };
      continue;
    }
    const kept = keptBy(members, edgesOf, isGuaranteed);
    if (kept.length === members.length) {
      const goals = members.flatMap((state): FairCycleGoal[] => [
        { state, edge: null },
        ...edgesOf(state).flatMap((edge) => (isGuaranteed(edge.block) ? [{ state, edge }] : [])),
      ]);
      yield { states: members, goals, isGuaranteed };
    } else todo.push(...cyclicComponents(kept, edgesOf));
  }
}

/** What a weakly fair round does: each guaranteed actor steps, or cannot somewhere. Null: there is no such round. */
function weakGoals(
  members: readonly number[],
  edgesOf: (state: number) => readonly ProgressEdge[],
  isGuaranteed: (block: number) => boolean,
): FairCycleGoal[] | null {
  const inside = new Set(members);
  const able = new Map<number, number>();
  const goals = new Map<number, FairCycleGoal>();
  for (const state of members) {
    for (const edge of edgesOf(state)) {
      const { actor, block, to } = edge;
      if (!isGuaranteed(block)) continue;
      able.set(actor, (able.get(actor) ?? 0) + 1);
      if (inside.has(to) && !goals.has(actor)) goals.set(actor, { state, edge });
    }
  }
  for (const [actor, count] of able) {
    if (goals.has(actor)) continue;
    if (count === members.length) return null;
    const state = members.find((member) => edgesOf(member).every((edge) => edge.actor !== actor))!;
    goals.set(actor, { state, edge: null });
  }
  if (goals.size > 0) return [...goals.values()];
  // Nobody has to step; somebody does.
  for (const state of members) {
    const edge = edgesOf(state).find(({ to }) => inside.has(to));
    if (edge !== undefined) return [{ state, edge }];
  }
  return null;
}

/** The states of a set from which the guaranteed blocks' steps never lead out of what is left of it. */
function keptBy(
  members: readonly number[],
  edgesOf: (state: number) => readonly ProgressEdge[],
  isGuaranteed: (block: number) => boolean,
): number[] {
  const kept = new Set(members);
  for (let before = -1; before !== kept.size; ) {
    before = kept.size;
    for (const state of kept) {
      if (edgesOf(state).some(({ block, to }) => isGuaranteed(block) && !kept.has(to))) kept.delete(state);
    }
  }
  return [...kept];
}

/** The steps of a round from the first state of a cycle to itself that comes to all goals. */
export function roundOf({ states, goals }: FairCycle, graph: ProgressGraph): ProgressEdge[] {
  const inside = new Set(states);
  const home = states[0]!;
  const round: ProgressEdge[] = [];
  let at = home;
  const goTo = (target: number) => {
    round.push(...shortest(at, target, inside, graph));
    at = target;
  };
  for (const { state, edge } of goals) {
    goTo(state);
    if (edge === null) continue;
    round.push(edge);
    at = edge.to;
  }
  goTo(home);
  if (round.length > 0) return round;
  // Only states to come to, and the first is one: a step away and back.
  const first = graph.states[home]!.edges!.find(({ to }) => inside.has(to))!;
  return [first, ...shortest(first.to, home, inside, graph)];
}

/** Breadth first. */
function shortest(from: number, to: number, inside: ReadonlySet<number>, { states }: ProgressGraph): ProgressEdge[] {
  const before = new Map<number, { readonly state: number; readonly edge: ProgressEdge } | null>([[from, null]]);
  for (const state of before.keys()) {
    if (state === to) break;
    for (const edge of states[state]!.edges ?? [])
      if (inside.has(edge.to) && !before.has(edge.to)) before.set(edge.to, { state, edge });
  }
  const path: ProgressEdge[] = [];
  for (let step = before.get(to)!; step !== null; step = before.get(step.state)!) path.push(step.edge);
  return path.reverse();
}
