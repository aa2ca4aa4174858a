import { AllToAllProtocol } from '../kernels/all-to-all-protocol.js';
import { flagOffsetOf, type WorkspaceShape, workspacePlaceOf } from '../kernels/workspace-layout.js';
import { type Allocation, type Machine, PAGE_BYTES } from '../simt/index.js';
import type { ReportPacket, ReportPackets } from './report-data.js';

/** Most packets of a report, 2 KiB each in the original's shape. */
const MOST_PACKETS = 96;

/** A rank's part of an all-to-all's workspace. */
interface Part {
  readonly shape: WorkspaceShape;
  readonly rank: number;
  readonly allocation: Allocation;
}

/**
 * The packets that lie in the FIFOs of a machine's all-to-alls, those at `first` (addresses) before all others; null: it
 * has no such FIFOs.
 */
export function packetsOf(machine: Machine, first: readonly number[]): ReportPackets | null {
  const parts = partsOf(machine);
  if (parts.length === 0) return null;
  const found = new Map<number, ReportPacket>();
  for (const address of first) {
    const part = parts.find(
      ({ allocation: { base, bytes }, shape }) =>
        address >= base && address < Math.min(base + bytes, base + fifoBytesOf(shape)),
    );
    if (part === undefined) continue;
    const { PACKET_SIZE_IN_BYTES } = part.shape.constants;
    const offset = address - part.allocation.base;
    const start = offset - (offset % PACKET_SIZE_IN_BYTES);
    found.set(part.allocation.base + start, packetAt(part, start));
  }
  let written = 0;
  for (const part of parts) {
    for (const start of packetStarts(part)) {
      written++;
      if (found.size < MOST_PACKETS) {
        const address = part.allocation.base + start;
        if (!found.has(address)) found.set(address, packetAt(part, start));
      }
    }
  }
  return {
    written: Math.max(written, found.size),
    packets: [...found.values()],
  };
}

function partsOf({ memory }: Machine): Part[] {
  return memory.space.allocations.flatMap((allocation): Part[] => {
    const protocol = allocation.symbols?.protocol;
    if (!(protocol instanceof AllToAllProtocol)) return [];
    const { shape, firstAddress, strideBytes } = protocol;
    const rank = strideBytes === 0 ? 0 : Math.round((allocation.base - firstAddress) / strideBytes);
    return [{ shape, rank, allocation }];
  });
}

const fifoBytesOf = ({ constants, channelCount, epSize }: WorkspaceShape): number =>
  constants.RECV_FIFO_TOTAL_BYTES * channelCount * epSize;

/** Offsets of the packets whose first flag has been set; 0 is the flag of no slice. */
function* packetStarts({ shape, allocation }: Part): Generator<number> {
  const { PACKET_SIZE_IN_BYTES } = shape.constants;
  const flag = flagOffsetOf(shape, { peer: 0, channel: 0, slot: 0, packet: 0 });
  const end = Math.min(allocation.bytes, fifoBytesOf(shape));
  let next = 0;
  for (const page of allocation.writtenPages()) {
    const pageEnd = Math.min(end, (page + 1) * PAGE_BYTES);
    let start = Math.max(next, page * PAGE_BYTES - ((page * PAGE_BYTES) % PACKET_SIZE_IN_BYTES));
    for (; start < pageEnd; start += PACKET_SIZE_IN_BYTES) {
      if (allocation.read('u64', start + flag) !== 0n) yield start;
    }
    next = start;
  }
}

function packetAt({ shape, rank, allocation }: Part, start: number): ReportPacket {
  const { PACKET_SIZE_IN_BYTES } = shape.constants;
  const place = workspacePlaceOf(shape, rank, start);
  if (place.kind !== 'flag' && place.kind !== 'payload') {
    throw new Error(`[simtwin bug] byte ${start} of rank ${rank}'s workspace is no byte of a packet`);
  }
  const { from, to, channel, slot, packet } = place;
  return {
    from,
    to,
    channel,
    slot,
    packet,
    offsetBytes: start,
    bytes: allocation.u8.slice(start, start + PACKET_SIZE_IN_BYTES),
    defined: allocation.mayHoldUndefined
      ? Uint8Array.from({ length: PACKET_SIZE_IN_BYTES / 8 }, (_, at) => allocation.definedBits(start + 8 * at, 8))
      : null,
  };
}
