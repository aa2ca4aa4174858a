import type { ChalkInstance } from 'chalk';
import type { AccessReport, Discovery, Problem, SourceFrame } from '../index.js';
import { counted, formatCount, printable, wrap } from './format.js';
import { originalLine } from './original-line.js';

/** A discovery with what has been found out about it. */
export interface ReportedDiscovery extends Discovery {
  /** Whether its schedule shows it each time. */
  readonly isRepeatable: boolean;
  /** The schedule with the fewest preemptions that shows it; null: none was looked for. */
  readonly minimal: { readonly schedule: string; readonly preemptions: number; readonly steps: number } | null;
}

/** A discovery in lines. `commandFor`: what replays a schedule. */
export function discoveryLines(
  number: number,
  discovery: ReportedDiscovery,
  runs: number,
  chalk: ChalkInstance,
  width: number,
  commandFor: (schedule: string) => string,
): string[] {
  const { problem, schedule, count, isRepeatable, minimal } = discovery;
  const [title, ...details] = describe(problem);
  const lines = [`${chalk.red.bold(`${number}. ${title}`)}`];
  const add = (text: string) => {
    for (const [at, line] of wrap(printable(text), Math.max(40, width - 5)).entries())
      lines.push(`${at === 0 ? '   ' : '     '}${line}`);
  };
  details.forEach(add);
  add(`in ${formatCount(count)} of ${counted(runs, 'schedule')}, first ${schedule}`);
  if (minimal !== null)
    add(`smallest: ${counted(minimal.preemptions, 'preemption')}, ${formatCount(minimal.steps)} steps`);
  if (!isRepeatable) add('the same schedule does not show it again: this is a bug of simtwin, please report it');
  // Never wrapped, so that it can be copied.
  lines.push(`   ${chalk.cyan(commandFor(minimal?.schedule ?? schedule))}`);
  return lines;
}

function describe(problem: Problem): string[] {
  switch (problem.kind) {
    case 'race':
      return [
        `data race on ${problem.space} memory`,
        `${accessText(problem.first)}`,
        `${accessText(problem.second)}`,
        `both touch ${problem.word}, one of them writes, and nothing orders the two${problem.writesTheSame ? '; they write the same' : ''}`,
      ];
    case 'barrier reuse':
      return [
        `barrier ${problem.id} is used again too soon`,
        `${threadText(problem.second)} comes to it, and ${threadText(problem.first)} is not known to be through its last phase`,
      ];
    case 'invariant':
      return [
        `invariant broken: ${problem.name}`,
        accessText(problem.access),
        `${problem.word}: ${problem.wants}, but ${problem.holds}`,
      ];
    case 'deadlock':
    case 'livelock':
      return [`${problem.kind}: ${problem.cause}`, problem.sentence];
    case 'error':
      return [
        `error ${problem.code}`,
        `${problem.reason}: ${threadText(problem.site)}${placeText(problem.site.frames)}`,
      ];
    case 'wrong output':
      return ['wrong output', problem.sentence];
    case 'budget':
      return ['a limit ended the run', problem.sentence];
    case 'schedule-dependent output':
      return [
        'the output depends on the schedule',
        `${problem.outputs} different outputs; another comes of ${problem.other}`,
      ];
    default:
      return problem satisfies never;
  }
}

const threadText = ({ rank, kernel, block, warp, lane }: Omit<AccessReport, 'operation' | 'frames'>): string =>
  `rank ${rank} block ${block} warp ${warp} lane ${lane} of ${kernel}`;

const accessText = (access: AccessReport): string =>
  `${access.operation} by ${threadText(access)}${placeText(access.frames)}`;

function placeText([frame]: readonly SourceFrame[]): string {
  if (frame === undefined) return '';
  const original = originalLine(frame.file, frame.line);
  return ` at ${frame.file}:${frame.line}${original === null ? '' : ` (${original})`}`;
}
