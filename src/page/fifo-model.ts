import type { Timeline } from '../timeline/index.js';
import { countUpTo, groupRows } from './time-model.js';

/** Kinds of events by number, as {@link Timeline.fifoEvents} has them. */
const [HEAD, TAIL, PUBLISHED, CONSUMED] = [0, 1, 2, 3] as const;
const KINDS = 4;

/** A slot of a FIFO: what is in it. */
export type SlotState = 'free' | 'filling' | 'full' | 'draining';

export interface Slot {
  readonly slot: number;
  readonly state: SlotState;
  /** The slice that is in it or was in it last, from 0; -1: there has been none. */
  readonly slice: number;
  /** Packets of that slice whose flags have been stored, and those that have been seen. */
  readonly published: number;
  readonly consumed: number;
}

/** The FIFOs of a timeline, at any step. */
export class FifoModel {
  readonly timeline: Timeline;
  readonly #steps: Float64Array;
  readonly #values: Float64Array;
  readonly #rows: Int32Array;
  readonly #first: Int32Array;

  constructor(timeline: Timeline) {
    this.timeline = timeline;
    const { fifoEvents, fifos } = timeline;
    const keys = fifoEvents.fifo.map((fifo, row) => KINDS * fifo + fifoEvents.kind[row]!);
    const { first, rows } = groupRows(keys, KINDS * fifos.length);
    this.#first = first;
    this.#rows = rows;
    this.#steps = Float64Array.from(rows, (row) => fifoEvents.step[row]!);
    this.#values = Float64Array.from(rows, (row) => fifoEvents.value[row]!);
  }

  /** The FIFO with the most events. */
  get busiest(): number {
    let best = 0;
    const eventsOf = (fifo: number): number => this.#first[KINDS * (fifo + 1)]! - this.#first[KINDS * fifo]!;
    for (let fifo = 1; fifo < this.timeline.fifos.length; fifo++) if (eventsOf(fifo) > eventsOf(best)) best = fifo;
    return best;
  }

  /** Slices that the sender has completed, and those that the receiver has taken, when `step` steps are done. */
  headAt(fifo: number, step: number): number {
    return this.#lastValue(fifo, HEAD, step) ?? this.#headBefore(fifo);
  }

  tailAt(fifo: number, step: number): number {
    return this.#lastValue(fifo, TAIL, step) ?? this.#headBefore(fifo) - this.timeline.fifos[fifo]!.inFlight;
  }

  slotsAt(fifo: number, step: number): Slot[] {
    const { depth } = this.timeline.fifos[fifo]!;
    const [head, tail] = [this.headAt(fifo, step), this.tailAt(fifo, step)];
    return Array.from({ length: depth }, (_, slot) => {
      // The latest slice that may be in the slot: one that is being written has no head yet.
      const latest = head + ((((slot - head) % depth) + depth) % depth);
      const isBegun = latest === head && this.#countOf(fifo, PUBLISHED, latest + 1, step) > 0;
      const slice = isBegun ? latest : latest - depth;
      const published = this.#countOf(fifo, PUBLISHED, slice + 1, step);
      const consumed = this.#countOf(fifo, CONSUMED, slice + 1, step);
      const state: SlotState =
        slice < tail ? 'free' : isBegun ? 'filling' : slice === tail && consumed > 0 ? 'draining' : 'full';
      return { slot, state, slice: slice < 0 ? -1 : slice, published, consumed };
    });
  }

  /** Rows of the last events of a FIFO up to `step`, the latest first, at most `most`. */
  eventsBefore(fifo: number, step: number, most: number): number[] {
    const rows: number[] = [];
    for (let kind = 0; kind < KINDS; kind++) {
      const end = this.#countUpTo(fifo, kind, step);
      const first = Math.max(this.#first[KINDS * fifo + kind]!, end - most);
      for (let at = first; at < end; at++) rows.push(this.#rows[at]!);
    }
    return rows.sort((a, b) => b - a).slice(0, most);
  }

  /** Steps at which something has happened to a FIFO, the next one after `step` or the last one before it; null: none. */
  neighbour(fifo: number, step: number, direction: 1 | -1): number | null {
    let found: number | null = null;
    for (let kind = 0; kind < KINDS; kind++) {
      const key = KINDS * fifo + kind;
      const [first, end] = [this.#first[key]!, this.#first[key + 1]!];
      const at =
        direction === 1 ? countUpTo(this.#steps, first, end, step) : countUpTo(this.#steps, first, end, step - 1) - 1;
      if (at < first || at >= end) continue;
      const other = this.#steps[at]!;
      if (found === null || (direction === 1 ? other < found : other > found)) found = other;
    }
    return found;
  }

  /** The head before the first event, which says what it became: heads, tails and flags count up by one. */
  #headBefore(fifo: number): number {
    const { inFlight } = this.timeline.fifos[fifo]!;
    const first = (kind: number): number | undefined => {
      const at = this.#first[KINDS * fifo + kind]!;
      return at < this.#first[KINDS * fifo + kind + 1]! ? this.#values[at] : undefined;
    };
    const sent = first(HEAD) ?? first(PUBLISHED);
    if (sent !== undefined) return sent - 1;
    const taken = first(TAIL);
    // Of a FIFO that nobody sends through or takes from only the difference is known.
    return taken === undefined ? inFlight : taken - 1 + inFlight;
  }

  #countUpTo(fifo: number, kind: number, step: number): number {
    const key = KINDS * fifo + kind;
    return countUpTo(this.#steps, this.#first[key]!, this.#first[key + 1]!, step);
  }

  #lastValue(fifo: number, kind: number, step: number): number | null {
    const at = this.#countUpTo(fifo, kind, step) - 1;
    return at < this.#first[KINDS * fifo + kind]! ? null : this.#values[at]!;
  }

  /** Events of a slice up to `step`: packets come slice by slice, so that they are neighbours. */
  #countOf(fifo: number, kind: number, flag: number, step: number): number {
    const first = this.#first[KINDS * fifo + kind]!;
    let count = 0;
    for (let at = this.#countUpTo(fifo, kind, step) - 1; at >= first && this.#values[at]! >= flag; at--) {
      if (this.#values[at] === flag) count++;
    }
    return count;
  }
}
