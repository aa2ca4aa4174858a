import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { readCapture, writeCapture } from '../../src/index.js';
import { repositoryRoot } from '../support/files.js';
import { captureOf, fixtures, flipByte, useTemporaryFolder } from './support.js';

/** The program as it is installed: what cannot be seen from within this process. */
const main = join(repositoryRoot, 'dist/cli/main.js');
const folder = useTemporaryFolder();

const environment = (more: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv => {
  const { NO_COLOR: _no, FORCE_COLOR: _force, ...rest } = process.env;
  return { ...rest, ...more };
};

beforeAll(() => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(repositoryRoot, 'scripts/build.mjs')], {
    encoding: 'utf8',
  });
  expect(status, stdout + stderr).toBe(0);
});

test('source lines are those of the TypeScript sources', () => {
  const capture = captureOf('moe_comm', readCapture(join(fixtures, 'all-to-all/ep2-f16x8.safetensors.br')));
  flipByte(capture.ranks[1]!.outputs!.workspacePages.data, 7 * 16 + 8);
  const path = join(folder(), 'changed.safetensors');
  writeCapture(path, capture);
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, 'replay', 'changed.safetensors'], {
    cwd: folder(),
    env: environment(),
    encoding: 'utf8',
  });
  expect({ status, stderr }).toEqual({ status: 1, stderr: '' });
  expect(stdout).toMatch(
    /\n {2}source {5}src\/kernels\/all-to-all-channel-communicator\.ts:\d+ {2}trtllm_alltoall\.cuh:396\n/,
  );
  expect(stdout).toContain('  replay     simtwin replay changed.safetensors --schedule rr\n');
  expect(stdout).toMatch(/\n0 passed, 1 failed\n$/);
});

test.each([
  { env: {}, coloured: false },
  { env: { FORCE_COLOR: '1' }, coloured: true },
  { env: { NO_COLOR: '1' }, coloured: false },
])('colours with $env: $coloured', ({ env, coloured }) => {
  const { status, stdout } = spawnSync(process.execPath, [main, 'replay', join(fixtures, 'channels')], {
    env: environment(env),
    encoding: 'utf8',
  });
  expect(status).toBe(0);
  expect(stdout.includes('\x1b[')).toBe(coloured);
});

test('an interrupt ends it with 130', async () => {
  const path = join(fixtures, 'prepare-indices/ep64-k8-r40-t16.safetensors.br');
  const child = spawn(process.execPath, [main, 'replay', path, '--granule', '1'], { env: environment() });
  await once(child.stdout, 'data');
  child.kill('SIGINT');
  expect(await once(child, 'exit')).toEqual([130, null]);
});

test('a reader that goes away ends it quietly', async () => {
  const child = spawn(process.execPath, [main, 'replay', join(fixtures, 'all-to-all')], { env: environment() });
  let stderr = '';
  child.stderr.on('data', (chunk) => {
    stderr += String(chunk);
  });
  await once(child.stdout, 'data');
  child.stdout.destroy();
  expect(await once(child, 'exit')).toEqual([141, null]);
  expect(stderr).toBe('');
});
