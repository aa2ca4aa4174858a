import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ExploreTarget } from '../../src/cli/explore-target.js';
import type { SearchPlan } from '../../src/cli/explore-tasks.js';
import { createTeam } from '../../src/cli/explore-team.js';
import type { CliIo } from '../../src/cli/io.js';
import { gather, plantRace } from './explore-support.js';
import { type CliSurroundings, simtwin, useTemporaryFolder } from './support.js';

const folder = useTemporaryFolder();
const path = (name: string): string => join(folder(), name);

let undo = () => {};
/** What a search of 30 schedules prints with --json. */
let whole = '';
beforeAll(async () => {
  undo = plantRace();
  ({ stdout: whole } = await explore(['--json']));
  const kinds = JSON.parse(whole).discoveries.map((found: { problem: { kind: string } }) => found.problem.kind);
  expect(kinds).toEqual(['race', 'race', 'wrong output', 'schedule-dependent output']);
});
afterAll(() => undo());

const explore = (options: readonly string[], surroundings: CliSurroundings = {}) =>
  simtwin(['explore', gather, '--schedules', '30', ...options], surroundings);

describe('threads', () => {
  test.each(['2', '5'])('--jobs %s gives the same', async (jobs) => {
    let now = 0;
    // Batches of other sizes.
    expect((await explore(['--json', '--jobs', jobs], { now: () => (now += 90) })).stdout).toBe(whole);
    const text = await explore(['--jobs', jobs]);
    expect(text).toEqual(await explore([]));
  });

  test('more threads than schedules', async () => {
    const argv = ['explore', gather, '--schedules', '2', '--json'];
    expect(await simtwin([...argv, '--jobs', '9'])).toEqual(await simtwin(argv));
  });

  test('one that ends by itself ends the search', async () => {
    const threads: ((error: Error) => void)[] = [];
    const team = createTeam(
      2,
      {} as ExploreTarget,
      {} as SearchPlan,
      {
        signal: new AbortController().signal,
        startWorker: () => ({
          post() {},
          onMessage() {},
          onFailure: (listener: (error: Error) => void) => threads.push(listener),
          terminate() {},
        }),
      } as unknown as CliIo,
    );
    const calls = [team.call('run', 0, 1), team.call('run', 1, 2), team.call('run', 2, 3)];
    const ends = Promise.allSettled(calls);
    threads[1]!(Object.assign(new Error('heap'), { code: 'ERR_WORKER_OUT_OF_MEMORY' }));
    const sentence = '--jobs 2: a thread has run out of memory; give fewer jobs';
    for (const end of await ends) expect(end).toMatchObject({ status: 'rejected', reason: { message: sentence } });
    await expect(team.call('run', 3, 4)).rejects.toThrow(sentence);
  });

  test('--time ends a search, however many threads there are', async () => {
    for (const jobs of ['1', '2']) {
      let now = 0;
      const { stdout } = await simtwin(['explore', gather, '--time', '1', '--json', '--jobs', jobs], {
        now: () => (now += 50),
      });
      const { runs } = JSON.parse(stdout);
      expect(runs).toBeGreaterThan(0);
      expect(runs).toBeLessThan(200);
    }
  });
});

async function shardFiles(count: number, ...options: readonly string[]): Promise<string[]> {
  const files: string[] = [];
  for (let number = 1; number <= count; number++) {
    const file = path(`shard-${number}-of-${count}${options.join('')}.json`);
    writeFileSync(file, (await explore(['--shard', `${number}/${count}`, '--json', ...options])).stdout);
    files.push(file);
  }
  return files;
}

describe('shards', () => {
  test.each([1, 3])('%i of them together are the whole search, in whatever order', async (count) => {
    const files = await shardFiles(count);
    const { exitCode, stdout, stderr } = await simtwin(['explore', 'merge', ...files.reverse(), '--json']);
    expect({ exitCode, stderr }).toEqual({ exitCode: 1, stderr: '' });
    expect(stdout).toBe(whole);
  });

  test('each has every n-th schedule', async () => {
    const [, second] = await shardFiles(3);
    const { shard, runs, outputs } = JSON.parse(readFileSync(second!, 'utf8'));
    expect({ shard, runs }).toEqual({ shard: { index: 2, count: 3 }, runs: 10 });
    for (const { index } of outputs) expect(index % 3).toBe(1);
  });

  test('output that depends on the schedule, if no shard has seen two', async () => {
    // Of five schedules, numbers 3 and 4 are random:0 and pct:0.
    const files: string[] = [];
    for (let number = 1; number <= 5; number++) {
      const { stdout } = await simtwin(['explore', gather, '--schedules', '5', '--shard', `${number}/5`, '--json']);
      expect(JSON.parse(stdout).outputs).toHaveLength(1);
      files.push(path(`single-${number}.json`));
      writeFileSync(files.at(-1)!, stdout);
    }
    const single = await simtwin(['explore', gather, '--schedules', '5', '--json']);
    const merged = await simtwin(['explore', 'merge', ...files, '--json']);
    expect(merged.stdout).toBe(single.stdout);
    expect(merged.stdout).toContain('"kind": "schedule-dependent output"');
  });

  test('one is missing, another is there twice: it says so', async () => {
    const [first, , third] = await shardFiles(3);
    const { exitCode, stdout, stderr } = await simtwin(['explore', 'merge', first!, third!, third!]);
    expect(exitCode).toBe(1);
    expect(stderr).toBe(
      `simtwin: ${third} and ${third} are both shard 3/3; it counts once\nsimtwin: shard 2 of 3 is missing: nothing is known of its schedules\n`,
    );
    expect(stdout).toContain('\n1 shard missing\n');
    const { stdout: json } = await simtwin(['explore', 'merge', first!, '--json']);
    expect(JSON.parse(json)).toMatchObject({ missingShards: [2, 3], runs: 10 });
  });

  test('nothing was found, but a shard is missing: 2', async () => {
    undo();
    try {
      const { stdout } = await explore(['--shard', '1/2', '--json']);
      writeFileSync(path('sound.json'), stdout);
      expect(await simtwin(['explore', 'merge', path('sound.json')])).toMatchObject({ exitCode: 2 });
    } finally {
      undo = plantRace();
    }
  });

  test.each<readonly [string, readonly string[], string]>([
    ['seed', ['--seed', '1'], 'the --seed is 1, not 0'],
    ['granule', ['--granule', '8'], 'the --granule is 8, not 32'],
    ['minimise', ['--no-minimise'], 'the --minimise is false, not true'],
  ])('of another search are refused: %s', async (_, options, sentence) => {
    const [first] = await shardFiles(2);
    const [, second] = await shardFiles(2, ...options);
    const { exitCode, stdout, stderr } = await simtwin(['explore', 'merge', first!, second!]);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toBe(
      `simtwin: ${second} is of another search than ${first}: ${sentence}; put shards of one search together\n`,
    );
  });

  test('the same of another version, call, kernel or number of shards', async () => {
    const [first] = await shardFiles(2);
    const [, third] = await shardFiles(3);
    const change = (name: string, by: (json: { version: string; digests: Record<string, string> }) => void): string => {
      const json = JSON.parse(readFileSync(first!, 'utf8'));
      by(json);
      writeFileSync(path(name), JSON.stringify(json));
      return path(name);
    };
    const others: readonly (readonly [string, string])[] = [
      [third!, 'the number of shards is 3, not 2'],
      [change('v.json', (json) => (json.version = '9.9.9')), 'the version of simtwin is 9.9.9, not '],
      [
        change('c.json', (json) => (json.digests.capture = 'f'.repeat(64))),
        'the target (its content, SHA-256) is ffffffffffff…, not ',
      ],
      [change('k.json', (json) => (json.digests.kernels = '0')), 'the kernels (digest of their programs) is 0, not '],
    ];
    for (const [file, sentence] of others) {
      const { exitCode, stderr } = await simtwin(['explore', 'merge', first!, file]);
      expect(exitCode).toBe(2);
      expect(stderr).toContain(sentence);
    }
  });

  test('what is no shard is refused', async () => {
    writeFileSync(path('whole.json'), whole);
    writeFileSync(path('other.json'), '{"a": 1}');
    for (const [file, sentence] of [
      [path('whole.json'), 'is no shard: it has all schedules; leave it out'],
      [path('other.json'), "is not what 'simtwin explore --shard I/N --json' prints"],
      [gather, "is not what 'simtwin explore --shard I/N --json' prints"],
      [path('none.json'), 'cannot be read (ENOENT)'],
    ] as const) {
      const { exitCode, stderr } = await simtwin(['explore', 'merge', file]);
      expect(exitCode).toBe(2);
      expect(stderr).toContain(sentence);
    }
    const { stderr } = await simtwin(['explore', 'merge', path('whole.json'), '--seed', '3']);
    expect(stderr).toContain('--seed is no option of merge');
  });
});

describe('the environment of an array job says which shard it is', () => {
  const slurm = {
    SLURM_ARRAY_TASK_ID: '6',
    SLURM_ARRAY_TASK_MIN: '2',
    SLURM_ARRAY_TASK_MAX: '8',
    SLURM_ARRAY_TASK_COUNT: '4',
    SLURM_ARRAY_TASK_STEP: '2',
  };

  test.each([
    ['Slurm', slurm, [], '3/4', 'SLURM_ARRAY_TASK_ID=6'],
    ['Kubernetes', { JOB_COMPLETION_INDEX: '0' }, ['--shards', '5'], '1/5', 'JOB_COMPLETION_INDEX=0'],
  ])('%s', async (_, env, options, shard, source) => {
    const { stdout, stderr } = await explore(['--json', ...options], { env });
    expect(stderr).toBe(`simtwin: shard ${shard}, by ${source}; --shard 1/1 runs all schedules here\n`);
    const [index, count] = shard.split('/').map(Number);
    expect(JSON.parse(stdout).shard).toEqual({ index, count });
  });

  test('an option is stronger; an index without a number of shards says nothing', async () => {
    const { stdout, stderr } = await explore(['--shard', '2/2'], { env: slurm });
    expect(stderr).toBe('');
    expect(stdout).toContain('15 schedules of shard 2/2: ');
    expect((await explore(['--json'], { env: { JOB_COMPLETION_INDEX: '3' } })).stdout).toBe(whole);
  });

  test.each<readonly [Record<string, string>, readonly string[], string]>([
    [{}, ['--shard', '0/3'], "--shard must be I/N with I from 1 to N, such as 1/4, but is '0/3'"],
    [{}, ['--shard', '4/3'], '--shard must be I/N'],
    [{}, ['--shard', '2'], '--shard must be I/N'],
    [{}, ['--shard', '1/2', '--shards', '2'], "option '--shard <i/n>' cannot be used with option '--shards <n>'"],
    [{}, ['--shards', '4'], 'give --shard I/N instead'],
    [
      { JOB_COMPLETION_INDEX: '4' },
      ['--shards', '4'],
      'JOB_COMPLETION_INDEX=4 needs --shards of at least 5, but it is 4',
    ],
    [{ JOB_COMPLETION_INDEX: 'x' }, ['--shards', '4'], "JOB_COMPLETION_INDEX must be a whole number, but is 'x'"],
    [{ SLURM_ARRAY_TASK_ID: '1' }, [], 'SLURM_ARRAY_TASK_COUNT is not; give --shard I/N'],
    [{ ...slurm, SLURM_ARRAY_TASK_MAX: '9' }, [], 'do not count evenly'],
    [{ ...slurm, SLURM_ARRAY_TASK_ID: '5' }, [], 'do not count evenly'],
    [slurm, ['--shards', '5'], '--shards 5 contradicts SLURM_ARRAY_TASK_COUNT=4'],
  ])('%j %j is refused', async (env, options, sentence) => {
    const { exitCode, stdout, stderr } = await explore(options, { env });
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toContain(sentence);
  });
});
