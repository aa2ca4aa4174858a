import { type Command, Option } from 'commander';
import { EXIT_MATCH, EXIT_MISMATCH, EXIT_USAGE } from './exit-code.js';
import { readExploration } from './explore-document.js';
import { judgeFindings } from './explore-expected.js';
import { MERGE_HELP } from './explore-help.js';
import { mergeShards } from './explore-merge.js';
import { type PrintOptions, printExploration } from './explore-print.js';
import { printable } from './format.js';
import type { CliIo } from './io.js';
import { requireTextTarget } from './text-target.js';
import { UsageError } from './usage-error.js';

/** Adds `explore merge` to `explore`. `done` takes the exit code. */
export function addMergeCommand(explore: Command, io: CliIo, done: (exitCode: number) => void): void {
  explore
    .command('merge')
    .showHelpAfterError("(see 'simtwin explore merge --help')")
    .summary('put the shards of a search together')
    .description('Put the shards of a search together.')
    .argument('<file...>', "what 'simtwin explore --shard I/N --json' has printed, a file each")
    .addOption(new Option('--test', 'also print a vitest test of the first finding').conflicts('json'))
    .addOption(new Option('--junit <file>', 'write the findings as JUnit XML'))
    .addOption(new Option('--json', 'one JSON object on stdout, as of one search of all schedules'))
    .addHelpText('after', MERGE_HELP)
    .action((files: readonly string[], _options: PrintOptions, command: Command) =>
      done(merge(files, readMergeOptions(command, explore), io)),
    );
}

const OPTIONS = ['json', 'junit', 'test'] as const;

/** Options that both have are taken by `explore`, wherever they stand; those that only it has are refused. */
function readMergeOptions(merge: Command, explore: Command): PrintOptions {
  for (const option of explore.options) {
    const name = option.attributeName();
    const isGiven = explore.getOptionValueSource(name) === 'cli';
    if (isGiven && !OPTIONS.some((known) => known === name))
      throw new UsageError(`${option.long} is no option of merge: the shards say what was searched; leave it out`);
  }
  return merge.optsWithGlobals();
}

function merge(files: readonly string[], options: PrintOptions, io: CliIo): number {
  if (options.junit !== undefined) {
    for (const file of files) requireTextTarget('--junit', options.junit, file);
  }
  const shards = files.map((path) => ({ path, exploration: readExploration(path) }));
  const merged = mergeShards(shards, (sentence) => io.stderr.write(`simtwin: ${printable(sentence)}\n`));
  printExploration(merged, options, io, null);
  if (judgeFindings(merged).unexpected.length > 0) return EXIT_MISMATCH;
  // That nothing was found is not known.
  return merged.missingShards.length === 0 ? EXIT_MATCH : EXIT_USAGE;
}
