import fc from 'fast-check';
import type {
  Capture,
  ExpertParallelArgs,
  JsonValue,
  LocalGatherCapture,
  MoeCommArgs,
  MoeCommCapture,
  PrepareIndicesCapture,
  Provenance,
  WorkspacePages,
} from '../../src/capture/index.js';

const INTERESTING_WORDS = [0, -1, 1, 2 ** 31 - 1, -(2 ** 31), 0x7fa00001, 0x7fc12345, -0x400001];
const RESERVED = ['format', 'op', 'args', 'device', 'sm_count', 'cuda', 'producer', 'verdict', 'ranks_finished'];
const HOSTILE_NAMES = ['__proto__', 'constructor', 'toString', '0', '', 'ä\u0000"\\\ud800'];

const word = fc.oneof(fc.integer(), fc.constantFrom(...INTERESTING_WORDS));
const name = fc.oneof(fc.constantFrom(...HOSTILE_NAMES), fc.string({ maxLength: 4 }));
const extraArg = fc.jsonValue({ maxDepth: 2 }).map((value): JsonValue => JSON.parse(JSON.stringify(value)));

const common: fc.Arbitrary<Pick<Capture, 'provenance' | 'extraMetadata' | 'extraArgs'>> = record({
  provenance: record({
    device: optional(fc.string()),
    smCount: optional(fc.string()),
    cuda: optional(fc.string()),
    producer: optional(fc.string()),
  }) satisfies fc.Arbitrary<Provenance>,
  extraMetadata: mapOf(
    name.filter((key) => !RESERVED.includes(key)),
    fc.string(),
  ),
  extraArgs: mapOf(
    name.filter((key) => !/^[a-z]/.test(key)),
    extraArg,
  ),
});

const expertParallelArgs: fc.Arbitrary<ExpertParallelArgs> = record({
  maxTokenCountPerRank: fc.integer({ min: 1, max: 5 }),
  topK: fc.integer({ min: 1, max: 40 }),
  spareExperts: fc.nat(100),
  epSize: fc.integer({ min: 1, max: 9 }),
  rank: fc.nat(8),
}).map(({ maxTokenCountPerRank, topK, spareExperts, epSize, rank }) => ({
  maxTokenCountPerRank,
  expertCount: topK + spareExperts,
  topK,
  epRank: rank % epSize,
  epSize,
}));

/** Sound calls of index preparation, with values that need not make sense. */
export const prepareIndicesCapture: fc.Arbitrary<PrepareIndicesCapture> = expertParallelArgs.chain((args) => {
  const { maxTokenCountPerRank, topK, epSize } = args;
  const received = maxTokenCountPerRank * epSize;
  const sent = maxTokenCountPerRank * Math.max(epSize, topK);
  const tokenCounts = fc.option(fc.nat(20), { nil: null });
  return tokenCounts.chain((tokens) =>
    record({
      common,
      inputs: record({
        gatheredTargetRankIds: words((tokens ?? received) * topK),
        realRankTokenCountCumSum: tokens === null ? fc.constant(null) : words(epSize),
      }),
      outputs: optional(
        record({
          localGatherIndices: words(received),
          sendRankCountCumSum: words(epSize),
          sendRankLocalIndices: words(sent),
          recvRankCountCumSum: words(epSize),
          recvRankLocalIndices: words(received),
          backwardRecvRankLocalIndices: words(sent),
        }),
      ),
    }).map(({ common, ...sides }) => ({ ...common, op: 'moe_comm_prepare_indices', args, ...sides })),
  );
});

/** Sound calls of local gather, NaNs of all kinds among the scales. */
export const localGatherCapture: fc.Arbitrary<LocalGatherCapture> = fc
  .tuple(expertParallelArgs, fc.nat(6), fc.nat(6), fc.nat(6))
  .chain(([args, idRows, scaleRows, localRows]) => {
    const local = words(localRows * args.topK);
    return record({
      common,
      inputs: record({
        recvRankCumSum: words(args.epSize),
        localGatherIndices: words(localRows),
        gatheredExpertIds: words(idRows * args.topK),
        gatheredScalesBits: words(scaleRows * args.topK),
        localExpertIds: local,
        localScalesBits: local,
      }),
      outputs: optional(record({ localExpertIds: local, localScalesBits: local })),
    }).map(({ common, ...sides }) => ({ ...common, op: 'moe_local_gather', args, ...sides }));
  });

const moeCommArgs: fc.Arbitrary<MoeCommArgs> = record({
  epSize: fc.integer({ min: 1, max: 4 }),
  vectorUnits: fc.integer({ min: 1, max: 3 }),
  inputSpareUnits: fc.nat(2),
  outputSpareUnits: fc.nat(2),
  rankStrideUnits: fc.integer({ min: 1, max: 40 }),
  dtype: fc.string(),
  channelCount: fc.integer({ min: 1, max: 50 }),
  maxUsableSmCount: fc.integer({ min: 1, max: 132 }),
  callIndex: fc.nat(),
  launchOrder: fc.shuffledSubarray([0, 1, 2, 3]),
  oneStream: fc.boolean(),
}).map(({ vectorUnits, inputSpareUnits, outputSpareUnits, rankStrideUnits, launchOrder, ...args }) => ({
  ...args,
  vectorBytes: 16 * vectorUnits,
  inputRowStrideBytes: 16 * (vectorUnits + inputSpareUnits),
  outputRowStrideBytes: 16 * (vectorUnits + outputSpareUnits),
  rankStrideBytes: 8 * rankStrideUnits,
  launchedRanks: launchOrder.filter((rank) => rank < args.epSize),
}));

/** Sound all-to-alls, finished, hung or without a verdict. */
export const moeCommCapture: fc.Arbitrary<MoeCommCapture> = record({
  args: moeCommArgs,
  pageBytes: fc.constantFrom(1, 8, 24, 64, 4096),
  hasOutputs: fc.boolean(),
  finished: optional(fc.array(fc.boolean(), { minLength: 4, maxLength: 4 })),
  hasVerdict: fc.boolean(),
}).chain(({ args, pageBytes, hasOutputs, finished, hasVerdict }) => {
  const ranksFinished = finished && new Map(args.launchedRanks.map((rank) => [rank, finished[rank]!]));
  const isAllFinished = ranksFinished === null || [...ranksFinished.values()].every((isFinished) => isFinished);
  const rank = record({ inputRows: fc.nat(3), outputRows: fc.nat(3) }).chain(({ inputRows, outputRows }) => {
    const output = bytes(outputRows * args.outputRowStrideBytes);
    const workspacePages = pagesOf(args.rankStrideBytes, pageBytes);
    return record({
      inputs: record({
        input: bytes(inputRows * args.inputRowStrideBytes),
        inputRows: fc.constant(inputRows),
        output,
        outputRows: fc.constant(outputRows),
        sendRankCumSum: words(args.epSize),
        sendIndices: fc.nat(5).chain(words),
        recvRankCumSum: words(args.epSize),
        recvIndices: fc.nat(5).chain(words),
        workspacePages,
      }),
      outputs: hasOutputs ? record({ output, workspacePages }) : fc.constant(null),
    });
  });
  return record({ common, ranks: fc.array(rank, { minLength: args.epSize, maxLength: args.epSize }) }).map(
    ({ common, ranks }): MoeCommCapture => ({
      ...common,
      op: 'moe_comm',
      args,
      ranks,
      recordedVerdict: hasVerdict ? (isAllFinished ? 'completes' : 'hangs') : null,
      ranksFinished,
    }),
  );
});

function pagesOf(rankStrideBytes: number, pageBytes: number): fc.Arbitrary<WorkspacePages> {
  const pageCount = Math.ceil(rankStrideBytes / pageBytes);
  const lastPageBytes = rankStrideBytes - (pageCount - 1) * pageBytes;
  return fc
    .subarray([...new Array(pageCount).keys()])
    .chain((pages) => bytes(pages.length * pageBytes).map((data) => ({ pages, data })))
    .map(({ pages, data }) => {
      if (pages.at(-1) === pageCount - 1) {
        data.fill(0, data.length - pageBytes + lastPageBytes);
      }
      return { pageBytes, pages, data };
    });
}

/** Words that differ from one another, with a few chosen ones in front: cheap to make at any length. */
function words(length: number): fc.Arbitrary<Int32Array> {
  return fc
    .tuple(word, word)
    .map(([first, step]) => Int32Array.from({ length }, (_, index) => first + Math.imul(step, index)));
}

function bytes(length: number): fc.Arbitrary<Uint8Array> {
  return fc
    .integer()
    .map((seed) => Uint8Array.from({ length }, (_, index) => seed + Math.imul(index, 0x9e3779b1) / 256));
}

/** With the prototype of an object literal, as every decoded object has. */
function record<T>(model: { [Key in keyof T]: fc.Arbitrary<T[Key]> }): fc.Arbitrary<T> {
  return fc.record<T>(model, { noNullPrototype: true }) as fc.Arbitrary<T>;
}

function optional<T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | null> {
  return fc.option(arbitrary, { nil: null, freq: 3 });
}

function mapOf<T>(names: fc.Arbitrary<string>, values: fc.Arbitrary<T>): fc.Arbitrary<Map<string, T>> {
  return fc.array(fc.tuple(names, values), { maxLength: 3 }).map((entries) => new Map(entries));
}
