import { join } from 'node:path';
import { expect, test } from 'vitest';
import { fixtures, simtwin } from './support.js';

const capture = join(fixtures, 'all-to-all/ep4-bf16x960-edge1920.safetensors.br');
const CLEAR = '\r\x1b[2K';

test('a terminal gets a line that is rewritten at most ten times a second, and gone at the end', async () => {
  let clock = 0;
  const written: { readonly at: number; readonly text: string }[] = [];
  const { exitCode, stdout } = await simtwin(['replay', capture, join(fixtures, 'local-gather')], {
    stderrColumns: 60,
    now: () => (clock += 21),
    onStderr: (text) => written.push({ at: clock, text }),
  });
  expect(exitCode).toBe(0);
  expect(stdout).not.toContain('\r');
  const shown = written.filter(({ text }) => text !== CLEAR);
  expect(shown.length).toBeGreaterThan(3);
  expect(shown[0]?.text).toBe(`${CLEAR}[1/7] all-to-all/ep4-bf16x960-edge1920.safetensors.br …`);
  expect(shown[1]?.text).toMatch(/\[1\/7\] .* [\d,]+ steps, [\d.]+(?: k)?\/s/);
  for (const { text } of shown) expect(text.length - CLEAR.length).toBeLessThan(60);
  for (const [index, { at }] of shown.slice(1).entries()) expect(at - shown[index]!.at).toBeGreaterThanOrEqual(100);
  expect(written.at(-1)?.text).toBe(CLEAR);
});

test.each([['--quiet'], ['--json']])('none with %s', async (option) => {
  expect((await simtwin(['replay', capture, option], { stderrColumns: 80 })).stderr).toBe('');
});

test('an interrupt ends it with 130 in the middle of a call, and clears the line', async () => {
  const controller = new AbortController();
  const { exitCode, stdout, stderr } = await simtwin(['replay', join(fixtures, 'local-gather'), capture], {
    stderrColumns: 80,
    signal: controller.signal,
    now: () => performance.now() * 100,
    onStderr: (text) => {
      if (text.includes(' steps,')) controller.abort();
    },
  });
  expect(exitCode).toBe(130);
  expect(stderr.endsWith(CLEAR)).toBe(true);
  expect(stdout).not.toContain('passed');
});

test('an interrupt with --json leaves nothing on stdout', async () => {
  const run = await simtwin(['replay', capture, '--json'], { signal: AbortSignal.abort() });
  expect(run).toEqual({ exitCode: 130, stdout: '', stderr: '' });
});
