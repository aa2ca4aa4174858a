import { allDiscoveries, type Discovery, type SearchResult } from '../index.js';
import type { Confirmation } from './explore-tasks.js';
import type { Team } from './explore-team.js';

/** A discovery with what has been found out about it. */
export type ReportedDiscovery = Discovery & Confirmation;

/** Of so many discoveries, the first ones, a smaller schedule is looked for. */
const MOST_MINIMISED = 8;
/** Of fewer still, a smaller call: several findings are often one mistake. */
const MOST_SHRUNK = 3;
/** Whether outputs depend on the schedule is seen by the first two. */
const COMPARED_OUTPUTS = 2;

/** What a search has found, all of it looked at once more. */
export interface Findings {
  readonly discoveries: readonly ReportedDiscovery[];
  /** By the hashes of the first two outputs: whether their schedules leave them again. */
  readonly repeatable: ReadonlyMap<string, boolean>;
}

/**
 * Runs the schedules of discoveries and outputs again, and looks for smaller ones and smaller calls. `isShard`: others may have found
 * other outputs. `onDone` is told how many of how many are done.
 * @throws Interrupted
 */
export async function confirmFindings(
  team: Team,
  result: SearchResult,
  { minimise, shrink, isShard }: { readonly minimise: boolean; readonly shrink: boolean; readonly isShard: boolean },
  onDone: (done: number, all: number) => void,
): Promise<Findings> {
  let done = 0;
  const told = async <T>(task: Promise<T>): Promise<T> => {
    const value = await task;
    onDone(++done, result.discoveries.length);
    return value;
  };
  const tasks = result.discoveries.map((discovery, at) =>
    told(team.call('confirm', discovery, minimise && at < MOST_MINIMISED, minimise && shrink && at < MOST_SHRUNK)),
  );
  const outputs = result.outputs.size > 1 || isShard ? firstOutputs(result) : [];
  const repeats = outputs.map(([hash, { schedule }]) => team.call('leaves', schedule, hash));
  // Of those that fail together, one is waited for.
  const [confirmations, answers] = await Promise.all([Promise.all(tasks), Promise.all(repeats)]);
  const repeatable = new Map(outputs.map(([hash], at) => [hash, answers[at]!]));
  const byKey = new Map(result.discoveries.map(({ key }, at) => [key, confirmations[at]!]));
  return { discoveries: reported(result, byKey, repeatable), repeatable };
}

/** All discoveries of a result with what is known about them. Of shards together it gives what one search gives. */
export function reported(
  result: SearchResult,
  confirmations: ReadonlyMap<string, Confirmation>,
  repeatable: ReadonlyMap<string, boolean>,
): readonly ReportedDiscovery[] {
  return allDiscoveries(result).map((discovery, at) => {
    const { isRepeatable, minimal, smaller } = confirmations.get(discovery.key) ?? {
      // What only outputs of several runs show together.
      isRepeatable: firstOutputs(result).every(([hash]) => repeatable.get(hash) === true),
      minimal: null,
      smaller: null,
    };
    return {
      ...discovery,
      isRepeatable,
      minimal: at < MOST_MINIMISED ? minimal : null,
      smaller: at < MOST_SHRUNK ? smaller : null,
    };
  });
}

const firstOutputs = ({ outputs }: SearchResult) =>
  [...outputs].sort(([, a], [, b]) => a.index - b.index).slice(0, COMPARED_OUTPUTS);
