import {
  type Call,
  type CallOptions,
  type Capture,
  CaptureError,
  type Comparison,
  type EngineMode,
  type ExpectedBytes,
  type Explanation,
  explainHang,
  type FirstDifference,
  formatSchedule,
  HostCheckError,
  type Machine,
  type ModeChoice,
  type Outcome,
  type StepObserver,
  searchLastWriter,
  setUpCall,
} from '../index.js';
import type { CaseReport, Difference, MemoryDifference } from './case-report.js';
import { shapeOf } from './describe-capture.js';
import { drive } from './drive.js';
import { EXIT_BUG, EXIT_MATCH, EXIT_MISMATCH, EXIT_PROGRAM, EXIT_USAGE } from './exit-code.js';
import { isTooManyThreads, tooManyThreads } from './heap.js';
import type { CliIo } from './io.js';
import { simtwinVersion } from './package-files.js';
import type { Progress } from './progress.js';
import { optionsIn, runInMode } from './run-in-mode.js';
import type { RunSettings } from './run-options.js';
import { TraceFile } from './trace-file.js';
import { Interrupted, UsageError } from './usage-error.js';

/** A call that is to be run and judged. */
export interface Case {
  /** Path as the user would type it; null for a generated call that is not saved. */
  readonly file: string | null;
  readonly name: string;
  /** Command that does the same once more. */
  readonly reproduce: string;
  /** @throws CaptureError if the file is no capture. */
  readonly read: () => Capture;
  /** Looks on while the call runs in mode `step`; absent: nobody does. */
  readonly observer?: StepObserver;
  /** Told of the call once it has ended, before it is judged. */
  readonly ended?: (capture: Capture, call: Call, outcome: Outcome) => void;
  readonly judge: (capture: Capture, call: Call, outcome: Outcome) => Judgement;
  /** The bytes that `judge` compares with. */
  readonly expected: (capture: Capture, call: Call) => Iterable<ExpectedBytes>;
  /** Writes what was computed and returns where. Null: nothing is to be written. */
  readonly write: ((capture: Capture) => string) | null;
}

/** How a call that has ended compares with what it ought to be. */
export interface Judgement {
  readonly result: 'match' | 'mismatch' | 'error';
  readonly comparison: Comparison | null;
  readonly problem: string | null;
}

const WINDOW_BYTES = 16;

/** Runs a call and judges it. Whatever is wrong with the call becomes part of the report. @throws Interrupted */
export async function runCase(
  given: Case,
  settings: RunSettings,
  io: CliIo,
  progress: Progress,
  position: string,
): Promise<CaseReport> {
  const { file, name, reproduce } = given;
  const label = file ?? name;
  let report: CaseReport = {
    ...emptyReport(file, name, reproduce),
    schedule: formatSchedule(settings.schedule),
  };
  const startedAt = io.now();
  let call: Call | null = null;
  const trace = settings.trace === null ? null : new TraceFile(settings.trace);
  const onMode = ({ mode, reason }: ModeChoice) => {
    if (report.mode !== null) progress.start(`${position} ${report.op} ${name}, in mode ${mode}`);
    report = { ...report, mode, modeReason: reason };
  };
  try {
    progress.start(`${position} ${name}`);
    const capture = given.read();
    report = { ...report, op: capture.op, shape: shapeOf(capture) };
    progress.start(`${position} ${capture.op} ${name}`);
    const setUp = (options: CallOptions) => {
      const observed = given.observer === undefined ? options : { ...options, step: { observer: given.observer } };
      call = setUpCall(capture, trace?.optionsFrom(observed) ?? observed, label);
      return call;
    };
    const { call: ended, outcome } = await runInMode(settings, setUp, io, progress, onMode);
    call = ended;
    given.ended?.(capture, call, outcome);
    if (trace !== null) {
      progress.start(`${position} writing ${trace.path}`);
      await trace.write(outcome, label, io);
      report = { ...report, trace: trace.path };
    }
    const { result, comparison, problem } = given.judge(capture, call, outcome);
    report = {
      ...report,
      result,
      verdict: outcome.verdict,
      problem,
      exitCode: result === 'match' ? EXIT_MATCH : result === 'mismatch' ? EXIT_MISMATCH : exitCodeOfError(outcome),
      comparedBytes: comparison?.comparedBytes ?? 0,
      differingBytes: comparison?.differingBytes ?? 0,
      undefinedBytes: comparison?.undefinedBytes ?? 0,
      counterBytes: comparison?.counterBytes ?? 0,
      steps: ended.machine.steps,
      wallMs: io.now() - startedAt,
      recordedSchedule: settings.record ? formatSchedule(ended.machine.recordedSchedule) : null,
    };
    if (outcome.verdict === 'deadlock' || outcome.verdict === 'livelock') {
      progress.start(`${position} looking for the cause in ${name}`);
      report = { ...report, hang: await explained(capture, ended.machine, settings, label, io, progress) };
    }
    if (comparison?.firstDifference != null) {
      progress.start(`${position} looking for the last writer in ${name}`);
      const search = searchLastWriter(
        capture,
        { ...optionsIn(report.mode === 'ref' ? 'ref' : 'step', settings.callOptions), record: false },
        label,
        comparison.firstDifference.address,
      );
      await drive(search.machine, io, progress);
      const difference = explain(comparison.firstDifference, given.expected(capture, call));
      report = {
        ...report,
        difference: {
          ...difference,
          memory: {
            ...difference.memory,
            lastWriter: search.lastWriter(),
            search: { mode: search.mode, byte: search.byte },
          },
        },
      };
    }
    if (given.write !== null && (comparison !== null || outcome.verdict === 'completes')) {
      report = { ...report, out: given.write(computedCapture(capture, call, outcome)) };
    }
    return report;
  } catch (error) {
    if (error instanceof Interrupted || error instanceof UsageError) throw error;
    const steps = call?.machine.steps ?? 0;
    return { ...report, steps, wallMs: io.now() - startedAt, ...problemOf(error, label, report.mode) };
  }
}

/** Why a call hangs. Of mode `ref`, whose threads cannot be read, it is run once more in mode `step`. */
async function explained(
  capture: Capture,
  hung: Machine,
  { callOptions }: RunSettings,
  label: string,
  io: CliIo,
  progress: Progress,
): Promise<Explanation | null> {
  if (hung.mode !== 'ref') return explainHang(hung);
  const { machine } = setUpCall(capture, { ...optionsIn('step', callOptions), record: false }, label);
  const { verdict } = await drive(machine, io, progress);
  return machine.mode === 'step' && (verdict === 'deadlock' || verdict === 'livelock') ? explainHang(machine) : null;
}

/** A report of something that has not run yet. */
export const emptyReport = (file: string | null, name: string, reproduce: string): CaseReport => ({
  file,
  name,
  op: null,
  shape: null,
  result: 'error',
  verdict: null,
  exitCode: EXIT_USAGE,
  comparedBytes: 0,
  differingBytes: 0,
  undefinedBytes: 0,
  counterBytes: 0,
  hang: null,
  difference: null,
  steps: 0,
  wallMs: 0,
  mode: null,
  modeReason: null,
  schedule: null,
  recordedSchedule: null,
  problem: null,
  stack: null,
  out: null,
  trace: null,
  reproduce,
});

/** What a command throws that has come to nothing: a usage error, unless the user or a bug of simtwin has ended it. */
export function refusalOf(error: unknown, target: string, mode: EngineMode | null = 'step'): unknown {
  if (error instanceof Interrupted || error instanceof UsageError) return error;
  const { exitCode, problem } = problemOf(error, target, mode);
  return exitCode === EXIT_BUG ? error : new UsageError(`${target}: ${problem}`);
}

/** What an exception says about a report, and whose fault it is. */
export function problemOf(
  error: unknown,
  file: string,
  mode: EngineMode | null = null,
): Pick<CaseReport, 'result' | 'exitCode' | 'problem' | 'stack'> {
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof CaptureError) {
    const problem = message.startsWith(`${file}: `) ? message.slice(file.length + 2) : message;
    return { result: 'error', exitCode: EXIT_USAGE, problem, stack: null };
  }
  if (error instanceof HostCheckError) {
    return {
      result: 'error',
      exitCode: EXIT_PROGRAM,
      problem: `a check of the host code has failed: ${message}`,
      stack: null,
    };
  }
  if (isTooManyThreads(error)) {
    return { result: 'error', exitCode: EXIT_PROGRAM, problem: tooManyThreads(error, mode ?? 'ref'), stack: null };
  }
  if (error instanceof RangeError && message.includes('cudaError')) {
    return { result: 'error', exitCode: EXIT_PROGRAM, problem: message, stack: null };
  }
  if (error instanceof RangeError && !message.includes('call stack')) {
    return { result: 'error', exitCode: EXIT_USAGE, problem: message, stack: null };
  }
  const stack = error instanceof Error ? (error.stack ?? message) : message;
  return { result: 'error', exitCode: EXIT_BUG, problem: `simtwin itself failed: ${message}`, stack };
}

/** An error of the simulated program, unless there is nothing to compare with. */
const exitCodeOfError = ({ verdict }: Outcome): number => (verdict === 'completes' ? EXIT_USAGE : EXIT_PROGRAM);

function explain(
  first: FirstDifference,
  expected: Iterable<ExpectedBytes>,
): Difference & { readonly memory: MemoryDifference } {
  const { tensor, location, offsetBytes, address, expected: expectedByte, got: gotByte } = first;
  const region = [...expected].find(
    (bytes) =>
      bytes.tensor === tensor &&
      offsetBytes >= bytes.offsetBytes &&
      offsetBytes < bytes.offsetBytes + bytes.bytes.length,
  )!;
  const { allocation } = region;
  const end = region.offsetBytes + region.bytes.length;
  const from = Math.max(region.offsetBytes, Math.floor(offsetBytes / WINDOW_BYTES) * WINDOW_BYTES);
  const offsets = Array.from({ length: Math.min(WINDOW_BYTES, end - from) }, (_, index) => from + index);
  const type = tensor.endsWith('_scales') ? 'f32' : /^r\d+\//.test(tensor) ? null : 'i32';
  const word = Math.floor(offsetBytes / 4) * 4;
  return {
    tensor,
    location,
    expected: expectedByte,
    got: gotByte,
    memory: {
      offsetBytes,
      address,
      element:
        type === null
          ? null
          : {
              type,
              expected: readWord(region.bytes, word - region.offsetBytes),
              got: readWord(allocation.u8, word),
            },
      window: {
        offsetBytes: from,
        expected: offsets.map((offset) => region.bytes[offset - region.offsetBytes]!),
        got: offsets.map((offset) => (allocation.definedBits(offset, 1) === 0 ? null : allocation.u8[offset]!)),
      },
      lastWriter: null,
      search: { mode: null, byte: gotByte },
    },
  };
}

const readWord = ({ buffer, byteOffset }: Uint8Array, offset: number): number =>
  new DataView(buffer, byteOffset).getInt32(offset, true);

/** The capture with what was computed, which says so. */
function computedCapture(capture: Capture, call: Call, outcome: Outcome): Capture {
  const computed = call.withOutputs();
  const provenance = { ...capture.provenance, device: 'simtwin', cuda: null, producer: `simtwin ${simtwinVersion()}` };
  if (computed.op !== 'moe_comm' || computed.recordedVerdict === null) return { ...computed, provenance };
  if (outcome.verdict !== 'completes') return { ...computed, provenance };
  const ranksFinished = new Map(computed.args.launchedRanks.map((rank) => [rank, true]));
  return { ...computed, provenance, recordedVerdict: 'completes', ranksFinished };
}
