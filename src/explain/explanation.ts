import type { HangCause, SourceFrame } from '../simt/index.js';
import type { EdgeKind, WaitNode } from './graph.js';

/** Why a run hangs, who waits for what, and who waits for whom. Plain data. */
export interface Explanation {
  /** Steps that the machine had made. */
  readonly steps: number;
  /** Whether the machine's run has ended in a hang or at a limit; false: causes hold only if nothing else happens. */
  readonly hasHung: boolean;
  /** Null: nobody waits for ever, as far as can be seen. */
  readonly rootCause: RootCause | null;
  /** What else would hang the run by itself. */
  readonly alsoFound: readonly RootCause[];
  /** Threads that have not returned, of blocks that are resident. */
  readonly threads: number;
  /** Groups of threads that wait or poll, equal ones merged, and what they wait for. */
  readonly nodes: readonly ExplanationNode[];
  readonly edges: readonly ExplanationEdge[];
}

/** What is wrong. */
export interface RootCause {
  readonly cause: HangCause;
  /** Names ranks, links and numbers; no full stop. */
  readonly sentence: string;
  readonly advice: string;
  /** What it is about, for programs. */
  readonly subject: Readonly<Record<string, string | number>>;
}

/** Threads that are alike, or something else that can be waited for. */
export interface ExplanationNode {
  /** Place in {@link Explanation.nodes}, from 1. */
  readonly id: number;
  readonly kind: WaitNode['kind'];
  readonly ranks: readonly number[];
  readonly kernel: string;
  /** `(0,0,1)`, in order; empty where no block is meant. */
  readonly blocks: readonly string[];
  /** Named groups of threads. */
  readonly groups: readonly string[];
  /** Warps of a block, and lanes of each as ranges. */
  readonly warps: readonly number[];
  readonly lanes: readonly string[];
  readonly threads: number;
  /** How many are merged here: sets of lanes of one warp, or other things. */
  readonly count: number;
  /** `polls`, `waits at barrier 15`, `has returned`. */
  readonly does: string;
  /** `32 of 64 threads have arrived`; several if those merged differ. */
  readonly details: readonly string[];
  /** Where it is, or where it reads what it polls, of one of them; innermost first. */
  readonly frames: readonly SourceFrame[];
}

/** That one node waits for another. */
export interface ExplanationEdge {
  /** {@link ExplanationNode.id}. */
  readonly from: number;
  readonly to: number;
  readonly kind: EdgeKind;
  /** The words of memory that are polled; null: none are. */
  readonly word: ExplanationWord | null;
  /** What `to` has to do with it. */
  readonly why: string;
  /** False: somebody else could let `from` go on as well. */
  readonly isNeeded: boolean;
  /** How many are merged here. */
  readonly count: number;
}

/** Words of memory that differ in numbers only. */
export interface ExplanationWord {
  /** `tail`, or the word's place where it has no name. */
  readonly name: string;
  readonly of: readonly string[];
  readonly index: readonly (readonly [name: string, values: readonly number[]])[];
  /** Addresses of some of them. */
  readonly addresses: readonly number[];
  /** `wants 2`; empty: not known. */
  readonly wants: readonly string[];
  readonly holds: readonly string[];
}
