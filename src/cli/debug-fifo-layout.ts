import { type Capture, type FifoLayout, type Machine, MoeCommHost, SIZEOF_MOE_COMM_FIFO_CONN_INFO } from '../index.js';

/** Byte of a packet that its first flag is at: the upper half of lane 7's 16 bytes. */
const FLAG_OFFSET_BYTES = 7 * 16 + 8;
const TAIL_OFFSET_BYTES = 8;

/** The FIFOs of a captured all-to-all, set up on a machine; null: the call has none. Source: trtllm_alltoall.cuh:221-243. */
export function fifoLayoutOf(capture: Capture, machine: Machine): FifoLayout | null {
  if (capture.op !== 'moe_comm') return null;
  const { epSize, channelCount } = capture.args;
  const c = new MoeCommHost({ multiProcessorCount: 132 }).constants;
  const bases = Array.from(
    { length: epSize },
    (_, rank) => machine.memory.space.allocations.find(({ name }) => name === `workspace of rank ${rank}`)?.base ?? 0,
  );
  const info = (sender: number, receiver: number, channel: number): number =>
    bases[sender]! +
    c.RECV_FIFO_TOTAL_BYTES * channelCount * epSize +
    (receiver * channelCount + channel) * SIZEOF_MOE_COMM_FIFO_CONN_INFO;
  return {
    ranks: epSize,
    channels: channelCount,
    depth: c.RECV_FIFO_DEPTH,
    packets: c.PACKET_COUNT_PER_FIFO_ENTRY,
    head: info,
    tail: (sender, receiver, channel) => info(sender, receiver, channel) + TAIL_OFFSET_BYTES,
    flag: (sender, receiver, channel, slot, packet) =>
      bases[receiver]! +
      (sender * channelCount + channel) * c.RECV_FIFO_TOTAL_BYTES +
      slot * c.RECV_FIFO_ENTRY_BYTES +
      packet * c.PACKET_SIZE_IN_BYTES +
      FLAG_OFFSET_BYTES,
  };
}
