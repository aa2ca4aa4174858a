import {
  type Dim3,
  type ExpressionValue,
  explainHang,
  type Focus,
  formatExplanation,
  formatRanges,
  parseExpression,
  readFifos,
  type ThreadInfo,
} from '../index.js';
import { expressionNames, targetNames } from './debug-arguments.js';
import { formatBreakpoint } from './debug-break-commands.js';
import type { DebugCommand, DebugShell } from './debug-shell.js';
import { DebugError, findFile, listing, ORIGINAL_LINE, parseTarget, portLines } from './debug-source.js';
import {
  expressionText,
  formatAddress,
  formatDim3,
  formatFocus,
  formatFrame,
  formatThreadsAt,
  formatVariable,
  formatWait,
  isTriple,
  withOriginals,
} from './debug-text.js';
import { counted, formatBytes, formatCount, formatHex } from './format.js';

/** @throws DebugError if the thread in focus is not resident */
function threadOf({ session }: DebugShell): ThreadInfo {
  const { thread } = session;
  if (thread === null)
    throw new DebugError(`${formatFocus(session.focus)}: its block is not resident; 'focus' takes another`);
  return thread;
}

function locals(shell: DebugShell): void {
  const thread = threadOf(shell);
  const variables = shell.session.inspector.variables(thread);
  const { frames } = thread;
  let last = -1;
  for (const { name, type, value, isLive, frame } of variables) {
    if (frame !== last) shell.print(`#${frame} ${frames[frame]?.functionName ?? thread.kernel}`);
    last = frame;
    const stale = isLive ? '' : '  (no longer used)';
    shell.print(`  ${name}: ${type} = ${formatVariable(shell.session.machine, type, value)}${stale}`);
  }
  if (variables.length === 0) shell.print('no variable has a value here');
}

function registers(shell: DebugShell): void {
  const thread = threadOf(shell);
  const arrays = shell.session.inspector.registers(thread);
  for (const { name, type, value } of arrays)
    shell.print(`${name}: ${type} = ${formatVariable(shell.session.machine, type, value)}`);
  if (arrays.length === 0) shell.print('there are no registers here');
}

function args(shell: DebugShell): void {
  const { session } = shell;
  for (const { path, type, value } of session.inspector.arguments(threadOf(shell))) {
    const text = type.startsWith('ptr') ? formatAddress(session.machine, Number(value ?? 0)) : String(value);
    shell.print(`${path}: ${type} = ${text}`);
  }
}

const MOST_ELEMENTS = 16;

function shared(shell: DebugShell): void {
  const variables = shell.session.inspector.shared(threadOf(shell));
  for (const [name, { pointer, count }] of variables) {
    const { allocation, elementBytes, type } = pointer;
    const read = (index: number) =>
      allocation.definedBits(pointer.offset + index * elementBytes, 1) === 0
        ? '??'
        : String(allocation.read(type, pointer.offset + index * elementBytes));
    const defined = Array.from({ length: count }, (_, index) => index).filter((index) => read(index) !== '??');
    shell.print(`${name}: ${type}[${count}] at ${formatHex(pointer.address)}, ${defined.length} elements defined`);
    for (const index of defined.slice(0, MOST_ELEMENTS)) shell.print(`  [${index}] = ${read(index)}`);
    if (defined.length > MOST_ELEMENTS)
      shell.print(`  … and ${defined.length - MOST_ELEMENTS} more: print ${name}[INDEX]`);
  }
  if (variables.size === 0) shell.print('the block has declared no shared memory yet');
}

function threads(shell: DebugShell, state: 'all' | 'ready' | 'waiting'): void {
  const groups = shell.session
    .threadsAt()
    .filter((group) => state === 'all' || (group.state === 'ready') === (state === 'ready'));
  for (const group of groups) for (const line of formatThreadsAt(group)) shell.print(line);
  if (groups.length === 0)
    shell.print(state === 'waiting' ? 'nobody waits at a barrier or for its warp' : 'there are none');
}

function fifo(shell: DebugShell): void {
  const { fifos, session } = shell;
  if (fifos === null) throw new DebugError('this call has no FIFOs: it is no all-to-all');
  const states = readFifos(session.machine, fifos).filter(
    ({ head, tail, next }) => head !== 0n || tail !== 0n || next.packets > 0,
  );
  if (states.length === 0) {
    shell.print(`nothing has been sent on the ${fifos.ranks * fifos.ranks * fifos.channels} FIFOs`);
    return;
  }
  const rows = states.map(({ sender, receiver, channel, head, tail, inFlight, next }) => [
    `${sender} -> ${receiver}`,
    String(channel),
    String(head),
    String(tail),
    `${inFlight} of ${fifos.depth}`,
    `slot ${next.slot} wants flag ${next.flag}, holds ${next.holds}: ${next.packets} packets`,
  ]);
  const all = [['link', 'channel', 'head', 'tail', 'in flight', 'next for the receiver'], ...rows];
  const widths = all[0]!.map((_, column) => Math.max(...all.map((row) => row[column]!.length)));
  for (const row of all) {
    const cells = row.map((cell, column) =>
      column > 0 && column < 5 ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!),
    );
    shell.printCode(cells.join('  ').trimEnd());
  }
  const idle = fifos.ranks * fifos.ranks * fifos.channels - states.length;
  if (idle > 0) shell.print(`${idle} more that nobody has used`);
}

const INFO: Readonly<Record<string, readonly [what: string, run: (shell: DebugShell) => void]>> = {
  locals: ['variables of the thread in focus, innermost function first', locals],
  args: ['arguments of its launch', args],
  registers: ['its register arrays', registers],
  shared: ['shared memory of its block', shared],
  threads: ['all threads that have not exited, in ranges', (shell) => threads(shell, 'all')],
  ready: ['those that may go on', (shell) => threads(shell, 'ready')],
  waiting: ['those that wait', (shell) => threads(shell, 'waiting')],
  fifo: ["the all-to-all's FIFOs: head, tail, slots in flight, flags", fifo],
  symbols: [
    'allocations of global memory',
    (shell) => {
      for (const { name, base, bytes } of shell.session.machine.memory.space.allocations)
        shell.print(`${formatHex(base)}  ${formatBytes(bytes).padStart(8)}  '${name}'`);
    },
  ],
  launches: [
    'launches that have begun or were queued first',
    (shell) => {
      for (const {
        device,
        name,
        gridDim,
        blockDim,
        startedBlocks,
        finishedBlocks,
        blockCount,
      } of shell.session.timeline.engine.launchNumbers.keys())
        shell.print(
          `rank ${device}  ${name} grid ${formatDim3(gridDim)} block ${formatDim3(blockDim)}: ${startedBlocks} of ${blockCount} blocks have started, ${finishedBlocks} have ended`,
        );
    },
  ],
  breakpoints: [
    'breakpoints and watchpoints',
    (shell) => {
      const { breakpoints } = shell.session;
      for (const breakpoint of breakpoints)
        shell.print(
          `${formatBreakpoint(shell, breakpoint)}${breakpoint.enabled ? '' : ', disabled'}, ${counted(breakpoint.hits, 'hit')}`,
        );
      if (breakpoints.length === 0) shell.print('there are none');
    },
  ],
  functions: [
    'functions where a thread can stop',
    (shell) => {
      for (const [name, [place]] of shell.session.sources.functions)
        shell.print(`${name}  ${place!.file}:${place!.line}`);
    },
  ],
  operations: ['operations that occur', (shell) => shell.print(shell.session.sources.operations.join(', '))],
  session: [
    'where the session is: step, steps known, policy, snapshots',
    (shell) => {
      const { timeline, policy, machine } = shell.session;
      shell.print(
        `step ${formatCount(timeline.position)} of ${formatCount(timeline.end)} known, mode ${machine.mode}, policy ${policy}`,
      );
      shell.print(`${formatCount(timeline.snapshots.count)} snapshots, ${formatBytes(timeline.snapshots.bytes)}`);
    },
  ],
};

function info(shell: DebugShell, argument: string): void {
  const names = Object.keys(INFO).filter((name) => name.startsWith(argument));
  const name = Object.hasOwn(INFO, argument) ? argument : names.length === 1 ? names[0]! : null;
  if (argument === '' || name === null) throw new DebugError(`info ${Object.keys(INFO).join(', ')}`);
  INFO[name]![1](shell);
}

function backtrace(shell: DebugShell): void {
  const { session } = shell;
  const thread = threadOf(shell);
  const wait = session.wait();
  thread.frames.forEach((frame, index) => {
    shell.print(`#${index} ${formatFrame(frame)}`);
  });
  if (wait !== null) shell.print(formatWait(wait));
}

const LIST_LINES = 10;

function list(shell: DebugShell, argument: string): void {
  const { session } = shell;
  const frame = session.thread?.frames[0];
  let from: { readonly file: string; readonly line: number };
  if (argument === '') {
    if (shell.listed === null && frame === undefined)
      throw new DebugError('the thread in focus is nowhere: list FILE:LINE');
    from = shell.listed ?? { file: frame!.file, line: Math.max(1, frame!.line - LIST_LINES / 2) };
  } else from = placeToList(shell, argument);
  const lines = listing(from.file, from.line, frame?.file === from.file ? frame.line : null, LIST_LINES);
  if (lines === null) throw new DebugError(`the source of ${from.file} is not part of the package`);
  if (lines.length === 0) throw new DebugError(`${from.file} ends before line ${from.line}`);
  if (from.file !== frame?.file) shell.print(from.file);
  for (const line of lines) shell.printCode(line);
  shell.listed = { file: from.file, line: from.line + lines.length };
}

function placeToList(shell: DebugShell, text: string): { readonly file: string; readonly line: number } {
  const { session } = shell;
  const original = ORIGINAL_LINE.exec(text);
  const [ported] = original === null ? [] : portLines(session, Number(original[1]));
  if (ported !== undefined) return { file: ported.file, line: Math.max(1, ported.line - LIST_LINES / 2) };
  const numbered = original === null ? /^(?:(.+):)?(\d+)$/.exec(text) : null;
  if (numbered !== null) {
    const file = numbered[1] === undefined ? session.thread?.frames[0]?.file : findFile(session, numbered[1]);
    if (file !== undefined) return { file, line: Math.max(1, Number(numbered[2]) - LIST_LINES / 2) };
  }
  const target = parseTarget(session, text);
  const places =
    target.kind === 'line'
      ? target.places
      : [...session.sources.functions].find(([name]) => name === target.name || name.endsWith(`.${target.name}`))?.[1];
  const [place] = places ?? [];
  if (place === undefined)
    throw new DebugError(`'${text}' is no place in a source: FILE:LINE, :LINE of the original, or a function`);
  return { file: place.file, line: Math.max(1, place.line - LIST_LINES / 2) };
}

const MEMORY_HELP = 'x[/COUNT[TYPE]] ADDRESS, as x/8u64 ADDRESS; types: i8 u8 i16 u16 i32 u32 i64 u64 f32';

function examine(shell: DebugShell, argument: string): void {
  const match = /^(?:\/(\d+)?((?:[iu](?:8|16|32|64)|f32))?\s+)?(.+)$/.exec(argument);
  const count = Number(match?.[1] ?? 1);
  if (match === null || count < 1 || count > 1024) throw new DebugError(`${MEMORY_HELP}; 1 to 1024 of them`);
  const type = (match[2] ?? 'u64') as 'u64';
  const bytes = Number(/\d+/.exec(type)![0]) / 8;
  const { session } = shell;
  const value = session.evaluate(parseExpression(match[3]!));
  if (typeof value !== 'bigint') throw new DebugError(`${value} is no address; ${MEMORY_HELP}`);
  for (let index = 0; index < count; index++) {
    const address = value + BigInt(index * bytes);
    const read = session.evaluate({ kind: 'memory', type, address: { kind: 'literal', value: address } });
    const allocation = session.machine.memory.space.find(Number(address));
    const isDefined =
      allocation === null || allocation.definedBits(Number(address) - allocation.base, bytes as 8) === 2 ** bytes - 1;
    shell.print(`${formatAddress(session.machine, Number(address))}: ${isDefined ? shown(read) : '??'}`);
  }
}

const shown = (value: ExpressionValue): string =>
  typeof value === 'bigint' && value > 9n ? `${value}  ${formatHex(value)}` : String(value);

const FOCUS_HELP = 'focus [rank R] [kernel NAME] [block X,Y,Z] [warp W] [lane L] [thread X,Y,Z]';

function focus(shell: DebugShell, argument: string): void {
  const { session } = shell;
  if (argument !== '') session.setFocus(parseFocus(shell, argument));
  shell.showPlace();
}

const ranksText = (ranks: readonly number[]): string =>
  `${ranks.length === 1 ? 'rank' : 'ranks'} ${formatRanges(ranks)}`;

function parseFocus({ session }: DebugShell, text: string): Focus {
  const words = text.split(/\s+/);
  let { rank, kernel, blockIdx, threadRank } = session.focus;
  let lane = threadRank & 31;
  let warp = threadRank >>> 5;
  let thread: Dim3 | null = null;
  if (words.length % 2 === 1) throw new DebugError(FOCUS_HELP);
  for (let at = 0; at < words.length; at += 2) {
    const value = words[at + 1]!;
    switch (words[at]) {
      case 'rank':
        rank = numberOf(value);
        break;
      case 'kernel':
        kernel = value;
        break;
      case 'block':
        blockIdx = dimOf(value);
        break;
      case 'warp':
        warp = numberOf(value);
        break;
      case 'lane':
        lane = numberOf(value);
        break;
      case 'thread':
        thread = dimOf(value);
        break;
      default:
        throw new DebugError(FOCUS_HELP);
    }
  }
  const resident = [...session.timeline.engine.residentBlocks];
  const block = session.blockOf({ rank, kernel, blockIdx, threadRank: 0 });
  if (block === null) {
    const launches = [...session.timeline.engine.launchNumbers.keys()];
    const ranks = [...new Set(launches.map(({ device }) => device))].sort((a, b) => a - b);
    if (!ranks.includes(rank))
      throw new DebugError(
        `nothing was launched on rank ${rank}: ${ranksText(ranks)} ${ranks.length === 1 ? 'has' : 'have'} a launch`,
      );
    const there = resident
      .slice(0, 4)
      .map(({ launch, blockIdx: index }) => `rank ${launch.device} block ${formatDim3(index)} of ${launch.name}`);
    const more = resident.length > there.length ? `, and ${resident.length - there.length} more` : '';
    throw new DebugError(
      `rank ${rank} block ${formatDim3(blockIdx)} of ${kernel} is not resident; there are ${there.join(', ') || 'none'}${more}`,
    );
  }
  if (lane > 31) throw new DebugError(`lane ${lane}: a warp has lanes 0 to 31`);
  let number = warp * 32 + lane;
  if (thread !== null) {
    const { x, y, z } = thread;
    number = block.launch.threadIdxs.findIndex((index) => index.x === x && index.y === y && index.z === z);
    if (number === -1)
      throw new DebugError(
        `there is no thread ${formatDim3(thread)}; blockDim is ${formatDim3(block.launch.blockDim)}`,
      );
  }
  if (number >= block.launch.threadIdxs.length)
    throw new DebugError(`warp ${warp} lane ${lane}: the block has warps 0 to ${block.warpCount - 1}`);
  return { rank, kernel, blockIdx, threadRank: number };
}

function numberOf(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new DebugError(`'${text}' is no number; ${FOCUS_HELP}`);
  return Number(text);
}

function dimOf(text: string): Dim3 {
  const match = /^\(?(\d{1,9})(?:,(\d{1,9}))?(?:,(\d{1,9}))?\)?$/.exec(text);
  if (match === null) throw new DebugError(`'${text}' is no index; as 0,1,0`);
  return { x: Number(match[1]), y: Number(match[2] ?? 0), z: Number(match[3] ?? 0) };
}

function why(shell: DebugShell): void {
  const width = Math.max(60, shell.host.width ?? 100);
  const text = formatExplanation(explainHang(shell.session.machine), { width });
  for (const line of text.split('\n')) shell.print(withOriginals(line));
}

function display(shell: DebugShell, argument: string): void {
  if (argument === '') {
    for (const id of shell.displays.keys()) shell.showDisplay(id);
    return;
  }
  const expression = parseExpression(argument);
  if (!isTriple(expression)) shell.session.requireKnownNames(expression);
  const id = Math.max(0, ...shell.displays.keys()) + 1;
  shell.displays.set(id, { text: argument, expression });
  shell.showDisplay(id);
}

function help(shell: DebugShell, argument: string): void {
  if (argument !== '') {
    const { names, usage, help: text } = shell.findCommand(argument);
    const [name, ...short] = names;
    shell.print(`${name} ${usage}`.trim() + (short.length === 0 ? '' : `   (short: ${short.join(', ')})`));
    for (const line of text.split('\n')) shell.print(`  ${line}`);
    if (name === 'info')
      for (const [what, [summary]] of Object.entries(INFO)) shell.print(`  info ${what.padEnd(12)} ${summary}`, 20);
    return;
  }
  const all = shell.sections.flatMap(([, commands]) => [...commands]);
  const width = Math.max(...all.map(({ names }) => names.join(', ').length));
  for (const [title, commands] of shell.sections) {
    shell.print(title);
    for (const { names, help: text } of commands)
      shell.print(`  ${names.join(', ').padEnd(width)}  ${text.split('\n')[0]}`, width + 4);
  }
  shell.print(
    "'help COMMAND' says more; a command may be cut short as long as it is clear which; an empty line repeats the last one",
  );
}

export const SHOW_COMMANDS: readonly DebugCommand[] = [
  {
    names: ['print', 'p'],
    usage: 'EXPRESSION',
    help: "the value of an expression for the thread in focus\nNames: locals, arguments (worldInfo.epSize), this.field, shared memory and registers with an index (regs[3]), threadIdx.x, blockIdx.y, blockDim, gridDim, rank, warp, lane, position, 'allocation'.\nMemory: u64[ADDRESS], also of i8 u8 i16 u16 i32 u32 i64 f32. Operators of C, on integers of any size.",
    run: (shell, argument) => shell.print(expressionText(shell.session, parseExpression(argument))),
    complete: ({ session }) => expressionNames(session),
  },
  {
    names: ['x'],
    usage: '[/COUNT[TYPE]] ADDRESS',
    help: `memory by address; ${MEMORY_HELP}`,
    run: examine,
    complete: ({ session }) => expressionNames(session),
  },
  {
    names: ['info', 'i'],
    usage: 'WHAT',
    help: `${Object.keys(INFO).join(', ')}`,
    run: info,
    complete: () => Object.keys(INFO),
  },
  {
    names: ['backtrace', 'bt'],
    usage: '',
    help: 'calls of the thread in focus, port and original, and what it waits for',
    run: backtrace,
  },
  {
    names: ['list', 'l'],
    usage: '[LINE | FILE:LINE | :LINE | FUNCTION]',
    help: "source of the port, with the original's lines\nWithout an argument: around the thread in focus, then on from there.",
    run: list,
    complete: ({ session }) => targetNames(session),
  },
  {
    names: ['focus', 'f'],
    usage: '[rank R] [kernel NAME] [block X,Y,Z] [warp W] [lane L] [thread X,Y,Z]',
    help: 'the thread that is looked at and stepped; what is left out stays',
    run: focus,
    complete: () => ['rank', 'kernel', 'block', 'warp', 'lane', 'thread'],
  },
  { names: ['why'], usage: '', help: 'why the run cannot go on, or who waits for what', run: why },
  {
    names: ['display'],
    usage: '[EXPRESSION]',
    help: 'show the value of an expression at every stop',
    run: display,
    complete: ({ session }) => expressionNames(session),
  },
  {
    names: ['undisplay'],
    usage: '[N]',
    help: 'show it no longer; without a number none of them',
    run: (shell, argument) => {
      if (argument === '') shell.displays.clear();
      else if (!shell.displays.delete(Number(argument)))
        throw new DebugError(
          `there is no display '${argument}'; there are ${[...shell.displays.keys()].join(', ') || 'none'}`,
        );
    },
  },
  {
    names: ['save'],
    usage: 'FILE',
    help: 'write the commands of this session as a script that --script and source perform',
    run: (shell, argument) => {
      if (argument === '') throw new DebugError('save FILE');
      shell.host.writeFile(argument, shell.history.map((line) => `${line}\n`).join(''));
      shell.print(`${shell.history.length} commands written to ${argument}`);
    },
  },
  {
    names: ['source'],
    usage: 'FILE',
    help: 'perform the commands of a file; # begins a comment',
    run: (shell, argument) => {
      if (argument === '') throw new DebugError('source FILE');
      return shell.perform(argument);
    },
  },
  {
    names: ['help', 'h'],
    usage: '[COMMAND]',
    help: 'commands, or what one does',
    run: help,
    complete: (shell) => shell.sections.flatMap(([, commands]) => commands.map(({ names }) => names[0]!)),
  },
  {
    names: ['quit', 'q', 'exit'],
    usage: '',
    help: 'end the session',
    run: (shell) => {
      shell.hasQuit = true;
    },
  },
];
