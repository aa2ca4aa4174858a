import { isDeepStrictEqual } from 'node:util';
import { EMPTY_RESULT, mergeResults } from '../index.js';
import { reported } from './explore-confirm.js';
import { type Exploration, formatExploration } from './explore-document.js';
import { type Difference, differenceOfIdentities, differenceOfSettings } from './explore-identity.js';
import type { Confirmation } from './explore-tasks.js';
import { UsageError } from './usage-error.js';

/** A shard, and the file that it was read from. */
export interface ShardFile {
  readonly path: string;
  readonly exploration: Exploration;
}

/**
 * Shards of a search as one. `warn` is told of shards that are missing or there twice.
 * @throws UsageError if they are not of the same search, or two of the same shard differ.
 */
export function mergeShards(files: readonly ShardFile[], warn: (sentence: string) => void): Exploration {
  const [first] = files;
  if (first === undefined) throw new RangeError('there are no shards');
  const { target, identity, settings, expected } = first.exploration;
  const { count } = shardOf(first);
  const shards = new Map<number, ShardFile>();
  for (const file of files) {
    requireSameSearch(first, file);
    const { index } = shardOf(file);
    const known = shards.get(index);
    if (known === undefined) shards.set(index, file);
    else warn(twice(index + 1, count, known, file));
  }
  const missingShards = Array.from({ length: count }, (_, index) => index + 1).filter(
    (number) => !shards.has(number - 1),
  );
  if (missingShards.length > 0)
    warn(
      `${missingShards.length === 1 ? 'shard' : 'shards'} ${numbersText(missingShards)} of ${count} ${missingShards.length === 1 ? 'is' : 'are'} missing: nothing is known of ${missingShards.length === 1 ? 'its' : 'their'} schedules`,
    );
  const explorations = [...shards.values()].map(({ exploration }) => exploration);
  const result = explorations.map((exploration) => exploration.result).reduce(mergeResults, EMPTY_RESULT);
  // Who has found a thing first has looked at it once more.
  const confirmations = new Map<string, Confirmation>();
  const foundAt = new Map<string, number>();
  const repeatable = new Map<string, boolean>();
  for (const { findings } of explorations) {
    for (const { key, index, isRepeatable, minimal, smaller } of findings.discoveries) {
      if (index >= (foundAt.get(key) ?? Number.POSITIVE_INFINITY)) continue;
      foundAt.set(key, index);
      confirmations.set(key, { isRepeatable, minimal, smaller });
    }
  }
  for (const [hash, { index }] of result.outputs) {
    const finder = explorations.find((exploration) => exploration.result.outputs.get(hash)?.index === index);
    const isRepeatable = finder?.findings.repeatable.get(hash);
    if (isRepeatable !== undefined) repeatable.set(hash, isRepeatable);
  }
  confirmations.delete('schedule-dependent output');
  return {
    target,
    identity,
    settings,
    shard: null,
    missingShards,
    result,
    findings: { discoveries: reported(result, confirmations, repeatable), repeatable },
    expected,
  };
}

function shardOf({ path, exploration }: ShardFile) {
  const { shard } = exploration;
  if (shard === null) throw new UsageError(`${path} is no shard: it has all schedules; leave it out`);
  return shard;
}

function requireSameSearch(first: ShardFile, file: ShardFile): void {
  const [a, b] = [first.exploration, file.exploration];
  const counts = (count: number | undefined): string => String(count);
  const difference: Difference | null =
    differenceOfIdentities(a.identity, b.identity) ??
    differenceOfSettings(a.settings, b.settings) ??
    (shardOf(first).count === shardOf(file).count
      ? null
      : { what: 'number of shards', a: counts(a.shard?.count), b: counts(b.shard?.count) }) ??
    (isDeepStrictEqual(a.expected, b.expected)
      ? null
      : { what: 'list of expected findings', a: `one of ${a.expected.length}`, b: `one of ${b.expected.length}` });
  if (difference === null) return;
  throw new UsageError(
    `${file.path} is of another search than ${first.path}: the ${difference.what} is ${difference.b}, not ${difference.a}; put shards of one search together`,
  );
}

function twice(number: number, count: number, known: ShardFile, other: ShardFile): string {
  if (formatExploration(known.exploration) !== formatExploration(other.exploration))
    throw new UsageError(
      `${known.path} and ${other.path} are both shard ${number}/${count}, and differ; give one of them`,
    );
  return `${known.path} and ${other.path} are both shard ${number}/${count}; it counts once`;
}

/** `2`, `2 and 5`, `2, 5 and 6`; of many the first ones. */
function numbersText(numbers: readonly number[]): string {
  if (numbers.length > 10) return `${numbers.slice(0, 10).join(', ')} and ${numbers.length - 10} more`;
  return numbers.length === 1 ? `${numbers[0]}` : `${numbers.slice(0, -1).join(', ')} and ${numbers.at(-1)}`;
}
