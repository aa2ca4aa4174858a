import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { shrinkCall } from '../../src/cli/explore-shrink.js';
import { generateTarget } from '../../src/cli/explore-target.js';
import { plantRace } from './explore-support.js';
import { simtwin } from './support.js';

const ARGS = { ep_size: 8, top_k: 4, max_token_count_per_rank: 16 };
const INPUTS = 3;
const plan = { seed: 0, suffix: '', limits: {} };

let undo = () => {};
beforeAll(() => {
  undo = plantRace();
});
afterAll(() => undo());

interface FoundJson {
  readonly key: string;
  readonly schedule: string;
  readonly problem: { readonly kind: string };
  readonly smaller: { readonly args: string; readonly schedule: string; readonly runs: number } | null;
}

async function explore(args: object, ...options: readonly string[]): Promise<readonly FoundJson[]> {
  const call = ['local-gather', '--args', JSON.stringify(args), '--inputs', `${INPUTS}`];
  const { exitCode, stdout } = await simtwin(['explore', ...call, '--json', ...options]);
  // Arguments that do not go together.
  if (exitCode === 2) return [];
  return JSON.parse(stdout).discoveries;
}

const target = (args: Readonly<Record<string, number | boolean>>) =>
  generateTarget('local-gather', 'moe_local_gather', args, INPUTS);

describe('a smaller call', () => {
  test('shows the same in its schedule, is as small as it gets, and is the same with any number of threads', async () => {
    const found = await explore(ARGS, '--schedules', '20');
    expect(await explore(ARGS, '--schedules', '20', '--jobs', '3')).toEqual(found);
    const races = found.filter(({ problem, smaller }) => problem.kind === 'race' && smaller !== null);
    expect(races.length).toBeGreaterThan(0);
    for (const { key, smaller } of races) {
      const args = JSON.parse(smaller!.args);
      const again = await explore(args, '--schedule', smaller!.schedule);
      expect(again.map((one) => one.key)).toContain(key);
      expect(args).toMatchObject({ ep_size: 1 });
      // No argument can be made smaller by one: the race takes a call of more than one warp.
      let tried = 0;
      for (const name of Object.keys(args)) {
        if (args[name] <= 1) continue;
        tried++;
        const less = await explore({ ...args, [name]: args[name] - 1 }, '--schedules', '20', '--no-minimise');
        expect(less.map((one) => one.key)).not.toContain(key);
      }
      expect(tried).toBeGreaterThan(0);
    }
  });

  test('is told with its schedule', async () => {
    const call = ['local-gather', '--args', JSON.stringify(ARGS), '--schedules', '3'];
    const { stdout } = await simtwin(['explore', ...call], { stdoutColumns: 200 });
    expect(stdout).toMatch(/\n {3}smaller call: --args '\{"ep_size":1,.*\}' shows the same in schedule rr\n/);
    for (const option of ['--no-shrink', '--no-minimise']) {
      const { stdout: without } = await simtwin(['explore', ...call, option]);
      expect(without).not.toContain('smaller call');
    }
  });

  test('shards together have those of the whole search', async () => {
    const found = await explore(ARGS, '--schedules', '6');
    const shards = [
      await explore(ARGS, '--schedules', '6', '--shard', '1/2'),
      await explore(ARGS, '--schedules', '6', '--shard', '2/2'),
    ];
    for (const { key, schedule, smaller } of found) {
      const finder = shards.flat().find((one) => one.key === key && one.schedule === schedule);
      if (finder !== undefined && smaller !== null) expect(finder.smaller).toEqual(smaller);
    }
  });
});

describe('the search for it', () => {
  test('is told of each run, and ends', () => {
    let runs = 0;
    const count = () => void runs++;
    // Nothing smaller shows what nothing shows: every call that is tried takes all its runs.
    expect(shrinkCall(target(ARGS), { key: 'deadlock cycle', schedule: 'rr' }, plan, count)).toBeNull();
    expect(runs).toBe(400);
  });

  test('finds nothing where nothing is smaller', () => {
    const least = { ep_size: 1, top_k: 1, max_token_count_per_rank: 1, expert_count: 1 };
    expect(shrinkCall(target(least), { key: 'wrong output', schedule: 'rr' }, plan, () => {})).toBeNull();
  });
});
