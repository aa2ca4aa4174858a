import { accessedBytes } from '../program/index.js';
import { describeOperation, isAccess, PHASE_IDLE } from '../simt/for-engines.js';
import type { Allocation, Machine, SourceFrame } from '../simt/index.js';
import type { ProgramCode } from '../step/code.js';
import type { StepEngine } from '../step/index.js';
import { OPERAND_A, PC } from '../step/layout.js';
import type { Expression, ExpressionValue } from './expression.js';
import type { Focus } from './focus.js';
import { placesOf, type SourcePlace } from './places.js';
import type { StepRecord } from './timeline.js';

/** What a breakpoint stops at. */
export type StopAt =
  /** A thread comes to an operation on one of these lines, or to the first one of a call on it. */
  | { readonly kind: 'line'; readonly places: readonly SourcePlace[] }
  /** A thread comes to the first operation of a function after one outside of it. */
  | { readonly kind: 'function'; readonly name: string }
  /** A thread has performed, or waits in, an operation of this name or of those below it: `atom` has `atom.add`. */
  | { readonly kind: 'operation'; readonly name: string }
  /**
   * Global memory. `write`: any store or atomic. `change`: one that leaves other bytes there than before. `read`: loads
   * and atomics that the scheduler sees; plain loads happen within a step and are not reported.
   */
  | {
      readonly kind: 'memory';
      readonly address: number;
      readonly bytes: number;
      readonly access: 'read' | 'write' | 'change';
    }
  /** The value of an expression, as `thread` sees it or who was in focus, is another one than before the step. */
  | { readonly kind: 'value'; readonly expression: Expression; readonly thread?: Focus };

/** A breakpoint or watchpoint. */
export interface Breakpoint {
  readonly id: number;
  readonly at: StopAt;
  /** It stops only where this is true for the thread; null: everywhere. An expression that has no value counts as false. */
  readonly condition: Expression | null;
  readonly isTemporary: boolean;
  enabled: boolean;
  /** Stops so far. */
  hits: number;
  /** Asked last, about a thread that it would stop: false, and it does not. */
  isWanted?: (thread: Focus) => boolean;
}

/** A thread that something has happened to in a step. */
export interface Hit {
  readonly threadRank: number;
  /** What was there before and is there now, of watched memory and values. */
  readonly change?: { readonly before: ExpressionValue | null; readonly after: ExpressionValue | null };
}

/** By number of the visible instruction: 1 where a breakpoint stops whoever comes; 2: unless they were in there before. */
type Table = Uint8Array;

/** Finds out which threads of a step a line, function or operation stops. */
export class PlaceMatcher {
  readonly #at: Extract<StopAt, { kind: 'line' | 'function' | 'operation' }>;
  readonly #tables = new WeakMap<ProgramCode, Table>();

  constructor(at: Extract<StopAt, { kind: 'line' | 'function' | 'operation' }>) {
    this.#at = at;
  }

  /** Threads of the block, lowest first, that have come to it in this step. */
  *hits({ block, warp, lanes, before }: StepRecord, engine: StepEngine): Generator<Hit> {
    const { arena, firstWarp } = block;
    const table = this.#tableOf(arena.code);
    // Rows of a block that has ended may be read until another one starts in its place; nobody is alive there.
    if (engine.blockOfWarp[warp] !== block) return;
    const row = engine.rowOfWarp[warp]!;
    for (let rest = lanes & engine.live[warp]!; rest !== 0; rest &= rest - 1) {
      const lane = 31 - Math.clz32(rest & -rest);
      const kind = table[arena.L[row + lane * arena.rowWords + PC]!] ?? 0;
      if (kind === 0 || (kind === 2 && table[before[lane]!] !== 0)) continue;
      yield { threadRank: (warp - firstWarp) * 32 + lane };
    }
  }

  #tableOf(code: ProgramCode): Table {
    const known = this.#tables.get(code);
    if (known !== undefined) return known;
    const { frames, operations } = placesOf(code);
    const table = Uint8Array.from(operations, (name, number) =>
      number === 0 ? 0 : this.#kindOf(frames[number]!, name),
    );
    this.#tables.set(code, table);
    return table;
  }

  #kindOf(frames: readonly (SourcePlace & { readonly functionName: string })[], name: string): 0 | 1 | 2 {
    const at = this.#at;
    switch (at.kind) {
      case 'operation':
        return name === at.name || name.startsWith(`${at.name}.`) ? 1 : 0;
      case 'function':
        return frames.some(({ functionName }) => functionName === at.name || functionName.endsWith(`.${at.name}`))
          ? 2
          : 0;
      case 'line': {
        const depth = frames.findIndex((frame) =>
          at.places.some(({ file, line }) => frame.file === file && frame.line === line),
        );
        return depth === -1 ? 0 : depth === 0 ? 1 : 2;
      }
      default:
        return at satisfies never;
    }
  }
}

/** A store or atomic to watched bytes. */
export interface Store {
  readonly threadRank: number;
  /** In PTX's words; '' for a plain store. */
  readonly operation: string;
  readonly frames: readonly SourceFrame[];
}

/** Reports the stores to a range of global memory while it is on. */
export class MemoryWatch {
  readonly #allocations: readonly Allocation[];
  readonly #address: number;
  readonly #bytes: number;
  /** Those of this step; cleared by {@link take}. */
  #stores: Store[] = [];
  #before: Uint8Array;
  readonly #machine: Machine;
  /** Ends the reports; null: it is off. */
  #end: (() => void) | null = null;

  constructor(machine: Machine, address: number, bytes: number) {
    this.#machine = machine;
    this.#address = address;
    this.#bytes = bytes;
    this.#allocations = machine.memory.space.allocations.filter(
      ({ base, bytes: size }) => base < address + bytes && address < base + size,
    );
    this.#before = this.#read();
  }

  /** Accesses are slow only while it is on. */
  turn(on: boolean): void {
    if (on === (this.#end !== null)) return;
    this.#end?.();
    this.#end = on
      ? this.#machine.watch(this.#address, this.#bytes, ({ thread, frames }) => {
          const operation = thread.phase === PHASE_IDLE ? '' : describeOperation(thread);
          this.#stores.push({ threadRank: thread.threadRank, operation, frames });
        })
      : null;
    this.begin();
  }

  /** Steps have been skipped: what happened in them is no event. */
  begin(): void {
    this.#stores = [];
    this.#before = this.#read();
  }

  /** Stores of the last step, in order, and what they have changed; null: there were none. */
  take(): { readonly stores: readonly Store[]; readonly before: Uint8Array; readonly after: Uint8Array } | null {
    if (this.#stores.length === 0) return null;
    const taken = { stores: this.#stores, before: this.#before, after: this.#read() };
    this.begin();
    return taken;
  }

  #read(): Uint8Array {
    const bytes = new Uint8Array(this.#bytes);
    for (const { base, u8, bytes: size } of this.#allocations) {
      const from = Math.max(base, this.#address);
      const to = Math.min(base + size, this.#address + this.#bytes);
      bytes.set(u8.subarray(from - base, to - base), from - this.#address);
    }
    return bytes;
  }
}

/** Bytes as a little-endian integer; null: they are more than eight. */
export function integerOf(bytes: Uint8Array): bigint | null {
  if (bytes.length > 8) return null;
  let value = 0n;
  for (let at = bytes.length - 1; at >= 0; at--) value = value * 256n + BigInt(bytes[at]!);
  return value;
}

export const sameBytes = (a: Uint8Array, b: Uint8Array): boolean => a.every((byte, at) => byte === b[at]);

/** Threads of a step, lowest first, that have read [address, address + bytes) of global memory in a way that the scheduler sees. */
export function* readersOf(
  { block, warp, lanes }: StepRecord,
  engine: StepEngine,
  address: number,
  bytes: number,
): Generator<Hit> {
  if (engine.blockOfWarp[warp] !== block) return;
  const { L, D, rowWords, code } = block.arena;
  const row = engine.rowOfWarp[warp]!;
  for (let rest = lanes & engine.live[warp]!; rest !== 0; rest &= rest - 1) {
    const lane = 31 - Math.clz32(rest & -rest);
    const b = row + lane * rowWords;
    const number = L[b + PC]!;
    if (!isAccess(code.visible.opcode[number]!)) continue;
    const { instruction } = code.layout.visible[number]!;
    if (instruction.op !== 'load' && instruction.op !== 'atomic') continue;
    const at = D[(b + OPERAND_A) >> 1]!;
    const length = accessedBytes(instruction);
    if (at < address + bytes && address < at + length) yield { threadRank: (warp - block.firstWarp) * 32 + lane };
  }
}
