import type { ScalarType } from '../simt/index.js';
import { type Context, fail } from './context.js';
import { dynamic, emit, numberOf, pointer, pure, scalarOf } from './emit.js';
import { constant, type Operand } from './hir.js';
import { checkCopy } from './merge.js';
import { isGiven, kindOfElement, registerOf, storedOf, typeOf } from './operands.js';
import {
  describeValue,
  type PointerValue,
  type RegisterArrayValue,
  type RegisterValue,
  staticValue,
  UNDEFINED,
  type Value,
} from './values.js';

// Members of pointers, registers and register arrays.

const BYTES: Readonly<Record<ScalarType, number>> = {
  i8: 1,
  u8: 1,
  i16: 2,
  u16: 2,
  i32: 4,
  u32: 4,
  f32: 4,
  i64: 8,
  u64: 8,
};

/** `t.registerArray(type, count)`. */
export function newArrayOf(c: Context, [type, count]: readonly Value[]): Value {
  const element = typeOf(c, type, 'registerArray');
  const elements = numberOf(c, count ?? UNDEFINED, 'the count of registerArray');
  const isKnown = elements.op === 'const' || elements.op === 'param';
  if (!isKnown) {
    if (count !== undefined) c.needStatic(count);
    return fail(c, 'a register array whose count is computed', 'use a constant or an argument of the kernel as count');
  }
  if (elements.op === 'const' && !(Number.isInteger(elements.value) && (elements.value as number) >= 0))
    return fail(c, `a register array of ${String(elements.value)} registers`, 'use a count of at least 0');
  const array = c.code.newArray(element, elements, c.scope);
  emit(c, { op: 'clearArray', array }, null);
  return { kind: 'registers', array, element, count: elements };
}

export function pointerProperty(c: Context, { operand, element }: PointerValue, name: string): Value | null {
  switch (name) {
    case 'type':
      return staticValue(element);
    case 'elementBytes':
      return staticValue(BYTES[element]);
    case 'address':
      return dynamic(pure(c, 'n.address', [operand]));
    default:
      return null;
  }
}

export function callPointer(c: Context, base: PointerValue, name: string, args: readonly Value[]): Value | null {
  const { element } = base;
  const index = (value: Value | undefined): Operand =>
    isGiven(value) ? numberOf(c, value, `the index of ${name}`) : constant(0);
  const access = { elementType: element, base: base.operand, ordering: 'plain', scope: 'system' } as const;
  switch (name) {
    case 'add': {
      const count = scalarOf(args[0] ?? UNDEFINED);
      const elements = count?.kind === 'big' ? count.operand : numberOf(c, args[0] ?? UNDEFINED, 'the count of add');
      return pointer(pure(c, 'address', [base.operand, elements], BYTES[element]), element);
    }
    case 'cast':
      return pointer(base.operand, typeOf(c, args[0], 'cast'));
    case 'load':
      return dynamic(emit(c, { op: 'load', ...access, index: index(args[0]), registers: [] }, kindOfElement(element)));
    case 'store': {
      const at = index(args[0]);
      const value = storedOf(c, args[1] ?? UNDEFINED, base, 'store');
      emit(c, { op: 'store', ...access, index: at, values: [value] }, null);
      return UNDEFINED;
    }
    case 'loadInto': {
      const register = registerOf(c, args[0] ?? UNDEFINED, base, 'loadInto');
      emit(c, { op: 'load', ...access, index: index(args[1]), registers: [register] }, null);
      c.code.arrays[register.array]!.writes++;
      return UNDEFINED;
    }
    default:
      return null;
  }
}

export function arrayProperty(c: Context, { count }: RegisterArrayValue, name: string): Value | null {
  if (name !== 'length') return null;
  return count.op === 'const' ? staticValue(count.value as number) : dynamic(numberOf(c, dynamic(count), 'length'));
}

export function callArray(
  c: Context,
  receiver: RegisterArrayValue,
  name: string,
  args: readonly Value[],
): Value | null {
  if (name !== 'at') return null;
  const { array, element, count } = receiver;
  const index = numberOf(c, args[0] ?? UNDEFINED, 'the index of a register');
  if (index.op === 'const' && count.op === 'const') {
    const at = index.value as number;
    if (!Number.isInteger(at) || at < 0 || at >= (count.value as number))
      return fail(c, `register ${at} of an array of ${String(count.value)}`, 'use an index that is in the array');
  }
  return { kind: 'register', array, element, index, copyOf: null };
}

export function registerProperty(c: Context, register: RegisterValue, name: string): Value | null {
  const { array, index, element } = register;
  if (name === 'value') {
    checkCopy(c, register);
    return dynamic(
      emit(c, { op: 'readElement', element: { array, index }, elementType: element }, kindOfElement(element)),
    );
  }
  if (['low', 'high', 'defined', 'scalar'].includes(name))
    return fail(c, `'${name}' of a register`, 'use register.value, assign, set, or a store of the register');
  return null;
}

export function callRegister(c: Context, register: RegisterValue, name: string, args: readonly Value[]): Value | null {
  if (name !== 'assign' && name !== 'set') return null;
  const { array, index } = register;
  if (register.copyOf !== null)
    return fail(c, `'${name}' of a register chosen by a condition`, 'branch, and change each register on its own path');
  const [source = UNDEFINED] = args;
  if (name === 'assign' && source.kind !== 'register')
    return fail(c, `an assignment of ${describeValue(source)} to a register`, 'write register.set(value)');
  if (name === 'set' && source.kind === 'register')
    return fail(c, "'set' of a register to a register", 'write register.assign(other)');
  const value = storedOf(c, source, register, name);
  emit(c, { op: 'writeElement', element: { array, index }, value }, null);
  c.code.arrays[array]!.writes++;
  return UNDEFINED;
}
