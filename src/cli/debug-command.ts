import { type Command, Option } from 'commander';
import { isDump } from '../formats/index.js';
import {
  type CallOptions,
  type Capture,
  CaptureError,
  DebugSession,
  type Machine,
  readAnyCapture,
  setUpCall,
} from '../index.js';
import { DEBUG_COMMANDS } from './debug-commands.js';
import { fifoLayoutOf } from './debug-fifo-layout.js';
import { DebugShell } from './debug-shell.js';
import { DebugError } from './debug-source.js';
import { hostOf, type Interrupt, interact, pipe } from './debug-terminal.js';
import { shapeOf } from './describe-capture.js';
import { EXIT_MATCH, EXIT_USAGE } from './exit-code.js';
import { isFolder } from './find-inputs.js';
import { printable } from './format.js';
import { mostResidentThreads } from './heap.js';
import type { CliIo } from './io.js';
import { refuseStaleProgram } from './package-files.js';
import { Progress } from './progress.js';
import { problemOf } from './run-case.js';
import { parseCount, type RunOptions, readRunOptions } from './run-options.js';
import { requireTextTarget } from './text-target.js';
import { UsageError } from './usage-error.js';

const HELP = `
Runs a captured call step by step, forwards and backwards: breakpoints on lines of the port and of the original, on
operations and on memory, with conditions; any warp, group or block stepped alone or with the others; who wrote a byte
last, and when a condition became true. 'help' lists the commands.

PATH is a capture (*.safetensors, also compressed as *.safetensors.br or .gz). Commands come from the terminal, from
standard input, or from a script, which has a command a line and comments with #.

Examples:
  simtwin debug hang.safetensors
  simtwin debug hang.safetensors --schedule random:7
  simtwin debug hang.safetensors --script walk.txt
  echo 'continue' | simtwin debug hang.safetensors

Exit code: 0; 2 if PATH, an option, or a line of a script or of standard input is no good.`;

interface DebugOptions extends Pick<RunOptions, 'schedule' | 'maxSteps' | 'maxIdleSteps' | 'maxCounterSteps'> {
  readonly script?: string;
  readonly save?: string;
}

/** Adds `debug`. `done` takes the exit code. */
export function addDebugCommand(program: Command, io: CliIo, done: (exitCode: number) => void): void {
  program
    .command('debug')
    .showHelpAfterError("(see 'simtwin debug --help')")
    .summary('step through a captured call, forwards and backwards')
    .description('Debug a captured call, forwards and backwards.')
    .argument('<path>', 'a capture')
    .addOption(
      new Option('--schedule <token>', 'as of replay: which warp steps next, and which blocks are resident').default(
        'rr',
      ),
    )
    .addOption(new Option('--max-steps <n>', 'as of replay').argParser(parseCount))
    .addOption(new Option('--max-idle-steps <n>', 'as of replay').argParser(parseCount))
    .addOption(new Option('--max-counter-steps <n>', 'as of replay').argParser(parseCount))
    .addOption(new Option('--script <file>', 'perform the commands of a file, then end'))
    .addOption(new Option('--save <file>', 'write the commands of the session to a file when it ends'))
    .addHelpText('after', HELP)
    .action(async (path: string, options: DebugOptions) => done(await debug(path, options, io)));
}

async function debug(path: string, options: DebugOptions, io: CliIo): Promise<number> {
  const { callOptions } = readRunOptions({ ...options, mode: 'step' });
  if (isFolder(path) && !isDump(path)) throw new UsageError(`${path} must be a capture, but is a folder`);
  if (options.save !== undefined) requireTextTarget('--save', options.save, path);
  const progress = new Progress(io, true);
  const interrupt: Interrupt = { isWanted: false };
  const { capture, session } = begin(path, callOptions);
  const host = hostOf(io, progress, interrupt, path);
  const shell = new DebugShell(session, host, DEBUG_COMMANDS, fifoLayoutOf(capture, session.machine));
  shell.print(printable(`${path}: ${capture.op}, ${shapeOf(capture)}; schedule ${options.schedule}`));
  const { script, save } = options;
  let exitCode = EXIT_MATCH;
  /** A part of the session; what is wrong with it is told, and the exit code says so. */
  const attempt = async (part: () => Promise<void> | void): Promise<void> => {
    try {
      await part();
    } catch (error) {
      if (!(error instanceof DebugError)) throw error;
      progress.clear();
      io.stderr.write(`${io.stderr.chalk.red.bold('simtwin:')} ${printable(error.message)}\n`);
      exitCode = EXIT_USAGE;
    }
  };
  try {
    await attempt(async () => {
      if (script !== undefined) return shell.perform(script, true);
      shell.showPlace();
      if (process.stdin.isTTY === true && io.stdout.isTTY)
        return interact(shell, interrupt, process.stdin, process.stdout);
      if ((await pipe(shell, process.stdin)) > 0) exitCode = EXIT_USAGE;
    });
  } finally {
    progress.clear();
    if (save !== undefined)
      await attempt(() => host.writeFile(save, shell.history.map((line) => `${line}\n`).join(''), '--save'));
  }
  return exitCode;
}

/** @throws UsageError if the capture cannot be read, set up or run in mode `step` */
export function begin(
  path: string,
  { limits, ...options }: CallOptions,
): { readonly capture: Capture; readonly session: DebugSession } {
  try {
    const capture = readAnyCapture(path);
    let refused: string | null = null;
    const make = (): Machine =>
      setUpCall(
        capture,
        {
          ...options,
          limits: { maxResidentThreads: mostResidentThreads('step'), ...limits },
          mode: 'step',
          refuseProgram: refuseStaleProgram,
          onMode: ({ mode, reason }) => {
            if (mode !== 'step') refused = reason;
          },
        },
        path,
      ).machine;
    try {
      return { capture, session: new DebugSession(make) };
    } catch (error) {
      if (refused !== null)
        throw new UsageError(
          `${path}: only mode 'step' can be debugged, and this call would run in another: ${refused}`,
        );
      throw error;
    }
  } catch (error) {
    if (error instanceof UsageError) throw error;
    const { problem, stack } = problemOf(error, path);
    if (stack !== null && !(error instanceof CaptureError)) throw error;
    throw new UsageError(`${path}: ${problem}`);
  }
}
