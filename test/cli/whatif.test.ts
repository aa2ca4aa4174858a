import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { fixtures, simtwin } from './support.js';

const wrap = join(fixtures, 'all-to-all/ep2-bf16x62400-wrap.safetensors.br');
const four = join(fixtures, 'all-to-all/ep4-bf16x960-edge1920.safetensors.br');

/** The lines behind the first, which names the file. */
async function swept(...args: readonly string[]): Promise<readonly string[]> {
  const { exitCode, stdout, stderr } = await simtwin(['whatif', ...args]);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  return stdout.trimEnd().split('\n').slice(2);
}

describe('simtwin whatif', () => {
  test('one dimension: a list, and the bound where it flips', async () => {
    expect(await swept(four, '--vary', 'queues=2..4')).toEqual([
      'queues  verdict',
      '2       deadlock: launch order',
      '3       deadlock: launch order',
      '4       completes',
      '',
      'flips: queues=3 deadlock: launch order -> queues=4 completes',
    ]);
  });

  test('two dimensions: a table; a cause that changes is a flip too', async () => {
    expect(await swept(wrap, '--vary', 'resident=1,2', '--vary', 'streams=own,one')).toEqual([
      'resident \\ streams  own                     one',
      '1                   deadlock: not resident  deadlock: launch order',
      '2                   completes               deadlock: launch order',
      '',
      'flips with streams=own: resident=1 deadlock: not resident -> resident=2 completes',
      'flips with resident=1: streams=own deadlock: not resident -> streams=one deadlock: launch order',
      'flips with resident=2: streams=own completes -> streams=one deadlock: launch order',
    ]);
  });

  test('a rank that is left out of the order is not launched; a value that is given twice runs once', async () => {
    expect(await swept(wrap, '--vary', 'order=1-0,0,0')).toEqual([
      'order  verdict',
      '1-0    completes',
      '0      deadlock: not launched',
      '',
      'flips: order=1-0 completes -> order=0 deadlock: not launched',
    ]);
  });

  test.each([
    ['granule', 'granule=32,8,1'],
    ['channels', 'channels=1,2'],
    ['depth', 'depth=8,16'],
  ])('%s: as long as it completes, nothing flips', async (_, vary) => {
    expect((await swept(wrap, '--vary', vary)).at(-1)).toBe('nothing flips: every call completes');
  });

  test('as data', async () => {
    const { stdout } = await simtwin(['whatif', four, '--vary', 'queues=3,4', '--json']);
    expect(JSON.parse(stdout)).toMatchObject({
      calls: [
        { queues: '3', verdict: 'deadlock', why: 'launch order' },
        { queues: '4', verdict: 'completes', why: null },
      ],
      flips: [{ dimension: 'queues', from: '3', to: '4', at: null }],
    });
  });

  test.each([
    ['speed=3', "there is no dimension 'speed'"],
    ['resident=many', 'resident'],
    ['streams=two', 'it is own or one'],
    ['order=0-0', 'a rank is launched once'],
    ['order=0-7', 'there is no rank 7'],
    ['queues=', 'values are missing'],
    ['queues=4..1', 'a range goes up'],
  ])('--vary %s is refused in one line', async (vary, part) => {
    const { exitCode, stderr } = await simtwin(['whatif', four, '--vary', vary]);
    expect(exitCode).toBe(2);
    expect(stderr).toContain(part);
    expect(stderr.trimEnd().split('\n').length).toBeLessThanOrEqual(2);
  });
});
