import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll } from 'vitest';
import { type Capture, generateCapture, writeCapture } from '../../src/index.js';
import { useTemporaryFolder } from '../cli/support.js';
import { receiverExpectsOneMore } from '../debug/one-more.js';
import { repositoryRoot } from '../support/files.js';

/** The file with the all-to-all's functions, where an editor opens it. */
export const COMMUNICATOR = join(repositoryRoot, 'src/kernels/all-to-all-channel-communicator.ts');

/** That of the last kernel of prepare-indices. */
export const INDICES = join(repositoryRoot, 'src/kernels/compute-send-recv-indices-kernel.ts');

/** The line of a file, from 1, that has a text first. */
export function lineOf(text: string, path = COMMUNICATOR): number {
  const index = readFileSync(path, 'utf8')
    .split('\n')
    .findIndex((line) => line.includes(text));
  if (index === -1) throw new Error(`no line has ${text}`);
  return index + 1;
}

/** A schedule of many small steps. */
export const SLOWLY = 'rr,granule=1';

const CALLS = {
  /** Two ranks, one channel, a few thousand steps. */
  small: () => allToAll({ ep_size: 2, tokens: 4, top_k: 1, vector_bytes: 512, max_usable_sm_count: 4 }),
  /** Under {@link SLOWLY} many seconds long. */
  long: () => allToAll({ ep_size: 4, tokens: 64, top_k: 4, vector_bytes: 4096, max_usable_sm_count: 4 }),
  /** 8 ranks of 8 blocks of 512 threads. */
  wide: () => allToAll({ ep_size: 8, tokens: 16, top_k: 8, vector_bytes: 256, max_usable_sm_count: 8 }),
  hang: receiverExpectsOneMore,
  prepare: () => generateCapture('moe_comm_prepare_indices', { ep_size: 2 }, 1),
} satisfies Readonly<Record<string, () => Capture>>;

const allToAll = (args: Record<string, number>): Capture => generateCapture('moe_comm', args, 1);

/** Paths of captures for the tests of a file. */
export function useCalls(): (name: keyof typeof CALLS) => string {
  const folder = useTemporaryFolder();
  const written = new Set<string>();
  beforeAll(() => written.clear());
  return (name) => {
    const path = join(folder(), `${name}.safetensors`);
    if (!written.has(name)) writeCapture(path, CALLS[name]());
    written.add(name);
    return path;
  };
}
