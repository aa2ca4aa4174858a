import type { Stmt } from './kernel-ast.js';
import { type Context, DIVERGENT, declare, line, name, PREFIXES, type Printing, TS_TYPES } from './print-context.js';
import { candidates, printExpr, printWhole, zero } from './print-expression.js';
import { number } from './statement-operands.js';

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
  const { name: v, type: kind } = found[found.length - 1 - (number(s, 0) % found.length)]!;
  const value = printWhole(p, c, e);
  const n = number(s, 1);
  p.features.add('compound assignment');
  switch (kind) {
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
      line(c, n & 1 ? `${v} ^= ${value};` : `${v} = ${kind}(${v} + ${printExpr(p, c, e)});`);
      return;
    default:
      kind satisfies never;
  }
}
