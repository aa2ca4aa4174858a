import {
  defUseOf,
  dominates,
  type Instruction,
  immediateDominators,
  immediatePostdominators,
  type Program,
  predecessorsOf,
  reachableWithout,
} from '../program/index.js';

/** A natural loop. */
interface Loop {
  readonly header: number;
  readonly blocks: ReadonlySet<number>;
}

/** What explanations need to know of a program's graph, computed once. */
export interface ControlFlow {
  readonly successors: readonly (readonly number[])[];
  /** Blocks where the sides of a branch meet; -1: nowhere. */
  readonly join: readonly number[];
  /** The smallest loop that holds all of the blocks; null: none does. */
  loopAround(blocks: Iterable<number>): Loop | null;
  /** Variables and arrays (numbered behind the variables) that the sides of the branch at the end of a block may set. */
  setBehind(block: number): readonly number[];
  /** Blocks that can be reached from the end of a block. */
  reachableFrom(block: number): ReadonlySet<number>;
}

const known = new WeakMap<Program, ControlFlow>();

export function controlFlowOf(program: Program): ControlFlow {
  let flow = known.get(program);
  if (flow === undefined) {
    flow = analyse(program);
    known.set(program, flow);
  }
  return flow;
}

function analyse(program: Program): ControlFlow {
  const successors = program.blocks.map(({ terminator }) => {
    if (terminator.op === 'jump') return [terminator.target];
    if (terminator.op === 'branch') return [...new Set([terminator.then, terminator.else])];
    return [];
  });
  const join = immediatePostdominators(successors);
  const loops = loopsOf(successors);
  const setVariables = new Map<number, readonly number[]>();
  const reachable = new Map<number, ReadonlySet<number>>();
  return {
    successors,
    join,
    loopAround(blocks) {
      const all = [...blocks];
      return loops.find((loop) => all.every((block) => loop.blocks.has(block))) ?? null;
    },
    setBehind(block) {
      let set = setVariables.get(block);
      if (set === undefined) {
        const region = reachableWithout(successors, successors[block]!, join[block]!);
        set = [
          ...new Set([...region].flatMap((at) => program.blocks[at]!.instructions.flatMap((i) => setBy(program, i)))),
        ];
        setVariables.set(block, set);
      }
      return set;
    },
    reachableFrom(block) {
      let set = reachable.get(block);
      if (set === undefined) {
        set = reachableWithout(successors, successors[block]!, -1);
        reachable.set(block, set);
      }
      return set;
    },
  };
}

function setBy(program: Program, instruction: Instruction): number[] {
  const { targets, writes } = defUseOf(instruction);
  return [...targets, ...writes.map(({ array }) => program.variables.length + array)];
}

/** The natural loops, smallest first; loops of one header are one. */
function loopsOf(successors: readonly (readonly number[])[]): Loop[] {
  const dominator = immediateDominators(successors);
  const predecessors = predecessorsOf(successors);
  const byHeader = new Map<number, Set<number>>();
  successors.forEach((after, latch) => {
    if (dominator[latch] === -1) return;
    for (const header of after) {
      if (!dominates(header, latch, dominator)) continue;
      const blocks = byHeader.get(header) ?? new Set([header]);
      byHeader.set(header, blocks);
      const pending = [latch];
      for (let block = pending.pop(); block !== undefined; block = pending.pop()) {
        if (blocks.has(block)) continue;
        blocks.add(block);
        pending.push(...predecessors[block]!);
      }
    }
  });
  return Array.from(byHeader, ([header, blocks]) => ({ header, blocks })).sort((a, b) => a.blocks.size - b.blocks.size);
}
