import { type AtomicOperator, atomicOpcode, type Word } from '../program/index.js';
import { atomicResult, Fault } from '../simt/for-engines.js';
import { type Allocation, type ScalarType, scalarBytes } from '../simt/index.js';
import { Escape, isWord, type Known, UNDEFINED, UNKNOWN } from './known.js';
import type { StandingBlock } from './standing-block.js';

/** Words of 4 bytes that atomics may change, by their place in an allocation. */
export type Counters = Map<Allocation, Set<number>>;

/** What a block sees of memory if nobody stores anything new: all but counters stays as it is. */
export class LastingMemory {
  readonly #block: StandingBlock;
  readonly #counters: Counters;
  readonly #found: () => void;

  /** `found` is called when an atomic may change what was no counter before. */
  constructor(block: StandingBlock, counters: Counters, found: () => void) {
    this.#block = block;
    this.#counters = counters;
    this.#found = found;
  }

  /** The value of each element, UNDEFINED if a byte of it is. @throws Escape if the access may fail */
  load(address: number, type: ScalarType, count: number, site: number): Known[] {
    const bytes = scalarBytes(type);
    const { allocation, offset } = this.#locate(address, bytes * count, 'load', site);
    return Array.from({ length: count }, (_, index) => this.#valueAt(allocation, type, offset + index * bytes));
  }

  /** A store of what is there already changes nothing. @throws Escape if it may be another. */
  store(address: number, type: ScalarType, values: readonly Known[], site: number): void {
    const bytes = scalarBytes(type);
    const { allocation, offset } = this.#locate(address, bytes * values.length, 'store', site);
    values.forEach((value, index) => {
      const old = this.#valueAt(allocation, type, offset + index * bytes);
      if (!isWord(value) || !isWord(old) || bitsOf(value, bytes) !== bitsOf(old, bytes)) {
        throw new Escape('may store', site);
      }
    });
  }

  /** What an atomic gives. @throws Escape if it may fail */
  atomic(
    address: number,
    type: 'i32' | 'u32' | 'i64' | 'u64',
    operator: AtomicOperator,
    [value, compare]: readonly [Known, Known],
    site: number,
  ): Known {
    const bytes = scalarBytes(type);
    const { allocation, offset } = this.#locate(address, bytes, 'atomic', site);
    const old = this.#valueAt(allocation, type, offset);
    if (allocation.definedBits(offset, bytes) !== (1 << bytes) - 1) throw new Escape('may use undefined bytes', site);
    if (isWord(old) && isWord(value) && isWord(compare)) {
      const operand = (word: Word) => (bytes === 8 ? BigInt(word) : Number(word));
      const opcode = atomicOpcode(operator);
      const after = atomicResult(type, opcode, operand(old), operand(value), operand(compare));
      if (bitsOf(after, bytes) === bitsOf(old, bytes)) return old;
    }
    let words = this.#counters.get(allocation);
    if (words === undefined) {
      words = new Set();
      this.#counters.set(allocation, words);
    }
    const before = words.size;
    for (let at = offset; at < offset + bytes; at += 4) words.add(at >>> 2);
    if (words.size > before) this.#found();
    return UNKNOWN;
  }

  #locate(address: number, bytes: number, access: 'load' | 'store' | 'atomic', site: number) {
    try {
      return this.#block.locate(address, bytes, access);
    } catch (error) {
      if (error instanceof Fault) throw new Escape('may fail', site);
      throw error;
    }
  }

  #valueAt(allocation: Allocation, type: ScalarType, offset: number): Known {
    const bytes = scalarBytes(type);
    const words = this.#counters.get(allocation);
    if (words?.has(offset >>> 2) || words?.has((offset + bytes - 1) >>> 2)) return UNKNOWN;
    return allocation.definedBits(offset, bytes) === (1 << bytes) - 1 ? allocation.read(type, offset) : UNDEFINED;
  }
}

/** The bytes of a word as an unsigned number. */
function bitsOf(word: Word, bytes: number): bigint {
  if (typeof word === 'bigint') return BigInt.asUintN(bytes * 8, word);
  const number = Number(word);
  return BigInt.asUintN(bytes * 8, BigInt(Number.isFinite(number) ? Math.trunc(number) : 0));
}
