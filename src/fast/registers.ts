import type { Names, Operand, Program } from '../program/index.js';
import type { ElementNames, ElementUse } from './access-code.js';
import { type Layout, registerShape } from './layout.js';

/** A register that a lane loop refers to, the same for all lanes. */
interface Slot {
  /** Its place in `V`. */
  readonly place: string;
  /** Offset of its masks from there. */
  readonly masks: number;
  /** A condition that must hold for the index to be inside; null: it is. */
  readonly isInside: string | null;
  /** The local that collects the lanes that a calm loop has wholly defined. */
  readonly defined: string;
  /** Whether all lanes may read it, and masks that some of them are not in. */
  isRead: boolean;
  readonly isReadUnless: Set<string>;
  isWritten: boolean;
}

/**
 * The registers that one lane loop refers to. Its general form looks at each register as it comes to it; its calm form
 * runs if all indices are inside of their arrays and all that is read is wholly defined.
 */
export class Registers {
  /** What is found once, before the loop. */
  readonly declarations: string[] = [];
  /** False: the indices of lanes differ, or what is written may not be wholly defined. */
  mayBeCalm = true;
  readonly #program: Program;
  readonly #layout: Layout;
  readonly #localArrays: ReadonlySet<number>;
  readonly #isUniform: (operand: Operand) => boolean;
  readonly #slots = new Map<string, Slot>();
  readonly #fresh: () => number;

  constructor(
    program: Program,
    layout: Layout,
    localArrays: ReadonlySet<number>,
    isUniform: (operand: Operand) => boolean,
    fresh: () => number,
  ) {
    this.#program = program;
    this.#layout = layout;
    this.#localArrays = localArrays;
    this.#isUniform = isUniform;
    this.#fresh = fresh;
  }

  /** A register in the general form; statements that must stand before go to `before`. */
  general(
    array: number,
    index: Operand,
    names: Names,
    use: ElementUse,
    before: string[],
    position: number,
  ): ElementNames {
    const { full, isWide, masks } = registerShape(this.#program, array);
    if (this.#localArrays.has(array)) return localRegister(array);
    let place: string;
    if (this.#isPlaceKnown(array, index)) {
      const slot = this.#slot(array, index, names);
      ({ place } = slot);
      if (slot.isInside !== null) before.push(`if (!(${slot.isInside})) ${this.#fault(array, index, names, position)}`);
    } else {
      this.mayBeCalm = false;
      const id = this.#fresh();
      place = `e${id}`;
      before.push(
        `if (!(${this.#isInside(array, names.value(index))})) ${this.#fault(array, index, names, position)} const ${place} = ${this.#placeOf(array, names.value(index))};`,
      );
    }
    const at = `${place} + ${masks}`;
    const defined = `u${this.#fresh()}`;
    if (use !== 'write') before.push(`const ${defined} = V[${at}] & 1 << l ? ${full} : E.registerBits(w, ${at}, l);`);
    return {
      ...wordsAt(place, isWide),
      defined,
      define: (bits) =>
        bits === String(full) ? `V[${at}] |= 1 << l;` : `E.defineRegister(w, ${at}, l, ${bits}, ${full});`,
    };
  }

  /** The same in the calm form. */
  calm(array: number, index: Operand, names: Names, use: ElementUse): ElementNames {
    if (this.#localArrays.has(array)) return localRegister(array);
    const { full, isWide } = registerShape(this.#program, array);
    const slot = this.#slot(array, index, names);
    if (use === 'write') slot.isWritten = true;
    else if (use === 'read') slot.isRead = true;
    else slot.isReadUnless.add(use.isReadUnless);
    return {
      ...wordsAt(slot.place, isWide),
      defined: String(full),
      define: (bits) => {
        if (bits !== String(full)) this.mayBeCalm = false;
        return `${slot.defined} |= bit;`;
      },
    };
  }

  /** What must hold for the calm form. */
  conditions(): string[] {
    return [...this.#slots.values()].flatMap(({ isInside, isRead, isReadUnless, place, masks }) => {
      const defined = `V[${place} + ${masks}]`;
      const isWhole = isRead
        ? [`${defined} === -1`]
        : [...isReadUnless].map((lanes) => `(${defined} | ${lanes}) === -1`);
      return isInside === null ? isWhole : [isInside, ...isWhole];
    });
  }

  /** Locals of the calm form, and statements that take over what they have become. */
  collected(): { readonly locals: string[]; readonly statements: string[] } {
    const written = [...this.#slots.values()].filter(({ isWritten }) => isWritten);
    return {
      locals: written.map(({ defined }) => defined),
      statements: written.map(({ place, masks, defined }) => `V[${place} + ${masks}] |= ${defined};`),
    };
  }

  #isPlaceKnown(array: number, index: Operand): boolean {
    return this.#isConstant(array, index) || (index.kind !== 'special' && this.#isUniform(index));
  }

  #isConstant(array: number, index: Operand): boolean {
    if (index.kind !== 'constant') return false;
    const value = Number(index.value);
    return Number.isInteger(value) && value >= 0 && value < Number(this.#layout.arrayCount[array]);
  }

  #slot(array: number, index: Operand, names: Names): Slot {
    const key = `${array} ${names.value(index)}`;
    const known = this.#slots.get(key);
    if (known !== undefined) return known;
    const id = this.#fresh();
    const text = this.#placeOf(array, names.value(index));
    const isConstant = this.#isConstant(array, index);
    if (!isConstant) this.declarations.push(`const e${id} = ${text};`);
    const slot: Slot = {
      place: isConstant ? text : `e${id}`,
      masks: registerShape(this.#program, array).masks,
      isInside: isConstant ? null : this.#isInside(array, names.value(index)),
      defined: `d${id}`,
      isRead: false,
      isReadUnless: new Set(),
      isWritten: false,
    };
    this.#slots.set(key, slot);
    return slot;
  }

  #placeOf(array: number, index: string): string {
    return `${this.#layout.arrayPlace[array]} + ${index} * ${registerShape(this.#program, array).words}`;
  }

  #isInside(array: number, index: string): string {
    return `${index} >>> 0 === ${index} && ${index} < ${this.#layout.arrayCount[array]}`;
  }

  #fault(array: number, index: Operand, names: Names, position: number): string {
    return `E.outside(w, ${names.value(index)}, l, ${position}, 'register index # of an array of ' + ${this.#layout.arrayCount[array]});`;
  }
}

const localRegister = (array: number): ElementNames => ({
  low: `x${array}l`,
  high: `x${array}h`,
  defined: `x${array}d`,
  define: (bits) => `x${array}d = ${bits};`,
});

const wordsAt = (place: string, isWide: boolean): Pick<ElementNames, 'low' | 'high'> => ({
  low: `V[${place} + l]`,
  high: isWide ? `V[${place} + l + 32]` : '0',
});
