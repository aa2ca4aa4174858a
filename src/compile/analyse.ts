import type { ConstantTable } from '../program/program.js';
import { type Block, type Instruction, type Kind, type Mutable, type Operand, reversePostorder, type Temp, targetsOf } from './hir.js';
import * as num from './number-ranges.js';
import { isNumberRange, isSame, joinRanges, type Range, rangeOfElement, rangeOfLeaf, transfer, widen } from './transfer.js';

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

/** Ranges of variables at one place; `mayLack`: no value has been assigned on some path. */
type State = Map<Mutable, { readonly range: Range; readonly mayLack: boolean }>;

/** Rounds before bounds that grow are moved on, and after they have come to rest. */
const ROUNDS_BEFORE_WIDENING = 3;
const NARROWING_ROUNDS = 3;
const MOST_ROUNDS = 200;

/** Intervals by a fixpoint over the graph. Conditions of branches narrow what is known behind them. */
export function analyse(entry: Block, tables: readonly ConstantTable[]): Analysis {
  const blocks = reversePostorder(entry);
  const position = new Map(blocks.map((block, at) => [block, at]));
  const temps = new Map<Temp, Range>();
  const edges = new Map<Block, Map<Block, State>>();
  const before = new Map<Block, State>();
  const predecessors = new Map<Block, Block[]>(blocks.map((block) => [block, []]));
  for (const block of blocks) {
    for (const target of new Set(targetsOf(block))) {
      predecessors.get(target)!.push(block);
    }
  }
  const changedIn = loopChanges(blocks, position, predecessors);
  const rangeOf = (operand: Operand): Range =>
    operand.op === 'temp' ? (temps.get(operand.temp) ?? bottomOf(operand.temp)) : rangeOfLeaf(operand);

  let hasChanged = true;
  const round = (mode: 'grow' | 'widen' | 'narrow') => {
    hasChanged = false;
    for (const block of blocks) {
      const incoming: State[] = [];
      const changed = changedIn.get(block);
      const entering: State[] = [];
      for (const from of predecessors.get(block)!) {
        const state = edges.get(from)?.get(block);
        if (state === undefined) continue;
        incoming.push(state);
        if (changed !== undefined && position.get(from)! < position.get(block)!) entering.push(state);
      }
      if (block === entry) incoming.push(new Map());
      if (incoming.length === 0) continue;
      let state = joinStates(incoming);
      if (changed !== undefined && entering.length > 0) state = keepUnchanged(state, joinStates(entering), changed);
      const known = before.get(block);
      if (known !== undefined && mode !== 'narrow') {
        state = joinStates([known, state]);
        if (mode === 'widen' && changed !== undefined) state = widenState(known, state, changed);
      }
      if (known === undefined || !isSameState(known, state)) hasChanged = true;
      before.set(block, state);
      step(block, new Map(state));
    }
  };

  const setTemp = (temp: Temp, range: Range) => {
    const known = temps.get(temp);
    if (known === undefined || !isSame(known, range)) hasChanged = true;
    temps.set(temp, range);
  };

  const step = (block: Block, state: State) => {
    for (const instruction of block.instructions) {
      if (instruction.op === 'assign') {
        state.set(instruction.variable, { range: rangeOf(instruction.value), mayLack: false });
      } else if (instruction.op === 'undefine') state.delete(instruction.variable);
      else if (instruction.to !== null) setTemp(instruction.to, resultRange(instruction, state, rangeOf, tables));
    }
    const out = new Map<Block, State>();
    const { end } = block;
    if (end?.op === 'branch') {
      for (const [target, holds] of [
        [end.then, true],
        [end.else, false],
      ] as const) {
        const refined = refine(block, new Map(state), end.condition, holds, rangeOf);
        const other = out.get(target);
        if (refined === null) continue;
        out.set(target, other === undefined ? refined : joinStates([other, refined]));
      }
    } else for (const target of targetsOf(block)) out.set(target, state);
    edges.set(block, out);
  };

  for (let rounds = 0; hasChanged; rounds++) {
    if (rounds > MOST_ROUNDS) throw new Error('[simtwin bug] intervals do not come to rest');
    round(rounds < ROUNDS_BEFORE_WIDENING ? 'grow' : 'widen');
  }
  for (let rounds = 0; rounds < NARROWING_ROUNDS; rounds++) round('narrow');
  return { blocks, rangeOf, ...summarise(blocks, before, rangeOf) };
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
      return state.get(instruction.variable)?.range ?? bottomOf(instruction.variable);
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
        if (!isNumberRange(range)) return range.lo >= 0n ? rangeOfElement('u64') : rangeOfElement('i64');
        return num.fitsI32(range) ? num.I32 : num.fitsU32(range) ? num.U32 : num.ANY_NUMBER;
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

function joinStates(states: readonly State[]): State {
  const [first, ...rest] = states;
  if (rest.length === 0) return first!;
  const joined: State = new Map();
  for (const state of states) {
    for (const [variable, { range, mayLack }] of state) {
      const other = joined.get(variable);
      if (other === undefined) {
        const isEverywhere = states.every((one) => one.has(variable));
        joined.set(variable, { range, mayLack: mayLack || !isEverywhere });
      } else joined.set(variable, { range: joinRanges(other.range, range), mayLack: other.mayLack || mayLack });
    }
  }
  return joined;
}

function widenState(known: State, next: State, changed: ReadonlySet<Mutable>): State {
  const widened: State = new Map();
  for (const [variable, { range, mayLack }] of next) {
    const other = changed.has(variable) ? known.get(variable) : undefined;
    widened.set(variable, { range: other === undefined ? range : widen(other.range, range), mayLack });
  }
  return widened;
}

/** What a loop does not change is at its head as it is before the loop. */
function keepUnchanged(state: State, entering: State, changed: ReadonlySet<Mutable>): State {
  const kept: State = new Map(state);
  for (const [variable, before] of entering) if (!changed.has(variable)) kept.set(variable, before);
  return kept;
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

function isSameState(a: State, b: State): boolean {
  if (a.size !== b.size) return false;
  for (const [variable, { range, mayLack }] of a) {
    const other = b.get(variable);
    if (other === undefined || other.mayLack !== mayLack || !isSame(other.range, range)) return false;
  }
  return true;
}

const OPPOSITE = { eq: 'ne', ne: 'eq', lt: 'ge', le: 'gt', gt: 'le', ge: 'lt' } as const;
const MIRRORED = { eq: 'eq', ne: 'ne', lt: 'gt', le: 'ge', gt: 'lt', ge: 'le' } as const;

/** The state behind a condition that holds, or does not; null if it cannot. */
function refine(
  block: Block,
  state: State,
  condition: Operand,
  holds: boolean,
  rangeOf: (operand: Operand) => Range,
): State | null {
  if (condition.op !== 'temp' || condition.temp.by.op !== 'pure') return state;
  const { name, args, compare } = condition.temp.by;
  if (name === 'p.not') return refine(block, state, args[0]!, !holds, rangeOf);
  if (name === 'p.and' || name === 'p.or') {
    if ((name === 'p.and') !== holds) return state;
    const first = refine(block, state, args[0]!, holds, rangeOf);
    return first === null ? null : refine(block, first, args[1]!, holds, rangeOf);
  }
  if (name !== 'compare' || compare?.kind !== 'num') return state;
  const [a, b] = [rangeOf(args[0]!) as num.NumberRange, rangeOf(args[1]!) as num.NumberRange];
  // A comparison with NaN fails, and so does its opposite.
  if (!holds && compare.operator !== 'ne' && (a.mayBeNaN || b.mayBeNaN)) return state;
  const operator = holds ? compare.operator : OPPOSITE[compare.operator];
  for (const [operand, range, by, how] of [
    [args[0]!, a, b, operator],
    [args[1]!, b, a, MIRRORED[operator]],
  ] as const) {
    const refined = num.refineNumbers(range, how, by);
    if (refined === null) return null;
    const variable = variableRead(block, operand);
    const known = variable === null ? undefined : state.get(variable);
    if (variable !== null && known !== undefined && isNumberRange(known.range))
      state.set(variable, { range: meet(known.range, refined), mayLack: known.mayLack });
  }
  return state;
}

const meet = (a: num.NumberRange, b: num.NumberRange): num.NumberRange => {
  const [lo, hi] = [Math.max(a.lo, b.lo), Math.min(a.hi, b.hi)];
  return lo > hi ? b : { ...a, lo, hi, mayBeNaN: a.mayBeNaN && b.mayBeNaN };
};

/** The variable that an operand was read from, if it still has that value at the end of the block. */
function variableRead(block: Block, operand: Operand): Mutable | null {
  if (operand.op !== 'temp') return null;
  const { by } = operand.temp;
  if (by.op === 'pure' && by.name === 'name') return variableRead(block, by.args[0]!);
  if (by.op !== 'read') return null;
  const from = block.instructions.indexOf(by);
  if (from === -1) return null;
  const isChanged = block.instructions.some(
    (later, at) => at > from && (later.op === 'assign' || later.op === 'undefine') && later.variable === by.variable,
  );
  return isChanged ? null : by.variable;
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
    const lacks = new Map([...start].map(([variable, { mayLack }]) => [variable, mayLack]));
    for (const instruction of block.instructions) {
      if (instruction.op === 'assign') {
        const { variable, value } = instruction;
        const range = rangeOf(value);
        const other = assigned.get(variable);
        assigned.set(variable, other === undefined ? range : joinRanges(other, range));
        lacks.set(variable, false);
      } else if (instruction.op === 'undefine') lacks.delete(instruction.variable);
      else if (instruction.op === 'read' && lacks.get(instruction.variable) !== false) unassigned.push(instruction);
    }
  }
  return { rangeOfVariable: (variable) => assigned.get(variable), unassigned };
}
