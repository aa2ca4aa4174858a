import type { Finding } from '../check/index.js';
import type { Outcome } from '../simt/index.js';
import type { Timeline } from '../timeline/index.js';
import type { ReportGraph } from './graph.js';
import type { FidelityReceipt } from './receipt.js';

/** Everything that a report shows of one run: plain data and typed arrays, see `packReport`. */
export interface ReportData {
  readonly format: 'simtwin-report/1';
  readonly summary: ReportSummary;
  readonly receipt: FidelityReceipt;
  /** Null: nothing differs, or nothing was compared. */
  readonly difference: ReportDifference | null;
  /** Why it hangs, and who waits for what at the run's end; null: it does not hang. */
  readonly graph: ReportGraph | null;
  readonly checks: ReportChecks;
  /** What happened in the run; null: `reason` says why nobody looked. */
  readonly timeline: Timeline | null;
  readonly timelineReason: string | null;
  /** Packets of FIFOs as they are at the end of the run; some, if there are many. */
  readonly packets: ReportPackets | null;
  /** Source files that the run's kernels are made of, or that something here names; by path. */
  readonly sources: readonly ReportSource[];
  /** The originals' lines: by `path:line` of a port, `trtllm_alltoall.cuh:396`. Whatever is not here is not known. */
  readonly originals: Readonly<Record<string, string>>;
}

/** What was run, how it ended, and how to do it again. */
export interface ReportSummary {
  readonly file: string;
  readonly op: string;
  readonly shape: string;
  readonly result: 'match' | 'mismatch' | 'error';
  /** Null: the program did not run. */
  readonly verdict: Outcome['verdict'] | null;
  /** What is wrong, in words; null for a match. */
  readonly problem: string | null;
  readonly steps: number;
  readonly threads: number;
  readonly mode: string | null;
  /** Why it is not the mode that was asked for; null if it is. */
  readonly modeReason: string | null;
  readonly schedule: string;
  readonly version: string;
  readonly bytes: {
    readonly compared: number;
    readonly differing: number;
    /** Left out: never defined; counted for ever. */
    readonly undefined: number;
    readonly counters: number;
  };
  /** Who recorded the call; what it says, as it says it. */
  readonly recordedBy: readonly (readonly [label: string, text: string])[];
  readonly digests: readonly ReportDigest[];
  /** Commands of a shell: `replay` does it again, others go on from here. */
  readonly commands: readonly (readonly [label: string, command: string])[];
}

/** SHA-256 of tensors: of name, type, shape and bytes of each, one after the other. */
export interface ReportDigest {
  readonly name: string;
  readonly tensors: number;
  readonly bytes: number;
  /** Lower-case hexadecimal digits; null: there are none. */
  readonly sha256: string | null;
}

/** A source line with what it is called there. */
export interface ReportPlace {
  readonly functionName: string;
  readonly file: string;
  readonly line: number;
}

export interface ReportDifference {
  readonly tensor: string;
  readonly location: string;
  readonly expected: number;
  readonly got: number;
  /** Null for what is no byte of memory. */
  readonly memory: {
    readonly offsetBytes: number;
    readonly address: number;
    /** The number that the byte is of, as text; null: it is none. */
    readonly element: { readonly expected: string; readonly got: string } | null;
    /** Bytes around it; null: never defined. */
    readonly window: {
      readonly offsetBytes: number;
      readonly expected: readonly number[];
      readonly got: readonly (number | null)[];
    };
    /** Null: no thread has written it. */
    readonly lastWriter: ReportWriter | null;
  } | null;
}

/** Who wrote a byte last. `step` is one of a run in `mode`. */
export interface ReportWriter {
  readonly mode: string;
  readonly step: number;
  readonly thread: string;
  readonly kernel: string;
  readonly operation: string;
  /** Innermost first. */
  readonly frames: readonly ReportPlace[];
  /** The byte at the end of that run, if it is another than in this. */
  readonly otherByte: number | null;
}

/** What observers of the run have found. */
export interface ReportChecks {
  /** Null: nobody looked; `reason` says why. */
  readonly findings: readonly Finding[] | null;
  readonly reason: string | null;
}

/** Packets that somebody has written to, as bytes. */
export interface ReportPackets {
  /** How many there are; `packets` may be fewer. */
  readonly written: number;
  readonly packets: readonly ReportPacket[];
}

export interface ReportPacket {
  readonly from: number;
  readonly to: number;
  readonly channel: number;
  readonly slot: number;
  readonly packet: number;
  /** Byte of rank `to`'s workspace that it begins at. */
  readonly offsetBytes: number;
  readonly bytes: Uint8Array;
  /** A byte for 8 of them, the first in its lowest bit: whether they have ever been defined. Null: all have. */
  readonly defined: Uint8Array | null;
}

export interface ReportSource {
  readonly path: string;
  readonly lines: readonly string[];
}
