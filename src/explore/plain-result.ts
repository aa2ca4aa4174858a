import { type AccessPair, pairKey } from '../check/index.js';
import type { Discovery } from './discovery.js';
import type { FirstOf, SearchResult } from './schedule-search.js';

/** A {@link SearchResult} that JSON can hold. Equal results give equal texts, in whatever parts they were found. */
export interface PlainResult extends Omit<SearchResult, 'outputs' | 'pairs'> {
  /** In the order of their first schedules. */
  readonly outputs: readonly ({ readonly hash: string } & FirstOf)[];
  readonly discoveries: readonly Discovery[];
  /** In the order of their keys. */
  readonly pairs: readonly AccessPair[];
}

export function plainResult({ runs, steps, verdicts, outputs, discoveries, pairs }: SearchResult): PlainResult {
  const list = Array.from(outputs, ([hash, { count, index, schedule }]) => ({ hash, count, index, schedule }));
  return {
    runs,
    steps,
    verdicts,
    outputs: list.sort((a, b) => a.index - b.index),
    discoveries,
    pairs: plainPairs(pairs),
  };
}

const plainPairs = (pairs: SearchResult['pairs']): AccessPair[] =>
  [...pairs]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, { first, second, isForward, isBackward, isFree }]) => ({ first, second, isForward, isBackward, isFree }));

export function resultOfPlain({ runs, steps, verdicts, outputs, discoveries, pairs }: PlainResult): SearchResult {
  const map = new Map(outputs.map(({ hash, count, index, schedule }) => [hash, { count, index, schedule }]));
  return {
    runs,
    steps,
    verdicts,
    outputs: map,
    discoveries,
    pairs: new Map(pairs.map((pair) => [pairKey(pair), pair])),
  };
}
