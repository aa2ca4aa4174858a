import type { ScalarType, Scope } from '../simt/index.js';
import { type Context, fail } from './context.js';
import { bigintOf, numberOf, scalarOf } from './emit.js';
import type { HirElement, HirSource, Operand } from './hir.js';
import { checkCopy, sourceOf } from './merge.js';
import { describeValue, isScalarType, isScope, type PointerValue, UNDEFINED, type Value } from './values.js';

// Operands of operations, checked.

/** Whether an argument was given: undefined means that it was not. */
export const isGiven = (value: Value | undefined): value is Value =>
  value !== undefined && !(value.kind === 'static' && value.value === undefined);

/** A word for a shuffle or a match. */
export function wordOf(c: Context, value: Value | undefined, what: string): { kind: 'num' | 'big'; operand: Operand } {
  const scalar = value === undefined ? null : scalarOf(value);
  if (scalar?.kind === 'big') return { kind: 'big', operand: scalar.operand };
  if (scalar?.kind === 'bool') return fail(c, `a boolean as ${what}`, 'write Number(…)');
  return { kind: 'num', operand: numberOf(c, value ?? UNDEFINED, what) };
}

/** A string that must be known: a scope, a type, a name. */
export function textOf(c: Context, value: Value | undefined, what: string): string {
  if (value?.kind === 'static' && typeof value.value === 'string') return value.value;
  if (value !== undefined) c.needStatic(value);
  return fail(
    c,
    `${value === undefined ? 'nothing' : describeValue(value)} as ${what}`,
    'it must be a string that is known when the kernel is compiled',
  );
}

export function scopeOf(c: Context, value: Value | undefined, name: string): Scope {
  const text = textOf(c, value, `the scope of ${name}`);
  return isScope(text) ? text : fail(c, `the scope '${text}'`, "it is 'block', 'device' or 'system'");
}

export function typeOf(c: Context, value: Value | undefined, name: string): ScalarType {
  const text = textOf(c, value, `the type of ${name}`);
  return isScalarType(text) ? text : fail(c, `the type '${text}'`, "it is 'i8', 'u8', … 'u64' or 'f32'");
}

/** Kind of the values of an element type. */
export const kindOfElement = (type: ScalarType): 'num' | 'big' => (type === 'i64' || type === 'u64' ? 'big' : 'num');

/** A register that a load writes to. */
export function registerOf(c: Context, value: Value, base: PointerValue, name: string): HirElement {
  if (value.kind !== 'register')
    return fail(c, `${describeValue(value)} as the target of ${name}`, 'it must be a register');
  if (value.copyOf !== null)
    return fail(c, `a register chosen by a condition as the target of ${name}`, 'branch, and load into each register');
  if (sizeOf(value.element) !== sizeOf(base.element))
    return fail(c, `a register of ${value.element} for an element of ${base.element}`, 'their sizes must be equal');
  return { array: value.array, index: value.index };
}

const sizeOf = (type: ScalarType): number =>
  type.endsWith('8') ? 1 : type.endsWith('16') ? 2 : type.endsWith('32') ? 4 : 8;

/** What a store to a pointer stores: a value of its kind, or a register of its size. */
export function storedOf(c: Context, value: Value, base: { readonly element: ScalarType }, name: string): HirSource {
  if (value.kind === 'register') {
    checkCopy(c, value);
    if (sizeOf(value.element) !== sizeOf(base.element))
      return fail(c, `a register of ${value.element} stored as ${base.element}`, 'their sizes must be equal');
    return sourceOf(c, value)!;
  }
  const what = `the value of ${name} of ${base.element}`;
  if (kindOfElement(base.element) === 'big') return bigintOf(c, value, what);
  const scalar = scalarOf(value);
  if (scalar?.kind === 'bool') return fail(c, `a boolean as ${what}`, 'write Number(…)');
  return numberOf(c, value, what);
}
