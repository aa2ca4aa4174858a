import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { GENERATE_ARGS, KERNEL_CATALOG } from '../../src/index.js';
import { repositoryRoot } from '../support/files.js';
import { simtwin } from './support.js';

test('names every kernel, its port, which exists, and every argument of run', async () => {
  const { exitCode, stdout, stderr } = await simtwin(['list']);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  for (const { name, port, originalLines } of KERNEL_CATALOG) {
    expect(stdout).toContain(`${name}\n`);
    expect(stdout).toContain(`trtllm_alltoall.cuh:${originalLines}\n`);
    expect(existsSync(join(repositoryRoot, port))).toBe(true);
  }
  for (const [op, args] of Object.entries(GENERATE_ARGS)) {
    expect(stdout).toContain(`\n${op}  simtwin run `);
    for (const name of Object.keys(args)) expect(stdout).toContain(`\n  ${name} `);
  }
});

test.each([80, 100, 120])('fits %d columns', async (columns) => {
  const { stdout } = await simtwin(['list'], { stdoutColumns: columns });
  expect(Math.max(...stdout.split('\n').map(({ length }) => length))).toBeLessThanOrEqual(columns);
});

test('a kernel in text', async () => {
  const { stdout } = await simtwin(['list']);
  expect(stdout.split('\n\n')[1]).toMatchInlineSnapshot(`
    "computeSendRecvRankCountKernel
      template    kThreadsGroupSize = 1|2|4|8|16|32 by topK
      parameters  worldInfo, expertParallelInfo, maxTokenCountPerRank, realRankTokenCountCumSum, gatheredTargetRankIds,
                  sendRankCount, recvRankCount
      launch      <<<(epSize, 2), 1024>>>
      original    trtllm_alltoall.cuh:536-604
      port        src/kernels/compute-send-recv-rank-count-kernel.ts
      operation   moe_comm_prepare_indices"
  `);
});

test('--json has the same', async () => {
  const { stdout } = await simtwin(['list', '--json']);
  const { kernels, operations } = JSON.parse(stdout) as { kernels: unknown; operations: { name: string }[] };
  expect(kernels).toEqual(KERNEL_CATALOG);
  expect(operations.map(({ name }) => name)).toEqual(['moe_comm_prepare_indices', 'moe_local_gather', 'moe_comm']);
});
