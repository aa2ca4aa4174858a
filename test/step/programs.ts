import { createCompiler, nodeSources } from '../../src/compile/index.js';
import {
  computeSendRecvIndicesKernel,
  computeSendRecvRankCountKernel,
  inplaceSendRecvRankCumSumKernel,
  moeAllToAllKernel,
  moeLocalGatherDevice,
} from '../../src/kernels/index.js';
import { type Program, registerProgram } from '../../src/program/index.js';
import type { Kernel } from '../../src/simt/index.js';
import { repositoryRoot } from '../support/files.js';

const compiler = createCompiler(nodeSources());

/** Compiles an export of a file, or a field of it; `path` from the repository's root. */
export const compiled = (path: string, name: string, key: string | null = null): Program =>
  compiler.compile(`${repositoryRoot.replaceAll('\\', '/').replace(/\/$/, '')}/${path}`, name, key);

const KERNELS: readonly (readonly [Kernel<never>, string])[] = [
  [moeAllToAllKernel, 'moe-all-to-all-kernel'],
  [computeSendRecvRankCountKernel, 'compute-send-recv-rank-count-kernel'],
  [inplaceSendRecvRankCumSumKernel, 'inplace-send-recv-rank-cum-sum-kernel'],
  [computeSendRecvIndicesKernel, 'compute-send-recv-indices-kernel'],
  [moeLocalGatherDevice, 'moe-local-gather-device'],
];

/** Compiles and registers the kernels of `src/kernels`. */
export function registerKernels(): void {
  for (const [kernel, file] of KERNELS) registerProgram(kernel, compiled(`src/kernels/${file}.ts`, kernel.name));
}
