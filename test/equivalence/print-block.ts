import type { Stmt } from './kernel-ast.js';
import { BLOCK, type Context, declare, isBlockWide, line, name, type Printing, spend } from './print-context.js';
import { printWhole } from './print-expression.js';
import { expr, number } from './statement-operands.js';

const syncthreads = (p: Printing, c: Context): void => {
  spend(p, c);
  line(c, 'yield* t.syncthreads();');
};

/** Puts those together again that are allowed to wait for each other. */
export function printSync(p: Printing, c: Context, s: Stmt): void {
  if (isBlockWide(c)) {
    p.features.add('syncthreads');
    syncthreads(p, c);
    return;
  }
  p.features.add('syncwarp');
  spend(p, c);
  line(c, `yield* t.syncwarp(${c.group.mask === 'FULL_MASK' && number(s, 0) & 1 ? '' : c.group.mask});`);
}

/** Barriers with numbers and counts. Every warp must come: none of them may have exited as a whole. */
export function printBarrier(p: Printing, c: Context, s: Stmt): void {
  if (!isBlockWide(c)) return;
  if (p.hasExited) {
    syncthreads(p, c);
    return;
  }
  const all = p.blockWarps * 32;
  const id = 1 + (number(s, 1) % 15);
  spend(p, c);
  switch (number(s, 0) % 4) {
    case 0:
      p.features.add('barrier of all warps');
      line(c, `yield* t.barrierSync${number(s, 2) & 1 ? 'Aligned' : ''}(${id}, ${all});`);
      return;
    case 1:
      p.features.add('barrier in both arms');
      line(c, `if (${printWhole(p, c, expr(s, 0, 'bool'))}) yield* t.barrierSync(${id}, ${all});`);
      line(c, `else yield* t.barrierSync(${id}, ${all});`);
      return;
    case 2:
      p.features.add('barrier without a count');
      line(c, `yield* t.barrierSync(${id}, 0);`);
      return;
    default:
      if (p.blockWarps < 2) return;
      p.features.add('barriers of some warps');
      line(c, 'if (t.threadRank < 32) {');
      line(c, `  yield* t.barrierSync(${id}, 32);`);
      line(c, '} else {');
      line(c, `  yield* t.barrierSync(${(id % 15) + 1}, ${all - 32});`);
      line(c, '}');
      // Else some could use the number again while others are still there.
      syncthreads(p, c);
  }
}

/** Every thread reads what another has written before a barrier. */
export function printExchange(p: Printing, c: Context, s: Stmt): void {
  if (!isBlockWide(c)) return;
  p.features.add('exchange through shared memory');
  const isVolatile = (number(s, 0) & 1) === 1;
  const value = printWhole(p, c, expr(s, 1, 'u32'));
  if (isVolatile) spend(p, c, 2);
  line(c, isVolatile ? `yield* t.storeVolatile(mine, t.threadRank, ${value});` : `mine.store(t.threadRank, ${value});`);
  syncthreads(p, c);
  const variable = declare(c, { name: name(p, 'u'), type: 'u32', isMutable: false });
  const index = `(t.threadRank + ${number(s, 1) % 40}) % ${p.threads}`;
  line(c, `const ${variable.name} = ${isVolatile ? `yield* t.loadVolatile(mine, ${index})` : `mine.load(${index})`};`);
  syncthreads(p, c);
}

/** Atomics of a block on one shared cell, then all of its threads read it. */
export function printSharedRound(p: Printing, c: Context, s: Stmt): void {
  if (!isBlockWide(c)) return;
  p.features.add('shared atomics');
  const cell = number(s, 0) % 6;
  const operator = ['Add', 'Min', 'Max', 'And', 'Or', 'Xor'][cell]!;
  const value = printWhole(p, c, expr(s, 1, 'u32'));
  spend(p, c);
  const call = `yield* t.atomic${operator}${cell === 0 && number(s, 1) & 1 ? 'Block' : ''}(sharedAcc, ${cell}, ${value});`;
  // A condition of the thread's own: some lanes of a warp take part.
  line(c, number(s, 2) & 1 ? `if (${printWhole(p, c, expr(s, 0, 'bool'))}) ${call}` : call);
  syncthreads(p, c);
  const variable = declare(c, { name: name(p, 'u'), type: 'u32', isMutable: false, uniformity: BLOCK });
  line(c, `const ${variable.name} = sharedAcc.load(${cell});`);
  syncthreads(p, c);
}

/** Every thread writes, sets its flag, and polls the flag of another before it reads what that has written. */
export function printSignal(p: Printing, c: Context, s: Stmt): void {
  if (!isBlockWide(c) || p.hasExited || p.threads > 128) return;
  p.features.add('polling');
  spend(p, c, 8);
  if (number(s, 1) & 1) {
    printLeaderSignal(p, c, s);
    return;
  }
  const value = printWhole(p, c, expr(s, 1, 'u32'));
  line(c, 'epoch = (epoch + 1) | 0;');
  line(c, `mine.store(t.threadRank, ${value});`);
  line(c, 'yield* t.threadfenceBlock();');
  line(c, 'yield* t.storeVolatile(flags, t.threadRank, epoch);');
  const other = name(p, 'i');
  line(c, `const ${other} = (t.threadRank + ${1 + (number(s, 0) % 40)}) % ${p.threads};`);
  line(c, `while ((yield* t.loadVolatile(flags, ${other})) < epoch) {}`);
  const variable = declare(c, { name: name(p, 'u'), type: 'u32', isMutable: false });
  line(c, `const ${variable.name} = mine.load(${other});`);
  syncthreads(p, c);
}

/** The same by warps: the first lane sets the flag and polls, the others wait for it. */
function printLeaderSignal(p: Printing, c: Context, s: Stmt): void {
  p.features.add('polling by one lane');
  const poll = ['loadVolatile(flags, ', "loadAcquire('block', flags, ", "loadRelaxed('device', flags, "][
    number(s, 2) % 3
  ]!;
  const other = name(p, 'i');
  line(c, 'epoch = (epoch + 1) | 0;');
  line(c, `mine.store(t.threadRank, ${printWhole(p, c, expr(s, 1, 'u32'))});`);
  line(c, `const ${other} = ((t.threadRank >>> 5) + ${1 + (number(s, 0) % 7)}) % ${p.blockWarps};`);
  line(c, 'yield* t.syncwarp();');
  line(c, 'if (t.laneId === 0) {');
  line(c, '  yield* t.threadfenceBlock();');
  line(c, '  yield* t.storeVolatile(flags, t.threadRank >>> 5, epoch);');
  line(c, `  while ((yield* t.${poll}${other})) < epoch) {}`);
  line(c, '}');
  line(c, 'yield* t.syncwarp();');
  const variable = declare(c, { name: name(p, 'u'), type: 'u32', isMutable: false });
  line(c, `const ${variable.name} = mine.load(Math.min(${other} * 32 + t.laneId, ${p.threads - 1}));`);
  syncthreads(p, c);
}

/** `cub::BlockScan`. */
export function printScan(p: Printing, c: Context, s: Stmt): void {
  if (!isBlockWide(c) || p.hasExited) return;
  p.features.add(`BlockScan of ${p.blockWarps === 1 ? 'a warp' : 'several warps'}`);
  const value = printWhole(p, c, expr(s, 0, 'i32'));
  spend(p, c, 10);
  const kind = number(s, 0) & 1 ? 'inclusiveSum' : 'exclusiveSum';
  const variable = declare(c, { name: name(p, 'i'), type: 'i32', isMutable: false });
  line(c, `const ${variable.name} = yield* new BlockScan(t, scanStorage, ${p.threads}).${kind}(${value});`);
  syncthreads(p, c);
}

/** The first warp produces, arrives and goes on; the others wait for it. */
export function printProduce(p: Printing, c: Context, s: Stmt): void {
  if (!isBlockWide(c) || p.hasExited || p.blockWarps < 2) return;
  p.features.add('barrierArrive');
  const id = 1 + (number(s, 0) % 15);
  const all = p.blockWarps * 32;
  const suffix = number(s, 1) & 1 ? 'Aligned' : '';
  spend(p, c);
  const value = printWhole(p, c, expr(s, 1, 'u32'));
  const variable = declare(c, { name: name(p, 'u'), type: 'u32', isMutable: true });
  line(c, `let ${variable.name} = 0;`);
  line(c, 'if (t.threadRank < 32) {');
  line(c, `  box.store(t.laneId, ${value});`);
  line(c, `  yield* t.barrierArrive${suffix}(${id}, ${all});`);
  line(c, '} else {');
  line(c, `  yield* t.barrierSync${suffix}(${id}, ${all});`);
  line(c, `  ${variable.name} = box.load(t.laneId);`);
  line(c, '}');
  syncthreads(p, c);
}
