import { proveHang, type StandingBlock, type StandingEngine } from '../hang/index.js';
import type { Instruction } from '../program/index.js';
import { BARRIER_COUNT } from '../simt/barrier.js';
import type { EngineHost, HangProof } from '../simt/engine.js';
import { Fault, SimtError } from '../simt/errors.js';
import { faultOf, notInMask, warpDivergence } from '../simt/faults.js';
import type { Granule } from '../simt/granule.js';
import { popc } from '../simt/integer.js';
import { lowestLane } from '../simt/lanes.js';
import type { Launch } from '../simt/launch.js';
import type { Dim3, ScalarType } from '../simt/scalar.js';
import { formatSchedule } from '../simt/schedule.js';
import type { LastStep } from '../simt/scheduler.js';
import type { WaitingGroup } from '../simt/waiting.js';
import { declareShared, find, locate } from './addresses.js';
import { FastBarrier } from './barrier.js';
import { bindLaunch, type RunnableLaunch } from './bound-launch.js';
import { type Collective, opcodeOf, perform, performByMask } from './collectives.js';
import type { CompiledKernel } from './compiled-kernel.js';
import { LEFT } from './emit.js';
import { canRun, distinctBarriers, isComplete, meet } from './lane-groups.js';
import { checkMasks } from './mask-faults.js';
import { type Located, type RuntimeHost, runtime, SHARED_WINDOWS, type TraceSink } from './runtime.js';
import { describeWaiting, siteOfLane } from './sites.js';
import { standingBlockOf } from './standing.js';
import { FastBlock, type FastWarp, type LaneGroup, newGroup, POLLED, RUNS, WAITS, WaitingLanes } from './warp.js';
import { WarpQueue } from './warp-queue.js';

/** Regions that a warp runs in one step before others get their turn, where it never has to wait. */
const MOST_REGIONS_A_STEP = 4096;

/** Times that a warp may do so before it is given up: 16 million regions. */
const MOST_FRUITLESS_STEPS = 4096;

/** Operands and results of the lanes that are together. */
const OPERANDS = { low: runtime.xl, high: runtime.xh, double: runtime.xd, a: runtime.xa, b: runtime.xb };
const RESULTS = { low: runtime.yl, high: runtime.yh, double: runtime.yd };

/** How the engine is made. */
export interface FastOptions {
  /** Told of every access; code without it has no trace of this. */
  readonly trace?: TraceSink | null;
}

/**
 * The engine of mode `fast`: whole warps run compiled code until they have to wait. A step is such a run: up to a
 * barrier that is not complete, a poll in vain, a warp-wide operation that others are missing from, or the end.
 */
export class FastEngine implements StandingEngine, RuntimeHost {
  readonly mode = 'fast';
  steps = 0;
  liveThreads = 0;
  idleSteps = 0;
  counterSteps = 0;
  quietSteps = 0;
  readonly hasFaulted = false;
  readonly residentBlocks = new Set<FastBlock>();
  /** Warp-wide operations and barriers performed, and regions run: for measuring. */
  readonly #host: EngineHost;
  readonly #trace: TraceSink | null;
  readonly #ready = new WarpQueue();
  readonly #last: LastStep = { granule: null, wrote: false };
  readonly #bound = new WeakMap<Launch, RunnableLaunch>();
  /** What {@link AddressSpace.changes} was when allocations were last forgotten. */
  #changes = 0;
  /** Steps in a row in which lanes went round and round and nobody came on. */
  #fruitlessSteps = 0;
  /** Blocks started so far. */
  #blocks = 0;
  #current: FastWarp | null = null;
  /** The instruction that lanes wait at or perform, for errors; null: plain code. */
  #operation: Instruction | null = null;
  #hasPicked = false;

  constructor(host: EngineHost, { trace = null }: FastOptions = {}) {
    this.#host = host;
    this.#trace = trace;
  }

  get readyCount(): number {
    return this.#ready.size;
  }

  accepts(launch: Launch): void {
    this.#bind(launch);
  }

  startBlock(launch: Launch, blockIdx: Dim3): void {
    const { kernel, launch: bound } = this.#bind(launch);
    // Code remembers allocations by address: a window that comes round again is forgotten first.
    const window = this.#blocks++ % SHARED_WINDOWS;
    if (window === 0) runtime.release();
    const block = new FastBlock(launch, blockIdx, kernel, bound, window);
    this.residentBlocks.add(block);
    this.liveThreads += block.liveThreads;
    for (const warp of block.warps) this.#makeReady(warp);
  }

  step(): void {
    this.#hasPicked = false;
    const index = this.#host.scheduler.pick(
      this.#ready as unknown as { size: number; at(index: number): Granule },
      this.#last,
    );
    this.stepAt(index);
  }

  stepAt(index: number): void {
    const { changes } = this.#host.memory.space;
    if (changes !== this.#changes) {
      this.#changes = changes;
      runtime.release();
    }
    runtime.bind(this);
    runtime.sink = this.#trace;
    runtime.rounds = 0;
    if (this.#host.isRecording) this.#host.recordPick(index);
    const warp = this.#ready.take(index);
    this.steps++;
    this.#hasPicked = true;
    this.#trace?.turnTo(warp);
    this.#current = warp;
    this.#operation = null;
    runtime.counted = false;
    runtime.stored = false;
    runtime.storedPlainly = false;
    const { kernel } = warp.block;
    if (warp.frame === null) {
      warp.frame = kernel.takeFrame();
      ({ F: warp.F, V: warp.V, D: warp.D } = warp.frame);
    }
    const polled = kernel.isConverged ? this.#runTogether(warp, kernel) : this.#runGroups(warp, kernel);
    warp.isQueued = false;
    if (warp.live !== 0 && canRun(warp)) this.#makeReady(warp);
    this.#last.granule = warp as unknown as Granule;
    this.#last.wrote = !polled;
    const wrote = runtime.stored || runtime.counted;
    if (!polled || wrote) this.idleSteps = 0;
    else this.idleSteps++;
    if (runtime.stored) {
      this.counterSteps = 0;
      this.quietSteps = 0;
    } else if (runtime.storedPlainly) this.quietSteps = 0;
    else if (polled || runtime.counted) {
      this.quietSteps++;
      if (runtime.counted) this.counterSteps++;
    }
  }

  // --- Running a warp.

  /** Runs a warp whose lanes go together until it waits, polls in vain, or has exited. True: it has polled. */
  #runTogether(warp: FastWarp, { regions }: CompiledKernel): boolean {
    const group = warp.groups[0]!;
    let { pc } = group;
    group.isPolling = false;
    for (let rounds = 0; rounds < MOST_REGIONS_A_STEP; rounds++) {
      const next = regions[pc]!(warp, warp.live);
      if (next >= 0) pc = next;
      else if (next === LEFT.barrier) {
        group.lanes = warp.live;
        pc = this.#arriveAtBarrier(warp, group);
        if (pc < 0) return false;
      } else if (next === LEFT.polled) {
        group.pc = warp.next;
        group.suspended = warp.suspended;
        group.isPolling = true;
        return true;
      } else {
        group.lanes = warp.live;
        this.#exitGroup(warp, group);
        return false;
      }
    }
    group.pc = pc;
    group.lanes = warp.live;
    return false;
  }

  /** The same for a warp whose lanes part and meet. */
  #runGroups(warp: FastWarp, { regions }: CompiledKernel): boolean {
    for (let rounds = 0; ; rounds++) {
      const group = this.#nextGroup(warp);
      if (group === null) return false;
      if (group.state === POLLED) {
        // All that can run have polled in vain, or gone round for long enough.
        const hasPolled = warp.groups.some(({ isPolling }) => isPolling);
        for (const other of warp.groups) if (other.state === POLLED) other.state = RUNS;
        return hasPolled;
      }
      if (rounds > MOST_REGIONS_A_STEP) {
        // Others of the warp may be what it waits for.
        rounds = 0;
        group.state = POLLED;
        if (++this.#fruitlessSteps > MOST_FRUITLESS_STEPS)
          this.endless(warp, lowestLane(group.lanes), this.#siteOf(group));
        continue;
      }
      if (group.hasResults) this.#handResults(warp, group);
      group.isPolling = false;
      let { pc } = group;
      for (;;) {
        const next = regions[pc]!(warp, group.lanes);
        if (next >= 0) {
          pc = next;
          if (warp.groups.length === 1) {
            group.lanes = warp.live;
            if (++rounds > MOST_REGIONS_A_STEP) break;
            continue;
          }
          break;
        }
        pc = this.#leave(warp, group, next);
        // Results of a warp-wide operation must be taken at once; after a barrier others may have their turn.
        if (pc < 0 || (next === LEFT.barrier && ++rounds > MOST_REGIONS_A_STEP)) break;
      }
      if (pc >= 0) {
        group.pc = pc;
        if (warp.groups.length > 1) meet(warp, group);
      }
      if (warp.live === 0) return false;
    }
  }

  /** Where a group has last been seen. */
  #siteOf({ suspended, warp }: LaneGroup): number {
    return warp.block.kernel.suspended[suspended]?.site ?? -1;
  }

  /** Of the groups that can run, the one that is furthest behind; one that has polled only if there is no other. */
  #nextGroup(warp: FastWarp): LaneGroup | null {
    const { groups } = warp;
    let best: LaneGroup | null = null;
    for (const group of groups) {
      if (group.state === WAITS) continue;
      if (best === null || group.state < best.state || (group.state === best.state && group.pc < best.pc)) best = group;
    }
    return best;
  }

  /** What a region has left off at. Result: the region with which the group goes on at once; -1: it does not. */
  #leave(warp: FastWarp, group: LaneGroup, why: number): number {
    switch (why) {
      case LEFT.exited:
        this.#exitGroup(warp, group);
        return -1;
      case LEFT.polled:
        group.pc = warp.next;
        group.suspended = warp.suspended;
        group.isPolling = true;
        group.state = POLLED;
        meet(warp, group);
        return -1;
      case LEFT.barrier:
        return this.#arriveAtBarrier(warp, group);
      case LEFT.collective:
        return this.#arriveTogether(warp, group);
      case LEFT.split: {
        const other = newGroup(warp, warp.else, group.lanes & ~warp.taken);
        group.lanes = warp.taken;
        group.pc = warp.then;
        warp.groups.push(other);
        meet(warp, other);
        meet(warp, group);
        return -1;
      }
      default:
        throw new Error(`[simtwin bug] a region returns ${why}`);
    }
  }

  // --- Exits.

  #exitGroup(warp: FastWarp, group: LaneGroup): void {
    const { groups } = warp;
    groups.splice(groups.indexOf(group), 1);
    this.exitLanes(warp, group.lanes);
  }

  exitLanes(warp: FastWarp, lanes: number): void {
    const { block } = warp;
    const count = popc(lanes);
    warp.live &= ~lanes;
    block.liveThreads -= count;
    this.liveThreads -= count;
    this.counterSteps = 0;
    this.quietSteps = 0;
    this.#fruitlessSteps = 0;
    if (warp.live === 0) {
      block.liveWarps--;
      if (warp.frame !== null) block.kernel.giveFrame(warp.frame);
      warp.frame = null;
    }
    const { waiting } = warp;
    if (waiting !== null) {
      for (const pending of [...waiting.pending]) {
        if (pending.arrived === (pending.mask & warp.live)) this.#completePending(warp, pending);
      }
    }
    for (const barrier of block.barriers) {
      if (barrier !== null) this.#release(barrier.lanesExited(warp));
    }
    if (block.liveThreads > 0) return;
    this.residentBlocks.delete(block);
    this.#host.blockEnded(block.launch);
    if (this.residentBlocks.size === 0) runtime.release();
  }

  // --- Barriers.

  #arriveAtBarrier(warp: FastWarp, group: LaneGroup): number {
    const instruction = warp.block.kernel.suspended[warp.suspended]! as Extract<Instruction, { op: 'barrier' }>;
    const { next } = warp;
    this.#operation = instruction;
    group.pc = next;
    group.state = WAITS;
    group.suspended = warp.suspended;
    group.isArrival = instruction.kind === 'arrive';
    group.isAligned = instruction.isAligned;
    group.barrierId = warp.barrierId;
    group.barrierCount = warp.barrierCount;
    if (warp.isOffered) this.#arriveAtSeveral(warp, group);
    else this.#arriveGroup(group);
    this.#operation = null;
    return group.state === RUNS && warp.groups.length === 1 ? next : -1;
  }

  #arriveGroup(group: LaneGroup): void {
    runtime.lane = 31 - Math.clz32(group.lanes & -group.lanes);
    this.#release(this.#barrierOf(group.warp.block, group.barrierId).arrive(group));
  }

  /** Lanes at different barriers wait as groups of their own. */
  #arriveAtSeveral(warp: FastWarp, group: LaneGroup): void {
    const parts = distinctBarriers(group.lanes).map(({ id, count, lanes }, at) => {
      const part = at === 0 ? group : { ...group };
      if (at > 0) warp.groups.push(part);
      part.lanes = lanes;
      part.barrierId = id;
      part.barrierCount = count;
      return part;
    });
    for (const part of parts) this.#arriveGroup(part);
  }

  #barrierOf(block: FastBlock, id: number): FastBarrier {
    let barrier = block.barriers[id];
    if (barrier === undefined) {
      throw new Fault('BARRIER_ID', `barrier ${id} does not exist: a block has barriers 0 to ${BARRIER_COUNT - 1}`);
    }
    if (barrier === null) {
      barrier = new FastBarrier(block, id);
      block.barriers[id] = barrier;
    }
    return barrier;
  }

  /** Lanes that waited go on. */
  #release(groups: readonly LaneGroup[]): void {
    for (let at = 0; at < groups.length; at++) {
      const group = groups[at]!;
      const { warp } = group;
      group.state = RUNS;
      if (warp.groups.length > 1) meet(warp, group);
      this.#makeReady(warp);
    }
    if (groups.length > 0) {
      this.idleSteps = 0;
      this.#fruitlessSteps = 0;
    }
  }

  #makeReady(warp: FastWarp): void {
    if (warp.isQueued) return;
    warp.isQueued = true;
    this.#ready.push(warp);
  }

  // --- Warp-wide operations.

  /** A group of lanes has come to a warp-wide operation; its operands have been offered. */
  #arriveTogether(warp: FastWarp, group: LaneGroup): number {
    if (warp.isPerformed) {
      group.suspended = warp.suspended;
      return warp.next;
    }
    const instruction = warp.block.kernel.suspended[warp.suspended]! as Collective;
    this.#operation = instruction;
    const { lanes } = group;
    if ((warp.waiting === null || warp.waiting.pending.length === 0) && isComplete(lanes, warp.live)) {
      performByMask(instruction, lanes, warp.live, runtime.xm, OPERANDS, RESULTS);
      if (warp.seen !== -1) warp.F[warp.seen] = lanes;
      group.suspended = warp.suspended;
      this.#operation = null;
      return warp.next;
    }
    this.#arriveOneByOne(warp, group, instruction);
    this.#operation = null;
    return -1;
  }

  checkTogether(warp: FastWarp, suspended: number, lanes: number): void {
    const instruction = warp.block.kernel.suspended[suspended]! as Collective;
    if (isComplete(lanes, lanes)) return;
    this.#operation = instruction;
    checkMasks(instruction, lanes);
    throw new RangeError(
      `${warp.block.kernel.program.name}: lanes of a warp name others in the mask of a warp-wide operation that do not name them; mode 'fast' does not model that: use mode 'step' or 'ref'`,
    );
  }

  performTogether(warp: FastWarp, suspended: number, lanes: number): void {
    const instruction = warp.block.kernel.suspended[suspended]! as Collective;
    this.checkTogether(warp, suspended, lanes);
    this.#operation = instruction;
    performByMask(instruction, lanes, lanes, runtime.xm, OPERANDS, RESULTS);
    this.#operation = null;
  }

  endless(warp: FastWarp, lane: number, position: number): never {
    const { rank, block, warp: index, frames } = siteOfLane(warp, lane, null, position, runtime.xm);
    const source = frames[0] === undefined ? '' : ` at ${frames[0].file}:${frames[0].line}`;
    throw new RangeError(
      `${warp.block.launch.name}: rank ${rank} block ${block} warp ${index} goes round a loop${source} that no other thread can end, 16 million times so far; mode 'fast' gives up: use mode 'step' or 'ref', whose limits say how it goes on`,
    );
  }

  notInMask(warp: FastWarp, suspended: number, lanes: number, mask: number): never {
    this.#operation = warp.block.kernel.suspended[suspended]!;
    runtime.xm.fill(mask);
    checkMasks(this.#operation as Collective, lanes);
    throw new Error('[simtwin bug] every lane is in the mask');
  }

  #arriveOneByOne(warp: FastWarp, group: LaneGroup, instruction: Collective): void {
    warp.waiting ??= new WaitingLanes();
    const { waiting } = warp;
    const opcode = opcodeOf(instruction);
    group.pc = warp.next;
    group.state = WAITS;
    group.suspended = warp.suspended;
    for (let rest = group.lanes; rest !== 0; rest &= rest - 1) {
      const lane = lowestLane(rest);
      waiting.mask[lane] = runtime.xm[lane]!;
      waiting.low[lane] = runtime.xl[lane]!;
      waiting.high[lane] = runtime.xh[lane]!;
      waiting.double[lane] = runtime.xd[lane]!;
      waiting.a[lane] = runtime.xa[lane]!;
      waiting.b[lane] = runtime.xb[lane]!;
    }
    for (let rest = group.lanes; rest !== 0; rest &= rest - 1) {
      const lane = lowestLane(rest);
      const bit = 1 << lane;
      const mask = waiting.mask[lane]!;
      runtime.lane = lane;
      if ((mask & bit) === 0) {
        throw notInMask({ lane, opcode, mask });
      }
      let pending = null;
      for (const candidate of waiting.pending) {
        const theirs = opcodeOf(candidate.instruction as Collective);
        if (candidate.mask === mask && theirs === opcode) pending = candidate;
        else if ((candidate.mask & bit) !== 0 && (candidate.arrived & mask) !== 0) {
          throw warpDivergence({ lane, opcode, mask }, { ...candidate, opcode: theirs });
        }
      }
      if (pending === null) {
        pending = { instruction, mask, arrived: 0 };
        waiting.pending.push(pending);
      }
      pending.arrived |= bit;
      if (pending.arrived === (mask & warp.live)) this.#completePending(warp, pending);
    }
  }

  #completePending(warp: FastWarp, pending: WaitingLanes['pending'][number]): void {
    const waiting = warp.waiting!;
    waiting.pending.splice(waiting.pending.indexOf(pending), 1);
    const { arrived } = pending;
    perform(pending.instruction as Collective, arrived, waiting, {
      low: waiting.resultLow,
      high: waiting.resultHigh,
      double: waiting.resultDouble,
    });
    for (const group of [...warp.groups]) {
      const done = group.state === WAITS ? group.lanes & arrived : 0;
      if (done === 0) continue;
      if (done !== group.lanes) {
        warp.groups.push({ ...group, lanes: group.lanes & ~done });
        group.lanes = done;
      }
      group.state = RUNS;
      group.hasResults = true;
    }
    this.#makeReady(warp);
  }

  #handResults(warp: FastWarp, group: LaneGroup): void {
    group.hasResults = false;
    const { resultLow, resultHigh, resultDouble } = warp.waiting!;
    for (let rest = group.lanes; rest !== 0; rest &= rest - 1) {
      const lane = lowestLane(rest);
      runtime.yl[lane] = resultLow[lane]!;
      runtime.yh[lane] = resultHigh[lane]!;
      runtime.yd[lane] = resultDouble[lane]!;
    }
  }

  // --- Memory.

  locate(warp: FastWarp, address: number, bytes: number, access: 'load' | 'store' | 'atomic'): Located {
    return locate(this.#host.memory.space, warp.block, address, bytes, access);
  }

  find(warp: FastWarp, address: number): Located | null {
    return find(this.#host.memory.space, warp.block, address);
  }

  shared(warp: FastWarp, name: string, type: ScalarType, count: number): number {
    return declareShared(warp.block, name, type, count);
  }

  // --- What the machine asks.

  describeError(error: unknown): SimtError {
    if (!this.#hasPicked || this.#current === null) throw error;
    if (error instanceof Error && error.message.startsWith('[simtwin bug]')) throw error;
    if (error instanceof RangeError && error.message.includes("mode 'fast'")) throw error;
    const fault = faultOf(error);
    const operation = this.#operation;
    const site = siteOfLane(this.#current, runtime.lane, operation, operation?.site ?? runtime.position, runtime.xm);
    return new SimtError(fault.code, fault.message, site, null, formatSchedule(this.#host.schedule), this.steps);
  }

  waiting(): WaitingGroup[] {
    return describeWaiting(this.residentBlocks);
  }

  proveHang(): HangProof {
    return proveHang(this.standing());
  }

  standing(): StandingBlock[] {
    return Array.from(this.residentBlocks, (block) => standingBlockOf(block, this.#host.memory.space));
  }

  finish(): void {
    runtime.release();
  }

  noteFault(): void {}

  watch(): never {
    throw new RangeError("mode 'fast' cannot watch memory: use mode 'step' or 'ref'");
  }

  // --- Launches.

  #bind(launch: Launch): RunnableLaunch {
    let known = this.#bound.get(launch);
    if (known === undefined) {
      known = bindLaunch(launch, this.#trace !== null);
      this.#bound.set(launch, known);
    }
    return known;
  }
}
