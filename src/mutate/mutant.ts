import type { Program } from '../program/index.js';
import type { SourceFrame } from '../simt/index.js';

/** What is taken from a synchronisation. */
export const MUTATION_KINDS = [
  /** A block barrier is left out: `bar.sync` and `bar.arrive` alike. */
  'barrier-removed',
  /** A barrier with a count expects 32 threads fewer, but never fewer than 32. */
  'barrier-count',
  /** A barrier takes the id of another barrier of the kernel; an id that is computed, its neighbour (`id ^ 1`). */
  'barrier-id',
  /** `bar.warp.sync` is left out. */
  'syncwarp-removed',
  /** The highest lane of a warp-wide operation's mask performs it alone, the others without it. */
  'mask-lane',
  /** A vote (any, all) is the lane's own predicate. */
  'vote-own',
  'fence-removed',
  /** A fence, an atomic or an ordered access has a narrower scope. */
  'scope-narrowed',
  /** A volatile, relaxed, acquire or release access is a plain one. */
  'access-plain',
  /** An acquire or release access is a relaxed one. */
  'order-relaxed',
  /** An atomic is a plain load and a plain store. */
  'atomic-split',
  /** A comparison that ends a wait for memory also ends it earlier: == becomes >=, >= accepts one less, != always holds. */
  'poll-weakened',
] as const;

export type MutationKind = (typeof MUTATION_KINDS)[number];

/** An instruction's place in a program. */
export interface InstructionPlace {
  readonly block: number;
  readonly index: number;
}

/** A program with one synchronisation weakened. */
export interface Mutant {
  /** `moeAllToAllKernel:barrier-removed@src/kernels/x.ts:302:12`: the same for the same source. */
  readonly name: string;
  /** The program's name. */
  readonly kernel: string;
  readonly kind: MutationKind;
  /** Tells mutants of one kind and place apart: the scope of `scope-narrowed`; else empty. */
  readonly variant: string;
  /** What it is instead, in words: `scope device instead of system`. */
  readonly change: string;
  /** Where it stands, innermost first, without the machine's library. If it was inlined several times: the first. */
  readonly frames: readonly SourceFrame[];
  /** Where it stands within the machine's library; null: it does not. */
  readonly inLibrary: SourceFrame | null;
  /** The instructions of the original that are changed: one for each time that the source was inlined. */
  readonly places: readonly InstructionPlace[];
  readonly original: Program;
  readonly program: Program;
}
