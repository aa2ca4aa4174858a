import type { ChalkInstance } from 'chalk';
import type { AccessReport, Baseline, Mutant, MutantVerdict, Problem } from '../index.js';
import { counted, formatSeconds, printable } from './format.js';
import { originalLine } from './original-line.js';

/** Why nobody can say more of a mutant that nothing has shown. */
const SURVIVED = 'nothing covers it, or nothing needs it';
const NOT_REACHED = 'this call does not come here';

/** Where a mutant is changed, as a user finds it. */
interface MutantPlace {
  readonly file: string;
  readonly line: number;
  /** The original's line or lines: `trtllm_alltoall.cuh:355`; null: not known. */
  readonly original: string | null;
  /** Where in the machine's library, which the line above uses; null: not there. */
  readonly inLibrary: string | null;
}

function placeOf({ frames, inLibrary }: Mutant): MutantPlace {
  const { file, line } = frames[0]!;
  return {
    file,
    line,
    original: originalLine(file, line),
    inLibrary: inLibrary === null ? null : `${inLibrary.functionName} ${inLibrary.file}:${inLibrary.line}`,
  };
}

const kindText = ({ kind, variant }: Mutant): string => (variant === '' ? kind : `${kind}.${variant}`);

/** What a problem is, in few words. */
export function problemText(problem: Problem): string {
  switch (problem.kind) {
    case 'race':
      return `race on ${problem.space} memory, ${lineOf(problem.first)} and ${lineOf(problem.second)}`;
    case 'barrier reuse':
      return `barrier ${problem.id} used again too soon`;
    case 'invariant':
      return `invariant broken: ${problem.name}`;
    case 'deadlock':
    case 'livelock':
      return `${problem.kind}: ${problem.cause}`;
    case 'error':
      return `error ${problem.code}`;
    case 'wrong output':
      return problem.kind;
    case 'budget':
      return 'no end';
    case 'schedule-dependent output':
      return 'output depends on the schedule';
    default:
      return problem satisfies never;
  }
}

const lineOf = ({ frames: [frame], operation }: AccessReport): string =>
  frame === undefined ? operation : `${baseName(frame.file)}:${frame.line}`;

const baseName = (path: string): string => path.slice(path.lastIndexOf('/') + 1);

/** How many mutants came to what end. */
export function summaryOf(verdicts: readonly MutantVerdict[]) {
  const killed = verdicts.filter(({ verdict }) => verdict === 'killed').length;
  return {
    mutants: verdicts.length,
    killed,
    survived: verdicts.length - killed,
    /** Of those that survived. */
    notReached: verdicts.filter(({ isReached }) => !isReached).length,
    /** Part of the mutants that were killed, 0 to 1; null: there are none. */
    score: verdicts.length === 0 ? null : killed / verdicts.length,
  };
}

/** A verdict as data. */
export function verdictData({ mutant, verdict, discovery, isReached, runs }: MutantVerdict) {
  const { name, kernel, kind, variant, change } = mutant;
  return {
    name,
    kernel,
    kind,
    variant,
    change,
    ...placeOf(mutant),
    inlined: mutant.places.length,
    verdict,
    isReached,
    runs,
    finding:
      discovery === null
        ? null
        : { summary: problemText(discovery.problem), schedule: discovery.schedule, ...discoveryData(discovery) },
  };
}

const discoveryData = ({ key, problem }: { readonly key: string; readonly problem: Problem }) => ({ key, problem });

/** What the call shows as it is, in lines; none if that is nothing. */
export function baselineLines({ discoveries }: Baseline, chalk: ChalkInstance): string[] {
  if (discoveries.length === 0) return [];
  return [
    chalk.yellow('the call itself shows this, so that it kills no mutant:'),
    ...discoveries.map(({ problem, schedule }) => `  ${printable(problemText(problem))} (${schedule})`),
    '',
  ];
}

/** The table of all mutants, kernel by kernel. */
export function tableLines(verdicts: readonly MutantVerdict[], chalk: ChalkInstance): string[] {
  const kernels = [...new Set(verdicts.map(({ mutant }) => mutant.kernel))];
  const rows = verdicts.map((result) => {
    const { mutant, verdict, discovery, isReached } = result;
    const { file, line, original, inLibrary } = placeOf(mutant);
    const shown = discovery === null ? (isReached ? SURVIVED : NOT_REACHED) : problemText(discovery.problem);
    const place = `${baseName(file)}:${line}`;
    return {
      kernel: mutant.kernel,
      verdict,
      cells: [
        kindText(mutant),
        inLibrary === null ? place : `${place} in ${baseName(inLibrary)}`,
        original ?? '-',
        verdict,
        printable(shown),
        discovery?.schedule ?? '-',
      ],
    };
  });
  const heads = ['kind', 'place', 'original', 'verdict', 'what shows it', 'schedule'];
  const widths = heads.map((head, column) => Math.max(head.length, ...rows.map(({ cells }) => cells[column]!.length)));
  const aligned = (cells: readonly string[]) =>
    cells
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join('  ')
      .trimEnd();
  return kernels.flatMap((kernel) => [
    chalk.bold(printable(kernel)),
    `  ${chalk.dim(aligned(heads))}`,
    ...rows
      .filter((row) => row.kernel === kernel)
      .map(({ verdict, cells }) => `  ${verdict === 'killed' ? aligned(cells) : chalk.yellow(aligned(cells))}`),
    '',
  ]);
}

export function summaryLine(verdicts: readonly MutantVerdict[], schedules: number, milliseconds: number): string {
  const { mutants, killed, survived, notReached, score } = summaryOf(verdicts);
  const percent = score === null ? '-' : `${Math.round(score * 100)}%`;
  const reached = notReached === 0 ? '' : ` (${notReached} where this call does not come)`;
  return `${counted(mutants, 'mutant')}: ${killed} killed, ${survived} survived${reached}; score ${percent}, ${counted(schedules, 'schedule')}, ${formatSeconds(milliseconds)}`;
}
