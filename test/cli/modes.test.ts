import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { compileExport, nodeSources } from '../../src/compile/index.js';
import {
  type EngineMode,
  moeLocalGatherDevice,
  type Program,
  programOf,
  readCapture,
  registerProgram,
  writeCapture,
} from '../../src/index.js';
import { repositoryRoot } from '../support/files.js';
import { captureOf, fixtures, flipByte, masked, simtwin, useTemporaryFolder } from './support.js';

const folder = useTemporaryFolder();
const gather = (): string => join(folder(), 'gather.safetensors.br');
const comm = join(fixtures, 'hang/serialised-but-one-way-fits-fifo.safetensors.br');

beforeAll(() => copyFileSync(join(fixtures, 'local-gather/ep8-k4-t3.safetensors.br'), gather()));

interface Report {
  readonly mode: EngineMode | null;
  readonly modeReason: string | null;
  readonly result: string;
  readonly steps: number;
  readonly reproduce: string;
}

async function reportOf(...argv: readonly string[]): Promise<Report> {
  const { stdout } = await simtwin([...argv, '--json']);
  return (JSON.parse(stdout) as { captures: Report[] }).captures[0]!;
}

describe('which mode runs', () => {
  test('fast, unless it is said otherwise', async () => {
    const report = await reportOf('replay', comm);
    expect(report).toMatchObject({ result: 'match', mode: 'fast', modeReason: null });
    expect(report.reproduce).not.toContain('--mode');
  });

  test.each(['step', 'ref'])('%s if it is asked for, and the command repeats it', async (mode) => {
    const report = await reportOf('replay', comm, '--mode', mode);
    expect(report).toMatchObject({ result: 'match', mode, modeReason: null });
    expect(report.reproduce).toBe(`simtwin replay ${comm} --schedule rr --mode ${mode}`);
  });

  test('step and ref make the same steps, fast makes fewer', async () => {
    const [fast, step, ref] = await Promise.all(
      ['fast', 'step', 'ref'].map((mode) => reportOf('run', 'all-to-all', '--mode', mode)),
    );
    expect(step?.steps).toBe(ref?.steps);
    expect(fast?.steps).toBeLessThan(ref!.steps);
  });

  test.each([
    { argv: ['--granule', '8'], reason: "granule=8 divides warps, which 'fast' does not" },
    { argv: ['--schedule', 'rr,granule=1'], reason: "granule=1 divides warps, which 'fast' does not" },
    { argv: ['--record'], reason: "picks are recorded as steps of 'step' and 'ref'" },
  ])('$argv: step, and it says why', async ({ argv, reason }) => {
    const report = await reportOf('replay', gather(), ...argv);
    expect(report).toMatchObject({ result: 'match', mode: 'step', modeReason: reason });
    expect(report.reproduce).not.toContain('--mode');
    const { stdout } = await simtwin(['replay', gather(), ...argv]);
    expect(stdout).toContain(`moe_local_gather\n  mode step: ${reason}\n  gather `);
  });

  test.each(['step', 'ref'])('what is asked for is not switched: --mode %s --granule 8', async (mode) => {
    const report = await reportOf('replay', gather(), '--granule', '8', '--mode', mode);
    expect(report).toMatchObject({ result: 'match', mode, modeReason: null });
  });

  test('picks run in the mode that has them', async () => {
    const recorded = (await reportOf('replay', gather(), '--record')) as Report & { readonly recordedSchedule: string };
    const report = await reportOf('replay', gather(), '--schedule', recorded.recordedSchedule);
    expect(report).toMatchObject({
      result: 'match',
      mode: 'step',
      modeReason: "picks count the steps of 'step' and 'ref'",
    });
  });

  test('a table of several modes says where each begins', async () => {
    const both = [gather(), join(fixtures, 'channels/channels-sm16.json'), comm];
    const { stdout } = await simtwin(['replay', ...both, '--mode', 'ref']);
    expect(stdout.match(/^ {2}mode .*$/gm)).toEqual(['  mode ref']);
  });
});

describe('a hang', () => {
  test.each(['fast', 'step', 'ref'])('has a verdict and names the lines that poll: %s', async (mode) => {
    const path = join(fixtures, 'all-to-all/ep2-bf16x62400-wrap.safetensors.br');
    const limits = ['--resident-blocks', '1', '--max-idle-steps', '20000'];
    const { exitCode, stdout } = await simtwin(['replay', path, ...limits, '--quiet', '--mode', mode]);
    expect(exitCode).toBe(3);
    // Who runs the source itself cannot tell whether it will ever end.
    const verdict = mode === 'ref' ? 'budget: 20000 polling steps without a write' : 'deadlock: no thread can go on';
    expect(stdout).toContain(`\n  ${verdict}`);
    const polls =
      /ld\.volatile.* at (src\/.*\.ts:\d+) \(trtllm_alltoall\.cuh:476\)|^ +at (src\/.*\.ts:\d+) \(trtllm_alltoall\.cuh:476\)$/m;
    expect(stdout).toMatch(polls);
    if (mode === 'ref') {
      expect(stdout).toContain('\n    1 of 2 blocks of moeAllToAllKernel are not resident: no room on device 1\n');
    } else {
      expect(stdout).toContain('\n  root cause: not resident\n');
      expect(stdout).toContain('polls tail of link 0 -> 1, channel 0: needs >= 1, holds 0\n');
      expect(stdout).toContain(`\n  debug      simtwin debug ${path} --schedule rr,resident=1\n`);
    }
  });
});

describe('the last writer', () => {
  test.each(['fast', 'step', 'ref'])('of a difference in mode %s', async (mode) => {
    const capture = captureOf('moe_local_gather', readCapture(gather()));
    flipByte(capture.outputs!.localScalesBits, 5);
    const path = join(folder(), 'changed.safetensors');
    writeCapture(path, capture);
    const { exitCode, stdout } = await simtwin(['replay', path, '--quiet', '--mode', mode]);
    expect(exitCode).toBe(1);
    const searched = mode === 'ref' ? 'ref' : 'step';
    expect(masked(stdout, folder())).toContain(
      `\n  written by rank 0 block (0,0,0) warp 0 lane 1 (thread (1,0,0))\n             in step N of a run in mode ${searched}, moeLocalGatherDevice\n`,
    );
  });
});

describe('a kernel that cannot run compiled', () => {
  const program = programOf(moeLocalGatherDevice)!;
  afterEach(() => registerProgram(moeLocalGatherDevice, program));

  test('its source has changed since: ref, and the command that compiles it', async () => {
    const files = program.files.map((file, index) => (index === 0 ? { ...file, digest: '0'.repeat(16) } : file));
    registerProgram(moeLocalGatherDevice, { ...program, files });
    const reason = `${files[0]!.path} has changed since it was compiled: npm run build`;
    expect(await reportOf('replay', gather())).toMatchObject({ result: 'match', mode: 'ref', modeReason: reason });
    const { stdout } = await simtwin(['replay', comm, gather()]);
    expect(stdout).toContain(`  mode ref: ${reason}\n  gather `);
    expect(await reportOf('replay', gather(), '--mode', 'ref')).toMatchObject({ mode: 'ref', modeReason: null });
  });

  test('it comes to something that fast does not model: once more in step, and it says so', async () => {
    registerProgram(moeLocalGatherDevice, { ...withMasksOfOneSide(), files: program.files });
    expect(await reportOf('replay', gather())).toMatchObject({
      result: 'match',
      mode: 'step',
      modeReason: expect.stringMatching(/^moeLocalGatherDevice: .*; mode 'fast' does not model that$/),
    });
  });
});

/** The local gather behind two operations: lane 0 names lane 1 in the mask of the first, lane 1 lane 0 in the second. */
function withMasksOfOneSide(): Program {
  const sources = nodeSources();
  const path = `${repositoryRoot.replaceAll('\\', '/').replace(/\/$/, '')}/src/kernels/moe-local-gather-device.ts`;
  const start = 'const { kThreadsGroupSize, worldInfo,';
  const sync = (lane: number) => `yield* t.syncwarp(t.laneId === ${lane} ? 3 : 1 << t.laneId);`;
  const added = `${sync(0)} ${sync(1)} ${start}`;
  const read = (file: string) => (file === path ? sources.read(file)?.replace(start, added) : sources.read(file));
  return compileExport({ ...sources, read }, path, 'moeLocalGatherDevice');
}
