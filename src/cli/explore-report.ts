import type { ChalkInstance } from 'chalk';
import type { AccessReport, Problem, SourceFrame } from '../index.js';
import type { ReportedDiscovery } from './explore-confirm.js';
import { coverageText } from './explore-coverage.js';
import type { Exploration } from './explore-document.js';
import { expectedText, judgeFindings } from './explore-expected.js';
import { bestSchedule, replayCommand } from './explore-replay.js';
import { shardText } from './explore-shard.js';
import type { TargetDescription } from './explore-target.js';
import { counted, formatCount, formatSeconds, printable, shellWord, shorten, wrap } from './format.js';
import { originalLine } from './original-line.js';

/** Picks of a run are thousands of characters: they are for the command line alone. */
const SHOWN_TOKEN = 60;

/** A search in lines: what it has found, and what it is. `milliseconds`: how long it took; null: that is not known. */
export function explorationLines(
  exploration: Exploration,
  chalk: ChalkInstance,
  width: number,
  milliseconds: number | null,
): string[] {
  const { target, shard, settings, result, missingShards } = exploration;
  const { unexpected: discoveries, expected, notSeen } = judgeFindings(exploration);
  const { runs, steps, verdicts, outputs } = result;
  const name = printable(target.name);
  const what = `(${target.op}, ${target.shape})`;
  const fits = name.length + 2 + what.length <= width;
  const lines = fits ? [`${chalk.bold(name)}  ${what}`, ''] : [chalk.bold(name), `  ${what}`, ''];
  for (const [at, discovery] of discoveries.entries()) {
    lines.push(...discoveryLines(at + 1, target, discovery, runs, chalk, width), '');
  }
  for (const { discovery, reason } of expected) {
    const [title, ...details] = discoveryText(discovery, runs);
    const texts = [`expected: ${title}`, ...details, `because: ${reason}`].map((text) => printable(text));
    for (const [at, text] of texts.entries()) {
      for (const [row, line] of wrap(text, Math.max(40, width - 5)).entries())
        lines.push(at === 0 ? chalk.yellow(line) : `${row === 0 ? '   ' : '     '}${line}`);
    }
    lines.push(`   ${chalk.cyan(replayCommand(target, discovery))}`, '');
  }
  const isCompared = target.compared === 'captured outputs' || target.compared === 'reference';
  const ends = Object.entries(verdicts).flatMap(([verdict, count]) =>
    count === 0 ? [] : [`${formatCount(count)} ${verdict}`],
  );
  const summary = [
    `${counted(runs, 'schedule')}${shard === null ? '' : ` of shard ${shardText(shard)}`}${ends.length === 0 ? '' : `: ${ends.join(', ')}`}`,
    ...(isCompared && verdicts.completes > 0 ? [counted(outputs.size, 'output')] : []),
    counted(steps, 'step'),
    ...(milliseconds === null ? [] : [formatSeconds(milliseconds)]),
    ...(milliseconds === null || milliseconds < 1
      ? []
      : [`${formatCount(Math.round((runs * 1000) / milliseconds))} schedules/s`]),
  ];
  const say = (text: string) => lines.push(...wrap(text, width));
  say(summary.join('; '));
  if (runs > 0) say(coverageText(result));
  if (target.compared === 'nothing') say('The capture has no outputs: they were not compared.');
  if (missingShards.length > 0) lines.push(chalk.yellow(`${counted(missingShards.length, 'shard')} missing`));
  for (const one of notSeen) {
    const text = `expected but not seen: ${expectedText(one)} in ${counted(runs, 'schedule')} (because: ${one.reason})`;
    lines.push(...wrap(printable(text), width).map((line) => chalk.yellow(line)));
  }
  if (expected.length > 0) lines.push(chalk.yellow(counted(expected.length, 'expected finding')));
  if (discoveries.length > 0) lines.push(chalk.red(counted(discoveries.length, 'finding')));
  else
    lines.push(
      runs === 0
        ? chalk.yellow('nothing was run')
        : chalk.green(expected.length > 0 ? 'nothing else found' : 'nothing found'),
    );
  if (settings.schedule !== null && discoveries.length === 0)
    say('This was one schedule; without --schedule there are more.');
  return lines;
}

/** A discovery in lines of at most `width` characters; its command is on one line, however long. */
function discoveryLines(
  number: number,
  target: TargetDescription,
  discovery: ReportedDiscovery,
  runs: number,
  chalk: ChalkInstance,
  width: number,
): string[] {
  const [title, ...details] = discoveryText(discovery, runs);
  const lines = wrap(printable(`${number}. ${title}`), width).map((line) => chalk.red.bold(line));
  for (const text of details) {
    for (const [at, line] of wrap(printable(text), Math.max(40, width - 5)).entries())
      lines.push(`${at === 0 ? '   ' : '     '}${line}`);
  }
  // Never wrapped, so that it can be copied.
  lines.push(`   ${chalk.cyan(replayCommand(target, discovery))}`);
  return lines;
}

/** A discovery in words: a title and what is known about it, as the schedule shows it that the command has. */
export function discoveryText(
  discovery: ReportedDiscovery,
  runs: number,
): readonly [title: string, ...details: string[]] {
  const { schedule, count, isRepeatable, minimal, smaller } = discovery;
  const problem = bestSchedule(discovery) === minimal?.schedule ? minimal.problem : discovery.problem;
  const [title = '', ...details] = problemLines(problem);
  return [
    title,
    ...details,
    `in ${formatCount(count)} of ${counted(runs, 'schedule')}, first ${shorten(schedule, SHOWN_TOKEN)}`,
    ...(minimal === null
      ? []
      : [`smallest: ${counted(minimal.preemptions, 'preemption')}, ${counted(minimal.steps, 'step')}`]),
    ...(smaller === null
      ? []
      : [
          `smaller call: --args ${shellWord(smaller.args)} shows the same in schedule ${shorten(smaller.schedule, SHOWN_TOKEN)}`,
        ]),
    ...(isRepeatable ? [] : ['the same schedule does not show it again: this is a bug of simtwin, please report it']),
  ];
}

/** A problem in words: a title, and what is known about it. */
export function problemLines(problem: Problem): string[] {
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
        `${problem.outputs} different outputs; another comes of ${shorten(problem.other, SHOWN_TOKEN)}`,
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
