import { type Context, pendingJumps, Unreachable } from './context.js';
import type { Operand } from './hir.js';
import { type Arm, isHarmless, mergeArms, selectValue } from './merge.js';
import { UNDEFINED, type Value } from './values.js';

/** Instructions of a side that are rather computed in vain than jumped around. */
const MOST_SPECULATED = 12;

export const arm = (evaluate: () => Value): (() => Value) => evaluate;

/** The value of whichever side the condition takes. Sides that are cheap and cannot fault are both computed. */
export function chooseBetween(c: Context, condition: Operand, then: () => Value, otherwise: () => Value): Value {
  const { node, region } = c;
  const start = c.block;
  if (start === null) throw new Unreachable();
  const side = (evaluate: () => Value) => {
    const first = c.code.newBlock();
    c.block = first;
    c.region = c.newRegion();
    let value: Value = UNDEFINED;
    try {
      value = evaluate();
    } catch (error) {
      if (!(error instanceof Unreachable)) throw error;
      c.block = null;
    }
    const last = c.block;
    c.region = region;
    c.node = node;
    return { first, last, value };
  };
  const jumps = pendingJumps(c);
  const a = side(then);
  const b = side(otherwise);
  if (pendingJumps(c) !== jumps) c.region = c.newRegion();
  const isCheap = ({ first, last }: typeof a) =>
    first === last && first.instructions.length <= MOST_SPECULATED && first.instructions.every(isHarmless);
  const site = c.siteOf(node);
  if (isCheap(a) && isCheap(b)) {
    c.block = start;
    const mayMerge = !isPoison(a.value) && !isPoison(b.value);
    if (mayMerge) start.instructions.push(...a.first.instructions, ...b.first.instructions);
    return selectValue(c, condition, a.value, b.value);
  }
  c.code.end(start, { op: 'branch', site, condition, onTrue: a.first, onFalse: b.first, isCheck: false });
  const arms: Arm[] = [];
  for (const { last, value } of [a, b]) if (last !== null) arms.push({ block: last, value });
  if (arms.length === 0) throw new Unreachable();
  if (arms.length === 1) {
    c.block = arms[0]!.block;
    return arms[0]!.value;
  }
  return mergeArms(c, arms, c.code.newBlock());
}

const isPoison = (value: Value): boolean => value.kind === 'poison';
