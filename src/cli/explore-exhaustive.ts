import { type ExhaustiveFinding, type ExhaustiveResult, exploreExhaustively, type SearchEstimate } from '../index.js';
import { breathe } from './drive.js';
import { EXIT_MATCH, EXIT_MISMATCH, EXIT_USAGE } from './exit-code.js';
import { type ExploreTarget, type TargetDescription, workloadOf } from './explore-target.js';
import { counted, formatCount, formatSeconds, printable, shellWord, wrap } from './format.js';
import type { CliIo } from './io.js';
import type { Progress } from './progress.js';

/** Steps above which a search is not begun, as estimated: some minutes. */
const MOST_STEPS = 250_000;

/** How every schedule is to be looked at. */
export interface ExhaustiveSettings {
  /** Milliseconds; null: as long as it takes, unless that is too long and it is not forced. */
  readonly time: number | null;
  /** Options of the schedules, as `,granule=8`. */
  readonly suffix: string;
  readonly isForced: boolean;
  readonly json: boolean;
}

/** Looks at every schedule of a call. Result: the exit code. */
export async function exploreAll(
  target: ExploreTarget,
  { time, suffix, isForced, json }: ExhaustiveSettings,
  io: CliIo,
  progress: Progress,
): Promise<number> {
  const { description } = target;
  const workload = workloadOf(target);
  const isLimited = time === null && !isForced;
  progress.start(`every schedule of ${description.name}`);
  await breathe(io);
  const result = io.interruptible(() =>
    exploreExhaustively(
      {
        name: workload.name,
        begin: (options) => workload.begin({ ...options, schedule: options.schedule ?? `rr${suffix}` }),
      },
      {
        limits: {
          ...(time === null ? {} : { maxMilliseconds: time }),
          ...(isLimited ? { maxEstimate: MOST_STEPS } : {}),
          clock: io.now,
        },
        onProgress: ({ states, executions, estimate }) =>
          progress.say(
            `${counted(states, 'state')} of ${aboutText(estimate, 'states')}, ${counted(executions, 'execution')}`,
          ),
      },
    ),
  );
  progress.clear();
  const isTooLarge = isLimited && !result.isComplete;
  if (json) io.stdout.write(`${JSON.stringify({ target: description, ...result }, null, 2)}\n`);
  else io.stdout.write(`${linesOf(description, result, isTooLarge, io).join('\n')}\n`);
  if (result.findings.length > 0 || result.outputs.length > 1) return EXIT_MISMATCH;
  return isTooLarge ? EXIT_USAGE : EXIT_MATCH;
}

function linesOf(
  { name, op, shape, generated }: TargetDescription,
  result: ExhaustiveResult,
  isTooLarge: boolean,
  { stdout: { chalk, columns } }: CliIo,
): string[] {
  const { findings, outputs, isComplete, states, executions, blockedExecutions, transitions, milliseconds } = result;
  const width = Math.max(40, (columns ?? 120) - 5);
  const lines = [`${chalk.bold(printable(name))}  (${op}, ${shape})`, ''];
  const add = (text: string) => {
    for (const [at, line] of wrap(printable(text), width).entries()) lines.push(`${at === 0 ? '   ' : '     '}${line}`);
  };
  const again = (schedule: string) =>
    `   ${chalk.cyan(`simtwin explore ${shellWord(name)}${generated === null ? '' : ` --args ${shellWord(generated.args)} --inputs ${generated.inputs}`} --schedule ${shellWord(schedule)}`)}`;
  for (const [at, finding] of findings.entries()) {
    const { verdict, schedule, isConfirmed } = finding;
    lines.push(chalk.red.bold(`${at + 1}. ${verdict}`));
    for (const text of textOf(finding)) add(text);
    if (!isConfirmed) add('its schedule leads there; two runs of it on their own have not shown the same');
    // Never wrapped, so that it can be copied.
    lines.push(again(schedule), '');
  }
  if (outputs.length > 1) {
    lines.push(chalk.red.bold(`${findings.length + 1}. the output depends on the schedule`));
    add(`${outputs.length} different outputs; two of them come of`);
    lines.push(...outputs.slice(0, 2).map(({ schedule }) => again(schedule)), '');
  }
  lines.push(
    `${counted(states, 'state')}, ${counted(executions, 'execution')}, ${formatCount(blockedExecutions)} left at a known state, ${counted(transitions, 'step')}, ${formatSeconds(milliseconds)}`,
  );
  const isClean = findings.length === 0 && outputs.length <= 1;
  if (isComplete)
    lines.push(
      isClean
        ? chalk.green('every schedule ends well, with the same output')
        : chalk.red('every schedule was looked at'),
    );
  else if (isTooLarge) {
    const { estimate } = result;
    lines.push(
      `the shape is too large: ${aboutText(estimate, 'transitions')} steps, ${aboutText(estimate, 'states')} states, ${aboutTime(result)}`,
      `take fewer ranks, channels, vectors or tokens${generated === null ? '' : ` (--args has ${generated.args})`}, or let it go on: --force, or --time SECONDS`,
    );
  } else lines.push(`not every schedule: ${result.boundedBy.join('; ')}`);
  lines.push('races are not looked for here: leave --exhaustive out');
  return lines;
}

/** What an estimate says, as `about 1,200`. */
const aboutText = (estimate: SearchEstimate, of: 'states' | 'transitions'): string =>
  `${estimate.isLowerBound ? 'more than' : 'about'} ${formatCount(Number(estimate[of].toPrecision(2)))}`;

/** How long it would take, at the pace so far. */
function aboutTime({ estimate, transitions, milliseconds }: ExhaustiveResult): string {
  const minutes = (milliseconds * estimate.transitions) / Math.max(1, transitions) / 60_000;
  return `${estimate.isLowerBound ? 'more than' : 'about'} ${minutes < 120 ? `${Math.ceil(minutes)} min` : `${formatCount(Math.ceil(minutes / 60))} h`}`;
}

const textOf = ({ text }: ExhaustiveFinding): string[] => text.split('\n').map((line) => line.trim());
