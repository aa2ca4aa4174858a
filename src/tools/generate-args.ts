import type { CaptureOp, JsonValue } from '../capture/index.js';
import { channelCountReference } from '../reference/index.js';

/** An argument of a generated call. */
export interface GenerateArg {
  readonly kind: 'integer' | 'boolean';
  /** Least and most value of an integer. */
  readonly least?: number;
  readonly most?: number;
  /** An integer must be a multiple of it. */
  readonly multipleOf?: number;
  /** A value, or the name of an argument further up that has the same value. */
  readonly default: number | boolean | string;
  /** A value that is fit, for messages. */
  readonly example: number | boolean;
  readonly meaning: string;
}

/** Values by the names of `Args`. */
type Values<Args extends Readonly<Record<string, GenerateArg>>> = {
  readonly [Name in keyof Args]: Args[Name]['kind'] extends 'boolean' ? boolean : number;
};

const expertParallelArgs = {
  ep_size: { kind: 'integer', least: 1, most: 1024, default: 4, example: 8, meaning: 'number of ranks' },
  ep_rank: {
    kind: 'integer',
    least: 0,
    most: 1023,
    default: 0,
    example: 3,
    meaning: 'the rank that makes the call, below ep_size',
  },
  top_k: { kind: 'integer', least: 1, most: 32, default: 2, example: 8, meaning: 'targets of a token' },
  expert_count: {
    kind: 'integer',
    least: 1,
    most: 2 ** 20,
    default: 256,
    example: 256,
    meaning: 'number of experts, at least top_k',
  },
  max_token_count_per_rank: {
    kind: 'integer',
    least: 1,
    most: 2 ** 16,
    default: 16,
    example: 128,
    meaning: 'the most tokens that a rank can have',
  },
  real_counts: {
    kind: 'boolean',
    default: false,
    example: true,
    meaning: 'each rank has a random number of tokens, given by real_rank_token_count_cum_sum',
  },
  out_of_range: {
    kind: 'boolean',
    default: false,
    example: true,
    meaning: 'about one target in eight is outside 0..ep_size-1 and means no rank',
  },
  duplicates: {
    kind: 'boolean',
    default: true,
    example: false,
    meaning: 'a token may name a rank several times; needed if top_k is above ep_size',
  },
} as const satisfies Readonly<Record<string, GenerateArg>>;

const moeCommArgs = {
  ep_size: { kind: 'integer', least: 1, most: 64, default: 4, example: 8, meaning: 'number of ranks' },
  vector_bytes: {
    kind: 'integer',
    least: 16,
    most: 128 * 1920,
    multipleOf: 16,
    default: 1024,
    example: 4096,
    meaning: 'bytes of a vector; 128 packets of 1920 bytes at most',
  },
  tokens: { kind: 'integer', least: 1, most: 2 ** 14, default: 8, example: 32, meaning: 'tokens of each rank' },
  top_k: {
    kind: 'integer',
    least: 1,
    most: 32,
    default: 2,
    example: 8,
    meaning: 'targets of a token, drawn at random, distinct as long as there are enough ranks',
  },
  max_usable_sm_count: {
    kind: 'integer',
    least: 2,
    most: 1024,
    default: 8,
    example: 132,
    meaning: 'SMs of the device; the number of channels follows from it',
  },
  input_row_stride_bytes: {
    kind: 'integer',
    least: 16,
    most: 2 ** 20,
    multipleOf: 16,
    default: 'vector_bytes',
    example: 4096,
    meaning: 'from one input row to the next, at least vector_bytes',
  },
  output_row_stride_bytes: {
    kind: 'integer',
    least: 16,
    most: 2 ** 20,
    multipleOf: 16,
    default: 'vector_bytes',
    example: 4096,
    meaning: 'from one output row to the next, at least vector_bytes',
  },
} as const satisfies Readonly<Record<string, GenerateArg>>;

/** The arguments that `generateCapture` takes, by operation. */
export const GENERATE_ARGS = {
  moe_comm_prepare_indices: expertParallelArgs,
  moe_local_gather: expertParallelArgs,
  moe_comm: moeCommArgs,
} as const satisfies Readonly<Record<CaptureOp, Readonly<Record<string, GenerateArg>>>>;

/** Arguments of a generated index preparation or local gather, complete. */
export type ExpertParallelValues = Values<typeof expertParallelArgs>;
/** Arguments of a generated all-to-all, complete. */
export type MoeCommValues = Values<typeof moeCommArgs>;

/**
 * The arguments of a generated index preparation or local gather, with defaults for what is not given.
 * @throws RangeError that names the argument, what is accepted and an example.
 */
export function readExpertParallelArgs(
  op: 'moe_comm_prepare_indices' | 'moe_local_gather',
  given: Readonly<Record<string, JsonValue>>,
): ExpertParallelValues {
  const values = readArgs(op, expertParallelArgs, given);
  const { ep_size, ep_rank, top_k, expert_count } = values;
  if (ep_rank >= ep_size) throw unfit('ep_rank', `below ep_size (${ep_size})`, ep_rank, ep_size - 1);
  if (expert_count < top_k) throw unfit('expert_count', `at least top_k (${top_k})`, expert_count, 8 * top_k);
  if (!values.duplicates && top_k > ep_size) {
    throw unfit('top_k', `at most ep_size (${ep_size}) unless duplicates is true`, top_k, ep_size);
  }
  return values;
}

/**
 * The arguments of a generated all-to-all, with defaults for what is not given.
 * @throws RangeError that names the argument, what is accepted and an example.
 */
export function readMoeCommArgs(given: Readonly<Record<string, JsonValue>>): MoeCommValues {
  const values = readArgs('moe_comm', moeCommArgs, given);
  const { vector_bytes, ep_size, max_usable_sm_count } = values;
  for (const name of ['input_row_stride_bytes', 'output_row_stride_bytes'] as const) {
    if (values[name] < vector_bytes) {
      throw unfit(name, `at least vector_bytes (${vector_bytes})`, values[name], vector_bytes);
    }
  }
  // One channel takes a block for 8 peers to send, and one to receive.
  const blocks = 2 * Math.ceil(ep_size / 8);
  if (max_usable_sm_count < blocks) {
    const accepted = `at least ${blocks}, the blocks of one channel of ${ep_size} ranks`;
    throw unfit('max_usable_sm_count', accepted, max_usable_sm_count, blocks);
  }
  // The host code computes the workspace's size in 32 bits: 2 MiB * 1024 is too much.
  if (ep_size * channelCountReference(ep_size, max_usable_sm_count) >= 1024) {
    const most = 2 * blocks * (Math.floor(1023 / ep_size) + 1) - 1;
    const accepted = `at most ${most}, so that ep_size * channels stays below 1024`;
    throw unfit('max_usable_sm_count', accepted, max_usable_sm_count, most);
  }
  return values;
}

function readArgs<Args extends Readonly<Record<string, GenerateArg>>>(
  op: CaptureOp,
  args: Args,
  given: Readonly<Record<string, JsonValue>>,
): Values<Args> {
  const names = Object.keys(args);
  for (const name of Object.keys(given)) {
    if (Object.hasOwn(args, name)) continue;
    const first = names[0]!;
    const example = formatExample(first, args[first]!.example);
    throw new RangeError(
      `${JSON.stringify(name)} is no argument of ${op}, which takes ${names.join(', ')}; for example ${example}`,
    );
  }
  const values: Record<string, number | boolean> = {};
  for (const name of names) {
    const arg = args[name]!;
    const fallback = typeof arg.default === 'string' ? values[arg.default]! : arg.default;
    values[name] = Object.hasOwn(given, name) ? readValue(name, arg, given[name]!) : fallback;
  }
  return values as Values<Args>;
}

function readValue(name: string, arg: GenerateArg, value: JsonValue): number | boolean {
  if (arg.kind === 'boolean') {
    if (typeof value === 'boolean') return value;
    throw unfit(name, 'true or false', value, arg.example);
  }
  const { least = 0, most = 2 ** 31 - 1, multipleOf = 1 } = arg;
  if (
    typeof value === 'number' &&
    Number.isInteger(value) &&
    value >= least &&
    value <= most &&
    value % multipleOf === 0
  ) {
    return value;
  }
  const what = multipleOf === 1 ? 'an integer' : `a multiple of ${multipleOf}`;
  throw unfit(name, `${what} from ${least} to ${most}`, value, arg.example);
}

function unfit(name: string, accepted: string, value: JsonValue, example: number | boolean): RangeError {
  return new RangeError(
    `${name} must be ${accepted}, but is ${JSON.stringify(value)}; for example ${formatExample(name, example)}`,
  );
}

const formatExample = (name: string, value: number | boolean): string => `{"${name}": ${value}}`;
