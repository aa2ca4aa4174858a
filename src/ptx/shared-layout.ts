import type { Memory } from './flatten.js';
import { NotModelled } from './not-modelled.js';
import { ptxType } from './types.js';

/** Alignment of a shared variable of the machine, and the least gap before it. */
const GRAIN_BYTES = 16;

/** Where the machine puts the next shared variable: it leaves a gap, so that an overrun is noticed. */
const nextBase = (end: number): number => (Math.ceil(end / GRAIN_BYTES) + 1) * GRAIN_BYTES;

/** A declaration of the machine in the order in which they are made. */
export interface SharedVariable {
  /** Null: it only moves the next one to its alignment. */
  readonly memory: Memory | null;
  readonly address: number;
  /** Null: as the launch says. */
  readonly bytes: number | null;
}

/**
 * Addresses of an entry's shared variables, in their order. They are those that the machine gives, whatever the mode:
 * it puts one behind the other. What the launch sizes comes last; several of such are one.
 * @throws NotModelled if a size is not known
 */
export function sharedLayout(memories: readonly Memory[]): SharedVariable[] {
  const layout: SharedVariable[] = [];
  let end = 0;
  const place = (memory: Memory, bytes: number | null) => {
    const alignment = memory.variable.alignment ?? elementBytes(memory);
    let address = nextBase(end);
    if (address % alignment !== 0) {
      let aligned = Math.ceil(address / alignment) * alignment;
      if (aligned - address < 2 * GRAIN_BYTES) aligned += alignment;
      const padding = aligned - GRAIN_BYTES - address;
      layout.push({ memory: null, address, bytes: padding });
      address = aligned;
    }
    layout.push({ memory, address, bytes });
    end = address + (bytes ?? 0);
  };
  const isDynamic = ({ variable }: Memory) => variable.linkage === 'extern' || variable.dimensions.includes(-1);
  for (const memory of memories) if (!isDynamic(memory)) place(memory, bytesOf(memory));
  const dynamic = memories.filter(isDynamic);
  if (dynamic.length === 0) return layout;
  // All of them begin at the same place: it is aligned for each.
  const widest = dynamic.reduce((left, right) =>
    (right.variable.alignment ?? 1) > (left.variable.alignment ?? 1) ? right : left,
  );
  place(widest, null);
  const { address } = layout[layout.length - 1]!;
  for (const memory of dynamic) if (memory !== widest) layout.push({ memory, address, bytes: null });
  return layout;
}

const elementBytes = ({ variable }: Memory): number => {
  const type = ptxType(variable.type);
  if (type === null || type.kind === 'pred') throw new NotModelled(`.shared variables of .${variable.type}`);
  return (type.bits / 8) * variable.vector;
};

/** Bytes of a variable whose dimensions are all given. */
const bytesOf = (memory: Memory): number =>
  memory.variable.dimensions.reduce((product, size) => product * size, elementBytes(memory));
