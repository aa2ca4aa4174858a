import type { Block } from './block.js';
import type { ThreadSite } from './errors.js';
import { isBarrier, isCollective } from './operation.js';
import type { SourceFrame } from './source-frame.js';
import { PHASE_EXITED, PHASE_PENDING, type Thread } from './thread.js';
import { describeOperation, siteOf } from './thread-site.js';
import type { Warp } from './warp.js';

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
export function groupWaiting(
  blocks: Iterable<Block>,
  framesOf: (thread: Thread) => readonly SourceFrame[],
): WaitingGroup[] {
  const groups = new Map<string, WaitingGroup>();
  for (const block of blocks) {
    for (const warp of block.warps) {
      for (const { lanes, thread } of groupLanes(warp)) {
        const reason = waitingReason(block, thread);
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
function groupLanes(warp: Warp): { lanes: string; thread: Thread }[] {
  const byOperation = new Map<string, Thread[]>();
  for (const thread of warp.threads) {
    if (thread.phase === PHASE_EXITED) continue;
    const key = `${thread.phase} ${thread.opcode} ${thread.mask} ${isBarrier(thread.opcode) ? thread.operandA : ''}`;
    const list = byOperation.get(key);
    if (list === undefined) byOperation.set(key, [thread]);
    else list.push(thread);
  }
  return [...byOperation.values()].map((threads) => ({
    lanes: formatLanes(threads.map(({ laneId }) => laneId)),
    thread: threads[0]!,
  }));
}

function waitingReason(block: Block, thread: Thread): string {
  if (thread.phase !== PHASE_PENDING) return `runs; its last operation was ${describeOperation(thread) || 'none'}`;
  if (isBarrier(thread.opcode)) {
    const barrier = block.barrier(thread.operandA);
    if (barrier === null) return `waits at barrier ${thread.operandA}`;
    const missing = barrier.missingLanes(thread.warp);
    if (missing !== 0) return `waits at barrier ${thread.operandA} for lanes ${formatMask(missing)} of its warp`;
    const { arrived, expected } = barrier.progress;
    return `waits at barrier ${thread.operandA}: ${arrived} of ${expected} threads have arrived`;
  }
  if (isCollective(thread.opcode)) {
    return `waits in ${describeOperation(thread)} for lanes ${formatMask(thread.warp.missingLanes(thread))}`;
  }
  return `waits in ${describeOperation(thread)}`;
}

/** `0-6,8` of 0x17f. */
const formatMask = (mask: number): string =>
  formatLanes(Array.from({ length: 32 }, (_, lane) => lane).filter((lane) => (mask & (1 << lane)) !== 0));

/** `0-6,8` of [0,1,2,3,4,5,6,8]. */
function formatLanes(lanes: readonly number[]): string {
  const parts: string[] = [];
  for (let at = 0; at < lanes.length; ) {
    let end = at;
    while (end + 1 < lanes.length && lanes[end + 1] === lanes[end]! + 1) end++;
    parts.push(end === at ? `${lanes[at]}` : `${lanes[at]}-${lanes[end]}`);
    at = end + 1;
  }
  return parts.join(',');
}
