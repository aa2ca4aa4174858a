import type {
  Capture,
  CaptureOp,
  ExpertParallelArgs,
  JsonValue,
  LocalGatherCapture,
  MoeCommCapture,
  PrepareIndicesCapture,
  Provenance,
} from '../capture/index.js';
import { MoeCommHost } from '../kernels/index.js';
import { prepareIndicesReference } from '../reference/index.js';
import { PAGE_BYTES, Random } from '../simt/index.js';
import { bytesOf } from './call.js';
import { type ExpertParallelValues, readExpertParallelArgs, readMoeCommArgs } from './generate-args.js';

/** Most elements of the index arrays of a generated call. */
const MOST_ELEMENTS = 2 ** 26;
/** Most bytes of a generated call's inputs, and of its outputs. */
const MOST_BYTES = 2 ** 32;

/**
 * A call of `op` with random inputs and without outputs: the same for the same arguments and seed, on every machine.
 * `args` may leave out what has a default in `GENERATE_ARGS`.
 * @throws RangeError that names the argument at fault, what is accepted and an example.
 */
export function generateCapture(op: CaptureOp, args: Readonly<Record<string, JsonValue>>, seed: number): Capture {
  const random = new Random(seed);
  switch (op) {
    case 'moe_comm_prepare_indices':
      return generatePrepareIndices(readExpertParallelArgs(op, args), random);
    case 'moe_local_gather':
      return generateLocalGather(readExpertParallelArgs(op, args), random);
    case 'moe_comm':
      return generateMoeComm(args, random);
    default:
      return op satisfies never;
  }
}

function generatePrepareIndices(values: ExpertParallelValues, random: Random): PrepareIndicesCapture {
  requireSize(
    'ep_size * max_token_count_per_rank * top_k',
    MOST_ELEMENTS,
    values.ep_size,
    values.max_token_count_per_rank,
    values.top_k,
  );
  const realRankTokenCountCumSum = values.real_counts
    ? randomCumSum(values.ep_size, values.max_token_count_per_rank, random)
    : null;
  const tokens = realRankTokenCountCumSum?.at(-1) ?? values.ep_size * values.max_token_count_per_rank;
  return {
    op: 'moe_comm_prepare_indices',
    ...withoutExtras(null),
    args: expertParallelArgs(values),
    inputs: { gatheredTargetRankIds: randomTargets(values, tokens, random), realRankTokenCountCumSum },
    outputs: null,
  };
}

/** The indices are those that index preparation gives for a random routing. */
function generateLocalGather(values: ExpertParallelValues, random: Random): LocalGatherCapture {
  const { args, inputs } = generatePrepareIndices(values, random);
  const { recvRankCountCumSum, localGatherIndices } = prepareIndicesReference({ ...args, ...inputs });
  const gathered = inputs.gatheredTargetRankIds.length;
  const local = localGatherIndices.length * args.topK;
  return {
    op: 'moe_local_gather',
    ...withoutExtras(null),
    args,
    inputs: {
      recvRankCumSum: recvRankCountCumSum,
      localGatherIndices,
      gatheredExpertIds: Int32Array.from({ length: gathered }, () => random.nextBelow(args.expertCount)),
      gatheredScalesBits: randomFloatBits(gathered, random),
      localExpertIds: randomWords(local, random),
      localScalesBits: randomWords(local, random),
    },
    outputs: null,
  };
}

/** The two sides of every link agree: their indices come from the same random routing. */
function generateMoeComm(given: Readonly<Record<string, JsonValue>>, random: Random): MoeCommCapture {
  const values = readMoeCommArgs(given);
  const { ep_size: epSize, tokens, top_k: topK, vector_bytes: vectorBytes, max_usable_sm_count } = values;
  const { input_row_stride_bytes: inputRowStrideBytes, output_row_stride_bytes: outputRowStrideBytes } = values;
  const targets = Math.min(topK, epSize);
  requireSize('ep_size * ep_size * tokens', MOST_ELEMENTS, epSize, epSize, tokens);
  requireSize('ep_size * tokens * input_row_stride_bytes', MOST_BYTES, epSize, tokens, inputRowStrideBytes);
  requireSize(
    'ep_size * tokens * min(top_k, ep_size) * output_row_stride_bytes',
    MOST_BYTES,
    epSize,
    tokens,
    targets,
    outputRowStrideBytes,
  );
  const host = new MoeCommHost({ multiProcessorCount: max_usable_sm_count });
  const routing = { ep_size: epSize, top_k: topK, duplicates: topK > epSize, out_of_range: false };
  const gatheredTargetRankIds = randomTargets(routing, epSize * tokens, random);
  const ranks = Array.from({ length: epSize }, (_, epRank) => {
    const prepared = prepareIndicesReference({
      epSize,
      epRank,
      topK,
      maxTokenCountPerRank: tokens,
      gatheredTargetRankIds,
      realRankTokenCountCumSum: null,
    });
    const received = prepared.recvRankCountCumSum[epSize - 1]!;
    return {
      inputs: {
        input: bytesOf(randomWords((tokens * inputRowStrideBytes) / 4, random)),
        inputRows: tokens,
        output: bytesOf(randomWords((received * outputRowStrideBytes) / 4, random)),
        outputRows: received,
        sendRankCumSum: prepared.sendRankCountCumSum,
        sendIndices: prepared.sendRankLocalIndices,
        recvRankCumSum: prepared.recvRankCountCumSum,
        recvIndices: prepared.recvRankLocalIndices,
        workspacePages: { pageBytes: PAGE_BYTES, pages: [], data: new Uint8Array(0) },
      },
      outputs: null,
    };
  });
  return {
    op: 'moe_comm',
    ...withoutExtras(String(max_usable_sm_count)),
    args: {
      epSize,
      vectorBytes,
      dtype: 'U8',
      inputRowStrideBytes,
      outputRowStrideBytes,
      rankStrideBytes: Math.ceil(Number(host.getMoeCommWorkspaceSize(epSize)) / PAGE_BYTES) * PAGE_BYTES,
      channelCount: host.getMoeCommChannelCount(epSize),
      maxUsableSmCount: max_usable_sm_count,
      callIndex: 0,
      launchedRanks: ranks.map((_, rank) => rank),
      oneStream: false,
    },
    ranks,
    recordedVerdict: null,
    ranksFinished: null,
  };
}

function withoutExtras(smCount: string | null): {
  readonly provenance: Provenance;
  readonly extraMetadata: ReadonlyMap<string, string>;
  readonly extraArgs: ReadonlyMap<string, JsonValue>;
} {
  return {
    provenance: { device: 'simtwin', smCount, cuda: null, producer: 'simtwin' },
    extraMetadata: new Map(),
    extraArgs: new Map(),
  };
}

function expertParallelArgs(values: ExpertParallelValues): ExpertParallelArgs {
  return {
    epSize: values.ep_size,
    epRank: values.ep_rank,
    topK: values.top_k,
    expertCount: values.expert_count,
    maxTokenCountPerRank: values.max_token_count_per_rank,
  };
}

function randomCumSum(ranks: number, most: number, random: Random): Int32Array {
  let sum = 0;
  return Int32Array.from({ length: ranks }, () => {
    sum += random.nextBelow(most + 1);
    return sum;
  });
}

/** i32 [tokens, top_k]: the target ranks of each token. */
function randomTargets(
  values: Pick<ExpertParallelValues, 'ep_size' | 'top_k' | 'duplicates' | 'out_of_range'>,
  tokens: number,
  random: Random,
): Int32Array {
  const { ep_size, top_k, duplicates, out_of_range } = values;
  const targets = new Int32Array(tokens * top_k);
  const deck = Int32Array.from({ length: ep_size }, (_, rank) => rank);
  for (let token = 0; token < tokens; token++) {
    for (let k = 0; k < top_k; k++) {
      if (duplicates) {
        targets[token * top_k + k] = random.nextBelow(ep_size);
        continue;
      }
      // The deck stays a permutation of all ranks; its first top_k places are this token's.
      const drawn = k + random.nextBelow(ep_size - k);
      const rank = deck[drawn]!;
      deck[drawn] = deck[k]!;
      deck[k] = rank;
      targets[token * top_k + k] = rank;
    }
  }
  if (out_of_range) {
    const outside = [-1, ep_size, ep_size + 1, 2 ** 31 - 1, -(2 ** 31)];
    targets.forEach((_, place) => {
      if (random.nextBelow(8) === 0) targets[place] = outside[random.nextBelow(outside.length)]!;
    });
  }
  return targets;
}

const randomWords = (count: number, random: Random): Int32Array => new Int32Array(count).map(() => random.nextWord());

/** Arbitrary bit patterns, about one in eight of them a NaN with a payload. */
const randomFloatBits = (count: number, random: Random): Int32Array =>
  Int32Array.from({ length: count }, () => {
    const word = random.nextWord();
    return random.nextBelow(8) === 0 ? word | 0x7f800001 : word | 0;
  });

function requireSize(product: string, most: number, ...factors: readonly number[]): void {
  const size = factors.reduce((a, b) => a * b);
  if (size > most) throw new RangeError(`${product} must be at most ${most}, but is ${size}`);
}
