import type { Allocation } from './allocation.js';
import type { Launch } from './launch.js';
import type { Dim3, ScalarType, ScalarValue } from './scalar.js';

/** A word of device memory, in the words of the kernel that it belongs to. */
export interface MemorySymbol {
  /** What it is: `tail`. */
  readonly name: string;
  /** What it belongs to: `link 0 -> 1`; '' if that goes without saying. */
  readonly of: string;
  /** Which of them: `[['channel', 0], ['slot', 1]]`. Those that differ in nothing else can be told together. */
  readonly index: readonly (readonly [name: string, value: number])[];
}

/** What the bytes of an allocation mean, as the kernel's layout has it. Declared by `DeviceMemory.declareSymbols`. */
export interface MemorySymbols {
  /** The symbol that the byte belongs to; null: it has no name. */
  describe(offsetBytes: number): MemorySymbol | null;
  /** All threads that ever change the byte while the kernel runs. Null or absent: not known; whoever has a pointer may. */
  writersOf?(offsetBytes: number): readonly Writer[] | null;
  /** What the allocation is a part of. */
  readonly protocol?: Protocol;
  /** What holds of the allocation after each write of a thread. */
  readonly invariants?: readonly MemoryInvariant[];
  /** The FIFOs that lie in the allocation; absent: none that anybody could show. */
  readonly fifos?: FifoWords;
}

/** A FIFO in memory, from one rank to another. */
export interface DeclaredFifo {
  readonly from: number;
  readonly to: number;
  readonly channel: number;
  /** Slots; what is sent as number n, from 0 on, goes to slot n % depth. */
  readonly depth: number;
  /** u64 in global memory: slices that the sender has completed, and those that the receiver has taken. */
  readonly headAddress: number;
  readonly tailAddress: number;
}

/** A u64 that shows how far a FIFO is. */
export interface FifoWord {
  readonly fifo: DeclaredFifo;
  readonly offsetBytes: number;
  /** `flag`: with its value the packet is there. */
  readonly kind: 'head' | 'tail' | 'flag';
  /** What a flag belongs to; -1: head or tail. */
  readonly slot: number;
  readonly packet: number;
}

/** Where in an allocation FIFOs keep their words. */
export interface FifoWords {
  /**
   * Offset of the word that an access touches; -1: none. Asked at every access, so it must be quick. Of several flags of
   * a packet only the one that is stored last counts.
   */
  wordWithin(offsetBytes: number, bytes: number): number;
  /** The word that a reader of the byte goes by: itself, or the flag of the packet. Null: there is none. */
  wordFor(offsetBytes: number): FifoWord | null;
}

/** A write of one thread, just done: a store or an atomic, even one that leaves memory as it is. */
export interface MemoryWrite {
  readonly allocation: Allocation;
  readonly offsetBytes: number;
  readonly bytes: number;
  /** What the thread belongs to. */
  readonly launch: Launch;
  /** What a scalar within the written bytes held before. Domain: aligned. */
  before<T extends ScalarType>(type: T, offsetBytes: number): ScalarValue<T>;
}

/** How a write breaks an invariant. Both texts name words and numbers, and end without a full stop. */
export interface BrokenInvariant {
  /** What the invariant asks for: `a slot is free: head - tail below 8`. */
  readonly wants: string;
  /** What is the case: `head 9, tail 1`. */
  readonly holds: string;
}

/** What holds of a kernel's memory, whatever the schedule: checkers look at it after each write of a thread. */
export interface MemoryInvariant {
  /** The same for the same invariant of other allocations: `a flag is that of the slice that is written`. */
  readonly name: string;
  /** The bytes that it is about: writes to others are not shown to it. Absent: all of the allocation. */
  readonly range?: { readonly offsetBytes: number; readonly bytes: number };
  /** Null: the write keeps it. `write` is only valid during the call. */
  check(write: MemoryWrite): BrokenInvariant | null;
}

/** Threads of a block that have a name together: contiguous by thread rank. */
export interface ThreadGroup {
  /** `receiving group for peer rank 0`. */
  readonly name: string;
  readonly firstThread: number;
  readonly threads: number;
}

/** A group of threads that changes a word. */
export interface Writer extends ThreadGroup {
  /** The rank that it belongs to, whether that has been launched or not. */
  readonly rank: number;
  readonly kernel: string;
  /** Null: that rank has not launched the kernel. */
  readonly launch: Launch | null;
  readonly blockIdx: Dim3;
  /** When it does so: `adds 1 for each slice that it has received`. */
  readonly does: string;
}

/** Why a run hangs: the classes of root causes. */
export type HangCause =
  | 'cycle'
  | 'missing writer'
  | 'counts disagree'
  | 'workspace not clean'
  | 'not launched'
  | 'launch order'
  | 'not resident'
  | 'vector too large'
  | 'barrier misuse';

/** What a protocol knows to be wrong with a run that hangs. */
export interface Diagnosis {
  readonly cause: HangCause;
  /** What is wrong: names ranks, links and numbers. One sentence without a full stop. */
  readonly sentence: string;
  /** What to do about it. */
  readonly advice: string;
  /** What it is about, for programs: `{ link: '0 -> 1', channel: 0, sends: 3, expects: 4 }`. */
  readonly subject: Readonly<Record<string, string | number>>;
}

/** A word that threads poll in vain. */
export interface WaitedWord {
  readonly address: number;
  /** Who polls it, for one of them: the rank that runs them. */
  readonly rank: number;
}

/** How the launches of a kernel work together, for explanations: what only the kernel's author knows. */
export interface Protocol {
  /** The named group that a thread belongs to; null: none, or no launch of this protocol. */
  groupOf(launch: Launch, blockIdx: Dim3, threadRank: number): ThreadGroup | null;
  /** Why a group of a launch has returned: `it had 1 vector for rank 1 in channel 0 and sent 1 slice`. Null: not known. */
  whyReturned(launch: Launch, blockIdx: Dim3, threadRank: number): string | null;
  /** What is wrong, the likeliest first, given the words that are polled in vain. Empty: nothing that it knows of. */
  diagnose(waits: readonly WaitedWord[]): readonly Diagnosis[];
}

/** `tail of link 0 -> 1, channel 0`. */
export const formatSymbol = ({ name, of, index }: MemorySymbol): string =>
  [of === '' ? name : `${name} of ${of}`, ...index.map(([what, value]) => `${what} ${value}`)].join(', ');
