import type { Stmt } from './kernel-ast.js';
import { type Context, line, type Printing, type Variable } from './print-context.js';

/** Prints the statements of a block; what nobody uses is stored. */
export function printBody(p: Printing, c: Context, body: readonly Stmt[]): void {
  const before = c.variables.length;
  for (const statement of body) p.printStatement(p, c, statement);
  if (c.kind === 'plain') return;
  for (const variable of c.variables.slice(before))
    if (!variable.isUsed || variable.isMutable) sink(c, variable, p.next++ % 16);
}

/** Stores a variable to the thread's own results. */
function sink(c: Context, { name: text, type }: Variable, slot: number): void {
  if (type === 'u64' || type === 'i64') line(c, `own.cast('${type}').store(${16 + slot}, ${text});`);
  else line(c, `own.store(${16 + slot}, ${type === 'bool' ? `Number(${text})` : `${text} >>> 0`});`);
}

/** Whether lanes may return in a body. */
export const mayReturn = (body: readonly Stmt[]): boolean =>
  body.some((s) => s.op === 'return' || s.bodies.some(mayReturn));
