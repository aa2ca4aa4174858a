import {
  type AddressSpace,
  type Allocation,
  type Diagnosis,
  type Dim3,
  dim3,
  type FifoWords,
  type Launch,
  type MemoryInvariant,
  type MemorySymbol,
  type MemorySymbols,
  type Protocol,
  type ThreadGroup,
  type WaitedWord,
  type Writer,
} from '../simt/index.js';
import { SIZEOF_U64 } from './all-to-all-constants.js';
import { diagnoseLink, diagnoseShapes, diagnoseVectors } from './all-to-all-diagnoses.js';
import { allToAllInvariants } from './all-to-all-invariants.js';
import { type Fifo, type FifoState, type LinkCall, type RankLaunch, trafficOf } from './all-to-all-traffic.js';
import type { MoeAllToAllKernelArgs } from './moe-all-to-all-kernel.js';
import {
  fifoWordWithin,
  flagOffsetOf,
  headOffsetOf,
  lastFlagOffsetOf,
  type WorkspacePlace,
  type WorkspaceShape,
  workspacePlaceOf,
} from './workspace-layout.js';

const fifoKey = (from: number, to: number, channel: number): Fifo => `${from} ${to} ${channel}`;

/**
 * The all-to-all on one workspace, for explanations: what its words are called, who changes them, and what can be wrong.
 * `moeAllToAll` declares it. Source: trtllm_alltoall.cuh:217-520.
 */
export class AllToAllProtocol implements Protocol {
  readonly shape: WorkspaceShape;
  /** Name of the kernel. */
  readonly kernel: string;
  readonly space: AddressSpace;
  /** Where rank 0's part begins, and from one rank's to the next. */
  readonly firstAddress: number;
  readonly strideBytes: number;
  /** The launches of each rank, in the order in which they were queued. */
  readonly launches: RankLaunch[][];

  constructor(
    shape: WorkspaceShape,
    kernel: string,
    { space, firstAddress, strideBytes }: Pick<AllToAllProtocol, 'space' | 'firstAddress' | 'strideBytes'>,
  ) {
    this.shape = shape;
    this.kernel = kernel;
    this.space = space;
    this.firstAddress = firstAddress;
    this.strideBytes = strideBytes;
    this.launches = Array.from({ length: shape.epSize }, () => []);
    for (let rank = 0; rank < shape.epSize; rank++) {
      const part = space.find(firstAddress + rank * strideBytes);
      if (part !== null && part.symbols?.protocol !== this) part.symbols = this.#symbolsOf(part);
    }
  }

  /** A launch has been queued. Heads, tails and flags are read as they are now. */
  queued(launch: Launch, args: MoeAllToAllKernelArgs): void {
    const { epRank } = args.worldInfo;
    const ofRank = this.launches[epRank];
    if (ofRank === undefined) return;
    const before = ofRank.filter((known) => known.launch.finishedBlocks < known.launch.blockCount);
    const found = new Map<Fifo, FifoState>();
    for (let peer = 0; peer < this.shape.epSize; peer++) {
      for (let channel = 0; channel < this.shape.channelCount; channel++) {
        for (const [from, to] of [
          [epRank, peer],
          [peer, epRank],
        ] as const) {
          const state = this.#stateOf(from, to, channel);
          if (state !== null) found.set(fifoKey(from, to, channel), state);
        }
      }
    }
    // Those that have ended are of no more interest.
    ofRank.splice(0, ofRank.length, ...before, { launch, args, before, found });
  }

  /** What a launch does with the workspace; null: it is none of the all-to-all, or others have been queued since it ended. */
  callOf(launch: Launch): RankLaunch | null {
    for (const ofRank of this.launches) for (const own of ofRank) if (own.launch === launch) return own;
    return null;
  }

  /** The launch of a rank that is under way or, if none is, the last one. */
  current(rank: number): RankLaunch | null {
    const ofRank = this.launches[rank] ?? [];
    return ofRank.find(({ launch }) => launch.finishedBlocks < launch.blockCount) ?? ofRank[ofRank.length - 1] ?? null;
  }

  groupOf(launch: Launch, { x, z }: Dim3, threadRank: number): ThreadGroup | null {
    if (!this.callOf(launch)) return null;
    const { GROUP_COUNT_PER_BLOCK } = this.shape.constants;
    const threads = launch.blockDim.x;
    const group = Math.floor(threadRank / threads);
    const peer = x * GROUP_COUNT_PER_BLOCK + group;
    const firstThread = group * threads;
    if (peer >= this.shape.epSize) return { name: `group ${group} without a peer`, firstThread, threads };
    return { name: groupName(z === 0, peer), firstThread, threads };
  }

  whyReturned(launch: Launch, { x, y, z }: Dim3, threadRank: number): string | null {
    const own = this.callOf(launch);
    if (own === null) return null;
    const { GROUP_COUNT_PER_BLOCK } = this.shape.constants;
    const peer = x * GROUP_COUNT_PER_BLOCK + Math.floor(threadRank / launch.blockDim.x);
    if (peer >= this.shape.epSize) return 'it has no peer rank';
    const { vectors, slices } = trafficOf(own.args, z === 0, peer, y, launch.gridDim.y);
    const what = `${counted(vectors, 'vector')}`;
    return z === 0
      ? `it had ${what} for rank ${peer} in channel ${y} and sent ${counted(slices, 'slice')}`
      : `it expected ${what} from rank ${peer} in channel ${y} and took ${counted(slices, 'slice')}`;
  }

  diagnose(waits: readonly WaitedWord[]): readonly Diagnosis[] {
    const links = new Map<Fifo, LinkCall>();
    for (const { address } of waits) {
      const place = this.#placeAt(address);
      if (place === null) continue;
      const { from, to, channel } = place;
      const key = fifoKey(from, to, channel);
      if (!links.has(key)) links.set(key, this.#linkCall(from, to, channel));
    }
    const calls = { shape: this.shape, current: this.launches.map((_, rank) => this.current(rank)) };
    return [...diagnoseVectors(calls), ...diagnoseShapes(calls), ...diagnoseLink(calls, [...links.values()])];
  }

  #symbolsOf(allocation: Allocation): MemorySymbols {
    const { base } = allocation;
    const protocol = this;
    let invariants: readonly MemoryInvariant[] | null = null;
    return {
      protocol,
      fifos: this.#fifosOf(base),
      // Made when somebody checks them.
      get invariants() {
        invariants ??= allToAllInvariants(protocol, allocation);
        return invariants;
      },
      describe: (offsetBytes): MemorySymbol | null => {
        const place = this.#placeAt(base + offsetBytes);
        if (place === null) return null;
        const { kind, from, to, channel } = place;
        const of = `link ${from} -> ${to}`;
        if (kind !== 'flag' && kind !== 'payload') return { name: kind, of, index: [['channel', channel]] };
        const { slot, packet } = place;
        return {
          name: kind,
          of,
          index: [
            ['channel', channel],
            ['slot', slot],
            ['packet', packet],
          ],
        };
      },
      writersOf: (offsetBytes) => {
        const place = this.#placeAt(base + offsetBytes);
        if (place === null || place.kind === 'padding') return [];
        const { kind, from, to, channel } = place;
        return kind === 'tail'
          ? [this.#writer(to, false, from, channel, 'adds 1 for each slice that it has taken')]
          : [
              this.#writer(
                from,
                true,
                to,
                channel,
                kind === 'head' ? 'adds 1 for each slice that it has sent' : 'writes it with the slice',
              ),
            ];
      },
    };
  }

  #fifosOf(base: number): FifoWords {
    const { shape, firstAddress, strideBytes } = this;
    const { RECV_FIFO_DEPTH: depth } = shape.constants;
    return {
      wordWithin: (offsetBytes, bytes) => {
        const offset = base + offsetBytes - firstAddress;
        const part = strideBytes === 0 ? 0 : Math.floor(offset / strideBytes) * strideBytes;
        if (offset < 0 || part >= shape.epSize * Math.max(1, strideBytes)) return -1;
        const word = fifoWordWithin(shape, offset - part, bytes);
        return word === -1 ? -1 : word + part + firstAddress - base;
      },
      wordFor: (offsetBytes) => {
        const address = base + offsetBytes;
        const place = this.#placeAt(address);
        if (place === null || place.kind === 'padding') return null;
        const { from, to, channel } = place;
        const headAddress = firstAddress + from * strideBytes + headOffsetOf(shape, to, channel);
        const fifo = { from, to, channel, depth, headAddress, tailAddress: headAddress + SIZEOF_U64 };
        if (place.kind !== 'flag' && place.kind !== 'payload')
          return { fifo, kind: place.kind, offsetBytes: offsetBytes - place.byte, slot: -1, packet: -1 };
        const part = firstAddress + to * strideBytes;
        const flag = part + lastFlagOffsetOf(shape, address - part) - base;
        return { fifo, kind: 'flag', offsetBytes: flag, slot: place.slot, packet: place.packet };
      },
    };
  }

  #writer(rank: number, isSender: boolean, peer: number, channel: number, does: string): Writer {
    const { GROUP_COUNT_PER_BLOCK, WARP_PER_GROUP } = this.shape.constants;
    const threads = 32 * WARP_PER_GROUP;
    return {
      rank,
      kernel: this.kernel,
      launch: this.current(rank)?.launch ?? null,
      blockIdx: dim3(Math.floor(peer / GROUP_COUNT_PER_BLOCK), channel, isSender ? 0 : 1),
      name: groupName(isSender, peer),
      firstThread: (peer % GROUP_COUNT_PER_BLOCK) * threads,
      threads,
      does,
    };
  }

  #placeAt(address: number): Exclude<WorkspacePlace, { kind: 'behind' }> | null {
    const { shape, firstAddress, strideBytes } = this;
    const rank = strideBytes === 0 ? 0 : Math.floor((address - firstAddress) / strideBytes);
    if (rank < 0 || rank >= shape.epSize) return null;
    const place = workspacePlaceOf(shape, rank, address - firstAddress - rank * strideBytes);
    return place.kind === 'behind' ? null : place;
  }

  #linkCall(from: number, to: number, channel: number): LinkCall {
    const [sender, receiver] = [this.current(from), this.current(to)];
    const { channelCount } = this.shape;
    return {
      from,
      to,
      channel,
      sender,
      receiver,
      sends: sender && trafficOf(sender.args, true, to, channel, channelCount),
      takes: receiver && trafficOf(receiver.args, false, from, channel, channelCount),
      found: this.#foundBy(sender ?? receiver, from, to, channel),
    };
  }

  /** A FIFO as a launch finds it: as it was, and what launches have done since that were queued before. */
  #foundBy(own: RankLaunch | null, from: number, to: number, channel: number): FifoState {
    const { constants, channelCount } = this.shape;
    const flags = Array.from({ length: constants.RECV_FIFO_DEPTH }, () => 0n);
    const first = own?.before[0] ?? own;
    let { head, tail } = first?.found.get(fifoKey(from, to, channel)) ?? { head: 0n, tail: 0n };
    const known = first?.found.get(fifoKey(from, to, channel))?.flags ?? flags;
    for (const { args } of own?.before ?? []) {
      const isSender = args.worldInfo.epRank === from;
      const { slices } = trafficOf(args, isSender, isSender ? to : from, channel, channelCount);
      if (!Number.isFinite(slices)) continue;
      // A call that ends leaves as many slices taken as sent.
      head = BigInt.asUintN(64, head + BigInt(slices));
      tail = BigInt.asUintN(64, tail + BigInt(slices));
    }
    return { head, tail, flags: known };
  }

  /** A u64 of a rank's part; 0 where nobody has written, without touching its page, and outside. */
  #wordAt(rank: number, offset: number): bigint {
    const address = this.firstAddress + rank * this.strideBytes + offset;
    const allocation = this.space.find(address);
    if (allocation === null || address + SIZEOF_U64 > allocation.base + allocation.bytes) return 0n;
    const at = address - allocation.base;
    return allocation.isWritten(at) ? allocation.read('u64', at) : 0n;
  }

  /** A FIFO as it is in memory; null: all of it is zero. */
  #stateOf(from: number, to: number, channel: number): FifoState | null {
    const { shape } = this;
    const offset = headOffsetOf(shape, to, channel);
    const head = this.#wordAt(from, offset);
    const tail = this.#wordAt(from, offset + SIZEOF_U64);
    const flags = Array.from({ length: shape.constants.RECV_FIFO_DEPTH }, (_, slot) =>
      this.#wordAt(to, flagOffsetOf(shape, { peer: from, channel, slot, packet: 0 })),
    );
    return head === 0n && tail === 0n && flags.every((flag) => flag === 0n) ? null : { head, tail, flags };
  }
}

const counted = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;

const groupName = (isSender: boolean, peer: number): string =>
  `${isSender ? 'sending' : 'receiving'} group for peer rank ${peer}`;
