import { type AccessInstruction, accessedBytes, type InstructionOf } from '../program/index.js';
import { OP_SYNCWARP, type Opcode } from '../simt/for-engines.js';
import { type Allocation, type MemoryModel, Random, type Scope } from '../simt/index.js';
import type { StepObserver } from './observer.js';
import { haveChanged, overlap, putBytes, type SavedBytes, saveBytes } from './saved-bytes.js';
import type { StepBlock } from './step-block.js';

/** Stores that a buffer holds; the oldest leaves when there are more. */
const CAPACITY = 64;

/** Steps after which stores may be delayed for longer, or less long. */
const STEPS_A_PACE = 128;

/** Steps for each store that goes on of itself, on average: one of these. */
const PACES = [1, 2, 16, 128] as const;

/** What one instruction of a granule has stored into one 128-byte line: others see it as a whole. */
interface DelayedStore {
  readonly parts: SavedBytes[];
}

/** Stores on their way from those who have made them to those who do not see them yet, oldest first. */
interface Buffer {
  readonly stores: DelayedStore[];
  readonly level: Level;
  /** Where they go from here; null: to memory. */
  readonly next: Buffer | null;
}

/** Who sees the stores of a buffer. */
type Level = 'granule' | 'block' | 'device';

const LEVELS: readonly Level[] = ['granule', 'block', 'device'];

/** Levels that a fence of a scope empties for its thread. */
const BELOW: Readonly<Record<Scope, number>> = { block: 1, device: 2, system: 3 };

/** What a step has done to memory, in order. */
type Event =
  | { readonly kind: 'store'; readonly store: DelayedStore; readonly isUpdate: boolean }
  /** `buffer`: whose stores go on. */
  | { readonly kind: 'fence'; readonly buffer: Buffer; readonly below: number };

/** How much of it has happened: everything that {@link DelayedStores} remembers. */
export interface DelayedStoresCopy {
  readonly granules: readonly (readonly [number, readonly DelayedStore[]])[];
  readonly blocks: readonly (readonly [StepBlock, readonly DelayedStore[]])[];
  readonly devices: readonly (readonly [number, readonly DelayedStore[]])[];
  readonly random: number;
  readonly paces: number;
}

/** How an engine divides warps. */
interface Granules {
  readonly warpShift: number;
  lanesOfPart(part: number): number;
}

/**
 * Stores to global memory that others see later than whoever has made them: a granule sees its own, those of its block
 * which a barrier or a fence has handed on, those of its device, and memory. A store goes on from one to the next at
 * random, or when a fence of its thread or of one who may have seen it, a barrier, a release, or work that waits for a
 * launch to end says so. Stores to the same bytes do not overtake each other; others do. A read-modify-write is done in memory.
 *
 * This is less than the PTX memory model allows: loads are never early, a fence takes with it all that its block and its
 * device hold, and shared memory has no delays. So whatever goes wrong here, may.
 */
export class DelayedStores implements StepObserver {
  readonly #isDelaying: Readonly<Record<Level, boolean>>;
  readonly #seed: number;
  readonly #random: Random;
  readonly #engine: Granules;
  readonly #granules = new Map<number, Buffer>();
  readonly #blocks = new Map<StepBlock, Buffer>();
  readonly #devices = new Map<number, Buffer>();
  /** Steps so far. */
  #paces = 0;
  #pending = 0;
  /** What the step that is going on has found in memory and covered, in this order. */
  readonly #covered: SavedBytes[] = [];
  readonly #events: Event[] = [];
  /** Stores of the step by instruction and line. */
  readonly #lines = new Map<AccessInstruction, Map<number, DelayedStore>>();
  #before: { readonly bytes: SavedBytes; readonly instruction: AccessInstruction } | null = null;
  #block: StepBlock | null = null;
  #granule = -1;
  /** Whether memory was changed by what was on its way. */
  hasDelivered = false;

  constructor(model: Exclude<MemoryModel, { readonly kind: 'sc' }>, engine: Granules) {
    const isAll = model.kind === 'delayed stores';
    this.#isDelaying = { granule: isAll, block: isAll, device: true };
    this.#seed = model.seed;
    this.#random = new Random(model.seed);
    this.#engine = engine;
  }

  /** Whether somebody does not see what somebody has stored. */
  get isEmpty(): boolean {
    return this.#pending === 0;
  }

  // --- Steps

  /** A granule is about to step: it sees memory as it is for it. */
  beginStep(block: StepBlock, granule: number): void {
    this.#block = block;
    this.#granule = granule;
    this.hasDelivered = false;
    this.#deliverAtRandom();
    if (this.#pending === 0) return;
    const chain: Buffer[] = [];
    for (let at: Buffer | null = this.#of(block, granule); at !== null; at = at.next) chain.push(at);
    for (const { stores } of chain.reverse()) {
      for (const { parts } of stores) {
        for (const part of parts) {
          this.#covered.push(saveBytes(part.allocation, part.offset, part.bytes.length));
          putBytes(part);
        }
      }
    }
  }

  /** The step is over, or has failed: memory is again as those see it who see nothing early. */
  endStep(): void {
    const block = this.#block;
    if (block === null) return;
    this.#block = null;
    for (let part = this.#covered.pop(); part !== undefined; part = this.#covered.pop()) putBytes(part);
    const buffer = this.#of(block, this.#granule);
    for (const event of this.#events) {
      if (event.kind === 'fence') this.#deliverAll(event.buffer, event.below);
      else {
        const first = this.#firstDelaying(buffer);
        first.stores.push(event.store);
        this.#pending++;
        if (event.isUpdate) this.#deliverOn(first, event.store, () => true);
        else if (first.stores.length > CAPACITY) this.#deliver(first, 0);
      }
    }
    this.#events.length = 0;
    this.#lines.clear();
  }

  /** Everything that is on its way arrives. Blocks that have ended are forgotten. */
  deliverEverything(): void {
    for (const buffers of [this.#granules, this.#blocks, this.#devices]) {
      for (const buffer of buffers.values()) this.#deliverAll(buffer, LEVELS.length);
    }
    this.#granules.clear();
    this.#blocks.clear();
  }

  // --- What the engine tells

  blockStarts(): void {}

  blockEnds(block: StepBlock): void {
    const { warpShift } = this.#engine;
    const first = block.firstWarp << warpShift;
    this.endStep();
    // The numbers of its granules may soon be those of others.
    for (let granule = first; granule < (block.firstWarp + block.warpCount) << warpShift; granule++) {
      const buffer = this.#granules.get(granule);
      if (buffer !== undefined) this.#deliverAll(buffer, BELOW.block);
      this.#granules.delete(granule);
    }
  }

  access(instruction: AccessInstruction, allocation: Allocation, offset: number): boolean {
    if (instruction.op === 'load' || allocation.space.name !== 'global') return false;
    if (instruction.op === 'store' && instruction.ordering === 'release') this.#fence(instruction.scope);
    this.#before = { bytes: saveBytes(allocation, offset, accessedBytes(instruction)), instruction };
    return true;
  }

  stored(): void {
    const { bytes: before, instruction } = this.#before!;
    this.#before = null;
    if (!haveChanged(before)) return;
    this.#covered.push(before);
    const { allocation, offset, bytes } = before;
    const isUpdate = instruction.op === 'atomic';
    const after = saveBytes(allocation, offset, bytes.length);
    const line = Math.floor((allocation.base + offset) / 128);
    const known = isUpdate ? undefined : this.#lines.get(instruction)?.get(line);
    if (known !== undefined && !known.parts.some((part) => overlap(part, after))) {
      known.parts.push(after);
      return;
    }
    const store = { parts: [after] };
    this.#events.push({ kind: 'store', store, isUpdate });
    if (isUpdate) return;
    const lines = this.#lines.get(instruction) ?? new Map<number, DelayedStore>();
    this.#lines.set(instruction, lines.set(line, store));
  }

  fence({ scope }: InstructionOf<'fence'>): void {
    this.#fence(scope);
  }

  meet(block: StepBlock, warpIndex: number, lanes: number, opcode: Opcode): void {
    if (opcode === OP_SYNCWARP) this.#handOn(block, warpIndex, lanes);
  }

  arrive(block: StepBlock, _id: number, warpIndex: number, lanes: number): void {
    this.#handOn(block, warpIndex, lanes);
  }

  complete(): void {}

  #fence(scope: Scope): void {
    this.#events.push({ kind: 'fence', buffer: this.#of(this.#block!, this.#granule), below: BELOW[scope] });
    // Stores after it are others.
    this.#lines.clear();
  }

  /** What lanes of a warp have stored, their block sees. */
  #handOn(block: StepBlock, warpIndex: number, lanes: number): void {
    const { warpShift } = this.#engine;
    const first = (block.firstWarp + warpIndex) << warpShift;
    for (let part = 0; part < 1 << warpShift; part++) {
      if ((lanes & this.#engine.lanesOfPart(part)) === 0) continue;
      this.#events.push({ kind: 'fence', buffer: this.#of(block, first + part), below: BELOW.block });
      this.#lines.clear();
    }
  }

  // --- Buffers

  #of(block: StepBlock, granule: number): Buffer {
    let buffer = this.#granules.get(granule);
    if (buffer === undefined) {
      buffer = { stores: [], level: 'granule', next: this.#ofBlock(block) };
      this.#granules.set(granule, buffer);
    }
    return buffer;
  }

  #ofBlock(block: StepBlock): Buffer {
    let buffer = this.#blocks.get(block);
    if (buffer === undefined) {
      buffer = { stores: [], level: 'block', next: this.#ofDevice(block.launch.device) };
      this.#blocks.set(block, buffer);
    }
    return buffer;
  }

  #ofDevice(device: number): Buffer {
    let buffer = this.#devices.get(device);
    if (buffer === undefined) {
      buffer = { stores: [], level: 'device', next: null };
      this.#devices.set(device, buffer);
    }
    return buffer;
  }

  #firstDelaying(buffer: Buffer): Buffer {
    let at = buffer;
    while (!this.#isDelaying[at.level]) at = at.next!;
    return at;
  }

  #deliverAtRandom(): void {
    const step = this.#paces++;
    if (this.#pending === 0) return;
    const pace =
      PACES[(Math.imul(Math.floor(step / STEPS_A_PACE) + this.#seed + 1, 0x9e3779b1) >>> 16) % PACES.length]!;
    if (this.#random.nextBelow(pace) !== 0) return;
    let chosen = this.#random.nextBelow(this.#pending);
    for (const buffers of [this.#granules, this.#blocks, this.#devices]) {
      for (const buffer of buffers.values()) {
        const store = buffer.stores[chosen];
        if (store !== undefined) {
          this.#deliverOn(buffer, store, () => this.#random.nextBelow(2) !== 0);
          return;
        }
        chosen -= buffer.stores.length;
      }
    }
  }

  /** A store goes on to where more see it, and before it the older ones to the same bytes. */
  #deliver({ stores, next }: Buffer, index: number): void {
    const store = stores[index]!;
    const before = stores.slice(0, index);
    const leaving = new Set([store]);
    // Whoever leaves takes along what it must not overtake.
    for (let at = before.length - 1; at >= 0; at--) {
      const older = before[at]!;
      if ([...leaving].some((other) => areOrdered(older, other))) leaving.add(older);
    }
    const rest = stores.filter((other) => !leaving.has(other));
    const gone = stores.filter((other) => leaving.has(other));
    stores.splice(0, stores.length, ...rest);
    for (const other of gone) {
      if (next !== null) {
        next.stores.push(other);
        if (next.stores.length > CAPACITY) this.#deliver(next, 0);
        continue;
      }
      for (const part of other.parts) putBytes(part);
      this.#pending--;
      this.hasDelivered = true;
    }
  }

  /** Empties a buffer and those behind it, as many as `levels` says from the narrowest on. */
  #deliverAll(buffer: Buffer, levels: number): void {
    for (let at: Buffer | null = buffer; at !== null && LEVELS.indexOf(at.level) < levels; at = at.next) {
      while (at.stores.length > 0) this.#deliver(at, 0);
    }
  }

  /** A store goes on by one level, and for as long as `goesOn` says. */
  #deliverOn(buffer: Buffer, store: DelayedStore, goesOn: () => boolean): void {
    for (let at: Buffer | null = buffer; at !== null; at = at.next) {
      const index = at.stores.indexOf(store);
      if (index !== -1) this.#deliver(at, index);
      if (!goesOn()) return;
    }
  }

  // --- Snapshots

  copy(): DelayedStoresCopy {
    const listOf = <K>(buffers: ReadonlyMap<K, Buffer>) =>
      Array.from(buffers, ([key, { stores }]) => [key, [...stores]] as const);
    return {
      granules: listOf(this.#granules),
      blocks: listOf(this.#blocks),
      devices: listOf(this.#devices),
      random: this.#random.state,
      paces: this.#paces,
    };
  }

  /** `blockOf`: the block of a granule, by the engine's number. */
  restore(copy: DelayedStoresCopy, blockOf: (granule: number) => StepBlock): void {
    this.#granules.clear();
    this.#blocks.clear();
    this.#devices.clear();
    this.#pending = 0;
    const fill = (buffer: Buffer, stores: readonly DelayedStore[]) => {
      buffer.stores.push(...stores);
      this.#pending += stores.length;
    };
    // Devices first: in the order in which they were made.
    for (const [device, stores] of copy.devices) fill(this.#ofDevice(device), stores);
    for (const [block, stores] of copy.blocks) fill(this.#ofBlock(block), stores);
    for (const [granule, stores] of copy.granules) fill(this.#of(blockOf(granule), granule), stores);
    this.#random.state = copy.random;
    this.#paces = copy.paces;
  }

  /** Words that tell apart what is on its way. */
  *words(): Generator<number> {
    const { granules, blocks, devices } = this.copy();
    for (const [, stores] of [...granules, ...blocks, ...devices]) {
      yield stores.length;
      for (const { parts } of stores) {
        for (const { allocation, offset, bytes } of parts) {
          yield allocation.base | 0;
          yield offset;
          yield* bytes;
        }
      }
    }
  }
}

const areOrdered = (older: DelayedStore, newer: DelayedStore): boolean =>
  older.parts.some((a) => newer.parts.some((b) => overlap(a, b)));
