import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import v8 from 'node:v8';
import { Chalk } from 'chalk';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import { explain } from '../../src/cli/explain.js';
import { emptyReport, problemOf } from '../../src/cli/run-case.js';
import { CaptureError, generateCapture, HostCheckError, readCapture, writeCapture } from '../../src/index.js';
import { captureOf, fixtures, flipByte, masked, simtwin, useTemporaryFolder } from './support.js';

const folder = useTemporaryFolder();
const path = (name: string): string => join(folder(), name);
const fixture = (name: string): string => join(fixtures, `${name}.safetensors.br`);

beforeAll(() => {
  copyFileSync(fixture('prepare-indices/ep1-k1-t5'), path('good.safetensors.br'));

  const gather = captureOf('moe_local_gather', readCapture(fixture('local-gather/ep8-k4-t3')));
  flipByte(gather.outputs!.localScalesBits, 5);
  writeCapture(path('gather.safetensors'), gather);

  const prepare = captureOf('moe_comm_prepare_indices', readCapture(fixture('prepare-indices/ep1-k1-t5')));
  flipByte(prepare.outputs!.recvRankLocalIndices, 8);
  writeCapture(path('prepare.safetensors'), prepare);

  const comm = captureOf('moe_comm', readCapture(fixture('hang/serialised-but-one-way-fits-fifo')));
  flipByte(comm.ranks[1]!.outputs!.workspacePages.data, 7 * 16 + 8);
  writeCapture(path('fifo.safetensors'), comm);

  const outOfBounds = captureOf('moe_comm_prepare_indices', readCapture(fixture('prepare-indices/ep8-k4-r1-t3-real')));
  outOfBounds.inputs.realRankTokenCountCumSum![7]! += 40;
  writeCapture(path('out-of-bounds.safetensors'), outOfBounds);

  const tooManyTargets = captureOf(
    'moe_comm_prepare_indices',
    generateCapture('moe_comm_prepare_indices', { top_k: 32 }, 0),
  );
  writeCapture(path('top-k-33.safetensors'), {
    ...tooManyTargets,
    args: { ...tooManyTargets.args, topK: 33 },
    inputs: { ...tooManyTargets.inputs, gatheredTargetRankIds: new Int32Array(64 * 33) },
  });

  writeFileSync(path('truncated.safetensors'), readFileSync(path('fifo.safetensors')).subarray(0, 9000));
  const table = readFileSync(join(fixtures, 'channels/channels-sm16.json'), 'utf8');
  writeFileSync(path('channels-sm16.json'), table.replace(/"2": \[\d+/, '"2": [77'));
});

describe('a mismatch says what differs and who wrote it', () => {
  test.each(['gather', 'prepare', 'fifo'])('%s', async (name) => {
    const { exitCode, stdout, stderr } = await simtwin(['replay', path(`${name}.safetensors`), '--quiet']);
    expect({ exitCode, stderr }).toEqual({ exitCode: 1, stderr: '' });
    expect(masked(stdout, folder())).toMatchSnapshot();
  });

  test('in JSON', async () => {
    const { exitCode, stdout } = await simtwin(['replay', path('prepare.safetensors'), '--json']);
    expect(exitCode).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({
      captures: [
        {
          result: 'mismatch',
          verdict: 'completes',
          differingBytes: 1,
          problem: '1 bytes differ',
          firstDifference: {
            tensor: 'out/recv_rank_local_indices',
            location: 'element 2, byte 0 of it',
            offsetBytes: 8,
            address: expect.any(Number),
            expected: 0x42,
            got: 2,
            lastWriter: {
              mode: 'step',
              byte: 2,
              kernel: 'computeSendRecvIndicesKernel',
              rank: 0,
              block: '(0,1,0)',
              thread: '(2,0,0)',
              source: [
                {
                  file: 'src/kernels/compute-send-recv-indices-kernel.ts',
                  original: 'trtllm_alltoall.cuh:735',
                },
              ],
            },
          },
        },
      ],
      passed: 0,
      failed: 1,
    });
  });

  test('a byte that no thread has written is said to be one', async () => {
    const args = '{"ep_size": 2, "tokens": 2, "vector_bytes": 64, "output_row_stride_bytes": 80}';
    await simtwin(['run', 'moe_comm', '--args', args, '--out', path('untouched.safetensors')]);
    const capture = captureOf('moe_comm', readCapture(path('untouched.safetensors')));
    // The last byte of a row lies beyond its vector.
    flipByte(capture.ranks[0]!.outputs!.output, 79);
    writeCapture(path('untouched.safetensors'), capture);
    const { stdout } = await simtwin(['replay', path('untouched.safetensors'), '--quiet']);
    expect(stdout).toContain('  written by no thread: the byte is as it was before the call\n');
  });

  test('a channel table', async () => {
    const { exitCode, stdout } = await simtwin(['replay', path('channels-sm16.json')]);
    expect(exitCode).toBe(1);
    expect(masked(stdout, folder())).toMatchSnapshot();
  });
});

describe('an error of the simulated program', () => {
  test('out of bounds: the thread, and lines of port and original', async () => {
    const { exitCode, stdout, stderr } = await simtwin(['replay', path('out-of-bounds.safetensors'), '--quiet']);
    expect({ exitCode, stderr }).toEqual({ exitCode: 3, stderr: '' });
    expect(masked(stdout, folder())).toMatchSnapshot();
  });

  test('on a narrow terminal the text is wrapped, but not the command', async () => {
    const file = path('out-of-bounds.safetensors');
    const { stdout } = await simtwin(['replay', file, '--quiet'], { stdoutColumns: 72 });
    const tooLong = stdout.split('\n').filter(({ length }) => length > 72);
    expect(tooLong).toHaveLength(2);
    expect(tooLong.every((line) => line.includes(file))).toBe(true);
  });

  test.each(['step', 'ref'])('a limit: what each warp does, and the options, in mode %s', async (mode) => {
    const argv = ['replay', path('good.safetensors.br'), '--quiet', '--max-steps', '90', '--mode', mode];
    const { exitCode, stdout } = await simtwin(argv);
    expect(exitCode).toBe(3);
    const [heading, problem, ...rest] = masked(stdout, folder()).split('\n');
    expect(heading).toBe('error: good.safetensors.br  (moe_comm_prepare_indices, ep1 k1 t5 r0)');
    expect(problem).toMatch(/^ {2}budget: N steps are spent/);
    const [last, empty, reproduce, limits, ...warps] = rest.reverse().slice(1);
    expect([limits, reproduce, empty, last]).toEqual([
      '  the limits are set by --max-steps, --max-idle-steps and --max-counter-steps',
      `  replay     simtwin replay good.safetensors.br --schedule rr --mode ${mode} --max-steps N`,
      '',
      '0 passed, 1 failed',
    ]);
    expect(warps.length).toBeGreaterThan(1);
    for (const warp of warps) {
      expect(warp).toMatch(
        /^ {4}rank 0 (?:block .* at src\/kernels\/.*\.ts:LINE \(trtllm_alltoall\.cuh:\d+\)|kernel .*: queued on a stream .*)$/,
      );
    }
  });

  test('a check of the host code', async () => {
    const { exitCode, stdout } = await simtwin(['replay', path('top-k-33.safetensors'), '--json']);
    expect(exitCode).toBe(3);
    expect(JSON.parse(stdout)).toMatchObject({
      captures: [
        {
          result: 'error',
          verdict: null,
          problem: 'a check of the host code has failed: Only topK less than or equal to 32 supported now.',
        },
      ],
    });
  });
});

describe('more threads than the heap holds', () => {
  test('a sentence that names the way out', async () => {
    vi.spyOn(v8, 'getHeapStatistics').mockReturnValue({ ...v8.getHeapStatistics(), heap_size_limit: 2 ** 20 });
    const { exitCode, stdout, stderr } = await simtwin(['run', 'prepare-indices', '--mode', 'ref', '--json']);
    vi.restoreAllMocks();
    expect({ exitCode, stderr }).toEqual({ exitCode: 3, stderr: '' });
    expect(JSON.parse(stdout)).toMatchObject({
      captures: [
        {
          result: 'error',
          verdict: null,
          problem:
            'computeSendRecvRankCountKernel: more than 399 threads would be resident, at about 2100 bytes each too many for the heap of 1 MiB; give Node a larger one (for example NODE_OPTIONS=--max-old-space-size=2, in MiB), limit the blocks of a device (--resident-blocks), or take fewer ranks or channels',
        },
      ],
    });
  });

  test('as many as a machine takes of any kind: what one can do about it, and no word of the heap', () => {
    const error = new RangeError(
      'k: more than 4000000 threads would be resident; limit them or raise maxResidentThreads',
    );
    expect(problemOf(error, 'a.safetensors', 'step').problem).toBe(
      'k: more than 4000000 threads would be resident; limit the blocks of a device (--resident-blocks), or take fewer ranks or channels',
    );
  });
});

test('a launch without blocks is the fault of the simulated program', async () => {
  const none = captureOf('moe_local_gather', generateCapture('moe_local_gather', {}, 0));
  const words = new Int32Array(0);
  writeCapture(path('no-rows.safetensors'), {
    ...none,
    inputs: { ...none.inputs, localGatherIndices: words, localExpertIds: words, localScalesBits: words },
  });
  const { exitCode, stdout } = await simtwin(['replay', path('no-rows.safetensors'), '--quiet']);
  expect({ exitCode, stdout }).toMatchObject({ exitCode: 3, stdout: expect.stringContaining('cudaErrorInvalid') });
});

describe('a bad file', () => {
  test.each([
    { name: 'truncated.safetensors', problem: /^tensor \S+ ends at data byte \d+, but the file has only \d+ bytes/ },
    { name: 'missing.safetensors', problem: /^cannot be read: no such file or directory \(ENOENT\)$/ },
    { name: 'missing.json', problem: /^cannot be read \(ENOENT\)$/ },
  ])('$name: a sentence, no stack', async ({ name, problem }) => {
    const { exitCode, stdout, stderr } = await simtwin(['replay', path(name), '--json']);
    expect({ exitCode, stderr }).toEqual({ exitCode: 2, stderr: '' });
    const { captures, ...counts } = JSON.parse(stdout) as { captures: { problem: string }[] };
    expect(counts).toEqual({ passed: 0, failed: 1 });
    expect(captures).toMatchObject([{ op: null, result: 'error', verdict: null, steps: 0 }]);
    expect(captures[0]?.problem).toMatch(problem);
  });

  test('does not stop the others; the highest exit code wins', async () => {
    const files = ['truncated.safetensors', 'gather.safetensors', 'good.safetensors.br'].map(path);
    const two = await simtwin(['replay', ...files]);
    expect(two.exitCode).toBe(2);
    expect(two.stdout).toMatch(/\n1 passed, 2 failed\n$/);
    expect(masked(two.stdout, folder())).toMatchSnapshot();
    const three = await simtwin(['replay', ...files, path('top-k-33.safetensors')]);
    expect(three.exitCode).toBe(3);
  });
});

describe('whose fault an exception is', () => {
  test.each([
    { error: new CaptureError('a.safetensors', 'in/x', 'is odd'), exitCode: 2, problem: 'tensor in/x is odd' },
    { error: new RangeError('resident 0 does not fit'), exitCode: 2, problem: 'resident 0 does not fit' },
    {
      error: new RangeError('k: grid dimension x is 0 (cudaErrorInvalidConfiguration)'),
      exitCode: 3,
      problem: 'k: grid dimension x is 0 (cudaErrorInvalidConfiguration)',
    },
    { error: new HostCheckError('no'), exitCode: 3, problem: 'a check of the host code has failed: no' },
  ])('$error.name: of the input or the program, no stack', ({ error, exitCode, problem }) => {
    expect(problemOf(error, 'a.safetensors')).toEqual({ result: 'error', exitCode, problem, stack: null });
  });

  test.each([
    new Error('[simtwin bug] a step was lost'),
    new TypeError('x is undefined'),
    new RangeError('Maximum call stack size exceeded'),
  ])('%s: of simtwin, which says so and shows the stack', (error) => {
    const report = { ...emptyReport('a.safetensors', 'a', 'simtwin replay a'), ...problemOf(error, 'a.safetensors') };
    expect(report.exitCode).toBe(4);
    expect(explain(report, new Chalk({ level: 0 }), null).slice(0, 3)).toEqual([
      'error: a.safetensors',
      '  This is a bug of simtwin, not of the kernel or the capture.',
      `  ${error.name}: ${error.message}`,
    ]);
  });
});
