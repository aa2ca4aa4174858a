import type { BinaryOperator, CompareOperator } from '../program/index.js';
import type { Exit } from './lane-course.js';
import { type Derived, isDerived, keyOfLoad, type Load, loadsOf, type Value, wordOf } from './values.js';

/** A word of memory that keeps a thread in its loop, and what it would have to hold. */
export interface Wanted {
  readonly load: Load;
  /** `wants 2`, `needs >= 2`; null: it is not known what it would have to hold. */
  readonly wants: string | null;
  /** Site of the branch that would leave the loop. */
  readonly site: number;
}

/** Most steps back from a condition to loads. */
const MOST_DEPTH = 200;

/** Most words that are named for a thread. */
const MOST_WORDS = 64;

/**
 * What has to change in memory for one of the exits to be taken. Words whose part of the condition is met already are
 * left out. Empty: no exit depends on memory.
 */
export function wantedBy(exits: readonly Exit[]): Wanted[] {
  const found = new Map<string, Wanted>();
  const add = (wanted: Wanted) => {
    const key = keyOfLoad(wanted.load);
    const known = found.get(key);
    if (known === undefined ? found.size < MOST_WORDS : known.wants === null) found.set(key, wanted);
  };
  for (const { condition, wanted, site } of exits) {
    const before = found.size;
    new Search(site, add).want(condition, wanted, 0);
    if (found.size > before) continue;
    for (const load of loadsOf(condition).values()) add({ load, wants: null, site });
  }
  return [...found.values()];
}

const NEGATED: Readonly<Record<CompareOperator, CompareOperator>> = {
  eq: 'ne',
  ne: 'eq',
  lt: 'ge',
  ge: 'lt',
  le: 'gt',
  gt: 'le',
};
const MIRRORED: Readonly<Record<CompareOperator, CompareOperator>> = {
  eq: 'eq',
  ne: 'ne',
  lt: 'gt',
  gt: 'lt',
  le: 'ge',
  ge: 'le',
};
const SYMBOLS: Readonly<Record<CompareOperator, string>> = {
  eq: '==',
  ne: '!=',
  lt: '<',
  le: '<=',
  gt: '>',
  ge: '>=',
};

class Search {
  readonly #site: number;
  readonly #add: (wanted: Wanted) => void;
  readonly #seen = new Set<Derived>();

  constructor(site: number, add: (wanted: Wanted) => void) {
    this.#site = site;
    this.#add = add;
  }

  /** What makes a `pred` be `wanted`, if it is not. */
  want(value: Value, wanted: boolean, depth: number): void {
    if (!isDerived(value) || value.value === wanted || depth > MOST_DEPTH) return;
    if (typeof value.value !== 'boolean') return;
    if (this.#seen.has(value)) return;
    this.#seen.add(value);
    switch (value.kind) {
      case 'vote':
        for (const [, lane] of value.lanes) this.want(lane, wanted, depth + 1);
        return;
      case 'guarded':
        this.want(value.then, wanted, depth + 1);
        this.want(value.condition, value.condition === undefined ? false : wordOf(value.condition) !== true, depth + 1);
        return;
      case 'arithmetic':
        this.#wantArithmetic(value, wanted, depth + 1);
        return;
      default:
        return;
    }
  }

  #wantArithmetic(value: Derived & { readonly kind: 'arithmetic' }, wanted: boolean, depth: number): void {
    const { instruction, operands } = value;
    switch (instruction.op) {
      case 'move':
        this.want(operands[0], wanted, depth);
        return;
      case 'unary':
        if (instruction.operator === 'not') this.want(operands[0], !wanted, depth);
        return;
      case 'binary':
        // Of an `and` that is to be true those that are false, of an `or` that is to be false those that are true.
        if (instruction.operator === 'and' || instruction.operator === 'or') {
          for (const operand of operands) this.want(operand, wanted, depth);
        } else if (instruction.operator === 'xor') {
          for (const operand of operands) this.want(operand, wordOf(operand) !== true, depth);
        }
        return;
      case 'select':
        this.want(wordOf(operands[0]) === true ? operands[1] : operands[2], wanted, depth);
        this.want(operands[0], wordOf(operands[0]) !== true, depth);
        return;
      case 'compare': {
        const [a, b] = [operands[0], operands[1]];
        const operator = wanted ? instruction.operator : NEGATED[instruction.operator];
        if (instruction.type === 'pred') {
          this.want(a, (operator === 'eq') === (wordOf(b) === true), depth);
          this.want(b, (operator === 'eq') === (wordOf(a) === true), depth);
          return;
        }
        this.#compare(a, operator, b, depth);
        this.#compare(b, MIRRORED[operator], a, depth);
        return;
      }
      default:
        return;
    }
  }

  /** `side operator other` is to hold. */
  #compare(side: Value, operator: CompareOperator, other: Value, depth: number): void {
    const bound = wordOf(other);
    if (!isDerived(side) || bound === undefined || typeof bound === 'boolean') return;
    const solved = solve(side, bound);
    if (solved !== null) {
      if (solved.kind === 'word') {
        const { load, value } = solved;
        const what = operator === 'eq' ? `wants ${value}` : `needs ${SYMBOLS[operator]} ${value}`;
        this.#add({ load, wants: what, site: this.#site });
        return;
      }
      // A flag that was made a number: `flag ? 1 : 0` compared with 0 or 1.
      const isMet = operator === 'eq' ? bound : bound === 0 || bound === 0n ? 1 : 0;
      this.want(solved.pred, Number(isMet) !== 0, depth);
      return;
    }
    const text = formatValue(side, 0);
    for (const load of loadsOf(side).values()) {
      this.#add({
        load,
        wants: text === null ? null : `needs ${text} ${SYMBOLS[operator]} ${bound}`,
        site: this.#site,
      });
    }
  }
}

type Solved =
  | { readonly kind: 'word'; readonly load: Load; readonly value: number | bigint }
  | { readonly kind: 'pred'; readonly pred: Derived };

/** The word of memory that `side` is, but for a constant, and the bound for that word; null: it is no such thing. */
function solve(side: Derived, bound: number | bigint): Solved | null {
  let value: Value = side;
  let limit: number | bigint = bound;
  for (let depth = 0; depth < MOST_DEPTH && isDerived(value); depth++) {
    if (value.kind === 'load') return { kind: 'word', load: value.load, value: limit };
    if (value.kind === 'guarded') {
      if (!isDerived(value.then)) return null;
      value = value.then;
      continue;
    }
    if (value.kind !== 'arithmetic') return null;
    const { instruction } = value;
    const operands: readonly Value[] = value.operands;
    switch (instruction.op) {
      case 'move':
        value = operands[0];
        continue;
      case 'convert':
        if (instruction.from === 'pred') return isDerived(operands[0]) ? { kind: 'pred', pred: operands[0] } : null;
        value = operands[0];
        if (typeof wordOf(value) === 'number') limit = Number(limit);
        else if (typeof limit === 'number') limit = BigInt(Math.trunc(limit));
        continue;
      case 'binary': {
        const step = undo(instruction.operator, operands[0], operands[1], limit);
        if (step === null) return null;
        [value, limit] = step;
        continue;
      }
      default:
        return null;
    }
  }
  return null;
}

/** What is left of a sum or a difference with a constant; null: it is none, or would wrap. */
function undo(operator: BinaryOperator, a: Value, b: Value, limit: number | bigint): [Value, number | bigint] | null {
  const [x, y] = [wordOf(a), wordOf(b)];
  if (isDerived(a) && isDerived(b)) return null;
  const constant = isDerived(a) ? y : x;
  if (constant === undefined || typeof constant === 'boolean') return null;
  const minus = (p: number | bigint, q: number | bigint): number | bigint =>
    typeof p === 'bigint' ? p - BigInt(q) : p - Number(q);
  if (operator === 'add') return notBelowZero(isDerived(a) ? a : b, minus(limit, constant), limit);
  if (operator === 'sub' && isDerived(a)) return [a, minus(limit, -constant)];
  return null;
}

/** A bound below 0 where the word cannot be: the sum has wrapped, and is told as it stands. */
function notBelowZero(value: Value, limit: number | bigint, before: number | bigint): [Value, number | bigint] | null {
  return limit < 0 && before >= 0 && typeof limit === 'bigint' ? null : [value, limit];
}

const OPERATORS: Partial<Readonly<Record<BinaryOperator, string>>> = {
  add: '+',
  sub: '-',
  mul: '*',
  div: '/',
  rem: '%',
  and: '&',
  or: '|',
  xor: '^',
  shl: '<<',
  shr: '>>',
};

/** A value as an expression of `value`, the word that was loaded; null: it is too much. */
function formatValue(value: Value, depth: number): string | null {
  if (!isDerived(value)) return value === undefined ? null : String(value);
  if (depth > 6) return null;
  switch (value.kind) {
    case 'load':
      return 'value';
    case 'guarded':
      return formatValue(value.then, depth);
    case 'arithmetic': {
      const { instruction, operands } = value;
      if (instruction.op === 'move' || instruction.op === 'convert') return formatValue(operands[0], depth);
      if (instruction.op !== 'binary') return null;
      const operator = OPERATORS[instruction.operator];
      const [a, b] = [formatValue(operands[0], depth + 1), formatValue(operands[1], depth + 1)];
      return operator === undefined || a === null || b === null ? null : `(${a} ${operator} ${b})`;
    }
    default:
      return null;
  }
}
