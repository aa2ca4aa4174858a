import {
  accessedElements,
  type Instruction,
  isWide,
  loadedType,
  type Names,
  type Operand,
  type Program,
  type ValueType,
} from '../program/index.js';
import { type ScalarType, scalarBytes } from '../simt/index.js';
import { traceWord } from './trace-ring.js';

/** A register: low word, high word (64 bits only), definedness. */
export interface ElementNames {
  readonly low: string;
  readonly high: string;
  /** Its bits of definedness, one a byte; a literal if they are known. */
  readonly defined: string;
  /** A statement that sets these bits. */
  define(bits: string): string;
}

/** An access to a register. Of a read it may be known that the lanes of a mask, an expression, do not do it. */
export type ElementUse = 'write' | 'read' | { readonly isReadUnless: string };

/** What access code needs beside the names of variables. */
export interface AccessContext {
  readonly names: Names;
  readonly program: Program;
  /** The lane in expressions: `l`, or the first of those that take part. */
  readonly lane: string;
  /** A register's parts; statements that must stand before go to `before`. */
  element(array: number, index: Operand, use: ElementUse, before: string[], position: number): ElementNames;
  /**
   * The calm form of a lane loop: how a lane leaves it, before an access that is not where the last one was; memory that
   * registers are loaded from is wholly defined. Null: code for all cases.
   */
  readonly leave: string | null;
  /** The lanes for which a predicate holds, as it is before the loop; null: not known there. */
  lanesWith(predicate: Operand): string | null;
  /**
   * Declares an access site; the result is its number. Its locals are set up where the code begins. `base`: the
   * expression for a base that is the same for all lanes.
   */
  site(instruction: Access, bytes: number, elementBytes: number, view: string, base: string | null): number;
  typeOf(operand: Operand): ValueType;
  isUniform(operand: Operand): boolean;
  /**
   * Whether the access may take lane l's offset as that of lane 0 plus l times a stride: the stride in bytes, and what
   * is called to tell the access how its first address is written. Null: each lane computes its own.
   */
  readonly stride: ((instruction: Access) => number | null) | null;
  /** Number unique within the function, for names. */
  fresh(): number;
  /** Whether each access is told to the engine. */
  readonly trace: boolean;
}

export type Access = Extract<Instruction, { op: 'load' | 'store' | 'atomic' }>;

/** The typed array of an allocation that holds elements of a type; words for all of 4 bytes and more. */
const viewOf = (type: ScalarType): 'i8' | 'u8' | 'i16' | 'u16' | 'i32' => {
  switch (type) {
    case 'i8':
    case 'u8':
    case 'i16':
    case 'u16':
      return type;
    default:
      return 'i32';
  }
};

/**
 * Statements that set up the locals of an access site. `S3` is the site's cache; `I3` the allocation's view, `B3` its
 * bitmap of definedness, `F3` what flips it, `P3` its pages. With a base that is the same for all lanes `r3` is the base
 * relative to the allocation, a small integer where it can be, and `n3` the last offset; otherwise addresses are
 * compared with `lo3` and `hi3`.
 */
export function siteLocals(site: number, view: string, isRelative: boolean): string {
  const place = isRelative ? `n${site} = S${site}.last` : `lo${site} = S${site}.lo, hi${site} = S${site}.hi`;
  return `let ${place}, I${site} = S${site}.allocation.${view}, B${site} = S${site}.bits(), F${site} = S${site}.flip, P${site} = S${site}.pages;`;
}

const refresh = (site: number, view: string, isRelative: boolean): string => {
  const place = isRelative ? `n${site} = S${site}.last;` : `lo${site} = S${site}.lo; hi${site} = S${site}.hi;`;
  return `${place} I${site} = S${site}.allocation.${view}; B${site} = S${site}.bits(); F${site} = S${site}.flip; P${site} = S${site}.pages;`;
};

/** Statements that take over what the cache of an access site has become. */
export const refreshSite = (site: number, access: Access, isRelative: boolean): string =>
  refresh(site, viewOf(access.elementType), isRelative);

/**
 * The text of a function with its access sites: where definedness changes, all of them look again, since they may be of
 * the same allocation.
 */
export function withRefreshes(text: string, siteDeclarations: readonly string[]): string {
  const sites = siteDeclarations.map((declaration) => /\bB(\d+) = /.exec(declaration)![1]!);
  return text.replaceAll('REFRESH;', sites.map((site) => `B${site} = S${site}.bits();`).join(' '));
}

/** Statements for a load, a store or an atomic of one lane. */
export function emitAccess(instruction: Access, context: AccessContext): string {
  const { names, lane } = context;
  const { elementType } = instruction;
  const bytes = scalarBytes(elementType);
  const count = accessedElements(instruction);
  const size = bytes * count;
  const view = viewOf(elementType);
  const { base, index } = instruction;
  const stride = context.stride?.(instruction) ?? null;
  const isRelative = context.isUniform(base);
  const site = context.site(instruction, size, bytes, view, isRelative ? names.value(base) : null);
  const id = context.fresh();
  const out: string[] = [];
  const isZero = index.kind === 'constant' && index.value === 0;
  const address = isZero ? names.value(base) : `${names.value(base)} + ${names.value(index)} * ${bytes}`;
  // A fraction would be rounded away beside a large address: an index that has one gives none.
  const isFloat = context.typeOf(index) === 'f64' && index.kind !== 'constant';
  const exactly = (text: string) => (isFloat ? `(${names.value(index)} % 1 === 0 ? ${text} : NaN)` : text);
  if (stride !== null) {
    out.push(`const o${id} = z${site} + l * ${stride};`);
  } else if (isRelative) {
    // An index that may have a fraction, or more than 31 bits, is looked at: it must not be cut off.
    const mayBeOdd = isFloat;
    const word = mayBeOdd ? `j${id}` : names.value(index);
    if (mayBeOdd) out.push(`const j${id} = ${names.value(index)} | 0;`);
    const odd = mayBeOdd ? `j${id} !== ${names.value(index)} || ` : '';
    // A base that is misaligned for its elements never comes here: see Runtime.relative.
    const misaligned = size === bytes ? '' : ` || ((o${id} + S${site}.low) & ${size - 1}) !== 0`;
    out.push(
      `let o${id} = r${site}${isZero ? '' : ` + ${word} * ${bytes}`};`,
      `if (${odd}!(o${id} >= 0 && o${id} <= n${site})${misaligned}) ${
        context.leave ??
        `{ r${site} = E.missRelative(S${site}, w, ${exactly(address)}, ${names.value(base)}, ${lane}, ${instruction.site}); o${id} = r${site}${isZero ? '' : ` + ${names.value(index)} * ${bytes}`}; ${refresh(site, view, true)} }`
      }`,
    );
  } else {
    // A fraction of an address is none of a word's bits.
    const fraction = isFloat ? ` || ${names.value(index)} % 1 !== 0` : '';
    const misaligned = size === 1 ? '' : ` || (a${id} & ${size - 1}) !== 0`;
    out.push(
      `const a${id} = ${address};`,
      `if (!(a${id} >= lo${site} && a${id} <= hi${site})${misaligned}${fraction}) ${
        context.leave ??
        `{ E.miss(S${site}, w, ${exactly(`a${id}`)}, ${lane}, ${instruction.site}); ${refresh(site, view, false)} }`
      }`,
      `const o${id} = a${id} - lo${site};`,
    );
  }
  if (context.trace) out.push(`E.sink.access(${traceWord(instruction, size)} | ${lane}, ${address});`);
  switch (instruction.op) {
    case 'load':
      out.push(...load(instruction, site, id, context));
      break;
    case 'store':
      out.push(...store(instruction, site, id, context));
      // Where offsets follow a stride, the pages have been marked before the loop.
      if (stride === null) out.push(`P${site}[o${id} >>> 12] = 1;`);
      break;
    case 'atomic':
      out.push(atomic(instruction, site, id, context));
      break;
    default:
      return instruction satisfies never;
  }
  return `{\n${out.join('\n')}\n}`;
}

/** Expressions for the place of an element within the views: `shift` is log2 of the view's element size. */
const at = (id: number, shift: number, offset: number): string =>
  offset === 0
    ? shift === 0
      ? `(o${id} >>> 0)`
      : `(o${id} >>> ${shift})`
    : `((o${id} >>> ${shift}) + ${offset >> shift})`;

const definedBits = (site: number, id: number, offset: number, bytes: number): string => {
  const full = (1 << bytes) - 1;
  if (bytes === 8) return `(B${site}[${at(id, 3, offset)}] ^ F${site})`;
  return `((B${site}[(o${id} + ${offset}) >>> 3] ^ F${site}) >>> ((o${id} + ${offset}) & 7) & ${full})`;
};

function load(
  { to, elementType, site: position }: Extract<Access, { op: 'load' }>,
  site: number,
  id: number,
  { names, lane, element, leave }: AccessContext,
): string[] {
  const bytes = scalarBytes(elementType);
  const full = (1 << bytes) - 1;
  const shift = bytes === 8 ? 2 : Math.log2(bytes);
  const out: string[] = [];
  const defineAll: string[] = [];
  const defineEach: string[] = [];
  to.forEach((target, place) => {
    const offset = place * bytes;
    const low = `I${site}[${at(id, shift, offset)}]`;
    const high = `I${site}[${at(id, 2, offset + 4)}]`;
    const bits = definedBits(site, id, offset, bytes);
    if (target.kind === 'element') {
      const register = element(target.array, target.index, 'write', out, position);
      out.push(`${register.low} = ${low};`);
      if (bytes === 8) out.push(`${register.high} = ${high};`);
      defineAll.push(register.define(String(full)));
      if (leave === null) defineEach.push(register.define(bits));
      return;
    }
    const isUnsigned = loadedType(elementType) === 'u32';
    out.push(
      `if (B${site} !== null && ${bits} !== ${full}) E.undefinedRead(S${site}, o${id} + ${offset}, w, ${lane}, ${position}, '${elementType}');`,
      bytes === 8
        ? names.assignWords(target.index, low, high)
        : names.assign(target.index, isUnsigned && bytes === 4 ? `${low} >>> 0` : low),
    );
  });
  if (leave !== null) out.push(...defineAll);
  else if (defineAll.length > 0) {
    out.push(`if (B${site} === null) { ${defineAll.join(' ')} } else { ${defineEach.join(' ')} }`);
  }
  return out;
}

function store(
  { values, elementType, ordering, site: position }: Extract<Access, { op: 'store' }>,
  site: number,
  id: number,
  { names, element, program, leave }: AccessContext,
): string[] {
  const bytes = scalarBytes(elementType);
  const full = String((1 << bytes) - 1);
  const shift = bytes === 8 ? 2 : Math.log2(bytes);
  const before: string[] = [];
  const words: string[] = [];
  const bits: string[] = [];
  values.forEach((value, place) => {
    const offset = place * bytes;
    let low: string;
    let high = '0';
    let defined = full;
    if (value.kind === 'element') {
      ({ low, high, defined } = element(value.array, value.index, 'read', before, position));
      if (leave !== null && defined !== full) {
        before.push(`if (${defined} !== ${full}) ${leave}`);
        defined = full;
      }
    } else if (bytes === 8) [low, high] = names.words(value);
    else {
      // A predicate is stored as a number.
      const isPred =
        (value.kind === 'variable' && program.variables[value.index]!.type === 'pred') ||
        (value.kind === 'constant' && value.type === 'pred') ||
        (value.kind === 'param' && program.params[value.index]!.type === 'pred');
      low = isPred ? `(${names.value(value)} ? 1 : 0)` : names.value(value);
    }
    const word = `I${site}[${at(id, shift, offset)}]`;
    // A hang is looked for once nobody stores anything new; visible stores are noted by the loop.
    if (ordering === 'plain') words.push(`if (${word} !== ${low}) E.storedPlainly = true;`);
    words.push(`${word} = ${low};`);
    if (bytes === 8) words.push(`I${site}[${at(id, 2, offset + 4)}] = ${high};`);
    bits.push(defined);
  });
  if (bits.every((defined) => defined === full)) {
    const size = bytes * values.length;
    return [...before, ...words, `if (B${site} !== null && S${site}.defineAll(o${id}, ${size})) { REFRESH; }`];
  }
  const set = bits.map((defined, place) => `E.define(S${site}, o${id} + ${place * bytes}, ${bytes}, ${defined});`);
  const isUndefined = bits.filter((defined) => defined !== full).map((defined) => `${defined} !== ${full}`);
  return [...before, ...words, `if (B${site} !== null || ${isUndefined.join(' || ')}) { ${set.join(' ')} REFRESH; }`];
}

function atomic(
  instruction: Extract<Access, { op: 'atomic' }>,
  site: number,
  id: number,
  { names, lane }: AccessContext,
): string {
  const { elementType, operator, value, compare, to } = instruction;
  const before = `E.lane = ${lane}; E.position = ${instruction.site};`;
  if (isWide(elementType)) {
    const [low, high] = names.words(value);
    const [cLow, cHigh] = compare === null ? ['0', '0'] : names.words(compare);
    const call = `E.atomic64(S${site}, o${id}, '${elementType}', '${operator}', ${low}, ${high}, ${cLow}, ${cHigh})`;
    return `${before} ${to === -1 ? `${call};` : names.assignWords(to, call, 'R.high')}`;
  }
  const compared = compare === null ? '0' : names.value(compare);
  const call = `E.atomic32(S${site}, o${id}, '${elementType}', '${operator}', ${names.value(value)}, ${compared})`;
  return `${before} ${to === -1 ? `${call};` : names.assign(to, call)}`;
}
