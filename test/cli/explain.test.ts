import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Explanation } from '../../src/index.js';
import { fixtures, simtwin, useTemporaryFolder } from './support.js';

const folder = useTemporaryFolder();
const capture = (name: string): string => join(fixtures, 'hang', `${name}.safetensors.br`);
const hang = capture('workspace-dirty-head');

describe('simtwin explain', () => {
  test('says what is wrong first, with lines of port and original', async () => {
    const { exitCode, stdout, stderr } = await simtwin(['explain', hang]);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    const [first, second, third] = stdout.split('\n');
    expect(first).toMatch(/workspace-dirty-head\.safetensors\.br: deadlock after [\d,]+ steps in mode fast$/);
    expect(second).toBe('root cause: workspace not clean');
    expect(third).toContain('head of link 0 -> 1, channel 0 held 3 when the call began');
    expect(stdout).toMatch(/at src\/kernels\/all-to-all-channel-communicator\.ts:\d+ \(trtllm_alltoall\.cuh:\d+/);
    expect(stdout.endsWith('\n')).toBe(true);
  });

  test('as data, with the lines of the original', async () => {
    const { exitCode, stdout } = await simtwin(['explain', hang, '--format', 'json']);
    expect(exitCode).toBe(0);
    const explanation = JSON.parse(stdout) as Explanation & { readonly verdict: string };
    expect(explanation).toMatchObject({ verdict: 'deadlock', rootCause: { cause: 'workspace not clean' } });
    expect(explanation.nodes.flatMap(({ frames }) => frames)[0]).toHaveProperty('original');
  });

  test('as a graph, into a file', async () => {
    const file = join(folder(), 'hang.dot');
    const { exitCode, stdout } = await simtwin(['explain', hang, '--format', 'dot', '-o', file]);
    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: '' });
    const text = readFileSync(file, 'utf8');
    expect(text.split('\n')[0]).toBe('digraph hang {');
    expect(text).toMatch(/n0 -> n\d+ \[label="flag of link 0 -> 1/);
    expect(text.endsWith('\n}\n')).toBe(true);
  });

  test('under another schedule', async () => {
    const wrap = join(fixtures, 'all-to-all/ep2-bf16x62400-wrap.safetensors.br');
    const { exitCode, stdout } = await simtwin(['explain', wrap, '--schedule', 'rr,resident=1']);
    expect(exitCode).toBe(0);
    expect(stdout).toContain('root cause: not resident');
  });

  test('a call that completes is no failure', async () => {
    const path = join(fixtures, 'hang/workspace-dirty-head-and-tail-equal.safetensors.br');
    const { exitCode, stdout } = await simtwin(['explain', path]);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/: completes after [\d,]+ steps; there is nothing to explain\n$/);
    const json = await simtwin(['explain', path, '--format', 'json']);
    expect(JSON.parse(json.stdout)).toMatchObject({ verdict: 'completes', rootCause: null });
  });
});

describe('bad input is one line', () => {
  test.each([
    [['explain'], "missing required argument 'path'"],
    [['explain', hang, '--format', 'xml'], 'Allowed choices are text, json, dot'],
    [['explain', hang, '--schedule', 'sometimes'], '--schedule:'],
    [['explain', fixtures], 'must be a capture, but is a folder'],
    [['explain', 'no-such.safetensors'], 'no-such.safetensors: '],
    [['explain', join(fixtures, 'channels/channels-sm16.json')], 'channels-sm16.json: '],
    [['explain', hang, '-o', 'no/such/folder/x.txt'], 'there is no folder no/such/folder'],
  ])('%j', async (argv, message) => {
    const { exitCode, stdout, stderr } = await simtwin(argv);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toContain(message);
    expect(
      stderr
        .trimEnd()
        .split('\n')
        .filter((line) => !line.startsWith('(see')),
    ).toHaveLength(1);
  });
});
