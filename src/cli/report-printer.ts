import { type CaseReport, exitCodeOf, formatJson, passedAndFailed } from './case-report.js';
import { explain } from './explain.js';
import { counted, formatCount, formatSeconds, printable, wrap } from './format.js';
import type { CliIo } from './io.js';
import { Progress } from './progress.js';
import { ResultTable } from './result-table.js';
import type { RunSettings } from './run-options.js';

/** Prints reports as they come, and at the end what went wrong and the totals; or one JSON object. */
export class ReportPrinter {
  readonly progress: Progress;
  readonly #io: CliIo;
  readonly #settings: RunSettings;
  readonly #table: ResultTable;
  readonly #reports: CaseReport[] = [];

  /** `names` are those of all reports that will come. */
  constructor(names: readonly string[], settings: RunSettings, io: CliIo) {
    this.#io = io;
    this.#settings = settings;
    this.progress = new Progress(io, !settings.quiet && !settings.json);
    this.#table = new ResultTable(names, io.stdout.columns, io.stdout.chalk);
    if (!settings.quiet && !settings.json) this.#print([this.#table.header()]);
  }

  /** The next report. */
  add(report: CaseReport): void {
    this.#reports.push(report);
    const { json, quiet } = this.#settings;
    if (json) return;
    this.progress.clear();
    if (!quiet) this.#print(this.#table.row(report));
    const cause = report.hang?.rootCause ?? null;
    if (!quiet && cause !== null && report.result === 'match') {
      const { chalk, columns } = this.#io.stdout;
      const lines = wrap(printable(`${cause.cause}: ${cause.sentence}`), Math.max(40, (columns ?? 120) - 6));
      this.#print(lines.map((line, at) => chalk.dim(`${at === 0 ? '    ' : '      '}${line}`)));
    }
    if (report.recordedSchedule === null) return;
    const whose = quiet ? `${printable(report.file ?? report.name)}: ` : '    ';
    this.#print([`${whose}schedule ${report.recordedSchedule}`]);
  }

  /** The end. Result: the exit code. `extra` goes into the JSON object. */
  finish(extra: Readonly<Record<string, unknown>> = {}): number {
    this.progress.clear();
    if (this.#settings.json) this.#io.stdout.write(formatJson(this.#reports, extra));
    else this.#print([...this.#explanations(), ...this.#totals()]);
    return exitCodeOf(this.#reports);
  }

  #explanations(): string[] {
    const failed = this.#reports.filter(({ result }) => result !== 'match');
    return failed.flatMap((report, index) => {
      const lines = explain(report, this.#io.stdout.chalk, this.#io.stdout.columns);
      return this.#settings.quiet && index === 0 ? lines : ['', ...lines];
    });
  }

  #totals(): string[] {
    const { chalk } = this.#io.stdout;
    const { passed, failed } = passedAndFailed(this.#reports);
    const total = (value: (report: CaseReport) => number) => this.#reports.reduce((sum, r) => sum + value(r), 0);
    const undefinedBytes = total((report) => report.undefinedBytes);
    const counterBytes = total((report) => report.counterBytes);
    const written = this.#reports.filter(({ out }) => out !== null).length;
    const summary = [
      `${counted(
        total((report) => report.comparedBytes),
        'byte',
      )} compared`,
      ...(undefinedBytes === 0 ? [] : [`${formatCount(undefinedBytes)} left out because never defined`]),
      ...(counterBytes === 0 ? [] : [`${formatCount(counterBytes)} left out because they count for ever`]),
      counted(
        total((report) => report.steps),
        'step',
      ),
      formatSeconds(total((report) => report.wallMs)),
      ...(this.#settings.out === null
        ? []
        : [`${counted(written, 'capture')} written to ${printable(this.#settings.out)}`]),
      ...this.#reports.flatMap(({ trace }) => (trace === null ? [] : [`trace written to ${printable(trace)}`])),
    ].join(', ');
    const last = `${formatCount(passed)} passed, ${formatCount(failed)} failed`;
    const colour = failed === 0 ? chalk.green : chalk.red;
    if (this.#settings.quiet) return failed === 0 ? [colour(last)] : ['', colour(last)];
    return ['', chalk.dim(summary), colour(last)];
  }

  #print(lines: readonly string[]): void {
    if (lines.length > 0) this.#io.stdout.write(`${lines.join('\n')}\n`);
  }
}
