import type { SourceFrame } from './source-frame.js';
import type { ThreadView } from './thread-site.js';

/** Why a simulated program is at fault. The text of a fault may change; its code does not. */
export type FaultCode =
  | 'OUT_OF_BOUNDS'
  | 'MISALIGNED'
  | 'USE_AFTER_FREE'
  | 'UNDEFINED_READ'
  | 'UNDEFINED_SHUFFLE'
  | 'WARP_MASK'
  | 'WARP_DIVERGENCE'
  | 'BARRIER_ID'
  | 'BARRIER_COUNT'
  | 'BARRIER_DIVERGENCE'
  | 'BARRIER_ARRIVALS'
  | 'SHARED_DECLARATION'
  | 'DROPPED_OPERATION'
  | 'INVALID_OPERAND'
  | 'KERNEL_THREW';

/** One thread of a launch, and where in its source it is. Blocks and threads are CUDA coordinates. */
export interface ThreadSite {
  /** Device (rank) that runs the block. */
  readonly rank: number;
  readonly kernel: string;
  /** `blockIdx` as (x,y,z). */
  readonly block: string;
  /** `threadIdx` as (x,y,z). */
  readonly thread: string;
  readonly warp: number;
  readonly lane: number;
  /** The operation that the thread performs or waits at, in words. */
  readonly operation: string;
  /** Innermost first; the kernel's own frames only. Empty where the runtime gives no stack. */
  readonly frames: readonly SourceFrame[];
}

/** `rank 1 block (0,0,1) warp 2 lane 7 (thread (7,1,0))` */
export const describeThread = (site: ThreadSite): string =>
  `rank ${site.rank} block ${site.block} warp ${site.warp} lane ${site.lane} (thread ${site.thread})`;

/** Whose fault it is, where that is not just the thread that runs. */
export interface FaultThreads {
  /** The thread at fault; default: the one that runs. */
  readonly thread?: ThreadView;
  /** Another thread that takes part in the fault. */
  readonly other?: ThreadView | undefined;
}

/** Told of each fault when it is made. One at a time, for the machine that runs. */
let faultObserver: ((fault: Fault) => void) | null = null;

/** Makes `observer` the one that is told of faults; the result is the one before it, to be put back. */
export function observeFaults(observer: typeof faultObserver): typeof faultObserver {
  const before = faultObserver;
  faultObserver = observer;
  return before;
}

/**
 * A fault raised deep in the machine, where nobody knows the source line of a thread.
 * The machine turns it into a {@link SimtError}; nobody else should see one.
 */
export class Fault extends Error {
  override readonly name = 'Fault';
  readonly code: FaultCode;
  readonly thread: ThreadView | null;
  readonly other: ThreadView | null;

  constructor(code: FaultCode, message: string, { thread, other }: FaultThreads = {}) {
    super(message);
    this.code = code;
    this.thread = thread ?? null;
    this.other = other ?? null;
    faultObserver?.(this);
  }
}

/** An error of the simulated program: which thread, where, under which schedule. */
export class SimtError extends Error {
  override readonly name = 'SimtError';
  readonly code: FaultCode;
  /** What is wrong, in one sentence, without the facts below. */
  readonly reason: string;
  readonly site: ThreadSite;
  readonly other: ThreadSite | null;
  /** Token of the schedule that reaches the error. */
  readonly schedule: string;
  /** Number of scheduler steps before the error. */
  readonly step: number;

  constructor(
    code: FaultCode,
    reason: string,
    site: ThreadSite,
    other: ThreadSite | null,
    schedule: string,
    step: number,
  ) {
    super(formatSimtError(code, reason, site, other, schedule, step));
    this.code = code;
    this.reason = reason;
    this.site = site;
    this.other = other;
    this.schedule = schedule;
    this.step = step;
  }
}

function formatSimtError(
  code: FaultCode,
  reason: string,
  site: ThreadSite,
  other: ThreadSite | null,
  schedule: string,
  step: number,
): string {
  const lines = [`${code}: ${reason}`, ...describeSite('', site)];
  if (other !== null) lines.push(...describeSite('other ', other));
  lines.push(`  at step ${step} of schedule ${schedule}`);
  return lines.join('\n');
}

function describeSite(prefix: string, site: ThreadSite): string[] {
  const lines = [`  ${prefix}thread: ${describeThread(site)} of ${site.kernel}`];
  if (site.operation !== '') lines.push(`  ${prefix}operation: ${site.operation}`);
  if (site.frames.length > 0)
    lines.push(`  ${prefix}source: ${site.frames.map((frame) => `${frame.file}:${frame.line}`).join(' < ')}`);
  return lines;
}

/** A broken promise of simtwin itself, never of the simulated program or of the caller. */
export function assertInvariant(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Error(`[simtwin bug] ${what}`);
}
