import { GrowingTable } from './growing-table.js';
import type { BarrierTable } from './timeline.js';

/** Numbers of barriers of a block. */
const IDS = 16;

/** A phase that has begun. */
interface OpenPhase {
  /** Row; -1: it is left out. */
  readonly row: number;
  /** Warps that have come, as a mask: a block has at most 32. */
  warps: number;
}

/** Phases of the blocks' barriers. */
export class BarrierRecorder {
  readonly #limit: number;
  readonly #table = new GrowingTable({
    block: Int32Array,
    id: Uint8Array,
    arrivals: Int32Array,
    lastWarp: Int32Array,
    firstStep: Float64Array,
    completeStep: Float64Array,
    site: Int32Array,
  });
  /** By block and number. */
  readonly #open = new Map<number, OpenPhase>();
  /** Phases that are left out. */
  lost = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  arrive(block: number, id: number, warpIndex: number, warp: number, site: number, step: number): void {
    const key = block * IDS + id;
    let phase = this.#open.get(key);
    if (phase === undefined) {
      phase = { row: this.#begin(block, id, step), warps: 0 };
      this.#open.set(key, phase);
    }
    const bit = 1 << warpIndex;
    const isNew = (phase.warps & bit) === 0;
    phase.warps |= bit;
    if (phase.row === -1) return;
    const { columns } = this.#table;
    columns.arrivals[phase.row]! += isNew ? 1 : 0;
    columns.lastWarp[phase.row] = warp;
    columns.site[phase.row] = site;
  }

  complete(block: number, id: number, step: number): void {
    const key = block * IDS + id;
    const row = this.#open.get(key)?.row ?? -1;
    this.#open.delete(key);
    if (row !== -1) this.#table.columns.completeStep[row] = step;
  }

  get table(): BarrierTable {
    return this.#table.taken();
  }

  #begin(block: number, id: number, step: number): number {
    if (this.#table.count >= this.#limit) {
      this.lost++;
      return -1;
    }
    const row = this.#table.add();
    const { columns } = this.#table;
    columns.block[row] = block;
    columns.id[row] = id;
    columns.arrivals[row] = 0;
    columns.firstStep[row] = step;
    columns.completeStep[row] = -1;
    return row;
  }
}
