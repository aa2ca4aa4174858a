import {
  type CaptureOp,
  describeThread,
  type EngineMode,
  type Explanation,
  type LastWriter,
  type Outcome,
  type SourceFrame,
} from '../index.js';
import { EXIT_MATCH } from './exit-code.js';
import { originalLine } from './original-line.js';

/** What was computed, and how it compares. Text and JSON are made from it. */
export interface CaseReport {
  /** Path as the user would type it; null for a generated call that is not saved. */
  readonly file: string | null;
  /** Short name for tables. */
  readonly name: string;
  /** Null if the file could not be read. */
  readonly op: CaptureOp | 'channel_table' | null;
  /** The call's size in a few characters; null if the file could not be read. */
  readonly shape: string | null;
  readonly result: 'match' | 'mismatch' | 'error';
  /** How the simulated program ended; null if it did not run or could not go on for a reason that is not its own. */
  readonly verdict: Outcome['verdict'] | null;
  readonly exitCode: number;
  readonly comparedBytes: number;
  readonly differingBytes: number;
  readonly undefinedBytes: number;
  /** Left out because they count for ever. */
  readonly counterBytes: number;
  readonly difference: Difference | null;
  /** Why it hangs; null if it does not, or no cause was found. */
  readonly hang: Explanation | null;
  readonly steps: number;
  readonly wallMs: number;
  /** How the kernels ran; null if none did. */
  readonly mode: EngineMode | null;
  /** Why that is not the mode that was asked for; null if it is. */
  readonly modeReason: string | null;
  /** Token of the schedule; null for what does not run on the machine. */
  readonly schedule: string | null;
  readonly recordedSchedule: string | null;
  /** What is wrong, in words; null for a match. */
  readonly problem: string | null;
  /** Where simtwin itself failed; null unless it did. */
  readonly stack: string | null;
  /** File that the computed capture was written to. */
  readonly out: string | null;
  /** File that the trace was written to. */
  readonly trace: string | null;
  /** Command that does the same once more. */
  readonly reproduce: string;
}

/** The first thing that differs. */
export interface Difference {
  readonly tensor: string;
  readonly location: string;
  readonly expected: number;
  readonly got: number;
  /** Null for what is no byte of memory. */
  readonly memory: MemoryDifference | null;
}

/** Where in memory the first byte that differs is, and who wrote it. */
export interface MemoryDifference {
  /** Byte within the tensor (or the rank's workspace). */
  readonly offsetBytes: number;
  readonly address: number;
  /** The element that the byte belongs to, where elements are numbers. */
  readonly element: { readonly type: 'i32' | 'f32'; readonly expected: number; readonly got: number } | null;
  /** Bytes around it; null stands for an undefined one. */
  readonly window: {
    readonly offsetBytes: number;
    readonly expected: readonly number[];
    readonly got: readonly (number | null)[];
  };
  /** Null: no thread wrote it. */
  readonly lastWriter: LastWriter | null;
  /** The run that looked for the last writer: its mode, and the byte as it was at its end. */
  readonly search: { readonly mode: EngineMode | null; readonly byte: number };
}

/** The command's result: the highest exit code of its parts. */
export const exitCodeOf = (reports: readonly CaseReport[]): number =>
  reports.reduce((highest, { exitCode }) => Math.max(highest, exitCode), EXIT_MATCH);

/** `N passed, N failed`. */
export const passedAndFailed = (reports: readonly CaseReport[]): { passed: number; failed: number } => {
  const passed = reports.filter(({ result }) => result === 'match').length;
  return { passed, failed: reports.length - passed };
};

/** The text that `--json` prints. */
export function formatJson(reports: readonly CaseReport[], extra: Readonly<Record<string, unknown>> = {}): string {
  const { passed, failed } = passedAndFailed(reports);
  return `${JSON.stringify({ ...extra, captures: reports.map(jsonOf), passed, failed }, null, 2)}\n`;
}

function jsonOf(report: CaseReport): Readonly<Record<string, unknown>> {
  const { file, op, shape, result, verdict, comparedBytes, differingBytes, undefinedBytes, counterBytes } = report;
  const { difference, steps, wallMs, mode, modeReason, schedule, recordedSchedule, problem, out, trace, reproduce } =
    report;
  return {
    file,
    op,
    shape,
    result,
    verdict,
    comparedBytes,
    differingBytes,
    undefinedBytes,
    counterBytes,
    firstDifference: difference === null ? null : jsonOfDifference(difference),
    ...(report.hang === null ? {} : { rootCause: report.hang.rootCause }),
    steps,
    wallMs: Math.round(wallMs * 10) / 10,
    mode,
    modeReason,
    schedule,
    ...(recordedSchedule === null ? {} : { recordedSchedule }),
    problem,
    ...(out === null ? {} : { out }),
    ...(trace === null ? {} : { trace }),
    reproduce,
  };
}

function jsonOfDifference({ tensor, location, expected, got, memory }: Difference): Readonly<Record<string, unknown>> {
  return {
    tensor,
    location,
    offsetBytes: memory?.offsetBytes ?? null,
    address: memory?.address ?? null,
    expected,
    got,
    lastWriter: memory?.lastWriter == null ? null : jsonOfWriter(memory.lastWriter, memory.search),
  };
}

function jsonOfWriter(
  { step, site }: LastWriter,
  { mode, byte }: MemoryDifference['search'],
): Readonly<Record<string, unknown>> {
  const { rank, kernel, block, thread, warp, lane, operation, frames } = site;
  return {
    mode,
    byte,
    step,
    description: describeThread(site),
    rank,
    kernel,
    block,
    thread,
    warp,
    lane,
    operation,
    source: frames.map(jsonOfFrame),
  };
}

const jsonOfFrame = ({ functionName, file, line, column }: SourceFrame): Readonly<Record<string, unknown>> => ({
  functionName,
  file,
  line,
  column,
  original: originalLine(file, line),
});
