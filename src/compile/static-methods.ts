import ts from 'typescript';
import { readCell } from './cells.js';
import { type Context, fail } from './context.js';
import { dynamic, pure, scalarOf } from './emit.js';
import type { Operand } from './hir.js';
import { fieldsOf, itemsOf } from './literals.js';
import { binary, textOf, truthOf } from './operators.js';
import { describeValue, type ListValue, type ObjectValue, staticValue, UNDEFINED, type Value } from './values.js';

// Methods of arrays, strings and `Object` whose receivers are known at compile time.

const list = (c: Context, items: readonly Value[]): ListValue => ({
  kind: 'list',
  items: [...items],
  origin: null,
  region: c.region,
  isFrozen: false,
});

const object = (c: Context, fields: Iterable<readonly [string, Value]>): ObjectValue => {
  const made: ObjectValue = {
    kind: 'object',
    cells: new Map(),
    classValue: null,
    name: null,
    origin: null,
    region: c.region,
    scope: c.scope,
    isFrozen: false,
  };
  for (const [name, value] of fields) setField(c, made, name, value);
  return made;
};

function setField(c: Context, target: ObjectValue, name: string, value: Value): void {
  target.cells.set(name, {
    value,
    variable: null,
    element: null,
    name,
    isConstant: false,
    region: c.region,
    lazy: null,
  });
}

/** `Object.name(args)` and `Array.name(args)`; null if kernels do not know it. */
export function callObjectFunction(c: Context, name: string, args: readonly Value[]): Value | null {
  const [first = UNDEFINED, second] = args;
  switch (name) {
    case 'Object.assign': {
      if (first.kind !== 'object' || first.isFrozen || first.region !== c.region) return null;
      for (const source of args.slice(1))
        for (const [field, value] of fieldsOf(c, source)) setField(c, first, field, value);
      return first;
    }
    case 'Object.freeze':
      return first;
    case 'Object.keys':
      return list(
        c,
        fieldsOf(c, first).map(([field]) => staticValue(field)),
      );
    case 'Object.values':
      return list(
        c,
        fieldsOf(c, first).map(([, value]) => value),
      );
    case 'Object.entries':
      return list(
        c,
        fieldsOf(c, first).map(([field, value]) => list(c, [staticValue(field), value])),
      );
    case 'Object.fromEntries':
      return object(
        c,
        itemsOf(c, first).map((entry) => {
          const [field = UNDEFINED, value = UNDEFINED] = itemsOf(c, entry);
          return [textOf(field), value] as const;
        }),
      );
    case 'Array.isArray':
      return staticValue(first.kind === 'list');
    case 'Array.of':
      return list(c, args);
    case 'Array.from': {
      const items = first.kind === 'object' ? Array<Value>(lengthOf(c, first)).fill(UNDEFINED) : itemsOf(c, first);
      return second === undefined ? list(c, items) : mapped(c, items, second);
    }
    default:
      return null;
  }
}

function lengthOf(c: Context, { cells }: ObjectValue): number {
  const cell = cells.get('length');
  const value = cell === undefined ? UNDEFINED : readCell(c, cell);
  if (value.kind === 'static' && typeof value.value === 'number' && value.value <= 65536) return value.value;
  return fail(c, 'Array.from of a length that is not known', 'use a constant length');
}

const mapped = (c: Context, items: readonly Value[], callee: Value): Value =>
  list(
    c,
    items.map((item, at) => c.call(callee, [item, staticValue(at)], c.node)),
  );

/** `array.name(args)`; null if kernels do not know it. */
export function callList(c: Context, receiver: ListValue, name: string, args: readonly Value[]): Value | null {
  const { items } = receiver;
  const [first = UNDEFINED] = args;
  const knownTruth = (item: Value, at: number): boolean => {
    const truth = truthOf(c, c.call(first, [item, staticValue(at)], c.node));
    if (typeof truth === 'boolean') return truth;
    return fail(c, `array.${name} with a condition that the thread computes`, 'write a loop');
  };
  const number = (at: number, fallback: number): number => {
    const value = args[at];
    if (value === undefined) return fallback;
    if (value.kind === 'static' && typeof value.value === 'number') return value.value;
    return fail(c, `array.${name} with ${describeValue(value)}`, 'use constants');
  };
  switch (name) {
    case 'map':
      return mapped(c, items, first);
    case 'flatMap':
      return list(
        c,
        items.flatMap((item, at) => {
          const result = c.call(first, [item, staticValue(at)], c.node);
          return result.kind === 'list' ? result.items : [result];
        }),
      );
    case 'forEach':
      items.forEach((item, at) => {
        c.call(first, [item, staticValue(at)], c.node);
      });
      return UNDEFINED;
    case 'filter':
      return list(c, items.filter(knownTruth));
    case 'find':
      return items.find(knownTruth) ?? UNDEFINED;
    case 'findIndex':
      return staticValue(items.findIndex(knownTruth));
    case 'some':
      return staticValue(items.some(knownTruth));
    case 'every':
      return staticValue(items.every(knownTruth));
    case 'reduce': {
      if (args[1] === undefined && items.length === 0)
        return fail(c, 'array.reduce of an empty array', 'give it a start');
      const [start, rest] = args[1] === undefined ? [items[0]!, items.slice(1)] : [args[1], items];
      return rest.reduce<Value>((sum, item) => c.call(first, [sum, item], c.node), start);
    }
    case 'includes':
      return includes(c, items, first);
    case 'indexOf': {
      const at = items.findIndex(
        (item) => item.kind === 'static' && first.kind === 'static' && item.value === first.value,
      );
      return first.kind === 'static' ? staticValue(at) : null;
    }
    case 'concat':
      return list(c, [...items, ...args.flatMap((value) => (value.kind === 'list' ? value.items : [value]))]);
    case 'slice':
      return list(c, items.slice(number(0, 0), number(1, items.length)));
    case 'at':
      return first.kind === 'static' ? (items.at(number(0, 0)) ?? UNDEFINED) : null;
    case 'keys':
      return list(
        c,
        items.map((_, at) => staticValue(at)),
      );
    case 'values':
      return list(c, items);
    case 'entries':
      return list(
        c,
        items.map((item, at) => list(c, [staticValue(at), item])),
      );
    case 'join':
      return staticValue(items.map(textOf).join(args[0] === undefined ? ',' : textOf(args[0])));
    case 'push':
      if (receiver.isFrozen || receiver.region !== c.region)
        return fail(c, 'array.push under a condition or in a loop', 'use a register array or shared memory');
      items.push(...args);
      return staticValue(items.length);
    default:
      return null;
  }
}

/** Whether some item is the value: a chain of comparisons if the thread computes it. */
function includes(c: Context, items: readonly Value[], value: Value): Value {
  let found: Operand | null = null;
  for (const item of items) {
    const isIt = binary(c, ts.SyntaxKind.EqualsEqualsEqualsToken, item, value);
    if (isIt.kind === 'static') {
      if (isIt.value === true) return staticValue(true);
      continue;
    }
    const scalar = scalarOf(isIt)!;
    found = found === null ? scalar.operand : pure(c, 'p.or', [found, scalar.operand]);
  }
  return found === null ? staticValue(false) : dynamic(found);
}

/** `text.name(args)` of a known string; null if kernels do not know it. */
export function callText(text: string, name: string, args: readonly Value[]): Value | null {
  const known = args.map((value) => (value.kind === 'static' ? value.value : null));
  if (known.some((value) => value === null)) return null;
  const [first] = known;
  switch (name) {
    case 'toUpperCase':
      return staticValue(text.toUpperCase());
    case 'toLowerCase':
      return staticValue(text.toLowerCase());
    case 'startsWith':
      return staticValue(text.startsWith(String(first)));
    case 'endsWith':
      return staticValue(text.endsWith(String(first)));
    case 'includes':
      return staticValue(text.includes(String(first)));
    default:
      return null;
  }
}
