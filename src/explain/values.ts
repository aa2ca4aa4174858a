import type { ArithmeticInstruction, CollectiveName, ParamValue, Word } from '../program/index.js';
import { type Allocation, Pointer, type ScalarType } from '../simt/index.js';

/** A word of memory that a thread has read. */
export interface Load {
  readonly allocation: Allocation;
  readonly offset: number;
  readonly type: ScalarType;
  /** What it holds. */
  readonly value: number | bigint;
  /** Whether it is in shared memory. */
  readonly isShared: boolean;
  /** Whether the scheduler sees the access: it is volatile, relaxed or acquire, or an atomic. */
  readonly isPolled: boolean;
  /** Site of the instruction. */
  readonly site: number;
}

/** A value that depends on memory, and how. */
export type Derived = { readonly value: Word } & (
  | { readonly kind: 'load'; readonly load: Load }
  | { readonly kind: 'arithmetic'; readonly instruction: ArithmeticInstruction; readonly operands: readonly Value[] }
  /** The result of a vote: the lanes' values, by lane. */
  | { readonly kind: 'vote'; readonly operation: CollectiveName; readonly lanes: readonly (readonly [number, Value])[] }
  /** It is `then` because a branch on `condition` went the way it did. */
  | { readonly kind: 'guarded'; readonly then: Value; readonly condition: Value }
  /** Made of these in some other way. */
  | { readonly kind: 'mixed'; readonly operands: readonly Value[] }
);

/** A value in a dry run: a plain one, one that depends on memory, or one that is not known. */
export type Value = Word | Derived | undefined;

export const isDerived = (value: Value): value is Derived => typeof value === 'object';

export const wordOf = (value: Value): Word | undefined => (typeof value === 'object' ? value.value : value);

/** Parameters of a launch as words. */
export const wordsOf = (params: readonly ParamValue[]): readonly Word[] =>
  params.map((value) => (value === null ? 0 : value instanceof Pointer ? value.address : value));

/** A lane leaves off: what it has come to is beyond what a dry run knows. */
export class Beyond extends Error {}

/** The words of memory that a value depends on, each once. */
export function loadsOf(value: Value, found: Map<string, Load> = new Map(), seen = new Set<Derived>()) {
  if (!isDerived(value) || seen.has(value)) return found;
  seen.add(value);
  switch (value.kind) {
    case 'load': {
      const key = keyOfLoad(value.load);
      if (!found.has(key)) found.set(key, value.load);
      break;
    }
    case 'arithmetic':
    case 'mixed':
      for (const operand of value.operands) loadsOf(operand, found, seen);
      break;
    case 'vote':
      for (const [, lane] of value.lanes) loadsOf(lane, found, seen);
      break;
    case 'guarded':
      loadsOf(value.then, found, seen);
      loadsOf(value.condition, found, seen);
      break;
    default:
      value satisfies never;
  }
  return found;
}

/** Whether a value depends on a word that was polled. */
export function dependsOnPoll(value: Value, seen = new Set<Derived>()): boolean {
  if (!isDerived(value) || seen.has(value)) return false;
  seen.add(value);
  switch (value.kind) {
    case 'load':
      return value.load.isPolled;
    case 'arithmetic':
    case 'mixed':
      return value.operands.some((operand) => dependsOnPoll(operand, seen));
    case 'vote':
      return value.lanes.some(([, lane]) => dependsOnPoll(lane, seen));
    case 'guarded':
      return dependsOnPoll(value.then, seen) || dependsOnPoll(value.condition, seen);
    default:
      return value satisfies never;
  }
}

/** Tells words of memory apart. */
export const keyOfLoad = ({ allocation, offset, isShared }: Load): string =>
  `${isShared ? 's' : 'g'}${allocation.base + offset}`;
