import { GrowingTable, grown, orderBy } from './growing-table.js';
import { WAIT_KINDS, type WaitKind, type WaitTable } from './timeline.js';

const NOT_WAITING = 0xff;
const KIND_OF: Readonly<Record<WaitKind, number>> = {
  barrier: WAIT_KINDS.indexOf('barrier'),
  poll: WAIT_KINDS.indexOf('poll'),
  'warp operation': WAIT_KINDS.indexOf('warp operation'),
};
const POLL = KIND_OF.poll;

/** What each warp waits for, and what it has waited for. */
export class WaitRecorder {
  readonly #limit: number;
  readonly #table = new GrowingTable({
    warp: Int32Array,
    kind: Uint8Array,
    subject: Int32Array,
    site: Int32Array,
    startStep: Float64Array,
    endStep: Float64Array,
  });
  /** Shorter waits, and gaps between waits for the same, are left out. */
  #shortestSteps = 1;
  // By warp: the present wait, and the end of the last one. The subject of a poll is a word.
  #kind = new Uint8Array(0);
  #subject = new Int32Array(0);
  #site = new Int32Array(0);
  #start = new Float64Array(0);
  #lastRead = new Float64Array(0);
  #lastEnd = new Float64Array(0);
  /** Row of the last wait; -1: none. */
  #lastRow = new Int32Array(0);

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Steps below which waits have been left out; 0: none has. */
  get lostSteps(): number {
    return this.#shortestSteps === 1 ? 0 : this.#shortestSteps;
  }

  reserve(warps: number): void {
    const had = this.#kind.length;
    if (warps <= had) return;
    const size = Math.max(warps, 2 * had, 64);
    this.#kind = grown(this.#kind, new Uint8Array(size), NOT_WAITING);
    this.#lastRow = grown(this.#lastRow, new Int32Array(size), -1);
    this.#subject = grown(this.#subject, new Int32Array(size));
    this.#site = grown(this.#site, new Int32Array(size));
    this.#start = grown(this.#start, new Float64Array(size));
    this.#lastRead = grown(this.#lastRead, new Float64Array(size));
    this.#lastEnd = grown(this.#lastEnd, new Float64Array(size));
  }

  isPolling(warp: number): boolean {
    return this.#kind[warp] === POLL;
  }

  /** Whether the warp waits for what only others can end. */
  isStopped(warp: number): boolean {
    return this.#kind[warp] !== POLL && this.#kind[warp] !== NOT_WAITING;
  }

  begin(warp: number, kind: WaitKind, subject: number, site: number, step: number): void {
    const number = KIND_OF[kind];
    if (this.#kind[warp] === number && this.#subject[warp] === subject && kind !== 'poll') return;
    this.end(warp, step);
    this.#kind[warp] = number;
    this.#subject[warp] = subject;
    this.#site[warp] = site;
    // A poll is only known once it repeats: it has begun where nothing else was waited for.
    this.#start[warp] = Math.max(step, this.#lastEnd[warp]!);
    this.#lastRead[warp] = step;
  }

  /** A polling warp has loaded again what it polls. */
  readAgain(warp: number, step: number): void {
    this.#lastRead[warp] = step;
  }

  /** The warp goes on. A poll has ended with the last load of it. */
  end(warp: number, step: number): void {
    const kind = this.#kind[warp]!;
    if (kind === NOT_WAITING) return;
    this.#kind[warp] = NOT_WAITING;
    const end = kind === POLL ? this.#lastRead[warp]! : step;
    this.#lastEnd[warp] = end;
    this.#close(warp, kind, end);
  }

  /** By warp, then by start. */
  table(warps: number): WaitTable {
    const all = this.#table.copy();
    for (let warp = 0; warp < warps; warp++) {
      if (this.#kind[warp] === NOT_WAITING) continue;
      const row = all.add();
      all.columns.warp[row] = warp;
      all.columns.kind[row] = this.#kind[warp]!;
      all.columns.subject[row] = this.#subject[warp]!;
      all.columns.site[row] = this.#site[warp]!;
      all.columns.startStep[row] = this.#start[warp]!;
      all.columns.endStep[row] = -1;
    }
    return all.taken(orderBy(all.columns.warp, all.count, warps));
  }

  #close(warp: number, kind: number, end: number): void {
    const start = this.#start[warp]!;
    const table = this.#table;
    const last = this.#lastRow[warp]!;
    if (last !== -1 && this.#isSame(last, kind, this.#subject[warp]!, this.#site[warp]!, start)) {
      table.columns.endStep[last] = end;
      return;
    }
    if (end - start < this.#shortestSteps) return;
    if (table.count >= this.#limit) {
      this.#coarsen();
      if (end - start < this.#shortestSteps) return;
    }
    const row = table.add();
    const { columns } = table;
    columns.warp[row] = warp;
    columns.kind[row] = kind;
    columns.subject[row] = this.#subject[warp]!;
    columns.site[row] = this.#site[warp]!;
    columns.startStep[row] = start;
    columns.endStep[row] = end;
    this.#lastRow[warp] = row;
  }

  /** Whether a wait that begins at `start` goes on with that of a row. */
  #isSame(row: number, kind: number, subject: number, site: number, start: number): boolean {
    const { columns } = this.#table;
    return (
      this.#shortestSteps > 1 &&
      columns.kind[row] === kind &&
      columns.subject[row] === subject &&
      columns.site[row] === site &&
      start - columns.endStep[row]! < this.#shortestSteps
    );
  }

  /** Leaves out what is short, until at least half of the room is free. */
  #coarsen(): void {
    const table = this.#table;
    const { columns } = table;
    const lastRow = this.#lastRow;
    while (table.count > this.#limit / 2) {
      this.#shortestSteps *= 2;
      lastRow.fill(-1);
      let kept = 0;
      for (let row = 0; row < table.count; row++) {
        const warp = columns.warp[row]!;
        const start = columns.startStep[row]!;
        const end = columns.endStep[row]!;
        const last = lastRow[warp]!;
        if (last !== -1 && this.#isSame(last, columns.kind[row]!, columns.subject[row]!, columns.site[row]!, start)) {
          columns.endStep[last] = end;
        } else if (end - start >= this.#shortestSteps) {
          table.move(row, kept);
          lastRow[warp] = kept++;
        }
      }
      table.count = kept;
    }
  }
}
