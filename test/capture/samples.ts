import type { JsonValue, LocalGatherCapture, MoeCommCapture, PrepareIndicesCapture } from '../../src/capture/index.js';
import { type Capture, decodeSafetensors, encodeCapture, encodeSafetensors } from '../../src/capture/index.js';
import type { Tensor } from '../../src/capture/safetensors.js';

const common = {
  provenance: { device: 'a GPU', smCount: '132', cuda: '13.0', producer: null },
  extraMetadata: new Map<string, string>(),
  extraArgs: new Map<string, JsonValue>(),
};

const expertParallelArgs = { maxTokenCountPerRank: 3, expertCount: 8, topK: 2, epRank: 1, epSize: 4 };

/** A small sound call of index preparation, with real counts and outputs. */
export const prepareIndicesSample: PrepareIndicesCapture = {
  ...common,
  op: 'moe_comm_prepare_indices',
  args: expertParallelArgs,
  inputs: {
    gatheredTargetRankIds: Int32Array.from({ length: 24 }, (_, index) => index % 4),
    realRankTokenCountCumSum: Int32Array.of(3, 6, 9, 12),
  },
  outputs: {
    localGatherIndices: new Int32Array(12),
    sendRankCountCumSum: new Int32Array(4),
    sendRankLocalIndices: new Int32Array(12),
    recvRankCountCumSum: new Int32Array(4),
    recvRankLocalIndices: new Int32Array(12),
    backwardRecvRankLocalIndices: new Int32Array(12),
  },
};

/** A small sound call of local gather, with a signalling NaN among the scales. */
export const localGatherSample: LocalGatherCapture = {
  ...common,
  op: 'moe_local_gather',
  args: expertParallelArgs,
  inputs: {
    recvRankCumSum: Int32Array.of(1, 1, 2, 3),
    localGatherIndices: Int32Array.of(2, 0, 1),
    gatheredExpertIds: Int32Array.of(0, 1, 2, 3, 4, 5),
    gatheredScalesBits: Int32Array.of(0x7fa00001, -1, 0, 1, 2, 3),
    localExpertIds: new Int32Array(6),
    localScalesBits: new Int32Array(6),
  },
  outputs: { localExpertIds: new Int32Array(6), localScalesBits: new Int32Array(6) },
};

/** A small sound all-to-all of two ranks that hung; pages of 32 bytes, of which the third is half outside. */
export const moeCommSample: MoeCommCapture = {
  ...common,
  op: 'moe_comm',
  args: {
    epSize: 2,
    vectorBytes: 16,
    dtype: 'BF16',
    inputRowStrideBytes: 32,
    outputRowStrideBytes: 16,
    rankStrideBytes: 80,
    channelCount: 1,
    maxUsableSmCount: 4,
    callIndex: 0,
    launchedRanks: [0, 1],
    oneStream: false,
  },
  ranks: [0, 1].map((rank) => ({
    inputs: {
      input: new Uint8Array(64).fill(rank + 1),
      inputRows: 2,
      output: new Uint8Array(48),
      outputRows: 3,
      sendRankCumSum: Int32Array.of(1, 2),
      sendIndices: Int32Array.of(0, 1),
      recvRankCumSum: Int32Array.of(1, 2),
      recvIndices: Int32Array.of(0, 1),
      workspacePages: { pageBytes: 32, pages: [], data: new Uint8Array(0) },
    },
    outputs: {
      output: new Uint8Array(48).fill(rank),
      workspacePages: { pageBytes: 32, pages: [0, 2], data: new Uint8Array(64).fill(7, 0, 48) },
    },
  })),
  recordedVerdict: 'hangs',
  ranksFinished: new Map([
    [0, true],
    [1, false],
  ]),
};

/** What a test changes in a sound capture file; undefined removes. */
export interface Tampering {
  readonly metadata?: Readonly<Record<string, string | undefined>>;
  readonly args?: Readonly<Record<string, JsonValue | undefined>>;
  readonly tensors?: Readonly<Record<string, Tensor | undefined>>;
}

/** The bytes of the file of `capture`, changed. */
export function tamperedFile(capture: Capture, { metadata = {}, args = {}, tensors = {} }: Tampering): Uint8Array {
  const file = decodeSafetensors(encodeCapture(capture), 'sample');
  const newArgs = { ...JSON.parse(file.metadata.args!), ...args };
  const newMetadata = { ...file.metadata, args: JSON.stringify(newArgs), ...metadata };
  return encodeSafetensors({
    metadata: Object.fromEntries(Object.entries(newMetadata).filter(isPresent)),
    tensors: new Map(Object.entries({ ...Object.fromEntries(file.tensors), ...tensors }).filter(isPresent)),
  });
}

/** An all-zero i32 tensor. */
export function i32(...shape: number[]): Tensor {
  return { dtype: 'I32', shape, bytes: new Uint8Array(4 * elementCount(shape)) };
}

/** An all-zero f32 tensor. */
export function f32(...shape: number[]): Tensor {
  return { ...i32(...shape), dtype: 'F32' };
}

/** A u8 tensor, every byte `value`. */
export function u8(shape: readonly number[], value = 0): Tensor {
  return { dtype: 'U8', shape, bytes: new Uint8Array(elementCount(shape)).fill(value) };
}

/** A list of i64. */
export function i64(...values: bigint[]): Tensor {
  return { dtype: 'I64', shape: [values.length], bytes: new Uint8Array(BigInt64Array.from(values).buffer) };
}

/** A safetensors file of this header text and these bytes of data (so many zeros if it is a number), unchecked. */
export function rawSafetensors(header: string, data: Uint8Array | number = 0): Uint8Array {
  const text = new TextEncoder().encode(header);
  const dataBytes = typeof data === 'number' ? new Uint8Array(data) : data;
  const bytes = new Uint8Array(8 + text.length + dataBytes.length);
  new DataView(bytes.buffer).setUint32(0, text.length, true);
  bytes.set(text, 8);
  bytes.set(dataBytes, 8 + text.length);
  return bytes;
}

function isPresent<T>(entry: [string, T | undefined]): entry is [string, T] {
  return entry[1] !== undefined;
}

function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}
