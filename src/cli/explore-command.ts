import { existsSync } from 'node:fs';
import { type Command, Option } from 'commander';
import {
  allDiscoveries,
  type Capture,
  EMPTY_RESULT,
  generateCapture,
  mergeResults,
  minimiseSchedule,
  PLAIN_SCHEDULES,
  readCapture,
  runSchedule,
  type SearchResult,
  searchSchedules,
  type Workload,
} from '../index.js';
import { SHORT_OP_NAMES, shapeOf } from './describe-capture.js';
import { breathe } from './drive.js';
import { EXIT_BUG, EXIT_MATCH, EXIT_MISMATCH } from './exit-code.js';
import { discoveryLines, type ReportedDiscovery } from './explore-report.js';
import { workloadOf } from './explore-target.js';
import { isFolder } from './find-inputs.js';
import { counted, formatCount, formatSeconds, printable, shellWord } from './format.js';
import { mostResidentThreads } from './heap.js';
import type { CliIo } from './io.js';
import { Progress } from './progress.js';
import { problemOf } from './run-case.js';
import { readArgs, readOp, readSeed } from './run-command.js';
import { parseCount } from './run-options.js';
import { Interrupted, UsageError } from './usage-error.js';

const DEFAULT_SCHEDULES = 1000;
/** Steps of a run beyond which it counts as endless, if no proof has ended it before. */
const MAX_STEPS = 10_000_000;
/** Most discoveries for which a smaller schedule is looked for. */
const MOST_MINIMISED = 8;

const HELP = `
Runs a captured call, or one with random inputs, under many schedules in mode 'step', and looks for what is wrong with it:
data races in shared and global memory, across blocks and ranks, by the order that barriers, warp operations, fences,
releases and acquires give; barriers that are used again too soon; errors; deadlocks and livelocks; wrong output; and
output that depends on the schedule. Each problem is told once, with the first schedule that shows it and a smaller one.

Schedules: rr, blocked, rr with blocks in reverse, then in turn random walks, PCT of depth 1, 2 and 3, and delay bounding,
each with seeds that count from --seed on. The same command gives the same result.

Examples:
  simtwin explore a.safetensors
  simtwin explore a.safetensors --schedules 10000 --granule 8
  simtwin explore all-to-all --args '{"ep_size": 2, "max_usable_sm_count": 2}' --time 60
  simtwin explore hang.safetensors --json | jq '.discoveries[].problem'

Exit code:
  0  nothing was found
  1  something was found
  2  the command line or the file is no good
  4  simtwin itself failed, which is a bug`;

interface ExploreOptions {
  readonly args: string;
  readonly inputs: string;
  readonly seed: string;
  readonly schedules?: number;
  readonly time?: number;
  readonly granule?: string;
  readonly residentBlocks?: number;
  readonly minimise: boolean;
  readonly json?: boolean;
}

/** Adds `explore`. `done` takes the exit code. */
export function addExploreCommand(program: Command, io: CliIo, done: (exitCode: number) => void): void {
  program
    .command('explore')
    .showHelpAfterError("(see 'simtwin explore --help')")
    .summary('search the schedules of a call for races, hangs and wrong output')
    .description('Search the schedules of a call for races, hangs and wrong output.')
    .argument('<path|op>', 'a capture, or an operation with random inputs')
    .option('--args <json>', 'arguments of the operation as a JSON object', '{}')
    .option('--inputs <n>', 'seed of the random inputs', '0')
    .option('--seed <n>', 'first seed of the schedules', '0')
    .addOption(new Option('--schedules <n>', `schedules to run (default: ${DEFAULT_SCHEDULES})`).argParser(parseCount))
    .addOption(new Option('--time <seconds>', 'end after so many seconds').argParser(parseCount))
    .addOption(new Option('--granule <lanes>', 'lanes that step together').choices(['32', '8', '1']))
    .addOption(new Option('--resident-blocks <n>', 'most resident blocks of a device').argParser(parseCount))
    .option('--no-minimise', 'do not look for smaller schedules')
    .addOption(new Option('--json', 'one JSON object on stdout, nothing else'))
    .addHelpText('after', HELP)
    .action(async (target: string, options: ExploreOptions) => done(await explore(target, options, io)));
}

async function explore(target: string, options: ExploreOptions, io: CliIo): Promise<number> {
  const { json = false, minimise } = options;
  const seed = readSeed(options.seed);
  const schedules = options.schedules ?? (options.time === undefined ? DEFAULT_SCHEDULES : Number.POSITIVE_INFINITY);
  const progress = new Progress(io, !json);
  const startedAt = io.now();
  let found: Found;
  let capture: Capture;
  try {
    const given = targetOf(target, options, io);
    ({ capture } = given);
    found = await search(given.workload, seed, schedules, options, io, progress, minimise);
  } catch (error) {
    progress.clear();
    if (error instanceof Interrupted || error instanceof UsageError) throw error;
    const { exitCode, problem } = problemOf(error, target, 'step');
    if (exitCode === EXIT_BUG) throw error;
    throw new UsageError(`${target}: ${problem}`);
  }
  progress.clear();
  const { result, discoveries } = found;
  if (json) io.stdout.write(`${JSON.stringify({ target, op: capture.op, ...plain(result), discoveries }, null, 2)}\n`);
  else print(target, capture, found, options, io, io.now() - startedAt);
  return discoveries.length === 0 ? EXIT_MATCH : EXIT_MISMATCH;
}

/** A capture if there is such a file, else an operation. */
function targetOf(target: string, options: ExploreOptions, io: CliIo): { capture: Capture; workload: Workload } {
  if (existsSync(target) || /\.safetensors(\.\w+)?$/.test(target)) {
    if (isFolder(target)) throw new UsageError(`${target} must be a capture, but is a folder`);
    const capture = readCapture(target);
    return { capture, workload: workloadOf(capture, target, false) };
  }
  const op = readOp(target);
  const args = readArgs(options.args);
  const inputs = readSeed(options.inputs);
  try {
    const capture = io.interruptible(() => generateCapture(op, args, inputs));
    return { capture, workload: workloadOf(capture, target, true) };
  } catch (error) {
    if (error instanceof RangeError) throw new UsageError(`--args: ${error.message}`);
    throw error;
  }
}

interface Found {
  readonly result: SearchResult;
  readonly discoveries: readonly ReportedDiscovery[];
}

async function search(
  workload: Workload,
  seed: number,
  schedules: number,
  { time = Number.POSITIVE_INFINITY, granule, residentBlocks }: ExploreOptions,
  io: CliIo,
  progress: Progress,
  minimise: boolean,
): Promise<Found> {
  const limits = { maxSteps: MAX_STEPS, maxResidentThreads: mostResidentThreads('step') };
  const suffix = [
    ...(granule === undefined || granule === '32' ? [] : [`,granule=${granule}`]),
    ...(residentBlocks === undefined ? [] : [`,resident=${residentBlocks}`]),
  ].join('');
  const end = io.now() + time * 1000;
  progress.start(`exploring ${workload.name}`);
  let result = EMPTY_RESULT;
  // The length of a run decides where PCT changes priorities.
  const first = runSchedule(workload, { index: 0, token: `rr${suffix}` }, { limits });
  for (const schedule of searchSchedules(seed, Math.max(1, first.steps), suffix)) {
    if (schedule.index >= schedules || (schedule.index > 0 && io.now() >= end)) break;
    const run = schedule.index === 0 ? first : runSchedule(workload, schedule, { limits });
    result = mergeResults(result, run);
    progress.say(
      `${formatCount(result.runs)}${Number.isFinite(schedules) ? ` of ${formatCount(schedules)}` : ''} schedules, ${counted(allDiscoveries(result).length, 'finding')}`,
    );
    await breathe(io);
  }
  const discoveries: ReportedDiscovery[] = [];
  for (const discovery of allDiscoveries(result)) {
    const { key, schedule, index, problem } = discovery;
    progress.say(`looking for a smaller schedule of finding ${discoveries.length + 1}`);
    const isAlone = problem.kind !== 'schedule-dependent output';
    const again = runSchedule(workload, { index, token: schedule }, { limits });
    const isRepeatable = isAlone
      ? again.discoveries.some((other) => other.key === key)
      : [...again.outputs.keys()].every((output) => result.outputs.has(output));
    const minimal =
      minimise && isAlone && isRepeatable && index >= PLAIN_SCHEDULES && discoveries.length < MOST_MINIMISED
        ? minimiseSchedule(workload, schedule, key, limits)
        : null;
    discoveries.push({ ...discovery, isRepeatable, minimal });
    await breathe(io);
  }
  return { result, discoveries };
}

const plain = ({ runs, steps, verdicts, outputs }: SearchResult) => ({
  runs,
  steps,
  verdicts,
  outputs: Array.from(outputs, ([hash, first]) => ({ hash, ...first })),
});

function print(
  target: string,
  capture: Capture,
  { result, discoveries }: Found,
  options: ExploreOptions,
  io: CliIo,
  milliseconds: number,
): void {
  const { chalk, columns } = io.stdout;
  const { runs, steps, verdicts, outputs } = result;
  const isFile = existsSync(target);
  const commandFor = (schedule: string) =>
    isFile
      ? `simtwin debug ${shellWord(target)} --schedule ${shellWord(schedule)}`
      : `simtwin run ${SHORT_OP_NAMES[capture.op]}${options.args === '{}' ? '' : ` --args ${shellWord(options.args)}`} --seed ${options.inputs} --mode step --schedule ${shellWord(schedule)}`;
  const lines = [`${chalk.bold(printable(target))}  (${capture.op}, ${shapeOf(capture)})`, ''];
  for (const [at, discovery] of discoveries.entries()) {
    lines.push(...discoveryLines(at + 1, discovery, runs, chalk, columns ?? 120, commandFor), '');
  }
  const ends = Object.entries(verdicts).flatMap(([verdict, count]) =>
    count === 0 ? [] : [`${formatCount(count)} ${verdict}`],
  );
  lines.push(
    `${counted(runs, 'schedule')}: ${ends.join(', ')}; ${counted(outputs.size, 'output')}; ${formatCount(steps)} steps, ${formatSeconds(milliseconds)}, ${formatCount(Math.round((runs * 1000) / Math.max(1, milliseconds)))} schedules/s`,
    discoveries.length === 0 ? chalk.green('nothing found') : chalk.red(`${counted(discoveries.length, 'finding')}`),
  );
  io.stdout.write(`${lines.join('\n')}\n`);
}
