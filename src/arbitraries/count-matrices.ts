import fc from 'fast-check';
import { described, excerpt } from './describe.js';
import { choices, edgeBiasedIntegers, type IntegerRange, indexAt, places, seeds } from './numbers.js';
import { fewRanks } from './rank-counts.js';
import { refined, simplerCounts } from './refined.js';
import { below, hash32 } from './seeded.js';

const KINDS = [
  'zero',
  'one-link',
  'self',
  'ring',
  'all-equal',
  'one-sender',
  'one-receiver',
  'skewed',
  'sparse',
  'random',
] as const;

/**
 * Which links carry vectors: none, one, each rank's to itself, each rank's to the next, all alike, those of one
 * sender, those of one receiver, all but one of them many more, about a third of them, all at random.
 */
export type CountMatrixKind = (typeof KINDS)[number];

/** How many vectors every rank sends to every rank. */
export interface CountMatrix {
  readonly epSize: number;
  /** i32 [epSize, epSize]: element [sender, receiver]. */
  readonly counts: Int32Array;
}

/** Narrows `countMatrices`. */
export interface CountMatrixOptions {
  /** By default 1..8. */
  readonly epSize?: IntegerRange;
  /** The most vectors of a link, at least 0; by default 300. */
  readonly maxCount?: number;
  /** By default all. */
  readonly kinds?: readonly CountMatrixKind[];
}

/**
 * Counts of vectors from rank to rank, most with up to three single links changed. Shrinks towards one rank and zeros.
 * @throws RangeError if an option is out of range.
 */
export function countMatrices(options: CountMatrixOptions = {}): fc.Arbitrary<CountMatrix> {
  const matrices = fc
    .record({ epSize: fewRanks(options.epSize), recipe: countMatrixRecipes(options) })
    .map(({ epSize, recipe }) => ({ epSize, counts: countsFrom(recipe, epSize) }));
  const minRankCount = options.epSize?.min ?? 1;
  return refined(matrices, (matrix) => simplerMatrices(matrix, minRankCount)).map(({ epSize, counts }) =>
    described({ epSize, counts: Int32Array.from(counts) }, () => describeCounts(counts, epSize)),
  );
}

/** A count matrix while it shrinks: the number of ranks, and [sender, receiver] counts. */
export interface MatrixPlan {
  readonly epSize: number;
  readonly counts: readonly number[];
}

/** Matrices with one rank or a part of one link's vectors less, but no fewer ranks than `minRankCount`. */
export function* simplerMatrices(
  { epSize, counts }: MatrixPlan,
  minRankCount: number,
): Generator<MatrixPlan, void, undefined> {
  for (let dropped = 0; epSize > minRankCount && dropped < epSize; dropped++) {
    const kept = counts.filter((_, link) => Math.floor(link / epSize) !== dropped && link % epSize !== dropped);
    yield { epSize: epSize - 1, counts: kept };
  }
  for (const simpler of simplerCounts(counts)) yield { epSize, counts: simpler };
}

/** A matrix of counts as text, a bracket a sender. */
export function describeCounts(counts: readonly number[], epSize: number): string {
  const rows = Array.from({ length: epSize }, (_, sender) =>
    excerpt(counts.slice(sender * epSize, (sender + 1) * epSize)),
  );
  return `counts of ${epSize} ranks by sender: ${rows.join(' ')}`;
}

/** What a matrix is made from before the number of ranks is known. */
export interface CountMatrixRecipe {
  readonly kind: CountMatrixKind;
  readonly count: number;
  readonly place: number;
  readonly seed: number;
  readonly changes: readonly { readonly sender: number; readonly receiver: number; readonly count: number }[];
}

/** Both sides of the number of vectors that fit a FIFO entry of the original, for vectors of 1, 2 and 4 packets. */
const COUNT_EDGES = [1, 2, 8, 9, 31, 32, 33, 63, 64, 65, 127, 128, 129, 256, 257];

/** Recipes of the kinds and counts that `options` leave. Shrinks towards zeros. */
export function countMatrixRecipes({
  maxCount = 300,
  kinds = KINDS,
}: Pick<CountMatrixOptions, 'maxCount' | 'kinds'> = {}): fc.Arbitrary<CountMatrixRecipe> {
  const count = edgeBiasedIntegers({ min: 0, max: maxCount, edges: COUNT_EDGES, smallDistance: 6 });
  return fc.record({
    kind: choices(...kinds),
    count,
    place: places(),
    seed: seeds(),
    changes: fc.array(fc.record({ sender: places(), receiver: places(), count }), { maxLength: 3 }),
  });
}

/** The [sender, receiver] counts of a recipe. */
export function countsFrom(recipe: CountMatrixRecipe, epSize: number): readonly number[] {
  const counts = Array.from({ length: epSize * epSize }, (_, link) =>
    countOfLink(recipe, epSize, Math.floor(link / epSize), link % epSize),
  );
  for (const { sender, receiver, count } of recipe.changes) {
    counts[indexAt(sender, epSize) * epSize + indexAt(receiver, epSize)] = count;
  }
  return counts;
}

function countOfLink(recipe: CountMatrixRecipe, epSize: number, sender: number, receiver: number): number {
  const { kind, count, place, seed } = recipe;
  const link = sender * epSize + receiver;
  const chosen = indexAt(place, epSize);
  switch (kind) {
    case 'zero':
      return 0;
    case 'one-link':
      return link === indexAt(place, epSize * epSize) ? count : 0;
    case 'self':
      return sender === receiver ? count : 0;
    case 'ring':
      return receiver === (sender + 1) % epSize ? count : 0;
    case 'all-equal':
      return count;
    case 'one-sender':
      return sender === chosen ? count : 0;
    case 'one-receiver':
      return receiver === chosen ? count : 0;
    case 'skewed':
      return link === indexAt(place, epSize * epSize) ? count : Math.min(count, below(3, seed, link));
    case 'sparse':
      return hash32(seed, ~link) % 3 === 0 ? below(count + 1, seed, link) : 0;
    case 'random':
      return below(count + 1, seed, link);
    default:
      throw new Error(`[simtwin bug] ${kind satisfies never}`);
  }
}
