import fc from 'fast-check';
import type { AllToAllInput, AllToAllRank, FifoShape } from '../reference/index.js';
import {
  type CountMatrixKind,
  countMatrixRecipes,
  countsFrom,
  describeCounts,
  type MatrixPlan,
  simplerMatrices,
} from './count-matrices.js';
import { described } from './describe.js';
import { originalFifo } from './fifo-shapes.js';
import { boundsWithin, choices, edgeBiasedIntegers, type IntegerRange, seeds } from './numbers.js';
import { fewRanks } from './rank-counts.js';
import { refined } from './refined.js';
import { below, bytesFrom, hash32, shuffled } from './seeded.js';
import { cumulativeSumOf } from './token-counts.js';
import { paddings, vectorSizes } from './vector-sizes.js';

/** An all-to-all call with everything spelt out. */
export interface AllToAllCase extends AllToAllInput {
  readonly fifo: FifoShape;
  /** u64 [epSize, epSize, channelCount]: slices sent before the call; equal to `tails`. */
  readonly heads: BigUint64Array;
  /** u64 as `heads`: slices received before the call. */
  readonly tails: BigUint64Array;
}

/** Narrows `allToAllCases`. Where a limit and a range contradict each other, the limit wins. */
export interface AllToAllCaseOptions {
  /** By default 1..8. */
  readonly epSize?: IntegerRange;
  /** By default 1..4. */
  readonly channelCount?: IntegerRange;
  /** In bytes, multiples of 16; by default 16..245760, and never more than fits a FIFO entry. */
  readonly vectorBytes?: IntegerRange;
  /** By default the original's alone; `fifoShapes()` for others. An entry must hold a packet. */
  readonly fifo?: fc.Arbitrary<FifoShape>;
  /** Which links carry vectors; by default all kinds. */
  readonly traffic?: readonly CountMatrixKind[];
  /**
   * The most packets of the whole call, at least 1: what its simulation costs. By default 320, too few to go round
   * the original's FIFO.
   */
  readonly maxPackets?: number;
  /** The most bytes between two rows, a multiple of 16; by default 256, and 0 leaves the rows contiguous. */
  readonly maxPaddingBytes?: number;
  /** Whether heads and tails may start at other numbers than 0, around 2^32 among them; by default true. */
  readonly startedCounters?: boolean;
}

const SENDING = ['each-row-once', 'any-rows'] as const;
const RECEIVING = ['ascending', 'descending', 'shuffled'] as const;
const FIRST_COUNTERS = [0n, 1n, 7n, 8n, 9n, 2n ** 31n - 1n, 2n ** 32n - 1n, 2n ** 32n, 2n ** 53n];

/**
 * Complete and valid all-to-all calls that complete, with no output row written twice. All the data comes from one
 * seed.
 *
 * A row may be sent many times or never; outputs have up to three rows that receive nothing, and bytes that differ
 * from 0 before the call. All ranks have the same strides. Shrinks towards one rank, one channel, vectors of 16
 * bytes, nothing sent, and rows in order.
 * @throws RangeError if an option is out of range.
 */
export function allToAllCases(options: AllToAllCaseOptions = {}): fc.Arbitrary<AllToAllCase> {
  const { maxPackets = 320, maxPaddingBytes = 256, startedCounters = true } = options;
  const { min: minBytes, max: maxBytes } = boundsWithin(
    'vector size in bytes',
    options.vectorBytes,
    { min: 16, max: 2 ** 31 - 16 },
    245760,
  );
  const channelCounts = boundsWithin('number of channels', options.channelCount, { min: 1, max: 1024 }, 4);
  if (maxPackets < 1) throw new RangeError(`maxPackets must be at least 1, is ${maxPackets}`);
  const plans = fc
    .record({
      epSize: fewRanks(options.epSize),
      channelCount: edgeBiasedIntegers({ ...channelCounts, edges: [], smallDistance: 1 }),
      fifo: options.fifo ?? fc.constant(originalFifo),
      vectorBytes: vectorSizes({ minBytes, maxBytes }),
      inputPaddingBytes: paddings(maxPaddingBytes),
      outputPaddingBytes: paddings(maxPaddingBytes),
      traffic: countMatrixRecipes(options.traffic === undefined ? {} : { kinds: options.traffic }),
      sending: choices(...SENDING),
      receiving: choices(...RECEIVING),
      spareRowCount: edgeBiasedIntegers({ min: 0, max: 3, edges: [], smallDistance: 1 }),
      counter: startedCounters ? choices(...FIRST_COUNTERS) : fc.constant(0n),
      countersDiffer: startedCounters ? fc.boolean() : fc.constant(false),
      seed: seeds(),
    })
    .map(({ epSize, traffic, ...recipe }): AllToAllPlan => {
      const { fifo } = recipe;
      const largestBytes = Math.min(packetsPerEntry(fifo), maxPackets) * fifo.packetPayloadBytes;
      const vectorBytes = Math.min(recipe.vectorBytes, largestBytes - (largestBytes % 16));
      const vectorLimit = Math.floor(maxPackets / Math.ceil(vectorBytes / fifo.packetPayloadBytes));
      return { ...recipe, vectorBytes, matrix: { epSize, counts: limited(countsFrom(traffic, epSize), vectorLimit) } };
    });
  const minRankCount = options.epSize?.min ?? 1;
  return refined(plans, function* (plan) {
    for (const matrix of simplerMatrices(plan.matrix, minRankCount)) yield { ...plan, matrix };
  }).map(caseFrom);
}

/** Everything that a case is made from, each part valid with the others. */
interface AllToAllPlan {
  readonly matrix: MatrixPlan;
  readonly channelCount: number;
  readonly fifo: FifoShape;
  readonly vectorBytes: number;
  readonly inputPaddingBytes: number;
  readonly outputPaddingBytes: number;
  readonly sending: (typeof SENDING)[number];
  readonly receiving: (typeof RECEIVING)[number];
  readonly spareRowCount: number;
  readonly counter: bigint;
  readonly countersDiffer: boolean;
  readonly seed: number;
}

function caseFrom(plan: AllToAllPlan): AllToAllCase {
  const { channelCount, fifo, vectorBytes, counter, countersDiffer, seed } = plan;
  const { epSize, counts } = plan.matrix;
  const inputRowStrideBytes = vectorBytes + plan.inputPaddingBytes;
  const outputRowStrideBytes = vectorBytes + plan.outputPaddingBytes;
  const ranks = Array.from({ length: epSize }, (_, rank): AllToAllRank => {
    const own = (purpose: number): number => hash32(seed, rank * 4 + purpose);
    const sendRankCumSum = cumulativeSumOf(counts.slice(rank * epSize, (rank + 1) * epSize));
    const recvRankCumSum = cumulativeSumOf(counts.filter((_, link) => link % epSize === rank));
    const sentCount = sendRankCumSum[epSize - 1]!;
    const receivedCount = recvRankCumSum[epSize - 1]!;
    const outputRowCount = receivedCount + plan.spareRowCount;
    return {
      input: bytesFrom(sentCount * inputRowStrideBytes, own(0)),
      inputRowStrideBytes,
      output: bytesFrom(outputRowCount * outputRowStrideBytes, own(1)),
      outputRowStrideBytes,
      sendRankCumSum,
      sendIndices: Int32Array.from({ length: sentCount }, (_, vector) =>
        plan.sending === 'each-row-once' ? vector : below(sentCount, own(2), vector),
      ),
      recvRankCumSum,
      recvIndices: Int32Array.from(ordered(plan.receiving, outputRowCount, own(3)).slice(0, receivedCount)),
    };
  });
  const heads = BigUint64Array.from(
    { length: epSize * epSize * channelCount },
    (_, link) => counter + (countersDiffer ? BigInt(below(20, seed, link)) : 0n),
  );
  return described({ epSize, channelCount, vectorBytes, fifo, ranks, heads, tails: heads.slice() }, () =>
    [
      `all-to-all: channelCount ${channelCount}, vectorBytes ${vectorBytes}`,
      `strides ${inputRowStrideBytes} and ${outputRowStrideBytes}`,
      `FIFO ${fifo.depth} x ${packetsPerEntry(fifo)} packets`,
      describeCounts(counts, epSize),
      `sending ${plan.sending}, receiving ${plan.receiving} with ${plan.spareRowCount} spare rows`,
      `counters from ${counter}${countersDiffer ? ' and different' : ''}, data of seed ${seed}`,
    ].join(', '),
  );
}

function packetsPerEntry({ entryBytes, packetBytes }: FifoShape): number {
  return Math.floor(entryBytes / packetBytes);
}

/** The counts, later ones cut so that their sum is at most `limit`. */
function limited(counts: readonly number[], limit: number): readonly number[] {
  let left = limit;
  return counts.map((wanted) => {
    const count = Math.min(wanted, left);
    left -= count;
    return count;
  });
}

function ordered(order: (typeof RECEIVING)[number], count: number, seed: number): readonly number[] {
  switch (order) {
    case 'ascending':
      return Array.from({ length: count }, (_, index) => index);
    case 'descending':
      return Array.from({ length: count }, (_, index) => count - 1 - index);
    case 'shuffled':
      return shuffled(count, seed);
    default:
      throw new Error(`[simtwin bug] ${order satisfies never}`);
  }
}
