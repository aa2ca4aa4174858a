import { setImmediate } from 'node:timers/promises';
import { DapError, type DapHost, type DebugConsole, type Debuggee, type LaunchArguments } from '../dap/index.js';
import { type DebugSession, EvaluationError, ExpressionError, formatLanes, formatRanges } from '../index.js';
import { begin } from './debug-command.js';
import { DEBUG_COMMANDS } from './debug-commands.js';
import { fifoLayoutOf } from './debug-fifo-layout.js';
import { DebugShell, type ShellHost } from './debug-shell.js';
import { DebugError, parseTarget } from './debug-source.js';
import {
  formatAddress,
  formatEnd,
  formatFocus,
  formatOperation,
  formatValue,
  formatVariable,
  formatWait,
} from './debug-text.js';
import { shapeOf } from './describe-capture.js';
import { printable } from './format.js';
import type { CliIo } from './io.js';
import { originalLine } from './original-line.js';
import { readSourceText, sourceFilePath } from './package-files.js';
import { readRunOptions } from './run-options.js';
import { UsageError } from './usage-error.js';

/** What adapters have of this process. `ended` is called when the client wants no more. */
export function dapHostOf(io: CliIo, ended: () => void): DapHost {
  return {
    open,
    sourcePath: sourceFilePath,
    sourceText: readSourceText,
    originalPlaces: (session, line) => {
      const target = targetOrNull(session, `:${line}`);
      return target?.kind === 'line' ? target.places : [];
    },
    target: (session, name) => {
      const target = targetOrNull(session, name);
      return target === null || target.kind === 'line' ? null : target;
    },
    breathe: () => setImmediate(),
    now: io.now,
    ended,
    words: {
      value: formatValue,
      variable: formatVariable,
      address: formatAddress,
      operation: formatOperation,
      focus: formatFocus,
      wait: formatWait,
      end: formatEnd,
      ranges: formatRanges,
      lanes: formatLanes,
      beside: ({ file, line }) => {
        const original = originalLine(file, line);
        return original === null ? '' : ` (${original})`;
      },
    },
  };
}

function targetOrNull(session: DebugSession, text: string): ReturnType<typeof parseTarget> | null {
  try {
    return parseTarget(session, text);
  } catch (error) {
    if (error instanceof DebugError) return null;
    throw error;
  }
}

function open(args: LaunchArguments): Debuggee {
  const { program, schedule, limits } = args;
  try {
    const { callOptions } = readRunOptions({ mode: 'step', schedule, ...limits });
    const { capture, session } = begin(program, callOptions);
    const fifos = fifoLayoutOf(capture, session.machine);
    const title = printable(`${program}: ${capture.op}, ${shapeOf(capture)}; schedule ${schedule}`);
    return { session, fifos, title, console: consoleOf(session, fifos) };
  } catch (error) {
    if (error instanceof UsageError) throw new DapError(printable(error.message));
    throw error;
  }
}

/** The terminal debugger's commands, whose lines are gathered. */
function consoleOf(session: DebugSession, fifos: Debuggee['fifos']): DebugConsole {
  let lines: string[] = [];
  let breathe: ShellHost['breathe'] = async () => false;
  // Whoever reaches the port is not to write files.
  const refuseFiles = () => {
    throw new DebugError("an editor's console reads and writes no files; 'simtwin debug' does");
  };
  const host: ShellHost = {
    print: (line) => lines.push(printable(line)),
    breathe: (position) => breathe(position),
    readFile: refuseFiles,
    writeFile: refuseFiles,
  };
  const shell = new DebugShell(session, host, DEBUG_COMMANDS, fifos);
  return {
    isCommand: (line) => {
      try {
        return shell.findCommand(/^[\w-]+/.exec(line.trim())?.[0] ?? line.trim()) !== undefined;
      } catch (error) {
        if (error instanceof DebugError) return false;
        throw error;
      }
    },
    execute: async (line, breatheNow) => {
      lines = [];
      breathe = breatheNow;
      try {
        await shell.execute(line);
      } catch (error) {
        const isExpected =
          error instanceof DebugError || error instanceof ExpressionError || error instanceof EvaluationError;
        if (isExpected) throw new DapError(printable(error.message));
        throw error;
      }
      const { hasQuit } = shell;
      shell.hasQuit = false;
      return { text: lines.join('\n'), hasQuit };
    },
    complete: (line) => shell.complete(line),
  };
}
