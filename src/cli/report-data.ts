import { createHash } from 'node:crypto';
import {
  type Call,
  type Capture,
  decodeSafetensors,
  describeThread,
  type Explanation,
  encodeCapture,
  graphOf,
  type Launch,
  type Program,
  packetsOf,
  programOf,
  type ReportChecks,
  type ReportData,
  type ReportDifference,
  type ReportDigest,
  type ReportPlace,
  type ReportSource,
  type ReportWriter,
  receiptOf,
  type Schedule,
  type Timeline,
} from '../index.js';
import type { CaseReport, MemoryDifference } from './case-report.js';
import { describeElement } from './explain.js';
import { shellWord } from './format.js';
import { originalLine } from './original-line.js';
import { readSourceLines, simtwinVersion } from './package-files.js';

/** A run that has ended, with what has been seen of it. */
interface EndedRun {
  readonly ended: CaseReport;
  readonly capture: Capture;
  /** Null: it could not be set up. */
  readonly call: Call | null;
  readonly hang: Explanation | null;
  readonly timeline: Timeline | null;
  readonly timelineReason: string | null;
  readonly checks: ReportChecks;
  readonly schedule: Schedule;
  /** The command that writes the report once more. */
  readonly again: string;
}

/** All that a report shows of a run. */
export function reportDataOf(run: EndedRun): ReportData {
  const { ended, call, hang, timeline, timelineReason, checks, schedule } = run;
  const launches = call?.machine.launches ?? [];
  const programs = programsOf(launches);
  const difference = ended.difference === null ? null : differenceOf(ended);
  const graph = hang === null ? null : graphOf(hang);
  const places: ReportPlace[] = [
    ...(timeline?.sites ?? []),
    ...(timeline?.lines ?? []).map(({ file, line }) => ({ file, line, functionName: '' })),
    ...(difference?.memory?.lastWriter?.frames ?? []),
    ...(graph?.nodes ?? []).flatMap(({ place }) => (place === null ? [] : [place])),
    ...(checks.findings ?? []).flatMap((finding) =>
      finding.kind === 'race'
        ? [...finding.first.frames, ...finding.second.frames]
        : finding.kind === 'invariant'
          ? finding.access.frames
          : [],
    ),
  ];
  return {
    format: 'simtwin-report/1',
    summary: summaryOf(run, launches),
    receipt: receiptOf(schedule, programs),
    difference,
    graph,
    checks,
    timeline,
    timelineReason,
    packets: call === null ? null : packetsOf(call.machine, addressesOf(ended, hang)),
    sources: sourcesOf(programs ?? [], places),
    originals: originalsOf(places),
  };
}

function summaryOf({ ended, capture, call, again }: EndedRun, launches: readonly Launch[]): ReportData['summary'] {
  const { file, op, shape, result, verdict, problem, steps, mode, modeReason, schedule, reproduce } = ended;
  const { device, smCount, cuda, producer } = capture.provenance;
  const path = shellWord(file ?? '');
  const token = schedule === 'rr' ? '' : ` --schedule ${schedule}`;
  const said = { device, multiprocessors: smCount, CUDA: cuda, 'recorded by': producer };
  return {
    file: file ?? '',
    op: op ?? '',
    shape: shape ?? '',
    result,
    verdict,
    problem,
    steps,
    threads: launches.reduce((sum, { threadIdxs, blockCount }) => sum + threadIdxs.length * blockCount, 0),
    mode,
    modeReason,
    schedule: schedule ?? '',
    version: simtwinVersion(),
    bytes: {
      compared: ended.comparedBytes,
      differing: ended.differingBytes,
      undefined: ended.undefinedBytes,
      counters: ended.counterBytes,
    },
    recordedBy: Object.entries(said).flatMap(([label, text]) => (text === null ? [] : [[label, text] as const])),
    digests: digestsOf(capture, ended, call),
    commands: [
      ['the same run', reproduce],
      ['step through it', `simtwin debug ${path}${token}`],
      ['other schedules', `simtwin explore ${path}`],
      ['this report', again],
    ],
  };
}

/** The compiled kernels of launches, each once; null: one is not compiled. */
function programsOf(launches: readonly Launch[]): Program[] | null {
  const programs = [...new Set(launches.map(({ kernel }) => kernel))].map((kernel) => programOf(kernel));
  return programs.length === 0 || programs.includes(null) ? null : (programs as Program[]);
}

function digestsOf(capture: Capture, { comparedBytes, verdict }: CaseReport, call: Call | null): ReportDigest[] {
  const isComputed = call !== null && (comparedBytes > 0 || verdict === 'completes');
  const computed = isComputed ? call.withOutputs() : null;
  return [
    digestOfTensors('inputs', capture, 'in'),
    digestOfTensors('recorded outputs', capture, 'out'),
    ...(computed === null ? [] : [digestOfTensors('computed outputs', computed, 'out')]),
  ];
}

function digestOfTensors(name: string, capture: Capture, side: 'in' | 'out'): ReportDigest {
  const hash = createHash('sha256');
  let bytes = 0;
  const { tensors } = decodeSafetensors(encodeCapture(capture, name), name);
  const own = [...tensors].filter(([tensor]) => new RegExp(`^(?:r\\d+/)?${side}/`).test(tensor));
  for (const [tensor, { dtype, shape, bytes: data }] of own) {
    hash.update(`${tensor} ${dtype} ${shape.join('x')}\n`).update(data);
    bytes += data.length;
  }
  return { name, tensors: own.length, bytes, sha256: own.length === 0 ? null : hash.digest('hex') };
}

function differenceOf({ difference, mode }: CaseReport): ReportDifference {
  const { tensor, location, expected, got, memory } = difference!;
  if (memory === null) return { tensor, location, expected, got, memory: null };
  const { offsetBytes, address, element, window } = memory;
  return {
    tensor,
    location,
    expected,
    got,
    memory: {
      offsetBytes,
      address,
      element:
        element === null
          ? null
          : {
              expected: describeElement(element.type, element.expected),
              got: describeElement(element.type, element.got),
            },
      window,
      lastWriter: writerOf(memory, got, mode),
    },
  };
}

function writerOf(
  { lastWriter, search }: MemoryDifference,
  got: number,
  mode: CaseReport['mode'],
): ReportWriter | null {
  if (lastWriter === null) return null;
  const { step, site } = lastWriter;
  return {
    mode: search.mode ?? mode ?? '',
    step,
    thread: describeThread(site),
    kernel: site.kernel,
    operation: site.operation,
    frames: site.frames.map(placeOf),
    otherByte: search.byte === got ? null : search.byte,
  };
}

const placeOf = ({ functionName, file, line }: ReportPlace): ReportPlace => ({ functionName, file, line });

/** Bytes that a reader of the report wants to see first: what differs, what is polled. */
function addressesOf({ difference }: CaseReport, hang: Explanation | null): number[] {
  return [
    ...(difference?.memory == null ? [] : [difference.memory.address]),
    ...(hang?.edges ?? []).flatMap(({ word }) => word?.addresses ?? []),
  ];
}

/** The files that programs are made of and that places are in, as far as the package has them; by path. */
function sourcesOf(programs: readonly Program[], places: readonly ReportPlace[]): ReportSource[] {
  const paths = new Set([
    ...programs.flatMap(({ files }) => files.map(({ path }) => path)),
    ...places.map(({ file }) => file),
  ]);
  return [...paths].sort().flatMap((path) => {
    const lines = readSourceLines(path);
    return lines === null ? [] : [{ path, lines }];
  });
}

function originalsOf(places: readonly ReportPlace[]): Record<string, string> {
  const found: Record<string, string> = {};
  for (const { file, line } of places) {
    const original = originalLine(file, line);
    if (original !== null) found[`${file}:${line}`] = original;
  }
  return found;
}
