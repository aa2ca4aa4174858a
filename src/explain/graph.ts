import type { StandingLane } from '../hang/index.js';
import type { Dim3, HangCause, Launch, MemorySymbol, SourceFrame, ThreadGroup } from '../simt/index.js';

/** What somebody waits for, before equal ones are merged. */
export interface WaitNode {
  readonly id: number;
  readonly kind: /** Lanes of a warp that are at one place. */
    | 'threads'
    /** Threads that have returned. */
    | 'returned'
    /** A launch that has begun and not ended; a launch that has not begun. */
    | 'launch'
    | 'queued'
    /** Blocks of a launch that their device has no room for. */
    | 'not resident'
    /** A rank without a launch. */
    | 'never launched'
    /** Nobody at all. */
    | 'nobody';
  readonly rank: number;
  readonly kernel: string;
  readonly launch: Launch | null;
  readonly blockIdx: Dim3 | null;
  /** The first of threads that are left; null: it is something else. */
  readonly lane: StandingLane | null;
  /** They have returned while others of their block have not. */
  readonly isPart: boolean;
  readonly group: ThreadGroup | null;
  /** Warp of the block, and lanes of it; 0: no lanes. */
  readonly warp: number;
  readonly lanes: number;
  readonly threads: number;
  /** What it does, without what it waits for: `polls`, `waits at barrier 15`. */
  does: string;
  /** More about that: `32 of 64 threads have arrived`; '' if there is no more. */
  detail: string;
  /** Where it is, or where it reads what it polls; innermost first. */
  frames: readonly SourceFrame[];
  /** It can go on, as far as can be seen. */
  goesOn: boolean;
  /** It is itself what is wrong. */
  fault: { readonly cause: HangCause; readonly sentence: string; readonly advice: string } | null;
}

export type EdgeKind = 'memory' | 'barrier' | 'warp' | 'launch' | 'launch order' | 'residency';

/** That `from` waits for `to`. */
export interface WaitEdge {
  readonly from: number;
  readonly to: number;
  readonly kind: EdgeKind;
  /** The word that is polled; null: none is. */
  readonly word: PolledWord | null;
  /** How the two have to do with each other: `adds 1 for each slice that it has taken`. */
  readonly why: string;
  /** Whether `from` cannot go on without `to`. False: somebody else may do. */
  readonly isNeeded: boolean;
}

/** A word of memory that is polled. */
export interface PolledWord {
  readonly address: number;
  readonly isShared: boolean;
  readonly symbol: MemorySymbol | null;
  /** `tail of link 0 -> 1, channel 0`, or where it is in its allocation. */
  readonly name: string;
  readonly wants: string | null;
  readonly holds: string;
}

/** Somebody who writes a word that is polled, or nobody. */
export interface WordWriter {
  readonly node: WaitNode;
  /** How it has to do with the word; '' of nobody. */
  readonly does: string;
  /** Whether nobody else could write it. */
  readonly isNeeded: boolean;
}

export interface WaitGraph {
  readonly nodes: readonly WaitNode[];
  readonly edges: readonly WaitEdge[];
}

/** The strongly connected components: those that others lead to come first. */
export function componentsOf({ nodes, edges }: WaitGraph): number[][] {
  const after: number[][] = nodes.map(() => []);
  for (const { from, to } of edges) after[from]!.push(to);
  const index = new Int32Array(nodes.length).fill(-1);
  const low = new Int32Array(nodes.length);
  const isOpen = new Uint8Array(nodes.length);
  const open: number[] = [];
  const components: number[][] = [];
  let count = 0;
  // Source: Tarjan, "Depth-first search and linear graph algorithms", with a stack of its own.
  for (let root = 0; root < nodes.length; root++) {
    if (index[root] !== -1) continue;
    const stack = [{ node: root, next: 0 }];
    while (stack.length > 0) {
      const top = stack[stack.length - 1]!;
      const { node } = top;
      if (top.next === 0) {
        index[node] = count;
        low[node] = count++;
        open.push(node);
        isOpen[node] = 1;
      }
      const successor = after[node]![top.next++];
      if (successor !== undefined) {
        if (index[successor] === -1) stack.push({ node: successor, next: 0 });
        else if (isOpen[successor] === 1) low[node] = Math.min(low[node]!, index[successor]!);
        continue;
      }
      stack.pop();
      const parent = stack[stack.length - 1]?.node;
      if (parent !== undefined) low[parent] = Math.min(low[parent]!, low[node]!);
      if (low[node] !== index[node]) continue;
      const component: number[] = [];
      for (;;) {
        const member = open.pop()!;
        isOpen[member] = 0;
        component.push(member);
        if (member === node) break;
      }
      components.push(component);
    }
  }
  return components;
}
