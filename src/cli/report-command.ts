import { writeFileSync } from 'node:fs';
import { type Command, Option } from 'commander';
import { isDump } from '../formats/index.js';
import {
  type Call,
  type Capture,
  explainHang,
  type Finding,
  InvariantChecker,
  judge,
  type Outcome,
  observeAll,
  RaceChecker,
  readAnyCapture,
  reportHtml,
  type Timeline,
  TimelineRecorder,
} from '../index.js';
import { PAGE } from '../report/page-bundle.js';
import type { CaseReport } from './case-report.js';
import { EXIT_BUG, EXIT_CODE_HELP } from './exit-code.js';
import { isFolder } from './find-inputs.js';
import { formatBytes, formatCount, printable, shellWord } from './format.js';
import type { CliIo } from './io.js';
import { Progress } from './progress.js';
import { reportDataOf } from './report-data.js';
import { runCase } from './run-case.js';
import { parseCount, type RunOptions, readRunOptions } from './run-options.js';
import { requireTextTarget } from './text-target.js';
import { UsageError } from './usage-error.js';

const HELP = `
Runs a captured call in mode step and writes what happened as one HTML file, which opens offline: the verdict and
what it rests on, a strip of all warps over time, the FIFOs, who waits for what, the first difference and who wrote it,
races and broken invariants, the source with counts. A bar moves all of it to any step.

Examples:
  simtwin report hang.safetensors -o hang.html
  simtwin report ep8.safetensors --schedule random:7,granule=8 -o ep8.html
  simtwin report large.safetensors --no-checks -o large.html

${EXIT_CODE_HELP}`;

/** Rows of a timeline's tables: about a million in all, so that a browser opens the file in a moment. */
const LIMITS = { waits: 2 ** 19, fifoEvents: 2 ** 18, flows: 2 ** 17, barriers: 2 ** 17 };

interface ReportOptions extends Pick<RunOptions, 'schedule' | 'maxSteps'> {
  readonly out: string;
  readonly checks: boolean;
}

/** Adds `report`. `done` takes the exit code. */
export function addReportCommand(program: Command, io: CliIo, done: (exitCode: number) => void): void {
  program
    .command('report')
    .showHelpAfterError("(see 'simtwin report --help')")
    .summary('write what happened in a captured call as an HTML file')
    .description('Write what happened in a captured call as one HTML file.')
    .argument('<path>', 'a capture, or whatever else replay reads')
    .addOption(new Option('-o, --out <file>', 'the HTML file').makeOptionMandatory())
    .addOption(new Option('--schedule <token>', 'which warp steps next, and which blocks are resident').default('rr'))
    .addOption(new Option('--max-steps <n>', 'give up after so many steps').argParser(parseCount))
    .addOption(new Option('--no-checks', 'look for no races and broken invariants: faster, with less memory'))
    .addHelpText('after', HELP)
    .action(async (path: string, options: ReportOptions) => done(await report(path, options, io)));
}

/** What the run itself leaves behind, beside how it compares. */
interface Observed {
  capture: Capture | null;
  call: Call | null;
  outcome: Outcome | null;
}

async function report(path: string, { out, checks, ...options }: ReportOptions, io: CliIo): Promise<number> {
  const settings = readRunOptions({ mode: 'step', ...options });
  if (isFolder(path) && !isDump(path)) throw new UsageError(`${path} must be a capture, but is a folder`);
  requireTextTarget('--out', out, path);
  if (PAGE === null) throw new Error('[simtwin bug] the page of reports is not bundled: npm run build');
  const progress = new Progress(io, true);
  const recorder = new TimelineRecorder(LIMITS);
  const races = new RaceChecker();
  const invariants = new InvariantChecker();
  const seen: Observed = { capture: null, call: null, outcome: null };
  const ended = await runCase(
    {
      file: path,
      name: path,
      reproduce: `simtwin replay ${shellWord(path)} ${settings.repeat}`,
      observer: observeAll(checks ? [recorder, races, invariants] : [recorder]),
      read: () => {
        seen.capture = readAnyCapture(path);
        return seen.capture;
      },
      ended: (_capture, call, outcome) => {
        seen.call = call;
        seen.outcome = outcome;
      },
      judge,
      expected: (_capture, call) => call.expected(),
      write: null,
    },
    settings,
    io,
    progress,
    'report',
  );
  progress.clear();
  const { capture, call, outcome } = seen;
  if (capture === null || ended.exitCode === EXIT_BUG) return refuse(io, path, ended);
  const isObserved = call?.machine.mode === 'step';
  const timeline: Timeline | null = isObserved ? recorder.timeline(outcome) : null;
  const findings: Finding[] | null = isObserved && checks ? [...races.findings, ...invariants.findings] : null;
  const hang =
    ended.hang ?? (isObserved && outcome?.verdict === 'budget' && call !== null ? explainHang(call.machine) : null);
  const unseen =
    call === null
      ? 'the call did not run'
      : `the call ran in mode ${call.machine.mode ?? 'none'}, and only mode step can be looked at`;
  const data = reportDataOf({
    ended,
    capture,
    call,
    hang,
    timeline,
    timelineReason: timeline === null ? `There is no timeline: ${unseen}.` : null,
    checks: {
      findings,
      reason: findings !== null ? null : isObserved ? '--no-checks was given' : unseen,
    },
    schedule: settings.schedule,
    again: `simtwin report ${shellWord(path)} ${settings.repeat.replace(/ --mode step/, '')}${checks ? '' : ' --no-checks'} -o ${shellWord(out)}`,
  });
  const html = reportHtml(data, PAGE);
  write(out, html);
  const verdict = ended.verdict === null ? '' : `, ${ended.verdict} after ${formatCount(ended.steps)} steps`;
  io.stdout.write(
    `${printable(path)}: ${ended.result}${verdict}; ${printable(out)} (${formatBytes(Buffer.byteLength(html))})\n`,
  );
  return ended.exitCode;
}

/** What could not even be read, or is a bug: no file is written. */
function refuse({ stderr }: CliIo, path: string, { problem, stack, exitCode }: CaseReport): number {
  const text = (stack ?? problem ?? '').split('\n').map(printable).join('\n');
  stderr.write(`${stderr.chalk.red.bold('simtwin:')} ${printable(path)}: ${text}\n`);
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
