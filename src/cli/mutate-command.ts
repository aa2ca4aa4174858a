import { type Command, Option } from 'commander';
import {
  type Baseline,
  judgeMutant,
  type Limits,
  MUTATION_KINDS,
  type Mutant,
  type MutantVerdict,
  type MutationKind,
  mutantsOf,
  runBaseline,
  type SearchGiven,
} from '../index.js';
import { drained } from './drive.js';
import { EXIT_MATCH, EXIT_MISMATCH } from './exit-code.js';
import { searchLimits } from './explore-search.js';
import { readTarget, type TargetDescription, workloadOf } from './explore-target.js';
import { counted, printable } from './format.js';
import type { CliIo } from './io.js';
import { baselineLines, problemText, summaryLine, summaryOf, tableLines, verdictData } from './mutate-report.js';
import { Progress } from './progress.js';
import { refusalOf } from './run-case.js';
import { readSeed } from './run-command.js';
import { parseCount } from './run-options.js';
import { UsageError } from './usage-error.js';

const DEFAULT_SCHEDULES = 60;

const HELP = `
Removes or weakens each synchronisation of the kernels that a call runs, one at a time, and runs the call again under many
schedules with the checkers of 'explore'. What shows a mutant kills it: that synchronisation is load-bearing. A mutant that
survives was changed where nothing covers it, or nothing needs it: equivalent mutants cannot be told from missing tests.

Kinds, for --kinds:
${kindTable()}

Examples:
  simtwin mutate prepare-indices --args '{"ep_size": 2}'
  simtwin mutate a.safetensors --schedules 200
  simtwin mutate all-to-all --kinds barrier-removed,syncwarp-removed --json

Exit code:
  0  every mutant was run
  1  a mutant survived, and --fail-on-survivors is given
  2  the command line or the file is no good
  4  simtwin itself failed, which is a bug`;

function kindTable(): string {
  const meanings: Readonly<Record<MutationKind, string>> = {
    'barrier-removed': 'no bar.sync, no bar.arrive',
    'barrier-count': 'a barrier with a count expects 32 threads fewer',
    'barrier-id': "a barrier has another barrier's id",
    'syncwarp-removed': 'no bar.warp.sync',
    'mask-lane': 'the highest lane of the mask does it alone',
    'vote-own': "a vote is the lane's own predicate",
    'fence-removed': 'no fence',
    'scope-narrowed': 'fence, atomic or access of scope device or block',
    'access-plain': 'a volatile, relaxed, acquire or release access is plain',
    'order-relaxed': 'an acquire or release access is relaxed',
    'atomic-split': 'an atomic is a load and a store',
    'poll-weakened': 'a wait for memory ends earlier',
  };
  return MUTATION_KINDS.map((kind) => `  ${kind.padEnd(18)}${meanings[kind]}`).join('\n');
}

interface MutateOptions {
  readonly args?: string;
  readonly inputs?: string;
  readonly seed: string;
  readonly schedules: number;
  readonly granule?: string;
  readonly kinds?: string;
  readonly list?: boolean;
  readonly failOnSurvivors?: boolean;
  readonly json?: boolean;
}

/** Adds `mutate`. `done` takes the exit code. */
export function addMutateCommand(program: Command, io: CliIo, done: (exitCode: number) => void): void {
  program
    .command('mutate')
    .showHelpAfterError("(see 'simtwin mutate --help')")
    .summary('weaken each synchronisation of a call, and see what shows it')
    .description('Weaken each synchronisation of the kernels of a call in turn, and see what shows it.')
    .argument('<path|op>', 'a capture, or an operation with random inputs')
    .option('--args <json>', 'arguments of the operation as a JSON object (default: {})')
    .option('--inputs <n>', 'seed of the random inputs (default: 0)')
    .option('--seed <n>', 'first seed of the schedules', '0')
    .addOption(
      new Option('--schedules <n>', 'schedules to run a mutant under').default(DEFAULT_SCHEDULES).argParser(parseCount),
    )
    .addOption(new Option('--granule <lanes>', 'lanes that step together').choices(['32', '8', '1']))
    .option('--kinds <list>', 'only these kinds of mutation, with commas between')
    .option('--list', 'only the names of the mutants')
    .option('--fail-on-survivors', 'exit code 1 if a mutant survives')
    .addOption(new Option('--json', 'one JSON object on stdout, nothing else'))
    .addHelpText('after', HELP)
    .action(async (target: string, options: MutateOptions) => done(await mutate(target, options, io)));
}

interface Judged {
  readonly description: TargetDescription;
  readonly baseline: Baseline;
  readonly mutants: readonly Mutant[];
  readonly verdicts: readonly MutantVerdict[];
}

async function mutate(target: string, options: MutateOptions, io: CliIo): Promise<number> {
  const { json = false, list = false, failOnSurvivors = false } = options;
  const kinds = options.kinds === undefined ? null : readKinds(options.kinds);
  const seed = readSeed(options.seed);
  const progress = new Progress(io, !json);
  const startedAt = io.now();
  let judged: Judged;
  try {
    const given = readTarget(target, options, io);
    // Which kernels a call runs is known once it has run.
    const search = {
      workload: workloadOf(given),
      seed,
      schedules: list ? 1 : options.schedules,
      scheduleOptions: options.granule === undefined || options.granule === '32' ? '' : `,granule=${options.granule}`,
      limits: searchLimits(),
    };
    judged = { description: given.description, ...(await judge(search, kinds, list, io, progress)) };
  } catch (error) {
    progress.clear();
    throw refusalOf(error, target);
  }
  progress.clear();
  const { description, baseline, mutants, verdicts } = judged;
  const { op, shape } = description;
  if (list) {
    const names = mutants.map(({ name }) => name);
    io.stdout.write(
      json ? `${JSON.stringify({ target, op, mutants: names }, null, 2)}\n` : names.map((name) => `${name}\n`).join(''),
    );
    return EXIT_MATCH;
  }
  const summary = summaryOf(verdicts);
  if (json) {
    const data = {
      target,
      op,
      schedules: baseline.schedules.length,
      seed,
      baseline: baseline.discoveries.map(({ key, problem, schedule }) => ({
        summary: problemText(problem),
        schedule,
        key,
        problem,
      })),
      mutants: verdicts.map(verdictData),
      summary,
    };
    io.stdout.write(`${JSON.stringify(data, null, 2)}\n`);
  } else {
    const { chalk } = io.stdout;
    const lines = [
      `${chalk.bold(printable(target))}  (${op}, ${shape})`,
      '',
      ...baselineLines(baseline, chalk),
      ...tableLines(verdicts, chalk),
      summaryLine(verdicts, baseline.schedules.length, io.now() - startedAt),
    ];
    io.stdout.write(`${lines.join('\n')}\n`);
  }
  return failOnSurvivors && summary.survived > 0 ? EXIT_MISMATCH : EXIT_MATCH;
}

async function judge(
  given: SearchGiven & { readonly limits: Partial<Limits> },
  kinds: ReadonlySet<MutationKind> | null,
  isListed: boolean,
  io: CliIo,
  progress: Progress,
): Promise<Omit<Judged, 'description'>> {
  progress.start(`${given.workload.name} as it is`);
  const baseline = await drained(runBaseline(given), io, (runs) =>
    progress.say(`${runs} of ${counted(given.schedules, 'schedule')}`),
  );
  const mutants = baseline.programs.flatMap((program) => mutantsOf(program, kinds === null ? {} : { kinds }));
  const verdicts: MutantVerdict[] = [];
  for (const mutant of isListed ? [] : mutants) {
    const survived = verdicts.filter(({ verdict }) => verdict === 'survived').length;
    progress.start(`[${verdicts.length + 1}/${mutants.length}] ${survived} survived  ${mutant.name}`);
    const schedules = counted(baseline.schedules.length, 'schedule');
    verdicts.push(
      await drained(judgeMutant(mutant, given, baseline), io, (runs) => progress.say(`${runs} of ${schedules}`)),
    );
  }
  return { baseline, mutants, verdicts };
}

function readKinds(text: string): ReadonlySet<MutationKind> {
  const kinds = text.split(',').map((word) => {
    const found = MUTATION_KINDS.find((kind) => kind === word);
    if (found === undefined) {
      throw new UsageError(`--kinds: there is no kind '${word}'; there are ${MUTATION_KINDS.join(', ')}`);
    }
    return found;
  });
  return new Set(kinds);
}
