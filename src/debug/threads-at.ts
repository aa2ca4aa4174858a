import { isBarrier, PHASE_EXITED, PHASE_IDLE, PHASE_PENDING } from '../simt/for-engines.js';
import type { Dim3, SourceFrame } from '../simt/index.js';
import type { StepEngine, ThreadState } from '../step/index.js';
import type { StepBlock } from '../step/step-block.js';
import { placeOf, placesOf } from './places.js';

/** Threads of a rank and kernel that are at the same place in the same state. */
export interface ThreadsAt {
  readonly rank: number;
  readonly kernel: string;
  readonly state: Exclude<ThreadState, 'exited'>;
  /** The operation that they have come to last: `ld.v2`; `none` before the first. */
  readonly operation: string;
  readonly frames: readonly SourceFrame[];
  readonly threads: number;
  /** By block, in the order in which they became resident. */
  readonly blocks: readonly { readonly blockIdx: Dim3; readonly warps: readonly { warp: number; lanes: number }[] }[];
}

interface Building {
  readonly group: Omit<ThreadsAt, 'threads' | 'blocks'>;
  threads: number;
  readonly blocks: Map<StepBlock, { warp: number; lanes: number }[]>;
}

/** Where all threads are that have not exited, of every resident block, equal ones together; in order of their first thread. */
export function threadsAt(engine: StepEngine): ThreadsAt[] {
  const groups = new Map<string, Building>();
  for (const block of engine.residentBlocks) {
    const { arena, launch, warpCount } = block;
    const places = placesOf(arena.code);
    for (let warp = 0; warp < warpCount; warp++) {
      const live = engine.live[block.firstWarp + warp]!;
      for (const [key, lanes] of lanesByPlace(engine, block, warp, live)) {
        const number = Math.floor(key / 4);
        const name = `${launch.device} ${launch.name} ${key}`;
        let building = groups.get(name);
        if (building === undefined) {
          const group = {
            rank: launch.device,
            kernel: launch.name,
            state: STATES[key % 4]!,
            operation: places.operations[number]!,
            frames: places.frames[number]!,
          };
          building = { group, threads: 0, blocks: new Map() };
          groups.set(name, building);
        }
        building.threads += bitCount(lanes);
        const warps = building.blocks.get(block);
        if (warps === undefined) building.blocks.set(block, [{ warp, lanes }]);
        else warps.push({ warp, lanes });
      }
    }
  }
  return Array.from(groups.values(), ({ group, threads, blocks }) => ({
    ...group,
    threads,
    blocks: Array.from(blocks, ([{ blockIdx }, warps]) => ({ blockIdx, warps })),
  }));
}

const STATES = ['ready', 'waits for its warp', 'waits at a barrier'] as const;

/** Live lanes by 4 * number of the visible instruction + state. */
function lanesByPlace(engine: StepEngine, block: StepBlock, warp: number, live: number): Map<number, number> {
  const { code } = block.arena;
  const found = new Map<number, number>();
  for (let rest = live; rest !== 0; rest &= rest - 1) {
    const lane = 31 - Math.clz32(rest & -rest);
    const rank = warp * 32 + lane;
    const phase = engine.phaseOf(block, rank);
    if (phase === PHASE_EXITED) continue;
    const number = phase === PHASE_IDLE ? 0 : placeOf(block, rank);
    const state = phase !== PHASE_PENDING ? 0 : isBarrier(code.visible.opcode[number]!) ? 2 : 1;
    const key = number * 4 + state;
    found.set(key, (found.get(key) ?? 0) | (1 << lane));
  }
  return found;
}

function bitCount(word: number): number {
  let count = 0;
  for (let rest = word; rest !== 0; rest &= rest - 1) count++;
  return count;
}

/** Why a thread cannot go on. */
export type Wait =
  | {
      readonly kind: 'barrier';
      readonly id: number;
      readonly arrived: number;
      readonly expected: number;
      /** Warps of the block with live threads that have not arrived; those of the same group first asked for by the count. */
      readonly missingWarps: readonly number[];
    }
  | { readonly kind: 'warp'; readonly operation: string; readonly missingLanes: number };

/** What a thread waits for; null: it is ready or has exited. */
export function waitOf(engine: StepEngine, block: StepBlock, threadRank: number): Wait | null {
  const phase = engine.phaseOf(block, threadRank);
  if (phase !== PHASE_PENDING) return null;
  const thread = engine.threadOf(block, threadRank, phase);
  const warp = threadRank >>> 5;
  if (!isBarrier(thread.opcode)) {
    const missingLanes = engine.missingLanes(block.firstWarp + warp, threadRank & 31);
    return { kind: 'warp', operation: placesOf(block.arena.code).operations[thread.visible]!, missingLanes };
  }
  const id = thread.operandA;
  const barrier = block.barriers[id] ?? null;
  if (barrier === null) return { kind: 'barrier', id, arrived: 0, expected: 0, missingWarps: [] };
  const expected = barrier.expected === 0 ? block.liveWarps * 32 : barrier.expected;
  const { threadIdxs } = block.launch;
  const { y, z } = threadIdxs[threadRank]!;
  const isOfAll = expected >= block.liveWarps * 32;
  const missingWarps: number[] = [];
  for (let other = 0; other < block.warpCount; other++) {
    if (engine.live[block.firstWarp + other] === 0 || barrier.hasArrived[other] === 1) continue;
    const first = threadIdxs[other * 32]!;
    if (isOfAll || (first.y === y && first.z === z)) missingWarps.push(other);
  }
  return { kind: 'barrier', id, arrived: barrier.arrivedWarps * 32, expected, missingWarps };
}
