import { proveHang, type StandingBlock, type StandingEngine } from '../hang/index.js';
import { arrayCounts, bindParams, framesOf, type ParamValue, type Program, programOf } from '../program/index.js';
import {
  type BlockView,
  type Fault,
  faultOf,
  granuleShiftOf,
  groupWaiting,
  isCollective,
  type LastStep,
  lanesOf,
  notInMask,
  OP_BARRIER_ARRIVE,
  OP_SYNCWARP,
  PHASE_DONE,
  PHASE_EXITED,
  PHASE_IDLE,
  PHASE_PENDING,
  warpDivergence,
} from '../simt/for-engines.js';
import {
  type Dim3,
  type EngineChooser,
  type EngineHost,
  formatSchedule,
  type HangProof,
  type Launch,
  SimtError,
  type SourceFrame,
  type StoreEvent,
  siteOf,
  type ThreadView,
  type WaitingGroup,
} from '../simt/index.js';
import { BarrierUnit } from './barriers.js';
import {
  Arena,
  codeOf,
  KIND_ACCESS,
  KIND_ACTIVEMASK,
  KIND_BARRIER,
  KIND_COLLECTIVE,
  type ProgramCode,
  RangeAllocator,
} from './code.js';
import { performCollective } from './collectives.js';
import { DelayedStores } from './delayed-stores.js';
import type { EmitOptions } from './emit.js';
import { writeInfo } from './info.js';
import { MASK, PC, RANK, RESULT, THREAD_IDX } from './layout.js';
import type { StepObserver } from './observer.js';
import { observeAll } from './observers.js';
import { ReadyRing } from './ready-ring.js';
import { COUNTED, NOT_RESUMED, Runtime, STORED } from './runtime.js';
import { type EngineSnapshot, restoreSnapshot, takeSnapshot } from './snapshot.js';
import { standingBlocks } from './standing.js';
import { StepBlock } from './step-block.js';
import { StepThread } from './step-thread.js';

/** Threads that a device holds: as the machine has it. More blocks of a launch are never resident. */
const DEVICE_THREADS = 132 * 2048;

/** Lanes that have arrived at one warp-wide operation with one mask and wait for the rest of it. */
export interface PendingCollective {
  readonly opcode: number;
  readonly mask: number;
  arrived: number;
}

/** A launch with what it needs to run. */
interface BoundLaunch {
  readonly code: ProgramCode;
  readonly values: readonly ParamValue[];
}

/** How a {@link StepEngine} finds and compiles programs. */
export interface StepOptions extends Omit<EmitOptions, 'isObserved'> {
  /** Is told of everything that threads do to each other. */
  readonly observer?: StepObserver | null;
  /** The compiled form of a kernel; default: what is registered. */
  readonly programOf?: (kernel: Launch['kernel']) => Program | null;
}

/**
 * The engine of mode `step`: each thread is a row of integers, run by compiled code from one visible operation to the
 * next. It makes exactly the steps of mode `ref`.
 */
export class StepEngine implements StandingEngine {
  readonly mode = 'step';
  steps = 0;
  liveThreads = 0;
  idleSteps = 0;
  counterSteps = 0;
  quietSteps = 0;
  readonly hasFaulted = false;
  readonly residentBlocks = new Set<StepBlock>();
  readonly host: EngineHost;
  readonly ready = new ReadyRing();
  readonly last: LastStep = { granule: null, wrote: false };
  readonly granuleShift: 0 | 3 | 5;
  /** Log2 of the granules of a warp. */
  readonly warpShift: number;

  // --- By warp.
  blockOfWarp: (StepBlock | null)[] = [];
  /** Row of lane 0. */
  rowOfWarp = new Int32Array(0);
  /** Lanes that exist and have not exited. */
  live = new Int32Array(0);
  lanesAtBarriers = new Int32Array(0);
  /** Those of them that do not wait for other warps. */
  lanesOnlyArriving = new Int32Array(0);
  /** Null: nobody waits in a warp-wide operation. */
  pending: (PendingCollective[] | null)[] = [];

  // --- By granule: a warp has 1 << warpShift of them, whether it has the lanes or not.
  readyLanes = new Int32Array(0);
  isQueued = new Uint8Array(0);

  /** The granule whose step is going on; -1: none. It re-enters the ring afterwards. */
  stepping = -1;
  /** The granule's lanes that have yielded and whose operation is not performed. */
  #isPerforming = false;
  /** Whether the scheduler has picked the granule of this step. */
  #hasPicked = false;
  /** Row of the thread whose operation is performed, in case it fails. */
  #current = 0;
  #entered: StepBlock | null = null;
  readonly #options: StepOptions;
  readonly #emit: EmitOptions;
  readonly observer: StepObserver | null;
  /** What threads have stored and not everybody sees; null: everybody sees everything. */
  readonly delayed: DelayedStores | null;
  readonly #bound = new Map<Launch, BoundLaunch>();
  readonly arenas = new Map<ProgramCode, { arena: Arena; runtime: Runtime }[]>();
  readonly #barriers: BarrierUnit;
  readonly warps = new RangeAllocator(2 ** 31);
  /** Launches by the order in which they were queued or came up. */
  readonly launchNumbers = new Map<Launch, number>();

  constructor(host: EngineHost, options: StepOptions = {}) {
    this.host = host;
    this.#options = options;
    this.granuleShift = granuleShiftOf(host.schedule);
    this.warpShift = 5 - this.granuleShift;
    const { memory } = host.schedule;
    this.delayed = memory.kind === 'sc' ? null : new DelayedStores(memory, this);
    const observers = [options.observer ?? null, this.delayed].filter((observer) => observer !== null);
    this.observer = observers.length === 0 ? null : observeAll(observers);
    this.#emit = { ...options, isObserved: this.observer !== null };
    this.#barriers = new BarrierUnit(this);
    for (const launch of host.launches) this.launchNumbers.set(launch, this.launchNumbers.size);
    this.observer?.begin?.(this);
  }

  get readyCount(): number {
    return this.ready.size;
  }

  noteFault(): void {}

  // --- Blocks

  accepts(launch: Launch): void {
    this.#bind(launch);
  }

  #bind(launch: Launch): BoundLaunch {
    const known = this.#bound.get(launch);
    if (known !== undefined) return known;
    const program = (this.#options.programOf ?? programOf)(launch.kernel);
    if (program === null) {
      throw new RangeError(
        `${launch.name}: mode 'step' runs compiled kernels, and there is no program for this one: compile it and register the program, or run it in mode 'ref'`,
      );
    }
    const values = bindParams(program, launch.args);
    const bound = { code: codeOf(program, arrayCounts(program, values), this.#emit), values };
    this.#bound.set(launch, bound);
    if (!this.launchNumbers.has(launch)) this.launchNumbers.set(launch, this.launchNumbers.size);
    return bound;
  }

  startBlock(launch: Launch, blockIdx: Dim3): void {
    const { code, values } = this.#bind(launch);
    const threads = launch.threadIdxs.length;
    const place = this.#takeRows(code, threads, launch);
    const { arena } = place;
    const firstWarp = this.#takeWarps(Math.ceil(threads / 32));
    const block = new StepBlock(launch, blockIdx, place, place, firstWarp);
    writeInfo(code.emitted.info, block.record, arena, [blockIdx, launch.gridDim, launch.blockDim], values);
    const { L, rowWords } = arena;
    for (let rank = 0; rank < threads; rank++) {
      const b = block.rows + rank * rowWords;
      const { x, y, z } = launch.threadIdxs[rank]!;
      L[b + RANK] = rank;
      L[b + THREAD_IDX] = x | (y << 10) | (z << 20);
    }
    for (let index = 0; index < block.warpCount; index++) {
      const warp = firstWarp + index;
      const lanes = threads - index * 32;
      this.blockOfWarp[warp] = block;
      this.rowOfWarp[warp] = block.rows + index * 32 * rowWords;
      this.live[warp] = lanes >= 32 ? -1 : (1 << lanes) - 1;
      this.lanesAtBarriers[warp] = 0;
      this.lanesOnlyArriving[warp] = 0;
      this.pending[warp] = null;
      for (let part = 0; part < 1 << this.warpShift; part++) {
        const granule = (warp << this.warpShift) + part;
        this.readyLanes[granule] = this.live[warp]! & this.lanesOfPart(part);
        this.isQueued[granule] = 0;
        if (this.readyLanes[granule] !== 0) this.#push(granule);
      }
    }
    this.residentBlocks.add(block);
    this.liveThreads += threads;
    this.observer?.blockStarts(block);
  }

  /** Lanes of a warp's granule number `part`. */
  lanesOfPart(part: number): number {
    const lanes = 1 << this.granuleShift;
    return lanes === 32 ? -1 : ((1 << lanes) - 1) << (part * lanes);
  }

  #takeRows(code: ProgramCode, threads: number, launch: Launch) {
    let list = this.arenas.get(code);
    if (list === undefined) {
      list = [];
      this.arenas.set(code, list);
    }
    for (const place of list) {
      const range = place.arena.take(threads);
      if (range !== null) return { ...place, ...range };
    }
    // The first arena has room for everything that is queued; only pages that are touched cost memory.
    const all =
      list.length === 0 ? this.host.launches.filter((queued) => queued !== launch && this.#hasCode(queued, code)) : [];
    let rows = 0;
    let blocks = 0;
    for (const { blockCount, threadIdxs } of [launch, ...all]) {
      const most = this.host.schedule.residentBlocks ?? Math.floor(DEVICE_THREADS / threadIdxs.length);
      blocks += Math.min(blockCount, most);
      rows += Math.min(blockCount, most) * threadIdxs.length;
    }
    const most = Math.max(threads, Math.min(rows, this.host.limits.maxResidentThreads));
    const runtime = new Runtime(this.host.memory.space);
    runtime.observer = this.observer;
    const place = { arena: new Arena(code, most, blocks, runtime), runtime };
    list.push(place);
    return { ...place, ...place.arena.take(threads)! };
  }

  #hasCode(launch: Launch, code: ProgramCode): boolean {
    try {
      return this.#bind(launch).code === code;
    } catch {
      // It will be reported when it is its turn.
      return false;
    }
  }

  #takeWarps(count: number): number {
    const first = this.warps.take(count);
    const size = first + count;
    if (size > this.live.length) this.#growWarps(Math.max(size, this.live.length * 2, 64));
    return first;
  }

  #growWarps(count: number): void {
    const grown = (old: Int32Array, length: number) => {
      const next = new Int32Array(length);
      next.set(old);
      return next;
    };
    this.rowOfWarp = grown(this.rowOfWarp, count);
    this.live = grown(this.live, count);
    this.lanesAtBarriers = grown(this.lanesAtBarriers, count);
    this.lanesOnlyArriving = grown(this.lanesOnlyArriving, count);
    this.readyLanes = grown(this.readyLanes, count << this.warpShift);
    const queued = new Uint8Array(count << this.warpShift);
    queued.set(this.isQueued);
    this.isQueued = queued;
    while (this.blockOfWarp.length < count) {
      this.blockOfWarp.push(null);
      this.pending.push(null);
    }
  }

  // --- Ready set

  #push(granule: number): void {
    this.ready.push(granule);
    this.isQueued[granule] = 1;
  }

  /** Lanes of one granule may go on. */
  makeReady(granule: number, lanes: number): void {
    this.readyLanes[granule]! |= lanes;
    if (this.isQueued[granule] === 0 && granule !== this.stepping) this.#push(granule);
  }

  /** Lanes of a warp may go on. */
  releaseLanes(warp: number, lanes: number): void {
    if (this.warpShift === 0) {
      this.makeReady(warp, lanes);
      return;
    }
    for (let part = 0; part < 1 << this.warpShift; part++) {
      const ofPart = lanes & this.lanesOfPart(part);
      if (ofPart !== 0) this.makeReady((warp << this.warpShift) + part, ofPart);
    }
  }

  // --- Steps

  step(): void {
    this.#hasPicked = false;
    this.stepAt(this.host.scheduler.pick(this.ready, this.last));
  }

  stepAt(index: number): void {
    if (this.host.isRecording) this.host.recordPick(index);
    const granule = this.ready.take(index);
    this.isQueued[granule] = 0;
    this.steps++;
    this.last.granule = granule;
    this.last.wrote = false;
    this.#hasPicked = true;
    if (this.delayed === null) this.#step(granule);
    else this.#stepDelaying(this.delayed, granule);
  }

  /** Makes a step whose stores others see later. */
  #stepDelaying(delayed: DelayedStores, granule: number): void {
    delayed.beginStep(this.blockOfWarp[granule >> this.warpShift]!, granule);
    try {
      this.#step(granule);
    } finally {
      delayed.endStep();
    }
    if (!delayed.hasDelivered) return;
    this.idleSteps = 0;
    this.counterSteps = 0;
    this.quietSteps = 0;
  }

  /** See `RefEngine.#step`: the order of everything is the same. */
  #step(granule: number): void {
    this.stepping = granule;
    this.#isPerforming = false;
    const warp = granule >> this.warpShift;
    const block = this.blockOfWarp[warp]!;
    if (this.#entered !== block) this.#enter(block);
    const { arena, record } = block;
    const { runtime } = block;
    const row = this.rowOfWarp[warp]!;
    const ready = this.readyLanes[granule]!;
    // Lanes that become ready from here on go on in a later step.
    this.readyLanes[granule] = 0;
    runtime.odd = NOT_RESUMED;
    runtime.rest = ready;
    const { L, rowWords } = arena;
    const number = arena.run[L[row + (31 - Math.clz32(ready & -ready)) * rowWords + PC]!]!(row, ready, record);
    let yielded = ready & ~runtime.rest;
    const areAlike = runtime.rest === 0;
    if (!areAlike) yielded |= this.#resumeRest(block, warp, row);
    if (runtime.storedPlainly) {
      runtime.storedPlainly = false;
      this.quietSteps = 0;
    }
    runtime.row = -1;
    this.#isPerforming = true;
    if (yielded !== 0) {
      if (areAlike) this.#performAlike(block, warp, granule, number, yielded);
      else this.#performEach(block, warp, granule, yielded);
    }
    this.stepping = -1;
    if (this.readyLanes[granule] !== 0) this.#push(granule);
    if (this.observer !== null) this.observer.stepEnds?.(block, warp - block.firstWarp);
  }

  /** Resumes the lanes that have been left: they go separate ways. Result: those that have yielded. */
  #resumeRest(block: StepBlock, warp: number, row: number): number {
    const { arena, record, runtime } = block;
    const { L, resume, rowWords } = arena;
    let yielded = 0;
    let next = runtime.odd;
    for (; runtime.rest !== 0; runtime.rest &= runtime.rest - 1) {
      const lane = 31 - Math.clz32(runtime.rest & -runtime.rest);
      const b = row + lane * rowWords;
      if (next === NOT_RESUMED) next = resume[L[b + PC]!]!(b, record);
      while (next < 0) next = resume[L[b + PC]!]!(b, record);
      if (next === 0) this.#exit(block, warp, lane);
      else yielded |= 1 << lane;
      next = NOT_RESUMED;
    }
    return yielded;
  }

  #enter(block: StepBlock): void {
    const { runtime, sharedMemory } = block;
    if (runtime.sharedMemory !== sharedMemory) {
      runtime.sharedMemory = sharedMemory;
      block.arena.reset();
    }
    runtime.block = block;
    this.#entered = block;
  }

  /** Performs one instruction for all lanes that have yielded. */
  #performAlike(block: StepBlock, warp: number, granule: number, number: number, yielded: number): void {
    const { arena } = block;
    const { kind, opcode, hasConstantMask } = arena.code.visible;
    switch (kind[number]) {
      case KIND_ACCESS:
        this.#accountAccess(arena.access[number]!(this.rowOfWarp[warp]!, yielded));
        this.readyLanes[granule]! |= yielded;
        return;
      case KIND_COLLECTIVE: {
        if (yielded !== this.live[warp] || this.#hasPending(warp)) break;
        const row = this.rowOfWarp[warp]!;
        const { L, rowWords } = arena;
        const mask = L[row + (31 - Math.clz32(yielded & -yielded)) * rowWords + MASK]!;
        if ((mask & yielded) !== yielded) break;
        if (hasConstantMask[number] === 0 && !this.#haveMask(arena, row, yielded, mask)) break;
        this.#performCollective(block, warp, opcode[number]!, yielded);
        return;
      }
      case KIND_BARRIER:
        if (!this.#barriers.arriveTogether(block, warp, number, yielded)) break;
        if ((this.readyLanes[granule]! & yielded) !== 0) this.idleSteps = 0;
        return;
      case KIND_ACTIVEMASK:
        this.#setResults(arena, this.rowOfWarp[warp]!, yielded, yielded);
        this.readyLanes[granule]! |= yielded;
        return;
      default:
        if (this.observer !== null) this.#tellFence(this.observer, block, warp, number, yielded);
        this.readyLanes[granule]! |= yielded;
        return;
    }
    this.#performEach(block, warp, granule, yielded);
  }

  #hasPending(warp: number): boolean {
    const list = this.pending[warp]!;
    return list !== null && list.length > 0;
  }

  #haveMask({ L, rowWords }: Arena, row: number, lanes: number, mask: number): boolean {
    for (let rest = lanes; rest !== 0; rest &= rest - 1) {
      if (L[row + (31 - Math.clz32(rest & -rest)) * rowWords + MASK] !== mask) return false;
    }
    return true;
  }

  #setResults({ L, rowWords }: Arena, row: number, lanes: number, result: number): void {
    for (let rest = lanes; rest !== 0; rest &= rest - 1) {
      L[row + (31 - Math.clz32(rest & -rest)) * rowWords + RESULT] = result;
    }
  }

  /** Performs what the lanes have yielded, lowest first. */
  #performEach(block: StepBlock, warp: number, granule: number, yielded: number): void {
    const { arena } = block;
    const { L, rowWords, code } = arena;
    const { kind, opcode } = code.visible;
    const row = this.rowOfWarp[warp]!;
    if (this.#arriveTogether(block, warp, yielded)) return;
    let accessed = false;
    let flags = 0;
    for (let rest = yielded; rest !== 0; ) {
      const number = L[row + (31 - Math.clz32(rest & -rest)) * rowWords + PC]!;
      const lanes = this.#runOf(arena, row, rest, number);
      rest &= ~lanes;
      switch (kind[number]) {
        case KIND_ACCESS:
          flags |= arena.access[number]!(row, lanes);
          this.readyLanes[granule]! |= lanes;
          accessed = true;
          break;
        case KIND_COLLECTIVE:
          for (let ofRun = lanes; ofRun !== 0; ofRun &= ofRun - 1) {
            const lane = 31 - Math.clz32(ofRun & -ofRun);
            this.#current = row + lane * rowWords;
            block.runtime.row = -1;
            this.#arrive(block, warp, lane, opcode[number]!);
          }
          break;
        case KIND_BARRIER:
          for (let ofRun = lanes; ofRun !== 0; ofRun &= ofRun - 1) {
            const lane = 31 - Math.clz32(ofRun & -ofRun);
            this.#current = row + lane * rowWords;
            block.runtime.row = -1;
            this.#barriers.arrive(block, warp, lane);
            if ((this.readyLanes[granule]! & (1 << lane)) !== 0) this.idleSteps = 0;
          }
          break;
        case KIND_ACTIVEMASK:
          this.#setResults(arena, row, lanes, this.#lanesAt(arena, row, yielded, KIND_ACTIVEMASK));
          this.readyLanes[granule]! |= lanes;
          break;
        default:
          if (this.observer !== null) this.#tellFence(this.observer, block, warp, number, lanes);
          this.readyLanes[granule]! |= lanes;
      }
    }
    if (accessed) this.#accountAccess(flags);
  }

  #tellFence(observer: StepObserver, block: StepBlock, warp: number, number: number, lanes: number): void {
    const { instruction } = block.arena.code.layout.visible[number]!;
    if (instruction.op !== 'fence') throw new Error(`[simtwin bug] ${instruction.op} is no fence`);
    const first = (warp - block.firstWarp) * 32;
    for (const lane of lanesOf(lanes)) observer.fence(instruction, block, first + lane);
  }

  /** The lowest of `lanes`, and those next to it in order, that have come to an instruction. */
  #runOf({ L, rowWords }: Arena, row: number, lanes: number, number: number): number {
    let run = 0;
    for (let rest = lanes; rest !== 0; rest &= rest - 1) {
      const lane = 31 - Math.clz32(rest & -rest);
      if (L[row + lane * rowWords + PC] !== number) break;
      run |= 1 << lane;
    }
    return run;
  }

  #lanesAt({ L, rowWords, code }: Arena, row: number, yielded: number, kind: number): number {
    let lanes = 0;
    for (let rest = yielded; rest !== 0; rest &= rest - 1) {
      const lane = 31 - Math.clz32(rest & -rest);
      if (code.visible.kind[L[row + lane * rowWords + PC]!] === kind) lanes |= 1 << lane;
    }
    return lanes;
  }

  /** A step has accessed memory: by a store, by an atomic that changed it, or by loads alone. */
  #accountAccess(flags: number): void {
    this.quietSteps++;
    if (flags === 0) {
      this.idleSteps++;
      return;
    }
    this.last.wrote = true;
    this.idleSteps = 0;
    if ((flags & STORED) !== 0) {
      this.counterSteps = 0;
      this.quietSteps = 0;
    } else if ((flags & COUNTED) !== 0) this.counterSteps++;
  }

  #exit(block: StepBlock, warp: number, lane: number): void {
    this.liveThreads--;
    this.idleSteps = 0;
    this.counterSteps = 0;
    this.quietSteps = 0;
    this.last.wrote = true;
    block.liveThreads--;
    this.live[warp]! &= ~(1 << lane);
    const live = this.live[warp]!;
    for (const group of [...(this.pending[warp] ?? [])]) {
      if (group.arrived === (group.mask & live)) this.#complete(block, warp, group);
    }
    if (live === 0) block.liveWarps--;
    this.#barriers.laneExited(block, warp);
    if (block.liveThreads > 0) return;
    this.observer?.blockEnds(block);
    this.residentBlocks.delete(block);
    block.arena.give(block.rows, block.record, block.launch.threadIdxs.length);
    this.warps.give(block.firstWarp, block.warpCount);
    for (let index = 0; index < block.warpCount; index++) this.blockOfWarp[block.firstWarp + index] = null;
    // Its numbers may soon be those of another granule.
    this.last.granule = null;
    this.host.blockEnded(block.launch);
  }

  // --- Warp-wide operations; see `simt/warp.ts`.

  #performCollective(block: StepBlock, warp: number, opcode: number, lanes: number): void {
    if (opcode !== OP_SYNCWARP) performCollective(block, this.rowOfWarp[warp]!, opcode, lanes);
    this.observer?.meet(block, warp - block.firstWarp, lanes, opcode);
    this.releaseLanes(warp, lanes);
  }

  #arriveTogether(block: StepBlock, warp: number, yielded: number): boolean {
    if (yielded !== this.live[warp] || this.#hasPending(warp)) return false;
    const { arena } = block;
    const { L, rowWords, code } = arena;
    const row = this.rowOfWarp[warp]!;
    const first = row + (31 - Math.clz32(yielded & -yielded)) * rowWords;
    const opcode = code.visible.opcode[L[first + PC]!]!;
    const mask = L[first + MASK]!;
    if (!isCollective(opcode) || (mask & yielded) !== yielded) return false;
    for (let rest = yielded; rest !== 0; rest &= rest - 1) {
      const b = row + (31 - Math.clz32(rest & -rest)) * rowWords;
      if (code.visible.opcode[L[b + PC]!] !== opcode || L[b + MASK] !== mask) return false;
    }
    this.#performCollective(block, warp, opcode, yielded);
    return true;
  }

  #arrive(block: StepBlock, warp: number, lane: number, opcode: number): void {
    const { arena } = block;
    const mask = arena.L[this.rowOfWarp[warp]! + lane * arena.rowWords + MASK]!;
    const bit = 1 << lane;
    if ((mask & bit) === 0) {
      throw notInMask({ lane, opcode, mask });
    }
    const participants = mask & this.live[warp]!;
    if (participants === bit) {
      this.#performCollective(block, warp, opcode, bit);
      return;
    }
    let list = this.pending[warp]!;
    if (list === null) {
      list = [];
      this.pending[warp] = list;
    }
    let group: PendingCollective | null = null;
    for (const candidate of list) {
      if (candidate.mask === mask && candidate.opcode === opcode) group = candidate;
      else if ((candidate.mask & bit) !== 0 && (candidate.arrived & mask) !== 0)
        throw this.#divergence(block, warp, lane, opcode, mask, candidate);
    }
    if (group === null) {
      group = { opcode, mask, arrived: 0 };
      list.push(group);
    }
    group.arrived |= bit;
    if (group.arrived === participants) this.#complete(block, warp, group);
  }

  #complete(block: StepBlock, warp: number, group: PendingCollective): void {
    const list = this.pending[warp]!;
    const last = list.pop()!;
    if (last !== group) list[list.indexOf(group)] = last;
    this.#performCollective(block, warp, group.opcode, group.arrived);
  }

  #divergence(
    block: StepBlock,
    warp: number,
    lane: number,
    opcode: number,
    mask: number,
    group: PendingCollective,
  ): Fault {
    const waitingLane = 31 - Math.clz32(group.arrived & mask);
    const waiting = this.threadOf(block, ((warp - block.firstWarp) << 5) + waitingLane, PHASE_PENDING);
    return warpDivergence({ lane, opcode, mask }, group, { other: waiting });
  }

  /** Lanes for which the operation that a lane waits at still waits; 0 if it waits at none. */
  missingLanes(warp: number, lane: number): number {
    for (const group of this.pending[warp] ?? []) {
      if ((group.arrived & (1 << lane)) !== 0) return group.mask & this.live[warp]! & ~group.arrived;
    }
    return 0;
  }

  // --- Reports

  threadOf(block: StepBlock, rank: number, phase: number): StepThread {
    return new StepThread(block, rank, phase);
  }

  /** Where a thread is in the life of an operation, between two steps. */
  phaseOf(block: StepBlock, rank: number): number {
    const warp = block.firstWarp + (rank >>> 5);
    const bit = 1 << (rank & 31);
    if ((this.live[warp]! & bit) === 0) return PHASE_EXITED;
    const granule = (warp << this.warpShift) + ((rank & 31) >>> this.granuleShift);
    if ((this.readyLanes[granule]! & bit) === 0) return PHASE_PENDING;
    return block.arena.L[block.rows + rank * block.arena.rowWords + PC] === 0 ? PHASE_IDLE : PHASE_DONE;
  }

  /** Source frames of the operation that a thread has come to last. */
  framesOfThread(thread: StepThread): readonly SourceFrame[] {
    const { program, layout } = thread.block.arena.code.emitted;
    const place = layout.visible[thread.visible];
    if (place === null || place === undefined || thread.phase === PHASE_IDLE || thread.phase === PHASE_EXITED)
      return [];
    return framesOf(program, place.instruction.site);
  }

  describeError(error: unknown): SimtError {
    if (!this.#hasPicked) throw error;
    if (error instanceof Error && error.message.startsWith('[simtwin bug]')) throw error;
    const fault = faultOf(error);
    const block = this.#entered!;
    let frames: readonly SourceFrame[];
    let thread: ThreadView;
    if (fault.thread !== null) {
      thread = fault.thread;
      frames = this.framesOfThread(thread as StepThread);
    } else if (this.#isPerforming) {
      const row = block.runtime.row !== -1 ? block.runtime.row : this.#current;
      thread = this.threadOf(block, (row - block.rows) / block.arena.rowWords, PHASE_PENDING);
      frames = this.framesOfThread(thread as StepThread);
    } else {
      const { rest } = block.runtime;
      const warp = Number(this.last.granule) >> this.warpShift;
      const rank = ((warp - block.firstWarp) << 5) + (31 - Math.clz32(rest & -rest));
      thread = this.threadOf(block, rank, PHASE_IDLE);
      frames = framesOf(block.arena.code.emitted.program, block.runtime.site);
    }
    const { other } = fault;
    return new SimtError(
      fault.code,
      fault.message,
      siteOf(thread, frames),
      other === null ? null : siteOf(other, this.framesOfThread(other as StepThread)),
      formatSchedule(this.host.schedule),
      this.steps,
    );
  }

  waiting(): WaitingGroup[] {
    const views = Array.from(this.residentBlocks, (block) => this.#viewOf(block));
    return groupWaiting(views, (thread) => this.framesOfThread(thread));
  }

  #viewOf(block: StepBlock): BlockView<StepThread> {
    const count = block.launch.threadIdxs.length;
    const engine = this;
    const warps = Array.from({ length: block.warpCount }, (_, index) => ({
      index,
      // Made when they are looked at: a machine may have very many.
      get threads() {
        const first = index * 32;
        return Array.from({ length: Math.min(32, count - first) }, (_lane, lane) =>
          engine.threadOf(block, first + lane, engine.phaseOf(block, first + lane)),
        );
      },
      missingLanes: (thread: StepThread) => engine.missingLanes(block.firstWarp + index, thread.laneId),
    }));
    return {
      warps,
      barrier: (id) => {
        const barrier = block.barriers[id] ?? null;
        if (barrier === null) return null;
        return {
          missingLanes: (warp) => {
            const index = warps.indexOf(warp as (typeof warps)[number]);
            return barrier.hasArrived[index] === 1 ? 0 : this.live[block.firstWarp + index]! & ~barrier.lanes[index]!;
          },
          progress: {
            arrived: barrier.arrivedWarps * 32,
            expected: barrier.expected === 0 ? block.liveWarps * 32 : barrier.expected,
          },
        };
      },
    };
  }

  finish(): void {}

  synchronise(): void {
    this.delayed?.deliverEverything();
  }

  proveHang(): HangProof {
    // What is on its way may end a wait.
    if (this.delayed !== null && !this.delayed.isEmpty)
      return { verdict: null, why: 'stores are on their way', work: 0 };
    return proveHang(this.standing());
  }

  standing(): StandingBlock[] {
    return standingBlocks(this);
  }

  snapshot(): EngineSnapshot {
    return takeSnapshot(this);
  }

  restore(snapshot: unknown): void {
    restoreSnapshot(this, snapshot as EngineSnapshot);
  }

  watch(address: number, bytes: number, onStore: (event: StoreEvent) => void): () => void {
    return this.host.memory.space.watch({
      address,
      bytes,
      onStore: () => {
        // Stores of the host are no event.
        if (this.stepping === -1) return;
        const block = this.#entered!;
        const { site, row } = block.runtime;
        const { arena } = block;
        const phase = site === -1 ? PHASE_PENDING : PHASE_IDLE;
        const thread = this.threadOf(block, (row - block.rows) / arena.rowWords, phase);
        const { program } = arena.code.emitted;
        const frames = site === -1 ? this.framesOfThread(thread) : framesOf(program, site);
        onStore({ step: this.steps, thread, frames });
      },
    });
  }

  /** Values of a launch's parameters, by parameter. */
  valuesOf(launch: Launch): readonly ParamValue[] {
    return this.#bind(launch).values;
  }

  /** Whether an operation is a `barrier.arrive`. */
  isArriveOnly(block: StepBlock, number: number): boolean {
    return block.arena.code.visible.opcode[number] === OP_BARRIER_ARRIVE;
  }

  /** The block changes under the compiled code's feet. */
  forgetEntered(): void {
    this.#entered = null;
    for (const list of this.arenas.values()) {
      for (const { arena, runtime } of list) {
        runtime.sharedMemory = undefined as never;
        arena.reset();
      }
    }
  }
}

/** Runs everything in mode `step`. */
export const stepEngine =
  (options: StepOptions = {}): EngineChooser =>
  () =>
  (host) =>
    new StepEngine(host, options);
