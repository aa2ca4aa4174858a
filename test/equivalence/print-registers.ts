import { scalarBytes } from '../../src/simt/index.js';
import { COUNT_ARGUMENT, type Stmt } from './kernel-ast.js';
import {
  type Context,
  declare,
  elementType,
  line,
  name,
  PREFIXES,
  type Printing,
  type Registers,
  spend,
} from './print-context.js';
import { elementsIn, masked, printExpr, printWhole, typed } from './print-expression.js';
import { expr, number, scalar, scratchElements, valueFor } from './statement-operands.js';

/** Register arrays. Those that begin defined stay so and may be read; the others hold undefined bytes and only move. */
export function printRegisters(p: Printing, c: Context, s: Stmt): void {
  if (s.op === 'regNew') {
    printNewArray(p, c, s);
    return;
  }
  const arrays = s.op === 'regRead' ? c.registers.filter(({ isDefined }) => isDefined) : c.registers;
  if (arrays.length === 0) return;
  const array = arrays[arrays.length - 1 - (number(s, 0) % arrays.length)]!;
  switch (s.op) {
    case 'regSet':
      p.features.add('registers: set');
      line(c, `${at(p, c, s, array, 1)}.set(${printWhole(p, c, valueFor(s, array.type))});`);
      return;
    case 'regMove':
      printMove(p, c, s, array);
      return;
    case 'regLoad':
      printRegisterLoad(p, c, s, array);
      return;
    case 'regStore':
      printRegisterStore(p, c, s, array);
      return;
    case 'regRead': {
      const type = elementType(array.type);
      p.features.add('registers: value');
      const text = `${at(p, c, s, array, 1)}.value`;
      const variable = declare(c, { name: name(p, PREFIXES[type]), type, isMutable: false });
      line(c, `const ${variable.name} = ${text};`);
    }
  }
}

function printNewArray(p: Printing, c: Context, s: Stmt): void {
  const type = scalar(number(s, 0));
  const isArgument = number(s, 1) % 5 === 4;
  const count = isArgument ? COUNT_ARGUMENT : [4, 1, 2, 8][number(s, 1) % 5]!;
  const isDefined = (number(s, 2) & 1) === 0;
  const value = printWhole(p, c, valueFor(s, type));
  const array: Registers = { name: name(p, 'r'), type, count, isDefined };
  p.features.add(isArgument ? 'registers: count is an argument' : 'registers: constant count');
  p.features.add(`registers of ${type}`);
  if (!isDefined) p.features.add('registers: undefined ones');
  line(c, `const ${array.name} = t.registerArray('${type}', ${isArgument ? 'count' : count});`);
  if (isDefined && number(s, 3) & 1) {
    const index = name(p, 'j');
    line(
      c,
      `for (let ${index} = 0; ${index} < ${isArgument ? 'count' : count}; ${index}++) ${array.name}.at(${index}).set(${value});`,
    );
  } else if (isDefined) {
    for (let index = 0; index < count; index++) line(c, `${array.name}.at(${index}).set(${value});`);
  }
  c.registers.push(array);
}

/** A register of the array, by a constant or an index of the thread. */
function at(p: Printing, c: Context, s: Stmt, { name: text, count }: Registers, n: number): string {
  const isDynamic = number(s, n) % 3 === 2;
  if (isDynamic) p.features.add('registers: dynamic index');
  const index = isDynamic ? masked(printWhole(p, c, expr(s, 0, 'i32')), count) : `${number(s, n) % count}`;
  return `${text}.at(${index})`;
}

/** An array of the same type that may be a source for `to`. */
function sourceFor(c: Context, to: Registers, n: number): Registers {
  const found = c.registers.filter(({ type, isDefined }) => type === to.type && (isDefined || !to.isDefined));
  return found[n % found.length]!;
}

function printMove(p: Printing, c: Context, s: Stmt, to: Registers): void {
  const from = sourceFor(c, to, number(s, 3));
  const target = at(p, c, s, to, 1);
  const source = at(p, c, s, from, 2);
  if (number(s, 4) % 3 === 0) {
    const other = sourceFor(c, to, number(s, 4));
    const condition = printExpr(
      p,
      c,
      expr(
        s,
        s.exprs.findIndex(({ type }) => type === 'bool'),
        'bool',
      ),
    );
    p.features.add('registers: chosen');
    line(c, `${target}.assign(${condition} ? ${source} : ${other.name}.at(${number(s, 4) % other.count}));`);
    return;
  }
  p.features.add('registers: assign');
  line(c, `${target}.assign(${source});`);
}

/** Which memory an array may be loaded from or stored to. */
function memoryFor(s: Stmt, { isDefined }: Registers, isLoad: boolean): 'own' | 'input' | 'scratch' {
  if (isLoad)
    return isDefined
      ? (['own', 'input'] as const)[number(s, 3) & 1]!
      : (['scratch', 'own', 'input', 'scratch'] as const)[number(s, 3) & 3]!;
  return isDefined ? (['own', 'scratch'] as const)[number(s, 3) & 1]! : 'scratch';
}

function place(p: Printing, c: Context, s: Stmt, array: Registers, isLoad: boolean, width: number) {
  const memory = memoryFor(s, array, isLoad);
  if (memory === 'scratch') p.features.add('undefined bytes in memory');
  const count = memory === 'scratch' ? scratchElements(array.type) : elementsIn(memory, array.type);
  const index = masked(printWhole(p, c, expr(s, 0, 'i32')), count / width);
  const scaled = width === 1 ? index : /^\d+$/.test(index) ? `${Number(index) * width}` : `(${index}) * ${width}`;
  return { pointer: typed(memory, array.type), index: scaled };
}

const fitsFour = ({ type }: Registers): boolean => scalarBytes(type) <= 4;

function printRegisterLoad(p: Printing, c: Context, s: Stmt, array: Registers): void {
  const form = number(s, 4) % 4;
  const first = at(p, c, s, array, 1);
  const other = (n: number) => `${array.name}.at(${n % array.count})`;
  if (form >= 2) {
    const { pointer, index } = place(p, c, s, array, true, 1);
    p.features.add('registers: loadInto');
    line(c, `${pointer}.loadInto(${first}, ${index});`);
    return;
  }
  spend(p, c);
  if (form === 1 && fitsFour(array)) {
    const { pointer, index } = place(p, c, s, array, true, 4);
    p.features.add('registers: loadVolatileV4');
    line(c, `yield* t.loadVolatileV4(${pointer}, ${index}, [${first}, ${other(1)}, ${other(2)}, ${other(3)}]);`);
    return;
  }
  const { pointer, index } = place(p, c, s, array, true, 2);
  p.features.add('registers: loadVolatileV2');
  line(c, `yield* t.loadVolatileV2(${pointer}, ${index}, ${first}, ${other(number(s, 2))});`);
}

function printRegisterStore(p: Printing, c: Context, s: Stmt, array: Registers): void {
  const form = number(s, 4) % 5;
  const first = at(p, c, s, array, 1);
  const other = (n: number) => `${array.name}.at(${n % array.count})`;
  if (form >= 3) {
    const { pointer, index } = place(p, c, s, array, false, 1);
    p.features.add('registers: plain store');
    line(c, `${pointer}.store(${index}, ${first});`);
    return;
  }
  spend(p, c);
  if (form === 2) {
    const { pointer, index } = place(p, c, s, array, false, 1);
    p.features.add('registers: volatile store');
    line(c, `yield* t.storeVolatile(${pointer}, ${index}, ${first});`);
    return;
  }
  if (form === 1 && fitsFour(array)) {
    const { pointer, index } = place(p, c, s, array, false, 4);
    const value = printWhole(p, c, valueFor(s, array.type));
    p.features.add('registers: storeVolatileV4');
    line(c, `yield* t.storeVolatileV4(${pointer}, ${index}, [${first}, ${value}, ${other(2)}, ${other(3)}]);`);
    return;
  }
  const { pointer, index } = place(p, c, s, array, false, 2);
  const value = number(s, 2) & 1 ? printWhole(p, c, valueFor(s, array.type)) : other(number(s, 2));
  p.features.add('registers: storeVolatileV2');
  line(c, `yield* t.storeVolatileV2(${pointer}, ${index}, ${first}, ${value});`);
}
