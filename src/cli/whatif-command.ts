import { type Command, Option } from 'commander';
import { isDump } from '../formats/index.js';
import {
  type Dimension,
  explainHang,
  type Flip,
  flipsOf,
  type MoeCommCapture,
  type Outcome,
  readAnyCapture,
  setUpVariation,
  type Variation,
} from '../index.js';
import { shapeOf } from './describe-capture.js';
import { breathe } from './drive.js';
import { EXIT_MATCH } from './exit-code.js';
import { isFolder } from './find-inputs.js';
import { printable } from './format.js';
import type { CliIo } from './io.js';
import { Progress } from './progress.js';
import { refusalOf } from './run-case.js';
import { requireCompiled, runInMode } from './run-in-mode.js';
import { type RunOptions, readRunOptions } from './run-options.js';
import { UsageError } from './usage-error.js';

/** Most calls of a sweep: more is a mistake in a range. */
const MOST_CALLS = 400;

const HELP = `
Runs a captured all-to-all again and again with other surroundings, and prints how each call ends and where that changes.
Inputs stay as they were recorded. A hang is proven, under every schedule; that a call completes is said of this one.

--vary DIMENSION=VALUES, once or twice. VALUES are numbers and ranges, or words: 1,2,8 or 1..6 or own,one.

  resident   blocks that a device holds at a time                                   1..8
  queues     hardware queues: streams beyond as many share them in turn, and        1..4
             launches that share one run one after the other
  streams    own: a stream for each rank; one: all launches on one stream           own,one
  order      ranks in the order in which they are launched                          0-1-2,2-1-0
  channels   channels of the all-to-all, as if so many SMs were usable              1..8
  depth      entries of a FIFO                                                      1..16
  granule    lanes that a step runs: 32, 8 or 1                                     32,8,1

Examples:
  simtwin whatif hang.safetensors --vary resident=1..8
  simtwin whatif hang.safetensors --vary depth=1..16 --vary channels=1,2,4
  simtwin whatif hang.safetensors --vary order=0-1,1-0 --vary streams=own,one --json

Exit code:
  0  the sweep is done, however the calls end
  2  the command line, a schedule or the file is no good`;

interface WhatifOptions extends Pick<RunOptions, 'schedule'> {
  readonly vary: readonly string[];
  readonly json?: boolean;
}

/** One dimension of a sweep. */
interface Axis {
  readonly dimension: Dimension;
  readonly values: readonly { readonly text: string; readonly variation: Variation }[];
}

interface Cell {
  readonly verdict: Outcome['verdict'];
  /** Why, in a few words; null if it completes. */
  readonly why: string | null;
}

/** Adds `whatif`. `done` takes the exit code. */
export function addWhatifCommand(program: Command, io: CliIo, done: (exitCode: number) => void): void {
  program
    .command('whatif')
    .showHelpAfterError("(see 'simtwin whatif --help')")
    .summary('how a captured all-to-all would end in other surroundings')
    .description('Sweep the surroundings of a captured all-to-all, and find the bound at which it hangs.')
    .argument('<path>', 'a capture of moe_comm (*.safetensors, also *.safetensors.br or .gz)')
    .addOption(
      new Option('--vary <dimension=values>', 'what to sweep; may be given twice')
        .argParser((text: string, before: readonly string[] = []) => [...before, text])
        .makeOptionMandatory(),
    )
    .addOption(new Option('--schedule <token>', 'which warp steps next').default('rr'))
    .addOption(new Option('--json', 'one JSON object on stdout, nothing else'))
    .addHelpText('after', HELP)
    .action(async (path: string, options: WhatifOptions) => done(await whatif(path, options, io)));
}

async function whatif(
  path: string,
  { vary, json = false, schedule: token }: WhatifOptions,
  io: CliIo,
): Promise<number> {
  if (isFolder(path) && !isDump(path)) throw new UsageError(`${path} must be a capture, but is a folder`);
  const settings = readRunOptions({ mode: 'fast', schedule: token });
  const axes = vary.map(readAxis);
  if (axes.length > 2) throw new UsageError(`--vary is given ${axes.length} times; a table has one or two dimensions`);
  const [first, second] = axes as [Axis, Axis | undefined];
  if (first.dimension === second?.dimension) throw new UsageError(`--vary ${first.dimension} is given twice`);
  const columns = second?.values ?? [{ text: '', variation: {} }];
  const calls = first.values.length * columns.length;
  if (calls > MOST_CALLS) throw new UsageError(`--vary asks for ${calls} calls; at most ${MOST_CALLS} are run`);

  const progress = new Progress(io, !json);
  const cells: Cell[][] = [];
  let capture: MoeCommCapture;
  try {
    const read = readAnyCapture(path);
    if (read.op !== 'moe_comm')
      throw new UsageError(`${path} is a call of ${read.op}; whatif sweeps calls of moe_comm`);
    capture = read;
    for (const row of first.values) {
      const ofRow: Cell[] = [];
      for (const column of columns) {
        const name = [row.text, column.text].filter((text) => text !== '').join(', ');
        progress.start(`[${cells.length * columns.length + ofRow.length + 1}/${calls}] ${name}`);
        const variation = { ...row.variation, ...column.variation };
        checkOrder(capture, variation);
        const { call, outcome } = await runInMode(
          settings,
          (options) => ({ machine: setUpVariation(read, variation, options, path) }),
          io,
          progress,
          requireCompiled,
        );
        ofRow.push({
          verdict: outcome.verdict,
          why: whyOf(outcome, () => explainHang(call.machine).rootCause?.cause ?? null),
        });
        await breathe(io);
      }
      cells.push(ofRow);
    }
  } catch (error) {
    progress.clear();
    throw refusalOf(error, path, null);
  }
  progress.clear();
  const found = flips(first, second, cells);
  if (json) {
    const table = first.values.flatMap((row, r) =>
      columns.map((column, c) => ({
        [first.dimension]: row.text,
        ...(second === undefined ? {} : { [second.dimension]: column.text }),
        ...cells[r]![c]!,
      })),
    );
    io.stdout.write(`${JSON.stringify({ file: path, calls: table, flips: found }, null, 2)}\n`);
    return EXIT_MATCH;
  }
  const { chalk } = io.stdout;
  const lines = [
    `${chalk.bold(printable(path))}  (moe_comm, ${shapeOf(capture)})`,
    '',
    ...(second === undefined ? listOf(first, cells) : tableOf(first, second, cells)),
    '',
    ...describeFlips(first, second, found, cells),
  ];
  io.stdout.write(`${lines.join('\n')}\n`);
  return EXIT_MATCH;
}

function whyOf(outcome: Outcome, cause: () => string | null): string | null {
  switch (outcome.verdict) {
    case 'completes':
      return null;
    case 'deadlock':
    case 'livelock':
      return cause();
    case 'error':
      return outcome.error.code;
    case 'budget':
      return outcome.limit;
    default:
      return outcome satisfies never;
  }
}

// --- What to vary

/** How values of a dimension are read. @throws UsageError */
const READERS: Readonly<Record<Dimension, (text: string) => Variation>> = {
  resident: (text) => ({ resident: readCount('resident', text) }),
  queues: (text) => ({ queues: readCount('queues', text) }),
  channels: (text) => ({ channels: readCount('channels', text) }),
  depth: (text) => ({ depth: readCount('depth', text) }),
  streams: (text) => {
    if (text !== 'own' && text !== 'one') throw new UsageError(`--vary streams=${text}: it is own or one`);
    return { streams: text };
  },
  order: (text) => {
    if (!/^\d+(-\d+)*$/.test(text)) throw new UsageError(`--vary order=${text}: it is ranks, as in 0-1-2`);
    return { order: text.split('-').map(Number) };
  },
  granule: (text) => {
    if (text !== '32' && text !== '8' && text !== '1') throw new UsageError(`--vary granule=${text}: it is 32, 8 or 1`);
    return { granule: Number(text) as 32 | 8 | 1 };
  },
};

function readCount(dimension: Dimension, text: string): number {
  const count = Number(text);
  if (!/^\d+$/.test(text) || count < 1 || count > 65_536) {
    throw new UsageError(`--vary ${dimension}=${text}: it is a number from 1 to 65536`);
  }
  return count;
}

function readAxis(text: string): Axis {
  const [name = '', list = ''] = text.split(/=(.*)/s);
  if (!Object.hasOwn(READERS, name)) {
    throw new UsageError(
      `--vary ${text}: there is no dimension '${name}'; there are ${Object.keys(READERS).join(', ')}`,
    );
  }
  const dimension = name as Dimension;
  const words = list.split(',').flatMap((word) => {
    const range = /^(\d+)\.\.(\d+)$/.exec(word);
    if (range === null) return [word];
    const [from, to] = [Number(range[1]), Number(range[2])];
    if (to < from || to - from >= MOST_CALLS) {
      throw new UsageError(`--vary ${dimension}=${word}: a range goes up, and has at most ${MOST_CALLS} values`);
    }
    return Array.from({ length: to - from + 1 }, (_, at) => String(from + at));
  });
  if (list === '') throw new UsageError(`--vary ${text}: values are missing, as in ${dimension}=1..4`);
  return {
    dimension,
    values: [...new Set(words)].map((word) => ({ text: word, variation: READERS[dimension](word) })),
  };
}

function checkOrder({ args }: MoeCommCapture, { order }: Variation): void {
  if (order === undefined) return;
  const wrong = order.find((rank) => rank >= args.epSize);
  if (wrong !== undefined) {
    throw new UsageError(`--vary order=${order.join('-')}: there is no rank ${wrong}, only 0 to ${args.epSize - 1}`);
  }
  if (new Set(order).size !== order.length) {
    throw new UsageError(`--vary order=${order.join('-')}: a rank is launched once`);
  }
}

// --- What came of it

interface FoundFlip extends Flip<string> {
  readonly dimension: Dimension;
  /** Value of the other dimension. */
  readonly at: string | null;
}

function flips(first: Axis, second: Axis | undefined, cells: readonly (readonly Cell[])[]): FoundFlip[] {
  const rows = first.values.map(({ text }) => text);
  const columns = second?.values.map(({ text }) => text) ?? [''];
  const down = columns.flatMap((at, c) =>
    flipsOf(
      rows,
      cells.map((row) => textOf(row[c]!)),
    ).map((flip) => ({ ...flip, dimension: first.dimension, at: second === undefined ? null : at })),
  );
  if (second === undefined) return down;
  const across = rows.flatMap((at, r) =>
    flipsOf(columns, cells[r]!.map(textOf)).map((flip) => ({ ...flip, dimension: second.dimension, at })),
  );
  return [...down, ...across];
}

const textOf = ({ verdict, why }: Cell): string => (why === null ? verdict : `${verdict}: ${why}`);

function listOf({ dimension, values }: Axis, cells: readonly (readonly Cell[])[]): string[] {
  const width = Math.max(dimension.length, ...values.map(({ text }) => text.length));
  return [
    `${dimension.padEnd(width)}  verdict`,
    ...values.map(({ text }, row) => `${text.padEnd(width)}  ${textOf(cells[row]![0]!)}`),
  ];
}

function tableOf(first: Axis, second: Axis, cells: readonly (readonly Cell[])[]): string[] {
  const corner = `${first.dimension} \\ ${second.dimension}`;
  const widths = second.values.map(({ text }, c) =>
    Math.max(text.length, ...cells.map((row) => textOf(row[c]!).length)),
  );
  const width = Math.max(corner.length, ...first.values.map(({ text }) => text.length));
  const line = (head: string, parts: readonly string[]) =>
    [head.padEnd(width), ...parts.map((part, c) => part.padEnd(widths[c]!))].join('  ').trimEnd();
  return [
    line(
      corner,
      second.values.map(({ text }) => text),
    ),
    ...first.values.map(({ text }, r) => line(text, cells[r]!.map(textOf))),
  ];
}

function describeFlips(
  first: Axis,
  second: Axis | undefined,
  found: readonly FoundFlip[],
  cells: readonly (readonly Cell[])[],
): string[] {
  if (found.length === 0) {
    const end = textOf(cells[0]![0]!);
    return [`nothing flips: every call ${end === 'completes' ? end : `ends as ${end}`}`];
  }
  return found.map(({ dimension, at, from, to, before, after }) => {
    const other = dimension === first.dimension ? second?.dimension : first.dimension;
    const where = at === null ? '' : ` with ${other}=${at}`;
    return `flips${where}: ${dimension}=${from} ${before} -> ${dimension}=${to} ${after}`;
  });
}
