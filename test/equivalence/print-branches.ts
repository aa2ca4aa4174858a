import { MASKS, type Stmt } from './kernel-ast.js';
import { mayReturn, printBody } from './print-body.js';
import {
  below,
  type Context,
  DIVERGENT,
  declare,
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
  WARP_GROUP,
} from './print-context.js';
import { printExpr, printWhole } from './print-expression.js';
import { expr, number } from './statement-operands.js';

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
