import type { MemoryRange } from './address-space.js';
import type { DeviceMemory } from './device-memory.js';
import type { Fault, SimtError } from './errors.js';
import type { Launch } from './launch.js';
import type { Limits } from './outcome.js';
import type { Pointer } from './pointer.js';
import type { Dim3 } from './scalar.js';
import type { Schedule } from './schedule.js';
import type { Scheduler } from './scheduler.js';
import type { SourceFrame } from './source-frame.js';
import type { ThreadView } from './thread-site.js';
import type { WaitingGroup } from './waiting.js';

/**
 * How the threads of a machine run: `ref` interprets the kernels' sources, `step` and `fast` run compiled programs.
 * All give the same bytes; `ref` and `step` also make the same steps.
 */
export type EngineMode = 'ref' | 'step' | 'fast';

/** A store that changed watched bytes: who did it and where in the kernel. */
export interface StoreEvent {
  readonly step: number;
  readonly thread: ThreadView;
  readonly frames: readonly SourceFrame[];
}

/** A block some of whose threads have not exited. */
export interface ResidentBlock {
  readonly launch: Launch;
  readonly blockIdx: Dim3;
  /** Shared variables by name, in order of declaration. */
  readonly sharedVariables: ReadonlyMap<string, { readonly pointer: Pointer; readonly count: number }>;
}

/** What is certain of a machine's future. `work`: instructions looked at, each no more than a step. */
export type HangProof = { readonly work: number } /** Memory stays as it is, and nobody ever ends. */ & (
  | { readonly verdict: 'deadlock' }
  /** Nobody ever ends or stores anything new; atomics may change `counters`. */
  | { readonly verdict: 'livelock'; readonly counters: readonly MemoryRange[] }
  /** Nothing: somebody may do what `why` says. */
  | { readonly verdict: null; readonly why: string }
);

/** What an engine has of its machine. */
export interface EngineHost {
  readonly memory: DeviceMemory;
  readonly schedule: Schedule;
  readonly limits: Limits;
  /** What was queued when the engine was made, by stream. */
  readonly launches: readonly Launch[];
  /** To be asked once a step. */
  readonly scheduler: Scheduler;
  /** The machine remembers picks: the engine tells it of each, in order. */
  readonly isRecording: boolean;
  recordPick(index: number): void;
  /** The last thread of a block has exited. The machine lets others start once the step is over. */
  blockEnded(launch: Launch): void;
}

/**
 * Runs the threads of the blocks that the machine starts. The machine has memory, streams, launches, residency and
 * limits; it calls {@link step} while there are ready granules.
 */
export interface Engine {
  readonly mode: EngineMode;
  /** Scheduler steps so far. The one that is going on counts. */
  readonly steps: number;
  /** Granules that may go on. */
  readonly readyCount: number;
  /** Threads of started blocks that have not exited. */
  readonly liveThreads: number;
  /** Steps with loads since the last write, completed barrier or exit. */
  readonly idleSteps: number;
  /** Steps with atomics since the last store or exit. */
  readonly counterSteps: number;
  /** Whether there was a fault ({@link noteFault}) in the last step: it has failed even if the kernel has swallowed it. */
  readonly hasFaulted: boolean;
  /** Blocks that are resident now, in the order in which they became so. */
  readonly residentBlocks: Iterable<ResidentBlock>;

  /** @throws RangeError, with a way out, if it cannot run the launch's kernel or its arguments. */
  accepts(launch: Launch): void;
  /** Makes the threads of a block. All its granules become ready, in order. Domain: a launch that it accepts. */
  startBlock(launch: Launch, blockIdx: Dim3): void;
  /**
   * Makes a step: the scheduler picks a ready granule. Throws a Fault or whatever the kernel has thrown.
   * Domain: `readyCount` > 0.
   */
  step(): void;
  /** Makes a step with the granule that has been ready for longest but `index`, whatever the scheduler would pick. */
  stepAt?(index: number): void;

  /**
   * The error of a step that has thrown `error`; null: of one with a swallowed fault. The run is over.
   * Errors that are none of the kernel's are thrown on: of a schedule that does not fit, of simtwin itself.
   */
  describeError(error: unknown): SimtError;
  /** Where every thread is that has not exited. The run is over. */
  waiting(): WaitingGroup[];
  /** A run that did not complete is over, and its outcome known. */
  finish(): void;
  /** Whatever threads have stored is in memory from here on: work begins that has waited for them, or the run completes. */
  synchronise?(): void;
  /** Told of each fault that is made while the machine runs. */
  noteFault(fault: Fault): void;
  /**
   * Calls `onStore` after each store or atomic that touches [address, address + bytes) of global memory, until the
   * function that it returns is called.
   * @throws RangeError, with a way out, if it cannot.
   */
  watch(address: number, bytes: number, onStore: (event: StoreEvent) => void): () => void;

  /** Steps with loads or atomics since the last store or exit; with {@link proveHang}. */
  readonly quietSteps?: number;
  /** Whether it is certain that the run never ends, under whatever schedule; absent if the engine cannot tell. */
  proveHang?(): HangProof;

  /** A copy of everything that changes as it runs, apart from memory; absent if the engine cannot. */
  snapshot?(): unknown;
  /** Goes back to what {@link snapshot} has given, any number of times. */
  restore?(snapshot: unknown): void;
}

/** Makes the engine of one machine. */
export type EngineFactory = (host: EngineHost) => Engine;

/** What decides which engine a machine gets. */
export interface EngineFacts {
  /** Everything that is queued at the first `advance` with a launch, by stream. */
  readonly launches: readonly Launch[];
  readonly schedule: Schedule;
  /** Whether picks are recorded. */
  readonly record: boolean;
  /** Whether somebody watches memory. */
  readonly isWatched: boolean;
}

/** Chooses the engine of a machine, once. */
export type EngineChooser = (facts: EngineFacts) => EngineFactory;
