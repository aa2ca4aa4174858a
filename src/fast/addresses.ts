import type { AddressSpace } from '../simt/address-space.js';
import { Fault } from '../simt/errors.js';
import type { ScalarType } from '../simt/scalar.js';
import { type Located, SHARED_WINDOW_BYTES, SHARED_WINDOWS } from './runtime.js';
import type { FastBlock } from './warp.js';

/** What an access of compiled code touches. @throws Fault OUT_OF_BOUNDS, MISALIGNED, USE_AFTER_FREE, INVALID_OPERAND */
export function locate(
  global: AddressSpace,
  block: FastBlock,
  address: number,
  bytes: number,
  access: 'load' | 'store' | 'atomic',
): Located {
  if (address >= SHARED_WINDOW_BYTES / 2 && address < (SHARED_WINDOWS + 0.5) * SHARED_WINDOW_BYTES) {
    const window = Math.floor(address / SHARED_WINDOW_BYTES + 0.5) - 1;
    const start = (window + 1) * SHARED_WINDOW_BYTES;
    if (window !== block.window) {
      throw new Fault(
        'OUT_OF_BOUNDS',
        `${access} of ${bytes} bytes at shared address 0x${(address - start).toString(16)} of another block`,
      );
    }
    const allocation = block.sharedMemory.space.locateAddress(address - start, bytes, access);
    return { allocation, base: start + allocation.base };
  }
  const allocation = global.locateAddress(address, bytes, access);
  return { allocation, base: allocation.base };
}

/** What holds an address and may be accessed; null: nothing. */
export function find(global: AddressSpace, block: FastBlock, address: number): Located | null {
  const start = (block.window + 1) * SHARED_WINDOW_BYTES;
  const isShared = address >= start && address < start + SHARED_WINDOW_BYTES;
  const allocation = isShared ? block.sharedMemory.space.find(address - start) : global.find(address);
  if (allocation === null || allocation.accessibleBytes === 0) return null;
  return { allocation, base: isShared ? start + allocation.base : allocation.base };
}

/** The address of a shared variable as compiled code sees it. @throws Fault SHARED_DECLARATION; RangeError if it is too large */
export function declareShared(block: FastBlock, name: string, type: ScalarType, count: number): number {
  const { address, allocation } = block.sharedMemory.declare(name, type, count);
  if (address + allocation.bytes > SHARED_WINDOW_BYTES / 2) {
    throw new RangeError(
      `${block.launch.name}: more than ${SHARED_WINDOW_BYTES / 2} bytes of shared memory a block; mode 'fast' has room for no more: use mode 'step' or 'ref'`,
    );
  }
  return sharedAddress(block, address);
}

/** An address of a block's shared memory as compiled code sees it. */
export const sharedAddress = (block: FastBlock, address: number): number =>
  (block.window + 1) * SHARED_WINDOW_BYTES + address;
