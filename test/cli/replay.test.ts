import {
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { describe, expect, test } from 'vitest';
import { generateCapture, readCapture, writeCapture } from '../../src/index.js';
import { captureOf, fixtures, masked, simtwin, useTemporaryFolder } from './support.js';

const folder = useTemporaryFolder();
const smallCapture = join(fixtures, 'prepare-indices/ep1-k1-t5.safetensors.br');
const gather = join(fixtures, 'local-gather');

describe('the table', () => {
  test('of a folder, by name, with a channel table and a hang that ended', async () => {
    const hang = join(fixtures, 'hang/serialised-but-one-way-fits-fifo.safetensors.br');
    const { exitCode, stdout, stderr } = await simtwin(['replay', gather, hang, join(fixtures, 'channels')]);
    expect(stderr).toBe('');
    expect(exitCode).toBe(0);
    expect(masked(stdout, folder())).toMatchInlineSnapshot(`
      "  file                              shape                result    verdict    compared  undefined       steps    time
      local-gather/  moe_local_gather
        ep2-k1-t9-none                    ep2 k1 t9 r1         match     completes     144 B          -  STEPS  0.00 s
        ep3-k32-t20                       ep3 k32 t20 r2       match     completes  15.0 KiB          -  STEPS  0.00 s
        ep4-k6-t50-full                   ep4 k6 t50 r1        match     completes  9.38 KiB          -  STEPS  0.00 s
        ep64-k17-t8                       ep64 k17 t8 r7       match     completes  68.0 KiB          -  STEPS  0.00 s
        ep8-k4-t3                         ep8 k4 t3 r0         match     completes     768 B          -  STEPS  0.00 s
        ep8-k8-t32                        ep8 k8 t32 r7        match     completes  16.0 KiB          -  STEPS  0.00 s
      hang/  moe_comm
        serialised-but-one-way-fits-fifo  ep2 1024 B, 1 ch     match     completes  9.25 KiB   1.75 KiB  STEPS  0.00 s
      channels/  channel_table
        channels-sm108                    108 SMs, 69 sizes    match     completes     828 B          -           -  0.00 s
        channels-sm132                    132 SMs, 71 sizes    match     completes     852 B          -           -  0.00 s
        channels-sm16                     16 SMs, 64 sizes     match     completes     768 B          -           -  0.00 s
        channels-sm24                     24 SMs, 66 sizes     match     completes     792 B          -           -  0.00 s
        channels-sm66                     66 SMs, 69 sizes     match     completes     828 B          -           -  0.00 s

      125,428 bytes compared, 1,792 left out because never defined, N steps, 0.00 s
      12 passed, 0 failed
      "
    `);
  });

  test.each([
    { columns: 100, why: 'does without what is undefined' },
    { columns: 80, why: 'does without verdicts and bytes' },
    { columns: 60, why: 'does without steps' },
  ])('$columns columns wide: $why', async ({ columns }) => {
    const paths = [join(fixtures, 'all-to-all/ep2-bf16x2048-sequence-call2.safetensors.br'), smallCapture];
    const { stdout } = await simtwin(['replay', ...paths], { stdoutColumns: columns });
    const lines = stdout.split('\n').slice(0, -4);
    expect(Math.max(...lines.map(({ length }) => length))).toBeLessThanOrEqual(columns);
    expect(masked(lines.join('\n'), folder())).toMatchSnapshot();
  });

  test('--quiet leaves the final line', async () => {
    const { exitCode, stdout } = await simtwin(['replay', '--quiet', gather]);
    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: '6 passed, 0 failed\n' });
  });

  test('is the same text twice', async () => {
    const argv = ['replay', gather, smallCapture, '--schedule', 'random:5,granule=8'];
    expect(await simtwin(argv)).toEqual(await simtwin(argv));
  });
});

describe('which files', () => {
  test('a folder is searched at any depth; other files, hidden folders and node_modules are not replayed', async () => {
    const root = join(folder(), 'tree');
    for (const name of ['b/deep', '.hidden', 'node_modules', 'a.safetensors']) {
      mkdirSync(join(root, name), { recursive: true });
      copyFileSync(smallCapture, join(root, name, 'x.safetensors.br'));
    }
    writeFileSync(join(root, 'PROVENANCE.md'), 'recorded on a GPU');
    writeFileSync(join(root, 'other.json'), '{}');
    copyFileSync(join(fixtures, 'channels/channels-sm16.json'), join(root, 'channels-sm16.json'));
    const { exitCode, stdout } = await simtwin(['replay', root, '--json']);
    expect(exitCode).toBe(0);
    const files = (JSON.parse(stdout) as JsonReport).captures.map(({ file }) => file);
    expect(files).toEqual(
      ['a.safetensors/x.safetensors.br', 'b/deep/x.safetensors.br', 'channels-sm16.json'].map((name) =>
        join(root, name),
      ),
    );
  });

  test('a file named directly is never skipped, and one named twice is replayed once', async () => {
    const path = join(folder(), 'named.txt');
    copyFileSync(smallCapture, `${path}.br`);
    const { stdout } = await simtwin(['replay', `${path}.br`, join(folder(), '.', 'named.txt.br'), '--quiet']);
    expect(stdout).toBe('1 passed, 0 failed\n');
  });

  test('symbolic links: a loop ends, and of the names of a file the first given is replayed', async () => {
    const root = join(folder(), 'links');
    mkdirSync(join(root, 'b'), { recursive: true });
    copyFileSync(smallCapture, join(root, 'b/x.safetensors.br'));
    symlinkSync('..', join(root, 'b/up'));
    symlinkSync('b', join(root, 'c'));
    symlinkSync('b/x.safetensors.br', join(root, 'z.safetensors.br'));
    const filesOf = async (...paths: string[]) => {
      const { stdout } = await simtwin(['replay', ...paths.map((path) => join(root, path)), '--json']);
      return (JSON.parse(stdout) as JsonReport).captures.map(({ file }) => file.slice(root.length + 1));
    };
    expect(await filesOf('.')).toEqual(['b/x.safetensors.br']);
    expect(await filesOf('z.safetensors.br', '.', 'b')).toEqual(['z.safetensors.br']);
    expect(await filesOf('b/up/c')).toEqual(['b/up/c/up/z.safetensors.br']);
  });

  test('a name with control characters is shown escaped, and the command repeats it', async () => {
    const path = join(folder(), 'a\x1b[2Jb\nc.safetensors');
    writeFileSync(path, 'no capture');
    const { stdout } = await simtwin(['replay', path]);
    const shown = masked(stdout, folder());
    expect(shown).toContain('\n  a\\x1b[2Jb\\x0ac ');
    expect(shown).toContain('\nerror: a\\x1b[2Jb\\x0ac.safetensors\n');
    expect(stdout).not.toContain('\x1b');
    const missing = await simtwin(['replay', smallCapture, '--out', join(folder(), 'no\x1b/x')]);
    expect(missing.stderr).toContain('/no\\x1b/x: there is no folder ');
  });
});

interface JsonReport {
  readonly captures: readonly (Readonly<Record<string, unknown>> & { readonly file: string })[];
}

describe('--json', () => {
  test('is one object with these members', async () => {
    const { exitCode, stdout, stderr } = await simtwin(['replay', smallCapture, '--json']);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(JSON.parse(stdout)).toEqual({
      captures: [
        {
          file: smallCapture,
          op: 'moe_comm_prepare_indices',
          shape: 'ep1 k1 t5 r0',
          result: 'match',
          verdict: 'completes',
          comparedBytes: 88,
          differingBytes: 0,
          undefinedBytes: 0,
          counterBytes: 0,
          firstDifference: null,
          steps: expect.any(Number),
          wallMs: 0,
          mode: 'fast',
          modeReason: null,
          schedule: 'rr',
          problem: null,
          reproduce: `simtwin replay ${smallCapture} --schedule rr`,
        },
      ],
      passed: 1,
      failed: 0,
    });
  });

  test('gives the time', async () => {
    let clock = 0;
    const { stdout } = await simtwin(['replay', smallCapture, '--json'], { now: () => (clock += 12.34) });
    expect((JSON.parse(stdout) as JsonReport).captures[0]?.wallMs).toBeGreaterThan(12);
  });
});

describe('schedules', () => {
  const comm = join(fixtures, 'hang/serialised-but-one-way-fits-fifo.safetensors.br');

  test('what --record gives replays the run pick by pick', async () => {
    const recorded = await simtwin(['replay', comm, '--schedule', 'random:3', '--granule', '8', '--record', '--json']);
    const [first] = (JSON.parse(recorded.stdout) as JsonReport).captures;
    const token = String(first?.recordedSchedule);
    expect(token).toMatch(/^picks:[\w-]+,granule=8$/);
    const again = await simtwin(['replay', comm, '--schedule', token, '--record', '--json']);
    const [second] = (JSON.parse(again.stdout) as JsonReport).captures;
    expect(second).toMatchObject({ result: 'match', steps: first?.steps, recordedSchedule: token, schedule: token });

    const file = join(folder(), 'picks.txt');
    writeFileSync(file, `${token}\n`);
    const fromFile = await simtwin(['replay', comm, '--schedule', `@${file}`, '--json']);
    const [third] = (JSON.parse(fromFile.stdout) as JsonReport).captures;
    expect(third).toMatchObject({ result: 'match', steps: first?.steps, schedule: token });
    expect(third?.reproduce).toBe(`simtwin replay ${comm} --schedule @${file}`);
  });

  test('--record prints the token below the row, and with --quiet behind the file', async () => {
    const { stdout } = await simtwin(['replay', smallCapture, '--record']);
    expect(stdout).toMatch(/\n {2}ep1-k1-t5 .*\n {4}schedule picks:[\w-]+\n/);
    const quiet = await simtwin(['replay', smallCapture, '--record', '--quiet']);
    expect(quiet.stdout).toMatch(/^\S+ep1-k1-t5.safetensors.br: schedule picks:[\w-]+\n1 passed, 0 failed\n$/);
  });

  test('options complete the token, and may repeat it', async () => {
    const argv = ['replay', smallCapture, '--json', '--schedule', 'blocked,granule=8,order=reverse'];
    const { stdout } = await simtwin([...argv, '--granule', '8', '--resident-blocks', '1', '--max-steps', '1e6']);
    const [report] = (JSON.parse(stdout) as JsonReport).captures;
    expect(report?.schedule).toBe('blocked,granule=8,resident=1,order=reverse');
    expect(report?.reproduce).toBe(`simtwin replay ${smallCapture} --schedule ${report?.schedule} --max-steps 1000000`);
  });

  test('a schedule of another program is refused in a sentence', async () => {
    const { exitCode, stdout } = await simtwin(['replay', comm, '--schedule', 'picks:AC', '--quiet']);
    expect(exitCode).toBe(2);
    expect(stdout).toContain('\n  the given schedule has 2 picks; the program has not ended after them\n');
  });
});

describe('--out', () => {
  test('writes what was computed to a file, which is a capture that matches', async () => {
    const out = join(folder(), 'computed.safetensors');
    expect((await simtwin(['replay', smallCapture, '--out', out])).exitCode).toBe(0);
    const computed = captureOf('moe_comm_prepare_indices', readCapture(out));
    const recorded = captureOf('moe_comm_prepare_indices', readCapture(smallCapture));
    expect(isDeepStrictEqual(computed.outputs, recorded.outputs)).toBe(true);
    expect(computed.provenance).toMatchObject({ device: 'simtwin', producer: expect.stringMatching(/^simtwin \d/) });
    expect((await simtwin(['replay', out, '--quiet'])).stdout).toBe('1 passed, 0 failed\n');
  });

  test('an all-to-all that was written matches, too: nothing undefined is made up', async () => {
    const out = join(folder(), 'comm.safetensors.gz');
    const input = join(fixtures, 'hang/serialised-but-one-way-fits-fifo.safetensors.br');
    await simtwin(['replay', input, '--out', out]);
    const { stdout } = await simtwin(['replay', out, '--json', '--schedule', 'random:1']);
    expect((JSON.parse(stdout) as JsonReport).captures[0]).toMatchObject({ result: 'match', undefinedBytes: 1792 });
  });

  test('writes several to a folder, under their own names', async () => {
    const out = join(folder(), 'several');
    const { stdout } = await simtwin(['replay', gather, smallCapture, '--out', out]);
    expect(stdout).toContain(`, 7 captures written to ${out}\n`);
    expect(readdirSync(out, { recursive: true, encoding: 'utf8' }).sort()).toEqual([
      'local-gather',
      ...readdirSync(gather).map((name) => `local-gather/${name}`),
      'prepare-indices',
      'prepare-indices/ep1-k1-t5.safetensors.br',
    ]);
  });

  test('one file goes into an existing folder', async () => {
    const out = join(folder(), 'existing');
    mkdirSync(out);
    await simtwin(['replay', smallCapture, '--out', out]);
    expect(readdirSync(out)).toEqual(['ep1-k1-t5.safetensors.br']);
  });

  test('never overwrites an input, whatever it is called', async () => {
    const input = join(folder(), 'input.safetensors.br');
    const link = join(folder(), 'link.safetensors.br');
    copyFileSync(smallCapture, input);
    linkSync(input, link);
    const before = readFileSync(input);
    for (const out of [input, link, `${folder()}/./input.safetensors.br`]) {
      const { exitCode, stderr } = await simtwin(['replay', input, '--out', out]);
      expect(exitCode).toBe(2);
      expect(stderr).toMatch(/^simtwin: --out .* would overwrite the input /);
    }
    const { exitCode } = await simtwin(['replay', input, smallCapture, '--out', folder()]);
    expect(exitCode).toBe(0);
    expect(readFileSync(input).equals(before)).toBe(true);
  });

  test('is what a capture of inputs alone gets its outputs from, though there is nothing to compare with', async () => {
    const input = join(folder(), 'inputs.safetensors');
    const out = join(folder(), 'with-outputs.safetensors');
    writeCapture(input, generateCapture('moe_local_gather', {}, 0));
    const { exitCode, stdout } = await simtwin(['replay', input, '--out', out]);
    expect(exitCode).toBe(2);
    expect(stdout).toContain('\n  the capture has no outputs to compare with\n');
    expect((await simtwin(['replay', out])).exitCode).toBe(0);
  });

  test('is not written for a call that fails', async () => {
    const out = join(folder(), 'failed.safetensors');
    expect((await simtwin(['replay', smallCapture, '--out', out, '--max-steps', '10'])).exitCode).toBe(3);
    expect(existsSync(out)).toBe(false);
  });
});
