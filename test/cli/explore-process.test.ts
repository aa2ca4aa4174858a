import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { repositoryRoot } from '../support/files.js';

/** Threads and signals as they are: what cannot be seen from within this process. */
const main = join(repositoryRoot, 'dist/cli/main.js');
let folder = '';
afterAll(() => rmSync(folder, { recursive: true }));
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'simtwin-explore-'));
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(repositoryRoot, 'scripts/build.mjs')], {
    encoding: 'utf8',
  });
  expect(status, stdout + stderr).toBe(0);
});

const simtwin = (...argv: readonly string[]) => spawnSync(process.execPath, [main, ...argv], { encoding: 'utf8' });

test('threads find what one finds; an interrupt ends them, and they go on', async () => {
  const hang = join(repositoryRoot, 'fixtures/hang/serialised-one-way-receiver-first.safetensors.br');
  const search = ['explore', hang, '--schedules', '12', '--json'];
  const whole = simtwin(...search);
  expect({ status: whole.status, stderr: whole.stderr }).toEqual({ status: 1, stderr: '' });
  const file = join(folder, 'checkpoint.json');
  const argv = [...search, '--jobs', '2', '--checkpoint', file];
  // No time is right for all machines: it may have ended before, or not yet listen.
  const child = spawn(process.execPath, [main, ...argv]);
  let stderr = '';
  child.stderr.on('data', (chunk) => {
    stderr += String(chunk);
  });
  const exited = once(child, 'exit');
  const timer = setTimeout(() => child.kill('SIGINT'), 800);
  const [status] = await exited;
  clearTimeout(timer);
  if (status === 130 && existsSync(file)) {
    expect(stderr).toContain('to go on:\n  simtwin explore ');
    expect(JSON.parse(readFileSync(file, 'utf8')).next).toBeLessThanOrEqual(12);
  }
  expect([1, 130, null]).toContain(status);
  expect(simtwin(...argv).stdout).toBe(whole.stdout);
});
