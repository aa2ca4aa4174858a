import type {
  Capture,
  ExpertParallelArgs,
  LocalGatherCapture,
  MoeCommCapture,
  PrepareIndicesCapture,
  WorkspacePages,
} from './capture.js';
import { CaptureError, counted } from './capture-error.js';
import { captureFromSafetensors } from './decode-capture.js';
import { CAPTURE_FORMAT, KNOWN_METADATA } from './format-names.js';
import type { JsonValue } from './json.js';
import { type Dtype, encodeSafetensors, type Tensor } from './safetensors.js';

const UNWRITTEN = 'capture to encode';

/**
 * Writes one capture in the format `simt-capture/1`. Equal captures, with extras in equal order, give equal bytes.
 *
 * Whatever it returns, `decodeCapture` reads back as an equal capture: the result passes the same checks before it is
 * returned.
 *
 * @param file the name of the file that it is meant for, for errors
 * @throws CaptureError if an array does not fit the arguments, or anything else that decodeCapture would refuse
 */
export function encodeCapture(capture: Capture, file: string = UNWRITTEN): Uint8Array {
  const tensors = new TensorWriter(file);
  writeTensors(capture, tensors);
  const contents = { metadata: encodeMetadata(capture, file), tensors: tensors.result };
  captureFromSafetensors(contents, file);
  return encodeSafetensors(contents);
}

function encodeMetadata(capture: Capture, file: string): Record<string, string> {
  const { device, smCount, cuda, producer } = capture.provenance;
  const verdict = capture.op === 'moe_comm' ? capture.recordedVerdict : null;
  const ranksFinished = capture.op === 'moe_comm' ? capture.ranksFinished : null;
  const ownArgs = encodeArgs(capture);
  const args = withExtras(Object.entries(ownArgs), capture.extraArgs, Object.keys(ownArgs), 'extraArgs', file);
  const own: Record<string, string | null> = {
    format: CAPTURE_FORMAT,
    device,
    sm_count: smCount,
    cuda,
    producer,
    op: capture.op,
    args: JSON.stringify(args),
    verdict,
    ranks_finished: ranksFinished === null ? null : JSON.stringify(Object.fromEntries(ranksFinished)),
  };
  const present = Object.entries(own).filter((member): member is [string, string] => member[1] !== null);
  return withExtras(present, capture.extraMetadata, KNOWN_METADATA[capture.op], 'extraMetadata', file);
}

function withExtras<T>(
  own: readonly (readonly [string, T])[],
  extras: ReadonlyMap<string, T>,
  reserved: readonly string[],
  what: string,
  file: string,
): Record<string, T> {
  const clash = reserved.find((name) => extras.has(name));
  if (clash !== undefined) {
    throw new CaptureError(file, null, `${what} must not hold ${clash}, which has a field of its own`);
  }
  return Object.fromEntries([...own, ...extras]);
}

function encodeArgs(capture: Capture): Record<string, JsonValue> {
  return capture.op === 'moe_comm' ? encodeMoeCommArgs(capture) : encodeExpertParallelArgs(capture.args);
}

function encodeExpertParallelArgs(args: ExpertParallelArgs): Record<string, JsonValue> {
  return {
    max_token_count_per_rank: args.maxTokenCountPerRank,
    expert_count: args.expertCount,
    top_k: args.topK,
    ep_rank: args.epRank,
    ep_size: args.epSize,
  };
}

function encodeMoeCommArgs({ args, ranks }: MoeCommCapture): Record<string, JsonValue> {
  return {
    ep_size: args.epSize,
    vector_bytes: args.vectorBytes,
    dtype: args.dtype,
    input_row_stride_bytes: args.inputRowStrideBytes,
    output_row_stride_bytes: args.outputRowStrideBytes,
    rank_stride_bytes: args.rankStrideBytes,
    channel_count: args.channelCount,
    max_usable_sm_count: args.maxUsableSmCount,
    workspace_page_bytes: ranks[0]?.inputs.workspacePages.pageBytes ?? null,
    call_index: args.callIndex,
    launched_ranks: args.launchedRanks,
    one_stream: args.oneStream,
  };
}

function writeTensors(capture: Capture, tensors: TensorWriter): void {
  switch (capture.op) {
    case 'moe_comm_prepare_indices':
      writePrepareIndices(capture, tensors);
      break;
    case 'moe_local_gather':
      writeLocalGather(capture, tensors);
      break;
    case 'moe_comm':
      writeMoeComm(capture, tensors);
      break;
    default:
      capture satisfies never;
  }
}

function writePrepareIndices({ args, inputs, outputs }: PrepareIndicesCapture, tensors: TensorWriter): void {
  tensors.rows('in/gathered_target_rank_ids', 'I32', inputs.gatheredTargetRankIds, args.topK);
  if (inputs.realRankTokenCountCumSum !== null) {
    tensors.list('in/real_rank_token_count_cum_sum', 'I32', inputs.realRankTokenCountCumSum);
  }
  if (outputs !== null) {
    tensors.list('out/local_gather_indices', 'I32', outputs.localGatherIndices);
    tensors.list('out/send_rank_count_cum_sum', 'I32', outputs.sendRankCountCumSum);
    tensors.list('out/send_rank_local_indices', 'I32', outputs.sendRankLocalIndices);
    tensors.list('out/recv_rank_count_cum_sum', 'I32', outputs.recvRankCountCumSum);
    tensors.list('out/recv_rank_local_indices', 'I32', outputs.recvRankLocalIndices);
    tensors.list('out/backward_recv_rank_local_indice', 'I32', outputs.backwardRecvRankLocalIndices);
  }
}

function writeLocalGather({ args, inputs, outputs }: LocalGatherCapture, tensors: TensorWriter): void {
  tensors.list('in/recv_rank_cum_sum', 'I32', inputs.recvRankCumSum);
  tensors.list('in/local_gather_indices', 'I32', inputs.localGatherIndices);
  tensors.rows('in/gathered_expert_ids', 'I32', inputs.gatheredExpertIds, args.topK);
  tensors.rows('in/gathered_scales', 'F32', inputs.gatheredScalesBits, args.topK);
  tensors.rows('in/local_expert_ids', 'I32', inputs.localExpertIds, args.topK);
  tensors.rows('in/local_scales', 'F32', inputs.localScalesBits, args.topK);
  if (outputs !== null) {
    tensors.rows('out/local_expert_ids', 'I32', outputs.localExpertIds, args.topK);
    tensors.rows('out/local_scales', 'F32', outputs.localScalesBits, args.topK);
  }
}

function writeMoeComm({ args, ranks }: MoeCommCapture, tensors: TensorWriter): void {
  for (const [rank, { inputs }] of ranks.entries()) {
    const side = `r${rank}/in`;
    tensors.rows(`${side}/input`, 'U8', inputs.input, args.inputRowStrideBytes, inputs.inputRows);
    tensors.list(`${side}/send_rank_cum_sum`, 'I32', inputs.sendRankCumSum);
    tensors.list(`${side}/send_indices`, 'I32', inputs.sendIndices);
    tensors.rows(`${side}/output`, 'U8', inputs.output, args.outputRowStrideBytes, inputs.outputRows);
    tensors.list(`${side}/recv_rank_cum_sum`, 'I32', inputs.recvRankCumSum);
    tensors.list(`${side}/recv_indices`, 'I32', inputs.recvIndices);
    writeWorkspace(side, inputs.workspacePages, tensors);
  }
  for (const [rank, { outputs }] of ranks.entries()) {
    if (outputs !== null) {
      tensors.rows(`r${rank}/out/output`, 'U8', outputs.output, args.outputRowStrideBytes);
      writeWorkspace(`r${rank}/out`, outputs.workspacePages, tensors);
    }
  }
}

function writeWorkspace(side: string, { pageBytes, pages, data }: WorkspacePages, tensors: TensorWriter): void {
  tensors.list(`${side}/workspace_pages`, 'I64', BigInt64Array.from(pages, toI64));
  tensors.rows(`${side}/workspace_data`, 'U8', data, pageBytes, pages.length);
}

/** -1, which is no page number either, for what i64 cannot hold. */
function toI64(page: number): bigint {
  return BigInt(Number.isSafeInteger(page) ? page : -1);
}

/** Collects tensors in the order of the calls. */
class TensorWriter {
  readonly result = new Map<string, Tensor>();
  readonly #file: string;

  constructor(file: string) {
    this.#file = file;
  }

  list(name: string, dtype: Dtype, array: Int32Array | BigInt64Array): void {
    this.#add(name, dtype, [array.length], array);
  }

  rows(
    name: string,
    dtype: Dtype,
    array: Int32Array | Uint8Array,
    columns: number,
    rows = array.length / columns,
  ): void {
    if (rows * columns !== array.length || !Number.isSafeInteger(rows)) {
      const problem = `must have whole rows of ${counted(columns, 'element')}${rows === array.length / columns ? '' : `, ${rows} of them`}, but has ${array.length} elements`;
      throw new CaptureError(this.#file, name, problem);
    }
    this.#add(name, dtype, [rows, columns], array);
  }

  #add(
    name: string,
    dtype: Dtype,
    shape: readonly number[],
    { buffer, byteOffset, byteLength }: ArrayBufferView,
  ): void {
    this.result.set(name, { dtype, shape, bytes: new Uint8Array(buffer, byteOffset, byteLength) });
  }
}
