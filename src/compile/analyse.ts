import type { CompareOperator, ConstantTable } from '../program/program.js';
import { bigints } from './bigint-ranges.js';
import {
  type Block,
  type Instruction,
  type Kind,
  type Mutable,
  type Operand,
  reversePostorder,
  type Temp,
  targetsOf,
} from './hir.js';
import * as num from './number-ranges.js';
import {
  isNumberRange,
  isSame,
  joinRanges,
  type Range,
  rangeOfElement,
  rangeOfLeaf,
  transfer,
  widen,
} from './transfer.js';

/** What is known of the values of a graph, whatever path was taken. */
export interface Analysis {
  /** Reachable blocks in reverse postorder. */
  readonly blocks: readonly Block[];
  readonly rangeOf: (operand: Operand) => Range;
  /** What is ever assigned to a variable; undefined: nothing. */
  readonly rangeOfVariable: (variable: Mutable) => Range | undefined;
  /** Reads of variables that may have no value yet. */
  readonly unassigned: readonly Instruction[];
}

/** What is known of a variable at one place; `mayLack`: no value has been assigned on some path. */
interface Known {
  readonly range: Range;
  readonly mayLack: boolean;
}
/** By the number of the variable; undefined: no value on any path. Never changed once it is shared. */
type State = readonly (Known | undefined)[];

/** Rounds before bounds that grow are moved on, and after they have come to rest. */
const ROUNDS_BEFORE_WIDENING = 3;
const NARROWING_ROUNDS = 3;
const MOST_ROUNDS = 200;

/** Intervals by a fixpoint over the graph. Conditions of branches narrow what is known behind them. */
export function analyse(entry: Block, tables: readonly ConstantTable[]): Analysis {
  const blocks = reversePostorder(entry);
  const position = new Map(blocks.map((block, at) => [block, at]));
  const temps = new Map<Temp, Range>();
  const edges = new Map<Block, ReadonlyMap<Block, State>>();
  const before = new Map<Block, State>();
  const predecessors = new Map<Block, Block[]>(blocks.map((block) => [block, []]));
  for (const block of blocks) for (const target of new Set(targetsOf(block))) predecessors.get(target)!.push(block);
  const changedIn = loopChanges(blocks, position, predecessors);
  const usersOf = usersElsewhere(blocks);
  const plans = new Map<Block, readonly [then: readonly Refinement[], otherwise: readonly Refinement[]]>();
  for (const block of blocks) {
    const { end } = block;
    if (end?.op === 'branch')
      plans.set(block, [
        refinementsOf(block, end.condition, true, predecessors),
        refinementsOf(block, end.condition, false, predecessors),
      ]);
  }
  const rangeOf = (operand: Operand): Range =>
    operand.op === 'temp' ? (temps.get(operand.temp) ?? bottomOf(operand.temp)) : rangeOfLeaf(operand);

  let dirty = new Set(blocks);
  const round = (mode: 'grow' | 'widen' | 'narrow') => {
    for (const block of blocks) {
      if (!dirty.delete(block)) continue;
      const incoming: State[] = [];
      const changed = changedIn.get(block);
      const entering: State[] = [];
      for (const from of predecessors.get(block)!) {
        const state = edges.get(from)?.get(block);
        if (state === undefined) continue;
        incoming.push(state);
        if (changed !== undefined && position.get(from)! < position.get(block)!) entering.push(state);
      }
      if (block === entry) incoming.push([]);
      if (incoming.length === 0) continue;
      let state = joinStates(incoming);
      if (changed !== undefined && entering.length > 0) state = keepUnchanged(state, joinStates(entering), changed);
      const known = before.get(block);
      if (known !== undefined && mode !== 'narrow') {
        state = joinStates([known, state]);
        if (mode === 'widen' && changed !== undefined) state = widenState(known, state, changed);
      }
      before.set(block, state);
      step(block, state);
    }
  };

  const setTemp = (temp: Temp, range: Range) => {
    const known = temps.get(temp);
    if (known !== undefined && isSame(known, range)) return;
    temps.set(temp, range);
    for (const user of usersOf.get(temp) ?? []) dirty.add(user);
  };

  const step = (block: Block, start: State) => {
    let state = start;
    const set = ({ id }: Mutable, known: Known | undefined) => {
      if (state === start) state = [...start];
      (state as (Known | undefined)[])[id] = known;
    };
    for (const instruction of block.instructions) {
      if (instruction.op === 'assign') set(instruction.variable, { range: rangeOf(instruction.value), mayLack: false });
      else if (instruction.op === 'undefine') set(instruction.variable, undefined);
      else if (instruction.to !== null) setTemp(instruction.to, resultRange(instruction, state, rangeOf, tables));
    }
    const out = new Map<Block, State>();
    const { end } = block;
    if (end?.op === 'branch') {
      for (const [target, holds] of [
        [end.onTrue, true],
        [end.onFalse, false],
      ] as const) {
        const refined = refine(state, plans.get(block)![holds ? 0 : 1], rangeOf);
        const other = out.get(target);
        if (refined === null) continue;
        out.set(target, other === undefined ? refined : joinStates([other, refined]));
      }
    } else for (const target of targetsOf(block)) out.set(target, state);
    const known = edges.get(block);
    edges.set(block, out);
    for (const target of targetsOf(block)) {
      const [old, now] = [known?.get(target), out.get(target)];
      if (old === undefined ? now !== undefined : now === undefined || !isSameState(old, now)) dirty.add(target);
    }
  };

  for (let rounds = 0; dirty.size > 0; rounds++) {
    if (rounds > MOST_ROUNDS) throw new Error('[simtwin bug] intervals do not come to rest');
    round(rounds < ROUNDS_BEFORE_WIDENING ? 'grow' : 'widen');
  }
  dirty = new Set(blocks);
  for (let rounds = 0; rounds < NARROWING_ROUNDS; rounds++) round('narrow');
  return { blocks, rangeOf, ...summarise(blocks, before, rangeOf) };
}

/** Blocks that use a temporary of another block. */
function usersElsewhere(blocks: readonly Block[]): ReadonlyMap<Temp, ReadonlySet<Block>> {
  const home = new Map<Temp, Block>();
  for (const block of blocks) for (const { to } of block.instructions) if (to !== null) home.set(to, block);
  const users = new Map<Temp, Set<Block>>();
  for (const block of blocks) {
    const use = (operand: Operand | null) => {
      if (operand?.op !== 'temp' || home.get(operand.temp) === block) return;
      const known = users.get(operand.temp);
      if (known === undefined) users.set(operand.temp, new Set([block]));
      else known.add(block);
    };
    for (const instruction of block.instructions) {
      if (instruction.op === 'pure') instruction.args.forEach(use);
      else if (instruction.op === 'assign' || instruction.op === 'collective') use(instruction.value);
    }
    if (block.end?.op === 'branch') useCondition(block.end.condition, use);
  }
  return users;
}

/** A branch looks at the comparisons that its condition is made of. */
function useCondition(condition: Operand, use: (operand: Operand) => void): void {
  if (condition.op !== 'temp' || condition.temp.by.op !== 'pure') return;
  const { name, args } = condition.temp.by;
  if (name === 'compare') args.forEach(use);
  else if (name === 'p.not' || name === 'p.and' || name === 'p.or') for (const arg of args) useCondition(arg, use);
}

function resultRange(
  instruction: Instruction,
  state: State,
  rangeOf: (operand: Operand) => Range,
  tables: readonly ConstantTable[],
): Range {
  switch (instruction.op) {
    case 'pure':
      return transfer(instruction, rangeOf, tables);
    case 'read':
      return state[instruction.variable.id]?.range ?? bottomOf(instruction.variable);
    case 'readElement':
    case 'load':
    case 'atomic':
      return rangeOfElement(instruction.elementType);
    case 'activemask':
      return num.U32;
    case 'collective': {
      const { operation, value } = instruction;
      if (operation.startsWith('shfl') || operation === 'redux.min' || operation === 'redux.max') {
        const range = value === null ? null : rangeOf(value);
        if (range === null) return null;
        // Another lane's value, which it may give elsewhere: all of the words that there are on this side of 0.
        if (!isNumberRange(range)) {
          if (range.lo < 0n) return rangeOfElement('i64');
          return range.hi < 2n ** 63n ? bigints(0n, 2n ** 63n - 1n) : rangeOfElement('u64');
        }
        const word = num.fitsI32(range) ? num.I32 : num.fitsU32(range) ? num.U32 : num.ANY_NUMBER;
        return { ...word, mayBeNegativeZero: range.mayBeNegativeZero };
      }
      if (operation === 'redux.add') return num.I32;
      return operation === 'any' || operation === 'all' ? null : num.U32;
    }
    default:
      return null;
  }
}

/** What control never computes, or reads too early, which is reported: any range will do. */
function bottomOf({ kind }: { readonly kind: Kind | null }): Range {
  return kind === 'num' ? num.integers(0, 0) : kind === 'big' ? { lo: 0n, hi: 0n } : null;
}

function joinStates([first, ...rest]: readonly State[]): State {
  let joined = first!;
  let isOwn = false;
  for (const state of rest) {
    for (let id = 0; id < Math.max(joined.length, state.length); id++) {
      const [a, b] = [joined[id], state[id]];
      if (a === b) continue;
      const known = joinKnown(a, b);
      if (known === a) continue;
      if (!isOwn) joined = [...joined];
      isOwn = true;
      (joined as (Known | undefined)[])[id] = known;
    }
  }
  return joined;
}

function joinKnown(a: Known | undefined, b: Known | undefined): Known | undefined {
  if (a === undefined || b === undefined) {
    const known = a ?? b;
    return known === undefined || known.mayLack ? known : { range: known.range, mayLack: true };
  }
  const range = joinRanges(a.range, b.range);
  const mayLack = a.mayLack || b.mayLack;
  return isSame(range, a.range) && mayLack === a.mayLack ? a : { range, mayLack };
}

function widenState(known: State, next: State, changed: ReadonlySet<Mutable>): State {
  const widened = [...next];
  for (const { id } of changed) {
    const [before, after] = [known[id], next[id]];
    if (before !== undefined && after !== undefined && before !== after)
      widened[id] = { range: widen(before.range, after.range), mayLack: after.mayLack };
  }
  return widened;
}

/** What a loop does not change is at its head as it is before the loop. */
function keepUnchanged(state: State, entering: State, changed: ReadonlySet<Mutable>): State {
  const kept = [...entering];
  for (const { id } of changed) kept[id] = state[id];
  return kept;
}

function isSameState(a: State, b: State): boolean {
  if (a === b) return true;
  for (let id = 0; id < Math.max(a.length, b.length); id++) {
    const [first, second] = [a[id], b[id]];
    if (first === second) continue;
    if (first === undefined || second === undefined) return false;
    if (first.mayLack !== second.mayLack || !isSame(first.range, second.range)) return false;
  }
  return true;
}

/** The variables that each loop changes, by its head. */
function loopChanges(
  blocks: readonly Block[],
  position: ReadonlyMap<Block, number>,
  predecessors: ReadonlyMap<Block, readonly Block[]>,
): ReadonlyMap<Block, ReadonlySet<Mutable>> {
  const bodies = new Map<Block, Set<Block>>();
  for (const block of blocks) {
    for (const head of targetsOf(block)) {
      if (position.get(head)! > position.get(block)!) continue;
      const body = bodies.get(head) ?? new Set([head]);
      bodies.set(head, body);
      const stack = [block];
      for (let at = stack.pop(); at !== undefined; at = stack.pop()) {
        if (body.has(at)) continue;
        body.add(at);
        stack.push(...predecessors.get(at)!);
      }
    }
  }
  const changes = new Map<Block, ReadonlySet<Mutable>>();
  for (const [head, body] of bodies) {
    const changed = new Set<Mutable>();
    for (const { instructions } of body) {
      for (const instruction of instructions)
        if (instruction.op === 'assign' || instruction.op === 'undefine') changed.add(instruction.variable);
    }
    changes.set(head, changed);
  }
  return changes;
}

const OPPOSITE = { eq: 'ne', ne: 'eq', lt: 'ge', le: 'gt', gt: 'le', ge: 'lt' } as const;
const MIRRORED = { eq: 'eq', ne: 'ne', lt: 'gt', le: 'ge', gt: 'lt', ge: 'le' } as const;

type Predecessors = ReadonlyMap<Block, readonly Block[]>;

/** What a branch tells of a variable: it compares like this with `other`. */
interface Refinement {
  readonly variable: Mutable;
  readonly own: Operand;
  readonly other: Operand;
  readonly operator: CompareOperator;
  /** It holds only if neither is NaN. */
  readonly isNegated: boolean;
}

/** What is known of variables if the condition of a branch holds, or does not. */
function refinementsOf(block: Block, condition: Operand, holds: boolean, predecessors: Predecessors): Refinement[] {
  if (condition.op !== 'temp' || condition.temp.by.op !== 'pure') return [];
  const { name, args, compare } = condition.temp.by;
  if (name === 'p.not') return refinementsOf(block, args[0]!, !holds, predecessors);
  if (name === 'p.and' || name === 'p.or')
    return (name === 'p.and') === holds ? args.flatMap((arg) => refinementsOf(block, arg, holds, predecessors)) : [];
  if (name !== 'compare' || compare?.kind !== 'num') return [];
  const operator = holds ? compare.operator : OPPOSITE[compare.operator];
  const isNegated = !holds && compare.operator !== 'ne';
  const [a, b] = [args[0]!, args[1]!];
  const [first, second] = [variableRead(block, a, predecessors), variableRead(block, b, predecessors)];
  const refinements: Refinement[] = [];
  if (first !== null) refinements.push({ variable: first, own: a, other: b, operator, isNegated });
  if (second !== null)
    refinements.push({ variable: second, own: b, other: a, operator: MIRRORED[operator], isNegated });
  return refinements;
}

/** The state behind a branch; null if it cannot be taken. */
function refine(state: State, refinements: readonly Refinement[], rangeOf: (operand: Operand) => Range): State | null {
  let narrowed = state;
  for (const { variable, own, other, operator, isNegated } of refinements) {
    const [a, b] = [rangeOf(own) as num.NumberRange, rangeOf(other) as num.NumberRange];
    // A comparison with NaN fails, and so does its opposite.
    if (isNegated && (a.mayBeNaN || b.mayBeNaN)) continue;
    const refined = num.refineNumbers(a, operator, b);
    if (refined === null) return null;
    const known = narrowed[variable.id];
    if (known === undefined || !isNumberRange(known.range)) continue;
    const range = meet(known.range, refined);
    if (isSame(range, known.range)) continue;
    if (narrowed === state) narrowed = [...state];
    (narrowed as (Known | undefined)[])[variable.id] = { range, mayLack: known.mayLack };
  }
  return narrowed;
}

const meet = (a: num.NumberRange, b: num.NumberRange): num.NumberRange => {
  const [lo, hi] = [Math.max(a.lo, b.lo), Math.min(a.hi, b.hi)];
  return lo > hi ? b : { ...a, lo, hi, mayBeNaN: a.mayBeNaN && b.mayBeNaN };
};

/** The variable that an operand was read from, if it still has that value at the end of the block. */
function variableRead(block: Block, operand: Operand, predecessors: Predecessors): Mutable | null {
  if (operand.op !== 'temp') return null;
  const { by } = operand.temp;
  if (by.op === 'pure' && by.name === 'name') return variableRead(block, by.args[0]!, predecessors);
  if (by.op !== 'read') return null;
  // Upwards where there is one way only: checks within the condition have ended the blocks between.
  const seen = new Set<Block>();
  for (let at: Block | undefined = block; at !== undefined && !seen.has(at); ) {
    seen.add(at);
    const from = at.instructions.indexOf(by);
    const isChanged = at.instructions.some(
      (later, place) =>
        place > from && (later.op === 'assign' || later.op === 'undefine') && later.variable === by.variable,
    );
    if (isChanged) return null;
    if (from !== -1) return by.variable;
    const before: readonly Block[] = predecessors.get(at) ?? [];
    at = before.length === 1 ? before[0] : undefined;
  }
  return null;
}

/** What is assigned anywhere, and reads that may come too early. */
function summarise(
  blocks: readonly Block[],
  before: ReadonlyMap<Block, State>,
  rangeOf: (operand: Operand) => Range,
): Pick<Analysis, 'rangeOfVariable' | 'unassigned'> {
  const assigned = new Map<Mutable, Range>();
  const unassigned: Instruction[] = [];
  for (const block of blocks) {
    const start = before.get(block);
    if (start === undefined) continue;
    const lacks = start.map((known) => known?.mayLack ?? true);
    for (const instruction of block.instructions) {
      if (instruction.op === 'assign') {
        const { variable, value } = instruction;
        const range = rangeOf(value);
        const other = assigned.get(variable);
        assigned.set(variable, other === undefined ? range : joinRanges(other, range));
        lacks[variable.id] = false;
      } else if (instruction.op === 'undefine') lacks[instruction.variable.id] = true;
      else if (instruction.op === 'read' && lacks[instruction.variable.id] !== false) unassigned.push(instruction);
    }
  }
  return { rangeOfVariable: (variable) => assigned.get(variable), unassigned };
}
