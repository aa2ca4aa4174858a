import type ts from 'typescript';
import { type Context, fail, NotStatic } from './context.js';
import { dynamic, emit } from './emit.js';
import type { Instruction } from './hir.js';
import type { PerformIn } from './inline.js';
import { describeValue, type OperationValue, UNDEFINED, type Value, type WithoutPlace } from './values.js';

/** An operation that has been called: it happens when it is yielded. */
export function callOperation(
  c: Context,
  name: string,
  instruction: WithoutPlace<Instruction>,
  result: OperationValue['result'],
): Value {
  if (c.region.isStatic) throw new NotStatic(c.node);
  if (c.pending !== null) throw dropped(c, c.pending);
  c.pending = { name, node: c.node };
  return { kind: 'operation', node: c.node, name, instruction, result, region: c.region, isPerformed: false };
}

/** Reports an operation that was called and never yielded. */
export function dropped(c: Context, { name, node }: NonNullable<Context['pending']>): never {
  return fail(
    c,
    `the operation t.${name}, which is called and not yielded at once,`,
    `write 'yield* t.${name}(…)'`,
    node,
  );
}

/** `yield* value`, as part of the function that `performIn` names. */
export function performValue(c: Context, value: Value, performIn: NonNullable<PerformIn>, node: ts.Node): Value {
  const { scope } = c;
  c.scope = performIn.scope;
  try {
    if (value.kind === 'operation') {
      if (value.isPerformed) fail(c, `the operation t.${value.name}, which is yielded twice,`, 'call it again', node);
      if (performIn.site < 0) fail(c, 'a kernel that returns an operation', "write function* and 'yield*'", node);
      if (value.region !== c.region) dropped(c, value);
      value.isPerformed = true;
      c.pending = null;
      const { instruction } = value;
      if ('registers' in instruction) for (const { array } of instruction.registers) c.code.arrays[array]!.writes++;
      if (value.result === null) {
        emit(c, instruction, null, performIn.site);
        return UNDEFINED;
      }
      return dynamic(emit(c, instruction, value.result, performIn.site));
    }
    if (value.kind === 'generator') {
      if (value.isStarted) fail(c, `${describeValue(value)}, which is yielded twice,`, 'call it again', node);
      if (value.region !== c.region)
        fail(c, `${describeValue(value)} that is yielded under a condition or in a loop`, 'call it there', node);
      value.isStarted = true;
      return c.inline(value.callee, value.args, value.receiver, value.node, performIn.site);
    }
  } finally {
    c.scope = scope;
  }
  if (value.kind === 'poison') return fail(c, value.construct, value.advice, node);
  return fail(c, `'yield*' of ${describeValue(value)}`, 'yield an operation of the thread or a generator', node);
}
