import type { AddressSpace } from './address-space.js';
import type { Allocation } from './allocation.js';
import { Fault } from './errors.js';
import type { Register } from './register.js';
import { type Scalar, type ScalarType, type ScalarValue, scalarBytes, scalarOf } from './scalar.js';

/**
 * A typed device pointer. Arithmetic is in elements, as in CUDA; nothing is checked until memory is touched.
 * `load` and `store` are plain accesses: ordinary calls that no scheduler sees.
 */
export class Pointer<T extends ScalarType = ScalarType> {
  readonly #scalar: Scalar<T>;
  /** Allocation that holds the address, or the one that the pointer was derived from if none does. */
  readonly allocation: Allocation;
  /** Bytes from the start of {@link allocation}; any integer. */
  readonly offset: number;

  constructor(scalar: Scalar<T>, allocation: Allocation, offset: number) {
    this.#scalar = scalar;
    this.allocation = allocation;
    this.offset = offset;
  }

  get type(): T {
    return this.#scalar.type;
  }
  get elementBytes(): 1 | 2 | 4 | 8 {
    return this.#scalar.bytes;
  }
  get space(): AddressSpace {
    return this.allocation.space;
  }

  /** Byte address in the address space. */
  get address(): number {
    return this.allocation.base + this.offset;
  }

  /** `this + count`, in elements. A `bigint` count is a 64-bit index and wraps as the device's address arithmetic does. */
  add(count: number | bigint): Pointer<T> {
    const bytes =
      typeof count === 'number'
        ? count * this.elementBytes
        : Number(BigInt.asIntN(64, count * BigInt(this.elementBytes)));
    const offset = this.offset + bytes;
    const { allocation } = this;
    if (offset >= 0 && offset < allocation.bytes) return new Pointer(this.#scalar, allocation, offset);
    // Another rank's memory, the end, or nowhere: accesses are quicker from the allocation that holds the address.
    const target = this.space.find(allocation.base + offset) ?? allocation;
    return new Pointer(this.#scalar, target, allocation.base + offset - target.base);
  }

  /** `reinterpret_cast`: the same address as another element type. */
  cast<U extends ScalarType>(type: U): Pointer<U> {
    return new Pointer(scalarOf(type), this.allocation, this.offset);
  }

  /**
   * Plain load of `this[index]`.
   * @throws SimtError OUT_OF_BOUNDS, MISALIGNED, USE_AFTER_FREE; UNDEFINED_READ if a byte was never defined
   * (load into a {@link Register} to move undefined bytes).
   */
  load(index = 0): ScalarValue<T> {
    const bytes = this.elementBytes;
    const offset = this.offset + index * bytes;
    const { allocation } = this;
    if (isPlain(allocation, offset, bytes)) return allocation.readDefined(this.type, offset);
    const target = this.space.locate(allocation, offset, bytes, 'load');
    return target.readDefined(this.type, allocation.base + offset - target.base);
  }

  /**
   * Plain store `this[index] = value`. A {@link Register} is stored with the definedness of its bytes.
   * @throws SimtError OUT_OF_BOUNDS, MISALIGNED, USE_AFTER_FREE
   */
  store(index: number, value: ScalarValue<T> | Register<T>): void {
    const bytes = this.elementBytes;
    const offset = this.offset + index * bytes;
    const { allocation } = this;
    if (isPlain(allocation, offset, bytes)) {
      storeOperand(allocation, offset, this.type, value);
      return;
    }
    const target = this.space.locate(allocation, offset, bytes, 'store');
    const at = allocation.base + offset - target.base;
    storeOperand(target, at, this.type, value);
    if (target.watched) this.space.reportStore(target, at, bytes);
  }

  /** Plain load of `this[index]` into a register, undefined bytes included. */
  loadInto(register: Register<T>, index = 0): void {
    const offset = this.offset + index * this.elementBytes;
    const { allocation } = this;
    const target = this.space.locate(allocation, offset, this.elementBytes, 'load');
    loadRegister(target, allocation.base + offset - target.base, register);
  }
}

/** Whether an access is inside, aligned, and of interest to nobody else. */
export function isPlain(allocation: Allocation, offset: number, bytes: number): boolean {
  return (
    offset >>> 0 === offset &&
    offset + bytes <= allocation.accessibleBytes &&
    ((allocation.baseLow + offset) & (bytes - 1)) === 0
  );
}

/**
 * Stores a value or, with its definedness, a register. Domain: aligned, inside.
 * @throws Fault INVALID_OPERAND if the register's size is not that of `type`.
 */
export function storeOperand(
  allocation: Allocation,
  offset: number,
  type: ScalarType,
  operand: number | bigint | Register,
): void {
  if (typeof operand === 'object') {
    const { bytes } = operand.scalar;
    if (operand.scalar.type !== type && bytes !== scalarBytes(type)) {
      throw new Fault(
        'INVALID_OPERAND',
        `stores a register of type ${operand.scalar.type} (${bytes} bytes) as ${type} (${scalarBytes(type)} bytes) to '${allocation.name}'`,
      );
    }
    if (bytes >= 4) allocation.writeWords(offset, bytes as 4 | 8, operand.low, operand.high, operand.defined);
    else {
      allocation.write(type, offset, operand.low);
      allocation.setDefined(offset, bytes, operand.defined);
    }
  } else allocation.write(type, offset, operand);
}

/** Loads a register with the definedness of the bytes in memory. Domain: aligned, inside. */
export function loadRegister(allocation: Allocation, offset: number, register: Register): void {
  const { type, bytes } = register.scalar;
  if (bytes === 8) {
    const word = offset >>> 2;
    register.low = allocation.i32[word]!;
    register.high = allocation.i32[word + 1]!;
  } else {
    register.low = (allocation.read(type, offset) as number) | 0;
    register.high = 0;
  }
  register.defined = allocation.mayHoldUndefined ? allocation.definedBits(offset, bytes) : (1 << bytes) - 1;
}
