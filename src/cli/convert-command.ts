import { type Command, Option } from 'commander';
import { type JsonValue, parseJsonObject } from '../capture/json.js';
import { type Capture, CaptureError, readCaptureFrom } from '../index.js';
import { shapeOf } from './describe-capture.js';
import { EXIT_MATCH } from './exit-code.js';
import { identityOf } from './find-inputs.js';
import { printable } from './format.js';
import type { CliIo } from './io.js';
import { requireFileTarget, writeOutput } from './output-plan.js';
import { UsageError } from './usage-error.js';

const HELP = `
Writes a call that another program has recorded as a capture (simt-capture/1). INPUT is one of

  a dump of FlashInfer's flight recorder (FLASHINFER_LOGLEVEL=10): a folder with metadata.jsonl and inputs.pt or
    inputs.safetensors; of an all-to-all the dumps of all ranks, in any order
  a description of a call, NAME.call.json (simt-call/1), or the tensors that it describes: NAME.pt, NAME.npz, NAME.npy or
    NAME.safetensors beside it
  a capture, which is checked and written as it is

Nothing in a file is executed: of pickles only tensors and plain containers are read, all else is refused by name.
'simtwin replay' reads the same inputs without converting them.

Examples:
  simtwin convert flashinfer_dumps/20260101_120000_000_pid7_moe_comm_prepare_indices_call0001 -o call.safetensors
  simtwin convert routing.call.json -o routing.safetensors.br
  simtwin convert rank0/*moe_comm_call0001 rank1/*moe_comm_call0001 --args '{"max_usable_sm_count": 132}' -o a.safetensors

Exit code:
  0  written
  2  the command line or an input is no good; nothing is written`;

interface ConvertOptions {
  readonly out: string;
  readonly args?: string;
}

/** Adds `convert`. `done` takes the exit code. */
export function addConvertCommand(program: Command, io: CliIo, done: (exitCode: number) => void): void {
  program
    .command('convert')
    .showHelpAfterError("(see 'simtwin convert --help')")
    .summary('make a capture of what other programs have recorded')
    .description("Make a capture of a flight recorder's dump, or of tensors with a description.")
    .argument('<input...>', 'a dump (folder), a description (*.call.json), tensors beside one, or a capture')
    .addOption(
      new Option('-o, --out <file>', 'the capture: *.safetensors, also *.safetensors.br or .gz').makeOptionMandatory(),
    )
    .addOption(new Option('--args <json>', 'arguments of the operation that the input does not have'))
    .addHelpText('after', HELP)
    .action((inputs: string[], options: ConvertOptions) => done(convert(inputs, options, io)));
}

function convert(inputs: readonly string[], { out, args }: ConvertOptions, io: CliIo): number {
  requireFileTarget(out);
  const target = identityOf(out);
  if (target !== null && inputs.some((input) => identityOf(input) === target)) {
    throw new UsageError(`--out ${out} would overwrite an input; give another name`);
  }
  const capture = refusing(() => {
    const added: ReadonlyMap<string, JsonValue> =
      args === undefined ? new Map() : parseJsonObject(args, '--args', 'it');
    const read = io.interruptible(() => readCaptureFrom(inputs, added));
    writeOutput(out, read);
    return read;
  });
  const { op } = capture;
  const outputs = hasOutputs(capture) ? '' : '; without outputs, so that nothing can be compared';
  io.stdout.write(`${op} ${shapeOf(capture)} written to ${printable(out)}${outputs}\n`);
  return EXIT_MATCH;
}

const hasOutputs = (capture: Capture): boolean =>
  capture.op === 'moe_comm' ? capture.ranks.every(({ outputs }) => outputs !== null) : capture.outputs !== null;

/** The result of `part`; what it refuses is the user's to correct. */
function refusing<T>(part: () => T): T {
  try {
    return part();
  } catch (error) {
    if (error instanceof CaptureError) throw new UsageError(error.message);
    throw error;
  }
}
