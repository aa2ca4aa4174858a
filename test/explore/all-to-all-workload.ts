import type { Workload } from '../../src/explore/trial.js';
import { MoeCommHost, moeAllToAll } from '../../src/kernels/index.js';
import { createMachine } from '../../src/modes/index.js';
import type { Pointer } from '../../src/simt/index.js';

/** A small call of the all-to-all: every rank sends as much to every rank, itself included. */
export interface SmallAllToAll {
  readonly ranks: number;
  readonly channels: number;
  /** FIFO entries that a link's channel takes. */
  readonly slices: number;
  /** Entries of a FIFO. */
  readonly depth: number;
  readonly warpsPerGroup?: number;
  /** Vectors of an entry; default: one for each warp of a group. */
  readonly vectorsPerSlice?: number;
  readonly packetsPerVector?: number;
  /** Registers of a lane that carry a packet: 4 or 8. */
  readonly registers?: number;
  /** As many more vectors as the receivers wait for than are sent. */
  readonly missing?: number;
  /** Source rank and target rank of the links that carry something; default: all. */
  readonly links?: readonly (readonly [number, number])[];
  readonly kernels?: { readonly MoeCommHost: typeof MoeCommHost; readonly moeAllToAll: typeof moeAllToAll };
}

/** The real kernel on a machine of its own, as the host function launches it: a stream a rank. */
export function allToAllWorkload({
  ranks,
  channels,
  slices,
  depth,
  warpsPerGroup = 2,
  vectorsPerSlice = warpsPerGroup,
  packetsPerVector = 1,
  registers = 8,
  missing = 0,
  links,
  kernels = { MoeCommHost, moeAllToAll },
}: SmallAllToAll): Workload {
  const packetBytes = registers * 256;
  const vectorU64 = (registers * 240 * packetsPerVector) / 8;
  const vectors = channels * slices * vectorsPerSlice;
  const carries = (from: number, to: number) => links === undefined || links.some(([a, b]) => a === from && b === to);
  const numbers = (count: number) => Array.from({ length: count }, (_, index) => index);
  const sums = (counts: readonly number[]) => {
    let sum = 0;
    return Int32Array.from(counts, (count) => {
      sum += count;
      return sum;
    });
  };
  // Once: a search begins the call hundreds of times a second.
  const inputs = numbers(ranks).map((rank) => {
    const sent = numbers(ranks).filter((peer) => carries(rank, peer)).length * vectors;
    return BigUint64Array.from(numbers(sent * vectorU64), (word) => BigInt(1000 * (rank + 1) + word));
  });
  return {
    name: `all-to-all: ranks ${ranks}, channels ${channels}, slices ${slices}, depth ${depth}, packets ${packetsPerVector}`,
    begin(options) {
      const machine = createMachine(options);
      const { memory } = machine;
      const host = new kernels.MoeCommHost({
        multiProcessorCount: 4 * channels,
        shape: {
          RECV_FIFO_DEPTH: depth,
          RECV_FIFO_ENTRY_BYTES: vectorsPerSlice * packetsPerVector * packetBytes,
          U64_DATA_REG_PER_THREAD: registers,
          WARP_PER_GROUP: warpsPerGroup,
          GROUP_COUNT_PER_BLOCK: ranks,
        },
      });
      const bytesPerRank = Number(host.getMoeCommWorkspaceSize(ranks));
      const workspacePtr = memory.allocateSymmetric('workspace', 'u64', { ranks, bytesPerRank, zeroed: true });
      const streams = numbers(ranks).map((rank) => machine.stream(rank));
      const outputs = numbers(ranks).map((rank): Pointer<'u64'> => {
        const sends = numbers(ranks).map((peer) => (carries(rank, peer) ? vectors : 0));
        const takes = numbers(ranks).map((peer) => (carries(peer, rank) ? vectors + missing : 0));
        const total = (counts: readonly number[]) => counts.reduce((sum, count) => sum + count, 0);
        const dataPtr = memory.allocate(`output of rank ${rank}`, 'u64', Math.max(1, total(takes) * vectorU64), {
          zeroed: true,
        });
        const indices = (name: string, count: number) =>
          memory.upload(`${name} of rank ${rank}`, 'i32', Int32Array.from(numbers(count)));
        kernels.moeAllToAll(
          host,
          {
            worldInfo: { epSize: ranks, epRank: rank },
            vectorSizeInU64: vectorU64,
            sendDispls: {
              dataPtr: memory.upload(`input of rank ${rank}`, 'u64', inputs[rank]!),
              rankCountCumSum: memory.upload(`send sums of rank ${rank}`, 'i32', sums(sends)),
              rankLocalIndices: indices('send indices', total(sends)),
              vectorStrideInU64: vectorU64,
            },
            recvDispls: {
              dataPtr,
              rankCountCumSum: memory.upload(`receive sums of rank ${rank}`, 'i32', sums(takes)),
              rankLocalIndices: indices('receive indices', total(takes)),
              vectorStrideInU64: vectorU64,
            },
            workspace: { workspacePtr, rankStrideInU64: BigInt(bytesPerRank / 8) },
          },
          streams[rank]!,
        );
        return dataPtr;
      });
      return {
        machine,
        wrong: () => null,
        output: () => outputs.map(({ allocation }) => hashText(allocation.u32)).join(' '),
      };
    },
  };
}

/** A hash of 64 bits in the manner of FNV-1a, in hexadecimal. */
function hashText(words: Uint32Array): string {
  let low = 0x811c9dc5;
  let high = 0x9e3779b9;
  for (const word of words) {
    low = Math.imul(low ^ word, 0x01000193);
    low ^= low >>> 15;
    high = Math.imul(high ^ word ^ (low >>> 11), 0x85ebca6b);
  }
  const hex = (word: number) => (word >>> 0).toString(16).padStart(8, '0');
  return hex(high) + hex(low);
}
