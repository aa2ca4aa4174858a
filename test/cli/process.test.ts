import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, cpSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { DebugClient } from '@vscode/debugadapter-testsupport';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import { processIo } from '../../src/cli/process-io.js';
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

const small = join(fixtures, 'local-gather/ep8-k4-t3.safetensors.br');

test('the kernels come compiled: it runs in mode fast, and no compiler is loaded', () => {
  const script = `
    import { Module } from 'node:module';
    process.argv.push('replay', ${JSON.stringify(small)}, '--json');
    await import(${JSON.stringify(pathToFileURL(main).href)});
    const loaded = Object.keys(Module._cache).filter((path) => path.includes('typescript'));
    console.error(JSON.stringify(loaded));
  `;
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script, main], {
    env: environment(),
    encoding: 'utf8',
  });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '[]\n' });
  expect(JSON.parse(stdout)).toMatchObject({ captures: [{ result: 'match', mode: 'fast', modeReason: null }] });
});

test('a source that has changed since the build: the kernel runs in ref, and it says so', () => {
  const copy = join(folder(), 'package');
  for (const name of ['dist', 'src', 'package.json']) {
    cpSync(join(repositoryRoot, name), join(copy, name), { recursive: true });
  }
  symlinkSync(join(repositoryRoot, 'node_modules'), join(copy, 'node_modules'));
  const replay = () =>
    spawnSync(process.execPath, [join(copy, 'dist/cli/main.js'), 'replay', small], { encoding: 'utf8' });
  expect(replay().stdout).not.toContain('mode');
  appendFileSync(join(copy, 'src/kernels/moe-local-gather-device.ts'), '// changed\n');
  const { status, stdout } = replay();
  expect(status).toBe(0);
  expect(stdout).toContain(
    '\n  mode ref: src/kernels/moe-local-gather-device.ts has changed since it was compiled: npm run build\n',
  );
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

test('an interrupt ends it while it makes the inputs, without a look at the event loop', async () => {
  // A busy machine takes its time to start.
  const before = performance.now();
  spawnSync(process.execPath, [main, 'list'], { env: environment() });
  const startUp = performance.now() - before;
  const args = '{"ep_size": 64, "tokens": 16384, "top_k": 16, "max_usable_sm_count": 132, "vector_bytes": 64}';
  const child = spawn(process.execPath, [main, 'run', 'all-to-all', '--args', args], { env: environment() });
  let stdout = '';
  child.stdout.on('data', (chunk) => {
    stdout += String(chunk);
  });
  setTimeout(() => child.kill('SIGINT'), Math.max(700, 3 * startUp));
  expect([...(await once(child, 'exit')), stdout]).toEqual([130, null, '']);
});

test('the first interrupt asks it to end, the second ends it at once with 130', () => {
  const exit = vi.spyOn(process, 'exit').mockImplementation(() => undefined as never);
  const { signal } = processIo();
  const onInterrupt = process.listeners('SIGINT').at(-1)!;
  process.off('SIGINT', onInterrupt);
  onInterrupt('SIGINT');
  expect(signal.aborted).toBe(true);
  expect(exit).not.toHaveBeenCalled();
  onInterrupt('SIGINT');
  expect(exit).toHaveBeenCalledWith(130);
  vi.restoreAllMocks();
});

test('more threads than the heap holds: a sentence and 3, with the heap that it names a result', () => {
  const run = (megabytes: number, mode: string) =>
    spawnSync(
      process.execPath,
      [main, 'run', 'prepare-indices', '--args', '{"ep_size": 64}', '--quiet', '--mode', mode],
      {
        env: environment({ NODE_OPTIONS: `--max-old-space-size=${megabytes}` }),
        encoding: 'utf8',
      },
    );
  const { status, stdout, stderr } = run(128, 'ref');
  expect({ status, stderr }).toEqual({ status: 3, stderr: '' });
  expect(stdout).toContain('NODE_OPTIONS=--max-old-space-size=352, in MiB)');
  const passed = { status: 0, stdout: '1 passed, 0 failed\n' };
  expect(run(352, 'ref')).toMatchObject(passed);
  // A thread of a compiled kernel takes a few words.
  for (const mode of ['step', 'fast']) expect(run(128, mode)).toMatchObject(passed);
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

describe('an adapter over standard streams', () => {
  function start(): { readonly child: ChildProcessWithoutNullStreams; readonly client: DebugClient } {
    const child = spawn(process.execPath, [main, 'dap'], { env: environment() });
    const client = new (class extends DebugClient {
      constructor() {
        super('', '', 'simtwin');
        this.connect(child.stdout, child.stdin);
      }
    })();
    return { child, client };
  }

  /** A run of some seconds, on its way. */
  async function launch(client: DebugClient): Promise<void> {
    const initialized = client.waitForEvent('initialized');
    await client.initializeRequest();
    await client.send('launch', { program: join(fixtures, 'all-to-all/ep2-bf16x62400-wrap.safetensors.br') });
    await initialized;
    await client.configurationDoneRequest();
  }

  test('says nothing but what the protocol has, and ends when its client wants no more', async () => {
    const { child, client } = start();
    let stderr = '';
    child.stderr.on('data', (chunk) => {
      stderr += String(chunk);
    });
    const exited = once(child, 'exit');
    child.stdin.write('Content-Length: 1\r\n\r\n{');
    await launch(client);
    const stopped = client.waitForEvent('stopped');
    await client.pauseRequest({ threadId: 1 });
    expect((await stopped).body).toMatchObject({ reason: 'pause', threadId: 1 });
    await client.disconnectRequest();
    expect([...(await exited), stderr]).toEqual([0, null, '']);
  });

  test.each(['its input ends', 'nobody reads its output'])('ends in the middle of a run when %s', async (how) => {
    const { child, client } = start();
    const exited = once(child, 'exit');
    await launch(client);
    if (how === 'its input ends') child.stdin.end();
    else {
      child.stdout.destroy();
      child.stdin.write('Content-Length: 46\r\n\r\n{"seq":9,"type":"request","command":"threads"}');
    }
    const [code, signal] = await exited;
    expect({ code, signal }).toEqual({ code: how === 'its input ends' ? 0 : 141, signal: null });
  });
});
