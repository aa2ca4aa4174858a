import { PassThrough } from 'node:stream';
import { setTimeout } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { DEBUG_COMMANDS } from '../../src/cli/debug-commands.js';
import { DebugShell, type ShellHost } from '../../src/cli/debug-shell.js';
import { type Interrupt, interact, pipe } from '../../src/cli/debug-terminal.js';
import { allToAll, sessionOf } from './support.js';

function shellOf(interrupt: Interrupt = { isWanted: false }, breathe: () => void = () => {}) {
  const lines: string[] = [];
  const host: ShellHost = {
    print: (line) => lines.push(line),
    breathe: async () => {
      breathe();
      await setTimeout(0);
      const { isWanted } = interrupt;
      interrupt.isWanted = false;
      return isWanted;
    },
    readFile: () => '',
    writeFile: (path, text) => lines.push(`${path}: ${text}`),
  };
  const session = sessionOf(() => allToAll('rr', { tokens: 64, vector_bytes: 8192 }));
  return { lines, shell: new DebugShell(session, host, DEBUG_COMMANDS, null) };
}

test('commands from standard input go on after a mistake, and are saved', async () => {
  const { lines, shell } = shellOf();
  const input = new PassThrough();
  input.end('goto 7\n\nbogus\np 6 * 7\nsave x.txt\nq\np 1\n');
  await pipe(shell, input);
  expect(lines[0]).toBe('(simtwin) goto 7');
  expect(lines).toContain("there is no command 'bogus'; 'help' lists them");
  expect(lines).toContain('42');
  expect(lines).toContain('x.txt: goto 7\np 6 * 7\n');
  expect(lines.at(-1)).toBe('(simtwin) q');
});

test('at a terminal an empty line repeats, Ctrl-C stops what runs and keeps the position', async () => {
  const input = new PassThrough();
  const interrupt = { isWanted: false };
  const { lines, shell } = shellOf(interrupt, () => input.write('\u0003'));
  const output = new PassThrough();
  output.resume();
  const ended = interact(shell, interrupt, input, output);
  const waitFor = async (count: number, text: string) => {
    for (let time = 0; time < 2000 && lines.filter((line) => line.startsWith(text)).length < count; time++)
      await setTimeout(1);
    expect(lines.filter((line) => line.startsWith(text)).length, lines.join('\n')).toBeGreaterThanOrEqual(count);
  };
  input.write('stepi\n');
  await waitFor(1, 'step ');
  input.write('\n');
  await waitFor(2, 'step ');
  input.write('continue\n');
  await waitFor(1, 'stopped by Ctrl-C');
  const { position } = shell.session;
  expect(position).toBeGreaterThan(4000);
  expect(shell.session.outcome).toBeNull();
  input.write('\u0003');
  await setTimeout(5);
  input.write('quit\n');
  await ended;
  expect(shell.session.position).toBe(position);
});

test('completes commands, targets, names', () => {
  const { shell } = shellOf();
  expect(shell.complete('reverse-s')).toEqual([['reverse-step', 'reverse-stepi'], 'reverse-s']);
  expect(shell.complete('b sendS')[1]).toBe('sendS');
  expect(shell.complete('b AllToAllChannelCommunicator.sendS')[0]).toEqual(['AllToAllChannelCommunicator.sendSlice']);
  expect(shell.complete('b all-to-all-channel-c')[0][0]).toMatch(/^all-to-all-channel-communicator\.ts:\d+$/);
  expect(shell.complete('p 1 + worldInfo.epS')).toEqual([['worldInfo.epSize'], 'worldInfo.epS']);
  expect(shell.complete('info fi')).toEqual([['fifo'], 'fi']);
  expect(shell.complete('bogus x')).toEqual([[], 'x']);
});
