import { resolve } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { readFixture, replay } from '../corpus/captures.js';
import { pinnedMatch } from '../corpus/pinned-bytes.js';

/** A module of `src/kernels` whose kernel is the interpreted program. */
async function interpreted(file: string, name: string): Promise<Record<string, unknown>> {
  const { compileFile } = await import('../../src/compile/index.js');
  const { interpret } = await import('./interpreter.js');
  const { programs, errors } = compileFile(resolve(import.meta.dirname, '../../src/kernels', file));
  if (errors.length > 0) throw errors[0];
  return { [name]: interpret(programs.get(name)!) };
}

vi.mock('../../src/kernels/moe-all-to-all-kernel.js', () =>
  interpreted('moe-all-to-all-kernel.ts', 'moeAllToAllKernel'),
);
vi.mock('../../src/kernels/moe-local-gather-device.js', () =>
  interpreted('moe-local-gather-device.ts', 'moeLocalGatherDevice'),
);
vi.mock('../../src/kernels/compute-send-recv-rank-count-kernel.js', () =>
  interpreted('compute-send-recv-rank-count-kernel.ts', 'computeSendRecvRankCountKernel'),
);
vi.mock('../../src/kernels/inplace-send-recv-rank-cum-sum-kernel.js', () =>
  interpreted('inplace-send-recv-rank-cum-sum-kernel.ts', 'inplaceSendRecvRankCumSumKernel'),
);
vi.mock('../../src/kernels/compute-send-recv-indices-kernel.js', () =>
  interpreted('compute-send-recv-indices-kernel.ts', 'computeSendRecvIndicesKernel'),
);

const CAPTURES = [
  'all-to-all/ep1-f16x8',
  'all-to-all/ep1-f16x288',
  'all-to-all/ep2-f16x8',
  'all-to-all/ep4-f32x4-none-from-rank1',
  'hang/serialised-but-one-way-fits-fifo',
  'hang/workspace-dirty-head-and-tail-equal',
  'local-gather/ep2-k1-t9-none',
  'local-gather/ep3-k32-t20',
  'local-gather/ep8-k8-t32',
  'prepare-indices/ep1-k1-t5',
  'prepare-indices/ep2-k2-r1-t33',
  'prepare-indices/ep4-k3-r2-t100-real',
  'prepare-indices/ep5-k32-r2-t40',
  'prepare-indices/ep8-k4-r2-t200-outofrange',
];

describe.each(CAPTURES)('%s, by the programs of the kernels', (name) => {
  const capture = readFixture(name);
  test.each(['rr', 'random:1,granule=8'])('%s', (schedule) => {
    expect(replay(capture, schedule)).toMatchObject(pinnedMatch(name));
  });
});
