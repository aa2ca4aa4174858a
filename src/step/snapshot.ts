import { type AllocationCopy, copyAllocation, type LastStep, restoreAllocation } from '../simt/for-engines.js';
import { type ScalarType, SharedMemory } from '../simt/index.js';
import type { Arena, ArenaRanges, RangeState } from './code.js';
import type { DelayedStoresCopy } from './delayed-stores.js';
import type { PendingCollective, StepEngine } from './engine.js';
import type { StepBarrier, StepBlock } from './step-block.js';

interface SharedCopy {
  readonly name: string;
  readonly type: ScalarType;
  readonly count: number;
  readonly contents: AllocationCopy;
}

interface BlockCopy {
  readonly block: StepBlock;
  readonly rows: Int32Array;
  readonly record: Int32Array;
  readonly liveWarps: number;
  readonly liveThreads: number;
  readonly barriers: readonly (StepBarrier | null)[];
  readonly shared: readonly SharedCopy[];
  /** By warp of the block. */
  readonly live: Int32Array;
  readonly lanesAtBarriers: Int32Array;
  readonly lanesOnlyArriving: Int32Array;
  readonly pending: readonly (readonly PendingCollective[] | null)[];
  /** By granule of the block. */
  readonly readyLanes: Int32Array;
  readonly isQueued: Uint8Array;
}

/** Everything that changes as a {@link StepEngine} runs, apart from global memory. */
export interface EngineSnapshot {
  readonly blocks: readonly BlockCopy[];
  readonly ready: Int32Array;
  readonly last: LastStep;
  readonly steps: number;
  readonly idleSteps: number;
  readonly counterSteps: number;
  readonly quietSteps: number;
  readonly liveThreads: number;
  readonly warps: RangeState;
  readonly arenas: ReadonlyMap<Arena, ArenaRanges>;
  readonly delayed: DelayedStoresCopy | null;
}

const arenasOf = (engine: StepEngine): Arena[] =>
  [...engine.arenas.values()].flatMap((list) => list.map(({ arena }) => arena));

export function takeSnapshot(engine: StepEngine): EngineSnapshot {
  const { steps, idleSteps, counterSteps, quietSteps, liveThreads } = engine;
  return {
    blocks: Array.from(engine.residentBlocks, (block) => copyBlock(engine, block)),
    ready: engine.ready.toArray(),
    last: { ...engine.last },
    steps,
    idleSteps,
    counterSteps,
    quietSteps,
    liveThreads,
    warps: engine.warps.state,
    arenas: new Map(arenasOf(engine).map((arena) => [arena, arena.ranges])),
    delayed: engine.delayed?.copy() ?? null,
  };
}

function copyBlock(engine: StepEngine, block: StepBlock): BlockCopy {
  const { arena, rows, record, firstWarp, warpCount, liveWarps, liveThreads } = block;
  const warps = [firstWarp, firstWarp + warpCount] as const;
  const granules = [warps[0] << engine.warpShift, warps[1] << engine.warpShift] as const;
  return {
    block,
    rows: arena.L.slice(rows, rows + block.launch.threadIdxs.length * arena.rowWords),
    record: arena.KI.slice(record, record + arena.infoWords),
    liveWarps,
    liveThreads,
    barriers: block.barriers.map((barrier) => barrier?.clone() ?? null),
    shared: Array.from(block.sharedVariables, ([name, { pointer, count }]) => ({
      name,
      type: pointer.type,
      count,
      contents: copyAllocation(pointer.allocation),
    })),
    live: engine.live.slice(...warps),
    lanesAtBarriers: engine.lanesAtBarriers.slice(...warps),
    lanesOnlyArriving: engine.lanesOnlyArriving.slice(...warps),
    pending: engine.pending.slice(...warps).map((list) => list?.map((group) => ({ ...group })) ?? null),
    readyLanes: engine.readyLanes.slice(...granules),
    isQueued: engine.isQueued.slice(...granules),
  };
}

export function restoreSnapshot(engine: StepEngine, snapshot: EngineSnapshot): void {
  engine.residentBlocks.clear();
  engine.blockOfWarp.fill(null);
  for (const arena of arenasOf(engine)) {
    const ranges = snapshot.arenas.get(arena);
    arena.ranges = ranges ?? [EMPTY, EMPTY];
  }
  for (const copy of snapshot.blocks) restoreBlock(engine, copy);
  engine.ready.reset(snapshot.ready);
  engine.last.granule = snapshot.last.granule;
  engine.last.wrote = snapshot.last.wrote;
  engine.steps = snapshot.steps;
  engine.idleSteps = snapshot.idleSteps;
  engine.counterSteps = snapshot.counterSteps;
  engine.quietSteps = snapshot.quietSteps;
  engine.liveThreads = snapshot.liveThreads;
  engine.warps.state = snapshot.warps;
  engine.stepping = -1;
  if (snapshot.delayed !== null) {
    engine.delayed!.restore(snapshot.delayed, (granule) => engine.blockOfWarp[granule >> engine.warpShift]!);
  }
  engine.forgetEntered();
}

const EMPTY: RangeState = { next: 0, free: new Map() };

function restoreBlock(engine: StepEngine, copy: BlockCopy): void {
  const { block } = copy;
  const { arena, firstWarp, warpCount } = block;
  arena.L.set(copy.rows, block.rows);
  arena.KI.set(copy.record, block.record);
  block.liveWarps = copy.liveWarps;
  block.liveThreads = copy.liveThreads;
  copy.barriers.forEach((barrier, id) => {
    block.barriers[id] = barrier?.clone() ?? null;
  });
  restoreShared(block, copy.shared);
  engine.live.set(copy.live, firstWarp);
  engine.lanesAtBarriers.set(copy.lanesAtBarriers, firstWarp);
  engine.lanesOnlyArriving.set(copy.lanesOnlyArriving, firstWarp);
  engine.readyLanes.set(copy.readyLanes, firstWarp << engine.warpShift);
  engine.isQueued.set(copy.isQueued, firstWarp << engine.warpShift);
  for (let index = 0; index < warpCount; index++) {
    const warp = firstWarp + index;
    engine.blockOfWarp[warp] = block;
    engine.rowOfWarp[warp] = block.rows + index * 32 * arena.rowWords;
    engine.pending[warp] = copy.pending[index]?.map((group) => ({ ...group })) ?? null;
  }
  engine.residentBlocks.add(block);
}

function restoreShared(block: StepBlock, copies: readonly SharedCopy[]): void {
  const known = block.sharedVariables;
  const isSame = known.size === copies.length && copies.every(({ name }) => known.has(name));
  if (!isSame) {
    block.sharedMemory = new SharedMemory();
    for (const { name, type, count } of copies) block.sharedMemory.declare(name, type, count);
  }
  for (const { name, contents } of copies) {
    restoreAllocation(block.sharedVariables.get(name)!.pointer.allocation, contents);
  }
}
