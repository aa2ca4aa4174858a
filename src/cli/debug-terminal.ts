import { readFileSync, writeFileSync } from 'node:fs';
import { createInterface, type Interface } from 'node:readline';
import { setImmediate } from 'node:timers/promises';
import { type DebugShell, PROMPT, type ShellHost } from './debug-shell.js';
import { DebugError } from './debug-source.js';
import { formatCount, printable } from './format.js';
import type { CliIo } from './io.js';
import type { Progress } from './progress.js';
import { requireTextTarget } from './text-target.js';
import { Interrupted, UsageError } from './usage-error.js';

/** A run that goes on for longer than this shows how far it is. */
const QUIET_MS = 500;

/** Whether the user wants what runs to stop, and the session to go on. */
export interface Interrupt {
  isWanted: boolean;
}

/** A shell's surroundings in a process. `input`: the capture, which is not to be overwritten. */
export function hostOf(io: CliIo, progress: Progress, interrupt: Interrupt, input: string): ShellHost {
  let startedAt: number | null = null;
  let breathedAt = 0;
  return {
    get width() {
      return io.stdout.columns;
    },
    print: (line) => {
      progress.clear();
      startedAt = null;
      io.stdout.write(`${printable(line)}\n`);
    },
    breathe: async (position) => {
      const now = io.now();
      // A command that follows upon another begins anew.
      if (startedAt === null || now - breathedAt > QUIET_MS) startedAt = now;
      breathedAt = now;
      if (now - startedAt > QUIET_MS) progress.start(`at step ${formatCount(position)}`);
      await setImmediate();
      if (io.signal.aborted) throw new Interrupted();
      const { isWanted } = interrupt;
      interrupt.isWanted = false;
      return isWanted;
    },
    readFile: (path) => {
      try {
        return readFileSync(path, 'utf8');
      } catch (error) {
        throw new DebugError(`${path}: the script cannot be read (${codeOf(error)})`);
      }
    },
    writeFile: (path, text, what = 'save') => {
      try {
        requireTextTarget(what, path, input);
        writeFileSync(path, text);
      } catch (error) {
        if (error instanceof UsageError) throw new DebugError(error.message);
        throw new DebugError(`${path}: it cannot be written (${codeOf(error)})`);
      }
    },
  };
}

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error ? String(error.code) : String(error);

/** Commands from a terminal. Ctrl-C stops what runs; at the prompt it drops the line. */
export async function interact(
  shell: DebugShell,
  interrupt: Interrupt,
  input: NodeJS.ReadableStream,
  output: NodeJS.WritableStream,
): Promise<void> {
  let isRunning = false;
  let last = '';
  const terminal = createInterface({
    input,
    output,
    terminal: true,
    prompt: PROMPT,
    completer: (line: string) => shell.complete(line),
    historySize: 1000,
  });
  terminal.on('SIGINT', () => {
    if (isRunning) interrupt.isWanted = true;
    else {
      output.write("^C  ('quit' ends the session)\n");
      terminal.write(null, { ctrl: true, name: 'e' });
      terminal.write(null, { ctrl: true, name: 'u' });
      terminal.prompt();
    }
  });
  try {
    for await (const line of linesOf(terminal)) {
      const text = line.trim() === '' ? last : line;
      last = text;
      isRunning = true;
      await attempt(shell, text);
      isRunning = false;
      interrupt.isWanted = false;
      if (shell.hasQuit) return;
      terminal.prompt();
    }
  } finally {
    terminal.close();
  }
}

async function* linesOf(terminal: Interface): AsyncGenerator<string> {
  terminal.prompt();
  yield* terminal;
}

/**
 * Commands from standard input, with an echo of each; what is wrong with one goes between the results. Result: how many
 * were wrong.
 */
export async function pipe(shell: DebugShell, input: NodeJS.ReadableStream): Promise<number> {
  let mistakes = 0;
  for await (const line of createInterface({ input, terminal: false })) {
    if (line.trim() === '') continue;
    shell.printCode(`${PROMPT}${line.trim()}`);
    if (!(await attempt(shell, line))) mistakes++;
    if (shell.hasQuit) break;
  }
  return mistakes;
}

/** Result: whether nothing was wrong with the command. */
async function attempt(shell: DebugShell, line: string): Promise<boolean> {
  try {
    await shell.execute(line);
    return true;
  } catch (error) {
    if (!(error instanceof DebugError)) throw error;
    shell.print(error.message);
    return false;
  }
}
