import type { MemoryRange } from './address-space.js';
import { DeviceMemory } from './device-memory.js';
import type { Engine, EngineChooser, EngineHost, EngineMode, ResidentBlock, StoreEvent } from './engine.js';
import { assertInvariant, observeFaults } from './errors.js';
import type { Launch } from './launch.js';
import { copySpace, restoreSpace, type SpaceCopy } from './memory-copy.js';
import { type BudgetLimit, type Limits, limitsOf, type NotStarted, type Outcome } from './outcome.js';
import { RefEngine } from './ref-engine.js';
import { DEFAULT_SCHEDULE, formatSchedule, type PickRun, parseSchedule, type Schedule } from './schedule.js';
import { createScheduler, type Scheduler, type SchedulerState } from './scheduler.js';
import { Stream, type StreamItem } from './stream.js';

/**
 * Threads that a device holds at a time unless the schedule limits its blocks: 132 multiprocessors of 2048, an H100.
 * No kernel can count on more, and a launch of 2 million threads stays affordable.
 */
const DEVICE_THREADS = 132 * 2048;

/** Steps with polls, and without a store or an exit, after which a run is asked whether it hangs. */
const QUIET_STEPS = 1024;

/** Steps after which it is asked for the first time whatever happens; then each time that they have doubled. */
const PROOF_ANYWAY_STEPS = 2 ** 20;

/** The state of a {@link Machine}, to go back to. */
export interface MachineSnapshot {
  /** Steps up to then. */
  readonly steps: number;
  /** The machine's own. */
  readonly state: MachineState;
}

interface MachineState {
  readonly engine: unknown;
  readonly memory: SpaceCopy;
  readonly scheduler: SchedulerState;
  readonly picks: readonly PickRun[] | null;
  readonly streams: readonly (readonly StreamItem[])[];
  readonly changedStreams: readonly Stream[];
  readonly activeLaunches: readonly (readonly [Launch, Stream])[];
  readonly startingLaunches: readonly Launch[];
  readonly progress: readonly {
    readonly launch: Launch;
    readonly startedBlocks: number;
    readonly finishedBlocks: number;
  }[];
  readonly devices: readonly (readonly [number, { readonly blocks: number; readonly threads: number }])[];
  readonly residentBlockCount: number;
  readonly nextProof: number;
  readonly proofAnyway: number;
  readonly counts: string | null;
}

/** A watch that the engine has not been told of, and what ends it. */
interface NewWatch {
  readonly given: Parameters<Engine['watch']>;
  end: () => void;
}

/** How a machine runs. */
export interface MachineOptions {
  /** A schedule or its token; default `rr`. */
  readonly schedule?: Schedule | string;
  readonly limits?: Partial<Limits>;
  /** Remember the picks, so that {@link Machine.recordedSchedule} can replay exactly this run. */
  readonly record?: boolean;
  /** Chooses how threads run, at the first {@link Machine.advance} with a launch; default: mode `ref`. */
  readonly engine?: EngineChooser;
}

const interpret: EngineChooser = () => (host) => new RefEngine(host);

/**
 * The SIMT machine: devices that run the blocks of launches, queued on streams, over one global memory. Its
 * {@link Engine} runs the threads of resident blocks.
 */
export class Machine {
  readonly memory = new DeviceMemory();
  readonly schedule: Schedule;
  readonly limits: Limits;
  /** Limits that apply even if the engine can tell whether a run hangs. */
  readonly #givenLimits: Partial<Limits>;
  readonly #scheduler: Scheduler;
  readonly #picks: { index: number; times: number }[] | null;
  readonly #chooseEngine: EngineChooser;
  /** Null before there is something to run. */
  #engine: Engine | null = null;
  /** Watches that the engine has not been told of. */
  readonly #newWatches = new Set<NewWatch>();
  readonly #streams: Stream[] = [];
  /** Streams whose head has not been looked at. */
  readonly #changedStreams = new Set<Stream>();
  #residentBlockCount = 0;
  /** Step at which the engine is next asked for a proof that the run hangs. */
  #nextProof = 0;
  /** Step at which it is asked even if somebody stores: threads may store the same again and again. */
  #proofAnyway = PROOF_ANYWAY_STEPS;
  /** What counters held at the last proof that the run never ends; null: there has been none. */
  #counts: string | null = null;
  /** Launches at the head of their stream, with it, in the order in which they got there. */
  readonly #activeLaunches = new Map<Launch, Stream>();
  /** Those that have ever got there. */
  readonly #begunLaunches = new Set<Launch>();
  /** Those of them with blocks that have not become resident, in the same order. */
  readonly #startingLaunches: Launch[] = [];
  /** Blocks and threads that are resident on each device. */
  readonly #devices = new Map<number, { blocks: number; threads: number }>();
  /** How the run ended, unless it completed or goes on. */
  #failure: Outcome | null = null;
  /** A block has ended in this step: others may start. */
  #blockEnded = false;

  /** @throws RangeError if the schedule or a limit is not valid. */
  constructor({ schedule = DEFAULT_SCHEDULE, limits = {}, record = false, engine = interpret }: MachineOptions = {}) {
    // A schedule without a token could not be reported, passed back or replayed.
    this.schedule = parseSchedule(typeof schedule === 'string' ? schedule : formatSchedule(schedule));
    this.limits = limitsOf(limits);
    this.#givenLimits = limits;
    this.#scheduler = createScheduler(this.schedule.policy);
    this.#picks = record ? [] : null;
    this.#chooseEngine = engine;
  }

  /** Scheduler steps so far. */
  get steps(): number {
    return this.#engine?.steps ?? 0;
  }

  /** How threads run; null before the first {@link advance} with a launch. */
  get mode(): EngineMode | null {
    return this.#engine?.mode ?? null;
  }

  /** What runs the threads; null before the first {@link advance} with a launch. */
  get engine(): Engine | null {
    return this.#engine;
  }

  /** Blocks that are resident now, in the order in which they became so. */
  get residentBlocks(): Iterable<ResidentBlock> {
    return this.#engine?.residentBlocks ?? [];
  }

  /** Launches so far: those that have got to the head of their stream, in this order, then those queued behind, by stream. */
  get launches(): readonly Launch[] {
    const queued = this.#streams.flatMap(({ pending }) =>
      pending.flatMap((item) => (item.kind === 'launch' ? [item.launch] : [])),
    );
    return [...new Set([...this.#begunLaunches, ...queued])];
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
    return this.#guarded(() => this.#advance(steps));
  }

  /**
   * Makes one step with the granule that has been ready for longest but `index`, whatever the schedule says.
   * @throws RangeError if there is no such granule, or the engine cannot.
   */
  stepAt(index: number): Outcome | null {
    return this.#guarded(() => {
      this.#startWork();
      const engine = this.#engine;
      const size = engine?.readyCount ?? 0;
      if (!(Number.isInteger(index) && index >= 0 && index < size)) {
        throw new RangeError(`granule ${index} of ${size} that are ready: there is none`);
      }
      if (engine?.stepAt === undefined) throw new RangeError(`mode '${engine?.mode}' makes no single steps`);
      return this.#failureOf(engine, index) ?? this.#advance(0);
    });
  }

  #guarded(run: () => Outcome | null): Outcome | null {
    if (this.#failure !== null) return this.#failure;
    const observer = observeFaults((fault) => this.#engine?.noteFault(fault));
    try {
      const outcome = run();
      if (outcome !== null && outcome.verdict !== 'completes') {
        this.#failure = outcome;
        this.#engine!.finish();
      }
      return outcome;
    } finally {
      observeFaults(observer);
    }
  }

  #advance(steps: number): Outcome | null {
    this.#startWork();
    const engine = this.#engine;
    if (engine === null) return { verdict: 'completes', steps: 0 };
    const end = engine.steps + steps;
    const { maxSteps } = this.limits;
    const { maxIdleSteps = Number.POSITIVE_INFINITY, maxCounterSteps = Number.POSITIVE_INFINITY } =
      engine.proveHang === undefined ? this.limits : this.#givenLimits;
    while (engine.readyCount !== 0) {
      if (engine.steps >= maxSteps) return this.#budget(engine, 'maxSteps');
      if (engine.idleSteps >= maxIdleSteps) return this.#budget(engine, 'maxIdleSteps');
      if (engine.counterSteps >= maxCounterSteps) return this.#budget(engine, 'maxCounterSteps');
      if (engine.steps >= this.#nextProof) {
        const hang = this.#provenHang(engine);
        if (hang !== null) return hang;
      }
      if (engine.steps >= end) return null;
      const failure = this.#failureOf(engine, -1);
      if (failure !== null) return failure;
      if (this.#blockEnded) this.#startWork();
    }
    if (this.#residentBlockCount === 0) {
      assertInvariant(this.#activeLaunches.size === 0, 'launches wait although no block is resident');
      engine.synchronise?.();
      return { verdict: 'completes', steps: engine.steps };
    }
    return { verdict: 'deadlock', steps: engine.steps, waiting: engine.waiting(), notStarted: this.#notStarted() };
  }

  /** The outcome, if it is certain that the run never ends. */
  #provenHang(engine: Engine): Outcome | null {
    if (engine.proveHang === undefined) {
      this.#nextProof = Number.POSITIVE_INFINITY;
      return null;
    }
    const { steps } = engine;
    const missing = QUIET_STEPS + 4 * engine.readyCount - (engine.quietSteps ?? 0);
    if (missing > 0 && steps < this.#proofAnyway) {
      this.#nextProof = Math.min(steps + missing, this.#proofAnyway);
      return null;
    }
    this.#proofAnyway = Math.max(this.#proofAnyway, 2 * steps);
    const proof = engine.proveHang();
    // Proofs that fail must cost little beside the steps between them.
    this.#nextProof = steps + QUIET_STEPS + 2 * proof.work;
    if (proof.verdict === null) return null;
    let isCounting = false;
    if (proof.verdict === 'livelock') {
      // Nobody will ever end or store. Whether atomics go on counting is seen: at a second proof.
      const counts = proof.counters.map((range) => this.#bytesOf(range)).join();
      const before = this.#counts;
      this.#counts = counts;
      if (before === null) {
        this.#nextProof = steps + QUIET_STEPS + 4 * engine.readyCount;
        return null;
      }
      isCounting = counts !== before || proof.counters.length === 0;
    }
    const where = { steps: engine.steps, waiting: engine.waiting(), notStarted: this.#notStarted() };
    return isCounting && proof.verdict === 'livelock'
      ? { verdict: 'livelock', counters: proof.counters, ...where }
      : { verdict: 'deadlock', ...where };
  }

  #bytesOf({ address, bytes }: MemoryRange): string {
    const { u8, base } = this.memory.allocationAt(address);
    return u8.subarray(address - base, address - base + bytes).join(' ');
  }

  /** Makes a step: the scheduler's for an `index` of -1, else the given one. Null unless it fails. */
  #failureOf(engine: Engine, index: number): Outcome | null {
    try {
      if (index === -1) engine.step();
      else engine.stepAt!(index);
    } catch (error) {
      return { verdict: 'error', steps: engine.steps, error: engine.describeError(error) };
    }
    if (!engine.hasFaulted) return null;
    return { verdict: 'error', steps: engine.steps, error: engine.describeError(null) };
  }

  /**
   * Calls `onStore` after each store or atomic that touches [address, address + bytes) of global memory, until the
   * function that it returns is called.
   * @throws RangeError if the engine, where there is one already, cannot.
   */
  watch(address: number, bytes: number, onStore: (event: StoreEvent) => void): () => void {
    if (this.#engine !== null) return this.#engine.watch(address, bytes, onStore);
    const watch: NewWatch = { given: [address, bytes, onStore], end: () => this.#newWatches.delete(watch) };
    this.#newWatches.add(watch);
    return () => watch.end();
  }

  /**
   * A copy of everything: memory, threads, streams, what the scheduler remembers. It costs what was touched.
   * @throws RangeError if nothing has been launched, the run has failed, or the engine cannot.
   */
  snapshot(): MachineSnapshot {
    if (this.#failure !== null) throw new RangeError(`the run is over: ${this.#failure.verdict}`);
    this.#startWork();
    const engine = this.#engine;
    if (engine === null) throw new RangeError('nothing has been launched');
    if (engine.snapshot === undefined) {
      throw new RangeError(`the state of a machine in mode '${engine.mode}' cannot be copied: use mode 'step'`);
    }
    return {
      steps: engine.steps,
      state: {
        engine: engine.snapshot(),
        memory: copySpace(this.memory.space),
        scheduler: [...this.#scheduler.state],
        picks: this.#picks?.map((run) => ({ ...run })) ?? null,
        streams: this.#streams.map((stream) => stream.snapshot()),
        changedStreams: [...this.#changedStreams],
        activeLaunches: [...this.#activeLaunches],
        startingLaunches: [...this.#startingLaunches],
        progress: Array.from(this.#begunLaunches, (launch) => ({
          launch,
          startedBlocks: launch.startedBlocks,
          finishedBlocks: launch.finishedBlocks,
        })),
        devices: Array.from(this.#devices, ([device, use]) => [device, { ...use }]),
        residentBlockCount: this.#residentBlockCount,
        nextProof: this.#nextProof,
        proofAnyway: this.#proofAnyway,
        counts: this.#counts,
      },
    };
  }

  /**
   * Goes back to a snapshot of this machine, any number of times; running on from there gives the same again.
   * What has been launched since is forgotten; memory that has been allocated since stays.
   */
  restore({ state }: MachineSnapshot): void {
    const engine = this.#engine;
    if (engine?.restore === undefined) throw new RangeError('the snapshot is of another machine');
    restoreSpace(state.memory);
    engine.restore(state.engine);
    this.#scheduler.restore(state.scheduler);
    if (this.#picks !== null)
      this.#picks.splice(0, this.#picks.length, ...(state.picks ?? []).map((run) => ({ ...run })));
    this.#streams.forEach((stream, index) => {
      stream.restore(state.streams[index] ?? []);
    });
    this.#changedStreams.clear();
    for (const stream of state.changedStreams) this.#changedStreams.add(stream);
    this.#activeLaunches.clear();
    for (const [launch, stream] of state.activeLaunches) this.#activeLaunches.set(launch, stream);
    this.#startingLaunches.splice(0, this.#startingLaunches.length, ...state.startingLaunches);
    // What has begun since has not begun then.
    for (const launch of this.#begunLaunches) {
      launch.startedBlocks = 0;
      launch.finishedBlocks = 0;
    }
    this.#begunLaunches.clear();
    for (const { launch, startedBlocks, finishedBlocks } of state.progress) {
      this.#begunLaunches.add(launch);
      launch.startedBlocks = startedBlocks;
      launch.finishedBlocks = finishedBlocks;
    }
    this.#devices.clear();
    for (const [device, use] of state.devices) this.#devices.set(device, { ...use });
    this.#residentBlockCount = state.residentBlockCount;
    this.#nextProof = state.nextProof;
    this.#proofAnyway = state.proofAnyway;
    this.#counts = state.counts;
    this.#blockEnded = false;
    this.#failure = null;
  }

  #recordPick(index: number): void {
    const picks = this.#picks!;
    const last = picks[picks.length - 1];
    if (last !== undefined && last.index === index) last.times++;
    else picks.push({ index, times: 1 });
  }

  /** The engine, once there is a launch to choose it by. */
  #makeEngine(): void {
    const { launches } = this;
    if (launches.length === 0) return;
    const { schedule, limits, memory } = this;
    const record = this.#picks !== null;
    const factory = this.#chooseEngine({ launches, schedule, record, isWatched: this.#newWatches.size > 0 });
    const host: EngineHost = {
      memory,
      schedule,
      limits,
      launches,
      scheduler: this.#scheduler,
      isRecording: record,
      recordPick: (index) => this.#recordPick(index),
      blockEnded: (launch) => this.#endBlock(launch),
    };
    const engine = factory(host);
    for (const watch of this.#newWatches) watch.end = engine.watch(...watch.given);
    this.#newWatches.clear();
    this.#engine = engine;
  }

  /** A block's last thread has exited. */
  #endBlock(launch: Launch): void {
    this.#residentBlockCount--;
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
    if (this.#engine === null) this.#makeEngine();
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
    if (stream.head !== undefined) this.#engine?.synchronise?.();
    for (let head = stream.head; head !== undefined; head = stream.head) {
      if (head.kind === 'launch') {
        this.#engine!.accepts(head.launch);
        this.#activeLaunches.set(head.launch, stream);
        this.#begunLaunches.add(head.launch);
        this.#startingLaunches.push(head.launch);
        return;
      }
      const { pointer, byte, bytes } = head;
      pointer.allocation.hostWrite(pointer.offset, { fill: byte, bytes });
      stream.advance();
    }
  }

  #startBlocks(launch: Launch): void {
    const engine = this.#engine!;
    const { residentBlocks } = this.schedule;
    const threads = launch.threadIdxs.length;
    const device = this.#deviceOf(launch);
    while (launch.startedBlocks < launch.blockCount) {
      const hasRoom =
        residentBlocks === null ? device.threads + threads <= DEVICE_THREADS : device.blocks < residentBlocks;
      if (!hasRoom) return;
      if (engine.liveThreads + threads > this.limits.maxResidentThreads) {
        throw new RangeError(
          `${launch.name}: more than ${this.limits.maxResidentThreads} threads would be resident; limit the blocks of a device (schedule option 'resident=N') or raise maxResidentThreads`,
        );
      }
      device.blocks++;
      device.threads += threads;
      this.#residentBlockCount++;
      engine.startBlock(launch, launch.nextBlockIdx());
    }
  }

  #deviceOf(launch: Launch): { blocks: number; threads: number } {
    const known = this.#devices.get(launch.device);
    if (known !== undefined) return known;
    const device = { blocks: 0, threads: 0 };
    this.#devices.set(launch.device, device);
    return device;
  }

  #budget(engine: Engine, limit: BudgetLimit): Outcome {
    return { verdict: 'budget', steps: engine.steps, limit, waiting: engine.waiting(), notStarted: this.#notStarted() };
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
}
