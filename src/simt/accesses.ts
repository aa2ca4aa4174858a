import type { Allocation } from './allocation.js';
import { performAtomic } from './atomics.js';
import {
  isAtomic,
  isWrite,
  OP_LOAD,
  OP_LOAD_V2,
  OP_LOAD_V4,
  OP_STORE,
  OP_STORE_V2,
  OP_STORE_V4,
  type Opcode,
} from './operation.js';
import { isPlain, loadRegister, type Pointer, storeOperand } from './pointer.js';
import type { Register } from './register.js';
import type { Thread } from './thread.js';

/**
 * Performs the memory operation that a thread has yielded and returns its result.
 * @throws Fault OUT_OF_BOUNDS, MISALIGNED, USE_AFTER_FREE, UNDEFINED_READ
 */
export function performAccess(thread: Thread): unknown {
  const opcode = thread.opcode;
  const pointer = thread.pointer!;
  const bytes = pointer.elementBytes * elementCount(opcode);
  let offset = pointer.offset + thread.operandA * pointer.elementBytes;
  let { allocation } = pointer;
  if (!isPlain(allocation, offset, bytes)) {
    const access =
      opcode === OP_LOAD || opcode === OP_LOAD_V2 || opcode === OP_LOAD_V4
        ? 'load'
        : isAtomic(opcode)
          ? 'atomic'
          : 'store';
    const target = pointer.space.locate(allocation, offset, bytes, access);
    offset += allocation.base - target.base;
    allocation = target;
  }
  const result = performAt(thread, pointer, allocation, offset);
  if (allocation.watched && isWrite(opcode)) pointer.space.reportStore(allocation, offset, bytes);
  return result;
}

function elementCount(opcode: Opcode): 1 | 2 | 4 {
  if (opcode === OP_LOAD_V2 || opcode === OP_STORE_V2) return 2;
  return opcode === OP_LOAD_V4 || opcode === OP_STORE_V4 ? 4 : 1;
}

function performAt(thread: Thread, pointer: Pointer, allocation: Allocation, offset: number): unknown {
  const { type, elementBytes } = pointer;
  switch (thread.opcode) {
    case OP_LOAD_V2:
      loadRegister(allocation, offset, thread.value as Register);
      loadRegister(allocation, offset + elementBytes, thread.value1 as Register);
      return undefined;
    case OP_STORE_V2:
      storeOperand(allocation, offset, type, thread.value as Register);
      storeOperand(allocation, offset + elementBytes, type, thread.value1 as Register);
      return undefined;
    case OP_LOAD:
      return allocation.readDefined(type, offset);
    case OP_STORE:
      storeOperand(allocation, offset, type, thread.value as Register);
      return undefined;
    case OP_LOAD_V4:
      thread.registers!.forEach((register, index) => {
        loadRegister(allocation, offset + index * elementBytes, register as Register);
      });
      return undefined;
    case OP_STORE_V4:
      thread.registers!.forEach((operand, index) => {
        storeOperand(allocation, offset + index * elementBytes, type, operand);
      });
      return undefined;
    default:
      return performAtomic(allocation, offset, type, thread.opcode, thread.value as number, thread.value1 as number);
  }
}
