import { arithmeticRuntime, type Instruction, type Program, typeOfOperand, type ValueType } from '../program/index.js';
import { isAccess, isBarrier, isCollective, OP_ACTIVEMASK } from '../simt/for-engines.js';
import { AddressSpace, type Allocation } from '../simt/index.js';
import { type EmitOptions, type Emitted, emitProgram, FACTORY_PARAMETERS } from './emit.js';
import type { Layout } from './layout.js';
import type { Runtime } from './runtime.js';

/** What the machine does with a visible instruction. */
export const KIND_ACCESS = 0;
export const KIND_COLLECTIVE = 1;
export const KIND_BARRIER = 2;
export const KIND_ACTIVEMASK = 3;
const KIND_FENCE = 4;

/** Functions of a program over the rows of an {@link Arena}. */
interface CompiledCode {
  /**
   * By entry: runs the thread of row `b`, in the block of record `p`, to its next visible instruction. Result: its
   * number; 0: the thread has exited; -1: go on at the entry that the row now has.
   */
  readonly resume: readonly ((b: number, p: number) => number)[];
  /**
   * By entry of a visible instruction or the start: resumes lanes of the warp whose first row is `w`, as
   * {@link Runtime.rest} says.
   */
  readonly run: readonly ((w: number, lanes: number, p: number) => number)[];
  /**
   * By number of a visible access: performs it for `lanes` of the warp whose first row is `w`. Result: 0 for loads, else
   * bits STORED and COUNTED.
   */
  readonly access: readonly ((w: number, lanes: number) => number)[];
  /** Must be called before the threads of another block run. */
  reset(): void;
}

/** What is known of a visible instruction, by its number; 0 is unused. */
interface VisibleTable {
  readonly opcode: Uint8Array;
  readonly kind: Uint8Array;
  /** 1: the mask is a constant, the same for all lanes that come here. */
  readonly hasConstantMask: Uint8Array;
  /** Type of the value of a warp-wide operation. */
  readonly valueType: readonly ValueType[];
}

type Factory = (...given: unknown[]) => CompiledCode;

/** A program under known array sizes: its text, once for all machines. */
export interface ProgramCode {
  readonly emitted: Emitted;
  readonly layout: Layout;
  readonly visible: VisibleTable;
  readonly factory: Factory;
}

const known = new WeakMap<Program, Map<string, ProgramCode>>();

/** The code of a program. `counts`: registers of each array. */
export function codeOf(program: Program, counts: readonly number[], options: EmitOptions = {}): ProgramCode {
  const isPlanted = options.plant !== undefined;
  let ofProgram = known.get(program);
  if (ofProgram === undefined) {
    ofProgram = new Map();
    known.set(program, ofProgram);
  }
  const key = `${counts.join()}${options.isObserved === true ? ' observed' : ''}`;
  const before = isPlanted ? undefined : ofProgram.get(key);
  if (before !== undefined) return before;
  const emitted = emitProgram(program, counts, options);
  const code: ProgramCode = {
    emitted,
    layout: emitted.layout,
    visible: visibleTable(emitted),
    // The text is this room's own: names of the source appear in it as JSON strings only.
    factory: new Function(...FACTORY_PARAMETERS, emitted.text) as Factory,
  };
  if (!isPlanted) ofProgram.set(key, code);
  return code;
}

function visibleTable({ layout, program }: Emitted): VisibleTable {
  const { visible } = layout;
  const table = {
    opcode: new Uint8Array(visible.length),
    kind: new Uint8Array(visible.length),
    hasConstantMask: new Uint8Array(visible.length),
    valueType: visible.map((place) => valueTypeOf(program, place?.instruction)),
  };
  visible.forEach((place, number) => {
    if (place === null) return;
    const { opcode, instruction } = place;
    table.opcode[number] = opcode;
    table.kind[number] = isAccess(opcode)
      ? KIND_ACCESS
      : isCollective(opcode)
        ? KIND_COLLECTIVE
        : isBarrier(opcode)
          ? KIND_BARRIER
          : opcode === OP_ACTIVEMASK
            ? KIND_ACTIVEMASK
            : KIND_FENCE;
    if (instruction.op === 'collective' && instruction.mask.kind === 'constant') table.hasConstantMask[number] = 1;
  });
  return table;
}

function valueTypeOf(program: Program, instruction: Instruction | undefined): ValueType {
  if (instruction?.op !== 'collective' || instruction.value === null) return 'i32';
  const type = typeOfOperand(program, instruction.value);
  return type === 'pred' ? 'pred' : instruction.type;
}

/** An allocation that holds no address. */
const NO_ALLOCATION: Allocation = new AddressSpace('global').allocate({
  name: 'none',
  base: 0,
  bytes: 0,
  defined: true,
});

/** Rows and block records of one program, and its functions over them. */
export class Arena {
  readonly code: ProgramCode;
  readonly L: Int32Array;
  readonly D: Float64Array;
  readonly U: Uint8Array;
  readonly KI: Int32Array;
  readonly KD: Float64Array;
  readonly resume: CompiledCode['resume'];
  readonly run: CompiledCode['run'];
  readonly access: CompiledCode['access'];
  readonly reset: () => void;
  readonly rowWords: number;
  readonly infoWords: number;
  readonly #rows: RangeAllocator;
  readonly #records: RangeAllocator;

  /** Room for `blocks` blocks of `threads` threads in all. Nothing is touched before it is used. */
  constructor(code: ProgramCode, threads: number, blocks: number, runtime: Runtime) {
    this.code = code;
    this.rowWords = code.layout.rowWords;
    this.infoWords = code.emitted.info.words;
    const rows = new ArrayBuffer(threads * this.rowWords * 4);
    const records = new ArrayBuffer(blocks * this.infoWords * 4);
    this.L = new Int32Array(rows);
    this.D = new Float64Array(rows);
    this.U = new Uint8Array(rows);
    this.KI = new Int32Array(records);
    this.KD = new Float64Array(records);
    this.#rows = new RangeAllocator(threads);
    this.#records = new RangeAllocator(blocks);
    const { L, D, U, KI, KD } = this;
    const compiled = code.factory(L, D, U, KI, KD, runtime, arithmeticRuntime, NO_ALLOCATION);
    this.resume = compiled.resume;
    this.run = compiled.run;
    this.access = compiled.access;
    this.reset = compiled.reset;
    runtime.arena = this;
  }

  /** First word of a block's rows, all zeros, and of its record; null if there is no room. */
  take(threads: number): { readonly rows: number; readonly record: number } | null {
    const row = this.#rows.take(threads);
    if (row === -1) return null;
    const record = this.#records.take(1);
    if (record === -1) {
      this.#rows.give(row, threads);
      return null;
    }
    const rows = row * this.rowWords;
    if (this.#rows.isReused) this.L.fill(0, rows, rows + threads * this.rowWords);
    return { rows, record: record * this.infoWords };
  }

  give(rows: number, record: number, threads: number): void {
    this.#rows.give(rows / this.rowWords, threads);
    this.#records.give(record / this.infoWords, 1);
  }

  /** Which rows and records are taken. */
  get ranges(): ArenaRanges {
    return [this.#rows.state, this.#records.state];
  }
  set ranges([rows, records]: ArenaRanges) {
    this.#rows.state = rows;
    this.#records.state = records;
  }
}

export type ArenaRanges = readonly [RangeState, RangeState];

export interface RangeState {
  readonly next: number;
  readonly free: ReadonlyMap<number, readonly number[]>;
}

/** Hands out ranges of numbers. Ranges come back in the sizes in which they were taken. */
export class RangeAllocator {
  readonly #capacity: number;
  #next = 0;
  /** Numbers below have been taken at some time. */
  #highWater = 0;
  #free = new Map<number, number[]>();
  /** Whether the last range was in use before. */
  isReused = false;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** First number of a range; -1 if there is no room. */
  take(size: number): number {
    const free = this.#free.get(size)?.pop();
    if (free !== undefined) {
      this.isReused = true;
      return free;
    }
    if (this.#next + size > this.#capacity) return -1;
    const first = this.#next;
    this.isReused = first < this.#highWater;
    this.#next += size;
    this.#highWater = Math.max(this.#highWater, this.#next);
    return first;
  }

  give(first: number, size: number): void {
    const list = this.#free.get(size);
    if (list === undefined) this.#free.set(size, [first]);
    else list.push(first);
  }

  get state(): RangeState {
    return { next: this.#next, free: new Map(Array.from(this.#free, ([size, list]) => [size, [...list]])) };
  }
  set state({ next, free }: RangeState) {
    this.#next = next;
    this.#free = new Map(Array.from(free, ([size, list]) => [size, [...list]]));
  }
}
