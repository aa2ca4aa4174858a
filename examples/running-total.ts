import type { KernelBody, Pointer, Thread } from 'simtwin';

/** Parameters of `runningTotal`. */
export interface RunningTotalArgs {
  /** u32 [blocks]. */
  readonly values: Pointer<'u32'>;
  /** u32 [blocks]. */
  readonly totals: Pointer<'u32'>;
  /** u32 [blocks], zeroed by the host: 1 once the block's total is there. */
  readonly ready: Pointer<'u32'>;
}

/** Adds up the values before and at each block: `runningTotal<<<blocks, 32>>>(values, totals, ready)`. */
export function* runningTotal(t: Thread, { values, totals, ready }: RunningTotalArgs): KernelBody {
  if (t.threadRank !== 0) return;
  const block = t.blockIdx.x;
  let total = values.load(block);
  if (block > 0) {
    while ((yield* t.loadAcquire('device', ready, block - 1)) === 0) {}
    total = (total + totals.load(block - 1)) >>> 0;
  }
  totals.store(block, total);
  yield* t.storeRelease('device', ready, block, 1);
}

/** The same with a bug: block 0 waits as well, for the last one. */
export function* runningTotalInARing(t: Thread, { values, totals, ready }: RunningTotalArgs): KernelBody {
  if (t.threadRank !== 0) return;
  const block = t.blockIdx.x;
  const before = (block + t.gridDim.x - 1) % t.gridDim.x;
  while ((yield* t.loadAcquire('device', ready, before)) === 0) {}
  totals.store(block, (values.load(block) + totals.load(before)) >>> 0);
  yield* t.storeRelease('device', ready, block, 1);
}
