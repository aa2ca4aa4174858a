import { statSync } from 'node:fs';
import { join } from 'node:path';
import { type Command, InvalidArgumentError } from 'commander';
import {
  CaptureError,
  type CapturePart,
  type MergedParts,
  mergeCaptureParts,
  readCapturePart,
  type WorkspacePages,
} from '../index.js';
import { shapeOf } from './describe-capture.js';
import { EXIT_MATCH, EXIT_MISMATCH, EXIT_USAGE } from './exit-code.js';
import { findParts, identityOf, isFolder } from './find-inputs.js';
import { counted, formatBytes, printable } from './format.js';
import type { CliIo } from './io.js';
import { requireFileTarget, writeOutput } from './output-plan.js';
import { Interrupted, UsageError } from './usage-error.js';

const HELP = `
simtwin_capture (Python) records each rank of an all-to-all in a file of its own, *.part.safetensors. merge joins the files
of all ranks of a call into one capture, which the other commands take. FILE is such a file or a folder of them.

With a folder as OUT (it exists, or ends in /), each call becomes a file there; with a file, there must be one call only.

Ranks that disagree on counts, which often is the bug, are told, and the call is written all the same: replay and explain
show what comes of it. Calls that lack a rank, have one twice, or disagree on shapes are not written.

Examples:
  simtwin merge captured/ -o calls/
  simtwin merge captured/ --call 3 -o call3.safetensors.br
  simtwin merge captured/ --call 3 --not-launched 2 -o call3.safetensors && simtwin explain call3.safetensors

Exit code:
  0  every call is written, and its ranks agree
  1  every call is written, but ranks of one disagree on counts or hold bad indices
  2  a call cannot be merged, or the command line or a file is no good`;

interface MergeOptions {
  readonly out: string;
  readonly call?: number;
  readonly notLaunched?: ReadonlySet<number>;
}

/** Adds `merge`, of captures; `explore merge` is of searches. `done` takes the exit code. */
export function addMergeCapturesCommand(program: Command, io: CliIo, done: (exitCode: number) => void): void {
  program
    .command('merge')
    .showHelpAfterError("(see 'simtwin merge --help')")
    .summary("join the ranks' files of an all-to-all")
    .description("Join the ranks' files of an all-to-all into one capture.")
    .argument('<file...>', 'what simtwin_capture has written: *.part.safetensors, or folders of them')
    .requiredOption('-o, --out <path>', 'write the capture to this file; of several calls, to this folder')
    .option('--call <n>', 'only this call', integer)
    .option('--not-launched <ranks>', 'ranks that never came to the call, such as 2 or 2,5', ranks)
    .addHelpText('after', HELP)
    .action((files: readonly string[], options: MergeOptions) => done(merge(files, options, io)));
}

function merge(files: readonly string[], { out, call, notLaunched = new Set() }: MergeOptions, io: CliIo): number {
  if (out === '') throw new UsageError('--out must name a file or a folder, but is empty');
  const paths = findParts(files);
  const isIntoFolder = isFolder(out) || out.endsWith('/');
  if (!isIntoFolder) requireFileTarget(out);
  const identity = identityOf(out);
  const overwritten = paths.find((path) => identity !== null && identityOf(path) === identity);
  if (overwritten !== undefined)
    throw new UsageError(`--out ${out} would overwrite the input ${overwritten}; give another name`);

  const say = (sentence: string) => io.stderr.write(`simtwin: ${printable(sentence)}\n`);
  let hasDisagreement = false;
  const calls = groupByCall(readAll(paths, io));
  const chosen = call === undefined ? [...calls] : [...calls].filter(([index]) => index === call);
  if (chosen.length === 0)
    throw new UsageError(`--call ${call}: there ${calls.size === 1 ? 'is' : 'are'} ${listed([...calls.keys()])}`);
  // Of several calls for one file, the merge says which file is of which.
  const groups: [number, readonly CapturePart[]][] = isIntoFolder
    ? chosen
    : [[chosen[0]![0], chosen.flatMap(([, parts]) => parts)]];

  let hasFailed = false;
  for (const [index, parts] of groups) {
    if (io.signal.aborted) throw new Interrupted();
    const target = isIntoFolder ? join(out, `moe_comm.call${String(index).padStart(6, '0')}.safetensors`) : out;
    try {
      const merged = io.interruptible(() => mergeCaptureParts(parts, notLaunched, target));
      for (const sentence of merged.cautions) say(`call ${index}: ${sentence}`);
      for (const sentence of merged.disagreements) say(`call ${index}: ${sentence}`);
      hasDisagreement ||= merged.disagreements.length > 0;
      writeOutput(target, merged.capture);
      io.stdout.write(`${printable(lineOf(index, target, parts, merged))}\n`);
    } catch (error) {
      if (!(error instanceof CaptureError)) throw error;
      hasFailed = true;
      say(error.message);
    }
  }
  if (hasFailed) return EXIT_USAGE;
  return hasDisagreement ? EXIT_MISMATCH : EXIT_MATCH;
}

function readAll(paths: readonly string[], io: CliIo): CapturePart[] {
  return paths.map((path) => {
    if (io.signal.aborted) throw new Interrupted();
    try {
      return io.interruptible(() => readCapturePart(path));
    } catch (error) {
      if (error instanceof CaptureError) throw new UsageError(error.message);
      throw error;
    }
  });
}

function groupByCall(parts: readonly CapturePart[]): ReadonlyMap<number, readonly CapturePart[]> {
  const calls = new Map<number, CapturePart[]>();
  for (const part of parts) calls.set(part.callIndex, [...(calls.get(part.callIndex) ?? []), part]);
  return new Map([...calls].sort(([a], [b]) => a - b));
}

/** `call 3: ep4 1920 B, 4 ch, 1.20 MiB -> calls/moe_comm.call000003.safetensors`. */
function lineOf(index: number, target: string, parts: readonly CapturePart[], { capture }: MergedParts): string {
  const hung = parts.filter(({ state }) => state === 'hung').map(({ rank }) => rank);
  const notLaunched = capture.args.epSize - capture.args.launchedRanks.length;
  const pageBytes = ({ data }: WorkspacePages): number => data.length;
  const workspace = capture.ranks.reduce((sum, { inputs }) => sum + pageBytes(inputs.workspacePages), 0);
  const notes = [
    shapeOf(capture),
    formatBytes(statSync(target).size),
    ...(workspace > 0 ? ['workspace in use before'] : []),
    ...(hung.length > 0 ? [`hung on ${counted(hung.length, 'rank')} (${hung.join(', ')})`] : []),
    ...(notLaunched > 0 ? [`${counted(notLaunched, 'rank')} not launched, so without outputs`] : []),
  ];
  return `call ${index}: ${notes.join(', ')} -> ${target}`;
}

const listed = (calls: readonly number[]): string =>
  calls.length === 1
    ? `only call ${calls[0]}`
    : `${calls.length} calls, ${calls.slice(0, 8).join(', ')}${calls.length > 8 ? ' and more' : ''}`;

function integer(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('It must be an integer from 0 on.');
  return Number(text);
}

function ranks(text: string): ReadonlySet<number> {
  return new Set(
    text.split(',').map((part) => {
      if (!/^\d{1,9}$/.test(part.trim())) throw new InvalidArgumentError('It must be ranks such as 2 or 2,5.');
      return Number(part);
    }),
  );
}
