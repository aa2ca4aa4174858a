import type { CompareOperator } from '../program/program.js';
import type { ScalarType } from '../simt/index.js';
import { type Context, fail, isInteger, NotStatic } from './context.js';
import {
  constant,
  type Instruction,
  type Kind,
  kindOfOperand,
  type Mutable,
  type Operand,
  type PureName,
} from './hir.js';
import {
  type Cell,
  type DynamicValue,
  describeValue,
  type PointerValue,
  type Value,
  type WithoutPlace,
} from './values.js';

/** All functions are inlined: nested calls may grow without end. */
const MOST_INSTRUCTIONS = 200_000;

/** Appends an instruction; one with a result of that kind gives an operand. */
export function emit(c: Context, instruction: WithoutPlace<Instruction>, kind: Kind, site?: number): Operand;
export function emit(c: Context, instruction: WithoutPlace<Instruction>, kind: null, site?: number): null;
export function emit(
  c: Context,
  instruction: WithoutPlace<Instruction>,
  kind: Kind | null,
  site = c.region.isStatic ? 0 : c.siteOf(),
): Operand | null {
  if (c.region.isStatic) throw new NotStatic(c.node);
  if (++c.code.size > MOST_INSTRUCTIONS) {
    fail(
      c,
      `a kernel of more than ${MOST_INSTRUCTIONS} instructions once its functions are inlined`,
      'call large functions at fewer places, or in loops',
    );
  }
  const complete = { ...instruction, site, to: null } as Instruction;
  if (kind !== null) complete.to = c.code.newTemp(kind, complete);
  c.block?.instructions.push(complete);
  return complete.to === null ? null : { op: 'temp', temp: complete.to };
}

/** Operations that fault for some operands. */
const isTotal = (name: PureName, args: readonly Operand[]): boolean => {
  const isNonZero = (operand: Operand) => operand.op === 'const' && Number(operand.value) !== 0;
  switch (name) {
    case 'b.div':
    case 'b.rem':
    case 'n.divI32':
    case 'n.remI32':
      return isNonZero(args[1]!);
    case 'b.fromNum':
      return isInteger(args[0]!);
    default:
      return true;
  }
};

const kindOfResult = (name: PureName, args: readonly Operand[]): Kind => {
  switch (name) {
    case 'compare':
      return 'bool';
    case 'select':
      return kindOfOperand(args[1]!);
    case 'name':
      return kindOfOperand(args[0]!);
    case 'address':
      return 'ptr';
    default:
      return name.startsWith('n.') ? 'num' : name.startsWith('b.') ? 'big' : 'bool';
  }
};

export function pure(c: Context, name: PureName, args: readonly Operand[], count?: number): Operand {
  const extra = count === undefined ? {} : { count };
  return emit(c, { op: 'pure', name, args, isTotal: isTotal(name, args), ...extra }, kindOfResult(name, args));
}

export function compare(c: Context, operator: CompareOperator, kind: Kind, a: Operand, b: Operand): Operand {
  return emit(c, { op: 'pure', name: 'compare', args: [a, b], isTotal: true, compare: { operator, kind } }, 'bool');
}

/** A dynamic value of an operand. Domain: no pointer. */
export const dynamic = (operand: Operand): DynamicValue => {
  const type = kindOfOperand(operand);
  if (type === 'ptr') throw new Error('[simtwin bug] a pointer has an element type');
  return { kind: 'dynamic', type, operand };
};

export const pointer = (operand: Operand, element: ScalarType, isNullable = false): PointerValue => ({
  kind: 'pointer',
  operand,
  element,
  isNullable,
});

/** The operand and the kind of a scalar; null if the value is none. A static null is a pointer. */
export function scalarOf(value: Value): { readonly kind: Kind; readonly operand: Operand } | null {
  switch (value.kind) {
    case 'dynamic':
      return { kind: value.type, operand: value.operand };
    case 'pointer':
      return { kind: 'ptr', operand: value.operand };
    case 'static': {
      const primitive = value.value;
      if (primitive === undefined || typeof primitive === 'string') return null;
      const operand = constant(primitive);
      return { kind: kindOfOperand(operand), operand };
    }
    default:
      return null;
  }
}

/** A number's operand; booleans count as 0 and 1. */
export function numberOf(c: Context, value: Value, what: string): Operand {
  const scalar = scalarOf(value);
  if (scalar?.kind === 'num') return scalar.operand;
  if (scalar?.kind === 'bool') return booleanToNumber(c, scalar.operand);
  return wrongKind(c, value, what, 'a number');
}

export const booleanToNumber = (c: Context, operand: Operand): Operand =>
  operand.op === 'const' ? constant(Number(operand.value)) : pure(c, 'n.fromBool', [operand]);

export function bigintOf(c: Context, value: Value, what: string): Operand {
  const scalar = scalarOf(value);
  return scalar?.kind === 'big' ? scalar.operand : wrongKind(c, value, what, 'a bigint');
}

export function booleanOf(c: Context, value: Value, what: string): Operand {
  const scalar = scalarOf(value);
  return scalar?.kind === 'bool' ? scalar.operand : wrongKind(c, value, what, 'a boolean');
}

export function pointerOf(c: Context, value: Value, what: string): PointerValue {
  return value.kind === 'pointer' ? value : wrongKind(c, value, what, 'a pointer');
}

function wrongKind(c: Context, value: Value, what: string, wanted: string): never {
  if (value.kind === 'poison') return fail(c, value.construct, value.advice);
  return fail(c, `${describeValue(value)} as ${what}`, `it must be ${wanted}`);
}

/** Assigns a scalar to a variable. */
export function assign(c: Context, variable: Mutable, value: Operand): void {
  emit(c, { op: 'assign', variable, value }, null);
}

/** The value of a variable. */
export function readVariable(c: Context, cell: Cell): Value {
  const variable = cell.variable!;
  if (variable.kind === null) {
    return {
      kind: 'poison',
      construct: `a read of '${variable.name}' before it is assigned`,
      advice: 'assign it first',
    };
  }
  if (variable.kind !== 'ptr') return dynamic(emit(c, { op: 'read', variable }, variable.kind));
  if (cell.element === null) {
    return {
      kind: 'poison',
      construct: `a pointer variable '${variable.name}' that starts as null`,
      advice: 'start with a pointer, and keep a boolean beside it',
    };
  }
  return pointer(emit(c, { op: 'read', variable }, 'ptr'), cell.element, true);
}
