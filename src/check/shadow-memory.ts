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

/** Who has touched which bytes of a page last. Its cells are as small as the smallest access to it. */
export class ShadowPage {
  /** First byte of the page in its allocation. */
  readonly #start: number;
  /** Log2 of the bytes of a cell. */
  shift: number;
  cells: Int32Array;
  /** Reads of cells with several, by the place of the cell. */
  reads = new Map<number, KnownRead[]>();

  constructor(number: number, shift: number) {
    this.#start = number * 2 ** PAGE_SHIFT;
    this.shift = shift;
    this.cells = new Int32Array(CELL_WORDS << (PAGE_SHIFT - shift));
  }

  /** First word of the cell of an offset into the allocation. */
  placeOf(offset: number): number {
    return ((offset - this.#start) >>> this.shift) * CELL_WORDS;
  }

  /** Offset into the allocation of the cell at a place. */
  offsetOf(place: number): number {
    return this.#start + ((place / CELL_WORDS) << this.shift);
  }

  /** Makes cells smaller: each part has what the whole had. */
  split(shift: number): void {
    const { cells, reads } = this;
    const parts = 1 << (this.shift - shift);
    this.shift = shift;
    this.cells = new Int32Array(cells.length * parts);
    this.reads = new Map();
    for (let place = 0; place < cells.length; place += CELL_WORDS) {
      const whole = cells.subarray(place, place + CELL_WORDS);
      const known = reads.get(place);
      for (let part = 0; part < parts; part++) {
        const at = place * parts + part * CELL_WORDS;
        this.cells.set(whole, at);
        if (known !== undefined)
          this.reads.set(
            at,
            known.map((read) => ({ ...read })),
          );
      }
    }
  }
}

/** The pages of an allocation that were touched. */
export class Shadow {
  readonly allocation: Allocation;
  readonly #pages = new Map<number, ShadowPage>();
  #number = -1;
  #last: ShadowPage | null = null;

  constructor(allocation: Allocation) {
    this.allocation = allocation;
  }

  /** The page of an offset, with cells of at most 2^`shift` bytes. */
  pageOf(offset: number, shift: number): ShadowPage {
    const number = offset >>> PAGE_SHIFT;
    if (number !== this.#number) {
      let page = this.#pages.get(number);
      if (page === undefined) {
        page = new ShadowPage(number, shift);
        this.#pages.set(number, page);
      }
      this.#number = number;
      this.#last = page;
    }
    const page = this.#last!;
    if (shift < page.shift) page.split(shift);
    return page;
  }
}
