import type { Allocation } from '../simt/index.js';

/** Words of a cell: thread + 1, its clock and the number of the access, for each of {@link WEAK}, {@link STRONG}, {@link READ}. */
const CELL_WORDS = 9;
/** Where the last write of a kind, or the last read, begins in a cell. Thread 0 of it means: none; of a read, {@link MANY}: several. */
export const WEAK = 0;
export const STRONG = 3;
export const READ = 6;
export const MANY = -1;

const PAGE_SHIFT = 12;

/** A read that no later one has made superfluous. */
export interface KnownRead {
  readonly thread: number;
  clock: number;
  readonly access: number;
}

/** Who has touched which bytes of an allocation last. Its cells are as small as the smallest element that is accessed. */
export class Shadow {
  readonly allocation: Allocation;
  /** Log2 of the bytes of a cell. */
  shift: number;
  readonly #pages = new Map<number, Int32Array>();
  #lastPage = -1;
  #last: Int32Array = NO_CELLS;
  /** Reads of cells with several. */
  readonly reads = new Map<number, KnownRead[]>();

  constructor(allocation: Allocation, shift: number) {
    this.allocation = allocation;
    this.shift = shift;
  }

  /** The cells of the page that a cell lies in. */
  pageOf(cell: number): Int32Array {
    const page = cell >>> (PAGE_SHIFT - this.shift);
    if (page === this.#lastPage) return this.#last;
    let cells = this.#pages.get(page);
    if (cells === undefined) {
      cells = new Int32Array(CELL_WORDS << (PAGE_SHIFT - this.shift));
      this.#pages.set(page, cells);
    }
    this.#lastPage = page;
    this.#last = cells;
    return cells;
  }

  /** First word of a cell in its page. */
  placeOf(cell: number): number {
    return (cell & ((1 << (PAGE_SHIFT - this.shift)) - 1)) * CELL_WORDS;
  }

  /** Makes cells smaller: each part has what the whole had. */
  split(shift: number): void {
    const parts = 1 << (this.shift - shift);
    for (const [page, cells] of this.#pages) {
      const next = new Int32Array(cells.length * parts);
      for (let cell = 0; cell < cells.length / CELL_WORDS; cell++) {
        const old = cells.subarray(cell * CELL_WORDS, (cell + 1) * CELL_WORDS);
        for (let part = 0; part < parts; part++) next.set(old, (cell * parts + part) * CELL_WORDS);
      }
      this.#pages.set(page, next);
    }
    const reads = [...this.reads];
    this.reads.clear();
    for (const [cell, known] of reads) {
      for (let part = 0; part < parts; part++) this.reads.set(cell * parts + part, [...known]);
    }
    this.shift = shift;
    this.#lastPage = -1;
  }
}

const NO_CELLS = new Int32Array(0);
