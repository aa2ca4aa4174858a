import type { Capture } from '../capture/index.js';
import {
  describeOutcome,
  type EngineMode,
  type Machine,
  type Outcome,
  type StoreEvent,
  siteOf,
  type ThreadSite,
} from '../simt/index.js';
import type { Call, CallOptions } from './call.js';
import { type Comparison, compareCall } from './compare.js';
import { setUpLocalGather } from './local-gather-call.js';
import { setUpMoeComm } from './moe-comm-call.js';
import { setUpPrepareIndices } from './prepare-indices-call.js';

/**
 * Sets up a captured call on a machine of its own. `file` names the capture in messages.
 * @throws HostCheckError as the host code's checks do; CaptureError if args do not fit; RangeError for a bad schedule.
 */
export function setUpCall(capture: Capture, options: CallOptions, file: string): Call {
  switch (capture.op) {
    case 'moe_comm_prepare_indices':
      return setUpPrepareIndices(capture, options);
    case 'moe_local_gather':
      return setUpLocalGather(capture, options);
    case 'moe_comm':
      return setUpMoeComm(capture, options, file);
    default:
      return capture satisfies never;
  }
}

/** How a replay went. */
export interface ReplayResult {
  /** `match`: it ended as recorded and no byte differs. `error`: it did not come to comparable results. */
  readonly result: 'match' | 'mismatch' | 'error';
  readonly outcome: Outcome;
  /** Null if the simulated program failed, hit a limit, or there is nothing to compare with. */
  readonly comparison: Comparison | null;
  /** What is wrong, in words; null for a match. */
  readonly problem: string | null;
}

/** Judges a call that has ended by what was captured. */
export function judge(capture: Capture, call: Call, outcome: Outcome): ReplayResult {
  const recordedHang = capture.op === 'moe_comm' && capture.recordedVerdict === 'hangs';
  const hasOutputs =
    capture.op === 'moe_comm' ? capture.ranks.every(({ outputs }) => outputs !== null) : capture.outputs !== null;
  const hangs = outcome.verdict === 'deadlock' || outcome.verdict === 'livelock';
  const endedAsRecorded = recordedHang ? hangs : outcome.verdict === 'completes';
  const described = describeOutcome(outcome, call.machine.limits);
  if (!endedAsRecorded && outcome.verdict !== 'completes') {
    return { result: 'error', outcome, comparison: null, problem: described };
  }
  if (!hasOutputs) {
    return { result: 'error', outcome, comparison: null, problem: 'the capture has no outputs to compare with' };
  }
  const comparison = compareCall(call, outcome.verdict === 'livelock' ? outcome.counters : []);
  if (!endedAsRecorded) {
    return { result: 'mismatch', outcome, comparison, problem: 'completes, but the GPU hung' };
  }
  const { differingBytes } = comparison;
  return differingBytes === 0
    ? { result: 'match', outcome, comparison, problem: null }
    : { result: 'mismatch', outcome, comparison, problem: `${differingBytes} bytes differ` };
}

/** The last store to a byte before the run ended. */
export interface LastWriter {
  /** Step of the run that looked for it. */
  readonly step: number;
  readonly site: ThreadSite;
}

/** A call that is to be run once more, with a watch on a byte. */
export interface LastWriterSearch {
  /** Run it to its end. */
  readonly machine: Machine;
  /** Who wrote the byte last so far. Null: no thread did (the byte is as the host left it). */
  lastWriter(): LastWriter | null;
  /** How it runs; null before its first step. A run in mode `fast` is searched in mode `step`, which watches memory. */
  readonly mode: EngineMode | null;
  /** The byte now. Where bytes depend on the order of steps, it may be another than in the run that is searched. */
  readonly byte: number;
}

/**
 * Sets up a call once more under the same schedule, to find who writes the byte at `address` last. It runs in mode `step`
 * where `fast` is asked for, so that the order of steps may be another.
 */
export function searchLastWriter(
  capture: Capture,
  options: CallOptions,
  file: string,
  address: number,
): LastWriterSearch {
  const { machine } = setUpCall(capture, options, file);
  let last: LastWriter | null = null;
  machine.watch(address, 1, ({ step, thread, frames }: StoreEvent) => {
    // A visible store is reported when its thread goes on, which may be after later stores of others.
    if (last === null || step >= last.step) last = { step, site: siteOf(thread, frames) };
  });
  const allocation = machine.memory.allocationAt(address);
  return {
    machine,
    lastWriter: () => last,
    get mode() {
      return machine.mode;
    },
    get byte() {
      return allocation.u8[address - allocation.base]!;
    },
  };
}

/**
 * Finds who wrote a byte last, by running the call once more under the same schedule with a watch on the byte.
 * Null: no thread did (the byte is as the host left it).
 */
export function findLastWriter(
  capture: Capture,
  options: CallOptions,
  file: string,
  address: number,
): LastWriter | null {
  const search = searchLastWriter(capture, options, file, address);
  search.machine.run();
  return search.lastWriter();
}
