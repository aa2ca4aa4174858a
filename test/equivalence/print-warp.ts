import type { ExprType, Stmt } from './kernel-ast.js';
import { tileSize } from './print-branches.js';
import {
  type Context,
  DIVERGENT,
  declare,
  GROUP,
  line,
  name,
  PREFIXES,
  type Printing,
  spend,
  type Uniformity,
  uniformityOf,
} from './print-context.js';
import { printExpr, printWhole } from './print-expression.js';
import { expr, number } from './statement-operands.js';

/** `const x = yield* …`, and its variable. */
function result(p: Printing, c: Context, type: ExprType, operation: string, uniformity: Uniformity = DIVERGENT): void {
  const variable = declare(c, { name: name(p, PREFIXES[type]), type, isMutable: false, uniformity });
  spend(p, c);
  line(c, `const ${variable.name} = yield* ${operation};`);
}

/** Votes, matches and reductions of the lanes that are together. */
export function printCollective(p: Printing, c: Context, s: Stmt): void {
  const { mask } = c.group;
  const flag = () => printWhole(p, c, expr(s, 0, 'bool'));
  const word = () => printWhole(p, c, expr(s, 1, 'i32'));
  const small = () => `${printExpr(p, c, expr(s, 1, 'i32'))} & ${[1, 3, 0, 31][number(s, 1) % 4]}`;
  const unsigned = () => printWhole(p, c, expr(s, 2, 'u32'));
  const wide = () => printWhole(p, c, expr(s, 3, 'u64'));
  const bits = ['Add', 'Min', 'Max', 'And', 'Or', 'Xor'] as const;
  const n = number(s, 0) % 16;
  p.features.add(
    `collectives ${{ self: 'of one lane', lanes: 'of some lanes', warp: 'of a warp', block: 'of all warps' }[c.group.level]}`,
  );
  if (n <= 2) {
    p.features.add('ballot');
    result(p, c, 'u32', `t.ballotSync(${mask}, ${flag()})`, GROUP);
  } else if (n === 3) {
    p.features.add('any');
    result(p, c, 'bool', `t.anySync(${mask}, ${flag()})`, GROUP);
  } else if (n === 4) {
    p.features.add('all');
    result(p, c, 'bool', `t.allSync(${mask}, ${flag()})`, GROUP);
  } else if (n === 5) {
    p.features.add('matchAny');
    result(p, c, 'u32', `t.matchAnySync(${mask}, ${small()})`);
  } else if (n === 6) {
    p.features.add('matchAll');
    result(p, c, 'u32', `t.matchAllSync(${mask}, ${small()})`, GROUP);
  } else if (n === 7) {
    p.features.add('match of 64 bits');
    const operation = number(s, 1) & 1 ? 'matchAnySync' : 'matchAllSync';
    result(p, c, 'u32', `t.${operation}(${mask}, ${printExpr(p, c, expr(s, 3, 'u64'))} & 0x100000001n)`);
  } else if (n === 8) {
    p.features.add('ballotShifted');
    result(p, c, 'u32', `t.ballotShifted(${mask}, ${flag()}, ${number(s, 1) % 32})`);
  } else if (n === 9) {
    p.features.add('syncwarp');
    spend(p, c);
    line(c, `yield* t.syncwarp(${mask === 'FULL_MASK' && number(s, 1) & 1 ? '' : mask});`);
  } else if (n === 10) {
    p.features.add('match of plain words');
    result(p, c, 'u32', `t.matchAnySync(${mask}, ${number(s, 1) & 1 ? unsigned() : wide()})`);
  } else {
    const operator = bits[number(s, 1) % bits.length]!;
    p.features.add(`reduce${operator}`);
    const isSigned = (number(s, 2) & 1) === 0;
    const isRange = operator === 'Min' || operator === 'Max';
    const type = operator === 'Add' || (isRange && isSigned) ? 'i32' : 'u32';
    const value = isRange ? (isSigned ? word() : unsigned()) : isSigned ? word() : unsigned();
    result(p, c, type, `t.reduce${operator}Sync(${mask}, ${value})`, GROUP);
  }
}

/**
 * The lanes that take part, as an expression; null: all of the warp. Lanes that have exited or that the warp does not
 * have must not be read from, so that only a vote tells who there is.
 */
function participants(p: Printing, c: Context): string | null {
  if (p.hasWholeWarps && !p.hasExited) return c.group.mask === 'FULL_MASK' ? null : c.group.mask;
  const live = name(p, 'm');
  line(c, `const ${live} = yield* t.ballotSync(${c.group.mask}, true);`);
  spend(p, c);
  return live;
}

const WORDS: readonly ExprType[] = ['i32', 'u32', 'u64', 'i64', 'f64'];

/** A shuffle; lanes that would read from nobody read their own value. */
export function printShuffle(p: Printing, c: Context, s: Stmt): void {
  const { mask } = c.group;
  const type = WORDS[number(s, 0) % WORDS.length]!;
  const value = printWhole(p, c, s.exprs.find((e) => e.type === type) ?? expr(s, -1, type));
  const width = [32, 32, 16, 8, 4, 2, 1][number(s, 2) % 7]!;
  const comma = width === 32 && number(s, 3) & 1 ? '' : `, ${width}`;
  const by = printExpr(p, c, expr(s, 0, 'i32'), number(s, 4) & 1 ? uniformityOf(c) : DIVERGENT);
  const live = participants(p, c);
  const kind = number(s, 1) % 5;
  p.features.add(`shuffle of ${type}`);
  if (kind >= 3) {
    p.features.add('shuffle: idx');
    if (live === null) {
      result(p, c, type, `t.shflSync(FULL_MASK, ${value}, ${by} & 31${comma})`);
      return;
    }
    if (width === 32 && c.group.level !== 'self' && kind === 3) {
      // From the first lane that is there: all get the same.
      result(p, c, type, `t.shflSync(${mask}, ${value}, ffs(${live}) - 1)`, GROUP);
      return;
    }
    const lane = name(p, 'i');
    line(c, `const ${lane} = (t.laneId & ${~(width - 1) & 31}) | (${by} & ${width - 1});`);
    result(p, c, type, `t.shflSync(${mask}, ${value}, isIn(${live}, ${lane}) ? ${lane} : t.laneId${comma})`);
    return;
  }
  const operation = ['shflUpSync', 'shflDownSync', 'shflXorSync'][kind]!;
  p.features.add(`shuffle: ${operation}`);
  const delta = `${by} & ${width === 1 ? 3 : 31}`;
  if (live === null) {
    result(p, c, type, `t.${operation}(FULL_MASK, ${value}, ${delta}${comma})`);
    return;
  }
  const step = name(p, 'i');
  line(c, `const ${step} = ${delta};`);
  const source = `t.laneId ${['-', '+', '^'][kind]} ${step}`;
  result(p, c, type, `t.${operation}(${mask}, ${value}, isIn(${live}, ${source}) ? ${step} : 0${comma})`);
}

/** Cooperative groups. */
export function printTile(p: Printing, c: Context, s: Stmt): void {
  const size = tileSize(c.group, number(s, 0));
  const tile = name(p, 'tile');
  const flag = () => printWhole(p, c, expr(s, 1, 'bool'));
  const type = WORDS[number(s, 2) % WORDS.length]!;
  const value = () => printWhole(p, c, s.exprs.find((e) => e.type === type) ?? expr(s, -1, type));
  const by = () => printExpr(p, c, expr(s, 0, 'i32'));
  const uniformity = size === c.group.tileLanes ? GROUP : DIVERGENT;
  p.features.add(`tiles of ${size}`);
  line(c, `const ${tile} = tiledPartition(t, ${size});`);
  const n = number(s, 1) % 11;
  switch (n) {
    case 0:
      p.features.add('tile: sync');
      spend(p, c);
      line(c, `yield* ${tile}.sync();`);
      return;
    case 1:
      result(p, c, 'bool', `${tile}.any(${flag()})`, uniformity);
      return;
    case 2:
      result(p, c, 'bool', `${tile}.all(${flag()})`, uniformity);
      return;
    case 3:
    case 4:
      p.features.add('tile: ballot');
      result(p, c, 'u32', `${tile}.ballot(${flag()})`, uniformity);
      return;
    case 5:
      p.features.add('tile: matchAny');
      result(p, c, 'u32', `${tile}.matchAny(${by()} & 3)`);
      return;
    case 6: {
      const rank = declare(c, { name: name(p, 'i'), type: 'i32', isMutable: false });
      line(c, `const ${rank.name} = ${tile}.threadRank + ${tile}.metaGroupRank * ${tile}.size;`);
      return;
    }
  }
  const isWhole = p.hasWholeWarps && !p.hasExited;
  const live = name(p, 'm');
  if (!isWhole) {
    spend(p, c);
    line(c, `const ${live} = yield* ${tile}.ballot(true);`);
  }
  const operation = ['shfl', 'shflUp', 'shflDown', 'shflXor'][n - 7]!;
  p.features.add(`tile: ${operation}`);
  const text = value();
  if (n === 7) {
    const rank = name(p, 'i');
    line(c, `const ${rank} = ${by()} & ${size - 1};`);
    result(
      p,
      c,
      type,
      `${tile}.shfl(${text}, ${isWhole ? rank : `isIn(${live}, ${rank}) ? ${rank} : ${tile}.threadRank`})`,
    );
    return;
  }
  const step = name(p, 'i');
  line(c, `const ${step} = ${by()} & ${size - 1};`);
  const source = `${tile}.threadRank ${['-', '+', '^'][n - 8]} ${step}`;
  result(p, c, type, `${tile}.${operation}(${text}, ${isWhole ? step : `isIn(${live}, ${source}) ? ${step} : 0`})`);
}

/** A vote behind `&&`, `||` or `?`: it happens only if all lanes of the group want it. */
export function printLazyVote(p: Printing, c: Context, s: Stmt): void {
  const test = printExpr(p, c, expr(s, 0, 'bool'), uniformityOf(c));
  const flag = printWhole(p, c, expr(s, 1, 'bool'));
  const vote = `(yield* t.${number(s, 0) & 1 ? 'anySync' : 'allSync'}(${c.group.mask}, ${flag}))`;
  const text = [`${test} && ${vote}`, `${test} || ${vote}`, `${test} ? ${vote} : false`][number(s, 1) % 3]!;
  p.features.add('operation in a part of an expression');
  spend(p, c);
  const variable = declare(c, { name: name(p, 'b'), type: 'bool', isMutable: false, uniformity: GROUP });
  line(c, `const ${variable.name} = ${text};`);
}

/** One round for each of the values that lanes of the group have: a leader tells its own, those with the same are done. */
export function printWaterfall(p: Printing, c: Context, s: Stmt): void {
  const { mask } = c.group;
  const value = name(p, 'i');
  line(c, `const ${value} = ${printExpr(p, c, expr(s, 0, 'i32'))} & 3;`);
  const rest = name(p, 'm');
  const sum = declare(c, { name: name(p, 'i'), type: 'i32', isMutable: true });
  p.features.add('a round for each value');
  spend(p, c, 7);
  line(c, `let ${sum.name} = 0;`);
  line(c, `let ${rest} = yield* t.ballotSync(${mask}, true);`);
  line(c, `while (${rest} !== 0) {`);
  line(c, `  const first = yield* t.shflSync(${mask}, ${value}, ffs(${rest}) - 1);`);
  line(c, `  const same = yield* t.ballotSync(${mask}, first === ${value});`);
  line(c, `  if (first === ${value}) ${sum.name} = (${sum.name} + popc(same & t.lanemaskLt)) | 0;`);
  line(c, `  ${rest} = (${rest} & ~same) >>> 0;`);
  line(c, '}');
}
