import { performAccess } from './accesses.js';
import { Block } from './block.js';
import type { Engine, EngineHost, StoreEvent } from './engine.js';
import { Fault, SimtError } from './errors.js';
import { faultOf } from './faults.js';
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
import { ReadySet } from './ready-set.js';
import type { Dim3 } from './scalar.js';
import { formatSchedule, granuleShiftOf } from './schedule.js';
import type { LastStep } from './scheduler.js';
import { kernelFrames, type SourceFrame } from './source-frame.js';
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
import { groupWaiting, type WaitingGroup } from './waiting.js';

/**
 * The engine of mode `ref`: it interprets a kernel's own source, a generator a thread.
 *
 * A step picks a ready granule and runs each of its ready lanes to its next visible operation, lowest lane first; then
 * it performs these operations, lowest lane first. Nothing else happens between two steps.
 */
export class RefEngine implements Engine {
  readonly mode = 'ref';
  steps = 0;
  liveThreads = 0;
  idleSteps = 0;
  counterSteps = 0;
  readonly residentBlocks = new Set<Block>();
  readonly #host: EngineHost;
  readonly #ready = new ReadySet();
  readonly #granuleShift: number;
  readonly #last: LastStep = { granule: null, wrote: false };
  /** Whether the current step has come to its kernels; before, the scheduler picks. */
  #hasPicked = false;
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

  /** @throws RangeError if the schedule delays stores. */
  constructor(host: EngineHost) {
    const { memory } = host.schedule;
    if (memory.kind !== 'sc') throw new RangeError(`${memory.kind} are not there in mode 'ref': use mode 'step'`);
    this.#host = host;
    this.#granuleShift = granuleShiftOf(host.schedule);
  }

  get readyCount(): number {
    return this.#ready.size;
  }

  get hasFaulted(): boolean {
    return this.#raised !== null;
  }

  noteFault(fault: Fault): void {
    if (this.#current !== null) this.#raised ??= { fault, thread: this.#current };
  }

  /** Whatever can be called. */
  accepts(): void {}

  startBlock(launch: Launch, blockIdx: Dim3): void {
    const block = new Block(launch, blockIdx, this.#ready, this.#granuleShift);
    this.residentBlocks.add(block);
    this.liveThreads += block.liveThreads;
  }

  step(): void {
    this.#hasPicked = false;
    this.stepAt(this.#host.scheduler.pick(this.#ready, this.#last));
  }

  stepAt(index: number): void {
    if (this.#host.isRecording) this.#host.recordPick(index);
    const granule = this.#ready.take(index);
    this.steps++;
    this.#last.granule = granule;
    this.#last.wrote = false;
    this.#hasPicked = true;
    this.#step(granule);
  }

  watch(address: number, bytes: number, onStore: (event: StoreEvent) => void): () => void {
    return this.#host.memory.space.watch({
      address,
      bytes,
      onStore: () => {
        const thread = this.#current;
        if (thread === null) return;
        const step = this.steps;
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

  waiting(): WaitingGroup[] {
    return this.#probing(() => groupWaiting(this.residentBlocks, (thread) => this.#framesOf(thread)));
  }

  describeError(error: unknown): SimtError {
    // The scheduler's own: picks that do not fit.
    if (!this.#hasPicked) throw error;
    return this.#probing(() => this.#simtError(error));
  }

  finish(): void {
    this.#probing(() => this.#reportPendingStores());
  }

  /** Watched stores are reported when their threads go on, which those of a run that is over never do. */
  #reportPendingStores(): void {
    for (const block of this.residentBlocks) {
      for (const thread of block.threads()) if (thread.probe !== null) this.#framesOf(thread);
    }
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
      this.idleSteps++;
      return;
    }
    this.#last.wrote = true;
    this.idleSteps = 0;
    if (stored) this.counterSteps = 0;
    else this.counterSteps++;
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
      if (thread.phase === PHASE_DONE) this.idleSteps = 0;
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
    this.liveThreads--;
    this.idleSteps = 0;
    this.counterSteps = 0;
    this.#last.wrote = true;
    block.exit(thread);
    if (block.liveThreads > 0) return;
    this.residentBlocks.delete(block);
    this.#host.blockEnded(block.launch);
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
    this.#host.memory.space.setReadOnly(readOnly);
    for (const { sharedMemory } of this.residentBlocks) sharedMemory.space.setReadOnly(readOnly);
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
    const fault = isSwallowed ? raised.fault : faultOf(error);
    const thread = (fault.thread as Thread | null) ?? (isSwallowed ? raised.thread : this.#current!);
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
      other === null ? null : siteOf(other, this.#framesOf(other as Thread)),
      formatSchedule(this.#host.schedule),
      this.steps,
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
