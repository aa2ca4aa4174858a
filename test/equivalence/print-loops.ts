import type { Stmt } from './kernel-ast.js';
import { mayReturn, printBody } from './print-body.js';
import {
  below,
  type Context,
  DIVERGENT,
  declare,
  GROUP,
  type Group,
  hasThread,
  inner,
  line,
  name,
  type Printing,
  SELF_GROUP,
  spend,
  type Target,
  uniformityOf,
} from './print-context.js';
import { printExpr, printWhole, zero } from './print-expression.js';
import { expr, number } from './statement-operands.js';

const MOST_ROUNDS = 4;

/** A loop; its body is entered by lanes together unless its bound is the lane's own. */
export function printLoop(p: Printing, c: Context, s: Stmt): void {
  if (s.bodies.some(mayReturn)) p.hasExited ||= c.kind === 'kernel';
  if (number(s, 0) % 9 === 8 && hasThread(c) && c.group.level !== 'self') {
    printShrinkingLoop(p, c, s);
    return;
  }
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
    const first = [`let ${counter} = ${limit};`];
    const vote =
      number(s, 3) & 1
        ? `yield* t.anySync(${c.group.mask}, ${counter} > 0)`
        : `!(yield* t.allSync(${c.group.mask}, ${counter} <= 0))`;
    if (number(s, 3) & 2) close(b, 'do {', first, `} while (${vote});`);
    else close(b, `while (${vote}) {`, first);
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

/** A loop that lanes leave one by one; those that go on know of each other by a vote. */
function printShrinkingLoop(p: Printing, c: Context, s: Stmt): void {
  p.features.add('loop: shrinking mask');
  const counter = name(p, 'j');
  const limit = name(p, 'i');
  const mask = name(p, 'm');
  const group: Group = { level: 'lanes', mask, constant: null, tileLanes: 1 };
  const target: Target = { label: name(p, 'loop'), isLoop: true, group, isNamed: false };
  line(c, `const ${limit} = ${printExpr(p, c, expr(s, 0, 'i32'))} & ${MOST_ROUNDS - 1};`);
  line(c, `let ${counter} = 0;`);
  line(c, `let ${mask} = ${c.group.mask};`);
  const b = inner(c, { group, targets: [...c.targets, target], lines: [], weight: c.weight * 3 });
  spend(p, b);
  line(b, `${mask} = yield* t.ballotSync(${mask}, ${counter} < ${limit});`);
  line(b, `if (${counter} >= ${limit}) break;`);
  line(b, `${counter} = (${counter} + 1) | 0;`);
  declare(b, { name: counter, type: 'i32', isMutable: false, uniformity: GROUP });
  printBody(p, b, s.bodies[0] ?? []);
  line(c, `${target.isNamed ? `${target.label}: ` : ''}${number(s, 1) & 1 ? 'for (;;)' : 'while (true)'} {`);
  c.lines.push(...b.lines);
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
