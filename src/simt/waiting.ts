import type { ThreadSite } from './errors.js';
import { formatLanes } from './lanes.js';
import { isBarrier, isCollective } from './operation.js';
import type { SourceFrame } from './source-frame.js';
import { PHASE_EXITED, PHASE_PENDING } from './thread.js';
import { describeOperation, siteOf, type ThreadView } from './thread-site.js';

/** A warp of any engine. */
interface WarpView<T extends ThreadView> {
  readonly threads: readonly T[];
  /** Lanes for which the warp-wide operation that `thread` waits at still waits; 0 if it waits at none. */
  missingLanes(thread: T): number;
}

/** A resident block of any engine. */
export interface BlockView<T extends ThreadView> {
  readonly warps: readonly WarpView<T>[];
  /** The barrier of that number, or null if nobody has used it. */
  barrier(id: number): {
    /** Live lanes of a warp that are not here, although others of it are and wait for them. */
    missingLanes(warp: WarpView<T>): number;
    /** Threads that count as arrived, and those that must. */
    readonly progress: { readonly arrived: number; readonly expected: number };
  } | null;
}

/** Warps that wait in the same way, merged. */
export interface WaitingGroup {
  /** The first thread of the first warp. */
  readonly site: ThreadSite;
  /** Lanes of each of the warps, as ranges: `0-6,8`. */
  readonly lanes: string;
  /** Number of warps that are alike in rank, kernel, lanes, operation and reason. */
  readonly warps: number;
  /** What they wait for or do. */
  readonly reason: string;
}

/**
 * Where every thread of the blocks that has not exited is. `framesOf` gives a thread's source frames.
 * Result: groups in order of their first thread.
 */
export function groupWaiting<T extends ThreadView>(
  blocks: Iterable<BlockView<T>>,
  framesOf: (thread: T) => readonly SourceFrame[],
): WaitingGroup[] {
  const groups = new Map<string, WaitingGroup>();
  for (const block of blocks) {
    for (const warp of block.warps) {
      for (const { lanes, thread } of groupLanes(warp)) {
        const reason = waitingReason(block, warp, thread);
        const line = framesOf(thread);
        const site = siteOf(thread, line);
        const key = [site.rank, site.kernel, lanes, reason, line[0]?.file, line[0]?.line].join('|');
        const known = groups.get(key);
        groups.set(key, known === undefined ? { site, lanes, warps: 1, reason } : { ...known, warps: known.warps + 1 });
      }
    }
  }
  return [...groups.values()];
}

/** Lanes of a warp by what they wait for. */
function groupLanes<T extends ThreadView>(warp: WarpView<T>): { lanes: string; thread: T }[] {
  const byOperation = new Map<string, T[]>();
  for (const thread of warp.threads) {
    if (thread.phase === PHASE_EXITED) continue;
    const key = `${thread.phase} ${thread.opcode} ${thread.mask} ${isBarrier(thread.opcode) ? thread.operandA : ''}`;
    const list = byOperation.get(key);
    if (list === undefined) byOperation.set(key, [thread]);
    else list.push(thread);
  }
  return [...byOperation.values()].map((threads) => ({
    lanes: formatLanes(threads.reduce((lanes, { laneId }) => lanes | (1 << laneId), 0)),
    thread: threads[0]!,
  }));
}

function waitingReason<T extends ThreadView>(block: BlockView<T>, warp: WarpView<T>, thread: T): string {
  if (thread.phase !== PHASE_PENDING) return `runs; its last operation was ${describeOperation(thread) || 'none'}`;
  if (isBarrier(thread.opcode)) {
    const barrier = block.barrier(thread.operandA);
    if (barrier === null) return `waits at barrier ${thread.operandA}`;
    const missing = barrier.missingLanes(warp);
    if (missing !== 0) return `waits at barrier ${thread.operandA} for lanes ${formatLanes(missing)} of its warp`;
    const { arrived, expected } = barrier.progress;
    return `waits at barrier ${thread.operandA}: ${arrived} of ${expected} threads have arrived`;
  }
  if (isCollective(thread.opcode)) {
    return `waits in ${describeOperation(thread)} for lanes ${formatLanes(warp.missingLanes(thread))}`;
  }
  return `waits in ${describeOperation(thread)}`;
}
