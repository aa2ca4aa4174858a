import fc from 'fast-check';
import type { PrepareIndicesInput } from '../reference/index.js';
import { described, excerpt } from './describe.js';
import { edgeBiasedIntegers, type IntegerRange, indexAt, places } from './numbers.js';
import { rankCounts, topKs } from './rank-counts.js';
import { refined } from './refined.js';
import {
  type RoutingKind,
  routingRecipes,
  simplerTargetRankIds,
  targetRankIdsFrom,
  withoutColumn,
  withoutRows,
} from './routing-tables.js';
import {
  boundsOfMaxTokenCount,
  cumulativeSumOf,
  tokenCountRecipes,
  tokenCountsFrom,
  tokenCountsOfOneRank,
} from './token-counts.js';

/** Narrows `prepareIndicesCases`. Where a limit and a range contradict each other, the limit wins. */
export interface PrepareIndicesCaseOptions {
  /** By default 1..1024, mostly small. What a simulation costs grows with it before there is a single token. */
  readonly epSize?: IntegerRange;
  /** By default 1..32. */
  readonly topK?: IntegerRange;
  /** By default 1..1025, mostly small. */
  readonly maxTokenCountPerRank?: IntegerRange;
  /**
   * Whether the real token counts are given: by default `sometimes`; where the table would be too large without them,
   * always.
   */
  readonly realCounts?: 'never' | 'sometimes' | 'always';
  /** Kinds of routing; by default all. */
  readonly routing?: readonly RoutingKind[];
  /** The most elements of the gathered table, tokens * topK; by default 16384, at least 1024. */
  readonly maxTableElements?: number;
  /**
   * The most elements of the longest output, maxTokenCountPerRank * max(epSize, topK); by default 65536, at least
   * 1024.
   */
  readonly maxOutputElements?: number;
}

/**
 * Complete and valid inputs of an index preparation. Shrinks towards one rank, top-k 1, one token a rank, no real
 * counts, and all ids 0.
 * @throws RangeError if an option is out of range.
 */
export function prepareIndicesCases(options: PrepareIndicesCaseOptions = {}): fc.Arbitrary<PrepareIndicesInput> {
  const { realCounts = 'sometimes', routing, maxTableElements = 16384, maxOutputElements = 65536 } = options;
  if (maxTableElements < 1024) throw new RangeError(`maxTableElements must be at least 1024, is ${maxTableElements}`);
  if (maxOutputElements < 1024) {
    throw new RangeError(`maxOutputElements must be at least 1024, is ${maxOutputElements}`);
  }
  const tokenCountBounds = boundsOfMaxTokenCount(options.maxTokenCountPerRank);
  const cases = fc
    .record({
      epSize: rankCounts(options.epSize),
      rankPlace: places(),
      topK: topKs(options.topK),
      maxTokenCount: tokenCountsOfOneRank(tokenCountBounds),
      countsGiven: realCounts === 'sometimes' ? fc.boolean() : fc.constant(realCounts === 'always'),
      counts: tokenCountRecipes(tokenCountBounds.max),
      spareRowCount: edgeBiasedIntegers({ min: 0, max: 3, edges: [0, 0], smallDistance: 0 }),
      routing: routingRecipes(routing === undefined ? {} : { kinds: routing }),
    })
    .map((recipe): PrepareIndicesInput => {
      const { topK } = recipe;
      const maxRowCount = Math.floor(maxTableElements / topK);
      const epSize = realCounts === 'never' ? Math.min(recipe.epSize, maxRowCount) : recipe.epSize;
      const epRank = indexAt(recipe.rankPlace, epSize);
      const countsGiven = recipe.countsGiven || epSize > maxRowCount;
      const maxTokenCountPerRank = Math.min(
        recipe.maxTokenCount,
        Math.floor(maxOutputElements / Math.max(epSize, topK)),
        countsGiven ? recipe.maxTokenCount : Math.floor(maxRowCount / epSize),
      );
      const realRankTokenCountCumSum = countsGiven
        ? cumulativeSumOf(tokenCountsFrom(recipe.counts, epSize, maxTokenCountPerRank, maxRowCount))
        : null;
      const rowCount = realRankTokenCountCumSum
        ? Math.min(maxRowCount, realRankTokenCountCumSum[epSize - 1]! + recipe.spareRowCount)
        : epSize * maxTokenCountPerRank;
      const gatheredTargetRankIds = targetRankIdsFrom(recipe.routing, epSize, topK, rowCount);
      return { epSize, epRank, topK, maxTokenCountPerRank, gatheredTargetRankIds, realRankTokenCountCumSum };
    });
  const minima: Minima = {
    epSize: options.epSize?.min ?? 1,
    topK: options.topK?.min ?? 1,
    maxTokenCountPerRank: tokenCountBounds.min,
  };
  return refined(cases, (input) => simplerCases(input, minima)).map((input) =>
    described({ ...input }, () =>
      [
        `index preparation: epSize ${input.epSize}, epRank ${input.epRank}, topK ${input.topK}`,
        `maxTokenCountPerRank ${input.maxTokenCountPerRank}`,
        input.realRankTokenCountCumSum === null
          ? 'no real counts'
          : `real counts cumulative ${excerpt(input.realRankTokenCountCumSum)}`,
        `target rank ids ${excerpt(input.gatheredTargetRankIds)}`,
      ].join(', '),
    ),
  );
}

type Minima = Readonly<Record<'epSize' | 'topK' | 'maxTokenCountPerRank', number>>;

/** Cases with one rank, one target, one token or one id less than `input`. */
function* simplerCases(input: PrepareIndicesInput, minima: Minima): Generator<PrepareIndicesInput, void, undefined> {
  const { epSize, topK, maxTokenCountPerRank, gatheredTargetRankIds: table } = input;
  const counts = tokenCountsOf(input);
  for (let rank = 0; epSize > minima.epSize && rank < epSize; rank++) yield withoutRank(input, rank);
  for (let k = 0; topK > minima.topK && k < topK; k++) {
    yield { ...input, topK: topK - 1, gatheredTargetRankIds: withoutColumn(table, topK, k) };
  }
  if (input.realRankTokenCountCumSum === null) {
    for (let token = 0; maxTokenCountPerRank > minima.maxTokenCountPerRank && token < maxTokenCountPerRank; token++) {
      yield {
        ...input,
        maxTokenCountPerRank: maxTokenCountPerRank - 1,
        gatheredTargetRankIds: withoutRows(table, topK, (row) => row % maxTokenCountPerRank === token),
      };
    }
  } else {
    if (maxTokenCountPerRank > Math.max(minima.maxTokenCountPerRank, ...counts)) {
      yield { ...input, maxTokenCountPerRank: maxTokenCountPerRank - 1 };
    }
    let row = 0;
    for (const [rank, count] of counts.entries()) {
      for (let token = 0; token < count; token++, row++) {
        const dropped = row;
        yield {
          ...input,
          realRankTokenCountCumSum: cumulativeSumOf(counts.with(rank, count - 1)),
          gatheredTargetRankIds: withoutRows(table, topK, (row) => row === dropped),
        };
      }
    }
  }
  for (const simpler of simplerTargetRankIds(table, epSize)) yield { ...input, gatheredTargetRankIds: simpler };
}

/** The case without a rank and its tokens. Ranks behind it move up, and ids with them; what went to it goes nowhere. */
function withoutRank(input: PrepareIndicesInput, rank: number): PrepareIndicesInput {
  const { epRank, topK, gatheredTargetRankIds, realRankTokenCountCumSum } = input;
  const epSize = input.epSize - 1;
  const counts = tokenCountsOf(input);
  const firstRow = counts.slice(0, rank).reduce((sum, count) => sum + count, 0);
  const rest = withoutRows(gatheredTargetRankIds, topK, (row) => row >= firstRow && row < firstRow + counts[rank]!);
  return {
    ...input,
    epSize,
    epRank: Math.min(epRank > rank ? epRank - 1 : epRank, epSize - 1),
    gatheredTargetRankIds: rest.map((id) => (id === rank ? -1 : id > rank && id <= input.epSize ? id - 1 : id)),
    realRankTokenCountCumSum: realRankTokenCountCumSum && cumulativeSumOf(counts.toSpliced(rank, 1)),
  };
}

/** The number of tokens of every rank. */
function tokenCountsOf({ epSize, maxTokenCountPerRank, realRankTokenCountCumSum }: PrepareIndicesInput): number[] {
  if (realRankTokenCountCumSum === null) return new Array<number>(epSize).fill(maxTokenCountPerRank);
  return Array.from(realRankTokenCountCumSum, (sum, rank) => sum - (realRankTokenCountCumSum[rank - 1] ?? 0));
}
