import type { Discovery } from './discovery.js';
import type { FirstOf, SearchResult } from './schedule-search.js';

/** A {@link SearchResult} that JSON can hold. Equal results give equal texts, in whatever parts they were found. */
export interface PlainResult extends Omit<SearchResult, 'outputs'> {
  /** In the order of their first schedules. */
  readonly outputs: readonly ({ readonly hash: string } & FirstOf)[];
  readonly discoveries: readonly Discovery[];
}

export function plainResult({ runs, steps, verdicts, outputs, discoveries }: SearchResult): PlainResult {
  const list = Array.from(outputs, ([hash, { count, index, schedule }]) => ({ hash, count, index, schedule }));
  return { runs, steps, verdicts, outputs: list.sort((a, b) => a.index - b.index), discoveries };
}

export function resultOfPlain({ runs, steps, verdicts, outputs, discoveries }: PlainResult): SearchResult {
  const map = new Map(outputs.map(({ hash, count, index, schedule }) => [hash, { count, index, schedule }]));
  return { runs, steps, verdicts, outputs: map, discoveries };
}
