import type { Workload } from '../trial.js';
import { type FairCycle, fairCycles } from './fair-cycle.js';
import { formatProgressModel, GUARANTEES, type GuaranteeRule, type ProgressModel } from './model.js';
import { type GraphLimits, ProgressGraph } from './progress-graph.js';
import { hangOf, kindOf, type Starvation, type StarvationBlock, starvationOf } from './starvation.js';

export interface ProgressOptions extends Partial<GraphLimits> {
  /** Other rules than the published ones, to test tests with. */
  readonly rules?: Readonly<Partial<Record<ProgressModel['guarantee'], GuaranteeRule>>>;
}

/** What is known of a workload under a model. */
export interface ProgressResult {
  readonly workload: string;
  /** Token of the model. */
  readonly model: string;
  /** `unknown`: a limit was reached, and no run that goes on for ever was found until then. */
  readonly verdict: 'terminates' | 'does not terminate' | 'unknown';
  /** Of a workload that does not terminate. */
  readonly starvation: Starvation | null;
  /** Distinct states of all threads, memory and which blocks have begun. */
  readonly states: number;
  /** Steps made. */
  readonly transitions: number;
  /** States in which the program has failed: such a run ends. */
  readonly errors: number;
  /** The limits that were reached, in words; empty if every state was looked at. */
  readonly boundedBy: readonly string[];
}

/**
 * Whether every run of a small workload ends that is as fair as a model asks for, by model. In every state a step of each
 * block is tried; a run that does not end is then a set of states that it can stay in although each guaranteed block steps
 * there, or cannot.
 * @throws RangeError if the workload does not run in mode `step`, or the schedule options do not fit.
 * Source: Sorensen, Evrard, Donaldson, "GPU schedulers: how fair is fair enough?", CONCUR 2018; Sorensen et al.,
 * "Specifying and testing GPU workgroup progress models", OOPSLA 2021.
 */
export function checkProgress(
  workload: Workload,
  models: readonly ProgressModel[],
  { maxStates = 20_000, choice = 'block', scheduleOptions = '', onState = () => {}, rules = {} }: ProgressOptions = {},
): ProgressResult[] {
  const graphs = new Map<string, ProgressGraph>();
  return models.map((model) => {
    const key = `${model.resident} ${model.queues}`;
    const graph =
      graphs.get(key) ?? new ProgressGraph(workload, model, { maxStates, choice, scheduleOptions, onState });
    graphs.set(key, graph);
    const starvation = worstOf(graph, model, { ...GUARANTEES, ...rules });
    const boundedBy = [...graph.boundedBy];
    return {
      workload: workload.name,
      model: formatProgressModel(model),
      verdict: starvation !== null ? 'does not terminate' : boundedBy.length === 0 ? 'terminates' : 'unknown',
      starvation,
      states: graph.states.length,
      transitions: graph.transitions,
      errors: graph.states.filter(({ end }) => end === 'error').length,
      boundedBy,
    };
  });
}

const SEVERITY: Readonly<Record<Starvation['kind'], number>> = { livelock: 0, starvation: 1, deadlock: 2 };

/** The run nearest to the start that does not end: a deadlock rather than starvation, and that rather than a livelock. */
function worstOf(
  graph: ProgressGraph,
  model: ProgressModel,
  rules: Readonly<Record<ProgressModel['guarantee'], GuaranteeRule>>,
): Starvation | null {
  const hang = graph.states.findIndex(({ end }) => end === 'hang');
  if (hang !== -1) return hangOf(graph, hang);
  let worst: { readonly kind: Starvation['kind']; readonly cycle: FairCycle } | null = null;
  for (const cycle of fairCycles(graph, model, rules)) {
    const kind = kindOf(graph, cycle);
    if (worst === null || SEVERITY[kind] > SEVERITY[worst.kind]) worst = { kind, cycle };
    if (kind === 'deadlock') break;
  }
  return worst === null ? null : starvationOf(graph, worst.cycle);
}

/** A result in lines of text, without a line break at the end. */
export function describeProgress({ model, verdict, starvation, states, boundedBy }: ProgressResult): string[] {
  const bounds = boundedBy.length === 0 ? '' : `, stopped by ${boundedBy.join(', ')}`;
  const head = `${model}: ${verdict} (${states} states${bounds})`;
  if (starvation === null) return [head];
  const { kind, waiting, starved, leadSteps, roundSteps, schedule } = starvation;
  const round = roundSteps === 0 ? '' : `, then goes round in ${roundSteps}`;
  return [
    `${head}: ${kind} after ${leadSteps} steps${round}`,
    ...waiting.map(
      (block) => `  ${nameOf(block)} ${roundSteps === 0 ? 'stands' : 'goes on'}${reasonOf(block, starved)}`,
    ),
    ...starved.map((block) => `  ${nameOf(block)} never goes on: ${conditionOf(block)}`),
    `  schedule: ${schedule}`,
  ];
}

const nameOf = ({ rank, kernel, block }: StarvationBlock): string => `rank ${rank} ${kernel} block ${block}`;

const conditionOf = ({ where, hasBegun }: StarvationBlock): string =>
  where === 'queued' ? 'it is not resident' : hasBegun ? 'it has begun, and nobody promises more' : 'it has not begun';

function reasonOf({ waitsFor }: StarvationBlock, starved: readonly StarvationBlock[]): string {
  return waitsFor.length === 0 ? '' : `, waiting for ${waitsFor.map((at) => nameOf(starved[at]!)).join(', ')}`;
}
