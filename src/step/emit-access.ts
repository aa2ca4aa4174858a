import { type AccessInstruction, accessedElements, type Instruction } from '../program/index.js';
import { OPERATION_NAMES } from '../simt/for-engines.js';
import { PAGE_BYTES, type ScalarType, scalarBytes } from '../simt/index.js';
import { DEFINED, type Layout, OPERAND_A, RESULT, VALUES } from './layout.js';
import type { Provenance } from './provenance.js';

const PAGE_SHIFT = Math.log2(PAGE_BYTES);

/**
 * Writes accesses to memory. Each access site has a variable with the allocation that it has touched last; the address
 * is looked up only if it is not in there, or the access needs a second look.
 */
export class AccessWriter {
  readonly #layout: Layout;
  readonly #provenance: Provenance;
  readonly #caches: { readonly name: string; readonly isShared: boolean }[] = [];
  readonly #isObserved: boolean;
  /** What the code tells of, by number. */
  readonly observed: AccessInstruction[] = [];

  constructor(layout: Layout, provenance: Provenance, isObserved: boolean) {
    this.#layout = layout;
    this.#provenance = provenance;
    this.#isObserved = isObserved;
  }

  /** Tells of an access to byte `o` of `cache` by the thread of row `b`; '' if nobody wants to know. */
  observeText(access: AccessInstruction, cache: string): string {
    return this.#isObserved ? `H.observe(${this.observed.push(access) - 1}, ${cache}, o, b);` : '';
  }

  /** Tells that the last access is done, if somebody wants to know. */
  get storedText(): string {
    return this.#isObserved ? 'if (H.isAwaited) H.storedObserved();' : '';
  }

  /** A new variable for the allocation of an access. */
  cacheOf({ base }: AccessInstruction): string {
    const space = this.#provenance.spaceOf(base);
    const prefix = { global: 'g', shared: 's', any: 'x' }[space];
    const name = `${prefix}${this.#caches.length}`;
    this.#caches.push({ name, isShared: space !== 'global' });
    return name;
  }

  declarations(): string {
    return this.#caches.length === 0 ? '' : `let ${this.#caches.map(({ name }) => `${name} = NONE`).join(', ')};`;
  }

  /** Forgets allocations of shared memory: another block goes on. */
  resetText(): string {
    const shared = this.#caches.filter(({ isShared }) => isShared);
    return shared.map(({ name }) => `${name} = NONE;`).join(' ');
  }

  /**
   * Makes `cache` the allocation of address `q` and `o` the offset in it.
   * The cache's name begins with g, s or x: global memory, shared memory, or either.
   */
  locate(cache: string, bytes: number, access: string, site: string): string {
    const find = { g: 'global', s: 'shared_', x: 'generic' }[cache[0]!];
    const test = `o >>> 0 !== o || o + ${bytes} > ${cache}.accessibleBytes${bytes === 1 ? '' : ` || ((${cache}.baseLow + o) & ${bytes - 1}) !== 0`}`;
    // A shared allocation must not be taken for a global one at the same distance.
    return `o = q - ${cache}.base; if (${test}) { ${cache} = H.${find}(q, ${bytes}, '${access}', b, ${site}); o = q - ${cache}.base; }`;
  }

  /** The value of an element of at most 4 bytes at byte `offset`. */
  readText(cache: string, type: ScalarType, offset: string): string {
    switch (type) {
      case 'i32':
        return `${cache}.i32[${offset} >>> 2]`;
      case 'u32':
      case 'f32':
        return `${cache}.u32[${offset} >>> 2]`;
      case 'u8':
      case 'i8':
        return `${cache}.${type}[${offset}]`;
      case 'u16':
      case 'i16':
        return `${cache}.${type}[${offset} >>> 1]`;
      default:
        throw new Error(`[simtwin bug] ${type} as one word`);
    }
  }

  /** Stores elements at byte `o`. `defined`: bits of each element's bytes; null: all. */
  storeText(
    cache: string,
    type: ScalarType,
    elements: readonly (readonly string[])[],
    defined: readonly (string | null)[],
  ): string {
    const bytes = scalarBytes(type);
    const lines: string[] = [];
    elements.forEach((words, index) => {
      const offset = index === 0 ? 'o' : `(o + ${index * bytes})`;
      if (bytes === 8) {
        lines.push(`${cache}.i32[${offset} >>> 2] = ${words[0]}; ${cache}.i32[(${offset} >>> 2) + 1] = ${words[1]};`);
      } else if (bytes === 4) lines.push(`${cache}.i32[${offset} >>> 2] = ${words[0]};`);
      else if (bytes === 2) lines.push(`${cache}.u16[${offset} >>> 1] = ${words[0]};`);
      else lines.push(`${cache}.u8[${offset}] = ${words[0]};`);
    });
    lines.push(`${cache}.pageFlags[o >>> ${PAGE_SHIFT}] = 1;`);
    if (elements.length > 1) {
      // A base is a multiple of 8 only: the access may lie across two pages.
      lines.push(`${cache}.pageFlags[(o + ${(elements.length - 1) * bytes}) >>> ${PAGE_SHIFT}] = 1;`);
    }
    const full = (1 << bytes) - 1;
    const conditions = [
      `${cache}.mayHoldUndefined`,
      ...defined.flatMap((bits) => (bits === null ? [] : [`(${bits}) !== ${full}`])),
    ];
    const sets = elements.map((_, index) => {
      const offset = index === 0 ? 'o' : `o + ${index * bytes}`;
      return `${cache}.setDefined(${offset}, ${bytes}, ${defined[index] ?? full});`;
    });
    lines.push(`if (${conditions.join(' || ')}) { ${sets.join(' ')} }`);
    return lines.join(' ');
  }

  /** A function that performs a visible access for the lanes of a mask, lowest first. `w`: row of lane 0. */
  writePerform(number: number, instruction: Instruction): string {
    const access = instruction as AccessInstruction;
    const cache = this.cacheOf(access);
    const bytes = scalarBytes(access.elementType);
    const count = accessedElements(access);
    const kind = access.op;
    const body =
      access.op === 'load' ? this.#load(access) : access.op === 'store' ? this.#store(access) : this.#atomic(access);
    const c = `${cache[0]}c`;
    const flags = access.op === 'load' ? '0' : access.op === 'store' ? '1' : 'flags';
    return `function a${number}(w, lanes) {
let ${c} = ${cache}, q, o${access.op === 'atomic' ? ', flags = 0' : ''};
for (let rest = lanes; rest !== 0; rest &= rest - 1) {
const b = w + (31 - Math.clz32(rest & -rest)) * ${this.#layout.rowWords}, h = b >> 1;
q = D[h + ${OPERAND_A >> 1}];
${this.locate(c, bytes * count, kind, '-1')}
${this.observeText(access, c)}
${body.replaceAll('CACHE', c)}
${access.op === 'load' ? '' : `if (${c}.watched) H.stored(${c}, o, ${bytes * count}, b, -1); ${this.storedText}`}
}
${cache} = ${c};
return ${flags};
}`;
  }

  #load({ elementType, to }: Extract<AccessInstruction, { op: 'load' }>): string {
    const bytes = scalarBytes(elementType);
    const words = bytes === 8 ? 2 : 1;
    return to
      .map((target, index) => {
        const offset = index === 0 ? 'o' : `(o + ${index * bytes})`;
        let word: string;
        let after: string;
        if (target.kind === 'variable') {
          word = `b + ${(to.length === 1 ? RESULT : VALUES) + index * words}`;
          after = '';
        } else {
          const { slot, elementWords, definedByte } = this.#layout.arrays[target.array]!;
          const at = target.index.kind === 'constant' ? `${target.index.value}` : `L[b + ${VALUES + index * words}]`;
          word = `b + ${slot} + ${at} * ${elementWords}`;
          after = ` U[b * 4 + ${definedByte} + ${at}] = CACHE.mayHoldUndefined ? CACHE.definedBits(${offset}, ${bytes}) : ${(1 << bytes) - 1};`;
        }
        const check =
          target.kind === 'variable'
            ? `if (CACHE.mayHoldUndefined) H.checkDefined(CACHE, '${elementType}', ${offset}, -1, b); `
            : '';
        const move =
          bytes === 8
            ? `L[${word}] = CACHE.i32[${offset} >>> 2]; L[${word} + 1] = CACHE.i32[(${offset} >>> 2) + 1];`
            : `L[${word}] = ${this.readText('CACHE', elementType, offset)};`;
        // The index of an element is where its value may go: the definedness first.
        return `${check}${after}${move}`;
      })
      .join('\n');
  }

  #store({ elementType, values }: Extract<AccessInstruction, { op: 'store' }>): string {
    const bytes = scalarBytes(elementType);
    const words = bytes === 8 ? 2 : 1;
    const full = (1 << bytes) - 1;
    const mayBeUndefined = values.some(({ kind }) => kind === 'element');
    const elements = values.map((_, index) =>
      Array.from({ length: words }, (_, part) => `L[b + ${VALUES + index * words + part}]`),
    );
    const defined = values.map((_, index) =>
      mayBeUndefined ? `((L[b + ${DEFINED}] >>> ${index * bytes}) & ${full})` : null,
    );
    return this.storeText('CACHE', elementType, elements, defined);
  }

  #atomic({ elementType, operator }: Extract<AccessInstruction, { op: 'atomic' }>): string {
    return `flags |= H.atomic(CACHE, o, '${elementType}', ${OPERATION_NAMES.indexOf(`atom.${operator}`)}, b);`;
  }
}
