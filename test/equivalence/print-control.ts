import { type Expr, MASKS, type Stmt } from './kernel-ast.js';
import {
  type Context,
  DIVERGENT,
  declare,
  type Group,
  hasThread,
  inner,
  line,
  name,
  PREFIXES,
  type Printing,
  SELF_GROUP,
  spend,
  type Target,
  TS_TYPES,
  uniformityOf,
  type Variable,
  WARP_GROUP,
} from './print-context.js';
import { candidates, printExpr, printWhole, zero } from './print-expression.js';
import { printStatement } from './print-statement.js';

/** Prints the statements of a block; what nobody uses is stored. */
export function printBody(p: Printing, c: Context, body: readonly Stmt[]): void {
  const before = c.variables.length;
  for (const statement of body) printStatement(p, c, statement);
  if (c.kind === 'plain') return;
  for (const variable of c.variables.slice(before))
    if (!variable.isUsed || variable.isMutable) sink(c, variable, p.next++ % 16);
}

/** Stores a variable to the thread's own results. */
export function sink(c: Context, { name: text, type }: Variable, slot: number): void {
  if (type === 'u64' || type === 'i64') line(c, `own.cast('${type}').store(${16 + slot}, ${text});`);
  else line(c, `own.store(${16 + slot}, ${type === 'bool' ? `Number(${text})` : `${text} >>> 0`});`);
}

export const expr = (s: Stmt, at: number, type: Expr['type']): Expr => {
  const given = s.exprs[at];
  return given !== undefined && given.type === type ? given : zero(type);
};

export const number = (s: Stmt, at: number): number => s.n[at] ?? 0;

function printBlock(p: Printing, c: Context, header: string, body: readonly Stmt[], changes: Partial<Context>): void {
  line(c, header);
  printBody(p, inner(c, changes), body);
}

/** `const mask = …`: the lanes of the group for which the condition holds, and the others. */
function divide(p: Printing, c: Context, condition: string): { yes: Group; no: Group } {
  const { group } = c;
  const mask = name(p, 'm');
  line(c, `const ${mask} = yield* t.ballotSync(${group.mask}, ${condition});`);
  spend(p, c);
  const other = name(p, 'm');
  line(c, `const ${other} = (${group.mask} & ~${mask}) >>> 0;`);
  const part = (text: string): Group => ({ level: 'lanes', mask: text, constant: null, tileLanes: 1 });
  return { yes: part(mask), no: part(other) };
}

const hex = (mask: number): string => `0x${(mask >>> 0).toString(16)}`;
const below = (group: Group): Group => (group.level === 'block' ? WARP_GROUP : group);

/** The condition of an `if`, and who is in its arms. */
function condition(p: Printing, c: Context, s: Stmt): { text: string; yes: Group; no: Group } {
  const { group } = c;
  const test = expr(s, 0, 'bool');
  const mode = number(s, 0) % 8;
  const both = (text: string, of: Group) => ({ text, yes: of, no: of });
  if (!hasThread(c)) return both(printWhole(p, c, test), SELF_GROUP);
  switch (mode) {
    case 0:
      p.features.add('if: divergent');
      return both(printWhole(p, c, test), SELF_GROUP);
    case 1: {
      p.features.add('if: its own ballot');
      const flag = name(p, 'b');
      line(c, `const ${flag} = ${printWhole(p, c, test)};`);
      return { text: flag, ...divide(p, c, flag) };
    }
    case 2: {
      if (group.constant === null) break;
      p.features.add('if: constant mask');
      const mask = MASKS[number(s, 1) % MASKS.length]!;
      const part = (lanes: number): Group => ({
        level: 'lanes',
        mask: hex(lanes),
        constant: lanes,
        tileLanes: tileLanesOf(lanes),
      });
      return {
        text: `isIn(${hex(mask)}, t.laneId)`,
        yes: part(group.constant & mask),
        no: part(group.constant & ~mask),
      };
    }
    case 3:
      p.features.add('if: uniform');
      return both(printWhole(p, c, test, uniformityOf(c)), group);
    case 4: {
      p.features.add('if: voted');
      const vote = number(s, 1) & 1 ? 'allSync' : 'anySync';
      spend(p, c);
      return both(`yield* t.${vote}(${group.mask}, ${printWhole(p, c, test)})`, below(group));
    }
    case 5:
      if (group.level !== 'block' && group.level !== 'warp') break;
      p.features.add('if: by warp');
      return both(`((t.threadRank >>> 5) & 1) === ${number(s, 1) & 1}`, WARP_GROUP);
    case 6: {
      p.features.add('if: null pointer');
      return both(number(s, 1) & 1 ? 'extra === null' : 'extra !== null', group);
    }
    default: {
      const size = tileSize(group, number(s, 1));
      if (size < 2) break;
      p.features.add('if: by tile');
      const tile = name(p, 'tile');
      line(c, `const ${tile} = tiledPartition(t, ${size});`);
      spend(p, c);
      const part: Group = { level: 'lanes', mask: `${tile}.mask`, constant: null, tileLanes: size };
      return both(`yield* ${tile}.any(${printWhole(p, c, test)})`, part);
    }
  }
  p.features.add('if: divergent');
  return both(printWhole(p, c, test), SELF_GROUP);
}

/** A tile size of which the group consists. */
export function tileSize({ tileLanes }: Group, n: number): number {
  const most = 31 - Math.clz32(tileLanes);
  return 1 << (most - (n % (most + 1)));
}

function tileLanesOf(mask: number): number {
  for (const size of [32, 16, 8, 4, 2]) {
    const tile = size === 32 ? 0xffffffff : (1 << size) - 1;
    let isWhole = true;
    for (let first = 0; first < 32; first += size) {
      const part = ((mask >>> first) & tile) >>> 0;
      if (part !== 0 && part !== tile) isWhole = false;
    }
    if (isWhole) return size;
  }
  return 1;
}

export function printIf(p: Printing, c: Context, s: Stmt): void {
  const { text, yes, no } = condition(p, c, s);
  const [then = [], other = []] = s.bodies;
  line(c, `if (${text}) {`);
  const arm = inner(c, { group: yes });
  if (text === 'extra !== null') {
    const loaded = declare(arm, { name: name(p, 'i'), type: 'i32', isMutable: false });
    line(arm, `const ${loaded.name} = extra.load(${number(s, 2) % 8});`);
    p.features.add('null pointer that is none');
  }
  printBody(p, arm, then);
  if (other.length > 0) {
    p.features.add('else');
    printBlock(p, c, '} else {', other, { group: no });
  }
  line(c, '}');
}

const MOST_ROUNDS = 4;

/** A loop; its body is entered by lanes together unless its bound is the lane's own. */
export function printLoop(p: Printing, c: Context, s: Stmt): void {
  if (s.bodies.some(mayReturn)) p.hasExited ||= c.kind === 'kernel';
  const form = number(s, 0) % 8;
  const mode = number(s, 1) % 4;
  const uniformity = uniformityOf(c);
  const isVoted = mode === 3 && hasThread(c) && form < 6;
  const isOwn = mode === 2 || !hasThread(c);
  const group = isOwn ? SELF_GROUP : isVoted ? below(c.group) : c.group;
  p.features.add(`loop: ${isVoted ? 'voted' : isOwn ? 'divergent' : mode === 1 ? 'uniform' : 'constant'} bound`);
  const bound = expr(s, 0, 'i32');
  const rounds = 1 + (number(s, 2) % MOST_ROUNDS);
  const own = isVoted || isOwn;
  const limit =
    mode === 0 ? `${rounds}` : `(${printExpr(p, c, bound, own ? DIVERGENT : uniformity)} & ${MOST_ROUNDS - 1})`;
  const target: Target = { label: name(p, 'loop'), isLoop: true, group, isNamed: false };
  const body = s.bodies[0] ?? [];
  const changes = (weight: number): Context =>
    inner(c, { group, targets: [...c.targets, target], lines: [], weight: c.weight * weight });
  const close = (b: Context, header: string, before: readonly string[], footer = '}') => {
    for (const text of before) line(c, text);
    if (target.isNamed) p.features.add('labels');
    line(c, `${target.isNamed ? `${target.label}: ` : ''}${header}`);
    c.lines.push(...b.lines);
    line(c, footer);
  };
  const counter = name(p, 'j');
  const countIn = (b: Context) =>
    declare(b, { name: counter, type: 'i32', isMutable: false, uniformity: own ? DIVERGENT : uniformity });
  if (isVoted) {
    const b = changes(3);
    spend(p, b);
    line(b, `${counter} = (${counter} - 1) | 0;`);
    declare(b, { name: counter, type: 'i32', isMutable: false });
    p.features.add('loop: while');
    printBody(p, b, body);
    close(b, `while (yield* t.anySync(${c.group.mask}, ${counter} > 0)) {`, [`let ${counter} = ${limit};`]);
    return;
  }
  switch (form) {
    case 0:
    case 1:
    case 2: {
      const b = changes(form === 2 ? 2 : 3);
      countIn(b);
      p.features.add('loop: for');
      printBody(p, b, body);
      const step = [`${counter} = (${counter} + 1) | 0`, `${counter}++`, `${counter} += 2`][form]!;
      const test = limit.includes('>') ? `${limit} > ${counter}` : `${counter} < ${limit}`;
      close(b, `for (let ${counter} = 0; ${test}; ${step}) {`, []);
      return;
    }
    case 3: {
      const b = changes(3);
      countIn(b);
      p.features.add('loop: for, down');
      printBody(p, b, body);
      close(b, `for (let ${counter} = ${limit}; ${counter} > 0; ${counter}--) {`, []);
      return;
    }
    case 4: {
      const b = changes(3);
      line(b, `${counter} = (${counter} - 1) | 0;`);
      countIn(b);
      p.features.add('loop: while');
      printBody(p, b, body);
      close(b, `while (${counter} > 0) {`, [`let ${counter} = ${limit};`]);
      return;
    }
    case 5: {
      const b = changes(3);
      line(b, `${counter}--;`);
      countIn(b);
      p.features.add('loop: do-while');
      printBody(p, b, body);
      close(b, 'do {', [`let ${counter} = ${limit};`], `} while (${counter} > 0);`);
      return;
    }
    case 6: {
      const b = changes(3);
      countIn(b);
      p.features.add('loop: for-of');
      printBody(p, b, body);
      const values = [3, number(s, 3) % 32, 12].slice(0, 1 + (rounds % 3));
      close(b, `for (const ${counter} of [${values.join(', ')}] as const) {`, []);
      return;
    }
    default: {
      // Threads with a low rank go round more often, as in loops that stride over an array.
      const b = { ...changes(3), group: SELF_GROUP, targets: [...c.targets, { ...target, group: SELF_GROUP }] };
      const own2 = b.targets.at(-1)!;
      declare(b, { name: counter, type: 'i32', isMutable: false });
      p.features.add('loop: strided');
      printBody(p, b, body);
      target.isNamed = own2.isNamed;
      const first = hasThread(c) ? 't.threadRank' : '5';
      close(b, `for (let ${counter} = ${first}; ${counter} < 77; ${counter} += 32) {`, []);
    }
  }
}

const mayReturn = (body: readonly Stmt[]): boolean => body.some((s) => s.op === 'return' || s.bodies.some(mayReturn));

export function printSwitch(p: Printing, c: Context, s: Stmt): void {
  const mode = number(s, 0) % 3;
  const isUniform = mode === 1 && hasThread(c);
  const isMatched = mode === 2 && hasThread(c) && c.group.level !== 'self';
  let text = `${printExpr(p, c, expr(s, 0, 'i32'), isUniform ? uniformityOf(c) : DIVERGENT)} & 3`;
  let group = isUniform ? c.group : SELF_GROUP;
  p.features.add(`switch: ${isUniform ? 'uniform' : isMatched ? 'matched' : 'divergent'}`);
  if (isMatched) {
    const choice = name(p, 'i');
    line(c, `const ${choice} = ${text};`);
    const mask = name(p, 'm');
    line(c, `const ${mask} = yield* t.matchAnySync(${c.group.mask}, ${choice});`);
    spend(p, c);
    text = choice;
    group = { level: 'lanes', mask, constant: null, tileLanes: 1 };
  }
  const target: Target = { label: name(p, 'choice'), isLoop: false, group, isNamed: false };
  const lines: string[] = [];
  const arms = inner(c, { group, targets: [...c.targets, target], lines });
  const bodies = s.bodies.filter((body, at) => at === 0 || body.length > 0);
  if (s.bodies.some(mayReturn)) p.hasExited ||= c.kind === 'kernel';
  bodies.forEach((body, at) => {
    const isLast = at === bodies.length - 1;
    line(
      arms,
      isLast && bodies.length > 1 ? 'default: {' : `case ${at}:${at === 1 && number(s, 2) & 1 ? ' case 3:' : ''} {`,
    );
    const b = inner(arms);
    printBody(p, b, body);
    const fallsThrough = !isLast && ((number(s, 1) >> at) & 3) === 3;
    if (fallsThrough) p.features.add('switch: fall through');
    else line(b, 'break;');
    line(arms, '}');
  });
  line(c, `${target.isNamed ? `${target.label}: ` : ''}switch (${text}) {`);
  c.lines.push(...lines);
  line(c, '}');
}

/** A condition on which lanes leave: their own where each goes for itself, else one that all share. */
const leaving = (p: Printing, c: Context, s: Stmt): string =>
  printWhole(p, c, expr(s, 0, 'bool'), c.group.level === 'self' ? DIVERGENT : uniformityOf(c));

export function printJump(p: Printing, c: Context, s: Stmt): void {
  const isContinue = (number(s, 0) & 1) === 1;
  const innermost = c.targets.at(-1);
  const innermostLoop = c.targets.filter(({ isLoop }) => isLoop).at(-1);
  const targets = c.targets.filter(
    (target) =>
      (target.group === c.group || (target.group.level === 'self' && c.group.level === 'self')) &&
      (target.isLoop || !isContinue),
  );
  if (targets.length === 0) return;
  const target = targets[targets.length - 1 - (number(s, 1) % targets.length)]!;
  const isImplied = target === (isContinue ? innermostLoop : innermost);
  const isNamed = !isImplied || (number(s, 2) & 3) === 0;
  if (isNamed) target.isNamed = true;
  const jump = isContinue ? 'continue' : 'break';
  p.features.add(`${jump}${isImplied ? '' : ' to an outer loop'}${c.group.level === 'self' ? ', divergent' : ''}`);
  line(c, `if (${leaving(p, c, s)}) ${jump}${isNamed ? ` ${target.label}` : ''};`);
}

export function printReturn(p: Printing, c: Context, s: Stmt): void {
  const { type, group } = c.returns;
  if (c.kind === 'kernel') {
    p.features.add('early return of the kernel');
    p.hasExited = true;
    line(c, `if (${printWhole(p, c, expr(s, 0, 'bool'))}) return;`);
    return;
  }
  if (type === null || !(c.group === group || (c.group.level === 'self' && group.level === 'self'))) return;
  p.features.add(`early return of a ${c.kind === 'plain' ? 'plain function' : 'generator'}`);
  const given = s.exprs.slice(1).find((e) => e.type === type) ?? zero(type);
  line(c, `if (${leaving(p, c, s)}) return ${printWhole(p, c, given)};`);
}

export function printLet(p: Printing, c: Context, s: Stmt): void {
  const e = s.exprs[0] ?? zero('i32');
  const isMutable = (number(s, 0) & 1) === 0;
  const text = printWhole(p, c, e);
  const variable = declare(c, { name: name(p, PREFIXES[e.type]), type: e.type, isMutable });
  const isLater = isMutable && (number(s, 0) & 14) === 6;
  if (isLater) {
    p.features.add('declared without a value');
    line(c, `let ${variable.name}: ${TS_TYPES[e.type]};`);
    line(c, `${variable.name} = ${text};`);
  } else line(c, `${isMutable ? 'let' : 'const'} ${variable.name} = ${text};`);
  p.features.add(`variables of ${e.type}`);
}

export function printSet(p: Printing, c: Context, s: Stmt): void {
  const e = s.exprs[0] ?? zero('i32');
  const found = candidates(c, e.type, DIVERGENT, true);
  if (found.length === 0) return;
  const variable = found[found.length - 1 - (number(s, 0) % found.length)]!;
  p.features.add('assignment');
  if (variable.name.includes('.')) p.features.add('assignment of a field');
  line(c, `${variable.name} = ${printWhole(p, c, e)};`);
}

/** `+=` and the like. */
export function printBump(p: Printing, c: Context, s: Stmt): void {
  const e = s.exprs[0] ?? zero('i32');
  const found = candidates(c, e.type, DIVERGENT, true);
  if (found.length === 0) return;
  const { name: v, type } = found[found.length - 1 - (number(s, 0) % found.length)]!;
  const value = printWhole(p, c, e);
  const n = number(s, 1);
  p.features.add('compound assignment');
  switch (type) {
    case 'i32':
      line(c, `${v} ${['&=', '|=', '^=', '<<=', '>>='][n % 5]} ${value};`);
      return;
    case 'u32':
      line(c, `${v} >>>= ${value};`);
      return;
    case 'f64':
      line(c, [`${v}++;`, `${v} += ${value};`, `${v} -= ${value};`, `${v} *= ${value};`, `${v}--;`][n % 5]!);
      return;
    case 'bool':
      line(c, `${v} = ${v} !== ${printExpr(p, c, e)};`);
      return;
    case 'u64':
    case 'i64':
      line(c, n & 1 ? `${v} ^= ${value};` : `${v} = ${type}(${v} + ${printExpr(p, c, e)});`);
      return;
    default:
      return type satisfies never;
  }
}
