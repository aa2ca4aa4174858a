import fc from 'fast-check';
import type { LocalGatherInput } from '../reference/index.js';
import { described, excerpt } from './describe.js';
import { float32BitsFrom } from './float32-bits.js';
import { edgeBiasedIntegers, type IntegerRange, indexAt, places, seeds } from './numbers.js';
import { rankCounts, topKs } from './rank-counts.js';
import { refined, simplerCounts } from './refined.js';
import { below, distinctBelow, hash32 } from './seeded.js';
import {
  boundsOfMaxTokenCount,
  cumulativeSumOf,
  tokenCountRecipes,
  tokenCountsFrom,
  tokenCountsOfOneRank,
} from './token-counts.js';

/** The inputs of a local gather and the two arguments of its kernel that do not change its result. */
export interface LocalGatherCase extends LocalGatherInput {
  /** 0..epSize-1. */
  readonly epRank: number;
  /** At least 1; there are epSize times as many rows. */
  readonly maxTokenCountPerRank: number;
}

/** Narrows `localGatherCases`. Where a limit and a range contradict each other, the limit wins. */
export interface LocalGatherCaseOptions {
  /** By default 1..1024, mostly small. */
  readonly epSize?: IntegerRange;
  /** By default 1..32. */
  readonly topK?: IntegerRange;
  /** By default 1..1025, mostly small. */
  readonly maxTokenCountPerRank?: IntegerRange;
  /** The most elements of a table, epSize * maxTokenCountPerRank * topK; by default 16384, at least 1024. */
  readonly maxTableElements?: number;
}

/**
 * Complete and valid inputs of a local gather, as an index preparation without real counts leaves them: none, some or
 * all tokens of each source received, in ascending order. Scales are arbitrary bit patterns. Shrinks towards one
 * rank, one token, top-k 1, and nothing received.
 * @throws RangeError if an option is out of range.
 */
export function localGatherCases(options: LocalGatherCaseOptions = {}): fc.Arbitrary<LocalGatherCase> {
  const { maxTableElements = 16384 } = options;
  if (maxTableElements < 1024) throw new RangeError(`maxTableElements must be at least 1024, is ${maxTableElements}`);
  const tokenCountBounds = boundsOfMaxTokenCount(options.maxTokenCountPerRank);
  const plans = fc
    .record({
      epSize: rankCounts(options.epSize),
      rankPlace: places(),
      topK: topKs(options.topK),
      spareExpertCount: edgeBiasedIntegers({ min: 0, max: 1024, edges: [255], smallDistance: 16 }),
      maxTokenCount: tokenCountsOfOneRank(tokenCountBounds),
      received: tokenCountRecipes(tokenCountBounds.max),
      seed: seeds(),
    })
    .map(({ received, ...recipe }): LocalGatherPlan => {
      const epSize = Math.min(recipe.epSize, maxTableElements);
      const topK = Math.min(recipe.topK, Math.floor(maxTableElements / epSize));
      const maxTokenCountPerRank = Math.min(recipe.maxTokenCount, Math.floor(maxTableElements / (epSize * topK)));
      const receivedCounts = tokenCountsFrom(received, epSize, maxTokenCountPerRank);
      return {
        epSize,
        epRank: indexAt(recipe.rankPlace, epSize),
        topK,
        expertCount: topK + recipe.spareExpertCount,
        maxTokenCountPerRank,
        receivedCounts,
        seed: recipe.seed,
      };
    });
  return refined(plans, function* (plan) {
    for (const receivedCounts of simplerCounts(plan.receivedCounts)) yield { ...plan, receivedCounts };
  }).map(caseFrom);
}

/** Everything that a case is made from, each part valid with the others. */
interface LocalGatherPlan {
  readonly epSize: number;
  readonly epRank: number;
  readonly topK: number;
  readonly expertCount: number;
  readonly maxTokenCountPerRank: number;
  /** One element a source, at most maxTokenCountPerRank. */
  readonly receivedCounts: readonly number[];
  readonly seed: number;
}

function caseFrom(plan: LocalGatherPlan): LocalGatherCase {
  const { receivedCounts, seed, ...shape } = plan;
  const { epSize, epRank, topK, expertCount, maxTokenCountPerRank } = shape;
  const rowCount = epSize * maxTokenCountPerRank;
  const recvRankCumSum = cumulativeSumOf(receivedCounts);
  const localGatherIndices = new Int32Array(rowCount).fill(-1);
  localGatherIndices.set(
    receivedCounts.flatMap((count, rank) =>
      [...distinctBelow(maxTokenCountPerRank, count, hash32(seed, rank))]
        .sort((a, b) => a - b)
        .map((token) => rank * maxTokenCountPerRank + token),
    ),
  );
  const gatheredExpertIds = Int32Array.from({ length: rowCount * topK }, (_, i) => below(expertCount, seed, i));
  const gatheredScalesBits = float32BitsFrom(rowCount * topK, ~seed);
  return described({ ...shape, recvRankCumSum, localGatherIndices, gatheredExpertIds, gatheredScalesBits }, () =>
    [
      `local gather: epSize ${epSize}, epRank ${epRank}, topK ${topK}, expertCount ${expertCount}`,
      `maxTokenCountPerRank ${maxTokenCountPerRank}, received cumulative ${excerpt(recvRankCumSum)}`,
      `gathered rows ${excerpt(localGatherIndices)}, data of seed ${seed}`,
    ].join(', '),
  );
}
