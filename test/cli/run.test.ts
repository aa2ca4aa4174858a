import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readCapture } from '../../src/index.js';
import { simtwin, useTemporaryFolder } from './support.js';

const folder = useTemporaryFolder();

describe.each([
  { op: 'prepare-indices', args: '{"ep_size": 3, "real_counts": true, "out_of_range": true}' },
  { op: 'local-gather', args: '{"ep_size": 5, "ep_rank": 4, "top_k": 3}' },
  { op: 'all-to-all', args: '{"ep_size": 2, "vector_bytes": 2000, "tokens": 3, "output_row_stride_bytes": 2048}' },
])('$op', ({ op, args }) => {
  test('matches the reference, and what it saves replays', async () => {
    const out = join(folder(), `${op}.safetensors`);
    const run = await simtwin(['run', op, '--args', args, '--seed', '7', '--out', out, '--schedule', 'random:2']);
    expect({ exitCode: run.exitCode, stderr: run.stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(run.stdout).toMatch(/\n {2}seed 7 .* match .*\n\n.*, 1 capture written to .*\n1 passed, 0 failed\n$/);
    expect(readCapture(out).provenance).toMatchObject({
      device: 'simtwin',
      producer: expect.stringMatching(/^simtwin \d/),
    });
    expect((await simtwin(['replay', out, '--quiet'])).stdout).toBe('1 passed, 0 failed\n');
  });

  test('gives the same text twice, and JSON with the arguments', async () => {
    const argv = ['run', op, '--json', '--seed', '3', '--args', args];
    const once = await simtwin(argv);
    expect(await simtwin(argv)).toEqual(once);
    expect(JSON.parse(once.stdout)).toMatchObject({
      args: JSON.parse(args),
      seed: 3,
      captures: [
        {
          file: null,
          result: 'match',
          verdict: 'completes',
          reproduce: `simtwin run ${op} --args '${JSON.stringify(JSON.parse(args))}' --seed 3 --schedule rr`,
        },
      ],
      passed: 1,
      failed: 0,
    });
  });
});

test('the full names of operations are fine, too, and every argument has a default', async () => {
  for (const op of ['moe_comm_prepare_indices', 'moe_local_gather', 'moe_comm']) {
    expect((await simtwin(['run', op, '--quiet'])).stdout).toBe('1 passed, 0 failed\n');
  }
});

test('a limit ends it with exit code 3 and writes nothing', async () => {
  const out = join(folder(), 'unwritten.safetensors');
  const { exitCode, stdout } = await simtwin(['run', 'all-to-all', '--max-steps', '50', '--out', out, '--quiet']);
  expect(exitCode).toBe(3);
  expect(stdout).toMatch(/^error: .*\n {2}budget: 50 steps are spent/);
  expect(() => readCapture(out)).toThrow('no such file');
});
