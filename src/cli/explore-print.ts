import { type Exploration, formatExploration } from './explore-document.js';
import { judgeFindings } from './explore-expected.js';
import { junitXml, writeJunit } from './explore-junit.js';
import { explorationLines } from './explore-report.js';
import type { TargetDescription } from './explore-target.js';
import { testText } from './explore-test-text.js';
import type { CliIo } from './io.js';
import { requireTextTarget } from './text-target.js';
import { UsageError } from './usage-error.js';

/** How a search is told. */
export interface PrintOptions {
  readonly json?: boolean;
  readonly junit?: string;
  readonly test?: boolean;
  readonly checkpoint?: string;
}

/** Looks whether what is to be written can be, before anything is run. @throws UsageError */
export function requireReportTargets({ junit, checkpoint }: PrintOptions, { name }: TargetDescription): void {
  if (junit === undefined) return;
  requireTextTarget('--junit', junit, name);
  if (junit === checkpoint) throw new UsageError(`--junit ${junit} is the checkpoint; give another name`);
}

/** Prints a search, and writes the files that are asked for. `milliseconds`: how long it took; null: not known. */
export function printExploration(
  exploration: Exploration,
  { json, junit, test }: PrintOptions,
  io: CliIo,
  milliseconds: number | null,
): void {
  const { chalk, columns } = io.stdout;
  if (json === true) io.stdout.write(formatExploration(exploration));
  else {
    const lines = explorationLines(exploration, chalk, columns ?? 120, milliseconds);
    const [first] = judgeFindings(exploration).unexpected;
    if (test === true && first !== undefined)
      lines.push('', chalk.dim('// a test of finding 1'), testText(exploration.target, first).trimEnd());
    io.stdout.write(`${lines.join('\n')}\n`);
  }
  if (junit !== undefined) writeJunit(junit, junitXml(exploration, milliseconds ?? 0));
}
