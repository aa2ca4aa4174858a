import type { Machine } from '../simt/index.js';

/** Where the FIFOs of an all-to-all lie in global memory, and how they are used. Addresses in bytes. */
export interface FifoLayout {
  readonly ranks: number;
  readonly channels: number;
  /** Slots of a FIFO. The step k (from 0) uses slot k % depth. */
  readonly depth: number;
  /** Packets of a slot. */
  readonly packets: number;
  /** u64: slices that the sender has completed, and those that the receiver has taken. */
  readonly head: (sender: number, receiver: number, channel: number) => number;
  readonly tail: (sender: number, receiver: number, channel: number) => number;
  /** u64 that is k + 1 once the packet of step k is there. */
  readonly flag: (sender: number, receiver: number, channel: number, slot: number, packet: number) => number;
}

/** A link's FIFO in one channel. */
export interface FifoState {
  readonly sender: number;
  readonly receiver: number;
  readonly channel: number;
  readonly head: bigint;
  readonly tail: bigint;
  /** Slots that have been sent completely and not been taken: `head - tail`. */
  readonly inFlight: bigint;
  /** What the receiver takes next: slot, the flag that it waits for, packets from 0 on that have it, packet 0's flag. */
  readonly next: { readonly slot: number; readonly flag: bigint; readonly packets: number; readonly holds: bigint };
}

/** All FIFOs, by sender, receiver and channel. */
export function readFifos(machine: Machine, layout: FifoLayout): FifoState[] {
  const { ranks, channels, depth, packets } = layout;
  const read = (address: number): bigint => {
    const allocation = machine.memory.space.find(address);
    return allocation === null ? 0n : allocation.read('u64', address - allocation.base);
  };
  const states: FifoState[] = [];
  for (let sender = 0; sender < ranks; sender++) {
    for (let receiver = 0; receiver < ranks; receiver++) {
      for (let channel = 0; channel < channels; channel++) {
        const head = read(layout.head(sender, receiver, channel));
        const tail = read(layout.tail(sender, receiver, channel));
        const slot = Number(tail % BigInt(depth));
        const flagOf = (packet: number) => read(layout.flag(sender, receiver, channel, slot, packet));
        const flag = tail + 1n;
        let there = 0;
        while (there < packets && flagOf(there) === flag) there++;
        const next = { slot, flag, packets: there, holds: flagOf(0) };
        states.push({ sender, receiver, channel, head, tail, inFlight: head - tail, next });
      }
    }
  }
  return states;
}
