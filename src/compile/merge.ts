import type ts from 'typescript';
import type { ScalarType } from '../simt/index.js';
import { type Context, fail } from './context.js';
import { assign, dynamic, emit, pointer, pure, scalarOf } from './emit.js';
import { constantCell } from './environment.js';
import { type Block, constant, type HirSource, type Instruction, kindOfOperand, type Operand } from './hir.js';
import {
  describeValue,
  type ListValue,
  type ObjectValue,
  type PointerValue,
  type RegisterValue,
  type Value,
} from './values.js';

/** A value at the end of one of several paths. */
export interface Arm {
  readonly block: Block;
  readonly value: Value;
}

/** Whether two values are the same, whatever path was taken. */
function isSame(a: Value, b: Value): boolean {
  if (a === b) return true;
  if (a.kind === 'static' && b.kind === 'static') return Object.is(a.value, b.value);
  if ((a.kind === 'dynamic' && b.kind === 'dynamic') || (a.kind === 'pointer' && b.kind === 'pointer')) {
    return isSameOperand(a.operand, b.operand);
  }
  if (a.kind === 'thread') return b.kind === 'thread';
  if (a.kind === 'native') return b.kind === 'native' && a.name === b.name;
  if (a.kind === 'registers') return b.kind === 'registers' && a.array === b.array;
  if (a.kind === 'register' && b.kind === 'register')
    return a.array === b.array && a.copyOf === b.copyOf && isSameOperand(a.index, b.index);
  return a.kind === 'function' && b.kind === 'function' && a.node === b.node && a.environment === b.environment;
}

function isSameOperand(a: Operand, b: Operand): boolean {
  if (a.op === 'temp') return b.op === 'temp' && a.temp === b.temp;
  if (a.op === 'const') return b.op === 'const' && Object.is(a.value, b.value);
  if (a.op === 'param') return b.op === 'param' && a.index === b.index;
  return b.op === 'special' && a.name === b.name;
}

/** Instructions that may be computed although the path that they stand on is not taken. */
export const isHarmless = (instruction: Instruction): boolean =>
  instruction.op === 'read' || (instruction.op === 'pure' && instruction.isTotal);

/** How paths come together: as a choice between operands, or as a variable that each path assigns. */
type Join = (values: readonly Operand[]) => Operand;

/** `condition ? a : b` of values that were both computed. */
export function selectValue(c: Context, condition: Operand, a: Value, b: Value): Value {
  return join(c, [a, b], ([first, second]) => selectOperand(c, condition, first!, second!), {
    registers: (element, [first, second]) => {
      const array = c.code.newArray(element, constant(1), c.scope);
      emit(
        c,
        {
          op: 'selectElement',
          element: { array, index: constant(0) },
          condition,
          a: first!,
          b: second!,
        },
        null,
      );
      return array;
    },
  });
}

function selectOperand(c: Context, condition: Operand, a: Operand, b: Operand): Operand {
  if (a.op === 'const' && b.op === 'const' && typeof a.value === 'boolean')
    return a.value ? condition : pure(c, 'p.not', [condition]);
  if (b.op === 'const' && b.value === false) return pure(c, 'p.and', [condition, a]);
  if (a.op === 'const' && a.value === true) return pure(c, 'p.or', [condition, b]);
  return pure(c, 'select', [condition, a, b]);
}

/** The value after a join: each arm's block jumps to `target`, where control goes on. */
export function mergeArms(c: Context, arms: readonly Arm[], target: Block): Value {
  const { node } = c;
  const site = c.siteOf(node);
  const inArm = (index: number, action: () => void) => {
    c.block = arms[index]!.block;
    action();
  };
  const value = join(
    c,
    arms.map((arm) => arm.value),
    (operands) => {
      const variable = c.code.newMutable(null, null, c.scope);
      operands.forEach((operand, index) => {
        inArm(index, () => {
          variable.kind ??= kindOfOperand(operand);
          assign(c, variable, operand);
        });
      });
      c.block = target;
      return emit(c, { op: 'read', variable }, variable.kind!);
    },
    {
      registers: (element, sources) => {
        const array = c.code.newArray(element, constant(1), c.scope);
        sources.forEach((value, index) => {
          inArm(index, () => {
            emit(c, { op: 'writeElement', element: { array, index: constant(0) }, value }, null);
          });
        });
        c.block = target;
        return array;
      },
    },
  );
  for (const arm of arms) c.code.end(arm.block, { op: 'jump', site, target });
  c.block = target;
  return value;
}

interface RegisterJoin {
  /** A new array of one register that holds what the taken path gives. */
  readonly registers: (element: ScalarType, sources: readonly HirSource[]) => number;
}

function join(c: Context, values: readonly Value[], scalars: Join, registers: RegisterJoin): Value {
  const [first] = values;
  if (first === undefined) throw new Error('[simtwin bug] no paths to join');
  if (values.every((value) => isSame(value, first))) return first;
  if (values.some((value) => value.kind === 'register')) return joinRegisters(c, values, registers);
  const operands = values.map(scalarOf);
  const kinds = new Set(operands.map((scalar) => scalar?.kind));
  if (kinds.size === 1 && !kinds.has(undefined)) {
    if (!kinds.has('ptr')) return dynamic(scalars(operands.map((scalar) => scalar!.operand)));
    const pointers = values.filter((value): value is PointerValue => value.kind === 'pointer');
    const element = pointers[0]!.element;
    if (pointers.every((value) => value.element === element)) {
      const isNullable = pointers.length < values.length || pointers.some((value) => value.isNullable);
      return pointer(scalars(operands.map((scalar) => scalar!.operand)), element, isNullable);
    }
    return { kind: 'poison', construct: 'a choice between pointers of different types', advice: 'cast one of them' };
  }
  if (values.every((value) => value.kind === 'object')) return joinObjects(c, values, first, scalars, registers);
  if (values.every((value) => value.kind === 'list')) return joinLists(c, values, first, scalars, registers);
  const [a, b] = [first, values.find((value) => !isSame(value, first))!];
  return {
    kind: 'poison',
    construct: `a value that is ${describeValue(a)} on one path and ${describeValue(b)} on another`,
    advice: 'choose between values of one type, or use it on each path',
  };
}

function joinObjects(
  c: Context,
  values: readonly Value[],
  first: Value,
  scalars: Join,
  registers: RegisterJoin,
): Value {
  const objects = values as readonly ObjectValue[];
  const names = new Set(objects.flatMap((object) => [...object.cells.keys()]));
  if (objects.some(({ classValue }) => classValue !== null)) {
    return {
      kind: 'poison',
      construct: `a choice between ${describeValue(first)} and another`,
      advice: 'use each on its own path',
    };
  }
  const cells = new Map<string, ReturnType<typeof constantCell>>();
  for (const name of names) {
    const fields = objects.map((object) => object.cells.get(name)?.value ?? null);
    for (const object of objects) object.isFrozen = true;
    const value: Value = fields.includes(null)
      ? {
          kind: 'poison',
          construct: `the field '${name}' of one of several objects, which changes or is not in all of them,`,
          advice: 'use each object on its own path',
        }
      : join(c, fields as Value[], scalars, registers);
    cells.set(name, constantCell(name, value, c.region));
  }
  return {
    kind: 'object',
    cells,
    classValue: null,
    name: null,
    origin: null,
    region: c.region,
    scope: c.scope,
    isFrozen: true,
  };
}

function joinLists(c: Context, values: readonly Value[], first: Value, scalars: Join, registers: RegisterJoin): Value {
  const lists = values as readonly ListValue[];
  const { length } = (first as ListValue).items;
  if (lists.some(({ items }) => items.length !== length)) {
    return {
      kind: 'poison',
      construct: 'a choice between arrays of different lengths',
      advice: 'use each on its own path',
    };
  }
  for (const list of lists) list.isFrozen = true;
  const items = Array.from({ length }, (_, at) =>
    join(
      c,
      lists.map((list) => list.items[at]!),
      scalars,
      registers,
    ),
  );
  return { kind: 'list', items, origin: null, region: c.region, isFrozen: true };
}

function joinRegisters(c: Context, values: readonly Value[], { registers }: RegisterJoin): Value {
  const { element } = values.find((value): value is RegisterValue => value.kind === 'register')!;
  const sources: HirSource[] = [];
  for (const value of values) {
    const source = sourceOf(c, value);
    if (source === null || (value.kind === 'register' && value.element !== element)) {
      return {
        kind: 'poison',
        construct: `a choice between a register and ${describeValue(value)}`,
        advice: 'choose between registers or values of one type',
      };
    }
    sources.push(source);
  }
  const array = registers(element, sources);
  const copyOf = { region: c.region, writes: writesOf(c) };
  return { kind: 'register', array, element, index: constant(0), copyOf };
}

/** How often registers have been written to so far, on the way through the source. */
const writesOf = (c: Context): number => c.code.arrays.reduce((sum, { writes }) => sum + writes, 0);

/** What is stored for a value: an operand or a register; null if it is neither. */
export function sourceOf(c: Context, value: Value): HirSource | null {
  if (value.kind === 'register') {
    checkCopy(c, value);
    return { op: 'element', element: { array: value.array, index: value.index } };
  }
  const scalar = scalarOf(value);
  return scalar === null || scalar.kind === 'ptr' || scalar.kind === 'bool' ? null : scalar.operand;
}

/** A chosen register is a copy: it must be used before any register changes. */
export function checkCopy(c: Context, { copyOf }: RegisterValue, node?: ts.Node): void {
  if (copyOf !== null && (copyOf.region !== c.region || copyOf.writes !== writesOf(c))) {
    fail(
      c,
      'a register that was chosen by a condition and is used later',
      'choose it in the operand itself, or branch and use each register on its own path',
      node,
    );
  }
}
