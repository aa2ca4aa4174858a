import { basename } from 'node:path';
import type { Command } from 'commander';
import { EMPTY_RESULT, type ExpectedFinding, expectedFindingsOf } from '../index.js';
import { breathe } from './drive.js';
import { EXIT_MATCH, EXIT_MISMATCH } from './exit-code.js';
import { Checkpoint } from './explore-checkpoint.js';
import { confirmFindings, type Findings } from './explore-confirm.js';
import type { Exploration } from './explore-document.js';
import { exploreAll } from './explore-exhaustive.js';
import { judgeFindings, readExpected } from './explore-expected.js';
import { EXPLORE_HELP } from './explore-help.js';
import { identityOf, kernelsOf } from './explore-identity.js';
import { addMergeCommand } from './explore-merge-command.js';
import {
  addExploreOptions,
  commandLineOf,
  type ExploreOptions,
  type ExploreSettings,
  readExploreOptions,
  tokenSuffix,
} from './explore-options.js';
import { printExploration, requireReportTargets } from './explore-print.js';
import { planSearch, runSearch, SearchProgress, type SearchState, schedulesToRun } from './explore-search.js';
import { type ExploreTarget, readTarget } from './explore-target.js';
import { createTeam } from './explore-team.js';
import { counted, formatCount, printable, shorten } from './format.js';
import type { CliIo } from './io.js';
import { Progress } from './progress.js';
import { refusalOf } from './run-case.js';
import { Interrupted, UsageError } from './usage-error.js';

/** Most characters of the target on the progress line: the numbers count. */
const LABEL_WIDTH = 24;

/** Adds `explore` and `explore merge`. `done` takes the exit code. */
export function addExploreCommand(program: Command, io: CliIo, done: (exitCode: number) => void): void {
  const command = program
    .command('explore')
    .usage('[options] <path|op>\n       simtwin explore merge [options] <file...>')
    .showHelpAfterError("(see 'simtwin explore --help')")
    .summary('search the schedules of a call for races, hangs and wrong output')
    .description('Search the schedules of a call for races, hangs and wrong output.')
    .argument('<path|op>', 'a capture, or an operation with random inputs');
  addExploreOptions(command)
    .addHelpText('after', EXPLORE_HELP)
    .action(async (target: string, options: ExploreOptions) => done(await explore(target, options, io)));
  addMergeCommand(command, io, done);
}

async function explore(name: string, options: ExploreOptions, io: CliIo): Promise<number> {
  const settings = readExploreOptions(options, io);
  const progress = new Progress(io, options.json !== true);
  const startedAt = io.now();
  let exploration: Exploration;
  try {
    const target = readTarget(name, options, io);
    requireReportTargets(options, target.description);
    if (options.exhaustive === true) {
      const { time } = settings.search;
      return await exploreAll(
        target,
        {
          time: time === null ? null : time * 1000,
          suffix: tokenSuffix(settings.search),
          isForced: options.force === true,
          json: options.json === true,
        },
        io,
        progress,
      );
    }
    if (options.force === true) throw new UsageError('--force is for --exhaustive: give both, or neither');
    const expected = [
      ...expectedFindingsOf(kernelsOf(target)),
      ...(options.expect === undefined ? [] : readExpected(options.expect)),
    ];
    exploration = await search(target, expected, settings, options, io, progress);
  } catch (error) {
    progress.clear();
    throw refusalOf(error, name);
  }
  progress.clear();
  printExploration(exploration, options, io, io.now() - startedAt);
  return judgeFindings(exploration).unexpected.length === 0 ? EXIT_MATCH : EXIT_MISMATCH;
}

async function search(
  target: ExploreTarget,
  expected: readonly ExpectedFinding[],
  settings: ExploreSettings,
  options: ExploreOptions,
  io: CliIo,
  progress: Progress,
): Promise<Exploration> {
  const { description } = target;
  const identity = identityOf(target);
  const checkpoint =
    options.checkpoint === undefined
      ? null
      : new Checkpoint(options.checkpoint, description.name, identity, settings, io);
  progress.start(shorten(basename(description.name).replace(/\.safetensors(\.\w+)?$/, ''), LABEL_WIDTH));
  await breathe(io);
  const begun: SearchState = checkpoint?.begun ?? { next: 0, result: EMPTY_RESULT };
  const plan = io.interruptible(() => planSearch(target, settings));
  const looked = { done: 0, all: 0, runs: 0 };
  const sayLooked = () =>
    progress.say(
      `looking at the findings again, ${looked.done} of ${looked.all}${looked.runs === 0 ? '' : `, ${counted(looked.runs, 'run')}`}`,
    );
  const threads = Math.min(settings.jobs, Math.max(1, schedulesToRun(settings)));
  const team = createTeam(threads, target, plan, io, () => {
    looked.runs++;
    sayLooked();
  });
  const told = new SearchProgress(settings, begun.next, io, progress);
  let findings: Findings;
  let state = begun;
  try {
    state = await runSearch(team, settings, begun, io, (reached) => {
      checkpoint?.keep(reached);
      told.say(reached);
    });
    checkpoint?.write();
    looked.all = state.result.discoveries.length;
    findings = await confirmFindings(
      team,
      state.result,
      { minimise: settings.search.minimise, shrink: settings.search.shrink, isShard: settings.isShard },
      (done) => {
        looked.done = done;
        sayLooked();
      },
    );
  } catch (error) {
    if (error instanceof Interrupted && checkpoint !== null) {
      progress.clear();
      sayHowToResume(checkpoint, description.name, settings, options, io);
    }
    throw error;
  } finally {
    team.close();
  }
  return {
    target: description,
    identity,
    settings: settings.search,
    shard: settings.isShard ? settings.part : null,
    missingShards: [],
    result: state.result,
    findings,
    expected,
  };
}

function sayHowToResume(
  checkpoint: Checkpoint,
  name: string,
  settings: ExploreSettings,
  options: ExploreOptions,
  io: CliIo,
): void {
  if (!checkpoint.write()) return;
  const total = schedulesToRun(settings);
  const of = Number.isFinite(total) ? ` of ${formatCount(total)}` : '';
  io.stderr.write(
    `simtwin: interrupted; ${printable(options.checkpoint!)} keeps ${formatCount(checkpoint.state.next)}${of} schedules; to go on:\n  ${commandLineOf(name, options)}\n`,
  );
}
