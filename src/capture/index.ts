/** Reading and writing the capture format `simt-capture/1`, and the channel tables that come with it. */

export type {
  Capture,
  CaptureOp,
  ExpertParallelArgs,
  LocalGatherCapture,
  LocalGatherInputs,
  LocalGatherOutputs,
  MoeCommArgs,
  MoeCommCapture,
  MoeCommInputs,
  MoeCommOutputs,
  MoeCommRank,
  PrepareIndicesCapture,
  PrepareIndicesInputs,
  PrepareIndicesOutputs,
  Provenance,
  WorkspacePages,
} from './capture.js';
export { CaptureError } from './capture-error.js';
export { readCapture, readCapturePart, writeCapture } from './capture-file.js';
export { type ChannelTable, type ChannelTableRow, decodeChannelTable } from './channel-table.js';
export { decodeCapture } from './decode-capture.js';
export { encodeCapture } from './encode-capture.js';
export { CAPTURE_FORMAT, CAPTURE_OPS } from './format-names.js';
export type { JsonValue } from './json.js';
export { type CapturePart, decodeCapturePart, type MergedParts, mergeCaptureParts } from './merge-parts.js';
export { type Dtype, decodeSafetensors, encodeSafetensors, type SafetensorsFile, type Tensor } from './safetensors.js';
