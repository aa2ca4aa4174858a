import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { fixtures, simtwin } from './support.js';

const gather = join(fixtures, 'local-gather/ep8-k4-t3.safetensors.br');
const small = '{"ep_size":2,"tokens":1,"top_k":1,"vector_bytes":480,"max_usable_sm_count":2}';
/** Priorities under which a line is seen in part. */
const TORN = 'pct:0,depth=1,length=7164,granule=1';

describe('simtwin assume', () => {
  test('a call that takes nothing for granted', async () => {
    const { exitCode, stdout, stderr } = await simtwin(['assume', gather, '--schedules', '5']);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    for (const name of ['warp instructions', '128-byte lines', 'vector accesses'])
      expect(stdout).toContain(`${name}: not seen to be needed, in 5 schedules\n`);
    expect(stdout.trimEnd().split('\n').at(-1)).toMatch(/^not examined: loads that are early/);
  });

  test('as data', async () => {
    const { stdout } = await simtwin(['assume', gather, '--schedules', '2', '--drop', '128-byte lines', '--json']);
    expect(JSON.parse(stdout)).toMatchObject({
      target: { op: 'moe_local_gather' },
      results: [
        { assumption: null, runs: 2, broken: null },
        { assumption: { name: '128-byte lines', scheduleOptions: ',granule=1' }, runs: 2, broken: null },
      ],
    });
  });

  test('one schedule again: the all-to-all needs whole lines', async () => {
    const again = ['assume', 'all-to-all', '--args', small, '--drop', '128-byte lines', '--schedule'];
    const { exitCode, stdout } = await simtwin([...again, TORN]);
    expect(exitCode).toBe(1);
    expect(stdout).toMatch(/^wrong output\n16 of 1024 bytes differ/);
    expect(await simtwin([...again, 'rr,granule=1'])).toMatchObject({ exitCode: 0, stdout: 'nothing goes wrong\n' });
  });

  test.each([
    [['--schedule', 'rr'], "name it with --drop, as in --drop '128-byte lines'"],
    [['--drop', 'fences'], 'Allowed choices are warp instructions, 128-byte lines, vector accesses'],
    [['--schedules', '0'], '--schedules'],
    [['--drop', '128-byte lines', '--schedule', 'often'], "schedule: 'often' does not fit"],
  ])('%o is refused in one line', async (options, part) => {
    const { exitCode, stdout, stderr } = await simtwin(['assume', gather, ...options]);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toContain(part);
    expect(stderr).not.toContain('    at ');
  });
});
