import { FULL_MASK, type KernelBody, mulI32, type Pointer, popc, type Thread } from '../../../src/simt/index.js';
import type { ZooArgs } from './arguments.js';

// Zoo 5: arithmetic, layout, undefined memory, order of atomics.

export interface Z44Args {
  /** Row 0 of a tensor of which only one row is on this rank. */
  readonly rows: Pointer<'u32'>;
  readonly row: number;
  /** Words of a row. */
  readonly stride: number;
  readonly output: Pointer<'u32'>;
}

/** Z44 (sglang#4727): the product of a row and a stride is an int, and wraps. */
export function* z44(t: Thread, { rows, row, stride, output }: Z44Args): KernelBody {
  const words = rows.add(mulI32(row, stride));
  output.store(t.threadIdx.x, words.load(t.threadIdx.x));
}

/** The twin of {@link z44}: a product of 64 bits. */
export function* z44Fixed(t: Thread, { rows, row, stride, output }: Z44Args): KernelBody {
  const words = rows.add(BigInt(row) * BigInt(stride));
  output.store(t.threadIdx.x, words.load(t.threadIdx.x));
}

export interface Z45Args {
  /** u32 [layers][worldSize]: places in `data`. */
  readonly table: Pointer<'u32'>;
  readonly worldSize: number;
  readonly rank: number;
  readonly data: Pointer<'u32'>;
  readonly output: Pointer<'u32'>;
}

/**
 * Z45 (flashinfer#3903): the host fills a table of pointers with one stride, and the kernel reads it with another. They
 * are equal for 16 ranks.
 */
export function* z45(t: Thread, { table, rank, data, output }: Z45Args): KernelBody {
  const layer = t.threadIdx.x;
  output.store(layer, data.load(table.load(layer * 16 + rank)));
}

/** The twin of {@link z45}: the stride of the host. */
export function* z45Fixed(t: Thread, { table, worldSize, rank, data, output }: Z45Args): KernelBody {
  const layer = t.threadIdx.x;
  output.store(layer, data.load(table.load(layer * worldSize + rank)));
}

export interface Z46Args {
  readonly stages: Pointer<'u32'>;
  /** Words of a stage. */
  readonly words: number;
  readonly output: Pointer<'u32'>;
}

/**
 * Z46 (flashinfer#4473): the second stage begins where the first one ends, which is not aligned to a wide access.
 * Thread n reads the first 16 bytes of stage n.
 */
export function* z46(t: Thread, { stages, words, output }: Z46Args): KernelBody {
  const stage = stages.add(t.threadIdx.x * words);
  const vector = t.registerArray('u32', 4);
  yield* t.loadVolatileV4(stage, 0, [vector.at(0), vector.at(1), vector.at(2), vector.at(3)]);
  for (let index = 0; index < 4; index++) output.store(t.threadIdx.x * 4 + index, vector.at(index).value);
}

/** The twin of {@link z46}: stages are padded to 16 bytes. */
export function* z46Fixed(t: Thread, { stages, words, output }: Z46Args): KernelBody {
  const stage = stages.add(t.threadIdx.x * ((words + 3) & ~3));
  const vector = t.registerArray('u32', 4);
  yield* t.loadVolatileV4(stage, 0, [vector.at(0), vector.at(1), vector.at(2), vector.at(3)]);
  for (let index = 0; index < 4; index++) output.store(t.threadIdx.x * 4 + index, vector.at(index).value);
}

export interface Z47Args {
  /** u32 [rows]; the first `validRows` are written. */
  readonly expertIds: Pointer<'u32'>;
  readonly validRows: number;
  readonly output: Pointer<'u32'>;
}

/** Z47 (sglang#24850): rows that only fill a tile up have expert ids that nobody wrote. */
export function* z47(t: Thread, { expertIds, output }: Z47Args): KernelBody {
  const expert = expertIds.load(t.threadIdx.x);
  output.store(t.threadIdx.x, expert + 1);
}

/** The twin of {@link z47}: leaves such rows out. */
export function* z47Fixed(t: Thread, { expertIds, validRows, output }: Z47Args): KernelBody {
  if (t.threadIdx.x >= validRows) return;
  const expert = expertIds.load(t.threadIdx.x);
  output.store(t.threadIdx.x, expert + 1);
}

/** Z48 (sglang#33511): the order of atomics decides where items go. */
export function* z48(t: Thread, { flags: counter, output }: ZooArgs): KernelBody {
  const isKept = t.threadIdx.x % 2 === 0;
  // BUG: whoever comes first is first.
  if (isKept) output.store(yield* t.atomicAdd(counter, 0, 1), t.threadIdx.x + 1);
}

/** The twin of {@link z48}: places are counted by ballots, in the order of the threads. */
export function* z48Fixed(t: Thread, { output }: ZooArgs): KernelBody {
  const isKept = t.threadIdx.x % 2 === 0;
  const counts = t.shared('counts', 'i32', 4);
  const warp = t.threadIdx.x >>> 5;
  const kept = yield* t.ballotSync(FULL_MASK, isKept);
  if (t.laneId === 0) counts.store(warp, popc(kept));
  yield* t.syncthreads();
  let slot = popc(kept & t.lanemaskLt);
  for (let before = 0; before < warp; before++) slot = (slot + counts.load(before)) | 0;
  if (isKept) output.store(slot, t.threadIdx.x + 1);
}
