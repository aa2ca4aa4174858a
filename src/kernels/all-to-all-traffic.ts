import { divI32, type Launch, type Pointer } from '../simt/index.js';
import type { AllToAllConstants } from './all-to-all-constants.js';
import type { MoeAllToAllKernelArgs } from './moe-all-to-all-kernel.js';
import type { SendRecvDispls } from './moe-comm-structs.js';

/** A launch of the all-to-all on the workspace, with what it found there. */
export interface RankLaunch {
  readonly launch: Launch;
  readonly args: MoeAllToAllKernelArgs;
  /** Launches of the same rank that had not ended when this one was queued. */
  readonly before: readonly RankLaunch[];
  /** The first flag of every slot, for FIFOs that anybody has written. */
  readonly found: ReadonlyMap<Fifo, FifoState>;
}

/** A link in one channel, as a key: `from to channel`. */
export type Fifo = string;

/** A FIFO as a launch found it when it was queued. */
export interface FifoState {
  readonly head: bigint;
  readonly tail: bigint;
  readonly flags: readonly bigint[];
}

/** A link in one channel, and what both of its sides do; null: that rank is not launched. */
export interface LinkCall {
  readonly from: number;
  readonly to: number;
  readonly channel: number;
  readonly sender: RankLaunch | null;
  readonly receiver: RankLaunch | null;
  readonly sends: ChannelTraffic | null;
  readonly takes: ChannelTraffic | null;
  readonly found: FifoState;
}

/** What one side of a link has to move through one channel. */
export interface ChannelTraffic {
  /** Vectors for the link, over all channels. */
  readonly ofLink: number;
  readonly vectors: number;
  /** FIFO entries that they take; infinite if an entry holds no vector. */
  readonly slices: number;
}

/**
 * What rank `args.worldInfo.epRank` sends to (or expects of) `peer` through a channel, as `computeGroupTransferRange`
 * divides it. Source: trtllm_alltoall.cuh:331-343, 345-355.
 */
export function trafficOf(
  { sendDispls, recvDispls, sendRecvDataInfo }: MoeAllToAllKernelArgs,
  isSender: boolean,
  peer: number,
  channel: number,
  channelCount: number,
): ChannelTraffic {
  const { rankCountCumSum } = isSender ? sendDispls : recvDispls;
  const end = cumSumAt(rankCountCumSum, peer);
  const ofLink = (end - (peer === 0 ? 0 : cumSumAt(rankCountCumSum, peer - 1))) | 0;
  const perChannel = divI32((ofLink + channelCount - 1) | 0, channelCount); // :335
  const vectors = Math.max(
    0,
    Math.min((channel + 1) * perChannel, ofLink) - Math.min(channel * perChannel, ofLink), // :336-337
  );
  const perEntry = sendRecvDataInfo.vectorCountPerFifoEntry;
  const slices = vectors === 0 ? 0 : perEntry > 0 ? Math.ceil(vectors / perEntry) : Number.POSITIVE_INFINITY;
  return { ofLink, vectors, slices };
}

/** An element of cumulative sums; 0 outside of them, where the kernel itself fails. */
function cumSumAt({ allocation, offset }: SendRecvDispls['rankCountCumSum'] & Pointer<'i32'>, rank: number): number {
  const at = offset + rank * 4;
  return at >= 0 && at + 4 <= allocation.bytes ? allocation.read('i32', at) : 0;
}

/** A link's FIFO in one channel as a call finds it, and what both sides do with it. */
export interface FifoCall {
  readonly head: bigint;
  readonly tail: bigint;
  /** Flag in each slot. */
  readonly flags: readonly bigint[];
  /** Vectors that the sender puts in, and those that the receiver takes out. */
  readonly sends: number;
  readonly takes: number;
  /** `vectorCountPerFifoEntry`, above 0. */
  readonly perEntry: number;
}

const u64 = (value: bigint): bigint => BigInt.asUintN(64, value);

/** Most slices of a link that are played through; what is left then is taken to go on as before. */
const MOST_SLICES = 100_000;

/**
 * Whether a link alone comes to a standstill, with both sides running freely.
 * Source: trtllm_alltoall.cuh:473-479 (the sender waits for the tail), 420-429 (the receiver waits for flags).
 */
export function standsStill({ RECV_FIFO_DEPTH }: AllToAllConstants, call: FifoCall): boolean {
  const depth = BigInt(RECV_FIFO_DEPTH);
  const { perEntry, sends, takes } = call;
  const slots = call.flags.map((flag) => ({ flag, vectors: perEntry }));
  let { head, tail } = call;
  let [sent, taken] = [0, 0];
  for (let moves = 0; moves < 2 * MOST_SLICES; moves++) {
    if (sent >= sends && taken >= takes) return false;
    if (sent < sends && u64(tail + depth) >= u64(head + 1n)) {
      const vectors = Math.min(perEntry, sends - sent);
      slots[Number(head % depth)] = { flag: u64(head + 1n), vectors };
      head = u64(head + 1n);
      sent += vectors;
      continue;
    }
    const wanted = Math.min(perEntry, takes - taken);
    const slot = slots[Number(tail % depth)]!;
    if (taken >= takes || slot.flag !== u64(tail + 1n) || slot.vectors < wanted) return true;
    tail = u64(tail + 1n);
    taken += wanted;
  }
  return false;
}
