import { AddressSpace } from './address-space.js';
import { Fault } from './errors.js';
import { Pointer } from './pointer.js';
import { type ScalarType, scalarBytes, scalarOf } from './scalar.js';

/** First generic address that is not in a block's shared memory. */
export const SHARED_END = 2 ** 32;

/** Alignment of each shared variable. */
const SHARED_ALIGNMENT_BYTES = 16;

/** A block's shared memory: an address space whose allocations are the shared variables. */
export class SharedMemory {
  readonly space = new AddressSpace('shared');
  readonly #variables = new Map<string, { readonly pointer: Pointer; readonly count: number }>();

  /** Shared variables by name, in order of declaration. */
  get variables(): ReadonlyMap<string, { readonly pointer: Pointer; readonly count: number }> {
    return this.#variables;
  }

  /**
   * Declares, or finds, a shared variable.
   * @throws Fault SHARED_DECLARATION if it is known with another type or count.
   */
  declare<T extends ScalarType>(name: string, type: T, count: number): Pointer<T> {
    const known = this.#variables.get(name);
    if (known !== undefined) {
      if (known.pointer.type !== type || known.count !== count) {
        throw new Fault(
          'SHARED_DECLARATION',
          `shared variable '${name}' is declared as ${type}[${count}] here and as ${known.pointer.type}[${known.count}] by another thread`,
        );
      }
      return known.pointer as Pointer<T>;
    }
    const base = Math.ceil(this.space.endAddress / SHARED_ALIGNMENT_BYTES + 1) * SHARED_ALIGNMENT_BYTES;
    const allocation = this.space.allocate({
      name: `shared ${name}`,
      base,
      bytes: count * scalarBytes(type),
      defined: false,
    });
    const pointer = new Pointer(scalarOf(type), allocation, 0);
    this.#variables.set(name, { pointer: pointer as unknown as Pointer, count });
    return pointer;
  }
}
