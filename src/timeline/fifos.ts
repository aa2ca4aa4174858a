import type { AddressSpace, DeclaredFifo } from '../simt/index.js';
import { GrowingTable } from './growing-table.js';
import { FIFO_EVENT_KINDS, type FifoEventKind, type FifoEventTable, type TimelineFifo } from './timeline.js';

const KINDS = FIFO_EVENT_KINDS.length;

/** One of the FIFO events, but for when and by whom. */
interface FifoChange {
  readonly fifo: number;
  readonly kind: FifoEventKind;
  readonly value: number;
  /** The low 32 bits of the value. */
  readonly low: number;
  readonly slot: number;
  readonly packet: number;
}

/** FIFOs that something has happened to, and what. */
export class FifoRecorder {
  readonly #limit: number;
  readonly #fifos: TimelineFifo[] = [];
  readonly #rows = new Map<string, number>();
  /** Low words of head and tail, by FIFO: what is in flight fits 32 bits. */
  readonly #heads: number[] = [];
  readonly #tails: number[] = [];
  readonly #table = new GrowingTable({
    step: Float64Array,
    fifo: Int32Array,
    kind: Uint8Array,
    value: Float64Array,
    inFlight: Int32Array,
    slot: Int32Array,
    packet: Int32Array,
    thread: Int32Array,
    site: Int32Array,
  });
  /** Of so many steps only the last event of a kind of a FIFO is kept. */
  #windowSteps = 1;
  /** By FIFO and kind: row of the last event; -1: none. */
  #last: number[] = [];

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** 0: all events are there. */
  get lostSteps(): number {
    return this.#windowSteps === 1 ? 0 : this.#windowSteps;
  }

  /** Row of a FIFO. Its head and tail are read if it is a new one. */
  rowOf({ from, to, channel, depth, headAddress, tailAddress }: DeclaredFifo, space: AddressSpace): number {
    const key = `${from} ${to} ${channel} ${headAddress}`;
    let row = this.#rows.get(key);
    if (row === undefined) {
      const head = readLow(space, headAddress);
      const tail = readLow(space, tailAddress);
      row = this.#fifos.push({ from, to, channel, depth, inFlight: (head - tail) | 0 }) - 1;
      this.#heads.push(head);
      this.#tails.push(tail);
      this.#rows.set(key, row);
      for (let kind = 0; kind < KINDS; kind++) this.#last.push(-1);
    }
    return row;
  }

  add({ fifo, kind, value, low, slot, packet }: FifoChange, step: number, thread: number, site: number): void {
    if (kind === 'head') this.#heads[fifo] = low;
    else if (kind === 'tail') this.#tails[fifo] = low;
    const number = FIFO_EVENT_KINDS.indexOf(kind);
    const table = this.#table;
    if (table.count >= this.#limit) this.#coarsen();
    let row = this.#last[fifo * KINDS + number]!;
    if (row === -1 || !this.#isOneWindow(table.columns.step[row]!, step)) row = table.add();
    const { columns } = table;
    columns.step[row] = step;
    columns.fifo[row] = fifo;
    columns.kind[row] = number;
    columns.value[row] = value;
    columns.inFlight[row] = this.#heads[fifo]! - this.#tails[fifo]!;
    columns.slot[row] = slot;
    columns.packet[row] = packet;
    columns.thread[row] = thread;
    columns.site[row] = site;
    this.#last[fifo * KINDS + number] = row;
  }

  /** FIFOs by link and channel, and events by step. */
  tables(): { readonly fifos: readonly TimelineFifo[]; readonly events: FifoEventTable; readonly rows: Int32Array } {
    const order = this.#fifos.map((_, row) => row);
    order.sort((left, right) => {
      const [a, b] = [this.#fifos[left]!, this.#fifos[right]!];
      return a.from - b.from || a.to - b.to || a.channel - b.channel || left - right;
    });
    const rows = new Int32Array(order.length);
    order.forEach((row, place) => {
      rows[row] = place;
    });
    const { columns, count } = this.#table;
    const byStep = Uint32Array.from({ length: count }, (_, row) => row);
    // An event of a window is that of its end.
    if (this.#windowSteps > 1) byStep.sort((a, b) => columns.step[a]! - columns.step[b]! || a - b);
    const events = this.#table.taken(byStep);
    events.fifo.forEach((row, at) => {
      events.fifo[at] = rows[row]!;
    });
    return { fifos: order.map((row) => this.#fifos[row]!), events, rows };
  }

  #isOneWindow(a: number, b: number): boolean {
    const window = this.#windowSteps;
    return window > 1 && Math.floor(a / window) === Math.floor(b / window);
  }

  /** Keeps the last events of longer windows, until at least half of the room is free. */
  #coarsen(): void {
    const table = this.#table;
    const { columns } = table;
    const most = Math.max(this.#limit / 2, this.#last.length);
    while (table.count > most) {
      this.#windowSteps *= 2;
      this.#last.fill(-1);
      let kept = 0;
      for (let row = 0; row < table.count; row++) {
        const key = columns.fifo[row]! * KINDS + columns.kind[row]!;
        const last = this.#last[key]!;
        const isNew = last === -1 || !this.#isOneWindow(columns.step[last]!, columns.step[row]!);
        table.move(row, isNew ? kept : last);
        if (isNew) this.#last[key] = kept++;
      }
      table.count = kept;
    }
  }
}

/** The low word of a u64 of memory, without touching its page if nobody has. */
function readLow(space: AddressSpace, address: number): number {
  const allocation = space.find(address);
  const offset = address - (allocation?.base ?? 0);
  return allocation?.isWritten(offset) ? allocation.u32[offset >>> 2]! : 0;
}
