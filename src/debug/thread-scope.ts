import { type Machine, type ScalarType, SHARED_END, scalarBytes } from '../simt/index.js';
import type { ElementValue, Inspector, ThreadInfo, VariableInfo } from '../step/index.js';
import {
  EvaluationError,
  type ExpressionScope,
  type ExpressionValue,
  type Meaning,
  type MemoryType,
  toValue,
} from './expression.js';

/** Triples: of each, the parts `.x`, `.y` and `.z` have values. */
export const DIM_NAMES = ['threadIdx', 'blockIdx', 'blockDim', 'gridDim'] as const;

/** Names that stand for facts of the thread itself. */
export const THREAD_NAMES = [
  'rank',
  'warp',
  'lane',
  ...DIM_NAMES.flatMap((name) => ['x', 'y', 'z'].map((axis) => `${name}.${axis}`)),
  'position',
] as const;

/**
 * Names and memory as a thread sees them: its facts ({@link THREAD_NAMES}), variables, arguments, shared variables of
 * its block, allocations by name. `this.NAME`, and `NAME` where nothing else is called that, is the field of an object.
 * Without a thread: memory, allocations and `position`.
 */
export class ThreadScope implements ExpressionScope {
  readonly #machine: Machine;
  readonly #inspector: Inspector;
  readonly #thread: ThreadInfo | null;

  constructor(machine: Machine, inspector: Inspector, thread: ThreadInfo | null) {
    this.#machine = machine;
    this.#inspector = inspector;
    this.#thread = thread;
  }

  lookUp(name: string): Meaning {
    const thread = this.#thread;
    const found =
      (thread === null ? undefined : (this.#fact(thread, name) ?? this.#ofThread(thread, name))) ?? this.#symbol(name);
    if (found !== undefined) return found;
    if (thread === null) throw new EvaluationError(`there is no '${name}': the thread is not resident`);
    throw new EvaluationError(
      `there is no '${name}' here: see 'info locals', 'info args', 'info shared', 'info symbols'`,
    );
  }

  load(type: MemoryType, address: bigint): ExpressionValue {
    return loadFrom(this.#machine, this.#thread === null ? null : this.#inspector.shared(this.#thread), type, address);
  }

  #fact(thread: ThreadInfo, name: string): Meaning | undefined {
    switch (name) {
      case 'rank':
        return { value: BigInt(thread.rank) };
      case 'warp':
        return { value: BigInt(thread.warp) };
      case 'lane':
        return { value: BigInt(thread.lane) };
      case 'position':
        return { value: BigInt(this.#machine.steps) };
    }
    if (DIM_NAMES.some((dim) => dim === name))
      throw new EvaluationError(`${name} has three parts: ${name}.x, ${name}.y, ${name}.z`);
    const match = /^(threadIdx|blockIdx|blockDim|gridDim)\.([xyz])$/.exec(name);
    if (match === null) return undefined;
    const axis = match[2] as 'x' | 'y' | 'z';
    const dims = { threadIdx: thread.threadIdx, blockIdx: thread.blockIdx, ...this.#inspector.dimsOf(thread) };
    return { value: BigInt(dims[match[1] as keyof typeof dims][axis]) };
  }

  #ofThread(thread: ThreadInfo, name: string): Meaning | undefined {
    const exact = this.#inspector.variable(thread, name);
    if (exact !== undefined) return this.#meaningOf(thread, exact);
    const argument = this.#inspector.arguments(thread).find(({ path }) => path === name);
    if (argument !== undefined) {
      const { type, value } = argument;
      const elementType = /^ptr (\w+)$/.exec(type)?.[1] as MemoryType | undefined;
      if (elementType === undefined || typeof value !== 'number') return { value: toValue(value ?? 0) };
      return {
        value: BigInt(value),
        element: (index: bigint) =>
          this.load(elementType, BigInt(value) + index * BigInt(scalarBytes(elementType as ScalarType))),
      };
    }
    const shared = this.#inspector.shared(thread).get(name);
    if (shared !== undefined) return this.#elementsOf(thread, name, shared);
    const field = `.${name.replace(/^this\./, '')}`;
    const found =
      this.#inspector.variables(thread).find((variable) => variable.name.endsWith(field)) ??
      this.#inspector.registers(thread).find((array) => array.name === name || array.name.endsWith(field));
    return found === undefined ? undefined : this.#meaningOf(thread, found);
  }

  #elementsOf(thread: ThreadInfo, name: string, { pointer, count }: SharedVariable): { element: Elements } {
    return {
      element: (index) => {
        if (index < 0n || index >= BigInt(count))
          throw new EvaluationError(`${name} has the elements 0 to ${count - 1}`);
        const address = BigInt(pointer.address) + index * BigInt(pointer.elementBytes);
        return loadFrom(this.#machine, this.#inspector.shared(thread), pointer.type, address);
      },
    };
  }

  #meaningOf(thread: ThreadInfo, { name, type, value }: VariableInfo): Meaning {
    if (typeof value === 'object') return { element: elementsOf(name, value) };
    if (type !== 'ptr') return { value: toValue(value) };
    // What a pointer into shared memory points to has the type of the variable there.
    const address = Number(value);
    for (const [, { pointer }] of this.#inspector.shared(thread)) {
      const { base, bytes } = pointer.allocation;
      if (address < base || address >= base + bytes || address >= SHARED_END) continue;
      const element = (index: bigint) =>
        loadFrom(
          this.#machine,
          this.#inspector.shared(thread),
          pointer.type,
          BigInt(address) + index * BigInt(pointer.elementBytes),
        );
      return { value: BigInt(address), element };
    }
    return { value: toValue(value) };
  }

  #symbol(name: string): Meaning | undefined {
    if (name === 'position') return { value: BigInt(this.#machine.steps) };
    const allocation = this.#machine.memory.space.allocations.find((candidate) => candidate.name === name);
    return allocation === undefined ? undefined : { value: BigInt(allocation.base) };
  }
}

const elementsOf =
  (name: string, elements: readonly ElementValue[]): Elements =>
  (index) => {
    const element = index >= 0n && index < BigInt(elements.length) ? elements[Number(index)] : undefined;
    if (element === undefined) throw new EvaluationError(`${name} has the elements 0 to ${elements.length - 1}`);
    return toValue(element.value);
  };

type Elements = (index: bigint) => ExpressionValue;
type SharedVariable = NonNullable<ReturnType<ReturnType<Inspector['shared']>['get']>>;

/** The scalar at an address of global memory or, below 2^32, of a block's shared memory. @throws EvaluationError */
function loadFrom(
  machine: Machine,
  shared: ReturnType<Inspector['shared']> | null,
  type: MemoryType,
  address: bigint,
): ExpressionValue {
  const bytes = scalarBytes(type as ScalarType);
  const at = `0x${(address < 0n ? -address : address).toString(16)}`;
  const known = machine.memory.space.allocations;
  const candidates =
    address >= BigInt(SHARED_END) ? known : Array.from(shared?.values() ?? [], ({ pointer }) => pointer.allocation);
  const allocation = candidates.find(
    ({ base, bytes: size }) => address >= BigInt(base) && address + BigInt(bytes) <= BigInt(base + size),
  );
  if (allocation === undefined) {
    throw new EvaluationError(
      `${bytes} bytes at ${address < 0n ? '-' : ''}${at} are outside memory: see 'info symbols' for what there is`,
    );
  }
  if (address % BigInt(bytes) !== 0n)
    throw new EvaluationError(`${at} is not a multiple of ${bytes}, as a ${type} must be`);
  return toValue(allocation.read(type as ScalarType, Number(address) - allocation.base) as number | bigint);
}
