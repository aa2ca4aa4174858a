import type { Capture, CaptureOp } from '../index.js';

/** The operations by the names that people type. */
export const SHORT_OP_NAMES: Readonly<Record<CaptureOp, string>> = {
  moe_comm_prepare_indices: 'prepare-indices',
  moe_local_gather: 'local-gather',
  moe_comm: 'all-to-all',
};

/** The call's size in about 18 characters: `ep8 k8 t1025 r7`, `ep4 1936 B, 4 ch`. */
export function shapeOf(capture: Capture): string {
  if (capture.op === 'moe_comm') {
    const { epSize, vectorBytes, channelCount } = capture.args;
    return `ep${epSize} ${vectorBytes} B, ${channelCount} ch`;
  }
  const { epSize, topK, maxTokenCountPerRank, epRank } = capture.args;
  return `ep${epSize} k${topK} t${maxTokenCountPerRank} r${epRank}`;
}
