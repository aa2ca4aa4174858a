import { describe, expect, test } from 'vitest';
import { simtwin } from './support.js';

const small = '{"ep_size":2,"tokens":1,"top_k":1,"vector_bytes":480,"max_usable_sm_count":2}';
const progress = ['progress', 'all-to-all', '--args', small];

describe('simtwin progress', () => {
  test('a block that has begun waits for one that has not', async () => {
    const { exitCode, stdout } = await simtwin([...progress, '--max-states', '800', '--model', 'obe']);
    expect(exitCode).toBe(1);
    expect(stdout).toMatch(/^obe: does not terminate \(800 states, .*\): starvation after 30 steps/m);
    expect(stdout).toContain(
      '  rank 0 moeAllToAllKernel block 1 goes on, waiting for rank 0 moeAllToAllKernel block 0\n',
    );
    expect(stdout).toContain('  rank 0 moeAllToAllKernel block 0 never goes on: it has not begun\n');
  });

  test('as data', async () => {
    const { exitCode, stdout } = await simtwin([
      ...progress,
      '--model',
      'fair,one-stream',
      '--max-states',
      '60',
      '--json',
    ]);
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      target: { op: 'moe_comm' },
      results: [{ model: 'fair,one-stream', verdict: 'unknown', boundedBy: ['maxStates: 60'], starvation: null }],
    });
  });

  test('what was not decided says why', async () => {
    const { exitCode, stdout } = await simtwin([...progress, '--model', 'fair', '--max-states', '20']);
    expect({ exitCode, last: stdout.trimEnd().split('\n').at(-1) }).toEqual({
      exitCode: 0,
      last: 'fair: unknown (20 states, stopped by maxStates: 20)',
    });
  });

  test('a model that there is not', async () => {
    const { exitCode, stderr } = await simtwin([...progress, '--model', 'hsb']);
    expect(exitCode).toBe(2);
    expect(stderr).toContain(
      "'hsb' does not fit; a progress model is unfair, hsa, obe, hsa-obe, lobe, fair, then any of",
    );
  });
});
