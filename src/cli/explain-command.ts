import { writeFileSync } from 'node:fs';
import { type Command, Option } from 'commander';
import { isDump } from '../formats/index.js';
import {
  type Capture,
  describeOutcome,
  type Explanation,
  explainHang,
  formatDot,
  formatExplanation,
  type Outcome,
  readAnyCapture,
  type SourceFrame,
  setUpCall,
} from '../index.js';
import { EXIT_BUG, EXIT_MATCH, EXIT_PROGRAM } from './exit-code.js';
import { isFolder } from './find-inputs.js';
import { formatCount, printable } from './format.js';
import type { CliIo } from './io.js';
import { originalLine } from './original-line.js';
import { requireFileTarget } from './output-plan.js';
import { Progress } from './progress.js';
import { problemOf } from './run-case.js';
import { requireCompiled, runInMode } from './run-in-mode.js';
import { type RunOptions, type RunSettings, readRunOptions } from './run-options.js';
import { requireNoCapture } from './text-target.js';
import { requireTraceTarget, TRACE_HELP, TraceFile } from './trace-file.js';
import { Interrupted, UsageError } from './usage-error.js';

const HELP = `
Runs a captured call until it ends or hangs, and explains a hang: the one root cause first and what to do
about it, then who waits for what, with the values that are polled, and who could write them and does not.

Root causes: vector too large, not launched, launch order, not resident, workspace not clean, counts disagree,
barrier misuse, missing writer, cycle.

Examples:
  simtwin explain hang.safetensors
  simtwin explain hang.safetensors --schedule rr,resident=1
  simtwin explain hang.safetensors --format json | jq .rootCause
  simtwin explain hang.safetensors --trace hang.json.gz
  simtwin explain hang.safetensors --format dot -o hang.dot && dot -Tsvg hang.dot -o hang.svg

Exit code:
  0  the hang is explained, or the call completes
  2  the command line, a schedule or the file is no good
  3  the simulated program failed otherwise: an error, a limit, a check of its host code; or no cause was found
  4  simtwin itself failed, which is a bug`;

const FORMATS = ['text', 'json', 'dot'] as const;
type Format = (typeof FORMATS)[number];

interface ExplainOptions extends Pick<RunOptions, 'schedule' | 'trace'> {
  readonly format: Format;
  readonly out?: string;
}

/** Adds `explain`. `done` takes the exit code. */
export function addExplainCommand(program: Command, io: CliIo, done: (exitCode: number) => void): void {
  program
    .command('explain')
    .showHelpAfterError("(see 'simtwin explain --help')")
    .summary('explain why a captured call hangs')
    .description('Explain why a captured call hangs.')
    .argument('<path>', 'a capture (*.safetensors, also *.safetensors.br or .gz)')
    .addOption(new Option('--format <format>', 'how to write it').choices(FORMATS).default('text'))
    .addOption(new Option('-o, --out <file>', 'write it to a file'))
    .addOption(new Option('--schedule <token>', 'which warp steps next, and which blocks are resident').default('rr'))
    .addOption(new Option('--trace <file>', TRACE_HELP))
    .addHelpText('after', HELP)
    .action(async (path: string, options: ExplainOptions) => done(await explain(path, options, io)));
}

async function explain(path: string, { format, out, ...options }: ExplainOptions, io: CliIo): Promise<number> {
  const settings = readRunOptions({ mode: 'fast', ...options });
  if (isFolder(path) && !isDump(path)) throw new UsageError(`${path} must be a capture, but is a folder`);
  if (out !== undefined) {
    requireFileTarget(out);
    requireNoCapture('--out', out, path);
  }
  if (settings.trace !== null) requireTraceTarget(settings.trace, path, out);
  const progress = new Progress(io, true);
  let ended: Awaited<ReturnType<typeof run>>;
  try {
    ended = await run(path, readAnyCapture(path), settings, io, progress);
  } catch (error) {
    if (error instanceof Interrupted || error instanceof UsageError) throw error;
    const { exitCode, problem } = problemOf(error, path, 'fast');
    if (exitCode === EXIT_BUG) throw error;
    progress.clear();
    return fail(io, `${path}: ${problem}`, exitCode);
  }
  progress.clear();
  const { outcome, mode, explanation } = ended;
  if (outcome.verdict === 'error') return fail(io, `${path}: ${outcome.error.message}`, EXIT_PROGRAM);
  const text =
    explanation === null
      ? completed(path, outcome, format)
      : format === 'json'
        ? `${JSON.stringify(withOriginals(path, outcome, explanation), null, 2)}\n`
        : format === 'dot'
          ? formatDot(explanation)
          : `${printable(path)}: ${outcome.verdict} after ${formatCount(outcome.steps)} steps in mode ${mode}\n${formatExplanation(explanation, { beside, width: Math.max(100, io.stdout.columns ?? 100) })}\n`;
  if (out === undefined) io.stdout.write(text);
  else write(out, text);
  if (explanation !== null && explanation.rootCause === null) {
    const [first = ''] = outcome.verdict === 'completes' ? [] : describeOutcome(outcome, ended.limits).split('\n');
    return fail(io, `${path}: no cause found; ${first}`, EXIT_PROGRAM);
  }
  return EXIT_MATCH;
}

async function run(path: string, capture: Capture, settings: RunSettings, io: CliIo, progress: Progress) {
  progress.start(`${capture.op} ${path}`);
  const trace = settings.trace === null ? null : new TraceFile(settings.trace);
  const { call, outcome } = await runInMode(
    settings,
    (options) => setUpCall(capture, trace?.optionsFrom(options) ?? options, path),
    io,
    progress,
    requireCompiled,
  );
  const { machine } = call;
  if (trace !== null) {
    progress.start(`writing ${trace.path}`);
    await trace.write(outcome, path, io);
  }
  const isHang = outcome.verdict === 'deadlock' || outcome.verdict === 'livelock' || outcome.verdict === 'budget';
  return { outcome, mode: machine.mode, limits: machine.limits, explanation: isHang ? explainHang(machine) : null };
}

function completed(path: string, { steps }: Outcome, format: Format): string {
  if (format === 'json')
    return `${JSON.stringify({ file: path, verdict: 'completes', steps, rootCause: null }, null, 2)}\n`;
  if (format === 'dot') return 'digraph hang {\n  label="completes: nobody waits";\n}\n';
  return `${printable(path)}: completes after ${formatCount(steps)} steps; there is nothing to explain\n`;
}

const beside = ({ file, line }: SourceFrame): string => {
  const original = originalLine(file, line);
  return original === null ? '' : ` (${original})`;
};

/** The explanation with the original's line in every frame. */
function withOriginals(file: string, { verdict }: Outcome, { nodes, ...explanation }: Explanation) {
  return {
    file,
    verdict,
    ...explanation,
    nodes: nodes.map((node) => ({
      ...node,
      frames: node.frames.map((frame) => ({ ...frame, original: originalLine(frame.file, frame.line) })),
    })),
  };
}

function fail({ stderr }: CliIo, message: string, exitCode: number): number {
  const text = message.split('\n').map(printable).join('\n');
  stderr.write(`${stderr.chalk.red.bold('simtwin:')} ${text}\n`);
  return exitCode;
}

function write(out: string, text: string): void {
  try {
    writeFileSync(out, text);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    throw new UsageError(`--out ${out} cannot be written (${code})`);
  }
}
