import {
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import { type CliSurroundings, fixtures, simtwin, useTemporaryFolder } from '../cli/support.js';

const folder = useTemporaryFolder();
const path = (name: string): string => join(folder(), name);
const hang = join(fixtures, 'hang', 'receiver-expects-one-more.safetensors.br');
const input = (): string => path('input.safetensors.br');

beforeAll(() => copyFileSync(hang, input()));

/** What commands print from standard input, by command, in order; and the exit code. */
async function session(commands: readonly string[], surroundings: CliSurroundings = {}, argv: readonly string[] = []) {
  const stream = new PassThrough();
  stream.end(`${commands.join('\n')}\n`);
  const stdin = vi.spyOn(process, 'stdin', 'get').mockReturnValue(stream as never);
  try {
    const { exitCode, stdout, stderr } = await simtwin(['debug', input(), ...argv], surroundings);
    expect(stderr).toBe('');
    const [, ...parts] = stdout.split(/^\(simtwin\) /m);
    return { exitCode, outputs: parts.map((part) => part.slice(part.indexOf('\n') + 1).trimEnd()) };
  } finally {
    stdin.mockRestore();
  }
}

describe('captures are not overwritten', () => {
  const targets: readonly (readonly [string, string, RegExp])[] = [
    ['the input', 'input.safetensors.br', /would overwrite the input /],
    ['a symbolic link to it', 'link.txt', /would overwrite the input /],
    ['a hard link to it', 'hard.txt', /would overwrite the input /],
    ['another capture', 'other.safetensors.gz', /would overwrite a capture; give another name$/],
    ['a capture by another name', 'renamed.bin', /would overwrite a capture; give another name$/],
    ['a file in no folder', 'nowhere/x', /: there is no folder .*nowhere$/],
  ];
  const contents = (name: string): Buffer | null => (existsSync(path(name)) ? readFileSync(path(name)) : null);

  beforeAll(() => {
    symlinkSync(input(), path('link.txt'));
    linkSync(input(), path('hard.txt'));
    writeFileSync(path('other.safetensors.gz'), 'anything');
    writeFileSync(path('renamed.bin'), Buffer.concat([Buffer.from([2, 0, 0, 0, 0, 0, 0, 0]), Buffer.from('{}')]));
    writeFileSync(path('script.txt'), 'print 1\n');
    mkdirSync(path('sub'));
  });

  test.each(targets)('%s', async (_, name, message) => {
    const before = contents(name);
    const runs = [
      ['explain', input(), '-o', path(name)],
      ['debug', input(), '--script', path('script.txt'), '--save', path(name)],
    ];
    for (const argv of runs) {
      const { exitCode, stdout, stderr } = await simtwin(argv);
      expect({ argv, exitCode, stdout }).toEqual({ argv, exitCode: 2, stdout: '' });
      expect(stderr.trimEnd()).toMatch(message);
      expect(stderr.trimEnd()).not.toContain('\n');
    }
    const { exitCode, outputs } = await session([`save ${path(name)}`, 'print 6 * 7']);
    expect({ exitCode, after: outputs[1] }).toEqual({ exitCode: 2, after: '42' });
    expect(outputs[0]).toMatch(message);
    const after = contents(name);
    expect(before === null || after === null ? after === before : after.equals(before)).toBe(true);
  });

  test('other files are: a text that is there, one that is new, one by the name of a capture that is new', async () => {
    writeFileSync(path('text.txt'), '{ 12345678 {');
    for (const name of ['text.txt', 'new.txt', 'new.safetensors']) {
      const { exitCode } = await session(['print 1'], {}, ['--save', path(name)]);
      expect({ exitCode, text: readFileSync(path(name), 'utf8') }).toEqual({ exitCode: 0, text: 'print 1\n' });
    }
  });

  test('what can be written no longer at the end is one line as well', async () => {
    const late = path('sub/late.txt');
    writeFileSync(path('long.txt'), 'continue\n');
    const now = () => {
      rmSync(path('sub'), { recursive: true, force: true });
      return 0;
    };
    const { exitCode, stderr } = await simtwin(['debug', input(), '--script', path('long.txt'), '--save', late], {
      now,
    });
    expect({ exitCode, stderr }).toEqual({
      exitCode: 2,
      stderr: `simtwin: --save ${late}: there is no folder ${path('sub')}\n`,
    });
  });
});

test('commands from standard input: exit code 2 if one was wrong, else 0', async () => {
  expect(await session(['print 1', 'print 2 # fine'])).toEqual({ exitCode: 0, outputs: ['1', '2'] });
  expect(await session(['bogus', 'print 2'])).toEqual({
    exitCode: 2,
    outputs: ["there is no command 'bogus'; 'help' lists them", '2'],
  });
});

test('comments may stand behind every command, but not in a quoted name', async () => {
  const { exitCode, outputs } = await session(['goto 3 # far', "print rank#2 == 'x'", "print 'a #b' # c"]);
  expect(exitCode).toBe(2);
  expect(outputs[0]).toMatch(/^step 3 {2}/);
  expect(outputs[1]).toContain("unexpected '#'");
  expect(outputs[2]).toContain("there is no 'a #b' here");
});

test('a hang: threads poll, why is offered, and the same end again is one line', async () => {
  const { outputs } = await session(['continue', 's', 'c', 'goto end', 'back', 'continue', 'info session']);
  const [first, ...again] = outputs;
  expect(first).toMatch(
    /^deadlock: no thread can go on\n {2}rank 1 block \(0,0,1\) warp 0 lanes 0-31: polls with ld\./,
  );
  expect(first).not.toContain('runs;');
  expect(first).toContain("\nthe run can go no further; 'why' says why; it can go back: 'back'");
  for (const output of again.slice(0, 3))
    expect(output).toBe(
      "the run has ended here (deadlock); 'why' says why; it can go back: 'back', 'reverse-continue', 'goto N'",
    );
  // Who has been elsewhere meanwhile is told all of it.
  expect(again[4]).toBe(first);
  expect(again[5]).toMatch(/^step (\d,\d{3}) of \1 known,/);
});

test('a call that completes is not asked why', async () => {
  const done = join(fixtures, 'hang/workspace-dirty-head-and-tail-equal.safetensors.br');
  writeFileSync(path('twice.txt'), 'c\nc\n');
  const { stdout } = await simtwin(['debug', done, '--script', path('twice.txt')]);
  expect(stdout).toMatch(/\ncompletes after \d+ steps\nthe run can go no further; it can go back/);
  expect(stdout).toContain('\nthe run has ended here (completes); it can go back');
});

test('goto found takes the focus to whoever wrote, and shows the line', async () => {
  const { outputs } = await session([
    'continue',
    "last-write u64['workspace of rank 0' + 0x400100]",
    'goto found',
    'focus rank 0 block 0,0,0 warp 2 lane 3',
    'when this.groupEndIndice == 3',
    'focus rank 1 block 0,0,1 warp 0 lane 0',
    'goto found',
  ]);
  expect(outputs[1]).toContain('last written in step 6,052 by rank 0 block (0,0,0) warp 2 lane 0\n');
  expect(outputs[2]).toMatch(
    /^step 6,052 {2}rank 0 block \(0,0,0\) warp 2 lane 0 \(0,1,0\): atom\.[\s\S]*\n=> \d+ +:484 /,
  );
  expect(outputs[6]).toContain('rank 0 block (0,0,0) warp 2 lane 3');
});

test.each([
  [
    'prepare-indices/ep1-k1-t5',
    'local_gather_indices',
    /^step [\d,]+ {2}rank 0 .*: barrier\.sync[\s\S]*\n=> \d+ +:739 .*\nin this step rank 0 .* wrote there, in .*\n {3}\d+ +:736 /m,
  ],
  [
    'local-gather/ep2-k1-t9-none',
    'local_expert_ids',
    /^step 1 {2}rank 1 .*: has exited\nin this step rank 1 .* wrote there, in .*\n {3}\d+ +:876 /m,
  ],
])('goto found: a plain store of %s happens before the operation where the thread is shown', async (name, of, text) => {
  writeFileSync(path('plain.txt'), `c\nlast-write '${of}' 1\ngoto found\n`);
  const { stdout } = await simtwin(['debug', join(fixtures, `${name}.safetensors.br`), '--script', path('plain.txt')]);
  expect(stdout.slice(stdout.indexOf('(simtwin) goto found'))).toMatch(text);
});

test('when says that nothing has run yet; a name that only other threads have is fine', async () => {
  const { exitCode, outputs } = await session(['when this.groupEndIndice == 4', 'goto 9', 'when rank == 7']);
  expect(exitCode).toBe(0);
  expect(outputs[0]).toMatch(/^nothing has run yet/);
  expect(outputs[2]).toMatch(/^it has never been true for rank 0 .* in the 9 steps that are known$/);
});

test('watch and rwatch of an address take 8 bytes; a value is watched for the thread in focus', async () => {
  const { exitCode, outputs } = await session([
    'watch 0x7f0000400108',
    'rwatch 0x7f0000400108',
    "watch 'workspace of rank 0' + 8",
    "watch 'workspace of rank 0' 64",
    'focus rank 1 block 0,0,1',
    'watch position == 4',
    'info breakpoints',
    'disable 1 2 3 4',
    'continue',
  ]);
  expect(exitCode).toBe(0);
  expect(outputs[0]).toMatch(/^watchpoint 1: change of 8 bytes at 0x7f0000400108 /);
  expect(outputs[1]).toMatch(/^watchpoint 2: read of 8 bytes at 0x7f0000400108 /);
  expect(outputs[2]).toMatch(/^watchpoint 3: change of 8 bytes at 0x7f0000000008 /);
  expect(outputs[3]).toMatch(/^watchpoint 4: change of 64 bytes /);
  const value = 'value of position == 4 for rank 1 block (0,0,1) warp 0 lane 0';
  expect(outputs[5]).toBe(`watchpoint 5: ${value}\n  now     false`);
  expect(outputs[6]).toContain(`\nwatchpoint 5: ${value}, 0 hits`);
  expect(outputs[8]).toContain(`watchpoint 5, ${value}\n  before  false\n  now     true\nstep 4  `);
});

test('triples are printed and displayed; set policy says what it is now', async () => {
  const names = ['blockIdx', 'threadIdx', 'gridDim', 'blockDim'];
  const { exitCode, outputs } = await session([
    'focus rank 1 block 0,0,1 thread 3,1,0',
    ...names.map((name) => `p ${name}`),
    'display blockDim',
    'set policy fair',
  ]);
  expect(exitCode).toBe(0);
  expect(outputs.slice(1)).toEqual([
    '(0,0,1)',
    '(3,1,0)',
    '(1,1,2)',
    '(64,8,1)',
    '1: blockDim = (64,8,1)',
    'policy fair: everyone steps in turn',
  ]);
  const bad = await session(['set policy chaos', 'focus rank 2']);
  expect(bad.outputs[0]).toMatch(/; it is schedule$/);
  expect(bad.outputs[1]).toBe('nothing was launched on rank 2: ranks 0-1 have a launch');
});

test('text is wrapped at words to the width of the terminal, source is not', async () => {
  const commands = ['continue', 'why', 'help', 'help print'];
  const { outputs } = await session(commands, { stdoutColumns: 72 });
  const wide = await session(commands);
  const long = outputs.flatMap((output) => output.split('\n')).filter((line) => line.length > 72);
  expect(long.filter((line) => !line.startsWith('=> '))).toEqual([]);
  const words = (text: string): string => text.replace(/\s+/g, ' ');
  expect(words(outputs.join(' '))).toBe(words(wide.outputs.join(' ')));
});
