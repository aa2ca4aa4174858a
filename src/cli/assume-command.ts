import { type Command, Option } from 'commander';
import {
  ASSUMPTIONS,
  type Assumption,
  type AssumptionResult,
  dropAssumption,
  runSchedule,
  type Workload,
  withoutAssumption,
} from '../index.js';
import { drained } from './drive.js';
import { EXIT_MATCH, EXIT_MISMATCH } from './exit-code.js';
import { problemLines } from './explore-report.js';
import { searchLimits } from './explore-search.js';
import { readTarget, type TargetDescription, workloadOf } from './explore-target.js';
import { counted, formatCount, printable, shellWord, wrap } from './format.js';
import type { CliIo } from './io.js';
import { Progress } from './progress.js';
import { refusalOf } from './run-case.js';
import { readSeed } from './run-command.js';
import { parseCount } from './run-options.js';
import { UsageError } from './usage-error.js';

const DEFAULT_SCHEDULES = 100;

const HELP = `
Drops what a kernel may take for granted of memory, one assumption after the other, and looks for a schedule under which
that goes wrong:

${ASSUMPTIONS.map(({ name, meaning }) => `  ${name.padEnd(18)} ${meaning}`).join('\n')}

'needed' is shown by a schedule. 'not seen to be needed' says that so many schedules have shown nothing. Loads that
are early, and shared memory that is late, are not modelled, and not examined.

Examples:
  simtwin assume a.safetensors
  simtwin assume all-to-all --args '{"ep_size": 2, "tokens": 1, "top_k": 1, "max_usable_sm_count": 2}' --schedules 500
  simtwin assume a.safetensors --drop '128-byte lines' --schedule picks:…      one schedule again

Exit code:
  0  the assumptions are examined
  1  something goes wrong although nothing is dropped; with --schedule: the schedule shows something
  2  the command line or the file is no good
  4  simtwin itself failed, which is a bug`;

interface AssumeOptions {
  readonly args?: string;
  readonly inputs?: string;
  readonly seed: string;
  readonly schedules: number;
  readonly drop?: string;
  readonly schedule?: string;
  readonly json?: boolean;
}

/** Adds `assume`. `done` takes the exit code. */
export function addAssumeCommand(program: Command, io: CliIo, done: (exitCode: number) => void): void {
  program
    .command('assume')
    .showHelpAfterError("(see 'simtwin assume --help')")
    .summary('which assumptions about memory a call needs')
    .description('Find out which assumptions about memory a call needs.')
    .argument('<path|op>', 'a capture, or an operation with random inputs')
    .addOption(new Option('--args <json>', "arguments of the operation as a JSON object (default: '{}')"))
    .addOption(new Option('--inputs <n>', 'seed of the random inputs (default: 0)'))
    .option('--seed <n>', 'first seed of the schedules', '0')
    .addOption(
      new Option('--schedules <n>', 'most schedules for each assumption')
        .argParser(parseCount)
        .default(DEFAULT_SCHEDULES),
    )
    .addOption(new Option('--drop <name>', 'only this assumption').choices(ASSUMPTIONS.map(({ name }) => name)))
    .addOption(new Option('--schedule <token>', 'run only this schedule; with --drop'))
    .addOption(new Option('--json', 'one JSON object on stdout, nothing else'))
    .addHelpText('after', HELP)
    .action(async (target: string, options: AssumeOptions) => done(await assume(target, options, io)));
}

async function assume(name: string, options: AssumeOptions, io: CliIo): Promise<number> {
  const { json = false, drop, schedule, schedules } = options;
  const seed = readSeed(options.seed);
  const dropped = ASSUMPTIONS.filter((assumption) => drop === undefined || assumption.name === drop);
  if (schedule !== undefined && drop === undefined)
    throw new UsageError(
      `--schedule is for one assumption: name it with --drop, as in --drop '${ASSUMPTIONS[1]!.name}'`,
    );
  const progress = new Progress(io, !json);
  try {
    const target = readTarget(name, options, io);
    const workload = workloadOf(target);
    if (schedule !== undefined) return again(workload, dropped[0]!, schedule, io);
    const given = { workload, seed, schedules, limits: searchLimits() };
    const results: AssumptionResult[] = [];
    for (const assumption of [null, ...dropped]) {
      progress.start(assumption === null ? 'nothing dropped' : `without ${assumption.name}`);
      const result = await drained(dropAssumption(given, assumption), io, (runs) =>
        progress.say(`${formatCount(runs)} of ${counted(schedules, 'schedule')}`),
      );
      results.push(result);
      // Whatever is dropped now would show the same.
      if (assumption === null && result.broken !== null) break;
    }
    progress.clear();
    if (json) io.stdout.write(`${JSON.stringify({ target: target.description, results }, null, 2)}\n`);
    else print(target.description, results, io);
    return results[0]!.broken === null ? EXIT_MATCH : EXIT_MISMATCH;
  } catch (error) {
    progress.clear();
    throw refusalOf(error, name);
  }
}

/** One schedule once more. */
function again(workload: Workload, assumption: Assumption, token: string, io: CliIo): number {
  const { discoveries } = runSchedule(withoutAssumption(workload, assumption), { index: 0, token });
  const lines = discoveries.flatMap(({ problem }) => problemLines(problem));
  io.stdout.write(`${lines.length === 0 ? 'nothing goes wrong' : lines.map(printable).join('\n')}\n`);
  return lines.length === 0 ? EXIT_MATCH : EXIT_MISMATCH;
}

function print(
  { name, op, shape, generated }: TargetDescription,
  results: readonly AssumptionResult[],
  io: CliIo,
): void {
  const { chalk, columns } = io.stdout;
  const width = Math.max(50, (columns ?? 120) - 4);
  const lines = [`${chalk.bold(printable(name))}  (${op}, ${shape})`, ''];
  const command = [
    `simtwin assume ${shellWord(name)}`,
    ...(generated === null ? [] : [`--args ${shellWord(generated.args)} --inputs ${generated.inputs}`]),
  ].join(' ');
  for (const { assumption, runs, broken } of results) {
    if (broken === null) {
      if (assumption !== null)
        lines.push(`${assumption.name}: ${chalk.green('not seen to be needed')}, in ${counted(runs, 'schedule')}`, '');
      continue;
    }
    lines.push(
      assumption === null
        ? chalk.red('something goes wrong although nothing is dropped')
        : `${assumption.name}: ${chalk.red('needed')}`,
    );
    const { problem, preemptions, steps, schedule } = broken;
    const told = [
      ...problemLines(problem),
      `shortest: ${counted(steps, 'step')}, ${counted(preemptions, 'preemption')}`,
    ];
    for (const text of told)
      lines.push(...wrap(printable(text), width).map((line, at) => `${at === 0 ? '  ' : '    '}${line}`));
    // Never wrapped, so that it can be copied.
    const drop = assumption === null ? '' : ` --drop ${shellWord(assumption.name)}`;
    if (assumption !== null) lines.push(`  ${chalk.cyan(`${command}${drop} --schedule ${shellWord(schedule)}`)}`);
    else lines.push(`  ${chalk.cyan(command.replace('simtwin assume', 'simtwin explore'))}`);
    lines.push('');
  }
  lines.push('not examined: loads that are early, shared memory that is late');
  io.stdout.write(`${lines.join('\n')}\n`);
}
