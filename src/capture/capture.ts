import type { JsonValue } from './json.js';

/** One kernel call as it was recorded: what went in and, unless only the input was kept, what came out. */
export type Capture = PrepareIndicesCapture | LocalGatherCapture | MoeCommCapture;

/** The operations of `simt-capture/1`, by the names of FlashInfer's Python API (`flashinfer.comm.trtllm_alltoall`). */
export type CaptureOp = Capture['op'];

/** Where a capture was recorded and by what; null where the file does not say. Facts for people, never checked. */
export interface Provenance {
  readonly device: string | null;
  readonly smCount: string | null;
  readonly cuda: string | null;
  readonly producer: string | null;
}

interface CaptureBase {
  readonly provenance: Provenance;
  /** Metadata that simtwin does not know; kept so that writing the capture gives it back. */
  readonly extraMetadata: ReadonlyMap<string, string>;
  /** Members of `args` that simtwin does not know; kept so that writing the capture gives them back. */
  readonly extraArgs: ReadonlyMap<string, JsonValue>;
}

/** The scalars that both index preparation and local gather take. All are int32. */
export interface ExpertParallelArgs {
  /** > 0. */
  readonly maxTokenCountPerRank: number;
  /** > 0. */
  readonly expertCount: number;
  /** 0 < topK <= expertCount. More than 32 is legal here and refused by the host code. */
  readonly topK: number;
  /** 0 <= epRank < epSize. */
  readonly epRank: number;
  /** > 0. More than 1024 is legal here and refused by the host code. */
  readonly epSize: number;
}

/** A call of `moe_comm_prepare_indices`: one rank works out what it sends and receives. */
export interface PrepareIndicesCapture extends CaptureBase {
  readonly op: 'moe_comm_prepare_indices';
  readonly args: ExpertParallelArgs;
  readonly inputs: PrepareIndicesInputs;
  readonly outputs: PrepareIndicesOutputs | null;
}

/** What index preparation reads. */
export interface PrepareIndicesInputs {
  /** i32 [tokens, topK]; without real counts, tokens = epSize * maxTokenCountPerRank. */
  readonly gatheredTargetRankIds: Int32Array;
  /** i32 [epSize] or null. Its values are not checked: a wrong one makes the kernel read out of bounds. */
  readonly realRankTokenCountCumSum: Int32Array | null;
}

/** What index preparation writes. */
export interface PrepareIndicesOutputs {
  /** i32 [maxTokenCountPerRank * epSize]. */
  readonly localGatherIndices: Int32Array;
  /** i32 [epSize]. */
  readonly sendRankCountCumSum: Int32Array;
  /** i32 [maxTokenCountPerRank * max(epSize, topK)]. */
  readonly sendRankLocalIndices: Int32Array;
  /** i32 [epSize]. */
  readonly recvRankCountCumSum: Int32Array;
  /** i32 [maxTokenCountPerRank * epSize]. */
  readonly recvRankLocalIndices: Int32Array;
  /** i32 [maxTokenCountPerRank * max(epSize, topK)]; `backward_recv_rank_local_indice` in the file. */
  readonly backwardRecvRankLocalIndices: Int32Array;
}

/** A call of `moe_local_gather`: one rank picks the expert ids and scales of the tokens that it receives. */
export interface LocalGatherCapture extends CaptureBase {
  readonly op: 'moe_local_gather';
  readonly args: ExpertParallelArgs;
  readonly inputs: LocalGatherInputs;
  readonly outputs: LocalGatherOutputs | null;
}

/**
 * What local gather reads, and what its two outputs held before.
 *
 * Scales are the bits of f32 values, never the values: NaN payloads must survive.
 */
export interface LocalGatherInputs {
  /** i32 [epSize]. */
  readonly recvRankCumSum: Int32Array;
  /** i32 [localMaxTokenCount]: its length defines that count. */
  readonly localGatherIndices: Int32Array;
  /** i32 [tokens, topK]. */
  readonly gatheredExpertIds: Int32Array;
  /** f32 bits [tokens, topK]; the two counts of tokens need not agree. */
  readonly gatheredScalesBits: Int32Array;
  /** i32 [localMaxTokenCount, topK]. */
  readonly localExpertIds: Int32Array;
  /** f32 bits [localMaxTokenCount, topK]. */
  readonly localScalesBits: Int32Array;
}

/** What local gather writes. */
export interface LocalGatherOutputs {
  /** i32 [localMaxTokenCount, topK]. */
  readonly localExpertIds: Int32Array;
  /** f32 bits [localMaxTokenCount, topK]. */
  readonly localScalesBits: Int32Array;
}

/** A call of `moe_comm`: every rank sends vectors to every other, through FIFOs in a workspace that all share. */
export interface MoeCommCapture extends CaptureBase {
  readonly op: 'moe_comm';
  readonly args: MoeCommArgs;
  /** Of length epSize, rank r at index r. Outputs are there for all ranks or for none. */
  readonly ranks: readonly MoeCommRank[];
  /** Whether the call ended on the GPU; null if the file does not say, as for every call outside hang/. */
  readonly recordedVerdict: 'completes' | 'hangs' | null;
  /** For every launched rank whether its kernel had ended; all true exactly if the recorded verdict is `completes`. */
  readonly ranksFinished: ReadonlyMap<number, boolean> | null;
}

/** The scalars of a `moe_comm` call. All are int32 but `rankStrideBytes`. */
export interface MoeCommArgs {
  /** > 0. */
  readonly epSize: number;
  /** A positive multiple of 16. */
  readonly vectorBytes: number;
  /** The element type, for display only: the kernel moves bytes. */
  readonly dtype: string;
  /** A multiple of 16, >= vectorBytes. */
  readonly inputRowStrideBytes: number;
  /** A multiple of 16, >= vectorBytes. */
  readonly outputRowStrideBytes: number;
  /** From one rank's part of the workspace to the next: a positive multiple of 8, at most 2^40. */
  readonly rankStrideBytes: number;
  /** > 0. */
  readonly channelCount: number;
  /** > 0. */
  readonly maxUsableSmCount: number;
  /** The place in a sequence of calls on one workspace, from 0; 0 if the file does not say. */
  readonly callIndex: number;
  /** The ranks whose kernel is launched at all, distinct; all of them if the file does not say. */
  readonly launchedRanks: readonly number[];
  /** Whether the launches queue on one stream in rank order, so that a kernel starts only when the one before ended. */
  readonly oneStream: boolean;
}

/** One rank of a `moe_comm` call. */
export interface MoeCommRank {
  readonly inputs: MoeCommInputs;
  readonly outputs: MoeCommOutputs | null;
}

/** What one rank of `moe_comm` reads, and what its output and its part of the workspace held before. */
export interface MoeCommInputs {
  /** u8 [inputRows, inputRowStrideBytes]; a vector fills the first vectorBytes of a row. */
  readonly input: Uint8Array;
  readonly inputRows: number;
  /** u8 [outputRows, outputRowStrideBytes]: the prior contents. */
  readonly output: Uint8Array;
  readonly outputRows: number;
  /** i32 [epSize]. */
  readonly sendRankCumSum: Int32Array;
  /** i32, of any length. */
  readonly sendIndices: Int32Array;
  /** i32 [epSize]. */
  readonly recvRankCumSum: Int32Array;
  /** i32, of any length. */
  readonly recvIndices: Int32Array;
  readonly workspacePages: WorkspacePages;
}

/** What one rank of `moe_comm` leaves behind. */
export interface MoeCommOutputs {
  /** u8 [outputRows, outputRowStrideBytes]. */
  readonly output: Uint8Array;
  readonly workspacePages: WorkspacePages;
}

/** One rank's part of the workspace, as the pages that are not all zero. */
export interface WorkspacePages {
  /** The same for every rank and side of a capture. */
  readonly pageBytes: number;
  /** Strictly ascending; page p starts at byte p * pageBytes of the rank's part, which must lie inside it. */
  readonly pages: readonly number[];
  /** u8 [pages.length, pageBytes]; bytes of a last page beyond the rank's part are zero. */
  readonly data: Uint8Array;
}
