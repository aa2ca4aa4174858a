import { type ArgsReader, MAX_INT32, oneOf, POSITIVE_INT32 } from './args-reader.js';
import type { MoeCommArgs, MoeCommCapture, MoeCommInputs, MoeCommOutputs, WorkspacePages } from './capture.js';
import { CaptureError, quote } from './capture-error.js';
import { describe, parseJsonObject } from './json.js';
import { any, exactly, type TensorReader } from './tensor-reader.js';

const MAX_RANK_STRIDE_BYTES = 2 ** 40;
const VECTOR_UNIT_BYTES = 16;
const VERDICTS = ['completes', 'hangs'] as const;

/** What the tensors of every rank are measured by. */
interface Layout {
  readonly args: Omit<MoeCommArgs, 'launchedRanks'>;
  readonly pageBytes: number;
  readonly file: string;
}

/**
 * The part of a capture that is particular to `moe_comm`.
 *
 * Whether the workspace is large enough for the channels is not checked: the host code does that.
 *
 * @throws CaptureError if an argument or tensor is missing or does not fit the others
 */
export function decodeMoeComm(
  reader: ArgsReader,
  tensors: TensorReader,
  metadata: Readonly<Record<string, string>>,
  file: string,
): Pick<MoeCommCapture, 'op' | 'args' | 'ranks' | 'recordedVerdict' | 'ranksFinished'> {
  const op = 'moe_comm';
  const layout = readLayout(reader, file);
  const { epSize } = layout.args;
  const listedRanks = reader.distinctIntegersOrNull('launched_ranks', {
    min: 0,
    max: epSize - 1,
    maxName: 'ep_size - 1',
  });

  const hasOutputs = tensors.has(/^r\d+\/out\//);
  const ranks = [];
  // An ep_size that lies ends at the first rank without tensors, before anything of its size is allocated.
  for (let rank = 0; rank < epSize; rank++) {
    const inputs = readInputs(rank, tensors, layout);
    ranks.push({ inputs, outputs: hasOutputs ? readOutputs(rank, inputs.outputRows, tensors, layout) : null });
  }
  tensors.finish(`a capture of ${op} with ep_size = ${epSize}`);

  const launchedRanks = listedRanks ?? [...ranks.keys()];
  const recordedVerdict =
    metadata.verdict === undefined ? null : oneOf(VERDICTS, metadata.verdict, 'metadata verdict', file);
  const ranksFinished =
    metadata.ranks_finished === undefined ? null : readRanksFinished(metadata.ranks_finished, launchedRanks, file);
  checkVerdict(recordedVerdict, ranksFinished, file);
  return { op, args: { ...layout.args, launchedRanks }, ranks, recordedVerdict, ranksFinished };
}

function readLayout(reader: ArgsReader, file: string): Layout {
  const epSize = reader.integer('ep_size', POSITIVE_INT32);
  const vectorBytes = reader.integer('vector_bytes', {
    min: VECTOR_UNIT_BYTES,
    max: MAX_INT32,
    multipleOf: VECTOR_UNIT_BYTES,
  });
  const rowStride = { min: vectorBytes, max: MAX_INT32, multipleOf: VECTOR_UNIT_BYTES };
  const args = {
    epSize,
    vectorBytes,
    dtype: reader.string('dtype'),
    inputRowStrideBytes: reader.integer('input_row_stride_bytes', rowStride),
    outputRowStrideBytes: reader.integer('output_row_stride_bytes', rowStride),
    rankStrideBytes: reader.integer('rank_stride_bytes', { min: 8, max: MAX_RANK_STRIDE_BYTES, multipleOf: 8 }),
    channelCount: reader.integer('channel_count', POSITIVE_INT32),
    maxUsableSmCount: reader.integer('max_usable_sm_count', POSITIVE_INT32),
    callIndex: reader.integerOr(0, 'call_index', { min: 0, max: MAX_INT32 }),
    oneStream: reader.booleanOr(false, 'one_stream'),
  };
  return { args, pageBytes: reader.integer('workspace_page_bytes', POSITIVE_INT32), file };
}

function readInputs(rank: number, tensors: TensorReader, layout: Layout): MoeCommInputs {
  const side = `r${rank}/in`;
  const { epSize, inputRowStrideBytes, outputRowStrideBytes } = layout.args;
  const perRank = [exactly('ep_size', epSize)];
  const perVector = [any('vectors')];
  const input = tensors.u8(`${side}/input`, [any('rows'), exactly('input_row_stride_bytes', inputRowStrideBytes)]);
  const output = tensors.u8(`${side}/output`, [any('rows'), exactly('output_row_stride_bytes', outputRowStrideBytes)]);
  return {
    input,
    inputRows: input.length / inputRowStrideBytes,
    output,
    outputRows: output.length / outputRowStrideBytes,
    sendRankCumSum: tensors.i32(`${side}/send_rank_cum_sum`, perRank),
    sendIndices: tensors.i32(`${side}/send_indices`, perVector),
    recvRankCumSum: tensors.i32(`${side}/recv_rank_cum_sum`, perRank),
    recvIndices: tensors.i32(`${side}/recv_indices`, perVector),
    workspacePages: readWorkspace(side, tensors, layout),
  };
}

function readOutputs(rank: number, outputRows: number, tensors: TensorReader, layout: Layout): MoeCommOutputs {
  const side = `r${rank}/out`;
  return {
    output: tensors.u8(`${side}/output`, [
      exactly(`rows of r${rank}/in/output`, outputRows),
      exactly('output_row_stride_bytes', layout.args.outputRowStrideBytes),
    ]),
    workspacePages: readWorkspace(side, tensors, layout),
  };
}

function readWorkspace(side: string, tensors: TensorReader, { args, pageBytes, file }: Layout): WorkspacePages {
  const pagesName = `${side}/workspace_pages`;
  const dataName = `${side}/workspace_data`;
  const listedPages = tensors.i64(pagesName, [any('pages')]);
  const data = tensors.u8(dataName, [
    exactly('length of workspace_pages', listedPages.length),
    exactly('workspace_page_bytes', pageBytes),
  ]);

  const pageCount = Math.ceil(args.rankStrideBytes / pageBytes);
  const pages: number[] = [];
  for (const [index, listedPage] of listedPages.entries()) {
    if (listedPage < 0n || listedPage >= pageCount) {
      const problem = `must hold page numbers from 0 to ${pageCount - 1}, the last page of rank_stride_bytes = ${args.rankStrideBytes}, but holds ${listedPage} at index ${index}`;
      throw new CaptureError(file, pagesName, problem);
    }
    const page = Number(listedPage);
    const previousPage = pages.at(-1) ?? -1;
    if (page <= previousPage) {
      const problem = `must be strictly ascending, but holds ${page} after ${previousPage} at index ${index}`;
      throw new CaptureError(file, pagesName, problem);
    }
    pages.push(page);
  }

  const beyondBytes = pageCount * pageBytes - args.rankStrideBytes;
  const isPartialPageListed = beyondBytes > 0 && pages.at(-1) === pageCount - 1;
  if (isPartialPageListed && data.subarray(data.length - beyondBytes).some((byte) => byte !== 0)) {
    const problem = `must be zero in the last ${beyondBytes} bytes of page ${pageCount - 1}, which lie beyond rank_stride_bytes = ${args.rankStrideBytes}, but is not`;
    throw new CaptureError(file, dataName, problem);
  }
  return { pageBytes, pages, data };
}

function readRanksFinished(text: string, launchedRanks: readonly number[], file: string): ReadonlyMap<number, boolean> {
  const subject = 'metadata ranks_finished';
  const members = new Map(parseJsonObject(text, file, subject));
  const finished = new Map<number, boolean>();
  for (const rank of launchedRanks) {
    const value = members.get(String(rank));
    members.delete(String(rank));
    if (typeof value !== 'boolean') {
      const problem = `${subject} must say true or false for the launched rank ${rank}, but that is ${describe(value)}`;
      throw new CaptureError(file, null, problem);
    }
    finished.set(rank, value);
  }
  for (const name of members.keys()) {
    throw new CaptureError(file, null, `${subject} must name launched ranks only, but names ${quote(name)}`);
  }
  return finished;
}

function checkVerdict(
  verdict: MoeCommCapture['recordedVerdict'],
  ranksFinished: ReadonlyMap<number, boolean> | null,
  file: string,
): void {
  if (verdict === null || ranksFinished === null) {
    return;
  }
  const isAllFinished = [...ranksFinished.values()].every((isFinished) => isFinished);
  if (isAllFinished !== (verdict === 'completes')) {
    const found = isAllFinished ? 'every launched rank' : 'not every launched rank';
    throw new CaptureError(file, null, `metadata verdict is ${verdict}, but by ranks_finished ${found} finished`);
  }
}
