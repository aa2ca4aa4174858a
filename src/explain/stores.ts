import {
  accessedBytes,
  type BlockPlace,
  defUseOf,
  evaluatorOf,
  type Instruction,
  isArithmetic,
  type Operand,
  type Program,
  specialValue,
  type Word,
} from '../program/index.js';
import { scalarBytes } from '../simt/index.js';

/** An instruction that changes memory. */
export interface StoreSite {
  readonly block: number;
  readonly at: number;
  readonly instruction: Extract<Instruction, { op: 'store' | 'atomic' }>;
  readonly bytes: number;
  /** Parameters that the address may come from. */
  readonly params: ReadonlySet<number>;
  /** Whether it may be an address in shared memory, and whether it may come from anywhere. */
  readonly mayBeShared: boolean;
  readonly mayBeAny: boolean;
}

/** What explanations need to know of a program's instructions, computed once. */
interface Facts {
  readonly stores: readonly StoreSite[];
  readonly barriers: readonly { readonly block: number; readonly at: number; readonly id: Operand }[];
  /** The only instruction that sets a variable; null: there are several. */
  readonly definitions: readonly (Instruction | null)[];
}

const known = new WeakMap<Program, Facts>();

export function factsOf(program: Program): Facts {
  let facts = known.get(program);
  if (facts === undefined) {
    facts = gather(program);
    known.set(program, facts);
  }
  return facts;
}

function gather(program: Program): Facts {
  const definitions: (Instruction | null | undefined)[] = program.variables.map(() => undefined);
  const stores: StoreSite[] = [];
  const barriers: { block: number; at: number; id: Operand }[] = [];
  const origins = originsOf(program);
  program.blocks.forEach(({ instructions }, block) => {
    instructions.forEach((instruction, at) => {
      for (const target of defUseOf(instruction).targets)
        definitions[target] = definitions[target] === undefined ? instruction : null;
      if (instruction.op === 'barrier') barriers.push({ block, at, id: instruction.id });
      if (instruction.op !== 'store' && instruction.op !== 'atomic') return;
      stores.push({ block, at, instruction, bytes: accessedBytes(instruction), ...origins(instruction.base) });
    });
  });
  return { stores, barriers, definitions: definitions.map((definition) => definition ?? null) };
}

type Origins = Pick<StoreSite, 'params' | 'mayBeShared' | 'mayBeAny'>;

/** Where pointers come from. */
function originsOf(program: Program): (operand: Operand) => Origins {
  const sets = program.variables.map(() => new Set<number | 'shared' | 'any'>());
  const of = (operand: Operand): ReadonlySet<number | 'shared' | 'any'> => {
    if (operand.kind === 'variable') return sets[operand.index]!;
    return operand.kind === 'param' ? new Set([operand.index]) : new Set();
  };
  for (let changed = true; changed; ) {
    changed = false;
    for (const { instructions } of program.blocks) {
      for (const instruction of instructions) {
        for (const target of defUseOf(instruction).targets) {
          if (program.variables[target]!.type !== 'ptr') continue;
          for (const origin of originsIn(instruction, of)) {
            if (sets[target]!.has(origin)) continue;
            sets[target]!.add(origin);
            changed = true;
          }
        }
      }
    }
  }
  return (operand) => {
    const set = of(operand);
    const params = new Set([...set].filter((origin) => typeof origin === 'number'));
    return { params, mayBeShared: set.has('shared') || set.has('any'), mayBeAny: set.has('any') };
  };
}

function originsIn(
  instruction: Instruction,
  of: (operand: Operand) => ReadonlySet<number | 'shared' | 'any'>,
): Iterable<number | 'shared' | 'any'> {
  switch (instruction.op) {
    case 'shared':
      return ['shared'];
    case 'move':
      return of(instruction.a);
    case 'address':
      return of(instruction.base);
    case 'select':
      return [...of(instruction.a), ...of(instruction.b)];
    default:
      return ['any'];
  }
}

/** A thread as far as its coordinates go. */
export interface Coordinates extends BlockPlace {
  readonly rank: number;
  readonly params: readonly Word[];
  /** Address of a shared variable of its block; undefined: not known. */
  readonly sharedAddress: (name: string) => number | undefined;
}

const MOST_DEPTH = 50;

/** The value of an operand that depends on nothing but who the thread is and the launch's arguments; undefined: it may. */
export function valueByCoordinates(
  program: Program,
  operand: Operand,
  thread: Coordinates,
  depth = 0,
): Word | undefined {
  switch (operand.kind) {
    case 'param':
      return thread.params[operand.index];
    case 'constant':
      return operand.value;
    case 'special':
      return specialValue(operand.name, thread, thread.rank);
    case 'variable': {
      const definition = factsOf(program).definitions[operand.index] ?? null;
      if (definition === null || depth > MOST_DEPTH) return undefined;
      if (definition.op === 'shared') return thread.sharedAddress(definition.name);
      if (!isArithmetic(definition)) return undefined;
      const { operands, evaluate } = evaluatorOf(program, definition);
      const words: Word[] = [];
      for (const part of operands) {
        const word = valueByCoordinates(program, part, thread, depth + 1);
        if (word === undefined) return undefined;
        words.push(word);
      }
      try {
        return evaluate(words);
      } catch {
        return undefined;
      }
    }
    default:
      return operand satisfies never;
  }
}

/** Branches that depend on who a thread is alone, and the blocks that may be reached, by how they go. */
interface Roles {
  readonly branches: readonly number[];
  readonly reached: Map<string, ReadonlySet<number>>;
}

const knownRoles = new WeakMap<Program, Roles>();

/**
 * Whether a thread may ever come to a basic block, as far as its coordinates decide. Arguments are left out: who would
 * write under other arguments is worth telling.
 */
export function mayComeTo(program: Program, target: number, { launch, blockIdx, rank }: Coordinates): boolean {
  const thread: Coordinates = { launch, blockIdx, rank, params: [], sharedAddress: () => undefined };
  const conditionOf = (block: number): Word | undefined => {
    const { terminator } = program.blocks[block]!;
    return terminator.op === 'branch' ? valueByCoordinates(program, terminator.condition, thread) : undefined;
  };
  let roles = knownRoles.get(program);
  if (roles === undefined) {
    const branches = program.blocks.flatMap((_, block) => (typeof conditionOf(block) === 'boolean' ? [block] : []));
    roles = { branches, reached: new Map() };
    knownRoles.set(program, roles);
  }
  if (roles.branches.length === 0) return true;
  const ways = new Map(roles.branches.map((block) => [block, conditionOf(block)]));
  const key = [...ways.values()].join();
  let reached = roles.reached.get(key);
  if (reached === undefined) {
    reached = reachedBy(program, ways);
    roles.reached.set(key, reached);
  }
  return reached.has(target);
}

function reachedBy(program: Program, ways: ReadonlyMap<number, Word | undefined>): Set<number> {
  const reached = new Set([0]);
  // Whatever is added on the way is visited too.
  for (const block of reached) {
    const { terminator } = program.blocks[block]!;
    if (terminator.op === 'jump') reached.add(terminator.target);
    if (terminator.op !== 'branch') continue;
    const way = ways.get(block);
    if (way !== false) reached.add(terminator.then);
    if (way !== true) reached.add(terminator.else);
  }
  return reached;
}

/** Whether a store of a thread may touch [address, address + bytes). */
export function mayTouch(
  program: Program,
  { instruction, bytes }: StoreSite,
  thread: Coordinates,
  address: number,
  wordBytes: number,
): boolean {
  const base = valueByCoordinates(program, instruction.base, thread);
  const index = valueByCoordinates(program, instruction.index, thread);
  if (base === undefined || index === undefined) return true;
  const at = Number(base) + Number(index) * scalarBytes(instruction.elementType);
  return at < address + wordBytes && address < at + bytes;
}
