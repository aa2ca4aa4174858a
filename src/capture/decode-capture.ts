import { ArgsReader, oneOf, POSITIVE_INT32 } from './args-reader.js';
import type { Capture, ExpertParallelArgs, LocalGatherCapture, PrepareIndicesCapture } from './capture.js';
import { CaptureError } from './capture-error.js';
import { decodeMoeComm } from './decode-moe-comm.js';
import { CAPTURE_FORMAT, CAPTURE_OPS, KNOWN_METADATA, PART_FORMAT } from './format-names.js';
import { decodeSafetensors, type SafetensorsFile } from './safetensors.js';
import { any, exactly, TensorReader } from './tensor-reader.js';

/**
 * Reads one capture of the format `simt-capture/1` and checks all that the host binding of the operation would check.
 *
 * The arrays of the result share memory with `bytes` where its alignment allows: neither may be written afterwards.
 * The values of index and count tensors are not checked; a kernel that they lead astray is for the simulator to report.
 *
 * @param file the name of the file, for errors
 * @throws CaptureError if `bytes` is anything else than such a capture
 */
export function decodeCapture(bytes: Uint8Array, file: string): Capture {
  return captureFromSafetensors(decodeSafetensors(bytes, file), file);
}

/**
 * The capture that the metadata and tensors of a safetensors file make up, checked as by `decodeCapture`.
 *
 * @throws CaptureError if they make up none
 */
export function captureFromSafetensors({ metadata, tensors }: SafetensorsFile, file: string): Capture {
  if (metadata.format === PART_FORMAT) {
    const problem = "this is what one rank has recorded of a call: 'simtwin merge' joins the files of all ranks";
    throw new CaptureError(file, null, problem);
  }
  oneOf([CAPTURE_FORMAT], metadata.format, 'metadata format', file);
  const op = oneOf(CAPTURE_OPS, metadata.op, 'metadata op', file);
  const args = new ArgsReader(metadata.args, file);
  const reader = new TensorReader(tensors, file);
  const known = KNOWN_METADATA[op];
  const common = {
    provenance: {
      device: metadata.device ?? null,
      smCount: metadata.sm_count ?? null,
      cuda: metadata.cuda ?? null,
      producer: metadata.producer ?? null,
    },
    extraMetadata: new Map(Object.entries(metadata).filter(([name]) => !known.includes(name))),
  };
  switch (op) {
    case 'moe_comm_prepare_indices':
      return { ...common, ...decodePrepareIndices(args, reader), extraArgs: args.rest() };
    case 'moe_local_gather':
      return { ...common, ...decodeLocalGather(args, reader), extraArgs: args.rest() };
    case 'moe_comm':
      return { ...common, ...decodeMoeComm(args, reader, metadata, file), extraArgs: args.rest() };
    default:
      return op satisfies never;
  }
}

function decodePrepareIndices(
  args: ArgsReader,
  tensors: TensorReader,
): Pick<PrepareIndicesCapture, 'op' | 'args' | 'inputs' | 'outputs'> {
  const op = 'moe_comm_prepare_indices';
  const { maxTokenCountPerRank, expertCount, topK, epRank, epSize } = readExpertParallelArgs(args);
  const perRank = [exactly('ep_size', epSize)];
  const perReceived = [exactly('max_token_count_per_rank * ep_size', maxTokenCountPerRank * epSize)];
  const perSent = [
    exactly('max_token_count_per_rank * max(ep_size, top_k)', maxTokenCountPerRank * Math.max(epSize, topK)),
  ];

  const realRankTokenCountCumSum = tensors.i32OrNull('in/real_rank_token_count_cum_sum', perRank);
  const rows =
    realRankTokenCountCumSum === null
      ? exactly('ep_size * max_token_count_per_rank', epSize * maxTokenCountPerRank)
      : any('tokens');
  const inputs = {
    gatheredTargetRankIds: tensors.i32('in/gathered_target_rank_ids', [rows, exactly('top_k', topK)]),
    realRankTokenCountCumSum,
  };
  const outputs = tensors.has(/^out\//)
    ? {
        localGatherIndices: tensors.i32('out/local_gather_indices', perReceived),
        sendRankCountCumSum: tensors.i32('out/send_rank_count_cum_sum', perRank),
        sendRankLocalIndices: tensors.i32('out/send_rank_local_indices', perSent),
        recvRankCountCumSum: tensors.i32('out/recv_rank_count_cum_sum', perRank),
        recvRankLocalIndices: tensors.i32('out/recv_rank_local_indices', perReceived),
        backwardRecvRankLocalIndices: tensors.i32('out/backward_recv_rank_local_indice', perSent),
      }
    : null;
  tensors.finish(`a capture of ${op}`);
  return { op, args: { maxTokenCountPerRank, expertCount, topK, epRank, epSize }, inputs, outputs };
}

function decodeLocalGather(
  args: ArgsReader,
  tensors: TensorReader,
): Pick<LocalGatherCapture, 'op' | 'args' | 'inputs' | 'outputs'> {
  const op = 'moe_local_gather';
  const expertParallelArgs = readExpertParallelArgs(args);
  const { topK, epSize } = expertParallelArgs;
  const gathered = [any('tokens'), exactly('top_k', topK)];
  const recvRankCumSum = tensors.i32('in/recv_rank_cum_sum', [exactly('ep_size', epSize)]);
  const localGatherIndices = tensors.i32('in/local_gather_indices', [any('local_max_token_count')]);
  const local = [exactly('length of local_gather_indices', localGatherIndices.length), exactly('top_k', topK)];
  const inputs = {
    recvRankCumSum,
    localGatherIndices,
    gatheredExpertIds: tensors.i32('in/gathered_expert_ids', gathered),
    gatheredScalesBits: tensors.f32Bits('in/gathered_scales', gathered),
    localExpertIds: tensors.i32('in/local_expert_ids', local),
    localScalesBits: tensors.f32Bits('in/local_scales', local),
  };
  const outputs = tensors.has(/^out\//)
    ? {
        localExpertIds: tensors.i32('out/local_expert_ids', local),
        localScalesBits: tensors.f32Bits('out/local_scales', local),
      }
    : null;
  tensors.finish(`a capture of ${op}`);
  return { op, args: expertParallelArgs, inputs, outputs };
}

function readExpertParallelArgs(args: ArgsReader): ExpertParallelArgs {
  const maxTokenCountPerRank = args.integer('max_token_count_per_rank', POSITIVE_INT32);
  const expertCount = args.integer('expert_count', POSITIVE_INT32);
  const topK = args.integer('top_k', { min: 1, max: expertCount, maxName: 'expert_count' });
  const epSize = args.integer('ep_size', POSITIVE_INT32);
  const epRank = args.integer('ep_rank', { min: 0, max: epSize - 1, maxName: 'ep_size - 1' });
  return { maxTokenCountPerRank, expertCount, topK, epRank, epSize };
}
