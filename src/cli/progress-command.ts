import { type Command, InvalidArgumentError, Option } from 'commander';
import {
  checkProgress,
  describeProgress,
  PROGRESS_GUARANTEES,
  type ProgressModel,
  type ProgressResult,
  parseProgressModel,
} from '../index.js';
import { breathe } from './drive.js';
import { EXIT_MATCH, EXIT_MISMATCH } from './exit-code.js';
import { readTarget, type TargetDescription, workloadOf } from './explore-target.js';
import { counted, printable, wrap } from './format.js';
import type { CliIo } from './io.js';
import { Progress } from './progress.js';
import { refusalOf } from './run-case.js';
import { parseCount } from './run-options.js';

/** States of a call take much memory. */
const DEFAULT_STATES = 2000;

const HELP = `
Does a call end whatever blocks run next, as long as the device keeps what it promises? A model says which blocks are
sure to go on, and what a device holds:

  unfair   none
  hsa      the unfinished block of the lowest number
  obe      those that have begun (occupancy-bound execution)
  hsa-obe  those of both
  lobe     those that have begun, and all of lower numbers (linear occupancy-bound execution)
  fair     all

followed by any of ',strong' (steps that are possible again and again are made), ',resident=N' (blocks of a device),
',queues=K' (streams share K in-order hardware queues) and ',one-stream'. Numbers count within a launch.
'does not terminate' is shown by a schedule; 'terminates' holds for every run; 'unknown' says which limit was reached.

Examples:
  simtwin progress all-to-all --args '{"ep_size": 2, "tokens": 1, "top_k": 1, "max_usable_sm_count": 2}'
  simtwin progress a.safetensors --model obe --model fair,resident=1 --model fair,one-stream

Exit code:
  0  the call ends under every model, as far as was looked
  1  under some model it does not
  2  the command line or the file is no good
  4  simtwin itself failed, which is a bug`;

interface ProgressCommandOptions {
  readonly args?: string;
  readonly inputs?: string;
  readonly model: readonly ProgressModel[];
  readonly maxStates: number;
  readonly json?: boolean;
}

/** Adds `progress`. `done` takes the exit code. */
export function addProgressCommand(program: Command, io: CliIo, done: (exitCode: number) => void): void {
  program
    .command('progress')
    .showHelpAfterError("(see 'simtwin progress --help')")
    .summary('whether a call ends however little a device promises')
    .description('Check whether a call ends under models of the progress of blocks.')
    .argument('<path|op>', 'a capture, or an operation with random inputs')
    .addOption(new Option('--args <json>', "arguments of the operation as a JSON object (default: '{}')"))
    .addOption(new Option('--inputs <n>', 'seed of the random inputs (default: 0)'))
    .addOption(
      new Option('--model <token>', 'a model; may be repeated (default: each of them alone)')
        .argParser((token: string, before: readonly ProgressModel[]) => [...before, modelOf(token)])
        .default([], ''),
    )
    .addOption(
      new Option('--max-states <n>', 'most states, of each size of the device')
        .argParser(parseCount)
        .default(DEFAULT_STATES),
    )
    .addOption(new Option('--json', 'one JSON object on stdout, nothing else'))
    .addHelpText('after', HELP)
    .action(async (target: string, options: ProgressCommandOptions) => done(await check(target, options, io)));
}

function modelOf(token: string): ProgressModel {
  try {
    return parseProgressModel(token);
  } catch (error) {
    if (error instanceof RangeError) throw new InvalidArgumentError(error.message);
    throw error;
  }
}

async function check(name: string, options: ProgressCommandOptions, io: CliIo): Promise<number> {
  const { json = false, maxStates } = options;
  const models = options.model.length > 0 ? options.model : PROGRESS_GUARANTEES.map(modelOf);
  const progress = new Progress(io, !json);
  try {
    const target = readTarget(name, options, io);
    const workload = workloadOf(target);
    progress.start(`blocks of ${target.description.name}`);
    await breathe(io);
    const results = io.interruptible(() =>
      checkProgress(workload, models, {
        maxStates,
        onState: (states) => progress.say(`${counted(states, 'state')} of ${maxStates}`),
      }),
    );
    progress.clear();
    if (json) io.stdout.write(`${JSON.stringify({ target: target.description, results }, null, 2)}\n`);
    else print(target.description, results, io);
    return results.some(({ verdict }) => verdict === 'does not terminate') ? EXIT_MISMATCH : EXIT_MATCH;
  } catch (error) {
    progress.clear();
    throw refusalOf(error, name);
  }
}

function print({ name, op, shape }: TargetDescription, results: readonly ProgressResult[], { stdout }: CliIo): void {
  const { chalk, columns } = stdout;
  const width = Math.max(50, (columns ?? 120) - 4);
  const colours = { terminates: chalk.green, 'does not terminate': chalk.red, unknown: chalk.yellow } as const;
  const lines = [`${chalk.bold(printable(name))}  (${op}, ${shape})`, ''];
  for (const result of results) {
    const [head = '', ...rest] = describeProgress(result);
    const [first = '', ...more] = wrap(printable(head), width);
    lines.push(colours[result.verdict](first), ...more.map((line) => `    ${line}`));
    for (const text of rest) {
      // A schedule is never wrapped, so that it can be copied.
      const isSchedule = text.startsWith('  schedule: ');
      lines.push(...(isSchedule ? [text] : wrap(printable(text.trim()), width).map((line) => `  ${line}`)));
    }
  }
  stdout.write(`${lines.join('\n')}\n`);
}
