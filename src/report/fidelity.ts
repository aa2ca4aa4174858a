import type { Schedule } from '../simt/index.js';

/**
 * What the machine models, assumes and does not model: the tables of docs/FIDELITY.md, which a test compares with these,
 * and the receipt of a run. `name` and `text` are Markdown of one line: code spans and links, whose targets are relative
 * to docs/.
 */
export interface FidelityEntry {
  readonly name: string;
  readonly text: string;
}

/** What is modelled exactly. */
export interface ModelledEntry extends FidelityEntry {
  /** Whether a run's kernels have it; absent: every run rests on it. */
  readonly isIn?: (features: ReadonlySet<KernelFeature>) => boolean;
}

/** Parts of the machine that not every kernel uses. */
export type KernelFeature = 'warp operations' | 'tiles' | 'barriers' | 'block scan' | 'shared memory' | 'atomics';

/** A choice where hardware leaves room. */
export interface AssumedEntry extends FidelityEntry {
  /** What of the schedule drops it; null: it holds. Absent: it always holds. */
  readonly droppedBy?: (schedule: Schedule) => string | null;
}

const has =
  (feature: KernelFeature) =>
  (features: ReadonlySet<KernelFeature>): boolean =>
    features.has(feature);

export const MODELLED: readonly ModelledEntry[] = [
  {
    name: 'threads',
    text: 'one per CUDA thread; `threadIdx`, `blockIdx`, `blockDim`, `gridDim`, `%lanemask_*`; limits of a launch configuration',
  },
  {
    name: '`int`, `unsigned`, 64-bit',
    text: 'wrap at 32 and 64 bits; `int` products wrap before they are added to a pointer; `/` and `%` truncate towards zero, by zero they are an error',
  },
  { name: '`float`', text: 'moved as bit patterns: NaN payloads and -0 survive' },
  {
    name: 'warp operations with a mask',
    text: '`__syncwarp`, `__any_sync`, `__all_sync`, `__ballot_sync`, `__shfl_*_sync` (4 kinds, widths), `__match_any_sync`, `__match_all_sync`, `__reduce_*_sync`. A caller outside its mask, lanes that wait for each other with different masks or in different operations, a shuffle from a lane that takes no part: errors',
    isIn: has('warp operations'),
  },
  { name: 'cooperative-groups tiles', text: 'of 1, 2, 4, 8, 16, 32 lanes', isIn: has('tiles') },
  {
    name: 'barriers',
    text: '`__syncthreads`, `barrier{.cta}.sync` and `.arrive` 0 to 15 with a thread count, aligned or not. A number above 15, a count that is no multiple of 32 or not that of the phase, a second arrival of a warp, lanes of a warp at different aligned barriers: errors',
    isIn: has('barriers'),
  },
  {
    name: '`cub::BlockScan<int, N>`',
    text: 'raking algorithm, on shared memory, with its two block barriers; a block of one warp scans with shuffles',
    isIn: has('block scan'),
  },
  {
    name: 'global memory',
    text: 'one address space over all ranks, symmetric workspaces with any rank stride; 1 to 16 bytes an access',
  },
  {
    name: 'addresses',
    text: 'out of bounds, misaligned, use after free: errors with thread, source line, allocation and distance',
  },
  { name: 'shared memory', text: 'by name, undefined at the start of every block', isIn: has('shared memory') },
  {
    name: 'atomics',
    text: 'add, sub, exch, min, max, inc, dec, CAS, and, or, xor on 32- and 64-bit integers',
    isIn: has('atomics'),
  },
  { name: 'definedness', text: 'one bit a byte, through loads, stores and registers' },
  { name: 'streams', text: 'launches and memsets in order; launches of several streams and devices at the same time' },
  { name: 'host code', text: "channel counts, workspace sizes, template arguments, grids, and the original's checks" },
];

export const ASSUMED: readonly AssumedEntry[] = [
  {
    name: 'sequential consistency',
    text: 'An access takes effect at once, everywhere, in the order in which operations are performed. `volatile`, `relaxed`, `acquire` and `release` differ in name only; fences order nothing more; a scope never excludes anybody. Schedules with `stores=SEED` or `links=SEED` drop this assumption for stores to global memory',
    droppedBy: ({ memory }) => (memory.kind === 'sc' ? null : memory.kind),
  },
  {
    name: 'whole lines',
    text: 'With a granule of 32 or 8 lanes, the 16-byte stores of 8 neighbouring lanes, one 128-byte line, are seen together. The all-to-all relies on it: each line carries its own flag. `granule=1` drops the assumption, is weaker than hardware, and breaks the protocol',
    droppedBy: ({ granule }) => (granule === 1 ? 'granule=1' : null),
  },
  {
    name: 'whole accesses',
    text: 'An access of up to 16 bytes is never torn. [`simtwin assume`](CLI.md#simtwin-assume) drops this assumption and the one above, and shows what then goes wrong',
  },
  {
    name: 'plain accesses',
    text: '`load` and `store` of a lane between two visible operations happen without interruption by another lane. In straight-line code `fast` keeps the order of accesses within a warp that `ref` has. Between branches and loops of the whole warp it lets all lanes come to the same place, where `ref` lets a lane go on to its next visible operation; in [branches that lanes take differently](#modes) lanes run one after the other. Only kernels whose lanes race without a `__syncwarp` can tell',
  },
  {
    name: 'independent progress',
    text: 'Every lane can go on without its neighbours, as since Volta. No reconvergence point can deadlock a loop',
  },
  {
    name: 'fairness',
    text: '`rr` lets each ready granule step in turn. `blocked` leaves a granule after 32 steps without a write. `random:SEED` is fair with probability 1. A recorded list of picks is as fair as its run was',
  },
  {
    name: 'hardware queues',
    text: "None, unless `simtwin whatif --vary queues=N` or a model of `simtwin progress` asks for them. Then ranks' launches are dealt to N streams in turn, in launch order, and those of one stream run one after the other, whatever they wait for. `progress` takes one launch of each stream in turn, as it does not know in which order the host made them. A real device may map streams to queues otherwise",
  },
  {
    name: 'a rank is a device',
    text: 'Each rank has a device of its own with its own room for blocks. The captures were recorded with all ranks on one GPU',
  },
  {
    name: 'residency',
    text: "A device holds blocks up to 270,336 threads, an H100's 132 x 2,048, or `resident=N` blocks. Registers, shared memory and blocks an SM do not limit it. Blocks become resident in linear order (`order=` changes it), launches in the order in which they reach the head of their stream",
  },
  {
    name: 'addresses',
    text: 'The first allocation is at 0x7f0000000000; each begins at a multiple of 512 bytes, at least 512 behind the one before; a symmetric allocation at a multiple of 2 MiB',
  },
  {
    name: '`__activemask`',
    text: 'The lanes of one granule that perform it in the same step. It depends on the schedule and the mode',
  },
  {
    name: 'barriers count warps',
    text: 'A warp arrives when all its lanes that have not exited have; it counts as 32 threads, even if it has fewer',
  },
  {
    name: 'exited lanes',
    text: 'are no longer expected in a mask, nor by their warp at a barrier. A warp that has exited is not expected at `__syncthreads`; at a barrier with a count it is missing',
  },
  { name: 'memsets', text: 'happen between two steps, as a whole' },
];

export const NOT_MODELLED: readonly FidelityEntry[] = [
  {
    name: 'loads that are early (before an older load, or a store after a younger one), shared memory that is late, caches, `.cg`/`.nc`',
    text: 'sequential consistency, but for [stores](#stores-that-others-see-later); `explore` reports the race that a missing fence leaves',
  },
  {
    name: 'data races',
    text: 'reported by `simtwin explore` and `RaceChecker` in mode `step` ([what orders](ARCHITECTURE.md#checkers-and-searches)); `replay` does not look for them. Of weak writes to the same bytes, and of strong ones, only the last is compared; what the host copies or sets is not compared',
  },
  { name: 'floating-point arithmetic, f16, bf16, f64', text: 'no such type or intrinsic; an f32 can only be moved' },
  { name: 'f32 and packed atomics, 128-bit and 16-bit CAS', text: 'no such operation' },
  {
    name: 'asynchronous copies, `mbarrier`, TMA, clusters, distributed shared memory, tensor cores',
    text: 'no such operation',
  },
  {
    name: 'textures, surfaces, constant and local memory, generic addresses of shared memory',
    text: 'no such operation; local arrays are JavaScript arrays',
  },
  {
    name: 'dynamic parallelism, graphs, programmatic launch, grid-wide groups, events, copies on streams',
    text: 'no such operation',
  },
  { name: '`printf`, `assert`, `trap`, clocks, `nanosleep`', text: 'no such operation' },
  {
    name: 'PTX, SASS',
    text: '`replay` and the other commands run kernels from TypeScript; PTX is parsed and run from the library alone, [as far as it goes](PTX.md); SASS is not read',
  },
  { name: 'limits of shared memory and registers, bank conflicts, coalescing, time', text: 'nothing is counted' },
  {
    name: 'hardware queues',
    text: 'every launch at the head of its stream may run; `whatif` can make streams share queues, [see above](#assumed)',
  },
  {
    name: '`.aligned` reached from two branches',
    text: 'passes if both name the same barrier and count; only lanes at different barriers are an error',
  },
  {
    name: 'one barrier reused by two groups too early',
    text: 'the phase completes with whoever comes; `explore` reports it as such',
  },
  {
    name: 'hangs that cannot be proven',
    text: 'threads that store other values round after round, or whose next step depends on `activemask` or on how lanes part, or that may come to an error: the run goes on until `maxSteps` (10^9), and is called `budget`',
  },
  {
    name: 'hangs in mode `ref`',
    text: 'the state of generators cannot be read, so nothing is proven, but a deadlock in which no thread is ready: a polling hang ends after `maxIdleSteps` (5 x 10^6), rounds of atomics after `maxCounterSteps` (10^6), as `budget`',
  },
];
