import {
  defUseOf,
  dominates,
  type Instruction,
  immediateDominators,
  type Operand,
  type Program,
  predecessorsOf,
  type Terminator,
} from '../program/index.js';

type Compare = Extract<Instruction, { readonly op: 'compare' }>;

/** A comparison that decides whether a wait for memory goes on. */
export interface PolledCompare {
  /** Whether what comes from memory is the right operand. */
  readonly isSwapped: boolean;
  /** The result with which the loop may be left. */
  readonly endsWhen: boolean;
}

/**
 * The comparisons of a program that compare what a volatile, relaxed or acquire load or an atomic of a loop has given,
 * and by whose result that loop is left. Those of which it cannot be told with which result it is left are missing.
 */
export function polledCompares(program: Program): ReadonlyMap<Instruction, PolledCompare> {
  const found = new Map<Instruction, PolledCompare>();
  // Inner loops first: what they wait for is theirs.
  for (const loop of loopsOf(program).sort((a, b) => a.size - b.size)) {
    const facts = new LoopFacts(program, loop);
    for (const instruction of facts.instructions) {
      if (instruction.op !== 'compare' || found.has(instruction)) continue;
      const [a, b] = [facts.isPolled(instruction.a), facts.isPolled(instruction.b)];
      if (!a && !b) continue;
      const ends = facts.endsWhen(instruction);
      if (ends !== null) found.set(instruction, { isSwapped: !a, endsWhen: ends });
    }
  }
  return found;
}

/** The natural loops of a program, as sets of blocks; loops with one header are one. */
function loopsOf({ blocks }: Program): Set<number>[] {
  const successors = blocks.map(({ terminator }) => successorsOf(terminator));
  const predecessors = predecessorsOf(successors);
  const dominator = immediateDominators(successors);
  const loops = new Map<number, Set<number>>();
  successors.forEach((after, from) => {
    for (const header of after) {
      if (dominator[from] === -1 || !dominates(header, from, dominator)) continue;
      let loop = loops.get(header);
      if (loop === undefined) {
        loop = new Set([header]);
        loops.set(header, loop);
      }
      const pending = [from];
      for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
        if (loop.has(node)) continue;
        loop.add(node);
        pending.push(...predecessors[node]!);
      }
    }
  });
  return [...loops.values()];
}

export function successorsOf(terminator: Terminator): readonly number[] {
  switch (terminator.op) {
    case 'jump':
      return [terminator.target];
    case 'branch':
      return [terminator.then, terminator.else];
    case 'exit':
    case 'throw':
      return [];
    default:
      return terminator satisfies never;
  }
}

/** What flows where in a loop. */
class LoopFacts {
  readonly instructions: readonly Instruction[];
  readonly #program: Program;
  readonly #loop: ReadonlySet<number>;
  readonly #polledVariables = new Set<number>();
  readonly #polledArrays = new Set<number>();

  constructor(program: Program, loop: ReadonlySet<number>) {
    this.#program = program;
    this.#loop = loop;
    this.instructions = [...loop].sort((a, b) => a - b).flatMap((block) => program.blocks[block]!.instructions);
    for (let size = -1; size !== this.#polledVariables.size + this.#polledArrays.size; ) {
      size = this.#polledVariables.size + this.#polledArrays.size;
      for (const instruction of this.instructions) this.#spread(instruction);
    }
  }

  readonly isPolled = (operand: Operand): boolean =>
    operand.kind === 'variable' && this.#polledVariables.has(operand.index);

  /** Values go on, addresses do not: what lies where a polled index points is another value. */
  #spread(instruction: Instruction): void {
    const { op } = instruction;
    const isSource = op === 'atomic' || (op === 'load' && instruction.ordering !== 'plain');
    if (op === 'store' || (op === 'load' && !isSource)) return;
    const { operands, reads, writes, targets } = defUseOf(instruction);
    if (!isSource && !operands.some(this.isPolled) && !reads.some(({ array }) => this.#polledArrays.has(array))) return;
    for (const target of targets) this.#polledVariables.add(target);
    for (const { array } of writes) this.#polledArrays.add(array);
  }

  /** The result of a comparison with which the loop is left; null: not known, or either. */
  endsWhen(compare: Compare): boolean | null {
    const ends = new Set<boolean>();
    const seen = new Set<string>();
    const pending: (readonly [variable: number, isSame: boolean])[] = [];
    const add = (variable: number, isSame: boolean) => {
      const key = `${variable} ${isSame}`;
      if (seen.has(key)) return;
      seen.add(key);
      pending.push([variable, isSame]);
    };
    add(compare.to, true);
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      const [variable, isSame] = next;
      const isIt = (operand: Operand | null) => operand?.kind === 'variable' && operand.index === variable;
      for (const instruction of this.instructions) {
        const kept = keptBy(instruction, isIt);
        if (kept !== null) add(kept.to, kept.isSame === isSame);
      }
      for (const block of this.#loop) {
        const { terminator } = this.#program.blocks[block]!;
        if (terminator.op !== 'branch' || !isIt(terminator.condition)) continue;
        const [stays, goes] = [this.#loop.has(terminator.then), this.#loop.has(terminator.else)];
        if (stays !== goes) ends.add(goes === isSame);
        else if (stays) {
          // `a && b` is two branches: a side sets a constant.
          for (const [side, taken] of [
            [terminator.then, true],
            [terminator.else, false],
          ] as const) {
            const first = this.#program.blocks[side]!.instructions[0];
            if (first?.op !== 'move' || first.type !== 'pred' || first.a.kind !== 'constant') continue;
            add(first.to, (first.a.value === taken) === isSame);
          }
        }
      }
    }
    const [end] = ends;
    return ends.size === 1 ? end! : null;
  }
}

/** The predicate that an instruction makes of one, and whether it rises with it. */
function keptBy(instruction: Instruction, isIt: (operand: Operand | null) => boolean | undefined) {
  switch (instruction.op) {
    case 'move':
      return isIt(instruction.a) ? { to: instruction.to, isSame: true } : null;
    case 'unary':
      return instruction.operator === 'not' && isIt(instruction.a) ? { to: instruction.to, isSame: false } : null;
    case 'binary': {
      const isMonotone = instruction.operator === 'and' || instruction.operator === 'or';
      return isMonotone && (isIt(instruction.a) || isIt(instruction.b)) ? { to: instruction.to, isSame: true } : null;
    }
    case 'select': {
      const { type, to, a, b, condition } = instruction;
      if (type !== 'pred') return null;
      if (isIt(a) || isIt(b)) return { to, isSame: true };
      if (!isIt(condition)) return null;
      if (a.kind === 'constant') return { to, isSame: a.value === true };
      return b.kind === 'constant' ? { to, isSame: b.value === false } : null;
    }
    case 'collective': {
      const isVote = instruction.operation === 'any' || instruction.operation === 'all';
      return isVote && instruction.to !== -1 && isIt(instruction.value) ? { to: instruction.to, isSame: true } : null;
    }
    default:
      return null;
  }
}
