import { FULL_MASK, type KernelBody, type Pointer, type Thread } from 'simtwin';

/** Parameters of {@link neighbourKernel}. */
export interface NeighbourArgs {
  readonly iterations: number;
  /** Out: i32 [blockDim.x]. */
  readonly out: Pointer<'i32'>;
}

/** Each round: store, syncthreads, read the right neighbour's value, ballot. Grid: 1. Block: any, in x. */
export function* neighbourKernel(t: Thread, { iterations, out }: NeighbourArgs): KernelBody {
  const values = t.shared('values', 'i32', 2 * t.blockDim.x);
  const tid = t.threadIdx.x;
  const count = t.blockDim.x;
  let x = tid;
  for (let i = 0; i < iterations; i++) {
    values.store((i & 1) * count + tid, x);
    yield* t.syncthreads();
    const neighbour = values.load((i & 1) * count + ((tid + 1) % count));
    const odd = yield* t.ballotSync(FULL_MASK, ((neighbour + i) & 1) === 1);
    x = (Math.imul(neighbour, 3) + odd + i) | 0;
  }
  out.store(tid, x);
}
