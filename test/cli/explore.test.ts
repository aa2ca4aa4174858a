import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readCapture, writeCapture } from '../../src/index.js';
import { gather, hang, plantRace } from './explore-support.js';
import { captureOf, fixtures, flipByte, simtwin, useTemporaryFolder } from './support.js';

const folder = useTemporaryFolder();
const path = (name: string): string => join(folder(), name);

/** A capture whose output no run gives. */
let wrong = '';
beforeAll(() => {
  const capture = captureOf('moe_local_gather', readCapture(gather));
  flipByte(capture.outputs!.localExpertIds, 0);
  wrong = path('wrong.safetensors');
  writeCapture(wrong, capture);
});

/** What is said of a search, without the line that names the call. */
async function said(target: string, ...options: readonly string[]) {
  const { exitCode, stdout, stderr } = await simtwin(['explore', target, ...options]);
  expect(stderr).toBe('');
  return { exitCode, lines: stdout.trimEnd().split('\n').slice(2) };
}

describe('what it says', () => {
  test('stores that others see late: the schedules say so', async () => {
    const { exitCode, stdout } = await simtwin(['explore', gather, '--schedules', '4', '--delay', 'stores', '--json']);
    expect(exitCode).toBe(0);
    const { outputs } = JSON.parse(stdout);
    expect(outputs[0].schedule).toBe('rr,stores=0');
  });

  test('nothing is wrong: 0', async () => {
    expect(await said(gather, '--schedules', '9')).toEqual({
      exitCode: 0,
      lines: [
        '9 schedules: 9 completes; 1 output; 288 steps; 0.00 s',
        'coverage: no two threads conflict',
        'nothing found',
      ],
    });
  });

  test('an operation with random inputs', async () => {
    const args = '{"ep_size": 2, "top_k": 1, "max_token_count_per_rank": 1}';
    const { exitCode, stdout } = await simtwin(['explore', 'local-gather', '--args', args, '--schedules', '4']);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(
      /^local-gather {2}\(moe_local_gather, ep2 k1 t1 r0\)\n\n4 schedules: 4 completes; 1 output;/,
    );
  });

  test('a wrong output: 1', async () => {
    expect(await said(wrong, '--schedules', '9')).toEqual({
      exitCode: 1,
      lines: [
        '1. wrong output',
        '   1 of 768 bytes differ, the first in out/local_expert_ids, row 0, column 0, byte 0 of it: 25 instead of 89',
        '   in 9 of 9 schedules, first rr',
        `   simtwin replay ${wrong} --schedule rr --mode step`,
        '',
        '9 schedules: 9 completes; 1 output; 288 steps; 0.00 s',
        'coverage: no two threads conflict',
        '1 finding',
      ],
    });
  });

  test('a call that hung on the GPU, as it does here', async () => {
    expect(await said(hang, '--schedules', '2')).toMatchObject({
      exitCode: 1,
      lines: expect.arrayContaining([
        '1. deadlock: launch order',
        '   in 2 of 2 schedules, first rr',
        `   simtwin debug ${hang} --schedule rr`,
        expect.stringMatching(/^2 schedules: 2 deadlock; [\d,]+ steps; 0\.00 s$/),
      ]),
    });
  });

  test('a call that hung on the GPU, but completes here', async () => {
    const capture = captureOf('moe_comm', readCapture(join(fixtures, 'all-to-all/ep2-f16x8.safetensors.br')));
    const hung = path('hung.safetensors');
    writeCapture(hung, {
      ...capture,
      recordedVerdict: 'hangs',
      ranksFinished: new Map([
        [0, false],
        [1, false],
      ]),
    });
    expect(await said(hung, '--schedules', '1')).toMatchObject({
      exitCode: 1,
      lines: ['1. wrong output', '   it completes, but hung on the GPU', ...Array(6).fill(expect.any(String))],
    });
  });

  test('a file without outputs is searched all the same', async () => {
    const bare = path('bare.safetensors');
    writeCapture(bare, { ...captureOf('moe_local_gather', readCapture(gather)), outputs: null });
    expect(await said(bare, '--schedules', '3')).toEqual({
      exitCode: 0,
      lines: [
        '3 schedules: 3 completes; 96 steps; 0.00 s',
        'coverage: no two threads conflict',
        'The capture has no outputs: they were not compared.',
        'nothing found',
      ],
    });
  });
});

describe('coverage', () => {
  const args = '{"ep_size": 2, "tokens": 3, "top_k": 1, "vector_bytes": 480, "max_usable_sm_count": 2}';
  const coverage = async (schedules: string) => {
    const argv = ['explore', 'all-to-all', '--args', args, '--schedules', schedules];
    const [text, json] = [await simtwin(argv), await simtwin([...argv, '--json'])];
    return { text: text.stdout.split('\n').find((line) => line.startsWith('coverage'))!, ...JSON.parse(json.stdout) };
  };

  test('pairs of places, and those that were seen in one order, with the lines of both', async () => {
    const { text, coverage: json, pairs } = await coverage('9');
    const { pairs: all, bothOrders, alwaysOrdered, oneOrder } = json;
    expect(text).toBe(
      `coverage: ${bothOrders} of ${all} conflicting pairs seen in both orders; of the others, ${alwaysOrdered} always ordered by the program`,
    );
    expect(bothOrders + oneOrder.length).toBe(all);
    expect(oneOrder).toContainEqual({
      before: expect.objectContaining({ operation: 'load', original: 'trtllm_alltoall.cuh:327' }),
      after: expect.objectContaining({
        kernel: 'moeAllToAllKernel',
        operation: 'atomic',
        line: expect.stringMatching(/^src\/kernels\/all-to-all-channel-communicator\.ts:\d+$/),
        original: 'trtllm_alltoall.cuh:484',
      }),
      isAlwaysOrdered: true,
    });
    // Only shards need them.
    expect(pairs).toBeUndefined();
  });

  test('more schedules see more', async () => {
    const deep = '{"ep_size": 2, "tokens": 24, "top_k": 1, "vector_bytes": 480, "max_usable_sm_count": 2}';
    const of = async (schedules: string) => {
      const argv = ['explore', 'all-to-all', '--args', deep, '--schedules', schedules, '--json'];
      return JSON.parse((await simtwin(argv)).stdout).coverage;
    };
    const [few, many] = [await of('1'), await of('20')];
    expect(many.pairs).toBeGreaterThanOrEqual(few.pairs);
    expect(many.bothOrders).toBeGreaterThanOrEqual(few.bothOrders);
  });
});

describe('a race', () => {
  let undo = () => {};
  beforeAll(() => {
    undo = plantRace();
  });
  afterAll(() => undo());

  test('each problem once, the smaller schedule on the command line alone, 80 columns', async () => {
    const { exitCode, stdout } = await simtwin(['explore', gather, '--schedules', '30'], { stdoutColumns: 80 });
    expect(exitCode).toBe(1);
    const lines = stdout.split('\n');
    expect(lines.filter((line) => /^\d/.test(line))).toEqual([
      '1. data race on global memory',
      '2. data race on global memory',
      '3. wrong output',
      '4. the output depends on the schedule',
      expect.stringMatching(/^30 schedules: 30 completes; 2 outputs; [\d,]+ steps; 0\.00 s$/),
      '4 findings',
    ]);
    expect(stdout).toMatch(
      /\n {3}smallest: 1 preemption, \d+ steps\n {3}simtwin replay \S+ --schedule picks:\S+ --mode step\n/,
    );
    const long = lines.filter((line) => line.length > 80 && !/^ {3}simtwin /.test(line));
    // Paths have a line of their own.
    expect(long.filter((line) => line !== gather)).toEqual([]);
  });

  test('one schedule alone shows it again', async () => {
    const { stdout } = await simtwin(['explore', gather, '--schedules', '30', '--json']);
    for (const { problem, command } of JSON.parse(stdout).discoveries) {
      if (problem.kind !== 'race') continue;
      const again = await simtwin([...command.split(' ').slice(1), '--json']);
      expect(JSON.parse(again.stdout).discoveries.map((found: { problem: unknown }) => found.problem)).toContainEqual(
        problem,
      );
    }
    expect(await said(gather, '--schedule', 'rr', '--no-minimise')).toMatchObject({ exitCode: 1 });
  });

  test('--json has all there is to know', async () => {
    const { exitCode, stdout, stderr } = await simtwin(['explore', gather, '--schedules', '30', '--json']);
    expect({ exitCode, stderr }).toEqual({ exitCode: 1, stderr: '' });
    const json = JSON.parse(stdout);
    expect(json).toMatchObject({
      target: gather,
      op: 'moe_local_gather',
      shape: 'ep8 k4 t3 r0',
      version: expect.stringMatching(/^\d/),
      digests: { capture: expect.stringMatching(/^[\da-f]{64}$/), kernels: expect.stringMatching(/^[\da-f]+$/) },
      options: { seed: 0, schedules: 30, time: null, granule: 32, residentBlocks: null, minimise: true },
      shard: null,
      runs: 30,
      verdicts: { completes: 30, deadlock: 0, livelock: 0, error: 0, budget: 0 },
      outputs: [
        { hash: expect.stringMatching(/^[\da-f]{16}$/), index: 0, schedule: 'rr' },
        { hash: expect.stringMatching(/^[\da-f]{16}$/) },
      ],
    });
    const discovery = json.discoveries.find(
      (found: { problem: { kind: string } }) => found.problem.kind === 'wrong output',
    );
    expect(discovery).toMatchObject({
      key: 'wrong output',
      isRepeatable: true,
      minimal: { preemptions: 1, schedule: expect.stringMatching(/^picks:/) },
      command: `simtwin replay ${gather} --schedule ${discovery.minimal.schedule} --mode step`,
      test: expect.stringContaining("from 'simtwin';"),
    });
  });

  test('the progress line: done, rate, findings and time left', async () => {
    let text = '';
    let now = 0;
    await simtwin(['explore', gather, '--schedules', '40'], {
      stderrColumns: 80,
      now: () => (now += 20),
      onStderr: (written) => {
        text += written;
      },
    });
    expect(text).toMatch(/ep8-k4-t3 {2}\d+\/40 schedules, \d+\/s, [34] findings, \d\.\d\d s left/);
    expect(text).toMatch(/looking at the findings again, \d of 3, \d+ runs/);
    expect(text.endsWith('\r\x1b[2K')).toBe(true);
  });
});

describe('a mistake gives exit code 2, nothing on stdout, and a sentence without a stack', () => {
  test.each<readonly [argv: readonly string[], sentence: string]>([
    [[], "missing required argument 'path|op'"],
    [['gather'], "there is no operation 'gather'; there are "],
    [['no/such.safetensors'], 'no such file or directory'],
    [[fixtures], 'must be a capture, but is a folder; name one of its files'],
    [['local-gather', '--args', '{'], '--args: the text is not JSON'],
    [['local-gather', '--args', '{"ep_size": 0}'], '--args: ep_size must be'],
    [['local-gather', '--inputs', 'x'], "--inputs must be an integer from 0 to 4294967295, but is 'x'"],
    [[gather, '--args', '{}'], '--args is for an operation with random inputs, but '],
    [[gather, '--inputs', '0'], '--inputs is for an operation with random inputs, but '],
    [[gather, '--seed', '-1'], "--seed must be an integer from 0 to 4294967295, but is '-1'"],
    [[gather, '--schedules', '0'], 'It must be a positive integer.'],
    [[gather, '--jobs', '0'], 'It must be from 1 to 256.'],
    [[gather, '--granule', '7'], 'Allowed choices are 32, 8, 1.'],
    [[gather, '--schedule', 'fifo'], "--schedule: 'fifo' does not fit: "],
    [[gather, '--schedule', 'rr', '--time', '3'], "option '--schedule <token>' cannot be used with option '--time"],
    [[gather, '--json', '--test'], "option '--test' cannot be used with option '--json'"],
    [[gather, '--junit', 'no/such/report.xml'], '--junit no/such/report.xml: there is no folder no/such'],
    [[gather, '--junit', gather], `--junit ${gather} would overwrite the input`],
    [[gather, '--checkpoint', gather], `--checkpoint ${gather} would overwrite the input`],
  ])('simtwin explore %j', async (argv, sentence) => {
    const { exitCode, stdout, stderr } = await simtwin(['explore', ...argv]);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toMatch(/^simtwin: /);
    expect(stderr).toContain(sentence);
    expect(stderr).not.toContain('    at ');
  });

  test('a file that is no capture', async () => {
    const text = path('text.safetensors');
    cpSync('package.json', text);
    const { exitCode, stderr } = await simtwin(['explore', text]);
    expect(exitCode).toBe(2);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
  });
});

test.each([[['explore']], [['explore', 'merge']]])(
  'simtwin %j --help has examples and fits 120 columns',
  async (argv) => {
    const { exitCode, stdout } = await simtwin([...argv, '--help']);
    expect(exitCode).toBe(0);
    expect(stdout).toContain('\nExamples:\n  simtwin ');
    expect(Math.max(...stdout.split('\n').map(({ length }) => length))).toBeLessThanOrEqual(122);
  },
);

describe('every schedule', () => {
  const small = '{"ep_size":2,"tokens":1,"top_k":1,"vector_bytes":480,"max_usable_sm_count":2}';

  test('of a small shape', async () => {
    const { exitCode, stdout } = await simtwin(['explore', 'all-to-all', '--args', small, '--exhaustive']);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/\n\d+ states, \d+ executions, .* left at a known state, [\d,]+ steps/);
    expect(stdout).toContain('every schedule ends well, with the same output\n');
  });

  test('of one that takes longer than it is given', async () => {
    const large = '{"ep_size":4,"tokens":4,"top_k":2,"vector_bytes":480,"max_usable_sm_count":2}';
    let time = 0;
    const now = () => {
      time += 250;
      return time;
    };
    const command = ['explore', 'all-to-all', '--args', large, '--exhaustive', '--time', '2'];
    const { exitCode, stdout } = await simtwin(command, { now });
    expect(exitCode).toBe(0);
    expect(stdout).toContain('not every schedule: maxMilliseconds: 2000\n');
  });

  test('--force alone is refused', async () => {
    const { exitCode, stderr } = await simtwin(['explore', 'all-to-all', '--args', small, '--force']);
    expect({ exitCode, stderr }).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('--exhaustive') });
  });
});
