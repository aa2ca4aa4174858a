import type { Command } from 'commander';
import { judge, readAnyCapture } from '../index.js';
import { checkTableFile } from './check-table-file.js';
import { breathe } from './drive.js';
import { EXIT_CODE_HELP } from './exit-code.js';
import { findInputs, type InputFile } from './find-inputs.js';
import { shellWord } from './format.js';
import type { CliIo } from './io.js';
import { planOutputs, writeOutput } from './output-plan.js';
import { ReportPrinter } from './report-printer.js';
import { type Case, runCase } from './run-case.js';
import { addRunOptions, type RunOptions, readRunOptions } from './run-options.js';
import { requireTraceTarget } from './trace-file.js';
import { UsageError } from './usage-error.js';

const HELP = `
Runs captured calls on the CPU, thread by thread, and compares every byte that the GPU left behind with what comes out.
Bytes that the kernel never defined are left out and counted as such. For the first byte that differs it says which
thread wrote it last, at which line of the port and of the original.

PATH is a capture (*.safetensors, also compressed as *.safetensors.br or .gz), a channel table (channels-sm*.json), a
dump of FlashInfer's flight recorder (a folder), a description of a call (*.call.json) or the tensors that it describes
(.pt, .npz, .npy, .safetensors); or a folder of them, searched at any depth, but not in hidden folders, node_modules.

Schedules:
  rr                   round robin, the default
  random:SEED          a random ready warp in each step
  blocked              the same warp until it waits
  picks:…              as recorded by --record
  then any of          ,granule=32|8|1  ,resident=N  ,order=linear|reverse|shuffle:SEED
  @FILE                the token in FILE

Examples:
  simtwin replay captures/
  simtwin replay ep8-k8-r3-t128.safetensors --schedule random:7,granule=8
  simtwin replay ep2-f16x8.safetensors.br --schedule blocked --resident-blocks 1 --json
  simtwin replay a.safetensors --schedule random:7 --record --json | jq -r '.captures[0].recordedSchedule' > picks.txt
  simtwin replay a.safetensors --schedule @picks.txt
  simtwin replay captures/ --out computed/
  simtwin replay hang.safetensors --trace hang.json.gz

${EXIT_CODE_HELP}`;

/** Adds `replay`. `done` takes the exit code. */
export function addReplayCommand(program: Command, io: CliIo, done: (exitCode: number) => void): void {
  const command = program
    .command('replay')
    .showHelpAfterError("(see 'simtwin replay --help')")
    .summary('run captured calls and compare every byte')
    .description('Replay captured calls and compare every byte.')
    .argument('<path...>', 'captures, channel tables, or folders of them');
  addRunOptions(command, {
    flag: '--out <path>',
    help: 'write what was computed: to a file if one file is replayed, else to a folder',
  })
    .addHelpText('after', HELP)
    .action(async (paths: string[], options: RunOptions) => done(await replay(paths, options, io)));
}

async function replay(paths: readonly string[], options: RunOptions, io: CliIo): Promise<number> {
  const settings = readRunOptions(options);
  const inputs = findInputs(paths);
  if (settings.trace !== null) {
    const [input] = inputs;
    if (inputs.length !== 1 || input?.kind !== 'capture')
      throw new UsageError(
        inputs.length === 1
          ? `--trace is of a call that runs, and ${paths.join(' ')} is a channel table: give a capture`
          : `--trace is of one call, and PATH is ${inputs.length} files: give one capture`,
      );
    requireTraceTarget(settings.trace, input.path, settings.out);
  }
  const outputs = settings.out === null ? null : planOutputs(inputs, paths, settings.out);
  const printer = new ReportPrinter(
    inputs.map(({ name }) => name),
    settings,
    io,
  );
  for (const [index, input] of inputs.entries()) {
    await breathe(io);
    const { path, name, kind } = input;
    const reproduce = `simtwin replay ${shellWord(path)}`;
    if (kind === 'channel-table') {
      printer.add(checkTableFile(path, name, reproduce, io));
      continue;
    }
    const position = `[${index + 1}/${inputs.length}]`;
    const given = caseOf(input, `${reproduce} ${settings.repeat}`, outputs?.get(input));
    printer.add(await runCase(given, settings, io, printer.progress, position));
  }
  return printer.finish();
}

const caseOf = ({ path, name }: InputFile, reproduce: string, target: string | undefined): Case => ({
  file: path,
  name,
  reproduce,
  read: () => readAnyCapture(path),
  judge,
  expected: (_capture, call) => call.expected(),
  write: target === undefined ? null : (capture) => writeOutput(target, capture),
});
