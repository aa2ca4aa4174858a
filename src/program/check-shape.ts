import type { Scope as MemoryScope, ScalarType } from '../simt/index.js';
import {
  type AtomicOperator,
  type BinaryOperator,
  COLLECTIVE_NAMES,
  type CompareOperator,
  type ConstantTable,
  type Instruction,
  type Operand,
  type Param,
  type Program,
  SPECIAL_NAMES,
  type Terminator,
  type UnaryOperator,
  type ValueType,
} from './program.js';

// A program may come from a file, and the back ends write JavaScript of it: each value is looked at before that.

/** What is wrong with a value that stands at a place, or null. */
type Check = (value: unknown, at: string) => string | null;

/** The keys of an object, all of them: the compiler sees that none is missing. */
const keysOf = <K extends string>(keys: { readonly [Key in K]: true }): readonly K[] => Object.keys(keys) as K[];

const VALUE_TYPES = keysOf<ValueType>({ pred: true, i32: true, u32: true, i64: true, u64: true, f64: true, ptr: true });
const SCALAR_TYPES = keysOf<ScalarType>({
  i8: true,
  u8: true,
  i16: true,
  u16: true,
  i32: true,
  u32: true,
  f32: true,
  i64: true,
  u64: true,
});
const UNARY_OPERATORS = keysOf<UnaryOperator>({
  neg: true,
  not: true,
  popc: true,
  clz: true,
  ffs: true,
  brev: true,
  floor: true,
  ceil: true,
  trunc: true,
  abs: true,
});
const BINARY_OPERATORS = keysOf<BinaryOperator>({
  add: true,
  sub: true,
  mul: true,
  div: true,
  rem: true,
  min: true,
  max: true,
  and: true,
  or: true,
  xor: true,
  shl: true,
  shr: true,
  shlClamp: true,
  shrClamp: true,
  mulhi: true,
});
const COMPARE_OPERATORS = keysOf<CompareOperator>({ eq: true, ne: true, lt: true, le: true, gt: true, ge: true });
const ATOMIC_OPERATORS = keysOf<AtomicOperator>({
  add: true,
  sub: true,
  exch: true,
  min: true,
  max: true,
  inc: true,
  dec: true,
  cas: true,
  and: true,
  or: true,
  xor: true,
});
const MEMORY_SCOPES = keysOf<MemoryScope>({ block: true, device: true, system: true });

// Code points that are no text: line ends are among them.
const CONTROL = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u;
const CONTROLS = new RegExp(CONTROL, 'gu');

/** A value in a message: short, on one line. */
function shown(value: unknown): string {
  if (typeof value === 'bigint') return `${value}n`;
  if (value === undefined) return 'missing';
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'an array' : 'an object';
  const text = (typeof value === 'string' ? JSON.stringify(value) : String(value)).replace(
    CONTROLS,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  return text.length > 60 ? `${text.slice(0, 59)}…` : text;
}

const expected =
  (what: string, isIt: (value: unknown) => boolean): Check =>
  (value, at) =>
    isIt(value) ? null : `${at} is ${shown(value)}, not ${what}`;

const string = expected('a string', (value) => typeof value === 'string');
const boolean = expected('true or false', (value) => typeof value === 'boolean');
const integer = (least: number, most = Number.MAX_SAFE_INTEGER): Check =>
  expected(
    most === Number.MAX_SAFE_INTEGER ? `an integer from ${least}` : `an integer from ${least} to ${most}`,
    (value) => Number.isSafeInteger(value) && !Object.is(value, -0) && Number(value) >= least && Number(value) <= most,
  );
const oneOf = (values: readonly string[]): Check =>
  expected(`one of ${values.join(', ')}`, (value) => typeof value === 'string' && values.includes(value));

/** An identifier, or some with dots or dashes between them: a key of an object that holds kernels. */
const NAME = /^[\p{ID_Start}$_][\p{ID_Continue}$]*(?:[.-][\p{ID_Continue}$]+)*$/u;
const kernelName = expected('a name', (value) => typeof value === 'string' && NAME.test(value));
const plainText = expected(
  'a string without control characters',
  (value) => typeof value === 'string' && !CONTROL.test(value),
);

const orNull =
  (check: Check): Check =>
  (value, at) =>
    value === null ? null : check(value, at);
const orMissing =
  (check: Check): Check =>
  (value, at) =>
    value === undefined ? null : check(value, at);

const listOf =
  (check: Check): Check =>
  (value, at) => {
    if (!Array.isArray(value)) return `${at} is ${shown(value)}, not an array`;
    for (let index = 0; index < value.length; index++) {
      const problem = check(value[index], `${at}[${index}]`);
      if (problem !== null) return problem;
    }
    return null;
  };

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

type Fields<T> = { readonly [K in keyof Required<T>]: Check };

/** An object with these fields and no others. */
function record<T>(fields: Fields<T>): Check {
  const known = Object.entries<Check>(fields);
  const names = new Set(known.map(([name]) => name));
  return (value, at) => {
    if (!isRecord(value)) return `${at} is ${shown(value)}, not an object`;
    for (const [name, check] of known) {
      const problem = check(Object.hasOwn(value, name) ? value[name] : undefined, `${at}.${name}`);
      if (problem !== null) return problem;
    }
    const other = Object.keys(value).find((name) => !names.has(name));
    return other === undefined ? null : `${at} has an unknown field ${shown(other)}`;
  };
}

/** An object whose field `tag` says what else it has. */
function variant(tag: string, variants: Readonly<Record<string, Check>>): Check {
  const isKnown = oneOf(Object.keys(variants));
  return (value, at) => {
    if (!isRecord(value)) return `${at} is ${shown(value)}, not an object`;
    const name = Object.hasOwn(value, tag) ? value[tag] : undefined;
    return isKnown(name, `${at}.${tag}`) ?? variants[name as string]!(value, at);
  };
}

const index = integer(0);
/** A variable's number, or -1: no result. */
const result = integer(-1);
const site = index;
const op = string;
const kind = string;
const valueType = oneOf(VALUE_TYPES);
const elementType = oneOf(SCALAR_TYPES);
const memoryScope = oneOf(MEMORY_SCOPES);

const variableOperand = record<Operand & { kind: 'variable' }>({ kind, index });
const paramOperand = record<Operand & { kind: 'param' }>({ kind, index });
// Whether the value is of the type is looked at where types are.
const value = expected('a constant', (it) => ['number', 'bigint', 'boolean'].includes(typeof it));
const constantOperand = record<Operand & { kind: 'constant' }>({ kind, type: valueType, value });
const specialOperand = record<Operand & { kind: 'special' }>({ kind, name: oneOf(SPECIAL_NAMES) });
const OPERANDS = {
  variable: variableOperand,
  param: paramOperand,
  constant: constantOperand,
  special: specialOperand,
};
const operand = variant('kind', OPERANDS);
const element = variant('kind', { element: record({ kind, array: index, index: operand }) });
const source = variant('kind', { ...OPERANDS, element });
const target = variant('kind', { variable: variableOperand, element });

type InstructionOf<Op extends Instruction['op']> = Extract<Instruction, { readonly op: Op }>;
const INSTRUCTIONS: { readonly [Op in Instruction['op']]: Check } = {
  move: record<InstructionOf<'move'>>({ op, site, type: valueType, to: index, a: operand }),
  unary: record<InstructionOf<'unary'>>({
    op,
    site,
    operator: oneOf(UNARY_OPERATORS),
    type: valueType,
    to: index,
    a: operand,
  }),
  binary: record<InstructionOf<'binary'>>({
    op,
    site,
    operator: oneOf(BINARY_OPERATORS),
    type: valueType,
    to: index,
    a: operand,
    b: operand,
  }),
  compare: record<InstructionOf<'compare'>>({
    op,
    site,
    operator: oneOf(COMPARE_OPERATORS),
    type: valueType,
    to: index,
    a: operand,
    b: operand,
  }),
  select: record<InstructionOf<'select'>>({
    op,
    site,
    type: valueType,
    to: index,
    condition: operand,
    a: operand,
    b: operand,
  }),
  convert: record<InstructionOf<'convert'>>({ op, site, from: valueType, type: valueType, to: index, a: operand }),
  address: record<InstructionOf<'address'>>({
    op,
    site,
    to: index,
    base: operand,
    index: operand,
    indexType: valueType,
    elementBytes: integer(1, 2 ** 31 - 1),
  }),
  loadTable: record<InstructionOf<'loadTable'>>({ op, site, to: index, table: index, index: operand }),
  clearArray: record<InstructionOf<'clearArray'>>({ op, site, array: index }),
  readElement: record<InstructionOf<'readElement'>>({ op, site, to: index, element }),
  writeElement: record<InstructionOf<'writeElement'>>({ op, site, element, a: source }),
  selectElement: record<InstructionOf<'selectElement'>>({
    op,
    site,
    element,
    condition: operand,
    a: source,
    b: source,
  }),
  shared: record<InstructionOf<'shared'>>({ op, site, to: index, name: plainText, elementType, count: operand }),
  load: record<InstructionOf<'load'>>({
    op,
    site,
    elementType,
    to: listOf(target),
    base: operand,
    index: operand,
    ordering: oneOf(['plain', 'volatile', 'relaxed', 'acquire']),
    scope: memoryScope,
  }),
  store: record<InstructionOf<'store'>>({
    op,
    site,
    elementType,
    values: listOf(source),
    base: operand,
    index: operand,
    ordering: oneOf(['plain', 'volatile', 'relaxed', 'release']),
    scope: memoryScope,
  }),
  atomic: record<InstructionOf<'atomic'>>({
    op,
    site,
    operator: oneOf(ATOMIC_OPERATORS),
    elementType: oneOf(['i32', 'u32', 'i64', 'u64']),
    to: result,
    base: operand,
    index: operand,
    value: operand,
    compare: orNull(operand),
    scope: memoryScope,
  }),
  fence: record<InstructionOf<'fence'>>({ op, site, scope: memoryScope }),
  collective: record<InstructionOf<'collective'>>({
    op,
    site,
    operation: oneOf(COLLECTIVE_NAMES),
    to: result,
    type: valueType,
    mask: operand,
    value: orNull(operand),
    a: orNull(operand),
    b: orNull(operand),
  }),
  barrier: record<InstructionOf<'barrier'>>({
    op,
    site,
    kind: oneOf(['sync', 'arrive']),
    isAligned: boolean,
    id: operand,
    threadCount: operand,
  }),
  activemask: record<InstructionOf<'activemask'>>({ op, site, to: index }),
};

type TerminatorOf<Op extends Terminator['op']> = Extract<Terminator, { readonly op: Op }>;
const TERMINATORS: { readonly [Op in Terminator['op']]: Check } = {
  jump: record<TerminatorOf<'jump'>>({ op, site, target: index }),
  // biome-ignore lint/suspicious/noThenProperty: the field's name
  branch: record<TerminatorOf<'branch'>>({ op, site, condition: operand, then: index, else: index }),
  exit: record<TerminatorOf<'exit'>>({ op, site }),
  throw: record<TerminatorOf<'throw'>>({ op, site, message: string }),
};

const numbers = listOf(expected('a number', (it) => typeof it === 'number'));
const TABLES: { readonly [Type in ConstantTable['type']]: Check } = {
  i32: listOf(integer(-(2 ** 31), 2 ** 31 - 1)),
  u32: listOf(integer(0, 2 ** 32 - 1)),
  f64: numbers,
};
const tableOf = (values: Check) =>
  record<ConstantTable>({ name: orNull(string), type: oneOf(Object.keys(TABLES)), values });

const PARAM_TYPES = keysOf<Param['type']>({ pred: true, i32: true, u64: true, ptr: true });

const program = record<Program>({
  name: kernelName,
  files: listOf(record<Program['files'][number]>({ path: string, digest: string })),
  params: listOf(
    record<Param>({ path: listOf(string), type: oneOf(PARAM_TYPES), elementType: orMissing(elementType) }),
  ),
  variables: listOf(record<Program['variables'][number]>({ name: orNull(string), type: valueType, scope: index })),
  arrays: listOf(
    record<Program['arrays'][number]>({
      name: orNull(string),
      elementType,
      count: variant('kind', { constant: constantOperand, param: paramOperand }),
      scope: index,
    }),
  ),
  tables: listOf(variant('type', { i32: tableOf(TABLES.i32), u32: tableOf(TABLES.u32), f64: tableOf(TABLES.f64) })),
  frames: listOf(
    record<Program['frames'][number]>({
      functionName: string,
      file: index,
      callSite: integer(-1),
      isLibrary: boolean,
    }),
  ),
  scopes: listOf(record<Program['scopes'][number]>({ frame: index, parent: integer(-1) })),
  sites: listOf(record<Program['sites'][number]>({ scope: index, line: integer(1), column: integer(1) })),
  blocks: listOf(
    record<Program['blocks'][number]>({
      instructions: listOf(variant('op', INSTRUCTIONS)),
      terminator: variant('op', TERMINATORS),
    }),
  ),
  emitted: orMissing((it, at) =>
    isRecord(it) && Object.values(it).every((text) => typeof text === 'string')
      ? null
      : `${at} is ${shown(it)}, not texts by name`,
  ),
});

/**
 * What makes a value no {@link Program} at all, or null: a field that is missing, unknown or of another type, a number
 * that is no index, a name that is not one of those that there are. Indexes may still be too large.
 */
export const checkShape = (value: unknown): string | null => program(value, 'program');
