import type { Allocation } from '../../simt/index.js';
import type { PendingCollective, StepEngine } from '../../step/engine.js';
import { putBytes, type SavedBytes, saveBytes } from '../../step/saved-bytes.js';
import type { StepBarrier, StepBlock } from '../../step/step-block.js';

interface OldBlock {
  readonly block: StepBlock;
  readonly barriers: readonly (StepBarrier | null)[];
  readonly liveWarps: number;
  readonly liveThreads: number;
  readonly live: Int32Array;
  readonly lanesAtBarriers: Int32Array;
  readonly lanesOnlyArriving: Int32Array;
  readonly pending: readonly (readonly PendingCollective[] | null)[];
  readonly readyLanes: Int32Array;
  readonly isQueued: Uint8Array;
}

/**
 * Takes back a few steps of whole warps. It costs what they touch, where a snapshot costs what all have ever touched.
 * Domain: steps that {@link canStep}; errors are none of the machine's.
 */
export class Undo {
  readonly #engine: StepEngine;
  readonly #rows = new Map<number, Int32Array>();
  readonly #blocks = new Map<StepBlock, OldBlock>();
  readonly #bytes: SavedBytes[] = [];
  #scalars: readonly [number, number, number, number, number] = [0, 0, 0, 0, 0];
  #last: { readonly granule: unknown; readonly wrote: boolean } = { granule: null, wrote: false };
  #ready: Int32Array = new Int32Array(0);
  isActive = false;

  constructor(engine: StepEngine) {
    this.#engine = engine;
  }

  /** Whether a step of a granule can be taken back: it may not end its block or declare shared memory. */
  canStep(granule: number): boolean {
    const { blockOfWarp, live, warpShift } = this.#engine;
    if (warpShift !== 0) return false;
    const block = blockOfWarp[granule]!;
    if (block.sharedVariables.size < sharedCount(block)) return false;
    let others = 0;
    for (let warp = block.firstWarp; warp < block.firstWarp + block.warpCount; warp++) {
      if (warp !== granule && live[warp] !== 0) others++;
    }
    return others > 0;
  }

  begin(): void {
    const engine = this.#engine;
    const { steps, idleSteps, counterSteps, quietSteps, liveThreads } = engine;
    this.#scalars = [steps, idleSteps, counterSteps, quietSteps, liveThreads];
    this.#last = { ...engine.last };
    this.#ready = engine.ready.toArray();
    this.isActive = true;
  }

  /** Makes a step that {@link rollBack} takes back. Result: whether it has succeeded. */
  step(granule: number): boolean {
    const engine = this.#engine;
    const block = engine.blockOfWarp[granule]!;
    if (!this.#blocks.has(block)) this.#blocks.set(block, this.#copyBlock(block));
    if (!this.#rows.has(granule)) {
      const row = engine.rowOfWarp[granule]!;
      this.#rows.set(granule, block.arena.L.slice(row, row + rowsWords(block, granule)));
    }
    const { ready } = engine;
    let index = 0;
    while (ready.at(index) !== granule) index++;
    try {
      engine.stepAt(index);
      return true;
    } catch {
      return false;
    }
  }

  /** Bytes are about to be written. */
  write(allocation: Allocation, offset: number, count: number): void {
    this.#bytes.push(saveBytes(allocation, offset, count));
  }

  rollBack(): void {
    const engine = this.#engine;
    for (let old = this.#bytes.pop(); old !== undefined; old = this.#bytes.pop()) putBytes(old);
    for (const [granule, rows] of this.#rows) {
      engine.blockOfWarp[granule]!.arena.L.set(rows, engine.rowOfWarp[granule]!);
    }
    for (const old of this.#blocks.values()) this.#restoreBlock(old);
    this.#rows.clear();
    this.#blocks.clear();
    [engine.steps, engine.idleSteps, engine.counterSteps, engine.quietSteps, engine.liveThreads] = this.#scalars;
    engine.last.granule = this.#last.granule;
    engine.last.wrote = this.#last.wrote;
    engine.ready.reset(this.#ready);
    engine.stepping = -1;
    this.isActive = false;
  }

  #copyBlock(block: StepBlock): OldBlock {
    const engine = this.#engine;
    const range = [block.firstWarp, block.firstWarp + block.warpCount] as const;
    return {
      block,
      barriers: block.barriers.map((barrier) => barrier?.clone() ?? null),
      liveWarps: block.liveWarps,
      liveThreads: block.liveThreads,
      live: engine.live.slice(...range),
      lanesAtBarriers: engine.lanesAtBarriers.slice(...range),
      lanesOnlyArriving: engine.lanesOnlyArriving.slice(...range),
      pending: engine.pending.slice(...range).map((list) => list?.map((group) => ({ ...group })) ?? null),
      readyLanes: engine.readyLanes.slice(...range),
      isQueued: engine.isQueued.slice(...range),
    };
  }

  #restoreBlock(old: OldBlock): void {
    const engine = this.#engine;
    const { block } = old;
    const { firstWarp } = block;
    old.barriers.forEach((barrier, id) => {
      block.barriers[id] = barrier;
    });
    block.liveWarps = old.liveWarps;
    block.liveThreads = old.liveThreads;
    engine.live.set(old.live, firstWarp);
    engine.lanesAtBarriers.set(old.lanesAtBarriers, firstWarp);
    engine.lanesOnlyArriving.set(old.lanesOnlyArriving, firstWarp);
    engine.readyLanes.set(old.readyLanes, firstWarp);
    engine.isQueued.set(old.isQueued, firstWarp);
    old.pending.forEach((list, index) => {
      engine.pending[firstWarp + index] = list === null ? null : [...list];
    });
  }
}

/** Words of the rows of a warp. */
function rowsWords({ arena, firstWarp, launch }: StepBlock, warp: number): number {
  return Math.min(32, launch.threadIdxs.length - (warp - firstWarp) * 32) * arena.rowWords;
}

const counts = new WeakMap<object, number>();

/** Shared variables that the program of a block declares. */
function sharedCount({ arena }: StepBlock): number {
  const { program } = arena.code.emitted;
  let count = counts.get(program);
  if (count === undefined) {
    const names = program.blocks.flatMap(({ instructions }) =>
      instructions.flatMap((instruction) => (instruction.op === 'shared' ? [instruction.name] : [])),
    );
    count = new Set(names).size;
    counts.set(program, count);
  }
  return count;
}
