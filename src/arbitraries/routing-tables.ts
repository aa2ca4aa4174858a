import fc from 'fast-check';
import { described, excerpt } from './describe.js';
import { type ExpertPlacementRecipe, expertPlacementFrom, expertPlacementRecipes } from './expert-placements.js';
import { choices, edgeBiasedIntegers, indexAt, places, seeds } from './numbers.js';
import { givenOrSomeRanks, topKs } from './rank-counts.js';
import { refined } from './refined.js';
import { below, distinctBelow, hash32 } from './seeded.js';
import { tokenCountsOfOneRank } from './token-counts.js';

const KINDS = [
  'one-rank',
  'no-rank',
  'all-but-one-rank',
  'distinct-ranks',
  'any-ranks',
  'experts',
  'some-out-of-range',
] as const;

/**
 * How tokens choose their targets:
 * - `one-rank`: every target of every token is one rank;
 * - `no-rank`: every id is out of range;
 * - `all-but-one-rank`: any ranks, duplicates among them, but never one certain rank;
 * - `distinct-ranks`: different ranks, and the id epSize once there is no other left;
 * - `any-ranks`: any ranks, duplicates among them;
 * - `experts`: the ranks of topK different experts by a placement, so duplicates where a rank holds several of them;
 * - `some-out-of-range`: any ranks, and about one id in four out of range.
 */
export type RoutingKind = (typeof KINDS)[number];

/** The target ranks of tokens. */
export interface RoutingTable {
  readonly epSize: number;
  readonly topK: number;
  readonly tokenCount: number;
  /** i32 [tokenCount, topK]. */
  readonly targetRankIds: Int32Array;
}

/** Narrows `routingTables`. */
export interface RoutingTableOptions {
  /** Number of ranks; by default 1..64, mostly small. */
  readonly epSize?: number;
  /** By default 1..32. */
  readonly topK?: number;
  /** By default 0..1025, mostly small. */
  readonly tokenCount?: number;
  /** By default all. */
  readonly kinds?: readonly RoutingKind[];
  /** Whether single ids are changed to others, out-of-range ones among them; by default true. */
  readonly changes?: boolean;
}

/**
 * Tables of target rank ids, most with up to four single ids changed. Shrinks towards one rank, top-k 1, no token,
 * and all ids 0.
 * @throws RangeError if an option is out of range.
 */
export function routingTables(options: RoutingTableOptions = {}): fc.Arbitrary<RoutingTable> {
  const tables = fc
    .record({
      epSize: givenOrSomeRanks(options.epSize),
      topK: topKs(options.topK === undefined ? {} : { min: options.topK, max: options.topK }),
      tokenCount: tokenCountsOfOneRank({ min: options.tokenCount ?? 0, max: options.tokenCount ?? 1025 }),
      recipe: routingRecipes(options),
    })
    .map(({ epSize, topK, tokenCount, recipe }): RoutingTable => {
      return { epSize, topK, tokenCount, targetRankIds: targetRankIdsFrom(recipe, epSize, topK, tokenCount) };
    });
  const simplerThan = function* (table: RoutingTable): Generator<RoutingTable, void, undefined> {
    if (options.epSize === undefined && table.epSize > 1) yield { ...table, epSize: table.epSize - 1 };
    for (let k = 0; options.topK === undefined && table.topK > 1 && k < table.topK; k++) {
      yield { ...table, topK: table.topK - 1, targetRankIds: withoutColumn(table.targetRankIds, table.topK, k) };
    }
    for (let token = 0; options.tokenCount === undefined && token < table.tokenCount; token++) {
      const targetRankIds = withoutRows(table.targetRankIds, table.topK, (row) => row === token);
      yield { ...table, tokenCount: table.tokenCount - 1, targetRankIds };
    }
    for (const targetRankIds of simplerTargetRankIds(table.targetRankIds, table.epSize)) {
      yield { ...table, targetRankIds };
    }
  };
  return refined(tables, simplerThan).map((table) =>
    described({ ...table }, () =>
      [
        `routing table: epSize ${table.epSize}, topK ${table.topK}, tokenCount ${table.tokenCount}`,
        `target rank ids ${excerpt(table.targetRankIds)}`,
      ].join(', '),
    ),
  );
}

/** A [tokens, topK] table without the rows that `isDropped` names. */
export function withoutRows(table: Int32Array, topK: number, isDropped: (row: number) => boolean): Int32Array {
  return table.filter((_, index) => !isDropped(Math.floor(index / topK)));
}

/** A [tokens, topK] table without column `k`. */
export function withoutColumn(table: Int32Array, topK: number, k: number): Int32Array {
  return table.filter((_, index) => index % topK !== k);
}

/** The largest table that is shrunk id by id: trying each of more would take longer than anybody waits. */
const MAX_ELEMENTS_TO_SIMPLIFY = 1024;

/** Tables with one id replaced by a simpler one: 0, or else -1 or epSize for one that is farther out of range. */
export function* simplerTargetRankIds(table: Int32Array, epSize: number): Generator<Int32Array, void, undefined> {
  if (table.length > MAX_ELEMENTS_TO_SIMPLIFY) return;
  for (const [index, id] of table.entries()) {
    if (id !== 0) yield table.with(index, 0);
    if (id > epSize) yield table.with(index, epSize);
    if (id < -1) yield table.with(index, -1);
  }
}

/** What a routing table is made from before its shape is known. */
export interface RoutingRecipe {
  readonly kind: RoutingKind;
  readonly place: number;
  readonly seed: number;
  readonly placement: ExpertPlacementRecipe;
  readonly changes: readonly { readonly place: number; readonly id: number }[];
}

/** Recipes of the kinds that `options` leave. Shrinks towards all ids 0. */
export function routingRecipes({
  kinds = KINDS,
  changes = true,
}: Pick<RoutingTableOptions, 'kinds' | 'changes'> = {}): fc.Arbitrary<RoutingRecipe> {
  return fc.record({
    kind: choices(...kinds),
    place: places(),
    seed: seeds(),
    placement: expertPlacementRecipes(),
    changes: fc.array(fc.record({ place: places(), id: targetIds() }), { maxLength: changes ? 4 : 0 }),
  });
}

/** Any i32 as a target id; -1..epSize of small worlds are the likely ones. */
function targetIds(): fc.Arbitrary<number> {
  const [min, max] = [-(2 ** 31), 2 ** 31 - 1];
  return edgeBiasedIntegers({ min, max, edges: [min, -2, -1, 0, 1, 2, 3, 1024, 65536, max], smallDistance: 9 });
}

/** The i32 [tokenCount, topK] of a recipe. */
export function targetRankIdsFrom(recipe: RoutingRecipe, epSize: number, topK: number, tokenCount: number): Int32Array {
  const targetRankIds = new Int32Array(tokenCount * topK);
  const targetsOf = targetsOfToken(recipe, epSize, topK);
  for (let token = 0; token < tokenCount; token++) targetRankIds.set(targetsOf(token), token * topK);
  if (targetRankIds.length > 0) {
    for (const { place, id } of recipe.changes) targetRankIds[indexAt(place, targetRankIds.length)] = id;
  }
  return targetRankIds;
}

function targetsOfToken(recipe: RoutingRecipe, epSize: number, topK: number): (token: number) => readonly number[] {
  const { kind, place, seed, placement } = recipe;
  const oneRank = indexAt(place, epSize);
  const each = (choose: (index: number) => number) => (token: number) =>
    Array.from({ length: topK }, (_, k) => choose(token * topK + k));
  switch (kind) {
    case 'one-rank':
      return each(() => oneRank);
    case 'no-rank':
      return each((index) => outOfRangeId(epSize, seed, index));
    case 'all-but-one-rank':
      return epSize === 1 ? each(() => -1) : each((index) => (oneRank + 1 + below(epSize - 1, seed, index)) % epSize);
    case 'distinct-ranks':
      return (token) => {
        const ranks = distinctBelow(epSize, Math.min(epSize, topK), hash32(seed, token));
        return Array.from({ length: topK }, (_, k) => ranks[k] ?? epSize);
      };
    case 'any-ranks':
      return each((index) => below(epSize, seed, index));
    case 'experts': {
      const expertCount = Math.max(topK, placement.expertCount);
      const { ranksOfExpert } = expertPlacementFrom(placement, epSize, expertCount);
      return (token) =>
        distinctBelow(expertCount, topK, hash32(seed, token)).map((expert) => {
          const ranks = ranksOfExpert[expert]!;
          return ranks[below(ranks.length, seed, token)]!;
        });
    }
    case 'some-out-of-range':
      return each((index) =>
        hash32(seed, ~index) % 4 === 0 ? outOfRangeId(epSize, seed, index) : below(epSize, seed, index),
      );
    default:
      throw new Error(`[simtwin bug] ${kind satisfies never}`);
  }
}

function outOfRangeId(epSize: number, seed: number, index: number): number {
  const ids = [-1, epSize, epSize + 1, 2 * epSize, -epSize - 1, 2 ** 31 - 1, -(2 ** 31)];
  return ids[below(ids.length, seed, index)]!;
}
