import { type Breakpoint, type DebugSession, EvaluationError, type Expression, type StopAt } from '../index.js';
import { addressOf, expressionNames, parseKnown, splitBytes, splitCondition, targetNames } from './debug-arguments.js';
import type { DebugCommand, DebugShell } from './debug-shell.js';
import { DebugError, parseTarget, TARGET_HELP } from './debug-source.js';
import { formatStopAt, isWatch } from './debug-text.js';

function add(
  shell: DebugShell,
  at: StopAt,
  text: string,
  condition: Expression | null,
  conditionText: string | null,
  isTemporary = false,
): void {
  const breakpoint = shell.session.addBreakpoint(at, condition, isTemporary);
  shell.breakpointTexts.set(breakpoint, { at: text, condition: conditionText });
  shell.print(formatBreakpoint(shell, breakpoint));
}

/** `breakpoint 1: function init if rank == 0`. */
export function formatBreakpoint(shell: DebugShell, breakpoint: Breakpoint): string {
  const { id, at, isTemporary } = breakpoint;
  const { at: text = '', condition = null } = shell.breakpointTexts.get(breakpoint) ?? {};
  const name = `${isTemporary ? 'temporary ' : ''}${isWatch(breakpoint) ? 'watchpoint' : 'breakpoint'}`;
  return `${name} ${id}: ${formatStopAt(shell.session.machine, at, text)}${condition === null ? '' : ` if ${condition}`}`;
}

const breaking =
  (isTemporary: boolean) =>
  (shell: DebugShell, argument: string): void => {
    const { text, condition, conditionText } = splitCondition(shell.session, argument);
    const frame = shell.session.thread?.frames[0];
    const target = parseTarget(shell.session, text === '' && frame !== undefined ? String(frame.line) : text);
    if (target.kind === 'line' && target.note !== null) shell.print(target.note);
    add(shell, target, text, condition, conditionText, isTemporary);
  };

const watching =
  (access: 'read' | 'write' | 'change') =>
  (shell: DebugShell, argument: string): void => {
    const { session } = shell;
    const { text, condition, conditionText } = splitCondition(session, argument);
    const sized = splitBytes(text);
    const expression = parseKnown(session, sized?.text ?? text);
    const isMemory =
      sized !== null || expression.kind === 'memory' || access !== 'change' || isAddress(session, expression);
    const value = { kind: 'value', expression, thread: session.focus } as const;
    if (!isMemory) {
      let now = 'no value here';
      try {
        now = String(session.evaluate(expression));
      } catch (error) {
        if (!(error instanceof EvaluationError)) throw error;
      }
      add(shell, value, text, condition, conditionText);
      shell.print(`  now     ${now}`);
      return;
    }
    const isShared = sized === null && expression.kind === 'memory' && isSharedAddress(session, expression.address);
    if (isShared && access === 'change') {
      session.evaluate(expression);
      add(shell, value, text, condition, conditionText);
    } else
      add(
        shell,
        { kind: 'memory', access, ...addressOf(session, text, 'a watchpoint') },
        text,
        condition,
        conditionText,
      );
    if (access === 'read')
      shell.print('  loads and atomics that the scheduler sees; plain loads happen within a step and do not stop');
  };

/** Whether an expression is the same for ever and everyone, as an address is: of numbers and names of allocations. */
function isAddress(session: DebugSession, expression: Expression): boolean {
  switch (expression.kind) {
    case 'literal':
      return true;
    case 'name':
      return session.machine.memory.space.allocations.some(({ name }) => name === expression.name);
    case 'unary':
      return isAddress(session, expression.a);
    case 'binary':
      return isAddress(session, expression.a) && isAddress(session, expression.b);
    default:
      return false;
  }
}

function isSharedAddress(session: DebugSession, address: Expression): boolean {
  const value = session.evaluate(address);
  return typeof value === 'bigint' && value > 0n && value < 2n ** 32n;
}

function numbered(shell: DebugShell, argument: string): Breakpoint[] {
  const { breakpoints } = shell.session;
  if (argument === '') return [...breakpoints];
  return argument.split(/[\s,]+/).map((word) => {
    const found = breakpoints.find(({ id }) => String(id) === word);
    if (found === undefined) {
      const there = breakpoints.map(({ id }) => id).join(', ');
      throw new DebugError(
        `there is no breakpoint '${word}'; ${there === '' ? 'there are none' : `there are ${there}`}`,
      );
    }
    return found;
  });
}

const enabling =
  (enabled: boolean) =>
  (shell: DebugShell, argument: string): void => {
    for (const breakpoint of numbered(shell, argument)) breakpoint.enabled = enabled;
  };

const numbers = (shell: DebugShell): string[] => shell.session.breakpoints.map(({ id }) => String(id));

const CONDITION_HELP = 'IF: only where an expression is true for the thread that comes: rank == 1 && lane == 0.';

export const BREAK_COMMANDS: readonly DebugCommand[] = [
  {
    names: ['break', 'b'],
    usage: 'TARGET [if EXPRESSION]',
    help: `stop where a thread has come to; ${TARGET_HELP}\n${CONDITION_HELP}`,
    run: breaking(false),
    complete: ({ session }) => targetNames(session),
  },
  {
    names: ['tbreak', 'tb'],
    usage: 'TARGET [if EXPRESSION]',
    help: 'a breakpoint that stops once',
    run: breaking(true),
    complete: ({ session }) => targetNames(session),
  },
  {
    names: ['watch', 'w'],
    usage: 'TYPE[ADDRESS] | ADDRESS [BYTES] | EXPRESSION',
    help: 'stop when bytes of global memory, or the value of an expression for the thread in focus, have become others\nBytes: exact, at the step of the store; 8 of them unless you say. Expressions are evaluated after every step, which is slower.',
    run: watching('change'),
    complete: ({ session }) => expressionNames(session),
  },
  {
    names: ['wwatch', 'ww'],
    usage: 'TYPE[ADDRESS] | ADDRESS [BYTES]',
    help: 'stop at every store or atomic to global memory, also of what is there already',
    run: watching('write'),
    complete: ({ session }) => expressionNames(session),
  },
  {
    names: ['rwatch', 'rw'],
    usage: 'TYPE[ADDRESS] | ADDRESS [BYTES]',
    help: 'stop at volatile, relaxed and acquire loads and atomics of global memory; plain loads do not stop',
    run: watching('read'),
    complete: ({ session }) => expressionNames(session),
  },
  {
    names: ['delete', 'd'],
    usage: '[N…]',
    help: 'remove breakpoints; without numbers all of them',
    run: (shell, argument) => {
      for (const { id } of numbered(shell, argument)) shell.session.removeBreakpoint(id);
    },
    complete: numbers,
  },
  { names: ['enable'], usage: '[N…]', help: 'let breakpoints stop again', run: enabling(true), complete: numbers },
  {
    names: ['disable'],
    usage: '[N…]',
    help: 'keep breakpoints, but do not stop at them',
    run: enabling(false),
    complete: numbers,
  },
];
