import { performAccess } from './accesses.js';
import { Block } from './block.js';
import { DeviceMemory } from './device-memory.js';
import { assertInvariant, Fault, observeFaults, SimtError } from './errors.js';
import type { Granule } from './granule.js';
import type { Launch } from './launch.js';
import {
  isAccess,
  isAtomic,
  isBarrier,
  isCollective,
  isWrite,
  type KernelBody,
  OP_ACTIVEMASK,
  OP_ATOMIC_CAS,
  OP_ATOMIC_EXCH,
} from './operation.js';
import { type BudgetLimit, type Limits, limitsOf, type NotStarted, type Outcome } from './outcome.js';
import { ReadySet } from './ready-set.js';
import { DEFAULT_SCHEDULE, formatSchedule, type PickRun, parseSchedule, type Schedule } from './schedule.js';
import { createScheduler, type LastStep, type Scheduler } from './scheduler.js';
import { kernelFrames, type SourceFrame } from './source-frame.js';
import { Stream } from './stream.js';
import {
  PHASE_CALLED,
  PHASE_DONE,
  PHASE_EXITED,
  PHASE_IDLE,
  PHASE_PENDING,
  PHASE_PROBED,
  type Thread,
} from './thread.js';
import { siteOf } from './thread-site.js';
import { groupWaiting } from './waiting.js';

/**
 * Threads that a device holds at a time unless the schedule limits its blocks: 132 multiprocessors of 2048, an H100.
 * No kernel can count on more, and a launch of 2 million threads stays affordable.
 */
const DEVICE_THREADS = 132 * 2048;

/** How a machine runs. */
export interface MachineOptions {
  /** A schedule or its token; default `rr`. */
  readonly schedule?: Schedule | string;
  readonly limits?: Partial<Limits>;
  /** Remember the picks, so that {@link Machine.recordedSchedule} can replay exactly this run. */
  readonly record?: boolean;
}

/** A store that changed watched bytes: who did it and where in the kernel. */
export interface StoreEvent {
  readonly step: number;
  readonly thread: Thread;
  readonly frames: readonly SourceFrame[];
}

/**
 * The SIMT machine: devices that run the blocks of launches, queued on streams, over one global memory.
 *
 * A step picks a ready granule and runs each of its ready lanes to its next visible operation, lowest lane first; then
 * it performs these operations, lowest lane first. Nothing else happens between two steps.
 */
export class Machine {
  readonly memory = new DeviceMemory();
  readonly schedule: Schedule;
  readonly limits: Limits;
  readonly #scheduler: Scheduler;
  readonly #picks: { index: number; times: number }[] | null;
  readonly #ready = new ReadySet();
  readonly #granuleShift: number;
  readonly #streams: Stream[] = [];
  /** Streams whose head has not been looked at. */
  readonly #changedStreams = new Set<Stream>();
  readonly #residentBlocks = new Set<Block>();
  /** Launches at the head of their stream, with it, in the order in which they got there. */
  readonly #activeLaunches = new Map<Launch, Stream>();
  /** Those of them with blocks that have not become resident, in the same order. */
  readonly #startingLaunches: Launch[] = [];
  /** Blocks and threads that are resident on each device. */
  readonly #devices = new Map<number, { blocks: number; threads: number }>();
  readonly #last: LastStep = { granule: null, wrote: false };
  #residentThreads = 0;
  /** How the run ended, unless it completed or goes on. */
  #failure: Outcome | null = null;
  #steps = 0;
  /** Steps with loads since the last write, completed barrier or exit. */
  #idleSteps = 0;
  /** Steps with atomics since the last store or exit. */
  #counterSteps = 0;
  /** A block has ended in this step: others may start. */
  #blockEnded = false;
  /** Whether the current step has come to performing operations; before, kernels run. */
  #performing = false;
  /** The thread whose kernel or operation is running; for errors and watches. */
  #current: Thread | null = null;
  /**
   * The first fault of the step and its thread. A fault is thrown through the kernel, whose `catch`, or `return` in a
   * `finally`, may swallow it; a device has no such thing. So faults are noted where they are made, which costs nothing
   * while there are none, and a step with a fault fails whether or not the fault comes out of it.
   */
  #raised: { readonly fault: Fault; readonly thread: Thread } | null = null;

  /** @throws RangeError if the schedule or a limit is not valid. */
  constructor({ schedule = DEFAULT_SCHEDULE, limits = {}, record = false }: MachineOptions = {}) {
    // A schedule without a token could not be reported, passed back or replayed.
    this.schedule = parseSchedule(typeof schedule === 'string' ? schedule : formatSchedule(schedule));
    this.limits = limitsOf(limits);
    this.#scheduler = createScheduler(this.schedule.policy);
    this.#picks = record ? [] : null;
    this.#granuleShift = { 32: 5, 8: 3, 1: 0 }[this.schedule.granule];
  }

  /** Scheduler steps so far. */
  get steps(): number {
    return this.#steps;
  }

  /** Blocks that are resident now, in the order in which they became so. */
  get residentBlocks(): Iterable<Block> {
    return this.#residentBlocks;
  }

  /** `cudaStreamCreate` on a device (rank). */
  stream(device = 0): Stream {
    const stream = new Stream(device, this.#streams.length, {
      blockOrder: this.schedule.blockOrder,
      headChanged: (changed) => this.#changedStreams.add(changed),
    });
    this.#streams.push(stream);
    return stream;
  }

  /** The schedule that replays this run pick by pick. @throws RangeError unless the machine was made with `record`. */
  get recordedSchedule(): Schedule {
    if (this.#picks === null) throw new RangeError('the machine was not made with { record: true }');
    const runs: readonly PickRun[] = this.#picks.map((run) => ({ ...run }));
    return { ...this.schedule, policy: { kind: 'picks', runs } };
  }

  /** Runs until everything queued has ended, or cannot. */
  run(): Outcome {
    for (;;) {
      const outcome = this.advance(Number.MAX_SAFE_INTEGER);
      if (outcome !== null) return outcome;
    }
  }

  /** Runs at most `steps` steps. Null: there is more to do. A run that has failed stays so. */
  advance(steps: number): Outcome | null {
    if (this.#failure !== null) return this.#failure;
    const observer = observeFaults((fault) => {
      if (this.#current !== null) this.#raised ??= { fault, thread: this.#current };
    });
    try {
      const outcome = this.#advance(steps);
      if (outcome !== null && outcome.verdict !== 'completes') {
        this.#failure = outcome;
        this.#probing(() => this.#reportPendingStores());
      }
      return outcome;
    } finally {
      observeFaults(observer);
    }
  }

  #advance(steps: number): Outcome | null {
    const end = this.#steps + steps;
    this.#startWork();
    while (this.#ready.size !== 0) {
      if (this.#steps >= this.limits.maxSteps) return this.#budget('maxSteps');
      if (this.#idleSteps >= this.limits.maxIdleSteps) return this.#budget('maxIdleSteps');
      if (this.#counterSteps >= this.limits.maxCounterSteps) return this.#budget('maxCounterSteps');
      if (this.#steps >= end) return null;
      const granule = this.#pick();
      try {
        this.#step(granule);
      } catch (error) {
        return { verdict: 'error', steps: this.#steps, error: this.#probing(() => this.#simtError(error)) };
      }
      if (this.#raised !== null) {
        return { verdict: 'error', steps: this.#steps, error: this.#probing(() => this.#simtError(null)) };
      }
      if (this.#blockEnded) this.#startWork();
    }
    if (this.#residentBlocks.size === 0) {
      assertInvariant(this.#activeLaunches.size === 0, 'launches wait although no block is resident');
      return { verdict: 'completes', steps: this.#steps };
    }
    return { verdict: 'deadlock', steps: this.#steps, waiting: this.#waiting(), notStarted: this.#notStarted() };
  }

  /** Calls `onStore` after each store or atomic that touches [address, address + bytes) of global memory. */
  watch(address: number, bytes: number, onStore: (event: StoreEvent) => void): void {
    this.memory.space.watch({
      address,
      bytes,
      onStore: () => {
        const thread = this.#current;
        if (thread === null) return;
        const step = this.#steps;
        const report = (frames: readonly SourceFrame[]) => {
          const raised = this.#raised;
          onStore({ step, thread, frames });
          // A fault of the host's own accesses is none of the kernel.
          this.#raised = raised;
        };
        // A plain store happens inside the kernel; any other in the machine, while the kernel is suspended at it.
        if (thread.phase !== PHASE_PENDING) {
          report(kernelFrames(new Error('store').stack));
          return;
        }
        const { probe } = thread;
        thread.probe = (stack) => {
          probe?.(stack);
          report(kernelFrames(stack));
        };
      },
    });
  }

  /** Watched stores are reported when their threads go on, which those of a run that is over never do. */
  #reportPendingStores(): void {
    for (const block of this.#residentBlocks) {
      for (const thread of block.threads()) if (thread.probe !== null) this.#framesOf(thread);
    }
  }

  #pick(): Granule {
    const index = this.#scheduler.pick(this.#ready, this.#last);
    if (this.#picks !== null) this.#recordPick(index);
    const granule = this.#ready.take(index);
    this.#steps++;
    this.#last.granule = granule;
    this.#last.wrote = false;
    return granule;
  }

  #step(granule: Granule): void {
    granule.stepping = true;
    this.#performing = false;
    const { threads } = granule.warp;
    const ready = granule.readyLanes;
    // Lanes that become ready from here on go on in a later step.
    granule.readyLanes = 0;
    let yielded = 0;
    for (let rest = ready, lane = 0; rest !== 0; rest &= rest - 1) {
      lane = 31 - Math.clz32(rest & -rest);
      const thread = threads[lane]!;
      this.#current = thread;
      const { done } = (thread.coroutine ?? start(thread)).next();
      if (done !== true && thread.phase === PHASE_PENDING) yielded |= 1 << lane;
      else this.#leave(thread, done);
    }
    this.#performing = true;
    if (granule.warp.arriveTogether(yielded)) {
      granule.stepping = false;
      this.#ready.push(granule);
      return;
    }
    let accessed = false;
    let stored = false;
    let counted = false;
    for (let rest = yielded, lane = 0; rest !== 0; rest &= rest - 1) {
      lane = 31 - Math.clz32(rest & -rest);
      const thread = threads[lane]!;
      this.#current = thread;
      if (isAccess(thread.opcode)) {
        thread.result = performAccess(thread);
        thread.phase = thread.probe === null ? PHASE_DONE : PHASE_PROBED;
        granule.readyLanes |= 1 << lane;
        accessed = true;
        if (isAtomic(thread.opcode)) counted ||= !leavesMemoryAsItIs(thread);
        else if (isWrite(thread.opcode)) stored = true;
      } else this.#perform(thread, granule, yielded);
    }
    if (accessed) this.#accountAccess(stored, counted);
    granule.stepping = false;
    if (granule.readyLanes !== 0) this.#ready.push(granule);
  }

  /** A step has accessed memory: by a store, by an atomic that changed it, or by loads alone. */
  #accountAccess(stored: boolean, counted: boolean): void {
    if (!stored && !counted) {
      this.#idleSteps++;
      return;
    }
    this.#last.wrote = true;
    this.#idleSteps = 0;
    if (stored) this.#counterSteps = 0;
    else this.#counterSteps++;
  }

  #recordPick(index: number): void {
    const picks = this.#picks!;
    const last = picks[picks.length - 1];
    if (last !== undefined && last.index === index) last.times++;
    else picks.push({ index, times: 1 });
  }

  /** A thread has not yielded an operation: it has exited, or its kernel is at fault. */
  #leave(thread: Thread, done: boolean | undefined): void {
    if (done === true && thread.phase !== PHASE_CALLED) {
      this.#exit(thread);
      return;
    }
    // The kernel has come to its end or stands where no operation can be asked for its stack: the line is not known.
    thread.coroutine = null;
    if (done === true) throw thread.droppedOperation({ thread });
    const message = `the kernel yields something that is no operation: write 'yield* t.…(…)'`;
    throw new Fault('KERNEL_THREW', message, { thread });
  }

  /** Performs an operation that accesses no memory. `group`: lanes of the granule that have yielded in this step. */
  #perform(thread: Thread, granule: Granule, group: number): void {
    const { opcode } = thread;
    if (isCollective(opcode)) granule.warp.arrive(thread);
    else if (isBarrier(opcode)) {
      granule.block.arriveAtBarrier(thread);
      if (thread.phase === PHASE_DONE) this.#idleSteps = 0;
    } else {
      thread.result = opcode === OP_ACTIVEMASK ? activeLanes(granule, group) : undefined;
      thread.phase = PHASE_DONE;
      granule.readyLanes |= 1 << thread.laneId;
    }
  }

  #exit(thread: Thread): void {
    const { block } = thread;
    thread.phase = PHASE_EXITED;
    thread.coroutine = null;
    this.#residentThreads--;
    this.#idleSteps = 0;
    this.#counterSteps = 0;
    this.#last.wrote = true;
    block.exit(thread);
    if (block.liveThreads > 0) return;
    const { launch } = block;
    this.#residentBlocks.delete(block);
    const device = this.#deviceOf(launch);
    device.blocks--;
    device.threads -= launch.threadIdxs.length;
    launch.finishedBlocks++;
    if (launch.finishedBlocks === launch.blockCount) {
      const stream = this.#activeLaunches.get(launch)!;
      this.#activeLaunches.delete(launch);
      stream.advance();
    }
    this.#blockEnded = true;
  }

  /** Starts whatever may start: memsets and launches at the head of streams, blocks where devices have room. */
  #startWork(): void {
    this.#blockEnded = false;
    for (const stream of [...this.#changedStreams].sort((a, b) => a.index - b.index)) this.#startHead(stream);
    this.#changedStreams.clear();
    const starting = this.#startingLaunches;
    let kept = 0;
    for (const launch of starting) {
      this.#startBlocks(launch);
      if (launch.startedBlocks < launch.blockCount) starting[kept++] = launch;
    }
    starting.length = kept;
  }

  /** Performs the memsets at the head of a stream; the launch behind them becomes active. */
  #startHead(stream: Stream): void {
    for (let head = stream.head; head !== undefined; head = stream.head) {
      if (head.kind === 'launch') {
        this.#activeLaunches.set(head.launch, stream);
        this.#startingLaunches.push(head.launch);
        return;
      }
      const { pointer, byte, bytes } = head;
      pointer.allocation.hostWrite(pointer.offset, { fill: byte, bytes });
      stream.advance();
    }
  }

  #startBlocks(launch: Launch): void {
    const { residentBlocks } = this.schedule;
    const threads = launch.threadIdxs.length;
    const device = this.#deviceOf(launch);
    while (launch.startedBlocks < launch.blockCount) {
      const hasRoom =
        residentBlocks === null ? device.threads + threads <= DEVICE_THREADS : device.blocks < residentBlocks;
      if (!hasRoom) return;
      device.blocks++;
      device.threads += threads;
      this.#residentThreads += threads;
      if (this.#residentThreads > this.limits.maxResidentThreads) {
        throw new RangeError(
          `${launch.name}: more than ${this.limits.maxResidentThreads} threads would be resident; limit the blocks of a device (schedule option 'resident=N') or raise maxResidentThreads`,
        );
      }
      const block = new Block(launch, launch.nextBlockIdx(), this.#ready, this.#granuleShift);
      this.#residentBlocks.add(block);
    }
  }

  #deviceOf(launch: Launch): { blocks: number; threads: number } {
    const known = this.#devices.get(launch.device);
    if (known !== undefined) return known;
    const device = { blocks: 0, threads: 0 };
    this.#devices.set(launch.device, device);
    return device;
  }

  #budget(limit: BudgetLimit): Outcome {
    return { verdict: 'budget', steps: this.#steps, limit, waiting: this.#waiting(), notStarted: this.#notStarted() };
  }

  #waiting(): ReturnType<typeof groupWaiting> {
    return this.#probing(() => groupWaiting(this.#residentBlocks, (thread) => this.#framesOf(thread)));
  }

  /** Blocks that have no room, in order of their launches, then launches that wait for others, by stream. */
  #notStarted(): NotStarted[] {
    const withoutRoom = this.#startingLaunches.map(
      ({ name, device, startedBlocks, blockCount }): NotStarted => ({
        kind: 'blocks',
        rank: device,
        kernel: name,
        blocks: blockCount - startedBlocks,
        ofBlocks: blockCount,
      }),
    );
    return [...withoutRoom, ...this.#streams.flatMap((stream) => stream.queuedLaunches())];
  }

  /**
   * Runs `probe`, which may look for source frames. That throws through kernels, whose `catch` and `finally` then run
   * although the run is over: no store of theirs may change memory.
   */
  #probing<R>(probe: () => R): R {
    this.#setReadOnly(true);
    try {
      return probe();
    } finally {
      this.#setReadOnly(false);
    }
  }

  #setReadOnly(readOnly: boolean): void {
    this.memory.space.setReadOnly(readOnly);
    for (const { sharedSpace } of this.#residentBlocks) sharedSpace.setReadOnly(readOnly);
  }

  /** Source frames of a suspended thread. Ends the thread: only for runs that are over, within {@link #probing}. */
  #framesOf(thread: Thread): readonly SourceFrame[] {
    const { phase, coroutine, probe } = thread;
    if (coroutine === null || phase === PHASE_IDLE || phase === PHASE_EXITED) return [];
    let frames: readonly SourceFrame[] = [];
    // The kernel may catch the probe and call another operation.
    const before = { ...thread };
    thread.phase = PHASE_PROBED;
    thread.probe = (stack) => {
      probe?.(stack);
      frames = kernelFrames(stack);
      // A kernel that catches this in a loop gets as far as its next operation, and no further.
      thread.phase = PHASE_IDLE;
      throw new Fault('KERNEL_THREW', 'probed');
    };
    try {
      coroutine.next();
    } catch {
      // The probe ends the coroutine; the frames are what was wanted.
    }
    Object.assign(thread, before);
    thread.probe = null;
    thread.coroutine = null;
    return frames;
  }

  /** The error of the step that has just failed; the first fault in it, where that did not come out. Errors of simtwin itself are thrown on. */
  #simtError(error: unknown): SimtError {
    if (error instanceof Error && error.message.startsWith('[simtwin bug]')) throw error;
    const raised = this.#raised;
    const isSwallowed = raised !== null && raised.fault !== error;
    const fault = isSwallowed ? raised.fault : error instanceof Fault ? error : faultOf(error);
    const thread = fault.thread ?? (isSwallowed ? raised.thread : this.#current!);
    const isSuspended = !isSwallowed && (this.#performing || fault.thread !== null);
    const frames = isSuspended
      ? this.#framesOf(thread)
      : kernelFrames(isSwallowed ? fault.stack : error instanceof Error ? error.stack : undefined);
    const site = siteOf(thread, frames);
    const { other } = fault;
    return new SimtError(
      fault.code,
      fault.message,
      // A thread that went on after its fault may be at an operation that has nothing to do with it.
      isSwallowed ? { ...site, operation: '' } : site,
      other === null ? null : siteOf(other, this.#framesOf(other)),
      formatSchedule(this.schedule),
      this.#steps,
    );
  }
}

/**
 * Calls the kernel: a generator's body, or what stands before the generator that it returns.
 * @throws Fault KERNEL_THREW if it returns anything else.
 */
function start(thread: Thread): KernelBody {
  const { kernel, args, name } = thread.block.launch;
  // The type says that it is one; a kernel of plain JavaScript may be anything.
  const body: KernelBody = kernel(thread, args);
  if (!isGenerator(body)) {
    const returned: unknown = body;
    const what = returned instanceof Promise ? 'a promise' : returned === undefined ? 'undefined' : 'no generator';
    const message = `the kernel returns ${what}: a kernel is a generator function, write 'function* ${name || 'kernel'}(t, args) { … }'`;
    throw new Fault('KERNEL_THREW', message);
  }
  thread.coroutine = body;
  return body;
}

const isGenerator = (body: unknown): boolean =>
  typeof body === 'object' &&
  body !== null &&
  typeof (body as Partial<KernelBody>)[Symbol.iterator] === 'function' &&
  typeof (body as Partial<KernelBody>).next === 'function';

/** What a kernel threw, as a fault. */
const faultOf = (error: unknown): Fault =>
  new Fault(
    'KERNEL_THREW',
    error instanceof Error ? `the kernel threw ${error.name}: ${error.message}` : `the kernel threw ${String(error)}`,
  );

/** Whether an atomic that has been performed is one of a spin lock that did not get the lock. */
function leavesMemoryAsItIs({ opcode, result, value, value1 }: Thread): boolean {
  return (opcode === OP_ATOMIC_CAS && result !== value1) || (opcode === OP_ATOMIC_EXCH && result === value);
}

/** The lanes of a granule that perform `activemask` in this step. */
function activeLanes(granule: Granule, group: number): number {
  let lanes = 0;
  for (let rest = group; rest !== 0; rest &= rest - 1) {
    const lane = 31 - Math.clz32(rest & -rest);
    const thread = granule.warp.threads[lane]!;
    if (thread.opcode === OP_ACTIVEMASK) lanes |= 1 << lane;
  }
  return lanes >>> 0;
}
