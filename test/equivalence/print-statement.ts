import { type ScalarType, scalarBytes } from '../../src/simt/index.js';
import { SCRATCH_WORDS, type Stmt } from './kernel-ast.js';
import {
  printBarrier,
  printExchange,
  printProduce,
  printScan,
  printSharedRound,
  printSignal,
  printSync,
} from './print-block.js';
import { printCallGenerator, printCallMethod, printNew } from './print-calls.js';
import {
  type Context,
  declare,
  elementType,
  hasThread,
  inner,
  line,
  name,
  PREFIXES,
  type Printing,
  spend,
} from './print-context.js';
import {
  expr,
  number,
  printBody,
  printBump,
  printIf,
  printJump,
  printLet,
  printLoop,
  printReturn,
  printSet,
  printSwitch,
} from './print-control.js';
import { elementsIn, masked, printWhole, typed, zero } from './print-expression.js';
import { printFault } from './print-fault.js';
import { printPointers } from './print-pointers.js';
import { printRegisters } from './print-registers.js';
import { printCollective, printLazyVote, printShuffle, printTile } from './print-warp.js';

/** Prints a statement, or nothing where it is not lawful. */
export function printStatement(p: Printing, c: Context, s: Stmt): void {
  printFault(p, c, s);
  switch (s.op) {
    case 'let':
      return printLet(p, c, s);
    case 'set':
      return printSet(p, c, s);
    case 'bump':
      return printBump(p, c, s);
    case 'if':
      return printIf(p, c, s);
    case 'loop':
      return printLoop(p, c, s);
    case 'switch':
      return printSwitch(p, c, s);
    case 'jump':
      return printJump(p, c, s);
    case 'return':
      return printReturn(p, c, s);
    case 'scope': {
      line(c, '{');
      printBody(p, inner(c), s.bodies[0] ?? []);
      line(c, '}');
      return;
    }
  }
  if (!hasThread(c)) return;
  switch (s.op) {
    case 'store':
      return printStore(p, c, s);
    case 'load':
      return printLoad(p, c, s);
    case 'pointer':
      return printPointers(p, c, s);
    case 'regNew':
    case 'regSet':
    case 'regMove':
    case 'regLoad':
    case 'regStore':
    case 'regRead':
      return printRegisters(p, c, s);
    case 'atomicAcc':
      return printAtomicAcc(p, c, s);
    case 'atomicOwn':
      return printAtomicOwn(p, c, s);
    case 'fence': {
      const fence = ['threadfenceBlock', 'threadfence', 'threadfenceSystem'][number(s, 0) % 3]!;
      p.features.add('fences');
      spend(p, c);
      line(c, `yield* t.${fence}();`);
      return;
    }
    case 'callGen':
      return printCallGenerator(p, c, s);
    case 'new':
      return printNew(p, c, s);
    case 'callMethod':
      return printCallMethod(p, c, s);
    case 'collective':
      return printCollective(p, c, s);
    case 'shuffle':
      return printShuffle(p, c, s);
    case 'tile':
      return printTile(p, c, s);
    case 'lazyVote':
      return printLazyVote(p, c, s);
    case 'sync':
      return printSync(p, c, s);
  }
  if (c.kind !== 'kernel') return;
  switch (s.op) {
    case 'sharedOwn':
      return printSharedOwn(p, c, s);
    case 'barrier':
      return printBarrier(p, c, s);
    case 'exchange':
      return printExchange(p, c, s);
    case 'sharedRound':
      return printSharedRound(p, c, s);
    case 'signal':
      return printSignal(p, c, s);
    case 'scan':
      return printScan(p, c, s);
    case 'produce':
      return printProduce(p, c, s);
    default:
      return s.op satisfies never;
  }
}

const SCALARS: readonly ScalarType[] = ['u32', 'i32', 'u64', 'i64', 'u8', 'i8', 'u16', 'i16', 'f32'];
export const scalar = (n: number): ScalarType => SCALARS[n % SCALARS.length]!;
const SCOPES = ["'block'", "'device'", "'system'"] as const;
export const memoryScope = (n: number): string => SCOPES[n % 3]!;

/** A store to the thread's own memory. */
function printStore(p: Printing, c: Context, s: Stmt): void {
  const type = scalar(number(s, 0));
  const value = printWhole(p, c, valueOf(s, type));
  const index = masked(printWhole(p, c, expr(s, 0, 'i32')), elementsIn('own', type));
  const pointer = typed('own', type);
  const scope = memoryScope(number(s, 2));
  p.features.add(`memory of ${type}`);
  switch (number(s, 1) % 5) {
    case 0:
      p.features.add('volatile stores');
      spend(p, c);
      line(c, `yield* t.storeVolatile(${pointer}, ${index}, ${value});`);
      return;
    case 1:
      p.features.add('relaxed and release stores');
      spend(p, c);
      line(c, `yield* t.store${number(s, 3) & 1 ? 'Relaxed' : 'Release'}(${scope}, ${pointer}, ${index}, ${value});`);
      return;
    default:
      p.features.add('plain stores');
      line(c, `${pointer}.store(${index}, ${value});`);
  }
}

/** The statement's value for an element of that type. */
export function valueOf(s: Stmt, type: ScalarType) {
  const wanted = elementType(type);
  return s.exprs.find((e, at) => at > 0 && e.type === wanted) ?? zero(wanted);
}

/** A load of the thread's own memory or the input that the scheduler sees. */
function printLoad(p: Printing, c: Context, s: Stmt): void {
  const type = scalar(number(s, 0));
  const memory = number(s, 3) & 1 ? 'own' : 'input';
  const index = masked(printWhole(p, c, expr(s, 0, 'i32')), elementsIn(memory, type));
  const pointer = typed(memory, type);
  const scope = memoryScope(number(s, 2));
  const operation = [
    `loadVolatile(${pointer}, ${index})`,
    `loadRelaxed(${scope}, ${pointer}, ${index})`,
    `loadAcquire(${scope}, ${pointer}, ${index})`,
  ][number(s, 1) % 3]!;
  const result = elementType(type);
  const variable = declare(c, { name: name(p, PREFIXES[result]), type: result, isMutable: false });
  p.features.add(number(s, 1) % 3 === 0 ? 'volatile loads' : 'relaxed and acquire loads');
  p.features.add(`memory of ${type}`);
  spend(p, c);
  line(c, `const ${variable.name} = yield* t.${operation};`);
}

/** A slot of its own in shared memory. */
function printSharedOwn(p: Printing, c: Context, s: Stmt): void {
  p.features.add('shared memory, own slots');
  if (number(s, 0) & 1) line(c, `mine.store(t.threadRank, ${printWhole(p, c, expr(s, 1, 'u32'))});`);
  else {
    const variable = declare(c, { name: name(p, 'u'), type: 'u32', isMutable: false });
    line(c, `const ${variable.name} = mine.load(t.threadRank);`);
  }
}

/** Atomics on cells of all threads: an operator a cell, the old value is not used. */
function printAtomicAcc(p: Printing, c: Context, s: Stmt): void {
  const isWide = (number(s, 1) & 1) === 1;
  const cells: readonly (readonly [string, 'u32' | 'i32'])[] = [
    ['Add', 'u32'],
    ['Min', 'u32'],
    ['Max', 'u32'],
    ['And', 'u32'],
    ['Or', 'u32'],
    ['Xor', 'u32'],
    ['Min', 'i32'],
    ['Max', 'i32'],
  ];
  const cell = number(s, 0) % cells.length;
  const [operator, word] = cells[cell]!;
  const type = isWide ? (word === 'u32' ? 'u64' : 'i64') : word;
  const memory = isWide ? 'wideAcc' : 'acc';
  const pointer = type.startsWith('u') ? memory : `${memory}.cast('${type}')`;
  const value = printWhole(p, c, valueOf(s, type));
  const scope = operator === 'Add' ? '' : number(s, 2) % 4 === 3 ? '' : `, ${memoryScope(number(s, 2))}`;
  const suffix = operator === 'Add' ? ['', 'Block', 'System'][number(s, 2) % 3]! : '';
  p.features.add(`global atomics of ${type}`);
  spend(p, c);
  line(c, `yield* t.atomic${operator}${suffix}(${pointer}, ${cell}, ${value}${scope});`);
}

/** Atomics on the thread's own cells, whose old value is used. */
function printAtomicOwn(p: Printing, c: Context, s: Stmt): void {
  const operators = ['Add', 'Sub', 'Exch', 'Min', 'Max', 'And', 'Or', 'Xor', 'CAS', 'Inc', 'Dec'];
  const operator = operators[number(s, 0) % operators.length]!;
  const isCounter = operator === 'Inc' || operator === 'Dec';
  const type = isCounter ? 'u32' : (['u32', 'i32', 'u64', 'i64'] as const)[number(s, 1) % 4]!;
  const cells = 16 / scalarBytes(type);
  const index = masked(printWhole(p, c, expr(s, 0, 'i32')), cells);
  const value = printWhole(p, c, valueOf(s, type));
  const compare = operator === 'CAS' ? `${number(s, 3) & 1 ? printWhole(p, c, zero(type)) : value}, ` : '';
  const variable = declare(c, { name: name(p, PREFIXES[type]), type, isMutable: false });
  p.features.add(`own atomics: ${operator}`);
  spend(p, c);
  line(
    c,
    `const ${variable.name} = yield* t.atomic${operator}(${typed('cells', type)}, ${index}, ${compare}${value});`,
  );
}

/** Elements of a type in a thread's scratch memory. */
export const scratchElements = (type: ScalarType): number => (SCRATCH_WORDS * 4) / scalarBytes(type);
