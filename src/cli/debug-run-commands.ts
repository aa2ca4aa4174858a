import {
  type DebugSession,
  type Focus,
  type Goal,
  type Granularity,
  type SourceFrame,
  STEP_POLICIES,
  type StepPolicy,
  type Unit,
} from '../index.js';
import { addressOf, expressionNames, parseCount, parseKnown, splitCondition, targetNames } from './debug-arguments.js';
import type { DebugCommand, DebugShell } from './debug-shell.js';
import { DebugError, listing, parseTarget } from './debug-source.js';
import { describeAddress, formatFocus, formatFrame, formatOperation } from './debug-text.js';
import { counted, formatCount } from './format.js';

const stepping =
  (granularity: Granularity, unit: Unit = 'thread', direction: 'step' | 'back' = 'step') =>
  (shell: DebugShell, argument: string): Promise<void> =>
    shell.go(() => shell.session[direction](granularity, unit), parseCount(argument));

const GOALS = 'barrier, past barrier, exit, rank N, end, if EXPRESSION, or a target as of break';

function parseGoal(session: DebugSession, text: string): Goal | null {
  const { condition, text: rest } = splitCondition(session, text);
  if (condition !== null && rest === '') return { kind: 'true', expression: condition };
  const rank = /^rank\s+(\d+)$/.exec(text);
  if (rank !== null) return { kind: 'rank', rank: Number(rank[1]) };
  switch (text) {
    case '':
      throw new DebugError(`until what? ${GOALS}`);
    case 'barrier':
    case 'past barrier':
    case 'exit':
    case 'end':
      return { kind: text };
    default:
      return null;
  }
}

async function until(shell: DebugShell, argument: string): Promise<void> {
  const { session } = shell;
  const goal = parseGoal(session, argument);
  if (goal !== null) {
    if (goal.kind === 'past barrier' && session.wait()?.kind !== 'barrier')
      throw new DebugError("the thread in focus waits at no barrier; 'until barrier' goes to the next one");
    await shell.go(() => session.continue(goal));
    return;
  }
  const { text, condition, conditionText } = splitCondition(session, argument);
  const target = parseTarget(session, text);
  if (target.kind === 'line' && target.note !== null) shell.print(target.note);
  const breakpoint = session.addBreakpoint(target, condition, true);
  shell.breakpointTexts.set(breakpoint, { at: text, condition: conditionText });
  try {
    await shell.go(() => session.continue());
  } finally {
    session.removeBreakpoint(breakpoint.id);
  }
}

const BACK_FORMS: Readonly<Record<string, readonly [Granularity, Unit?]>> = {
  '': ['operation'],
  operation: ['operation'],
  line: ['line'],
  over: ['over'],
  out: ['out'],
  warp: ['operation', 'warp'],
  group: ['operation', 'group'],
  block: ['operation', 'block'],
};

function back(shell: DebugShell, argument: string): Promise<void> {
  const match = /^([a-z]*)\s*([\d,]*)$/.exec(argument);
  const form = match === null ? undefined : BACK_FORMS[match[1]!];
  if (form === undefined)
    throw new DebugError(
      `'back ${argument}': back by ${Object.keys(BACK_FORMS).filter(Boolean).join(', ')}, and how often`,
    );
  return shell.go(() => shell.session.back(...form), parseCount(match![2]!));
}

async function goTo(shell: DebugShell, argument: string): Promise<void> {
  const { session } = shell;
  const { found } = shell;
  const named: Readonly<Record<string, number | null>> = {
    start: 0,
    end: session.timeline.end,
    found: found?.position ?? null,
  };
  const position = Object.hasOwn(named, argument) ? named[argument]! : parsePosition(session, argument);
  if (position === null) throw new DebugError("nothing has been found: 'last-write' and 'when' find positions");
  const stop = await shell.drive(session.goTo(position));
  // Steps that were made otherwise since are about somebody else.
  const isFound =
    argument === 'found' && found !== null && found.cuts === session.timeline.cuts && session.position === position;
  if (isFound && session.blockOf(found.thread) !== null) session.setFocus(found.thread);
  shell.showStop(stop);
  if (isFound) showWriting(shell, found.thread, found.frames);
}

/** The line that wrote, where the thread is shown at another one: a plain store happens on the way there. */
function showWriting(shell: DebugShell, thread: Focus, frames: readonly SourceFrame[]): void {
  const [frame] = frames;
  if (frame === undefined) return;
  const shown = shell.session.threadOf(thread)?.frames[0];
  if (shown?.file === frame.file && shown.line === frame.line) return;
  shell.print(`in this step ${formatFocus(thread)} wrote there, in ${formatFrame(frame)}`);
  for (const line of listing(frame.file, frame.line, null, 1) ?? []) shell.printCode(line);
}

function parsePosition(session: DebugSession, text: string): number {
  const relative = /^([+-])([\d,]+)$/.exec(text);
  const number = Number((relative?.[2] ?? text).replaceAll(',', ''));
  const position = relative === null ? number : session.position + (relative[1] === '-' ? -number : number);
  if (text === '' || !/^[+-]?[\d,]+$/.test(text) || position < 0)
    throw new DebugError(`'goto ${text}': a step from 0 on, +N, -N, 'start', 'end' (of what is known) or 'found'`);
  return position;
}

async function lastWrite(shell: DebugShell, argument: string): Promise<void> {
  const { session } = shell;
  const { address, bytes } = addressOf(session, argument, 'last-write');
  const found = await shell.drive(session.lastWrite(address, bytes));
  if (found === null) {
    shell.print('nobody has written there up to here: it is as the host left it');
    return;
  }
  shell.found = { position: found.position, thread: found.thread, frames: found.frames, cuts: session.timeline.cuts };
  const what = describeAddress(session.machine, address);
  shell.print(`${what ?? 'it'}: last written in step ${formatCount(found.position)} by ${formatFocus(found.thread)}`);
  if (found.operation !== '') shell.print(`  ${formatOperation(session.machine, found.operation)}`);
  for (const frame of found.frames) shell.print(`  ${formatFrame(frame)}`);
  shell.print("'goto found' goes there");
}

async function when(shell: DebugShell, argument: string): Promise<void> {
  const { session } = shell;
  const expression = parseKnown(session, argument);
  const thread = session.focus;
  const found = await shell.drive(session.when(expression));
  if (found !== null) {
    shell.found = { position: found, thread, frames: [], cuts: session.timeline.cuts };
    shell.print(
      `true for ${formatFocus(thread)} for the first time after step ${formatCount(found)}; 'goto found' goes there`,
    );
  } else if (session.timeline.end === 0)
    shell.print("nothing has run yet: 'when' looks through the steps that are known; 'continue' makes some");
  else
    shell.print(
      `it has never been true for ${formatFocus(thread)} in the ${counted(session.timeline.end, 'step')} that ${session.timeline.end === 1 ? 'is' : 'are'} known`,
    );
}

const POLICIES: Readonly<Record<StepPolicy, string>> = {
  schedule: 'others do what the schedule of the run says',
  fair: 'everyone steps in turn',
  rank: 'the rank in focus steps in turn, the others not at all',
  frozen: 'others do nothing while something is stepped',
};

function setPolicy(shell: DebugShell, argument: string): void {
  const name = argument.replace(/^policy\s*/, '');
  const policy = STEP_POLICIES.find((known): known is StepPolicy => known === name);
  if (policy === undefined)
    throw new DebugError(
      `set policy ${STEP_POLICIES.join('|')}: what others do while something is stepped; it is ${shell.session.policy}`,
    );
  shell.session.policy = policy;
  shell.print(`policy ${policy}: ${POLICIES[policy]}`);
}

export const RUN_COMMANDS: readonly DebugCommand[] = [
  {
    names: ['step', 's'],
    usage: '[N]',
    help: 'step the thread in focus to another source line, into calls\nA line is left when an operation on another line has been performed.',
    run: stepping('line'),
  },
  { names: ['next', 'n'], usage: '[N]', help: 'as step, but not into calls', run: stepping('over') },
  {
    names: ['stepi', 'si'],
    usage: '[N]',
    help: 'step one operation: the granule of the thread goes to its next visible operation and performs it',
    run: stepping('operation'),
  },
  { names: ['finish', 'fin'], usage: '[N]', help: 'step out of the function', run: stepping('out') },
  {
    names: ['warp', 'sw'],
    usage: '[N]',
    help: 'step every lane of the warp by one operation',
    run: stepping('operation', 'warp'),
  },
  {
    names: ['group', 'sg'],
    usage: '[N]',
    help: 'step every warp of the block with the same threadIdx.y by one operation',
    run: stepping('operation', 'group'),
  },
  {
    names: ['block', 'sb'],
    usage: '[N]',
    help: 'step every warp of the block by one operation',
    run: stepping('operation', 'block'),
  },
  {
    names: ['continue', 'c'],
    usage: '',
    help: 'run to a breakpoint or the end, by the schedule',
    run: (shell) => shell.go(() => shell.session.continue()),
  },
  {
    names: ['until', 'u'],
    usage: 'GOAL',
    help: `run until something: ${GOALS}\nbarrier: the thread in focus comes to one. past barrier: it gets past the one it waits at.\nexit: it exits. rank N: all launches of the rank have ended. Breakpoints stop it as well.`,
    run: until,
    complete: (shell) => ['barrier', 'past', 'exit', 'rank', 'end', 'if', ...targetNames(shell.session)],
  },
  {
    names: ['set'],
    usage: `policy ${STEP_POLICIES.join('|')}`,
    help: 'what others do while something is stepped\nschedule: what the schedule of the run says (the default; the run stays as it would be).\nfair: everyone in turn. rank: in turn, this rank only. frozen: nothing.',
    run: setPolicy,
    complete: () => ['policy', ...STEP_POLICIES],
  },
  {
    names: ['back'],
    usage: '[operation|line|over|out|warp|group|block] [N]',
    help: 'go back: undo the last step of the thread in focus, or of its warp, group or block\nline, over, out: to where it was before it came to its line, or into its function.',
    run: back,
    complete: () => Object.keys(BACK_FORMS).filter(Boolean),
  },
  { names: ['reverse-step', 'rs'], usage: '[N]', help: 'back line', run: stepping('line', 'thread', 'back') },
  { names: ['reverse-next', 'rn'], usage: '[N]', help: 'back over', run: stepping('over', 'thread', 'back') },
  {
    names: ['reverse-stepi', 'rsi'],
    usage: '[N]',
    help: 'back operation',
    run: stepping('operation', 'thread', 'back'),
  },
  { names: ['reverse-finish', 'rfin'], usage: '[N]', help: 'back out', run: stepping('out', 'thread', 'back') },
  {
    names: ['reverse-continue', 'rc'],
    usage: '',
    help: 'go back to the last breakpoint or watchpoint before this step',
    run: (shell) => shell.go(() => shell.session.reverseContinue()),
  },
  {
    names: ['goto', 'g'],
    usage: 'N|+N|-N|start|end|found',
    help: "go to a step\nend: the last step that is known. found: what 'last-write' or 'when' has found.",
    run: goTo,
    complete: () => ['start', 'end', 'found'],
  },
  {
    names: ['last-write', 'lw'],
    usage: 'TYPE[ADDRESS] | ADDRESS [BYTES]',
    help: 'who wrote to global memory last, up to here',
    run: lastWrite,
    complete: (shell) => expressionNames(shell.session),
  },
  {
    names: ['when'],
    usage: 'EXPRESSION',
    help: 'the first step after which an expression was true for the thread in focus',
    run: when,
    complete: (shell) => expressionNames(shell.session),
  },
];
