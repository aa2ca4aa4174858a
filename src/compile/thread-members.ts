import type { AtomicOperator, CollectiveName, SpecialName } from '../program/program.js';
import type { Scope } from '../simt/index.js';
import { type Context, fail } from './context.js';
import { bigintOf, booleanOf, dynamic, emit, numberOf, pointer, pointerOf, pure } from './emit.js';
import { constantCell } from './environment.js';
import { constant, type Operand, special } from './hir.js';
import { isGiven, kindOfElement, registerOf, scopeOf, storedOf, textOf, typeOf, wordOf } from './operands.js';
import { callOperation } from './operations.js';
import { newArrayOf } from './register-members.js';
import { type OperationValue, type PointerValue, UNDEFINED, type Value } from './values.js';

// The members of `Thread`.

const FULL = constant(0xffffffff);
const ZERO = constant(0);

/** A property of the thread; null if it has none of that name. */
export function threadProperty(c: Context, name: string): Value | null {
  const lane = special('laneId');
  const maskOf = (operand: Operand) => dynamic(pure(c, 'n.toU32', [operand]));
  const below = (bits: number) => pure(c, 'n.sub', [pure(c, 'n.shl', [constant(bits), lane]), constant(1)]);
  switch (name) {
    case 'threadIdx':
    case 'blockIdx':
    case 'blockDim':
    case 'gridDim':
      return {
        kind: 'object',
        cells: new Map(
          (['x', 'y', 'z'] as const).map((axis) => [
            axis,
            constantCell(axis, dynamic(special(`${name}.${axis}` as SpecialName)), c.region),
          ]),
        ),
        classValue: null,
        name: null,
        origin: null,
        region: c.region,
        scope: c.scope,
        isFrozen: true,
      };
    case 'laneId':
      return dynamic(lane);
    case 'threadRank':
      return dynamic(pure(c, 'n.add', [pure(c, 'n.mul', [special('warpIndex'), constant(32)]), lane]));
    case 'globalThreadIdx': {
      const first = pure(c, 'n.imul', [special('blockIdx.x'), special('blockDim.x')]);
      return dynamic(pure(c, 'n.toI32', [pure(c, 'n.add', [first, special('threadIdx.x')])]));
    }
    case 'lanemaskLt':
      return maskOf(below(1));
    case 'lanemaskLe':
      return maskOf(below(2));
    case 'lanemaskEq':
      return maskOf(pure(c, 'n.shl', [constant(1), lane]));
    case 'lanemaskGt':
      return maskOf(pure(c, 'n.not', [below(2)]));
    case 'lanemaskGe':
      return maskOf(pure(c, 'n.not', [below(1)]));
    default:
      return null;
  }
}

const SHUFFLES: Readonly<Record<string, CollectiveName>> = {
  shflSync: 'shfl.idx',
  shflUpSync: 'shfl.up',
  shflDownSync: 'shfl.down',
  shflXorSync: 'shfl.bfly',
};
const REDUCTIONS: Readonly<Record<string, CollectiveName>> = {
  reduceAddSync: 'redux.add',
  reduceMinSync: 'redux.min',
  reduceMaxSync: 'redux.max',
  reduceAndSync: 'redux.and',
  reduceOrSync: 'redux.or',
  reduceXorSync: 'redux.xor',
};
const ATOMICS: Readonly<Record<string, AtomicOperator>> = {
  atomicAdd: 'add',
  atomicAddBlock: 'add',
  atomicAddSystem: 'add',
  atomicSub: 'sub',
  atomicExch: 'exch',
  atomicMin: 'min',
  atomicMax: 'max',
  atomicInc: 'inc',
  atomicDec: 'dec',
  atomicAnd: 'and',
  atomicOr: 'or',
  atomicXor: 'xor',
};
const BARRIERS: Readonly<Record<string, { readonly kind: 'sync' | 'arrive'; readonly isAligned: boolean }>> = {
  barrierSync: { kind: 'sync', isAligned: false },
  barrierSyncAligned: { kind: 'sync', isAligned: true },
  barrierArrive: { kind: 'arrive', isAligned: false },
  barrierArriveAligned: { kind: 'arrive', isAligned: true },
};
const FENCES: Readonly<Record<string, Scope>> = {
  threadfenceBlock: 'block',
  threadfence: 'device',
  threadfenceSystem: 'system',
};

/** `t.name(args)`; null if the thread has no such method. */
export function callThread(c: Context, name: string, args: readonly Value[]): Value | null {
  const what = (at: number) => `argument ${at + 1} of ${name}`;
  const number = (at: number, fallback: Operand) => (isGiven(args[at]) ? numberOf(c, args[at], what(at)) : fallback);
  const mask = () => numberOf(c, args[0] ?? UNDEFINED, what(0));
  const predicate = () => booleanOf(c, args[1] ?? UNDEFINED, what(1));
  const collective = (
    operation: CollectiveName,
    result: OperationValue['result'],
    value: Operand | null,
    a: Operand | null = null,
    b: Operand | null = null,
    lanes = mask(),
  ) => callOperation(c, name, { op: 'collective', operation, mask: lanes, value, a, b }, result);
  const shuffle = SHUFFLES[name];
  if (shuffle !== undefined) {
    const word = wordOf(c, args[1], what(1));
    return collective(shuffle, word.kind, word.operand, number(2, ZERO), number(3, constant(32)));
  }
  const reduction = REDUCTIONS[name];
  if (reduction !== undefined) return collective(reduction, 'num', numberOf(c, args[1] ?? UNDEFINED, what(1)));
  const atomic = ATOMICS[name];
  if (atomic !== undefined) return callAtomic(c, name, atomic, args);
  const barrier = BARRIERS[name];
  if (barrier !== undefined)
    return callOperation(
      c,
      name,
      { op: 'barrier', ...barrier, id: number(0, ZERO), threadCount: number(1, ZERO) },
      null,
    );
  const fence = FENCES[name];
  if (fence !== undefined) return callOperation(c, name, { op: 'fence', scope: fence }, null);
  switch (name) {
    case 'syncwarp':
      return collective('sync', null, null, null, null, number(0, FULL));
    case 'anySync':
      return collective('any', 'bool', predicate());
    case 'allSync':
      return collective('all', 'bool', predicate());
    case 'ballotSync':
      return collective('ballot', 'num', predicate(), ZERO);
    case 'ballotShifted':
      return collective('ballot', 'num', predicate(), number(2, ZERO));
    case 'matchAnySync':
      return collective('match.any', 'num', wordOf(c, args[1], what(1)).operand, ZERO);
    case 'matchAnyShifted':
      return collective('match.any', 'num', wordOf(c, args[1], what(1)).operand, number(2, ZERO));
    case 'matchAllSync':
      return collective('match.all', 'num', wordOf(c, args[1], what(1)).operand);
    case 'activemask':
      return callOperation(c, name, { op: 'activemask' }, 'num');
    case 'syncthreads':
      return callOperation(
        c,
        name,
        { op: 'barrier', kind: 'sync', isAligned: true, id: ZERO, threadCount: ZERO },
        null,
      );
    case 'atomicCAS':
      return callAtomic(c, name, 'cas', args);
    case 'shared':
      return declareShared(c, args);
    case 'registerArray':
      return newArrayOf(c, args);
    default:
      return callAccess(c, name, args);
  }
}

function declareShared(c: Context, [name, type, count]: readonly Value[]): Value {
  const elementType = typeOf(c, type, 'shared');
  const text = textOf(c, name, 'the name of a shared variable');
  const elements = isGiven(count) ? numberOf(c, count, 'the count of a shared variable') : constant(1);
  return pointer(emit(c, { op: 'shared', name: text, elementType, count: elements }, 'ptr'), elementType);
}

function callAtomic(c: Context, name: string, operator: AtomicOperator, args: readonly Value[]): Value {
  const cell = pointerOf(c, args[0] ?? UNDEFINED, `the pointer of ${name}`);
  const { element } = cell;
  if (element !== 'i32' && element !== 'u32' && element !== 'i64' && element !== 'u64')
    return fail(c, `${name} of ${element}`, 'atomics work on i32, u32, i64 and u64');
  if (kindOfElement(element) === 'big' && (operator === 'inc' || operator === 'dec'))
    return fail(c, `${name} of ${element}`, 'it works on u32');
  const index = numberOf(c, args[1] ?? UNDEFINED, `the index of ${name}`);
  const word = (value: Value | undefined) =>
    kindOfElement(element) === 'big'
      ? bigintOf(c, value ?? UNDEFINED, `a value of ${name} of ${element}`)
      : numberOf(c, value ?? UNDEFINED, `a value of ${name} of ${element}`);
  const isCas = operator === 'cas';
  const compare = isCas ? word(args[2]) : null;
  const value = word(args[isCas ? 3 : 2]);
  const given = name.startsWith('atomicAdd') ? undefined : args[isCas ? 4 : 3];
  const fixed = name === 'atomicAddBlock' ? 'block' : name === 'atomicAddSystem' ? 'system' : 'device';
  const scope = isGiven(given) ? scopeOf(c, given, name) : fixed;
  return callOperation(
    c,
    name,
    { op: 'atomic', operator, elementType: element, base: cell.operand, index, value, compare, scope },
    kindOfElement(element),
  );
}

const ACCESS = /^(load|store)(Volatile|Relaxed|Acquire|Release)(V2|V4)?$/;

/** Volatile, relaxed, acquire and release accesses. */
function callAccess(c: Context, name: string, args: readonly Value[]): Value | null {
  const match = ACCESS.exec(name);
  if (match === null) return null;
  const [, direction, order, vector] = match;
  const ordering = order!.toLowerCase() as 'volatile' | 'relaxed' | 'acquire';
  const isScoped = ordering !== 'volatile';
  const isLoad = direction === 'load';
  if ((isScoped && vector !== undefined) || (order === 'Acquire' && !isLoad) || (order === 'Release' && isLoad))
    return null;
  const scope = isScoped ? scopeOf(c, args[0], name) : 'system';
  const [target, at, ...rest] = isScoped ? args.slice(1) : args;
  const base = pointerOf(c, target ?? UNDEFINED, `the pointer of ${name}`);
  const index = isGiven(at) ? numberOf(c, at, `the index of ${name}`) : ZERO;
  const access = { elementType: base.element, base: base.operand, index, ordering, scope };
  const operands = vectorOf(c, name, vector, rest, base);
  if (isLoad) {
    const registers = operands.map((value) => registerOf(c, value, base, name));
    const result = vector === undefined ? kindOfElement(base.element) : null;
    return callOperation(c, name, { op: 'load', ...access, registers }, result);
  }
  const values = operands.map((value) => storedOf(c, value, base, name));
  return callOperation(c, name, { op: 'store', ...access, ordering: access.ordering as 'volatile', values }, null);
}

function vectorOf(
  c: Context,
  name: string,
  vector: string | undefined,
  rest: readonly Value[],
  base: PointerValue,
): readonly Value[] {
  if (vector === undefined) return name.startsWith('load') ? [] : [rest[0] ?? UNDEFINED];
  if (vector === 'V2') return [rest[0] ?? UNDEFINED, rest[1] ?? UNDEFINED];
  if (kindOfElement(base.element) === 'big')
    return fail(c, `${name} of ${base.element}`, 'an access is at most 16 bytes');
  const [list] = rest;
  if (list?.kind === 'list' && list.items.length === 4) return list.items;
  return fail(c, `${name} without an array of four`, 'write [a, b, c, d]');
}
