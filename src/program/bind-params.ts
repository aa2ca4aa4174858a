import { Pointer } from '../simt/index.js';
import type { ConstantOperand, Param, ParamOperand, Program } from './program.js';

/** A parameter's value in a launch: `pred` boolean, `i32` number, `u64` bigint, `ptr` a Pointer or null. */
export type ParamValue = boolean | number | bigint | Pointer | null;

/** Most registers of an array: more is a mistake in an argument. */
const MAX_ARRAY_COUNT = 4096;

/**
 * The values of a program's parameters in the arguments of a launch, by parameter.
 * @throws RangeError naming the path, the value and what is expected there, if one does not fit.
 */
export function bindParams(program: Program, args: unknown): readonly ParamValue[] {
  return program.params.map((param) => bindParam(program.name, param, args));
}

function bindParam(kernel: string, param: Param, args: unknown): ParamValue {
  let value = args;
  for (const [depth, name] of param.path.entries()) {
    if ((typeof value !== 'object' && typeof value !== 'function') || value === null) {
      const place = depth === 0 ? 'the arguments' : `argument ${param.path.slice(0, depth).join('.')}`;
      throw new RangeError(
        `${kernel}: ${place} is ${textOf(value)}; expected an object with ${param.path.slice(depth).join('.')}`,
      );
    }
    value = (value as Readonly<Record<string, unknown>>)[name];
  }
  switch (param.type) {
    case 'pred':
      if (typeof value === 'boolean') return value;
      break;
    case 'i32':
      // `| 0` makes 0 of -0.
      if (typeof value === 'number' && (value | 0) === value) return value | 0;
      break;
    case 'u64':
      if (typeof value === 'bigint' && BigInt.asUintN(64, value) === value) return value;
      break;
    case 'ptr':
      if (value === null) return null;
      if (value instanceof Pointer && (param.elementType === undefined || value.type === param.elementType)) {
        return value;
      }
      break;
    default:
      return param.type satisfies never;
  }
  throw new RangeError(`${kernel}: argument ${param.path.join('.')} is ${textOf(value)}; expected ${expected(param)}`);
}

function expected({ type, elementType }: Param): string {
  switch (type) {
    case 'pred':
      return 'true or false';
    case 'i32':
      return 'an integer from -2147483648 to 2147483647';
    case 'u64':
      return 'a bigint from 0 to 2^64 - 1';
    case 'ptr':
      return elementType === undefined ? 'a Pointer or null' : `a Pointer of type ${elementType} or null`;
    default:
      return type satisfies never;
  }
}

function textOf(value: unknown): string {
  if (value instanceof Pointer) return `a Pointer of type ${value.type}`;
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'string') return `'${value}'`;
  if (typeof value === 'function') return 'a function';
  return typeof value === 'object' && value !== null
    ? `an object of ${value.constructor?.name ?? 'no class'}`
    : `${value}`;
}

/**
 * Registers of each array of a program, under bound parameters.
 * @throws RangeError if a count is no integer from 0 to 4096.
 */
export function arrayCounts(program: Program, values: readonly ParamValue[]): readonly number[] {
  return program.arrays.map(({ name, count }) => {
    const value = countOf(count, values);
    if (!Number.isInteger(value) || value < 0 || value > MAX_ARRAY_COUNT) {
      const source = count.kind === 'param' ? ` (argument ${program.params[count.index]!.path.join('.')})` : '';
      throw new RangeError(
        `${program.name}: register array '${name ?? ''}' has ${value} elements${source}; it may have 0 to ${MAX_ARRAY_COUNT}`,
      );
    }
    return value;
  });
}

const countOf = (count: ConstantOperand | ParamOperand, values: readonly ParamValue[]): number =>
  Number(count.kind === 'constant' ? count.value : values[count.index]);
