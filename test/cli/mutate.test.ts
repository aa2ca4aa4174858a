import { describe, expect, test } from 'vitest';
import { simtwin } from './support.js';

/** Two ranks, a few vectors of one packet. */
const SMALL = [
  'mutate',
  'all-to-all',
  '--args',
  '{"ep_size":2,"tokens":3,"top_k":1,"vector_bytes":1920,"max_usable_sm_count":2}',
];

const file = 'src/kernels/all-to-all-channel-communicator.ts';

describe('simtwin mutate', () => {
  test('a table of what is load-bearing, and what nothing shows', async () => {
    const { exitCode, stdout, stderr } = await simtwin([
      ...SMALL,
      '--schedules',
      '3',
      '--kinds',
      'barrier-removed,vote-own',
    ]);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    const lines = stdout.trimEnd().split('\n');
    expect(lines[0]).toMatch(/^all-to-all {2}\(moe_comm, ep2 /);
    expect(lines[2]).toBe('moeAllToAllKernel');
    expect(lines[3]?.split(/ {2,}/).slice(1)).toEqual([
      'kind',
      'place',
      'original',
      'verdict',
      'what shows it',
      'schedule',
    ]);
    const rows = lines.slice(4, -2).map((line) => line.trim().split(/ {2,}/));
    const found = new Map(rows.map(([kind, , original, ...rest]) => [`${kind} ${original}`, rest]));
    // The offsets of a group are written by one thread and read by all of it.
    expect(found.get('barrier-removed trtllm_alltoall.cuh:341')).toEqual([
      'killed',
      expect.stringMatching(/^race on shared memory, /),
      'rr',
    ]);
    expect(found.get('vote-own trtllm_alltoall.cuh:429')).toEqual(['killed', 'wrong output', 'rr']);
    // Each thread polls for itself.
    expect(found.get('barrier-removed trtllm_alltoall.cuh:478')).toEqual([
      'survived',
      'nothing covers it, or nothing needs it',
      '-',
    ]);
    expect(lines.at(-1)).toMatch(/^9 mutants: \d killed, \d survived; score \d+%, 3 schedules, 0\.00 s$/);
  });

  test('as data', async () => {
    const { exitCode, stdout } = await simtwin([
      ...SMALL,
      '--schedules',
      '2',
      '--kinds',
      'barrier-removed,poll-weakened,scope-narrowed',
      '--json',
    ]);
    expect(exitCode).toBe(0);
    const { mutants, summary, ...rest } = JSON.parse(stdout);
    expect(rest).toEqual({ target: 'all-to-all', op: 'moe_comm', schedules: 2, seed: 0, baseline: [] });
    expect(mutants[0]).toEqual({
      name: expect.stringMatching(/^moeAllToAllKernel:barrier-removed@src\/kernels\/[\w-]+\.ts:\d+:\d+$/),
      kernel: 'moeAllToAllKernel',
      kind: 'barrier-removed',
      variant: '',
      change: 'no barrier.sync',
      file,
      line: expect.any(Number),
      original: 'trtllm_alltoall.cuh:341',
      inLibrary: null,
      inlined: 1,
      verdict: 'killed',
      isReached: true,
      runs: 1,
      finding: {
        summary: expect.stringMatching(/^race on shared memory/),
        schedule: 'rr',
        key: expect.stringMatching(/^race /),
        problem: expect.objectContaining({ kind: 'race' }),
      },
    });
    const killed = mutants.filter(({ verdict }: { verdict: string }) => verdict === 'killed').length;
    expect(summary).toEqual({
      mutants: mutants.length,
      killed,
      survived: mutants.length - killed,
      notReached: expect.any(Number),
      score: killed / mutants.length,
    });
  });

  test('names alone, the same each time', async () => {
    const [once, again] = [await simtwin([...SMALL, '--list']), await simtwin([...SMALL, '--list'])];
    expect(again).toEqual(once);
    const names = once.stdout.trimEnd().split('\n');
    expect(new Set(names).size).toBe(names.length);
    expect(names.length).toBeGreaterThan(40);
    for (const name of names) expect(name).toMatch(/^moeAllToAllKernel:[\w.-]+@src\/kernels\/[\w-]+\.ts:\d+:\d+$/);
  });

  test('--fail-on-survivors', async () => {
    const args = ['mutate', 'prepare-indices', '--args', '{"ep_size":2,"top_k":1}', '--schedules', '1'];
    const survives = [...args, '--kinds', 'syncwarp-removed'];
    expect((await simtwin(survives)).exitCode).toBe(0);
    expect((await simtwin([...survives, '--fail-on-survivors'])).exitCode).toBe(1);
    const none = [...args, '--kinds', 'fence-removed', '--fail-on-survivors'];
    expect(await simtwin(none)).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('0 mutants') });
  });

  test("barriers of CUB's scan are named with the line that scans", async () => {
    const { stdout } = await simtwin([
      'mutate',
      'prepare-indices',
      '--args',
      '{"ep_size":2}',
      '--schedules',
      '1',
      '--kinds',
      'barrier-removed',
    ]);
    expect(stdout).toMatch(
      /compute-send-recv-indices-kernel\.ts:\d+ in block-scan\.ts:\d+ +trtllm_alltoall\.cuh:725 +killed/,
    );
    expect(stdout).toMatch(/survived +this call does not come here/);
  });

  test('a progress line tells how many are done', async () => {
    let now = 0;
    let text = '';
    await simtwin([...SMALL, '--schedules', '1', '--kinds', 'vote-own,poll-weakened'], {
      stderrColumns: 200,
      now: () => {
        now += 200;
        return now;
      },
      onStderr: (part) => {
        text += part;
      },
    });
    expect(text).toContain('[1/3] 0 survived  moeAllToAllKernel:');
    expect(text).toContain('[3/3] ');
  });

  test.each([
    [['--kinds', 'barriers'], "there is no kind 'barriers'"],
    [['--schedules', '0'], 'schedules'],
    [['--seed', 'x'], 'seed'],
    [['--granule', '4'], 'granule'],
  ])('%s is refused', async (args, part) => {
    const { exitCode, stderr } = await simtwin([...SMALL, ...args]);
    expect(exitCode).toBe(2);
    expect(stderr).toContain(part);
  });
});
