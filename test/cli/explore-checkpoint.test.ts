import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { gather, plantRace } from './explore-support.js';
import { type CliSurroundings, fixtures, simtwin, useTemporaryFolder } from './support.js';

const folder = useTemporaryFolder();
const path = (name: string): string => join(folder(), name);

let undo = () => {};
/** What a search of 30 schedules prints with --json. */
let whole = '';
beforeAll(async () => {
  undo = plantRace();
  ({ stdout: whole } = await explore(['--json']));
});
afterAll(() => undo());

const explore = (options: readonly string[], surroundings: CliSurroundings = {}) =>
  simtwin(['explore', gather, '--schedules', '30', ...options], surroundings);

describe('a checkpoint', () => {
  /** Ends a search by a signal after so many milliseconds of a clock that each look moves on. */
  function interruptedAfter(milliseconds: number): CliSurroundings {
    const user = new AbortController();
    let now = 0;
    return {
      signal: user.signal,
      now() {
        now += 10;
        if (now >= milliseconds) user.abort();
        return now;
      },
    };
  }

  test.each(['1', '3'])('a search that is interrupted goes on where it was, with --jobs %s', async (jobs) => {
    const file = path(`interrupted-${jobs}.json`);
    const options = ['--json', '--jobs', jobs, '--checkpoint', file];
    const ended: number[] = [];
    for (const time of [100, 200]) {
      const { exitCode, stdout, stderr } = await explore(options, interruptedAfter(time));
      expect({ exitCode, stdout }).toEqual({ exitCode: 130, stdout: '' });
      const next = JSON.parse(readFileSync(file, 'utf8')).next;
      const words = `simtwin explore ${gather} --schedules 30${jobs === '1' ? '' : ` --jobs ${jobs}`} --checkpoint ${file} --json`;
      expect(stderr).toBe(`simtwin: interrupted; ${file} keeps ${next} of 30 schedules; to go on:\n  ${words}\n`);
      ended.push(next);
    }
    expect(ended[0]).toBeGreaterThan(0);
    expect(ended[1]).toBeGreaterThan(ended[0]!);
    expect(ended[1]).toBeLessThan(30);
    expect((await explore(options)).stdout).toBe(whole);
    // Nothing is left to run.
    expect((await explore(options)).stdout).toBe(whole);
    expect(JSON.parse(readFileSync(file, 'utf8')).next).toBe(30);
  });

  test('without one, an interrupt says nothing', async () => {
    expect(await explore([], interruptedAfter(100))).toEqual({ exitCode: 130, stdout: '', stderr: '' });
  });

  test('it is written as time goes by, and whole', async () => {
    const file = path('written.json');
    let now = 0;
    const seen = new Set<number>();
    await explore(['--checkpoint', file], {
      now() {
        now += 500;
        if (existsSync(file)) seen.add(JSON.parse(readFileSync(file, 'utf8')).next);
        return now;
      },
    });
    expect(seen.size).toBeGreaterThan(3);
  });

  test('more schedules go on where fewer have ended', async () => {
    const file = path('more.json');
    await simtwin(['explore', gather, '--schedules', '12', '--checkpoint', file]);
    expect((await explore(['--checkpoint', file, '--json'])).stdout).toBe(whole);
    const { exitCode, stderr } = await simtwin(['explore', gather, '--schedules', '12', '--checkpoint', file]);
    expect(exitCode).toBe(2);
    expect(stderr).toContain('it has 30 schedules, more than the 12 that are asked for; give more --schedules');
  });

  test('of another search it is refused, and left as it is', async () => {
    const file = path('mine.json');
    await explore(['--checkpoint', file]);
    const text = readFileSync(file, 'utf8');
    const other = join(fixtures, 'local-gather/ep2-k1-t9-none.safetensors.br');
    const change = (by: (json: { identity: Record<string, string> }) => void) => {
      const json = JSON.parse(text);
      by(json);
      writeFileSync(file, JSON.stringify(json));
    };
    const cases: readonly (readonly [
      argv: readonly string[],
      sentence: string,
      change?: Parameters<typeof change>[0],
    ])[] = [
      [[gather, '--seed', '4'], 'it was begun with --seed 0, not 4; give the same, or give another file'],
      [[gather, '--granule', '1'], 'it was begun with --granule 32, not 1'],
      [[gather, '--resident-blocks', '2'], 'it was begun with --resident-blocks none, not 2'],
      [[gather, '--delay', 'stores'], 'it was begun with --delay none, not stores'],
      [[gather, '--shard', '1/2'], 'it is of shard 1/1, not 1/2'],
      [[other], 'it is of another search: the target (its content, SHA-256) was '],
      [['local-gather'], 'it is of another search: the target '],
      [['all-to-all'], 'the operation was moe_local_gather, and is moe_comm; delete it, or give another file'],
      [[gather], 'the version of simtwin was 9.9.9, and is ', ({ identity }) => (identity.version = '9.9.9')],
      [
        [gather],
        'the kernels (digest of their programs) was abc, and is ',
        ({ identity }) => (identity.kernels = 'abc'),
      ],
    ];
    for (const [argv, sentence, by] of cases) {
      if (by === undefined) writeFileSync(file, text);
      else change(by);
      const before = readFileSync(file, 'utf8');
      const { exitCode, stdout, stderr } = await simtwin([
        'explore',
        ...argv,
        '--schedules',
        '60',
        '--checkpoint',
        file,
      ]);
      expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
      expect(stderr).toContain(`--checkpoint ${file}: `);
      expect(stderr).toContain(sentence);
      expect(readFileSync(file, 'utf8')).toBe(before);
    }
  });

  test('what is no checkpoint is not written over', async () => {
    const file = path('notes.txt');
    for (const text of ['notes', '{}', '{"format": "simtwin-explore-checkpoint/1"}', whole]) {
      writeFileSync(file, text);
      const { exitCode, stderr } = await explore(['--checkpoint', file]);
      expect(exitCode).toBe(2);
      expect(stderr).toContain('it is there, but is no checkpoint of this version; delete it, or give another file');
      expect(readFileSync(file, 'utf8')).toBe(text);
    }
  });
});
