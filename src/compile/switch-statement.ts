import ts from 'typescript';
import { type Context, type JumpTarget, pendingJumps } from './context.js';
import { Environment } from './environment.js';
import type { Block } from './hir.js';
import { joinBlocks } from './joins.js';
import { binary, truthOf } from './operators.js';

/** `switch`: a chain of comparisons, then the clauses in order, each of which may fall into the next. */
export function switchStatement(
  c: Context,
  node: ts.SwitchStatement,
  environment: Environment,
  labels: readonly string[],
): void {
  const value = c.evaluate(node.expression, environment);
  const { clauses } = node.caseBlock;
  const inner = new Environment(environment, environment.module);
  const entries: Block[][] = clauses.map(() => []);
  const { region } = c;
  const jumps = pendingJumps(c);
  let isDynamic = false;
  let isDecided = false;
  for (const [at, clause] of clauses.entries()) {
    if (ts.isDefaultClause(clause) || c.block === null) continue;
    const test = binary(c, ts.SyntaxKind.EqualsEqualsEqualsToken, value, c.evaluate(clause.expression, inner));
    const condition = truthOf(c, test);
    if (condition === false) continue;
    if (condition === true) {
      entries[at]!.push(c.block);
      isDecided = true;
      break;
    }
    if (!isDynamic) c.region = c.newRegion();
    isDynamic = true;
    const then = c.code.newBlock();
    const otherwise = c.code.newBlock();
    c.code.end(c.block, {
      op: 'branch',
      site: c.siteOf(clause.expression),
      condition,
      onTrue: then,
      onFalse: otherwise,
      isCheck: false,
    });
    entries[at]!.push(then);
    c.block = otherwise;
  }
  const target: JumpTarget = { labels, kind: 'switch', breaks: [], continues: [] };
  if (!isDecided && c.block !== null) {
    const at = clauses.findIndex(ts.isDefaultClause);
    (at === -1 ? target.breaks : entries[at]!).push(c.block);
  }
  c.block = null;
  c.targets.push(target);
  for (const [at, clause] of clauses.entries()) {
    // A clause may fall through into this one.
    const before = c.block as Block | null;
    joinBlocks(c, before === null ? entries[at]! : [before, ...entries[at]!]);
    if (isDynamic) c.region = c.newRegion();
    for (const statement of clause.statements) if (c.block !== null) c.execute(statement, inner);
  }
  c.targets.pop();
  c.region = !isDynamic || pendingJumps(c) === jumps ? region : c.newRegion();
  joinBlocks(c, c.block === null ? target.breaks : [...target.breaks, c.block]);
}
