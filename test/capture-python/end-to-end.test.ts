import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readCapture } from '../../src/index.js';
import { captureOf, simtwin, useTemporaryFolder } from '../cli/support.js';
import { hasNumpy, plainFixture, pythonVersion, recordedFiles, runRanks, startRanks, until } from './python.js';

const python = pythonVersion();
const root = useTemporaryFolder();

/** A folder of its own for a test. */
function folderFor(name: string): string {
  const folder = join(root(), name);
  mkdirSync(folder);
  return folder;
}

const quiet = [
  { code: 0, output: '' },
  { code: 0, output: '' },
];

describe.skipIf(!python.found)(`recorded by Python ${python.text}, merged, replayed`, () => {
  test.each([
    { tensors: 'memoryviews', environment: { SIMTWIN_TEST_NO_NUMPY: '1' } },
    { tensors: hasNumpy() ? 'numpy' : 'memoryviews, since there is no numpy', environment: {} },
  ])('an all-to-all of two processes: no byte differs, with tensors of $tensors', async ({ tensors, environment }) => {
    const folder = folderFor(`two-${tensors}`);
    const file = plainFixture('all-to-all/ep2-f16x8', folder);
    expect(await runRanks([0, 1], [file], folder, environment)).toEqual(quiet);

    const merged = join(folder, 'merged.safetensors.br');
    const { exitCode, stdout, stderr } = await simtwin(['merge', join(folder, 'recorded'), '-o', merged]);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(stdout).toMatch(/^call 0: ep2 16 B, 4 ch, .* -> .*merged\.safetensors\.br\n$/);
    expect(captureOf('moe_comm', readCapture(merged)).ranks).toEqual(captureOf('moe_comm', readCapture(file)).ranks);

    const replay = await simtwin(['replay', merged, '--json']);
    const [result] = JSON.parse(replay.stdout).captures;
    expect(result).toMatchObject({ result: 'match', verdict: 'completes', differingBytes: 0 });
    expect(result.comparedBytes).toBeGreaterThan(10_000);
  });

  test('calls one after the other on one workspace: each begins where the one before ended', async () => {
    const folder = folderFor('sequence');
    const files = [0, 1].map((call) => plainFixture(`all-to-all/ep2-bf16x2048-sequence-call${call}`, folder));
    expect(await runRanks([0, 1], files, folder)).toEqual(quiet);

    const merged = await simtwin(['merge', join(folder, 'recorded'), '-o', `${join(folder, 'calls')}/`]);
    expect(merged).toMatchObject({ exitCode: 0, stderr: '' });
    const calls = recordedFiles(join(folder, 'calls'));
    expect(calls).toEqual(['moe_comm.call000000.safetensors', 'moe_comm.call000001.safetensors']);
    // Without the barrier a rank would have seen what its peers had already sent.
    for (const [at, name] of calls.entries()) {
      const recorded = captureOf('moe_comm', readCapture(join(folder, 'calls', name)));
      expect(recorded.ranks).toEqual(captureOf('moe_comm', readCapture(files[at]!)).ranks);
      expect(recorded.args.callIndex).toBe(at);
    }
    expect(await simtwin(['replay', join(folder, 'calls'), '--quiet'])).toMatchObject({
      exitCode: 0,
      stdout: '2 passed, 0 failed\n',
    });
  });

  test.skipIf(!hasNumpy())('rows with gaps between them, three ranks', async () => {
    const folder = folderFor('strided');
    const file = plainFixture('all-to-all/ep3-u8x1904-strided', folder);
    expect(await runRanks([0, 1, 2], [file], folder)).toEqual([...quiet, quiet[0]]);
    const merged = join(folder, 'merged.safetensors');
    expect(await simtwin(['merge', join(folder, 'recorded'), '-o', merged])).toMatchObject({ exitCode: 0, stderr: '' });
    expect(await simtwin(['replay', merged, '--quiet'])).toMatchObject({ stdout: '1 passed, 0 failed\n' });
  });

  test.each(['prepare-indices/ep4-k3-r2-t100-real', 'local-gather/ep8-k4-t3'])('%s needs no merge', async (name) => {
    const folder = folderFor(name.replace('/', '-'));
    const file = plainFixture(name, folder);
    expect(await runRanks([0], [file], folder)).toEqual([quiet[0]]);
    const recorded = join(folder, 'recorded');
    expect(recordedFiles(recorded)).toHaveLength(1);
    const capture = readCapture(join(recorded, recordedFiles(recorded)[0]!));
    const fixture = readCapture(file);
    expect({ ...capture, provenance: null, extraArgs: null }).toEqual({
      ...fixture,
      provenance: null,
      extraArgs: null,
    });
    expect(await simtwin(['replay', recorded, '--quiet'])).toMatchObject({ stdout: '1 passed, 0 failed\n' });
  });

  test.each([
    { by: 'watchdog', environment: { SIMTWIN_CAPTURE_HANG_S: '0.5', SIMTWIN_CAPTURE_BARRIER_S: '2' } },
    { by: 'signal', environment: { SIMTWIN_CAPTURE_BARRIER_S: '2' } },
    {
      by: 'watchdog, only hung calls kept',
      environment: { SIMTWIN_CAPTURE_HANG_S: '0.5', SIMTWIN_CAPTURE_KEEP: 'hung', SIMTWIN_CAPTURE_BARRIER_S: '2' },
    },
  ])('a hang, by $by: the deadlock is proven, and no byte differs', async ({ by, environment }) => {
    const folder = folderFor(`hang-${by}`);
    const file = plainFixture('hang/receiver-expects-one-more', folder);
    const ranks = startRanks([0, 1], [file], folder, environment);
    const recorded = join(folder, 'recorded');
    const hasFile = (rank: number) =>
      existsSync(recorded) && recordedFiles(recorded).some((name) => name.includes(`.rank000${rank}.`));
    try {
      if (by === 'signal') {
        // Rank 0 ends its call; it gives up waiting for rank 1 after two seconds.
        await until(() => hasFile(0), 'the file of rank 0');
        ranks[1]!.process.kill('SIGUSR1');
      }
      await until(() => hasFile(0) && ranks[1]!.output().endsWith('written as hung\n'), 'the files of both ranks');
    } finally {
      ranks[1]!.process.kill('SIGKILL');
    }
    const [first, second] = await Promise.all(ranks.map(({ ended }) => ended));
    expect(first).toMatchObject({ code: 0 });
    expect(second!.output).toMatch(/^simtwin_capture: call 0 of moe_comm on rank 1 runs for \d s: written as hung\n$/);

    const merged = join(folder, 'merged.safetensors');
    const { exitCode, stdout, stderr } = await simtwin(['merge', recorded, '-o', merged]);
    expect(stdout).toContain('hung on 1 rank (1)');
    expect({ exitCode, stderr }).toEqual({
      exitCode: 1,
      stderr:
        'simtwin: call 0: rank 0 sends 3 vectors to rank 1 (send_rank_cum_sum), but rank 1 expects 4 from rank 0 (recv_rank_cum_sum): prepare both from one routing\n',
    });
    const [result] = JSON.parse((await simtwin(['replay', merged, '--json'])).stdout).captures;
    expect(result).toMatchObject({ result: 'match', verdict: 'deadlock', differingBytes: 0 });
    expect(result.rootCause.cause).toBe('counts disagree');
  });

  test('a rank that never comes to the call', async () => {
    const folder = folderFor('not-launched');
    const file = plainFixture('hang/rank-2-not-launched', folder);
    const ranks = startRanks([0, 1], [file], folder, {
      SIMTWIN_CAPTURE_HANG_S: '0.5',
      SIMTWIN_CAPTURE_BARRIER_S: '0.3',
    });
    const recorded = join(folder, 'recorded');
    try {
      await until(() => existsSync(recorded) && recordedFiles(recorded).length === 2, 'the files of ranks 0 and 1');
    } finally {
      for (const { process } of ranks) process.kill('SIGKILL');
    }
    await Promise.all(ranks.map(({ ended }) => ended));
    const merged = join(folder, 'merged.safetensors');
    const refused = await simtwin(['merge', recorded, '-o', merged]);
    expect(refused).toMatchObject({
      exitCode: 2,
      stderr: `simtwin: ${merged}: call 0 of 3 ranks lacks the file of rank 2: give it too, or, if it never came to the call, --not-launched 2\n`,
    });
    const { exitCode } = await simtwin(['merge', recorded, '-o', merged, '--not-launched', '2']);
    expect(exitCode).toBe(0);
    const { stdout } = await simtwin(['explain', merged]);
    expect(stdout).toContain('root cause: not launched');
  });
});

describe.skipIf(!python.found)('the Python package', () => {
  test('its own tests', async () => {
    const { execFileSync } = await import('node:child_process');
    const { repositoryRoot } = await import('../support/files.js');
    const { pythonEnvironment } = await import('./python.js');
    const run = () =>
      execFileSync('python3', ['-m', 'unittest', 'discover', '-s', 'python/tests', '-t', 'python/tests'], {
        cwd: repositoryRoot,
        env: pythonEnvironment(),
        encoding: 'utf8',
        stdio: 'pipe',
      });
    expect(run).not.toThrow();
  });

  test('asks for nothing that is not Python’s own', () => {
    const text = readFileSync(new URL('../../python/pyproject.toml', import.meta.url), 'utf8');
    expect(text).toContain('dependencies = []');
  });
});
