import type { Dim3 } from '../simt/index.js';
import type { StepEngine } from '../step/index.js';
import type { StepBlock } from '../step/step-block.js';

/** A thread, resident or not: the one that is looked at and stepped. */
export interface Focus {
  readonly rank: number;
  readonly kernel: string;
  readonly blockIdx: Dim3;
  readonly threadRank: number;
}

/** What is stepped together. `group`: the warps of the block that have threads of the same `threadIdx.y`. */
export type Unit = 'thread' | 'warp' | 'group' | 'block';

export const warpOf = ({ threadRank }: Focus): number => threadRank >>> 5;
export const laneOf = ({ threadRank }: Focus): number => threadRank & 31;

export const focusOf = ({ launch, blockIdx }: StepBlock, threadRank: number): Focus => ({
  rank: launch.device,
  kernel: launch.name,
  blockIdx,
  threadRank,
});

/** The block of a focus; null: it is not resident. */
export function blockOf(engine: StepEngine, { rank, kernel, blockIdx }: Focus): StepBlock | null {
  for (const block of engine.residentBlocks) {
    const { x, y, z } = block.blockIdx;
    const isThere = x === blockIdx.x && y === blockIdx.y && z === blockIdx.z;
    if (isThere && block.launch.device === rank && block.launch.name === kernel) return block;
  }
  return null;
}

/** The granule of a thread. */
export const granuleOf = (engine: StepEngine, block: StepBlock, threadRank: number): number =>
  ((block.firstWarp + (threadRank >>> 5)) << engine.warpShift) + ((threadRank & 31) >>> engine.granuleShift);

/** The granules that a unit of a thread has, exited ones too. `thread`: the granule that steps it. */
export function granulesOf(engine: StepEngine, block: StepBlock, threadRank: number, unit: Unit): Set<number> {
  if (unit === 'thread') return new Set([granuleOf(engine, block, threadRank)]);
  const { threadIdxs } = block.launch;
  const isIn = (rank: number): boolean => {
    if (unit === 'block') return true;
    if (unit === 'warp') return rank >>> 5 === threadRank >>> 5;
    const { y, z } = threadIdxs[threadRank]!;
    return threadIdxs[rank]!.y === y && threadIdxs[rank]!.z === z;
  };
  const found = new Set<number>();
  for (let rank = 0; rank < threadIdxs.length; rank++) if (isIn(rank)) found.add(granuleOf(engine, block, rank));
  return found;
}

/** Whether a thread has not exited. Domain: a resident block. */
export const isAlive = (engine: StepEngine, block: StepBlock, threadRank: number): boolean =>
  (engine.live[block.firstWarp + (threadRank >>> 5)]! & (1 << (threadRank & 31))) !== 0;
