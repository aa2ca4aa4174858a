import { Command, CommanderError } from 'commander';
import { addAssumeCommand } from './assume-command.js';
import { addCompileCommand } from './compile-command.js';
import { addConvertCommand } from './convert-command.js';
import { addDapCommand } from './dap-command.js';
import { addDebugCommand } from './debug-command.js';
import { EXIT_BUG, EXIT_CODE_HELP, EXIT_INTERRUPTED, EXIT_MATCH, EXIT_USAGE } from './exit-code.js';
import { addExplainCommand } from './explain-command.js';
import { addExploreCommand } from './explore-command.js';
import { printable } from './format.js';
import type { CliIo } from './io.js';
import { addListCommand } from './list-command.js';
import { addMergeCapturesCommand } from './merge-captures-command.js';
import { addMutateCommand } from './mutate-command.js';
import { simtwinVersion } from './package-files.js';
import { addProgressCommand } from './progress-command.js';
import { addReplayCommand } from './replay-command.js';
import { addReportCommand } from './report-command.js';
import { addRunCommand } from './run-command.js';
import { Interrupted, UsageError } from './usage-error.js';
import { addWhatifCommand } from './whatif-command.js';

const HELP = `
Examples:
  simtwin replay captures/                            compare captured calls with what the GPU did
  simtwin replay a.safetensors --schedule random:7    the same under another schedule
  simtwin explain hang.safetensors                    why a captured call hangs
  simtwin report hang.safetensors -o hang.html        what happened, as a page for a browser
  simtwin debug hang.safetensors                      step through it, forwards and backwards
  simtwin whatif a.safetensors --vary resident=1..8   with how many resident blocks it would hang
  simtwin explore a.safetensors                       its schedules: races, hangs, wrong output
  simtwin run all-to-all --args '{"ep_size": 8}'      a call with random inputs, against the reference
  simtwin list                                        kernels, operations and their arguments
  simtwin compile kernels.ts -o kernels.js            kernels of your own, compiled
  simtwin merge captured/ -o calls/                   the ranks' files of a call, as one capture

${EXIT_CODE_HELP}`;

/** Runs the command line `argv`, without node and script. Result: the exit code. Never throws. */
export async function runCli(argv: readonly string[], io: CliIo): Promise<number> {
  let exitCode = EXIT_MATCH;
  const program = createProgram(io, (code) => {
    exitCode = code;
  });
  try {
    await program.parseAsync([...argv], { from: 'user' });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT_MATCH : EXIT_USAGE;
    if (error instanceof Interrupted) {
      if (io.stderr.isTTY) io.stderr.write('\r\x1b[2K');
      return EXIT_INTERRUPTED;
    }
    if (error instanceof UsageError) {
      writeError(io, printable(error.message));
      return EXIT_USAGE;
    }
    const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
    writeError(io, `this is a bug of simtwin, not of your input:\n${stack}`);
    return EXIT_BUG;
  }
}

function createProgram(io: CliIo, done: (exitCode: number) => void): Command {
  const program = new Command('simtwin')
    .description('Runs GPU kernels on the CPU, thread by thread, bit for bit, under a schedule that you control.')
    .version(`simtwin ${simtwinVersion()}`, '--version', 'print the version')
    .helpOption('-h, --help', 'print help')
    .helpCommand(false)
    .showHelpAfterError("(see 'simtwin --help')")
    .exitOverride()
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => io.stderr.write(text),
      outputError: (text) =>
        writeError(
          io,
          text
            .replace(/^error: /, '')
            .trimEnd()
            .split('\n')
            .map(printable)
            .join('\n'),
        ),
      getOutHelpWidth: () => io.stdout.columns ?? 120,
      getErrHelpWidth: () => io.stderr.columns ?? 120,
      getOutHasColors: () => io.stdout.chalk.level > 0,
      getErrHasColors: () => io.stderr.chalk.level > 0,
    })
    .addHelpText('after', HELP);
  addReplayCommand(program, io, done);
  addRunCommand(program, io, done);
  addDebugCommand(program, io, done);
  addDapCommand(program, io, done);
  addExplainCommand(program, io, done);
  addReportCommand(program, io, done);
  addWhatifCommand(program, io, done);
  addExploreCommand(program, io, done);
  addAssumeCommand(program, io, done);
  addProgressCommand(program, io, done);
  addMutateCommand(program, io, done);
  addConvertCommand(program, io, done);
  addListCommand(program, io, done);
  addCompileCommand(program, io, done);
  addMergeCapturesCommand(program, io, done);
  return program;
}

const writeError = (io: CliIo, message: string): void =>
  io.stderr.write(`${io.stderr.chalk.red.bold('simtwin:')} ${message}\n`);
