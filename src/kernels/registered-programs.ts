import { registerProgram } from '../program/index.js';
import { parseProgram } from '../program/serialize.js';
import type { Kernel } from '../simt/index.js';
import { computeSendRecvIndicesKernel } from './compute-send-recv-indices-kernel.js';
import { computeSendRecvRankCountKernel } from './compute-send-recv-rank-count-kernel.js';
import { inplaceSendRecvRankCumSumKernel } from './inplace-send-recv-rank-cum-sum-kernel.js';
import { moeAllToAllKernel } from './moe-all-to-all-kernel.js';
import { moeLocalGatherDevice } from './moe-local-gather-device.js';
import { PROGRAMS } from './programs.js';

/** Every kernel under its own name, as in the catalog. */
const KERNELS: Readonly<Record<string, Kernel<never>>> = {
  moeAllToAllKernel,
  computeSendRecvRankCountKernel,
  inplaceSendRecvRankCumSumKernel,
  computeSendRecvIndicesKernel,
  moeLocalGatherDevice,
};

// Imported for its effect: whoever has the kernels has them compiled.
for (const [name, kernel] of Object.entries(KERNELS)) {
  const text = PROGRAMS[name];
  if (text !== undefined) registerProgram(kernel, () => parseProgram(text));
}
