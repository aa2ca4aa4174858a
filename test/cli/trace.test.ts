import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { traceProblems } from '../timeline/trace-rules.js';
import { fixtures, simtwin, useTemporaryFolder } from './support.js';

const folder = useTemporaryFolder();
const small = join(fixtures, 'all-to-all/ep2-f16x8.safetensors.br');
const hang = join(fixtures, 'hang/receiver-expects-one-more.safetensors.br');

interface Event {
  readonly ph: string;
  readonly name: string;
  readonly args: Readonly<Record<string, unknown>>;
}

const textAt = (name: string): string => readFileSync(join(folder(), name), 'utf8');
const eventsIn = (text: string): readonly Event[] => JSON.parse(text).traceEvents;

test('a call is replayed in step, says so, and leaves a trace', async () => {
  const { exitCode, stdout, stderr } = await simtwin(['replay', small, '--trace', join(folder(), 'a.json')]);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  expect(stdout).toContain("mode step: a trace tells of the steps of 'step'");
  expect(stdout).toContain(`trace written to ${join(folder(), 'a.json')}`);
  const text = textAt('a.json');
  expect(traceProblems(text)).toEqual([]);
  const events = eventsIn(text);
  const names = events.filter(({ ph }) => ph === 'M').map(({ args }) => args.name);
  expect(names).toContain('rank 1');
  expect(names).toContain('moeAllToAllKernel (0,0,1) warp 2: receiving group for peer rank 1');
  expect(new Set(events.filter(({ ph }) => ph === 'C').map(({ name }) => name)).size).toBe(16);
  expect(events.find(({ name }) => name === 'barrier 15')!.args).toMatchObject({
    line: expect.stringMatching(/^src\/kernels\/all-to-all-channel-communicator\.ts:\d+$/),
    original: 'trtllm_alltoall.cuh:341',
  });
});

test('compressed or not, it is the same', async () => {
  await simtwin(['replay', small, '--trace', join(folder(), 'b.json')]);
  await simtwin(['replay', small, '--trace', join(folder(), 'b.json.gz')]);
  const plain = readFileSync(join(folder(), 'b.json'));
  const compressed = readFileSync(join(folder(), 'b.json.gz'));
  expect(compressed.length).toBeLessThan(plain.length / 5);
  expect(gunzipSync(compressed).equals(plain)).toBe(true);
});

test.each(['replay', 'explain'])('%s of a hang shows what waits to the end', async (command) => {
  const name = `${command}.json`;
  const { exitCode } = await simtwin([command, hang, '--trace', join(folder(), name)]);
  expect(exitCode).toBe(0);
  expect(traceProblems(textAt(name))).toEqual([]);
  const open = eventsIn(textAt(name)).filter(({ args }) => args?.isOpen === true);
  expect(open.map((event) => event.name)).toContain('polls flag of link 0 -> 1, channel 0, slot 1, packet 0');
});

test('run, and JSON that names the file', async () => {
  const target = join(folder(), 'run.json');
  const args = ['run', 'prepare-indices', '--args', '{"ep_size": 2}', '--trace', target, '--json'];
  const { exitCode, stdout } = await simtwin(args);
  expect(exitCode).toBe(0);
  expect(JSON.parse(stdout).captures[0]).toMatchObject({ result: 'match', mode: 'step', trace: target });
  expect(traceProblems(textAt('run.json'))).toEqual([]);
});

describe('what cannot be', () => {
  test.each([
    { argv: [join(fixtures, 'hang')], why: '--trace is of one call, and PATH is 13 files: give one capture' },
    { argv: [join(fixtures, 'channels/channels-sm16.json')], why: 'is a channel table: give a capture' },
    { argv: [small, '--mode', 'ref'], why: "--trace tells of the steps of mode 'step'; leave out --mode ref" },
  ])('$why', async ({ argv, why }) => {
    const target = join(folder(), 'none.json');
    const { exitCode, stderr } = await simtwin(['replay', ...argv, '--trace', target]);
    expect(exitCode).toBe(2);
    expect(stderr).toContain(why);
    expect(existsSync(target)).toBe(false);
  });

  test.each([
    { target: 'no/such.json', why: 'there is no folder' },
    { target: 'folder', why: 'must be a file, but is a folder' },
    { target: 'a.safetensors', out: 'a.safetensors', why: 'is what --out writes; give another name' },
  ])('a trace to $target: $why', async ({ target, out, why }) => {
    mkdirSync(join(folder(), 'folder'), { recursive: true });
    const more = out === undefined ? [] : ['--out', join(folder(), out)];
    const { exitCode, stderr } = await simtwin(['replay', small, '--trace', join(folder(), target), ...more]);
    expect(exitCode).toBe(2);
    expect(stderr).toContain(why);
  });

  test('no capture is overwritten', async () => {
    const copy = join(folder(), 'copy.safetensors');
    await simtwin(['replay', small, '--out', copy]);
    const before = readFileSync(copy);
    const { exitCode, stderr } = await simtwin(['replay', copy, '--trace', copy]);
    expect(exitCode).toBe(2);
    expect(stderr).toContain('would overwrite the input');
    expect(readFileSync(copy).equals(before)).toBe(true);
  });
});
