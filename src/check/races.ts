import { type AccessInstruction, accessedBytes } from '../program/index.js';
import { OP_SYNCWARP, type Opcode } from '../simt/for-engines.js';
import { type Allocation, type LaunchQueue, type Scope, scalarBytes } from '../simt/index.js';
import type { StepObserver } from '../step/index.js';
import type { StepBlock } from '../step/step-block.js';
import type { PairRecorder } from './access-pairs.js';
import type { Knowledge } from './clocks.js';
import { accessReport, type BarrierReuse, type Race, threadReport, wordText } from './findings.js';
import { type KnownRead, MANY, READ, Shadow, type ShadowPage, STRONG, WEAK } from './shadow-memory.js';
import { Synchronisation } from './synchronisation.js';
import { type KnownBlock, Threads } from './threads.js';

/** An instruction that accesses memory, as the checker needs it. */
interface KnownAccess {
  readonly number: number;
  /** Of its place, for the recorder of pairs. */
  readonly site: number;
  readonly instruction: AccessInstruction;
  readonly bytes: number;
  /** Log2 of the bytes of an element. */
  readonly shift: number;
  /** Log2 of all its bytes, if they are a power of 2; else of an element's. */
  readonly cellShift: number;
  readonly writes: boolean;
  /** Volatile, relaxed, acquire, release or an atomic: ordered with others of its kind that touch the same bytes. */
  readonly isStrong: boolean;
  readonly scope: Scope;
}

/** What threads do at one barrier of a block. */
interface BarrierPhases {
  /** What those had done who have arrived in this phase; null: nobody has. */
  arrived: Knowledge | null;
  /** Those who took part in the last phase, and in this, with their times. */
  last: Participants;
  now: Participants;
  /** Lanes that have waited in the last phase, by warp: they know of all who took part in it. */
  readonly passed: Int32Array;
}

interface Participants {
  readonly threads: number[];
  readonly times: number[];
}

const nobody = (): Participants => ({ threads: [], times: [] });

/** Words of allocations are told apart by number. */
const MOST_WORDS = 2 ** 34;

/**
 * Finds data races in a run of mode `step`: two accesses of different threads to the same bytes of global or shared
 * memory, at least one of them a write, that nothing orders, unless both are strong and their scopes include each other.
 * What orders is the causality order of the PTX memory model: barriers, warp-wide operations, fences, releases and
 * acquires, and the order of launches on a stream. Threads of a warp are threads: nothing but a warp-wide operation or a
 * barrier orders them, and of warp-wide operations only `bar.warp.sync`.
 *
 * Races are found by order alone, whether or not the two have met in this run. Of weak writes, and of strong ones, to the
 * same bytes only the last is compared.
 */
export class RaceChecker implements StepObserver {
  readonly #threads = new Threads();
  readonly #order = new Synchronisation(this.#threads);
  readonly #accesses: KnownAccess[] = [];
  readonly #byInstruction = new Map<AccessInstruction, KnownAccess>();
  readonly #shadows = new Map<Allocation, { readonly shadow: Shadow; readonly firstWord: number }>();
  readonly #barriers = new Map<StepBlock, BarrierPhases[]>();
  /** What launches that have ended had done, by stream. */
  readonly #ended = new Map<LaunchQueue, number[]>();
  readonly #found = new Map<string, { -readonly [Key in keyof Race]: Race[Key] }>();
  readonly #reuses = new Map<string, BarrierReuse>();
  /** Races of the access that is going on, for {@link stored} to say whether the same is written. */
  #pending: { -readonly [Key in keyof Race]: Race[Key] }[] = [];
  readonly #before = new Uint8Array(16);
  #storing: { readonly allocation: Allocation; readonly offset: number; readonly bytes: number } | null = null;
  readonly #pairs: PairRecorder | null;
  // The last of each: lanes of a warp do the same to the same.
  #access: KnownAccess | null = null;
  #shadow: { readonly shadow: Shadow; readonly firstWord: number } | null = null;

  /** `pairs`: is told of all accesses that conflict, ordered or not. */
  constructor(pairs: PairRecorder | null = null) {
    this.#pairs = pairs;
  }

  /** What has been found so far: each pair of instructions once, in the order in which they were found. */
  get findings(): readonly (Race | BarrierReuse)[] {
    return [...this.#found.values(), ...this.#reuses.values()];
  }

  /** The host waits for everything that has been launched: what it launches next comes after all of it. */
  hostSynchronizes(): void {
    this.#hostKnows = this.#order.clocks.gather(this.#threads.all(), null);
  }
  #hostKnows: Knowledge | null = null;

  // --- Threads

  blockStarts(block: StepBlock): void {
    const { clocks } = this.#order;
    const count = block.launch.threadIdxs.length;
    const first = clocks.addBlock(count, this.#hostKnows);
    this.#threads.add(block, first);
    const { queue } = block.launch;
    const ended = queue === null ? [] : (this.#ended.get(queue) ?? []);
    if (ended.length === 0) return;
    const threads = Array.from({ length: count }, (_, rank) => first + rank);
    clocks.share([threads], clocks.gather([...ended, ...threads], null));
  }

  blockEnds(block: StepBlock): void {
    const { queue, threadIdxs, startedBlocks, finishedBlocks, blockCount } = block.launch;
    if (queue === null) return;
    const { first } = this.#threads.of(block);
    const own = threadIdxs.map((_, rank) => first + rank);
    const before = this.#ending.get(block.launch) ?? [];
    const all = [...before, ...own];
    this.#ending.set(block.launch, all);
    // The last block is still counted as running.
    if (startedBlocks === blockCount && finishedBlocks === blockCount - 1) {
      this.#ended.set(queue, all);
      this.#ending.delete(block.launch);
    }
  }
  readonly #ending = new Map<StepBlock['launch'], number[]>();

  // --- Order

  fence({ scope }: { readonly scope: Scope }, block: StepBlock, rank: number): void {
    this.#order.fence(this.#threads.of(block).first + rank, scope);
  }

  meet(block: StepBlock, warpIndex: number, lanes: number, opcode: Opcode): void {
    // Votes, shuffles and their like order nothing.
    if (opcode !== OP_SYNCWARP) return;
    this.#order.clocks.meet(threadsOf(this.#threads.of(block), warpIndex, lanes));
  }

  arrive(block: StepBlock, id: number, warpIndex: number, lanes: number): void {
    const known = this.#threads.of(block);
    const phases = this.#phasesOf(block, id);
    const { clocks } = this.#order;
    const threads = threadsOf(known, warpIndex, lanes);
    const { last, now } = phases;
    const strangers = lanes & ~phases.passed[warpIndex]!;
    if (strangers !== 0) {
      const missed = clocks.firstNotBefore(last.threads, last.times, threadsOf(known, warpIndex, strangers));
      if (missed !== -1) this.#noteReuse(known, id, threads[0]! - known.first, last.threads[missed]! - known.first);
    }
    for (const thread of threads) {
      now.threads.push(thread);
      now.times.push(clocks.now(thread));
    }
    phases.arrived = clocks.gather(threads, phases.arrived);
  }

  complete(
    block: StepBlock,
    id: number,
    waiting: readonly { readonly warpIndex: number; readonly lanes: number }[],
  ): void {
    const known = this.#threads.of(block);
    const phases = this.#phasesOf(block, id);
    const groups = waiting.map(({ warpIndex, lanes }) => threadsOf(known, warpIndex, lanes));
    if (groups.length > 0) this.#order.clocks.share(groups, phases.arrived!);
    phases.arrived = null;
    phases.last = phases.now;
    phases.now = nobody();
    phases.passed.fill(0);
    for (const { warpIndex, lanes } of waiting) phases.passed[warpIndex]! |= lanes;
  }

  #phasesOf(block: StepBlock, id: number): BarrierPhases {
    let ofBlock = this.#barriers.get(block);
    if (ofBlock === undefined) {
      ofBlock = [];
      this.#barriers.set(block, ofBlock);
    }
    ofBlock[id] ??= { arrived: null, last: nobody(), now: nobody(), passed: new Int32Array(block.warpCount) };
    return ofBlock[id];
  }

  #noteReuse(known: KnownBlock, id: number, rank: number, other: number): void {
    const [first, second] = [threadReport(known, other), threadReport(known, rank)];
    const key = `${second.kernel} ${id}`;
    const before = this.#reuses.get(key);
    this.#reuses.set(
      key,
      before === undefined
        ? { kind: 'barrier reuse', id, first, second, count: 1 }
        : { ...before, count: before.count + 1 },
    );
  }

  // --- Accesses

  access(
    instruction: AccessInstruction,
    allocation: Allocation,
    offset: number,
    block: StepBlock,
    rank: number,
  ): boolean {
    if (this.#access?.instruction !== instruction) this.#access = this.#accessOf(instruction, block);
    if (this.#shadow?.shadow.allocation !== allocation) this.#shadow = this.#shadowOf(allocation);
    const access = this.#access;
    const { shadow, firstWord } = this.#shadow;
    const thread = this.#threads.of(block).first + rank;
    const end = offset + access.bytes;
    // All elements of a vector in one cell, if it is where vectors are.
    const shift = offset % access.bytes === 0 ? access.cellShift : access.shift;
    for (let at = offset; at < end; ) {
      const page = shadow.pageOf(at, shift);
      const place = page.placeOf(at);
      if (access.writes) this.#write(allocation, page, place, access, thread);
      else this.#read(allocation, page, place, access, thread);
      at += 1 << page.shift;
    }
    if (access.isStrong) this.#synchronise(access, firstWord + (offset >>> 2), thread);
    if (this.#pending.length === 0) return false;
    this.#storing = { allocation, offset, bytes: access.bytes };
    this.#before.set(allocation.u8.subarray(offset, offset + access.bytes));
    return true;
  }

  stored(): void {
    const { allocation, offset, bytes } = this.#storing!;
    const after = allocation.u8.subarray(offset, offset + bytes);
    const isSame = after.every((byte, at) => byte === this.#before[at]);
    for (const race of this.#pending) if (!isSame) race.writesTheSame = false;
    this.#pending = [];
  }

  #synchronise({ instruction, bytes, scope }: KnownAccess, word: number, thread: number): void {
    const { op } = instruction;
    if (this.#order.isIdle && !(op === 'store' && instruction.ordering === 'release')) return;
    for (let at = word; at < word + Math.max(1, bytes >>> 2); at++) {
      if (op !== 'store') this.#order.read(at, thread, scope, op === 'load' && instruction.ordering === 'acquire');
      if (op !== 'load') {
        this.#order.write(at, thread, scope, op === 'store' && instruction.ordering === 'release', op === 'atomic');
      }
    }
  }

  #read(allocation: Allocation, page: ShadowPage, at: number, access: KnownAccess, thread: number): void {
    const { cells } = page;
    this.#compare(allocation, page, at, WEAK, access, thread);
    this.#compare(allocation, page, at, STRONG, access, thread);
    const { clocks } = this.#order;
    const clock = clocks.now(thread);
    const reader = cells[at + READ]!;
    if (reader === MANY) {
      noteRead(page.reads.get(at)!, thread, clock, access.number);
      return;
    }
    const before = cells[at + READ + 2]!;
    const isSuperfluous =
      reader === 0 ||
      ((reader === thread + 1 || clocks.isBefore(reader - 1, cells[at + READ + 1]!, thread)) &&
        (!access.isStrong || before === access.number || this.#accesses[before]!.isStrong));
    if (!isSuperfluous) {
      page.reads.set(at, [
        { thread: reader - 1, clock: cells[at + READ + 1]!, access: before },
        { thread, clock, access: access.number },
      ]);
      cells[at + READ] = MANY;
      return;
    }
    cells[at + READ] = thread + 1;
    cells[at + READ + 1] = clock;
    cells[at + READ + 2] = access.number;
  }

  #write(allocation: Allocation, page: ShadowPage, at: number, access: KnownAccess, thread: number): void {
    const { cells } = page;
    this.#compare(allocation, page, at, WEAK, access, thread);
    this.#compare(allocation, page, at, STRONG, access, thread);
    if (cells[at + READ] === MANY) {
      for (const read of page.reads.get(at)!)
        if (read.thread !== thread)
          this.#judge(allocation, page, at, read.thread, read.clock, read.access, access, thread);
      page.reads.delete(at);
    } else this.#compare(allocation, page, at, READ, access, thread);
    cells[at + READ] = 0;
    const kind = at + (access.isStrong ? STRONG : WEAK);
    cells[kind] = thread + 1;
    cells[kind + 1] = this.#order.clocks.now(thread);
    cells[kind + 2] = access.number;
  }

  /** `kind`: with which of the three that a cell knows. */
  #compare(
    allocation: Allocation,
    page: ShadowPage,
    at: number,
    kind: number,
    access: KnownAccess,
    thread: number,
  ): void {
    const { cells } = page;
    const other = cells[at + kind]!;
    if (other !== 0 && other !== thread + 1)
      this.#judge(allocation, page, at, other - 1, cells[at + kind + 1]!, cells[at + kind + 2]!, access, thread);
  }

  /** An access of `other` and one of another, `thread`, touch the same cell, and one of them writes. */
  #judge(
    allocation: Allocation,
    page: ShadowPage,
    at: number,
    other: number,
    clock: number,
    otherAccess: number,
    access: KnownAccess,
    thread: number,
  ): void {
    const isOrdered = this.#order.clocks.isBefore(other, clock, thread);
    const before = this.#accesses[otherAccess]!;
    const pairs = this.#pairs;
    if (pairs !== null && !pairs.knows(before.site, access.site, isOrdered))
      pairs.note(before.site, access.site, isOrdered, this.#threads.isLower(other, thread));
    if (isOrdered) return;
    if (before.isStrong && access.isStrong && before.shift === access.shift) {
      const isMutual =
        this.#threads.includes(before.scope, other, thread) && this.#threads.includes(access.scope, thread, other);
      if (isMutual) return;
    }
    const key = `${otherAccess} ${access.number}`;
    const found = this.#found.get(key);
    const bothWrite = before.writes && access.writes;
    if (found !== undefined) {
      found.count++;
      if (bothWrite && found.writesTheSame) this.#pending.push(found);
      return;
    }
    const offset = page.offsetOf(at);
    const space = allocation.space.name;
    const [known, knownOther] = [this.#threads.blockOf(thread), this.#threads.blockOf(other)];
    const race = {
      kind: 'race' as const,
      address: allocation.base + offset,
      word: wordText(allocation, offset),
      space,
      first: accessReport(knownOther, other - knownOther.first, before.instruction, space),
      second: accessReport(known, thread - known.first, access.instruction, space),
      writesTheSame: bothWrite,
      count: 1,
    };
    this.#found.set(key, race);
    if (bothWrite) this.#pending.push(race);
  }

  #accessOf(instruction: AccessInstruction, block: StepBlock): KnownAccess {
    let known = this.#byInstruction.get(instruction);
    if (known === undefined) {
      const { op, elementType, scope } = instruction;
      const bytes = accessedBytes(instruction);
      const shift = Math.log2(scalarBytes(elementType));
      known = {
        number: this.#accesses.length,
        site: this.#pairs?.numberOf(instruction, block.arena.code.emitted.program) ?? 0,
        instruction,
        bytes,
        shift,
        cellShift: Number.isInteger(Math.log2(bytes)) ? Math.log2(bytes) : shift,
        writes: op !== 'load',
        isStrong: op === 'atomic' || instruction.ordering !== 'plain',
        scope: op !== 'atomic' && instruction.ordering === 'volatile' ? 'system' : scope,
      };
      this.#accesses.push(known);
      this.#byInstruction.set(instruction, known);
    }
    return known;
  }

  #shadowOf(allocation: Allocation) {
    let known = this.#shadows.get(allocation);
    if (known === undefined) {
      known = { shadow: new Shadow(allocation), firstWord: this.#shadows.size * MOST_WORDS };
      this.#shadows.set(allocation, known);
    }
    return known;
  }
}

/** Of a thread's reads at one place of the source the last is kept. */
function noteRead(reads: KnownRead[], thread: number, clock: number, access: number): void {
  for (const read of reads) {
    if (read.thread !== thread || read.access !== access) continue;
    read.clock = clock;
    return;
  }
  reads.push({ thread, clock, access });
}

function threadsOf({ first, warps }: KnownBlock, warpIndex: number, lanes: number): readonly number[] {
  const known = lanes === -1 ? warps[warpIndex] : undefined;
  if (known !== undefined) return known;
  const threads: number[] = [];
  for (let rest = lanes; rest !== 0; rest &= rest - 1)
    threads.push(first + warpIndex * 32 + (31 - Math.clz32(rest & -rest)));
  if (lanes === -1) warps[warpIndex] = threads;
  return threads;
}
