import type { KernelBody, Pointer, Thread } from '../../../src/simt/index.js';
import { FLAGS, type ZooArgs } from './arguments.js';
import { waitUntilAtLeast } from './waiting.js';

// Zoo 4: blocks that must be resident together, the order of kernels, and what the host has to see to. Most of these bugs
// are of the host, so there is one kernel and two ways to launch it.

const Z38_RANKS = 3;

/**
 * Z38 (FlashInfer's note on more than 8 streams): ranks share hardware queues, and a rank is queued behind one that
 * waits for it. The cause is not published: this is a hypothesis. Every rank tells every other one, and waits for all
 * of them.
 */
export function* z38(t: Thread, { rank, flags, data, output }: ZooArgs): KernelBody {
  const peer = t.threadIdx.x;
  if (peer >= Z38_RANKS) return;
  data.store(rank * Z38_RANKS + peer, rank + 1);
  yield* t.storeRelease('system', flags, FLAGS * peer + rank, 1);
  yield* waitUntilAtLeast(t, flags, FLAGS * rank + peer, 1);
  output.store(rank * Z38_RANKS + peer, data.load(peer * Z38_RANKS + rank));
}

const Z40_ITEMS = 4;

/** Z40 (cub#369): a barrier of the grid, of which not all blocks are resident. */
export function* z40(t: Thread, { flags: counter, data, output }: ZooArgs): KernelBody {
  if (t.threadIdx.x !== 0) return;
  const blocks = t.gridDim.x;
  for (let item = t.blockIdx.x; item < Z40_ITEMS; item += blocks) data.store(item, item + 1);
  yield* t.threadfence();
  yield* t.atomicAdd(counter, 0, 1);
  yield* waitUntilAtLeast(t, counter, 0, blocks);
  for (let item = t.blockIdx.x; item < Z40_ITEMS; item += blocks) output.store(item, data.load(Z40_ITEMS - 1 - item));
}

export interface Z41Args extends ZooArgs {
  /** Number of the collective: its word among the flags. */
  readonly collective: number;
}

/** Z41 (DeepEP#496): two collectives are launched in one order on one rank, and in the other order on another. */
export function* z41(t: Thread, { rank, collective, flags, data, output }: Z41Args): KernelBody {
  if (t.threadIdx.x !== 0) return;
  data.store(collective * 2 + rank, collective * 2 + rank + 1);
  yield* t.storeRelease('system', flags, FLAGS * (1 - rank) + collective, 1);
  yield* waitUntilAtLeast(t, flags, FLAGS * rank + collective, 1);
  output.store(collective * 2 + rank, data.load(collective * 2 + 1 - rank));
}

export interface Z42Args extends ZooArgs {
  /** Rank of this device, and of the other, within their group. */
  readonly groupRank: number;
  readonly peerGroupRank: number;
  /** The other device. */
  readonly peer: number;
  /** Number of the group. */
  readonly group: number;
  /** First slot of the group. */
  readonly firstSlot: number;
}

/**
 * Z42 (pytorch#192581): two groups of ranks use the same slots of a signal pad, as each numbers its ranks on its own.
 */
export function* z42(t: Thread, args: Z42Args): KernelBody {
  if (t.threadIdx.x !== 0) return;
  const { rank, flags: pads, data, output, groupRank, peerGroupRank, peer, group, firstSlot } = args;
  const message = group * 4;
  data.store(message + groupRank, 10 * (rank + 1) + group);
  yield* t.storeRelease('system', pads, FLAGS * peer + firstSlot + groupRank, 1);
  const awaited = FLAGS * rank + firstSlot + peerGroupRank;
  yield* waitUntilAtLeast(t, pads, awaited, 1);
  // Ready for the next call.
  yield* t.storeRelaxed('system', pads, awaited, 0);
  output.store(message + groupRank, data.load(message + peerGroupRank));
}

/**
 * Z43 (TensorRT-LLM#13404): a rank that is gone is waited for, for ever. Its twin is a rank that is only late. Rank 1
 * tells rank 0.
 */
export function* z43(t: Thread, args: ZooArgs): KernelBody {
  if (t.threadIdx.x !== 0) return;
  if (args.rank === 1) yield* t.storeRelease('system', args.flags, 0, 1);
  else {
    yield* waitUntilAtLeast(t, args.flags, 0, 1);
    args.output.store(0, 1);
  }
}

const Z43_TRIES = 20;

/** Z43b (TensorRT-LLM#17376): a limit on the wait gives up on a rank that is only late. Its twin is {@link z43}. */
export function* z43b(t: Thread, { rank, flags, output }: ZooArgs): KernelBody {
  if (t.threadIdx.x !== 0) return;
  if (rank === 1) yield* t.storeRelease('system', flags, 0, 1);
  else {
    // BUG: how long a rank takes is nobody's promise.
    let tries = 0;
    while ((yield* t.loadAcquire('system', flags, 0)) === 0 && tries < Z43_TRIES) tries++;
    output.store(0, tries < Z43_TRIES ? 1 : 2);
  }
}

/** What keeps a slow rank busy before it comes to {@link z43}. */
export function* z43SlowHost(t: Thread, { data }: { readonly data: Pointer<'u32'> }): KernelBody {
  if (t.threadIdx.x !== 0) return;
  for (let round = 0; round < 15; round++) yield* t.storeVolatile(data, 0, round);
}
