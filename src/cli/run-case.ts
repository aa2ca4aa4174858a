import {
  asksForStep,
  beyondFast,
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
  searchLastWriter,
  setUpCall,
} from '../index.js';
import type { CaseReport, Difference, MemoryDifference } from './case-report.js';
import { shapeOf } from './describe-capture.js';
import { drive } from './drive.js';
import { EXIT_BUG, EXIT_MATCH, EXIT_MISMATCH, EXIT_PROGRAM, EXIT_USAGE } from './exit-code.js';
import { isTooManyThreads, mostResidentThreads, tooManyThreads } from './heap.js';
import type { CliIo } from './io.js';
import { refuseStaleProgram, simtwinVersion } from './package-files.js';
import type { Progress } from './progress.js';
import type { RunSettings } from './run-options.js';
import { Interrupted } from './usage-error.js';

/** A call that is to be run and judged. */
export interface Case {
  /** Path as the user would type it; null for a generated call that is not saved. */
  readonly file: string | null;
  readonly name: string;
  /** Command that does the same once more. */
  readonly reproduce: string;
  /** @throws CaptureError if the file is no capture. */
  readonly read: () => Capture;
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
  const run = async (capture: Capture, wanted: ModeChoice): Promise<{ call: Call; outcome: Outcome }> => {
    const onMode = ({ mode, reason }: ModeChoice) => {
      if (mode !== wanted.mode) throw new OtherMode({ mode, reason });
      report = { ...report, mode, modeReason: wanted.reason };
    };
    call = setUpCall(capture, { ...optionsFor(wanted.mode, settings), onMode }, label);
    const { machine } = call;
    try {
      return { call, outcome: await drive(machine, io, progress) };
    } catch (error) {
      const other = otherModeFor(error);
      if (other === null) throw error;
      progress.start(`${position} ${capture.op} ${name}, in mode ${other.mode}`);
      return run(capture, other);
    }
  };
  try {
    progress.start(`${position} ${name}`);
    const capture = given.read();
    report = { ...report, op: capture.op, shape: shapeOf(capture) };
    progress.start(`${position} ${capture.op} ${name}`);
    const ended = await run(capture, firstMode(settings));
    const { outcome } = ended;
    call = ended.call;
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
      steps: ended.call.machine.steps,
      wallMs: io.now() - startedAt,
      recordedSchedule: settings.record ? formatSchedule(ended.call.machine.recordedSchedule) : null,
    };
    if (outcome.verdict === 'deadlock' || outcome.verdict === 'livelock') {
      progress.start(`${position} looking for the cause in ${name}`);
      report = { ...report, hang: await explained(capture, ended.call.machine, settings, label, io, progress) };
    }
    if (comparison?.firstDifference != null) {
      progress.start(`${position} looking for the last writer in ${name}`);
      const search = searchLastWriter(
        capture,
        { ...optionsFor(report.mode === 'ref' ? 'ref' : 'step', settings), record: false },
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
    if (error instanceof Interrupted) throw error;
    const steps = call?.machine.steps ?? 0;
    return { ...report, steps, wallMs: io.now() - startedAt, ...problemOf(error, label, report.mode) };
  }
}

/** Why a call hangs. In mode `fast` threads have no state that could be read: it is run once more in mode `step`. */
async function explained(
  capture: Capture,
  hung: Machine,
  settings: RunSettings,
  label: string,
  io: CliIo,
  progress: Progress,
): Promise<Explanation | null> {
  let machine = hung;
  if (hung.mode === 'fast') {
    ({ machine } = setUpCall(capture, { ...optionsFor('step', settings), record: false }, label));
    const { verdict } = await drive(machine, io, progress);
    if (verdict !== 'deadlock' && verdict !== 'livelock') return null;
  }
  return machine.mode === 'step' ? explainHang(machine) : null;
}

/** A machine would run in another mode than its limits were reckoned for. */
class OtherMode extends Error {
  readonly choice: ModeChoice;

  constructor(choice: ModeChoice) {
    super(`mode ${choice.mode}: ${choice.reason}`);
    this.choice = choice;
  }
}

/** The mode to try first: what was asked for, unless it is known that this cannot do it. */
function firstMode({ mode, schedule, record }: RunSettings): ModeChoice {
  const reason = mode === 'fast' ? beyondFast({ schedule, record, isWatched: false }) : null;
  return { mode: reason === null ? mode : 'step', reason };
}

/** The mode to try after an error; null: another mode would not help. */
function otherModeFor(error: unknown): ModeChoice | null {
  if (error instanceof OtherMode) return error.choice;
  if (!asksForStep(error)) return null;
  return { mode: 'step', reason: error.message.replace(/[:;,]? use mode 'step'.*$/s, '') };
}

/** How a call is set up that is to run in `mode`: as many threads as that mode has room for. */
const optionsFor = (mode: EngineMode, { callOptions }: RunSettings): CallOptions => ({
  ...callOptions,
  mode,
  limits: { maxResidentThreads: mostResidentThreads(mode), ...callOptions.limits },
  refuseProgram: refuseStaleProgram,
});

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
  reproduce,
});

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
