import { type AccessInstruction, accessedBytes } from '../../program/index.js';
import {
  type Allocation,
  formatSchedule,
  type Machine,
  type MachineSnapshot,
  type Outcome,
  type PickRun,
} from '../../simt/index.js';
import { StepEngine } from '../../step/engine.js';
import { hashOf } from '../../step/hash.js';
import type { StepObserver } from '../../step/index.js';
import { PC } from '../../step/layout.js';
import type { StepBlock } from '../../step/step-block.js';
import type { Trial, Workload } from '../trial.js';
import { Facts, Numbers, type StepFacts } from './facts.js';
import { Undo } from './undo.js';

/** A moment of a run, to go back to. */
export interface Moment {
  readonly machine: MachineSnapshot;
  readonly segments: Int32Array;
  readonly depth: number;
}

/** A machine that is stepped granule by granule, and what its steps show of the program. */
export class Subject {
  readonly trial: Trial;
  readonly machine: Machine;
  readonly engine: StepEngine;
  readonly facts: Facts;
  readonly numbers: Numbers;
  /** Whether launches, blocks or memsets wait for others to end. */
  readonly hasQueue: boolean;
  /** By granule: barriers that it has waited at. */
  segments: Int32Array = new Int32Array(64);
  /** Picks since the start: places in the ready set. */
  readonly picks: number[] = [];
  /** Accesses of the last step that was tried out: `word * 2`, plus 1 for a write. */
  trace: number[] | null = null;
  /** How the run has ended; null: it has not. */
  outcome: Outcome | null = null;
  readonly #words = new Map<Allocation, number>();
  #step: StepFacts | null = null;
  #accessCount = 0;
  #tried: Int32Array | null = null;
  #trialStart: Moment | null = null;
  readonly #undo: Undo;

  /** @throws RangeError if the workload has nothing to run, or not in mode `step`. */
  constructor(workload: Workload, numbers = new Numbers(), facts = new Facts()) {
    this.facts = facts;
    this.numbers = numbers;
    this.trial = workload.begin({ mode: 'step', step: { observer: this.#observer() } });
    this.machine = this.trial.machine;
    this.outcome = this.machine.advance(0);
    const { engine } = this.machine;
    if (!(engine instanceof StepEngine)) {
      throw new RangeError(
        `${workload.name}: only what runs in mode 'step' can be explored; this runs in '${engine?.mode ?? 'none: nothing was launched'}'`,
      );
    }
    if (engine.observer === null) {
      throw new RangeError(`${workload.name}: begin must pass its options on to the machine's engine`);
    }
    if (engine.delayed !== null) {
      throw new RangeError(`${workload.name}: every schedule is explored with memory that everybody sees at once`);
    }
    this.engine = engine;
    this.#undo = new Undo(engine);
    this.hasQueue = this.#hasQueue();
  }

  // --- Granules

  /** Number of a granule, the same in every run. `granule`: the engine's number. */
  idOf(granule: number): number {
    const { engine } = this;
    const block = engine.blockOfWarp[granule >> engine.warpShift]!;
    return this.#firstGranule(block) + granule - (block.firstWarp << engine.warpShift);
  }

  #firstGranule(block: StepBlock): number {
    return this.#numbersOf(block).firstGranule;
  }

  #numbersOf(block: StepBlock) {
    return this.numbers.block(
      block,
      this.engine.launchNumbers.get(block.launch)!,
      block.warpCount << this.engine.warpShift,
    );
  }

  /** The number of a block's barrier, the same in every run. */
  barrierOf(block: StepBlock, id: number): number {
    return this.#numbersOf(block).index * 16 + id;
  }

  /** The engine's numbers of granules of resident blocks that have not exited, by number. */
  liveGranules(): Map<number, number> {
    const { engine } = this;
    const found = new Map<number, number>();
    for (const block of engine.residentBlocks) {
      const first = this.#firstGranule(block);
      for (let index = 0; index < block.warpCount << engine.warpShift; index++) {
        const granule = (block.firstWarp << engine.warpShift) + index;
        const lanes =
          engine.live[granule >> engine.warpShift]! & engine.lanesOfPart(granule & ((1 << engine.warpShift) - 1));
        if (lanes !== 0) found.set(first + index, granule);
      }
    }
    return found;
  }

  segmentOf(id: number): number {
    return this.segments[id] ?? 0;
  }

  /** What the next step of a granule, the engine's number, may touch. */
  nextStep(granule: number, id: number): StepFacts {
    const { engine } = this;
    const warp = granule >> engine.warpShift;
    const { L, rowWords } = engine.blockOfWarp[warp]!.arena;
    const row = engine.rowOfWarp[warp]!;
    const ready = engine.readyLanes[granule]!;
    let place = ready;
    for (let rest = ready; rest !== 0; rest &= rest - 1) {
      const pc = L[row + (31 - Math.clz32(rest & -rest)) * rowWords + PC]!;
      place = Math.imul(place ^ pc, 0x85ebca6b) + (place >>> 15);
    }
    return this.facts.stepFacts(id, this.segmentOf(id), place | 0);
  }

  // --- Steps

  /** Makes a step of a ready granule. Result: {@link outcome}. */
  step(granule: number): Outcome | null {
    const { engine } = this;
    const { ready } = engine;
    let index = 0;
    while (ready.at(index) !== granule) index++;
    return this.#stepAt(index, granule);
  }

  /** Makes a step with the granule at a place of the ready set. */
  stepAt(index: number): Outcome | null {
    return this.#stepAt(index, this.engine.ready.at(index));
  }

  #stepAt(index: number, granule: number): Outcome | null {
    const { engine } = this;
    const id = this.idOf(granule);
    const step = this.nextStep(granule, id);
    this.#step = step;
    // Parts of a warp meet in its operations: they are taken to depend on each other always.
    if (engine.warpShift !== 0)
      this.#note(this.numbers.firstWord(`warp of granule ${id - (granule & ((1 << engine.warpShift) - 1))}`, 1), true);
    this.picks.push(index);
    this.#accessCount = 0;
    this.outcome = this.machine.stepAt(index);
    if (this.#accessCount < step.accesses.size) step.varies = true;
    this.#step = null;
    return this.outcome;
  }

  /**
   * Begins to try steps out; {@link endTrial} takes them back. `isFull`: any steps, at a higher price; else those that
   * {@link canTry} allows.
   */
  beginTrial(isFull: boolean): void {
    if (isFull) this.#trialStart = this.save();
    else {
      this.#undo.begin();
      this.#tried = this.segments.slice();
    }
    this.trace = [];
  }

  /** Whether {@link tryStep} can make a step of a granule. */
  canTry(granule: number): boolean {
    return this.#trialStart !== null || (!this.hasQueue && this.#undo.canStep(granule));
  }

  /** Makes a step that does not last. Result: its accesses; null: the run has ended. */
  tryStep(granule: number): readonly number[] | null {
    this.trace!.length = 0;
    if (this.#trialStart !== null) return this.step(granule) === null ? this.trace : null;
    const step = this.nextStep(granule, this.idOf(granule));
    this.#step = step;
    this.#accessCount = 0;
    const isDone = this.#undo.step(granule);
    if (this.#accessCount < step.accesses.size) step.varies = true;
    return isDone ? this.trace : null;
  }

  endTrial(): void {
    if (this.#trialStart !== null) {
      this.restore(this.#trialStart);
      this.#trialStart = null;
    } else {
      this.#undo.rollBack();
      this.segments = this.#tried!;
    }
    this.trace = null;
  }

  save(): Moment {
    return { machine: this.machine.snapshot(), segments: this.segments.slice(), depth: this.picks.length };
  }

  /** Goes back to an earlier moment of the same run. */
  restore({ machine, segments, depth }: Moment): void {
    this.machine.restore(machine);
    this.segments = segments.slice();
    this.picks.length = depth;
    this.outcome = null;
  }

  /** 64 bits that tell states apart: memory and threads, whatever the order of the ready set. */
  hash(): bigint {
    return hashOf(this.engine, {});
  }

  /** Token that repeats the run so far. */
  get token(): string {
    return tokenOf(this.machine, this.picks);
  }

  // --- What the engine tells

  #observer(): StepObserver {
    return {
      blockStarts: () => {},
      blockEnds: () => {
        if (this.hasQueue) this.#note(this.numbers.firstWord('room for blocks', 1), true);
      },
      access: (instruction, allocation, offset, block) => {
        this.#noteAccess(instruction, allocation, offset, block);
        return false;
      },
      stored: () => {},
      fence: () => {},
      meet: () => {},
      arrive: (block, id, warpIndex) => {
        const barrier = block.barriers[id]!;
        const isArriveOnly = barrier.waiting[barrier.waiting.length - 1]!.isArriveOnly;
        const number = this.barrierOf(block, id);
        this.facts.noteArrival(number, warpIndex, barrier.expected, isArriveOnly);
        if (this.facts.exactBarrier(number) === null) this.#note(this.numbers.firstWord(`barrier ${number}`, 1), true);
      },
      complete: (block, id, waiting) => {
        // Lanes of a warp may have come one by one.
        const passing = new Set<number>();
        for (const { warpIndex, lanes } of waiting) {
          const part = (31 - Math.clz32(lanes & -lanes)) >>> this.engine.granuleShift;
          passing.add(this.#firstGranule(block) + (warpIndex << this.engine.warpShift) + part);
        }
        for (const granule of passing) this.#passBarrier(granule, this.barrierOf(block, id));
      },
    };
  }

  /** A granule goes on from a barrier. */
  #passBarrier(granule: number, barrier: number): void {
    if (this.facts.coarse.has(granule)) return;
    if (granule >= this.segments.length) {
      const grown = new Int32Array(granule * 2);
      grown.set(this.segments);
      this.segments = grown;
    }
    this.facts.noteEnd(granule, this.segments[granule]!, barrier);
    this.segments[granule]!++;
  }

  #noteAccess(instruction: AccessInstruction, allocation: Allocation, offset: number, block: StepBlock): void {
    let first = this.#words.get(allocation);
    if (first === undefined) {
      const { space, name, base, bytes } = allocation;
      const place = space.name === 'global' ? `global ${base}` : `shared ${this.#numbersOf(block).index} ${name}`;
      first = this.numbers.firstWord(place, (bytes + 3) >>> 2);
      this.#words.set(allocation, first);
    }
    const bytes = accessedBytes(instruction);
    const isWrite = instruction.op !== 'load';
    if (isWrite && this.#undo.isActive) this.#undo.write(allocation, offset, bytes);
    const last = first + ((offset + bytes - 1) >>> 2);
    for (let word = first + (offset >>> 2); word <= last; word++) this.#note(word, isWrite);
  }

  #note(word: number, isWrite: boolean): void {
    const access = word * 2 + (isWrite ? 1 : 0);
    this.#accessCount++;
    this.facts.noteAccess(this.#step!, access);
    this.trace?.push(access);
  }

  /** What is queued behind others; memsets among it count as a granule of its own that never runs. */
  #hasQueue(): boolean {
    const { streams } = this.outcome === null ? this.machine.snapshot().state : { streams: [] };
    let hasQueue = this.machine.launches.some(({ startedBlocks, blockCount }) => startedBlocks < blockCount);
    const host = this.facts.stepFacts(HOST, 0, 0);
    for (const items of streams) {
      if (items.length > 1) hasQueue = true;
      for (const item of items.slice(1)) {
        if (item.kind !== 'memset') continue;
        const { allocation, offset } = item.pointer;
        const first = this.numbers.firstWord(`global ${allocation.base}`, (allocation.bytes + 3) >>> 2);
        const last = first + ((offset + item.bytes - 1) >>> 2);
        for (let word = first + (offset >>> 2); word <= last; word++) this.facts.noteAccess(host, word * 2 + 1);
      }
    }
    return hasQueue;
  }
}

/** The number that memsets behind launches have as a granule: far above any other. */
const HOST = 2 ** 20;

/** Token of the schedule that makes these picks, on a machine like the given one. */
export function tokenOf(machine: Machine, picks: readonly number[]): string {
  const runs: { index: number; times: number }[] = [];
  for (const index of picks) {
    const last = runs[runs.length - 1];
    if (last !== undefined && last.index === index) last.times++;
    else runs.push({ index, times: 1 });
  }
  return formatSchedule({ ...machine.schedule, policy: { kind: 'picks', runs: runs satisfies PickRun[] } });
}
