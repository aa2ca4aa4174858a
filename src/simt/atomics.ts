import type { Allocation } from './allocation.js';
import {
  OP_ATOMIC_ADD,
  OP_ATOMIC_AND,
  OP_ATOMIC_CAS,
  OP_ATOMIC_DEC,
  OP_ATOMIC_EXCH,
  OP_ATOMIC_INC,
  OP_ATOMIC_MAX,
  OP_ATOMIC_MIN,
  OP_ATOMIC_OR,
  OP_ATOMIC_SUB,
  OP_ATOMIC_XOR,
  OPERATION_NAMES,
  type Opcode,
} from './operation.js';
import type { ScalarType } from './scalar.js';

/**
 * Performs a read-modify-write and returns the old value. Domain: aligned, inside, an integer type of 4 or 8 bytes.
 * @throws Fault UNDEFINED_READ if a byte of the old value was never defined.
 */
export function performAtomic(
  allocation: Allocation,
  offset: number,
  type: ScalarType,
  opcode: Opcode,
  value: number | bigint,
  compare: number | bigint,
): number | bigint {
  const old: number | bigint = allocation.readDefined(type, offset);
  allocation.write(type, offset, atomicResult(type, opcode, old, value, compare));
  return old;
}

/** What an atomic stores where it finds `old`. Domain: values of 64-bit types are bigints, others are numbers. */
export function atomicResult(
  type: ScalarType,
  opcode: Opcode,
  old: number | bigint,
  value: number | bigint,
  compare: number | bigint,
): number | bigint {
  return typeof old === 'bigint'
    ? next64(opcode, old, wrap(type, value as bigint), wrap(type, compare as bigint))
    : next32(opcode, old, wrap(type, value as number), wrap(type, compare as number));
}

function wrap<V extends number | bigint>(type: ScalarType, value: V): V {
  if (typeof value === 'bigint') return (type === 'i64' ? BigInt.asIntN(64, value) : BigInt.asUintN(64, value)) as V;
  return (type === 'i32' ? value | 0 : value >>> 0) as V;
}

function next32(opcode: Opcode, old: number, value: number, compare: number): number {
  switch (opcode) {
    case OP_ATOMIC_ADD:
      return old + value;
    case OP_ATOMIC_SUB:
      return old - value;
    case OP_ATOMIC_EXCH:
      return value;
    case OP_ATOMIC_MIN:
      return Math.min(old, value);
    case OP_ATOMIC_MAX:
      return Math.max(old, value);
    case OP_ATOMIC_INC:
      return old >= value ? 0 : old + 1;
    case OP_ATOMIC_DEC:
      return old === 0 || old > value ? value : old - 1;
    case OP_ATOMIC_CAS:
      return old === compare ? value : old;
    case OP_ATOMIC_AND:
      return old & value;
    case OP_ATOMIC_OR:
      return old | value;
    case OP_ATOMIC_XOR:
      return old ^ value;
    default:
      throw new Error(`[simtwin bug] no 32-bit atomic ${OPERATION_NAMES[opcode]}`);
  }
}

function next64(opcode: Opcode, old: bigint, value: bigint, compare: bigint): bigint {
  switch (opcode) {
    case OP_ATOMIC_ADD:
      return BigInt.asUintN(64, old + value);
    case OP_ATOMIC_SUB:
      return BigInt.asUintN(64, old - value);
    case OP_ATOMIC_EXCH:
      return value;
    case OP_ATOMIC_MIN:
      return old < value ? old : value;
    case OP_ATOMIC_MAX:
      return old > value ? old : value;
    case OP_ATOMIC_CAS:
      return old === compare ? value : old;
    case OP_ATOMIC_AND:
      return old & value;
    case OP_ATOMIC_OR:
      return old | value;
    case OP_ATOMIC_XOR:
      return old ^ value;
    default:
      throw new Error(`[simtwin bug] no 64-bit atomic ${OPERATION_NAMES[opcode]}`);
  }
}
