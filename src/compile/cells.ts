import type ts from 'typescript';
import { type Context, fail } from './context.js';
import { assign, emit, pure, readVariable, scalarOf } from './emit.js';
import type { Operand } from './hir.js';
import { type Cell, describeValue, type Value } from './values.js';

// Cells: what names and fields hold. A cell that may change where the compiler does not know is a program variable.

/** A new cell in the current region. */
export const newCell = (c: Context, name: string, value: Value | null, isConstant: boolean): Cell => ({
  value,
  variable: null,
  element: null,
  name,
  isConstant,
  region: c.region,
  lazy: null,
});

/** Gives a dynamic scalar a name that a debugger shows. The value stays what it was. */
export function nameValue(c: Context, name: string, value: Value, scope = c.scope): void {
  if (c.region.isStatic || c.code.frames[c.code.scopes[scope]?.frame ?? 0]?.isLibrary) return;
  if (value.kind === 'registers') {
    c.code.arrays[value.array]!.name ??= name;
    return;
  }
  if (value.kind !== 'dynamic' && value.kind !== 'pointer') return;
  nameOperand(c, name, value.operand, scope);
}

function nameOperand(c: Context, name: string, operand: Operand, scope: number): void {
  if (operand.op === 'temp' && operand.temp.name === null) {
    operand.temp.name = name;
    operand.temp.scope = scope;
    return;
  }
  const copy = pure(c, 'name', [operand]);
  if (copy.op === 'temp') {
    copy.temp.name = name;
    copy.temp.scope = scope;
  }
}

/** Makes a cell a variable of the program, if a scalar can be in it. */
export function makeVariable(c: Context, cell: Cell, name: string, scope = c.scope): void {
  const { value } = cell;
  if (value !== null && scalarOf(value) === null) return;
  cell.variable = c.code.newMutable(name, null, scope);
  cell.value = null;
  if (value === null) emit(c, { op: 'undefine', variable: cell.variable }, null);
  else assignVariable(c, cell, value);
}

/** The value that a cell holds now. */
export function readCell(c: Context, cell: Cell): Value {
  if (cell.lazy !== null) {
    const { lazy } = cell;
    cell.lazy = () => fail(c, `a constant that is computed from itself ('${cell.name}')`, 'break the cycle');
    cell.value = lazy();
    cell.lazy = null;
  }
  if (cell.value !== null) return cell.value;
  if (cell.variable !== null) return readVariable(c, cell);
  return {
    kind: 'poison',
    construct: `a read of '${cell.name}' before it is assigned`,
    advice: 'assign it first, on every path',
  };
}

/** Assigns a cell whose region is the current one, or that is a variable. */
export function writeCell(c: Context, cell: Cell, value: Value, onMoved: () => void): void {
  if (value.kind === 'poison') fail(c, value.construct, value.advice);
  if (cell.variable !== null) {
    assignVariable(c, cell, value);
    return;
  }
  if (cell.region === c.region) {
    cell.value = value;
    return;
  }
  if (scalarOf(value) === null || (cell.value !== null && scalarOf(cell.value) === null)) {
    fail(
      c,
      `an assignment of ${describeValue(value)} to '${cell.name}' under a condition or in a loop`,
      'only numbers, bigints, booleans and pointers can change at run time: use a constant for each value',
    );
  }
  onMoved();
}

function assignVariable(c: Context, cell: Cell, value: Value): void {
  const variable = cell.variable!;
  const scalar = scalarOf(value);
  if (scalar === null) {
    if (value.kind === 'static' && value.value === undefined) {
      emit(c, { op: 'undefine', variable }, null);
      return;
    }
    fail(
      c,
      `an assignment of ${describeValue(value)} to '${cell.name}'`,
      'a variable that changes holds a number, a bigint, a boolean or a pointer',
    );
  }
  variable.kind ??= scalar.kind;
  if (variable.kind !== scalar.kind) {
    fail(c, `an assignment of ${describeValue(value)} to '${cell.name}', which holds another type`, 'use one type');
  }
  if (value.kind === 'pointer') {
    if (cell.element !== null && cell.element !== value.element) {
      fail(c, `an assignment of ${describeValue(value)} to '${cell.name}', a pointer to ${cell.element}`, 'cast it');
    }
    cell.element = value.element;
  }
  assign(c, variable, scalar.operand);
}

/** Remembers that a field is assigned where the compiler cannot follow, so that the next attempt makes it a variable. */
export function noteMutableField(c: Context, origin: ts.Node, name: string): void {
  let names = c.mutableFields.get(origin);
  if (names === undefined) {
    names = new Set();
    c.mutableFields.set(origin, names);
  }
  names.add(name);
  c.mustRestart = true;
}
