import { type AccessInstruction, accessedBytes, type InstructionOf } from '../program/index.js';
import { lowestLane, type Opcode } from '../simt/for-engines.js';
import { type Allocation, formatSchedule, type Launch, type Outcome, type Protocol } from '../simt/index.js';
import type { StepEngine, StepObserver } from '../step/index.js';
import { OPERAND_A, PC } from '../step/layout.js';
import type { Arrival, StepBlock } from '../step/step-block.js';
import { BarrierRecorder } from './barriers.js';
import { FifoRecorder } from './fifos.js';
import { GrowingTable } from './growing-table.js';
import { NEW_LOAD, OTHER_LANE, PollDetector } from './polls.js';
import { type CountedInstruction, Sites } from './sites.js';
import type { Timeline, TimelineLaunch } from './timeline.js';
import { WaitRecorder } from './waits.js';
import { type AllocationWords, type WatchedWord, WordTracker } from './words.js';

/** Most rows of the tables that grow with the length of a run. What does not fit is left out, and counted as such. */
export interface TimelineLimits {
  readonly waits: number;
  readonly fifoEvents: number;
  readonly flows: number;
  readonly barriers: number;
}

export const DEFAULT_TIMELINE_LIMITS: TimelineLimits = {
  waits: 2 ** 20,
  fifoEvents: 2 ** 20,
  flows: 2 ** 19,
  barriers: 2 ** 19,
};

/** Writes down what happens in a run of mode `step`: the observer of one machine. */
export class TimelineRecorder implements StepObserver {
  #engine: StepEngine | null = null;
  readonly #launches: TimelineLaunch[] = [];
  readonly #launchRows = new Map<Launch, number>();
  readonly #blocks = new GrowingTable({
    launch: Int32Array,
    x: Int32Array,
    y: Int32Array,
    z: Int32Array,
    startStep: Float64Array,
    endStep: Float64Array,
    firstWarp: Int32Array,
    warpCount: Int32Array,
  });
  readonly #warps = new GrowingTable({ block: Int32Array, group: Int32Array, endStep: Float64Array });
  readonly #groups = new Map<string, number>();
  /** How launches work together, as their memory has it. */
  #protocols: ReadonlySet<Protocol> = new Set();
  readonly #blockRows = new WeakMap<StepBlock, number>();
  readonly #sites = new Sites();
  readonly #polls = new PollDetector();
  readonly #waits: WaitRecorder;
  readonly #barriers: BarrierRecorder;
  readonly #fifos: FifoRecorder;
  readonly #words: WordTracker;
  // What the last access was about: warps do the same again and again.
  #block: StepBlock | null = null;
  #blockRow = 0;
  #firstWarp = 0;
  #instruction: AccessInstruction | null = null;
  #counted!: CountedInstruction;
  #bytes = 0;
  #isStore = false;
  #isAtomic = false;
  #allocation: Allocation | null = null;
  #ofAllocation!: AllocationWords;
  /** Step and instruction of the last load that was looked at: of a step only its first lane is. */
  #loadStep = -1;
  #load: AccessInstruction | null = null;
  // The write that is going on. The word: null if it is none that is looked at.
  #word: WatchedWord | null = null;
  #thread = 0;
  #offset = 0;
  #before = 0;
  #beforeHigh = 0;

  /** @throws RangeError if a limit is no positive integer */
  constructor(limits: Partial<TimelineLimits> = {}) {
    const { waits, fifoEvents, flows, barriers } = { ...DEFAULT_TIMELINE_LIMITS, ...limits };
    for (const [name, limit] of Object.entries({ waits, fifoEvents, flows, barriers })) {
      if (!(Number.isSafeInteger(limit) && limit > 0)) throw new RangeError(`${name} is ${limit}: it must be a count`);
    }
    this.#waits = new WaitRecorder(waits);
    this.#barriers = new BarrierRecorder(barriers);
    this.#fifos = new FifoRecorder(fifoEvents);
    this.#words = new WordTracker(this.#fifos, flows);
  }

  /** What has happened so far. `outcome`: how the run has ended; null: it has not. */
  timeline(outcome: Outcome | null): Timeline {
    const engine = this.#engine;
    const { fifos, events, rows } = this.#fifos.tables();
    return {
      steps: engine?.steps ?? 0,
      verdict: outcome?.verdict ?? null,
      schedule: engine === null ? '' : formatSchedule(engine.host.schedule),
      launches: [...this.#launches],
      blocks: this.#blocks.taken(),
      warps: this.#warps.taken(),
      groups: [...this.#groups.keys()],
      waits: this.#waits.table(this.#warps.count),
      words: this.#words.table(rows),
      barriers: this.#barriers.table,
      fifos,
      fifoEvents: events,
      flows: this.#words.flows,
      sites: this.#sites.table,
      lines: this.#sites.lines(),
      losses: {
        waitSteps: this.#waits.lostSteps,
        fifoSteps: this.#fifos.lostSteps,
        flows: this.#words.lostFlows,
        barriers: this.#barriers.lost,
      },
    };
  }

  // --- Blocks and warps

  begin(engine: StepEngine): void {
    if (this.#engine !== null) throw new RangeError('a recorder writes down the run of one machine: make another');
    this.#engine = engine;
  }

  blockStarts(block: StepBlock): void {
    const { launch, blockIdx, warpCount } = block;
    const { steps } = this.#engine!;
    const row = this.#blocks.add();
    const firstWarp = this.#warps.count;
    const { columns } = this.#blocks;
    columns.launch[row] = this.#launchRow(launch);
    columns.x[row] = blockIdx.x;
    columns.y[row] = blockIdx.y;
    columns.z[row] = blockIdx.z;
    columns.startStep[row] = steps;
    columns.endStep[row] = -1;
    columns.firstWarp[row] = firstWarp;
    columns.warpCount[row] = warpCount;
    for (let index = 0; index < warpCount; index++) {
      const warp = this.#warps.add();
      this.#warps.columns.block[warp] = row;
      this.#warps.columns.group[warp] = this.#groupOf(block, index);
      this.#warps.columns.endStep[warp] = -1;
    }
    this.#polls.reserve(this.#warps.count);
    this.#waits.reserve(this.#warps.count);
    this.#blockRows.set(block, row);
  }

  blockEnds(block: StepBlock): void {
    this.#enter(block);
    this.#blocks.columns.endStep[this.#blockRow] = this.#engine!.steps;
  }

  #launchRow(launch: Launch): number {
    let row = this.#launchRows.get(launch);
    if (row === undefined) {
      const { allocations } = this.#engine!.host.memory.space;
      this.#protocols = new Set(allocations.flatMap(({ symbols }) => symbols?.protocol ?? []));
      const { name, device, queue, gridDim, blockDim } = launch;
      row = this.#launches.push({ kernel: name, rank: device, stream: queue?.index ?? -1, gridDim, blockDim }) - 1;
      this.#launchRows.set(launch, row);
    }
    return row;
  }

  /** Row of the group's name; -1: it has none. */
  #groupOf({ launch, blockIdx }: StepBlock, warpIndex: number): number {
    for (const protocol of this.#protocols) {
      const group = protocol.groupOf(launch, blockIdx, 32 * warpIndex);
      if (group === null) continue;
      const row = this.#groups.get(group.name) ?? this.#groups.size;
      this.#groups.set(group.name, row);
      return row;
    }
    return -1;
  }

  #enter(block: StepBlock): void {
    if (block === this.#block) return;
    this.#block = block;
    this.#blockRow = this.#blockRows.get(block)!;
    this.#firstWarp = this.#blocks.columns.firstWarp[this.#blockRow]!;
  }

  // --- Accesses

  access(
    instruction: AccessInstruction,
    allocation: Allocation,
    offset: number,
    block: StepBlock,
    rank: number,
  ): boolean {
    if (instruction !== this.#instruction) this.#enterInstruction(instruction, block);
    if (block !== this.#block) this.#enter(block);
    if (allocation !== this.#allocation) {
      this.#allocation = allocation;
      this.#ofAllocation = this.#words.of(allocation);
    }
    const counted = this.#counted;
    counted.count++;
    const { steps } = this.#engine!;
    const thread = (this.#firstWarp << 5) + rank;
    if (this.#isStore) this.#progress(thread >>> 5);
    else if (counted.isVisible && !this.#isAtomic && (steps !== this.#loadStep || instruction !== this.#load)) {
      this.#loadStep = steps;
      this.#load = instruction;
      this.#look(instruction, allocation, offset, thread);
    }
    const word = this.#wordAt(allocation, offset);
    if (word !== undefined && !this.#isStore) this.#words.loaded(word, steps, thread, counted.site);
    if (!this.#isAtomic && (word === undefined || !this.#isStore)) return false;
    this.#word = word ?? null;
    this.#thread = thread;
    this.#offset = offset;
    if (this.#isAtomic) {
      this.#before = allocation.i32[offset >>> 2]!;
      this.#beforeHigh = this.#bytes === 8 ? allocation.i32[(offset >>> 2) + 1]! : 0;
    }
    return true;
  }

  stored(): void {
    const { steps } = this.#engine!;
    if (this.#isAtomic && this.#isUnchanged()) {
      // A lock that is taken is polled, too.
      if (steps === this.#loadStep && this.#instruction === this.#load) return;
      this.#loadStep = steps;
      this.#load = this.#instruction;
      this.#look(this.#instruction!, this.#allocation!, this.#offset, this.#thread);
      return;
    }
    if (this.#isAtomic) this.#progress(this.#thread >>> 5);
    if (this.#word !== null) this.#words.stored(this.#word, steps, this.#thread, this.#counted.site);
  }

  /** Whether the atomic that is going on has left its word as it was. */
  #isUnchanged(): boolean {
    const { i32 } = this.#allocation!;
    const at = this.#offset >>> 2;
    return i32[at] === this.#before && (this.#bytes !== 8 || i32[at + 1] === this.#beforeHigh);
  }

  #enterInstruction(instruction: AccessInstruction, block: StepBlock): void {
    this.#instruction = instruction;
    this.#counted = this.#sites.of(instruction, block.arena.code.emitted.program);
    this.#bytes = accessedBytes(instruction);
    this.#isStore = instruction.op === 'store';
    this.#isAtomic = instruction.op === 'atomic';
  }

  #wordAt(allocation: Allocation, offset: number): WatchedWord | undefined {
    const words = this.#ofAllocation;
    if (words.fifos !== null) {
      const at = words.fifos.wordWithin(offset, this.#bytes);
      if (at !== -1) return this.#words.fifoWord(words, allocation, at);
    }
    return words.polled === null ? undefined : this.#words.polledWord(words, offset, this.#bytes);
  }

  /** The first of a step's lanes loads: does its warp poll? */
  #look(instruction: AccessInstruction, allocation: Allocation, offset: number, thread: number): void {
    const warp = thread >>> 5;
    const { steps } = this.#engine!;
    const { number, site } = this.#counted;
    const first = this.#polls.load(warp, thread & 31, number, allocation.base + offset, steps);
    if (first === OTHER_LANE) return;
    const waits = this.#waits;
    if (first === NEW_LOAD) {
      if (waits.isPolling(warp)) waits.end(warp, steps);
    } else if (waits.isPolling(warp)) waits.readAgain(warp, steps);
    else {
      const word = this.#words.polledRow(this.#ofAllocation, allocation, offset, instruction);
      waits.begin(warp, 'poll', word, site, first);
      waits.readAgain(warp, steps);
    }
  }

  /** A warp has done what polling is not. */
  #progress(warp: number): void {
    if (this.#polls.forget(warp) && this.#waits.isPolling(warp)) this.#waits.end(warp, this.#engine!.steps);
  }

  // --- What stands where

  /** The instruction that a lane of a warp has come to. */
  #standsAt(block: StepBlock, thread: number): CountedInstruction {
    const { arena, rows } = block;
    const place = arena.code.layout.visible[arena.L[rows + thread * arena.rowWords + PC]!]!;
    return this.#sites.of(place.instruction, arena.code.emitted.program);
  }

  /** Counts the instructions that lanes of a warp have come to. Result: that of the first. */
  #count(block: StepBlock, warpIndex: number, lanes: number): CountedInstruction {
    const { L, rowWords } = block.arena;
    const row = block.rows + warpIndex * 32 * rowWords + PC;
    const first = lowestLane(lanes);
    const counted = this.#standsAt(block, warpIndex * 32 + first);
    const number = L[row + first * rowWords]!;
    for (let rest = lanes; rest !== 0; rest &= rest - 1) {
      const lane = lowestLane(rest);
      if (L[row + lane * rowWords] === number) counted.count++;
      else this.#standsAt(block, warpIndex * 32 + lane).count++;
    }
    return counted;
  }

  fence(instruction: InstructionOf<'fence'>, block: StepBlock): void {
    this.#sites.of(instruction, block.arena.code.emitted.program).count++;
  }

  meet(block: StepBlock, warpIndex: number, lanes: number, _opcode: Opcode): void {
    this.#count(block, warpIndex, lanes);
  }

  arrive(block: StepBlock, id: number, warpIndex: number, lanes: number): void {
    this.#enter(block);
    const { site } = this.#count(block, warpIndex, lanes);
    const warp = this.#firstWarp + warpIndex;
    this.#progress(warp);
    this.#barriers.arrive(this.#blockRow, id, warpIndex, warp, site, this.#engine!.steps);
  }

  complete(block: StepBlock, id: number, waiting: readonly Arrival[]): void {
    this.#enter(block);
    this.#barriers.complete(this.#blockRow, id, this.#engine!.steps);
    for (const { warpIndex } of waiting) this.#lookAfter(block, warpIndex);
  }

  stepEnds(block: StepBlock, warpIndex: number): void {
    this.#enter(block);
    this.#lookAfter(block, warpIndex);
  }

  /** Whether the warp can go on, and if not, what keeps it. */
  #lookAfter(block: StepBlock, warpIndex: number): void {
    const engine = this.#engine!;
    const warp = this.#firstWarp + warpIndex;
    const number = block.firstWarp + warpIndex;
    const live = engine.live[number]!;
    const atBarriers = engine.lanesAtBarriers[number]!;
    const groups = engine.pending[number];
    let waiting = atBarriers;
    let missing = 0;
    if (groups !== null && groups !== undefined) {
      for (const { mask, arrived } of groups) {
        waiting |= arrived;
        missing |= mask & live & ~arrived;
      }
    }
    if (live === 0) {
      this.#waits.end(warp, engine.steps);
      if (this.#warps.columns.endStep[warp] === -1) this.#warps.columns.endStep[warp] = engine.steps;
    } else if ((live & ~waiting) !== 0) {
      if (this.#waits.isStopped(warp)) this.#waits.end(warp, engine.steps);
    } else {
      const thread = warpIndex * 32 + lowestLane(missing === 0 ? live : live & ~atBarriers);
      const { site } = this.#standsAt(block, thread);
      if (missing !== 0) this.#waits.begin(warp, 'warp operation', missing, site, engine.steps);
      else {
        const { D, rowWords } = block.arena;
        const id = D[(block.rows + thread * rowWords + OPERAND_A) >> 1]!;
        this.#waits.begin(warp, 'barrier', id, site, engine.steps);
      }
    }
  }
}
