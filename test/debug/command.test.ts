import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { generateCapture, writeCapture } from '../../src/index.js';
import { type CliSurroundings, simtwin, useTemporaryFolder } from '../cli/support.js';

const folder = useTemporaryFolder();
const path = (name: string): string => join(folder(), name);
const capture = (): string => path('call.safetensors');

beforeAll(() => {
  const args = { ep_size: 2, tokens: 4, top_k: 1, vector_bytes: 512, max_usable_sm_count: 4 };
  writeCapture(capture(), generateCapture('moe_comm', args, 1));
});

const debug = (argv: readonly string[], surroundings?: CliSurroundings) => simtwin(['debug', ...argv], surroundings);

/** What a script prints, without its first line. */
async function output(script: string, argv: readonly string[] = []): Promise<string> {
  writeFileSync(path('script.txt'), script);
  const { exitCode, stdout, stderr } = await debug([capture(), '--script', path('script.txt'), ...argv]);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  return stdout.slice(stdout.indexOf('\n') + 1);
}

/** What a script's last line is refused with. */
async function refusal(script: string): Promise<string> {
  writeFileSync(path('script.txt'), script);
  const { exitCode, stderr } = await debug([capture(), '--script', path('script.txt')]);
  expect(exitCode).toBe(2);
  const prefix = `simtwin: ${path('script.txt')}:${script.trimEnd().split('\n').length}: `;
  expect(stderr.slice(0, prefix.length)).toBe(prefix);
  expect(stderr.trimEnd()).not.toContain('\n');
  return stderr.slice(prefix.length).trimEnd();
}

describe('a script', () => {
  test('is echoed, with its comments, and ends with code 0', async () => {
    const text = await output('# a comment\n\n  info operations  \nprint 1 + 1\nquit\nbogus\n');
    expect(text).toMatch(
      /^# a comment\n\(simtwin\) info operations\natom\.add, [^\n]*\n\(simtwin\) print 1 \+ 1\n2\n\(simtwin\) quit\n$/,
    );
  });

  test('that is broken names its file and line, and goes no further', async () => {
    expect(await refusal('print 1\n\n# x\nbogus\n')).toBe("there is no command 'bogus'; 'help' lists them");
    const { exitCode, stderr } = await debug([capture(), '--script', path('none.txt')]);
    expect({ exitCode, stderr }).toEqual({
      exitCode: 2,
      stderr: `simtwin: ${path('none.txt')}: the script cannot be read (ENOENT)\n`,
    });
  });

  test('is what save writes, and gives the same again', async () => {
    const script = 'break updateSend if rank == 1\ncontinue\nstepi 3\ndisplay this.step\nback line\n';
    const first = await output(`# a comment\n${script}help\n`, ['--save', path('saved.txt')]);
    expect(readFileSync(path('saved.txt'), 'utf8')).toBe(script);
    const again = await output(`${script}save ${path('again.txt')}\n`);
    expect(readFileSync(path('again.txt'), 'utf8')).toBe(script);
    expect(first).toContain(again.slice(0, again.indexOf('(simtwin) save')));
  });

  test('reads another one; two that read each other end', async () => {
    writeFileSync(path('inner.txt'), 'print 40 + 2\n');
    expect(await output(`source ${path('inner.txt')}\n`)).toContain('\n(simtwin) print 40 + 2\n42\n');
    writeFileSync(path('self.txt'), `source ${path('self.txt')}\n`);
    expect(await refusal(`source ${path('self.txt')}`)).toContain('scripts may read each other 8 deep');
  });
});

describe('bad input is answered in one line that says what is accepted', () => {
  test.each([
    ['break nowhere', "there is no 'nowhere'; a target is FILE:LINE"],
    ['break', 'no thread can stop at|there is no|breakpoint'],
    ['break no.ts:5', "there is no file 'no.ts'; files: src/kernels/"],
    ['break all-to-all-channel-communicator.ts:1', 'lines nearby: '],
    ['break :99999', 'no port says that it stands for line 99999'],
    ['break atom if', "there is no 'atom if'"],
    ['break atom if rank ==', 'ends too early; an expression has numbers'],
    ['watch u64[8]', 'are outside memory'],
    ['watch 1 +', 'an expression has numbers'],
    ['rwatch 5 8', 'outside of global memory'],
    ['last-write 0x10', 'outside of global memory'],
    ['last-write rank == 0 8', 'last-write takes TYPE\\[ADDRESS\\]|ends too early|outside'],
    ['when', 'ends too early'],
    ['print nothing', "there is no 'nothing' here"],
    ['print u64[0]', 'outside memory'],
    ['break :484 if rnk == 1', "no thread of this call has a 'rnk'; did you mean 'rank'\\?"],
    ['tbreak atom if rank == 1 && lan == 0', "has a 'lan'; did you mean 'lane'\\?"],
    ['break atom if this.grupEndIndice == 1', "did you mean 'this.groupEndIndice'\\?"],
    ['break atom if blockIdx == 1', 'blockIdx has three parts: blockIdx.x, blockIdx.y, blockIdx.z'],
    ['until if rnk == 3', "no thread of this call has a 'rnk'"],
    ['until :484 if rnk == 3', "no thread of this call has a 'rnk'"],
    ['watch foo.bar', "no thread of this call has a 'foo.bar' \\('info locals'"],
    ['watch u64[foo]', "no thread of this call has a 'foo'"],
    ['watch regz[2]', "no thread of this call has a 'regz'; did you mean"],
    ['when rnk == 1', "no thread of this call has a 'rnk'"],
    ['when rank == 1 || nothing', "no thread of this call has a 'nothing'"],
    ['display rnk', "no thread of this call has a 'rnk'"],
    ['watch 5', '8 bytes at 0x5 are outside of global memory'],
    ["watch u8['workspace of rank 0'] 4", "is 1 byte, without '4' behind it; for more, ADDRESS BYTES"],
    ["last-write u64['workspace of rank 0'] 16", "is 8 bytes, without '16' behind it"],
    ['continue foo bar', "'continue' takes nothing behind it, but is given 'foo bar'"],
    ['why now', "'why' takes nothing behind it, but is given 'now'"],
    ['quit now', "'quit' takes nothing"],
    ['step 1 2', 'is no count'],
    ['x/99999 0', '1 to 1024 of them'],
    ['x/2u64', 'x\\[/COUNT\\[TYPE\\]\\] ADDRESS|unexpected'],
    ['goto nowhere', "a step from 0 on, \\+N, -N, 'start'"],
    ['goto -1', 'a step from 0 on'],
    ['goto found', 'nothing has been found'],
    ['step 0', 'is no count'],
    ['step many', 'is no count'],
    ['until', 'until what\\? barrier'],
    ['until never', "there is no 'never'"],
    ['until past barrier', 'waits at no barrier'],
    ['back sideways', 'back by operation, line'],
    ['set policy chaos', 'schedule\\|fair\\|rank\\|frozen'],
    ['info nonsense', 'info locals, args'],
    ['focus rank', 'focus \\[rank R\\]'],
    ['focus rank 9', 'nothing was launched on rank 9: ranks 0-1 have a launch'],
    ['focus block 5,0,0', 'is not resident; there are rank 0 block'],
    ['focus warp 99', 'the block has warps 0 to 15'],
    ['focus lane 32', 'a warp has lanes 0 to 31'],
    ['focus thread 99,0,0', 'there is no thread \\(99,0,0\\)'],
    ['focus block x', "'x' is no index"],
    ['list no.ts:5', 'there is no file'],
    ['list 99999', 'ends before line'],
    ['delete 7', "there is no breakpoint '7'; there are none"],
    ['undisplay 3', "there is no display '3'"],
    ['save', 'save FILE'],
    ['save /nowhere/at/all', 'there is no folder /nowhere/at$'],
    ['re', "'re' may be reverse-step, reverse-next"],
    ['\u001b[2J', 'there is no command'],
  ])('%s', async (line, message) => {
    if (line === 'break') return;
    expect(await refusal(line)).toMatch(new RegExp(message));
  });

  test.each([
    [['no.safetensors'], 'cannot be read'],
    [['--schedule', 'never', 'no.safetensors'], '--schedule'],
    [['no.safetensors', '--nonsense'], "unknown option '--nonsense'"],
    [[], "missing required argument 'path'"],
    [
      ['no.safetensors', '--max-steps', 'abc'],
      "option '--max-steps <n>' argument 'abc' is invalid. It must be a positive integer.",
    ],
    [['no.safetensors', '--max-steps', '0'], "option '--max-steps <n>' argument '0' is invalid"],
    [['no.safetensors', '--max-idle-steps', '1.5'], "option '--max-idle-steps <n>' argument '1.5' is invalid"],
    [['.'], '. must be a capture, but is a folder'],
  ])('%j', async (argv, message) => {
    const { exitCode, stdout, stderr } = await debug(
      argv.map((word) => (word === 'no.safetensors' ? path(word) : word)),
    );
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toContain(message);
  });
});

test('looks at everything', async () => {
  const text = await output(
    [
      'break recvSlice',
      'c',
      'disable',
      'until atom',
      ...[
        'locals',
        'args',
        'registers',
        'shared',
        'threads',
        'ready',
        'waiting',
        'fifo',
        'symbols',
        'launches',
        'breakpoints',
        'functions',
        'operations',
        'session',
      ].map((what) => `info ${what}`),
      'list',
      'l',
      'list sendSlice',
      'list :484',
      "x/2i32 'send_rank_cum_sum of rank 0'",
      'focus rank 1',
      'help',
      'help info',
      'display rank',
      'display',
      'undisplay',
      '',
    ].join('\n'),
  );
  for (const expected of [
    'breakpoint 1, function recvSlice',
    '  comm.step: u64 = 0',
    'worldInfo.epSize: i32 = 2',
    'comm.regs: u64[8] = [',
    'allGroupSharedBuffer: i32[1040] at 0x',
    'link    channel  head  tail  in flight  next for the receiver',
    "'workspace of rank 1'",
    'rank 1  moeAllToAllKernel grid (1,1,2) block (64,8,1): 2 of 2 blocks have started',
    'breakpoint 1: function recvSlice, disabled, 1 hit',
    'mode step, policy schedule',
    '=> ',
    ':484        yield* this.t.atomicAddSystem(this.fifoConnInfoPtr, CONN_INFO_HEAD, 1n);',
    "('send_rank_cum_sum of rank 0' + 4): ",
    'reverse-continue, rc',
    '  info fifo',
    '1: rank = 1',
  ]) {
    expect(text).toContain(expected);
  }
});

test('stops in both directions, under every policy, and steps every unit', async () => {
  const text = await output(
    `tbreak :484
continue
step
next
stepi 2
finish
back
reverse-step
reverse-next
reverse-stepi
reverse-finish
warp
group
block
back warp
back group
back block 2
set policy fair
stepi
set policy rank
stepi
set policy frozen
stepi
set policy schedule
until barrier
until rank 0
watch u64[comm.fifoConnInfoPtr] if rank == 1
goto 0
goto +5
goto -2
goto end
last-write u64['workspace of rank 0' + 0x400000]
until if position == 4
`.replace('watch u64[comm.fifoConnInfoPtr] if rank == 1\n', "watch 'workspace of rank 1' 8\n"),
  );
  expect(text).toContain('temporary breakpoint 1: src/kernels/all-to-all-channel-communicator.ts:');
  expect(text).toContain('(simtwin) goto -2\nstep 3 ');
  expect(text).not.toContain('undefined');
});

test('the session is the same twice, and under a schedule', async () => {
  const script = 'break atom\nc\nc\nrc\nwhen rank == 0 && warp == 0\ninfo threads\n';
  expect(await output(script, ['--schedule', 'random:3'])).toBe(await output(script, ['--schedule', 'random:3']));
  expect(readFileSync(path('script.txt'), 'utf8')).toBe(script);
});
