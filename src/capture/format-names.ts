import type { CaptureOp } from './capture.js';

/** The value of the metadata `format`. */
export const CAPTURE_FORMAT = 'simt-capture/1';

/** The same of one rank's part of a call, which `simtwin merge` puts together with the others'. */
export const PART_FORMAT = 'simt-capture-part/1';

/** Every operation that the format knows. */
export const CAPTURE_OPS = [
  'moe_comm_prepare_indices',
  'moe_local_gather',
  'moe_comm',
] as const satisfies readonly CaptureOp[];

const COMMON_METADATA = ['format', 'op', 'args', 'device', 'sm_count', 'cuda', 'producer'];

/** The metadata that has a field of its own in a capture of each operation; the rest goes to `extraMetadata`. */
export const KNOWN_METADATA: Readonly<Record<CaptureOp, readonly string[]>> = {
  moe_comm_prepare_indices: COMMON_METADATA,
  moe_local_gather: COMMON_METADATA,
  moe_comm: [...COMMON_METADATA, 'verdict', 'ranks_finished'],
};
