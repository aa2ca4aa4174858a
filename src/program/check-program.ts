import { checkShape } from './check-shape.js';
import {
  type ElementOperand,
  type Instruction,
  isWide,
  loadedType,
  type Operand,
  type Program,
  type Source,
  SPECIAL_NAMES,
  type Terminator,
  type ValueType,
} from './program.js';

const WORDS: readonly ValueType[] = ['i32', 'u32'];
const NUMBERS: readonly ValueType[] = ['i32', 'u32', 'f64'];
const INTEGERS: readonly ValueType[] = ['i32', 'u32', 'i64', 'u64'];
const ALL: readonly ValueType[] = ['pred', 'i32', 'u32', 'i64', 'u64', 'f64', 'ptr'];

const UNARY: Readonly<Record<string, readonly ValueType[]>> = {
  neg: [...INTEGERS, 'f64'],
  not: [...INTEGERS, 'pred'],
  popc: INTEGERS,
  clz: INTEGERS,
  ffs: INTEGERS,
  brev: ['u32', 'u64'],
  floor: ['f64'],
  ceil: ['f64'],
  trunc: ['f64'],
  abs: ['f64'],
};
const ARITHMETIC: readonly ValueType[] = [...INTEGERS, 'f64'];
const BINARY: Readonly<Record<string, readonly ValueType[]>> = {
  add: ARITHMETIC,
  sub: ARITHMETIC,
  mul: ARITHMETIC,
  div: ARITHMETIC,
  rem: ARITHMETIC,
  min: ARITHMETIC,
  max: ARITHMETIC,
  and: [...INTEGERS, 'pred'],
  or: [...INTEGERS, 'pred'],
  xor: [...INTEGERS, 'pred'],
  shl: INTEGERS,
  shr: INTEGERS,
  shlClamp: INTEGERS,
  shrClamp: INTEGERS,
  mulhi: INTEGERS,
};

/**
 * What is wrong with a program, a line each; nothing if it keeps to the contract of `program.ts`: its shape, types of
 * operands, indexes in range, values of constants, blocks that can be reached. Code may be made of what has no problem,
 * wherever it comes from; of a shape that is wrong only the first problem is told.
 */
export function checkProgram(program: Program): string[] {
  const misshapen = checkShape(program);
  if (misshapen !== null) return [misshapen];
  const problems: string[] = [];
  let where = 'program';
  const problem = (text: string) => problems.push(`${where}: ${text}`);
  const expect = (condition: boolean, text: string) => {
    if (!condition) problem(text);
  };
  const inRange = (index: number, list: readonly unknown[], what: string) =>
    expect(Number.isInteger(index) && index >= 0 && index < list.length, `${what} ${index} of ${list.length}`);

  const typeOf = (operand: Operand): ValueType | null => {
    switch (operand.kind) {
      case 'variable':
        inRange(operand.index, program.variables, 'variable');
        return program.variables[operand.index]?.type ?? null;
      case 'param':
        inRange(operand.index, program.params, 'param');
        return program.params[operand.index]?.type ?? null;
      case 'special':
        expect(SPECIAL_NAMES.includes(operand.name), `special ${operand.name}`);
        return 'i32';
      case 'constant':
        expect(isOfType(operand.value, operand.type), `constant ${String(operand.value)} of type ${operand.type}`);
        return operand.type;
      default:
        return operand satisfies never;
    }
  };
  const take = (operand: Operand, types: readonly ValueType[], what: string) => {
    const type = typeOf(operand);
    expect(type !== null && types.includes(type), `${what} is ${type}, not ${types.join(' or ')}`);
  };
  const give = (to: number, type: ValueType) => {
    inRange(to, program.variables, 'variable');
    const own = program.variables[to]?.type;
    expect(own === type, `the result is ${type}, its variable ${own}`);
  };
  const element = ({ array, index }: ElementOperand) => {
    inRange(array, program.arrays, 'array');
    take(index, NUMBERS, 'the index of a register');
  };
  /** A source of so many bytes, and of the right kind. */
  const source = (value: Source, elementType: string, types: readonly ValueType[]) => {
    if (value.kind !== 'element') take(value, types, 'the value');
    else {
      element(value);
      const own = program.arrays[value.array]?.elementType ?? '';
      expect(bytesOf(own) === bytesOf(elementType), `a register of ${own} for ${elementType}`);
    }
  };
  const valuesOf = (elementType: string): readonly ValueType[] =>
    bytesOf(elementType) === 8 ? ['i64', 'u64'] : NUMBERS;

  const check = (i: Instruction) => {
    inRange(i.site, program.sites, 'site');
    switch (i.op) {
      case 'move':
        take(i.a, [i.type], 'a');
        return give(i.to, i.type);
      case 'unary': {
        expect(UNARY[i.operator]?.includes(i.type) === true, `${i.operator} of ${i.type}`);
        take(i.a, [i.type], 'a');
        return give(i.to, ['popc', 'clz', 'ffs'].includes(i.operator) ? 'i32' : i.type);
      }
      case 'binary': {
        expect(BINARY[i.operator]?.includes(i.type) === true, `${i.operator} of ${i.type}`);
        take(i.a, [i.type], 'a');
        take(i.b, i.operator.startsWith('sh') ? WORDS : [i.type], 'b');
        return give(i.to, i.type);
      }
      case 'compare':
        expect(
          (i.type !== 'pred' && i.type !== 'ptr') || i.operator === 'eq' || i.operator === 'ne',
          `${i.operator} of ${i.type}`,
        );
        take(i.a, [i.type], 'a');
        take(i.b, [i.type], 'b');
        return give(i.to, 'pred');
      case 'select':
        take(i.condition, ['pred'], 'the condition');
        take(i.a, [i.type], 'a');
        take(i.b, [i.type], 'b');
        return give(i.to, i.type);
      case 'convert':
        expect(i.from !== i.type, `a conversion of ${i.from} to itself`);
        expect(i.from !== 'ptr' || i.type === 'f64', `a conversion of ptr to ${i.type}`);
        expect(i.type !== 'pred', `a conversion to ${i.type}`);
        expect(i.type !== 'ptr' || i.from === 'u64', `a conversion of ${i.from} to ptr`);
        take(i.a, [i.from], 'a');
        return give(i.to, i.type);
      case 'address':
        take(i.base, ['ptr'], 'the base');
        expect(i.indexType !== 'pred' && i.indexType !== 'ptr', `an index of type ${i.indexType}`);
        take(i.index, [i.indexType], 'the index');
        return give(i.to, 'ptr');
      case 'loadTable':
        inRange(i.table, program.tables, 'table');
        take(i.index, NUMBERS, 'the index');
        return give(i.to, program.tables[i.table]?.type ?? 'i32');
      case 'clearArray':
        return inRange(i.array, program.arrays, 'array');
      case 'readElement': {
        element(i.element);
        const type = program.arrays[i.element.array]?.elementType;
        return type === undefined ? undefined : give(i.to, loadedType(type));
      }
      case 'writeElement':
      case 'selectElement': {
        element(i.element);
        const type = program.arrays[i.element.array]?.elementType ?? 'u32';
        source(i.a, type, valuesOf(type));
        if (i.op === 'writeElement') return;
        take(i.condition, ['pred'], 'the condition');
        return source(i.b, type, valuesOf(type));
      }
      case 'shared':
        take(i.count, ['i32', 'f64'], 'the count');
        return give(i.to, 'ptr');
      case 'load': {
        take(i.base, ['ptr'], 'the base');
        take(i.index, NUMBERS, 'the index');
        expect([1, 2, 4].includes(i.to.length), `a load of ${i.to.length} elements`);
        for (const target of i.to) {
          if (target.kind === 'variable') give(target.index, loadedType(i.elementType));
          else source(target, i.elementType, []);
        }
        return;
      }
      case 'store':
        take(i.base, ['ptr'], 'the base');
        take(i.index, NUMBERS, 'the index');
        expect([1, 2, 4].includes(i.values.length), `a store of ${i.values.length} elements`);
        for (const value of i.values) source(value, i.elementType, valuesOf(i.elementType));
        return;
      case 'atomic':
        take(i.base, ['ptr'], 'the base');
        take(i.index, NUMBERS, 'the index');
        take(i.value, [i.elementType], 'the value');
        expect((i.compare !== null) === (i.operator === 'cas'), `compare of ${i.operator}`);
        if (i.compare !== null) take(i.compare, [i.elementType], 'compare');
        if (i.to !== -1) give(i.to, i.elementType);
        return;
      case 'fence':
        return;
      case 'collective':
        return collective(i);
      case 'barrier':
        take(i.id, NUMBERS, 'the barrier');
        return take(i.threadCount, NUMBERS, 'the count');
      case 'activemask':
        return give(i.to, 'u32');
      default:
        return i satisfies never;
    }
  };

  const collective = (i: Instruction & { readonly op: 'collective' }) => {
    const { operation, type, value, a, b, to } = i;
    take(i.mask, NUMBERS, 'the mask');
    const isVote = operation === 'any' || operation === 'all' || operation === 'ballot';
    expect((value === null) === (operation === 'sync'), 'value');
    if (value !== null) take(value, isVote ? ['pred'] : [type], 'the value');
    const needsA = operation === 'ballot' || operation.startsWith('shfl') || operation === 'match.any';
    expect((a !== null) === needsA, 'a');
    expect((b !== null) === operation.startsWith('shfl'), 'b');
    if (a !== null) take(a, NUMBERS, 'a');
    if (b !== null) take(b, NUMBERS, 'b');
    if (to === -1) return;
    if (operation === 'any' || operation === 'all') give(to, 'pred');
    else if (operation.startsWith('shfl') || operation === 'redux.min' || operation === 'redux.max') give(to, type);
    else give(to, operation === 'redux.add' ? 'i32' : 'u32');
  };

  const checkEnd = (terminator: Terminator) => {
    inRange(terminator.site, program.sites, 'site');
    if (terminator.op === 'jump') inRange(terminator.target, program.blocks, 'block');
    if (terminator.op !== 'branch') return;
    take(terminator.condition, ['pred'], 'the condition');
    inRange(terminator.then, program.blocks, 'block');
    inRange(terminator.else, program.blocks, 'block');
  };

  program.variables.forEach(({ type, scope }, index) => {
    where = `variable ${index}`;
    expect(ALL.includes(type), `type ${type}`);
    inRange(scope, program.scopes, 'scope');
  });
  program.arrays.forEach(({ count, scope }, index) => {
    where = `array ${index}`;
    inRange(scope, program.scopes, 'scope');
    take(count, ['i32'], 'the count');
    expect(count.kind !== 'constant' || Number(count.value) >= 0, 'the count is negative');
  });
  program.frames.forEach(({ file, callSite }, index) => {
    where = `frame ${index}`;
    inRange(file, program.files, 'file');
    if (callSite !== -1) inRange(callSite, program.sites, 'site');
    expect(index !== 0 || callSite === -1, 'the kernel has a call site');
  });
  program.scopes.forEach(({ frame, parent }, index) => {
    where = `scope ${index}`;
    inRange(frame, program.frames, 'frame');
    if (parent !== -1) {
      inRange(parent, program.scopes, 'scope');
      expect(program.scopes[parent]?.frame === frame, 'its parent is in another frame');
    }
  });
  program.sites.forEach(({ scope, line, column }, index) => {
    where = `site ${index}`;
    inRange(scope, program.scopes, 'scope');
    expect(line >= 1 && column >= 1, `position ${line}:${column}`);
  });
  program.blocks.forEach(({ instructions, terminator }, index) => {
    instructions.forEach((instruction, at) => {
      where = `block ${index}, instruction ${at} (${instruction.op})`;
      check(instruction);
    });
    where = `block ${index}, ${terminator.op}`;
    checkEnd(terminator);
  });
  where = 'program';
  expect(program.blocks.length > 0, 'there is no block');
  expect(program.frames.length > 0, 'there is no frame');
  const { frames, scopes, sites } = program;
  for (const index of onCycles(scopes.map(({ parent }) => parent))) problem(`scope ${index} is within itself`);
  const callers = frames.map(({ callSite }) => scopes[sites[callSite]?.scope ?? -1]?.frame ?? -1);
  for (const index of onCycles(callers)) problem(`frame ${index} is called from within itself`);
  for (const index of unreachable(program)) problem(`block ${index} cannot be reached`);
  return problems;
}

const bytesOf = (type: string): number =>
  type.endsWith('8') ? 1 : type.endsWith('16') ? 2 : type.endsWith('32') ? 4 : type.endsWith('64') ? 8 : 0;

function isOfType(value: number | bigint | boolean, type: ValueType): boolean {
  if (type === 'pred') return typeof value === 'boolean';
  if (isWide(type)) {
    if (typeof value !== 'bigint') return false;
    return value === (type === 'i64' ? BigInt.asIntN(64, value) : BigInt.asUintN(64, value));
  }
  if (typeof value !== 'number') return false;
  if (type === 'i32') return Object.is(value | 0, value);
  if (type === 'u32') return Object.is(value >>> 0, value);
  return type !== 'ptr' || (Number.isInteger(value) && value >= 0 && value <= 2 ** 53);
}

/** Nodes from which following `next` never ends at -1 or another number that is no node. */
function onCycles(next: readonly number[]): number[] {
  const ends = new Set<number>();
  return [...next.keys()].filter((start) => {
    const path = new Set<number>();
    let at = start;
    while (next[at] !== undefined && !ends.has(at)) {
      if (path.has(at)) return true;
      path.add(at);
      at = next[at]!;
    }
    for (const node of path) ends.add(node);
    return false;
  });
}

function unreachable({ blocks }: Program): number[] {
  const reached = new Set<number>();
  const stack = blocks.length > 0 ? [0] : [];
  for (let at = stack.pop(); at !== undefined; at = stack.pop()) {
    const terminator = blocks[at]?.terminator;
    if (reached.has(at) || terminator === undefined) continue;
    reached.add(at);
    if (terminator.op === 'jump') stack.push(terminator.target);
    else if (terminator.op === 'branch') stack.push(terminator.then, terminator.else);
  }
  return [...blocks.keys()].filter((index) => !reached.has(index));
}
