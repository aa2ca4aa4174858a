import { scalarBytes } from '../../src/simt/index.js';
import type { StatementName, Stmt } from './kernel-ast.js';
import {
  printBarrier,
  printExchange,
  printProduce,
  printScan,
  printSharedRound,
  printSignal,
  printSync,
} from './print-block.js';
import { printBody } from './print-body.js';
import { printIf, printSwitch } from './print-branches.js';
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
import { elementsIn, masked, printWhole, typed, zero } from './print-expression.js';
import { printFault } from './print-fault.js';
import { printJump, printLoop, printReturn } from './print-loops.js';
import { printPointers } from './print-pointers.js';
import { printRegisters } from './print-registers.js';
import { printBump, printLet, printSet } from './print-variables.js';
import { printCollective, printLazyVote, printShuffle, printTile, printWaterfall } from './print-warp.js';
import { expr, memoryScope, number, scalar, valueFor } from './statement-operands.js';

/** Where a statement is lawful: in any function, where there is a thread, in the kernel itself. */
type Place = 'anywhere' | 'with a thread' | 'in the kernel';

const PRINTERS: Readonly<Record<StatementName, readonly [Place, (p: Printing, c: Context, s: Stmt) => void]>> = {
  let: ['anywhere', printLet],
  set: ['anywhere', printSet],
  bump: ['anywhere', printBump],
  if: ['anywhere', printIf],
  loop: ['anywhere', printLoop],
  switch: ['anywhere', printSwitch],
  jump: ['anywhere', printJump],
  return: ['anywhere', printReturn],
  scope: ['anywhere', printScope],
  store: ['with a thread', printStore],
  load: ['with a thread', printLoad],
  pointer: ['with a thread', printPointers],
  regNew: ['with a thread', printRegisters],
  regSet: ['with a thread', printRegisters],
  regMove: ['with a thread', printRegisters],
  regLoad: ['with a thread', printRegisters],
  regStore: ['with a thread', printRegisters],
  regRead: ['with a thread', printRegisters],
  atomicAcc: ['with a thread', printAtomicAcc],
  atomicOwn: ['with a thread', printAtomicOwn],
  fence: ['with a thread', printFence],
  callGen: ['with a thread', printCallGenerator],
  new: ['with a thread', printNew],
  callMethod: ['with a thread', printCallMethod],
  collective: ['with a thread', printCollective],
  shuffle: ['with a thread', printShuffle],
  tile: ['with a thread', printTile],
  lazyVote: ['with a thread', printLazyVote],
  waterfall: ['with a thread', printWaterfall],
  sync: ['with a thread', printSync],
  sharedOwn: ['in the kernel', printSharedOwn],
  barrier: ['in the kernel', printBarrier],
  exchange: ['in the kernel', printExchange],
  sharedRound: ['in the kernel', printSharedRound],
  signal: ['in the kernel', printSignal],
  scan: ['in the kernel', printScan],
  produce: ['in the kernel', printProduce],
};

/** Prints a statement, or nothing where it is not lawful. */
export function printStatement(p: Printing, c: Context, s: Stmt): void {
  printFault(p, c);
  const [place, print] = PRINTERS[s.op];
  if (place === 'with a thread' && !hasThread(c)) return;
  if (place === 'in the kernel' && c.kind !== 'kernel') return;
  print(p, c, s);
}

function printScope(p: Printing, c: Context, s: Stmt): void {
  line(c, '{');
  printBody(p, inner(c), s.bodies[0] ?? []);
  line(c, '}');
}

function printFence(p: Printing, c: Context, s: Stmt): void {
  const fence = ['threadfenceBlock', 'threadfence', 'threadfenceSystem'][number(s, 0) % 3]!;
  p.features.add('fences');
  spend(p, c);
  line(c, `yield* t.${fence}();`);
}

/** A store to the thread's own memory. */
function printStore(p: Printing, c: Context, s: Stmt): void {
  const type = scalar(number(s, 0));
  const value = printWhole(p, c, valueFor(s, type));
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
  const value = printWhole(p, c, valueFor(s, type));
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
  const value = printWhole(p, c, valueFor(s, type));
  const compare = operator === 'CAS' ? `${number(s, 3) & 1 ? printWhole(p, c, zero(type)) : value}, ` : '';
  const variable = declare(c, { name: name(p, PREFIXES[type]), type, isMutable: false });
  p.features.add(`own atomics: ${operator}`);
  spend(p, c);
  line(
    c,
    `const ${variable.name} = yield* t.atomic${operator}(${typed('cells', type)}, ${index}, ${compare}${value});`,
  );
}
