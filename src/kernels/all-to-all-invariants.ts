import type { AddressSpace, Allocation, BrokenInvariant, Launch, MemoryInvariant, MemoryWrite } from '../simt/index.js';
import { SIZEOF_MOE_COMM_FIFO_CONN_INFO, SIZEOF_U64 } from './all-to-all-constants.js';
import { type RankLaunch, trafficOf } from './all-to-all-traffic.js';
import { flagOffsetOf, headOffsetOf, ROW_BYTES, type WorkspaceShape } from './workspace-layout.js';

/** The workspace of all ranks, and who writes to it. */
export interface AllToAllMemory {
  readonly shape: WorkspaceShape;
  readonly space: AddressSpace;
  /** Where rank 0's part begins, and from one rank's to the next. */
  readonly firstAddress: number;
  readonly strideBytes: number;
  /** What a launch does with the workspace; null: it is none of the all-to-all. */
  callOf(launch: Launch): RankLaunch | null;
}

/**
 * What holds of an allocation of the workspace while calls of the all-to-all write to it. Let head and tail be those of a
 * link's channel, n the slice that its sender works on. Only the sender counts head, once it has stored the slice, so
 * n = head whenever it stores. From the source:
 *
 * - it stores once `tail + RECV_FIFO_DEPTH >= n + 1` (:475): the slot is free;
 * - it stores to slot `n % RECV_FIFO_DEPTH` (:359), under the flag `n + 1` (:295);
 * - it counts head behind a barrier (:482), with all of the slice in the FIFO;
 * - the receiver counts tail behind a barrier (:491), having seen all flags of the slice.
 *
 * Flags, not head, tell the receiver that a slice has come: tail may be one ahead of head for a moment. Writes of other
 * kernels, and of calls that see the workspace laid out otherwise, are not judged.
 */
export function allToAllInvariants(memory: AllToAllMemory, allocation: Allocation): MemoryInvariant[] {
  const { firstAddress, strideBytes, shape } = memory;
  const links = new Links(memory);
  const invariants: MemoryInvariant[] = [];
  for (let rank = 0; rank < shape.epSize; rank++) {
    const start = firstAddress + rank * strideBytes - allocation.base;
    if (start >= 0 && start < allocation.bytes) invariants.push(...ofPart(links, rank, start));
  }
  return invariants;
}

/** Those of the part of a rank, which begins at byte `start` of its allocation. */
function ofPart(links: Links, rank: number, start: number): MemoryInvariant[] {
  const { constants: c, epSize, channelCount } = links.memory.shape;
  const fifos = { offsetBytes: start, bytes: c.RECV_FIFO_TOTAL_BYTES * channelCount * epSize };
  const infos = { offsetBytes: start + fifos.bytes, bytes: SIZEOF_MOE_COMM_FIFO_CONN_INFO * channelCount * epSize };
  const ofFifo = (
    name: string,
    isKept: (link: Link, offset: number, write: MemoryWrite) => boolean,
    tell: (link: Link, offset: number, write: MemoryWrite) => BrokenInvariant,
  ): MemoryInvariant => ({
    name,
    range: fifos,
    check(write) {
      const offset = write.offsetBytes - start;
      const fifo = Math.floor(offset / c.RECV_FIFO_TOTAL_BYTES);
      const link = links.into(rank, fifo);
      if (link === null || isKept(link, offset - fifo * c.RECV_FIFO_TOTAL_BYTES, write)) return null;
      return links.callOf(write.launch) === null ? null : tell(link, offset - fifo * c.RECV_FIFO_TOTAL_BYTES, write);
    },
  });
  const ofCount = (
    name: string,
    judge: (link: Link, counter: Counter, write: MemoryWrite, call: RankLaunch) => BrokenInvariant | null,
  ): MemoryInvariant => ({
    name,
    range: infos,
    check(write) {
      const call = links.callOf(write.launch);
      const offset = write.offsetBytes - infos.offsetBytes;
      const info = Math.floor(offset / SIZEOF_MOE_COMM_FIFO_CONN_INFO);
      const inInfo = offset - info * SIZEOF_MOE_COMM_FIFO_CONN_INFO;
      if (call === null || inInfo >= 2 * SIZEOF_U64) return null;
      const link = links.outOf(rank, info);
      return link === null ? null : judge(link, inInfo < SIZEOF_U64 ? 'head' : 'tail', write, call);
    },
  });
  return [
    ofFifo(
      'a slot is written once it is free',
      (link) => link.ahead() < c.RECV_FIFO_DEPTH,
      (link, offset) => ({
        wants: `slot ${slotOf(link, offset)} was consumed: head - tail below ${c.RECV_FIFO_DEPTH}`,
        holds: link.describe(),
      }),
    ),
    ofFifo(
      'a slice goes to the slot of head',
      (link, offset) => link.headSlot() === slotOf(link, offset),
      (link, offset) => ({
        wants: `slot ${link.headSlot()}, head % ${c.RECV_FIFO_DEPTH}`,
        holds: `a store to slot ${slotOf(link, offset)}; ${link.describe()}`,
      }),
    ),
    ofFifo(
      'a flag is that of the slice that is written',
      (link, offset, write) => {
        const flag = flagWithin(offset, write.bytes);
        return flag === -1 || link.isNextFlag(write.allocation, write.offsetBytes + flag - offset);
      },
      (link, offset, { allocation, offsetBytes, bytes }) => ({
        wants: `flag ${BigInt.asUintN(64, link.head + 1n)}, head + 1`,
        holds: `flag ${allocation.read('u64', offsetBytes + flagWithin(offset, bytes) - offset)}; ${link.describe()}`,
      }),
    ),
    ofCount('head and tail grow by one', (_, counter, write) => {
      const grown = grownFrom(write);
      if (grown === null) {
        return { wants: `${counter} is counted as a u64`, holds: `a write of ${write.bytes} bytes` };
      }
      const after = write.allocation.read('u64', write.offsetBytes);
      if (after === BigInt.asUintN(64, grown + 1n)) return null;
      return { wants: `${counter} ${BigInt.asUintN(64, grown + 1n)}`, holds: `${counter} ${after} after ${grown}` };
    }),
    ofCount('head is at most the FIFO depth ahead of tail', (link) => {
      if (link.ahead() <= c.RECV_FIFO_DEPTH) return null;
      return { wants: `head - tail at most ${c.RECV_FIFO_DEPTH}`, holds: link.describe() };
    }),
    ofCount('head counts slices that are in the FIFO', (link, counter, write, call) =>
      counter === 'head' ? links.missingOf(link, counter, write, call) : null,
    ),
    ofCount('tail counts slices that were sent', (link, counter, write, call) => {
      if (counter === 'head') return null;
      if (link.ahead() < -1) return { wants: 'tail at most one past head', holds: link.describe() };
      return links.missingOf(link, counter, write, call);
    }),
  ];
}

type Counter = 'head' | 'tail';

/** What the counter held that a write covers; null: the write covers part of it. */
const grownFrom = (write: MemoryWrite): bigint | null =>
  write.bytes === SIZEOF_U64 && write.offsetBytes % SIZEOF_U64 === 0 ? write.before('u64', write.offsetBytes) : null;

const slotOf = ({ entryBytes }: Link, offset: number): number => Math.floor(offset / entryBytes);

/** Offset of the flag of a lane's 16 bytes in a FIFO if a write to [offset, offset + bytes) touches it; else -1. */
function flagWithin(offset: number, bytes: number): number {
  const inRow = offset % ROW_BYTES;
  const flag = offset - (inRow % 128) + 7 * 16 + SIZEOF_U64;
  return flag < offset + bytes && offset < flag + SIZEOF_U64 ? flag : -1;
}

/** Head and tail of a link's channel, and its FIFO. */
class Link {
  readonly from: number;
  readonly to: number;
  readonly channel: number;
  readonly depth: number;
  readonly entryBytes: number;
  readonly #info: Allocation;
  /** Offset of head in it, in 32-bit words; tail is the next u64. */
  readonly #at: number;

  constructor(
    { from, to, channel }: Pick<Link, 'from' | 'to' | 'channel'>,
    { constants: c }: WorkspaceShape,
    info: Allocation,
    headOffset: number,
  ) {
    this.from = from;
    this.to = to;
    this.channel = channel;
    this.depth = c.RECV_FIFO_DEPTH;
    this.entryBytes = c.RECV_FIFO_ENTRY_BYTES;
    this.#info = info;
    this.#at = headOffset >>> 2;
  }

  get head(): bigint {
    return this.#info.u64[this.#at >>> 1]!;
  }

  get tail(): bigint {
    return this.#info.u64[(this.#at >>> 1) + 1]!;
  }

  /** head - tail. Exact unless they are 2^53 apart. */
  ahead(): number {
    const { u32 } = this.#info;
    const at = this.#at;
    if ((u32[at + 1]! | u32[at + 3]!) === 0) return u32[at]! - u32[at + 2]!;
    return Number(BigInt.asIntN(64, this.head - this.tail));
  }

  /** head % depth. */
  headSlot(): number {
    const { u32 } = this.#info;
    return u32[this.#at + 1] === 0 ? u32[this.#at]! % this.depth : Number(this.head % BigInt(this.depth));
  }

  /** Whether the u64 at `offset` is head + 1. */
  isNextFlag({ u32 }: Allocation, offset: number): boolean {
    const info = this.#info.u32;
    const low = (info[this.#at]! + 1) >>> 0;
    const high = (info[this.#at + 1]! + (low === 0 ? 1 : 0)) >>> 0;
    return u32[offset >>> 2] === low && u32[(offset >>> 2) + 1] === high;
  }

  describe(): string {
    return `head ${this.head}, tail ${this.tail}`;
  }
}

/** A call's slices of a link's channel. */
interface Course {
  /** Head or tail when it began. */
  readonly start: bigint;
  readonly vectors: number;
}

/** The links of a workspace, found when they are first needed. */
class Links {
  readonly memory: AllToAllMemory;
  /** By receiver, and sender, by channel. */
  readonly #into: (Link | null)[][] = [];
  readonly #outOf: (Link | null)[][] = [];
  readonly #courses: Readonly<Record<Counter, WeakMap<Launch, Map<Link, Course>>>> = {
    head: new WeakMap(),
    tail: new WeakMap(),
  };
  #lastLaunch: Launch | null = null;
  #lastCall: RankLaunch | null = null;

  constructor(memory: AllToAllMemory) {
    this.memory = memory;
  }

  /** The call that a launch is; null: none that sees the workspace as it was declared. */
  callOf(launch: Launch): RankLaunch | null {
    if (launch !== this.#lastLaunch) {
      const { epSize, channelCount } = this.memory.shape;
      const call = this.memory.callOf(launch);
      const isSame = launch.gridDim.y === channelCount && call?.args.worldInfo.epSize === epSize;
      this.#lastLaunch = launch;
      this.#lastCall = isSame ? call : null;
    }
    return this.#lastCall;
  }

  /** The link of FIFO number `fifo` of a rank: those into it. */
  into(rank: number, fifo: number): Link | null {
    this.#into[rank] ??= [];
    let link = this.#into[rank][fifo];
    if (link === undefined) {
      const { channelCount } = this.memory.shape;
      link = this.#find(Math.floor(fifo / channelCount), rank, fifo % channelCount);
      this.#into[rank][fifo] = link;
    }
    return link;
  }

  /** The link of head and tail number `info` of a rank: those out of it. */
  outOf(rank: number, info: number): Link | null {
    const { channelCount } = this.memory.shape;
    this.#outOf[rank] ??= [];
    this.#outOf[rank][info] ??= this.into(Math.floor(info / channelCount), rank * channelCount + (info % channelCount));
    return this.#outOf[rank][info];
  }

  #find(from: number, to: number, channel: number): Link | null {
    const { shape } = this.memory;
    const found = this.#locate(from, headOffsetOf(shape, to, channel), 2 * SIZEOF_U64);
    return found && new Link({ from, to, channel }, shape, found.allocation, found.offset);
  }

  /** Bytes of a rank's part; null: they lie in no allocation. */
  #locate(rank: number, offset: number, bytes: number): { allocation: Allocation; offset: number } | null {
    const { space, firstAddress, strideBytes } = this.memory;
    const address = firstAddress + rank * strideBytes + offset;
    const allocation = space.find(address);
    if (allocation === null || address + bytes > allocation.base + allocation.bytes) return null;
    return { allocation, offset: address - allocation.base };
  }

  /** A call counts a slice of which not all packets are in the FIFO; null: they are. */
  missingOf(link: Link, counter: Counter, write: MemoryWrite, call: RankLaunch): BrokenInvariant | null {
    const step = grownFrom(write);
    if (step === null) return null;
    const { shape } = this.memory;
    const { constants: c } = shape;
    const { vectorCountPerFifoEntry: perEntry, dataPacketCountPerVector } = call.args.sendRecvDataInfo;
    const { start, vectors } = this.#courseOf(link, counter, step, call);
    const left = vectors - Number(step - start) * perEntry;
    // Slices that the call has not got, and those of vectors that no entry holds: nothing can be in the FIFO.
    const packets = Math.max(1, Math.min(left, perEntry) * dataPacketCountPerVector);
    const { channel } = link;
    const slot = Number(step % BigInt(c.RECV_FIFO_DEPTH));
    const flag = BigInt.asUintN(64, step + 1n);
    const at = flagOffsetOf(shape, { peer: link.from, channel, slot, packet: 0 });
    const bytes = packets * c.PACKET_SIZE_IN_BYTES;
    const fifo = this.#locate(link.to, at, bytes - (7 * 16 + SIZEOF_U64));
    if (fifo === null) return null;
    const { u32 } = fifo.allocation;
    const [low, high] = [Number(flag & 0xffffffffn), Number(flag >> 32n)];
    for (let line = 0; line < bytes; line += 128) {
      const word = (fifo.offset + line) >>> 2;
      if (u32[word] === low && u32[word + 1] === high) continue;
      const packet = Math.floor(line / c.PACKET_SIZE_IN_BYTES);
      const found = fifo.allocation.read('u64', fifo.offset + line);
      return {
        wants: `all ${packets} packets of the slice in slot ${slot} under flag ${flag} before ${counter} is ${flag}`,
        holds: `packet ${packet} has flag ${found}; ${link.describe()}`,
      };
    }
    return null;
  }

  /** What a call does on one side of a link. Its first count says where it began: nobody else counts on that side. */
  #courseOf(link: Link, counter: Counter, step: bigint, { launch, args }: RankLaunch): Course {
    let courses = this.#courses[counter].get(launch);
    if (courses === undefined) {
      courses = new Map();
      this.#courses[counter].set(launch, courses);
    }
    let course = courses.get(link);
    if (course === undefined || step < course.start) {
      const isSender = counter === 'head';
      const { channelCount } = this.memory.shape;
      const peer = isSender ? link.to : link.from;
      course = { start: step, vectors: trafficOf(args, isSender, peer, link.channel, channelCount).vectors };
      courses.set(link, course);
    }
    return course;
  }
}
