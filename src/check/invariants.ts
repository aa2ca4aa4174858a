import { type AccessInstruction, accessedBytes } from '../program/index.js';
import {
  type Allocation,
  type BrokenInvariant,
  type Launch,
  type MemoryInvariant,
  type MemorySymbols,
  type MemoryWrite,
  type ScalarType,
  type ScalarValue,
  scalarBytes,
} from '../simt/index.js';
import type { StepObserver } from '../step/index.js';
import type { StepBlock } from '../step/step-block.js';
import { accessReport, type InvariantViolation, wordText } from './findings.js';

/** Most bytes of an access, and a word more: the first byte may lie within a word. */
const MOST_BYTES = 20;

/** An invariant with the bytes that it is about. */
interface Ranged {
  readonly invariant: MemoryInvariant;
  readonly start: number;
  readonly end: number;
}

/** What is known of an allocation: the invariants that its symbols have declared. Empty: none. */
interface Declared {
  readonly symbols: MemorySymbols;
  readonly invariants: readonly Ranged[];
}

/**
 * Finds writes in a run of mode `step` after which memory is not as its kernel has declared
 * (`MemorySymbols.invariants`): the first bad write, whatever comes of it. Writes of the host are not looked at.
 */
export class InvariantChecker implements StepObserver {
  readonly #declared = new WeakMap<Allocation, Declared>();
  readonly #found = new Map<string, { -readonly [Key in keyof InvariantViolation]: InvariantViolation[Key] }>();
  // The last allocation, and what it has declared: warps write to the same again and again.
  #allocation: Allocation | null = null;
  #symbols: MemorySymbols | null = null;
  #invariants: readonly Ranged[] = [];
  // The write that is going on.
  readonly #write = new Write();
  #instruction!: AccessInstruction;
  #block!: StepBlock;
  #rank = 0;

  /** What has been found so far: each invariant once, with the first write that broke it, in the order of these. */
  get findings(): readonly InvariantViolation[] {
    return [...this.#found.values()];
  }

  access(
    instruction: AccessInstruction,
    allocation: Allocation,
    offset: number,
    block: StepBlock,
    rank: number,
  ): boolean {
    const { symbols } = allocation;
    if (symbols === null || instruction.op === 'load') return false;
    if (allocation !== this.#allocation || symbols !== this.#symbols) this.#enter(allocation, symbols);
    const invariants = this.#invariants;
    if (invariants.length === 0) return false;
    const bytes = accessedBytes(instruction);
    if (!invariants.some(({ start, end }) => offset < end && offset + bytes > start)) return false;
    this.#instruction = instruction;
    this.#block = block;
    this.#rank = rank;
    this.#write.begin(allocation, offset, bytes, block.launch);
    return true;
  }

  stored(): void {
    const write = this.#write;
    const { offsetBytes, bytes } = write;
    for (const { invariant, start, end } of this.#invariants) {
      if (offsetBytes >= end || offsetBytes + bytes <= start) continue;
      const broken = invariant.check(write);
      if (broken !== null) this.#note(invariant.name, broken);
    }
  }

  blockStarts(): void {}
  blockEnds(): void {}
  fence(): void {}
  meet(): void {}
  arrive(): void {}
  complete(): void {}

  #enter(allocation: Allocation, symbols: MemorySymbols): void {
    let declared = this.#declared.get(allocation);
    if (declared?.symbols !== symbols) {
      const invariants = (symbols.invariants ?? []).map((invariant): Ranged => {
        const { offsetBytes: start, bytes } = invariant.range ?? { offsetBytes: 0, bytes: allocation.bytes };
        return { invariant, start, end: start + bytes };
      });
      declared = { symbols, invariants };
      this.#declared.set(allocation, declared);
    }
    this.#allocation = allocation;
    this.#symbols = symbols;
    this.#invariants = declared.invariants;
  }

  #note(name: string, { wants, holds }: BrokenInvariant): void {
    const known = this.#found.get(name);
    if (known !== undefined) {
      known.count++;
      return;
    }
    const { allocation, offsetBytes } = this.#write;
    this.#found.set(name, {
      kind: 'invariant',
      name,
      address: allocation.base + offsetBytes,
      word: wordText(allocation, offsetBytes),
      wants,
      holds,
      access: accessReport({ block: this.#block }, this.#rank, this.#instruction, allocation.space.name),
      count: 1,
    });
  }
}

/** The write that is going on; one object for all of them. */
class Write implements MemoryWrite {
  allocation!: Allocation;
  offsetBytes = 0;
  bytes = 0;
  launch!: Launch;
  /** What was there, from the word of the first byte on. */
  readonly #words = new Int32Array(MOST_BYTES / 4 + 1);
  readonly #view = new DataView(this.#words.buffer);
  #firstWord = 0;

  begin(allocation: Allocation, offsetBytes: number, bytes: number, launch: Launch): void {
    this.allocation = allocation;
    this.offsetBytes = offsetBytes;
    this.bytes = bytes;
    this.launch = launch;
    const first = offsetBytes >>> 2;
    const last = (offsetBytes + bytes - 1) >>> 2;
    this.#firstWord = first;
    for (let word = first; word <= last; word++) this.#words[word - first] = allocation.i32[word]!;
  }

  before<T extends ScalarType>(type: T, offsetBytes: number): ScalarValue<T>;
  before(type: ScalarType, offsetBytes: number): number | bigint {
    const { offsetBytes: first, bytes } = this;
    if (!(offsetBytes >= first && offsetBytes + scalarBytes(type) <= first + bytes)) {
      throw new RangeError(`byte ${offsetBytes} as ${type} is not within the ${bytes} bytes written at ${first}`);
    }
    const at = offsetBytes - 4 * this.#firstWord;
    switch (type) {
      case 'i8':
        return this.#view.getInt8(at);
      case 'u8':
        return this.#view.getUint8(at);
      case 'i16':
        return this.#view.getInt16(at, true);
      case 'u16':
        return this.#view.getUint16(at, true);
      case 'i32':
        return this.#view.getInt32(at, true);
      case 'u32':
      case 'f32':
        return this.#view.getUint32(at, true);
      case 'i64':
        return this.#view.getBigInt64(at, true);
      case 'u64':
        return this.#view.getBigUint64(at, true);
      default:
        return type satisfies never;
    }
  }
}
