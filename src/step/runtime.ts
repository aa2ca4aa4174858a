import { arithmeticRuntime, bigintOf, splitBigint } from '../program/index.js';
import { Fault, OP_ATOMIC_CAS, OP_ATOMIC_EXCH, performAtomic } from '../simt/for-engines.js';
import { type AddressSpace, type Allocation, type ScalarType, SHARED_END, type SharedMemory } from '../simt/index.js';
import type { Arena } from './code.js';
import { RANK, RESULT, VALUES } from './layout.js';
import type { StepObserver } from './observer.js';
import type { StepBlock } from './step-block.js';

/** Bits of what a visible access has done. */
export const STORED = 1;
export const COUNTED = 2;

/** See {@link Runtime.odd}. */
export const NOT_RESUMED = -2;

type AccessKind = 'load' | 'store' | 'atomic';

/**
 * What compiled code calls where something is unusual: lookups, faults, atomics, shared declarations. `site` is the
 * instruction's; -1: the visible instruction that the row stands at.
 */
export class Runtime {
  /** Whether there has been a store of something new that the scheduler does not see. */
  storedPlainly = false;
  /** Site of the plain instruction that has called last. */
  site = -1;
  /** Row of the thread that has called last; -1: that which runs. */
  row = -1;
  /** Lanes that a lane loop has left; the lowest is the one that has failed, if one has. */
  rest = 0;
  /** What the lowest of them has come to: an instruction's number, 0, -1; NOT_RESUMED: nothing yet. */
  odd = NOT_RESUMED;
  /** Shared memory of the block that runs. */
  sharedMemory!: SharedMemory;
  arena!: Arena;
  /** The block that runs, and who is told of what it does; null: nobody is. */
  block: StepBlock | null = null;
  observer: StepObserver | null = null;
  /** Whether the observer wants to know when the access is done. */
  isAwaited = false;
  readonly #global: AddressSpace;

  constructor(global: AddressSpace) {
    this.#global = global;
  }

  global(address: number, bytes: number, access: AccessKind, row: number, site: number): Allocation {
    this.site = site;
    this.row = row;
    return this.#global.locateAddress(address, bytes, access);
  }

  shared_(address: number, bytes: number, access: AccessKind, row: number, site: number): Allocation {
    this.site = site;
    this.row = row;
    return this.sharedMemory.space.locateAddress(address, bytes, access);
  }

  generic(address: number, bytes: number, access: AccessKind, row: number, site: number): Allocation {
    return address < SHARED_END
      ? this.shared_(address, bytes, access, row, site)
      : this.global(address, bytes, access, row, site);
  }

  /** Address of a shared variable. */
  shared(name: string, type: ScalarType, count: number, site: number): number {
    this.site = site;
    return this.sharedMemory.declare(name, type, count).address;
  }

  checkDefined(allocation: Allocation, type: ScalarType, offset: number, site: number, row = -1): void {
    this.site = site;
    this.row = row;
    allocation.readDefined(type, offset);
  }

  /** An access is about to happen. Called by code that is observed. */
  observe(number: number, allocation: Allocation, offset: number, row: number): void {
    const { code, L } = this.arena;
    this.isAwaited = this.observer!.access(
      code.emitted.observed[number]!,
      allocation,
      offset,
      this.block!,
      L[row + RANK]!,
    );
  }

  storedObserved(): void {
    this.isAwaited = false;
    this.observer!.stored();
  }

  /** A store to a watched allocation has happened. */
  stored(allocation: Allocation, offset: number, bytes: number, row: number, site: number): void {
    this.site = site;
    this.row = row;
    allocation.space.reportStore(allocation, offset, bytes);
  }

  /** Performs an atomic; the old value becomes the row's result. Result: bits of what it has done. */
  atomic(allocation: Allocation, offset: number, type: ScalarType, opcode: number, row: number): number {
    this.site = -1;
    this.row = row;
    const { L } = this.arena;
    const value = row + VALUES;
    let isSame: boolean;
    if (type === 'i32' || type === 'u32') {
      const given = type === 'i32' ? L[value]! : L[value]! >>> 0;
      const compare = type === 'i32' ? L[value + 2]! : L[value + 2]! >>> 0;
      const old = performAtomic(allocation, offset, type, opcode, given, compare) as number;
      L[row + RESULT] = old;
      isSame = opcode === OP_ATOMIC_CAS ? old !== compare : opcode === OP_ATOMIC_EXCH && old === given;
    } else {
      const given = bigintOf(L[value]!, L[value + 1]!, type === 'i64');
      const compare = bigintOf(L[value + 2]!, L[value + 3]!, type === 'i64');
      const old = performAtomic(allocation, offset, type, opcode, given, compare) as bigint;
      L[row + RESULT] = splitBigint(old);
      L[row + RESULT + 1] = arithmeticRuntime.high;
      isSame = opcode === OP_ATOMIC_CAS ? old !== compare : opcode === OP_ATOMIC_EXCH && old === given;
    }
    return isSame ? 0 : COUNTED;
  }

  undefinedRegister(type: ScalarType, site: number): never {
    this.site = site;
    throw new Fault('UNDEFINED_READ', `uses a register of type ${type} that holds undefined bytes`);
  }

  registerIndex(index: number, count: number, site: number): never {
    this.site = site;
    throw new Fault('OUT_OF_BOUNDS', `register index ${index} of an array of ${count}`);
  }

  throwKernel(message: string, site: number): never {
    this.site = site;
    throw new Fault('KERNEL_THREW', message);
  }
}
