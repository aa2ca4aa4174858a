import { type DebugSession, type Expression, parseExpression } from '../index.js';
import { DebugError } from './debug-source.js';
import { counted } from './format.js';

/** A count that may be left out. @throws DebugError */
export function parseCount(text: string, otherwise = 1): number {
  if (text === '') return otherwise;
  const count = Number(text.replaceAll(',', ''));
  if (!Number.isInteger(count) || count < 1 || !/^[\d,]+$/.test(text))
    throw new DebugError(`'${text}' is no count; it is a number from 1 on`);
  return count;
}

/** An expression whose names some thread of the call has. @throws ExpressionError, EvaluationError */
export function parseKnown(session: DebugSession, text: string): Expression {
  const expression = parseExpression(text);
  session.requireKnownNames(expression);
  return expression;
}

/** `TEXT if CONDITION`: the two parts. @throws ExpressionError, EvaluationError */
export function splitCondition(
  session: DebugSession,
  text: string,
): {
  readonly text: string;
  readonly condition: Expression | null;
  readonly conditionText: string | null;
} {
  const match = /^(.*?)(?:^|\s+)if\s+(.+)$/.exec(text);
  if (match === null) return { text, condition: null, conditionText: null };
  const [, before = '', condition = ''] = match;
  return { text: before, condition: parseKnown(session, condition), conditionText: condition };
}

const TYPE_BYTES = { i8: 1, u8: 1, i16: 2, u16: 2, i32: 4, u32: 4, f32: 4, i64: 8, u64: 8 } as const;
const DEFAULT_BYTES = 8;
const MOST_BYTES = 4096;

/** `EXPRESSION BYTES`: the parts. Null: there is no number behind an expression that could end there. */
export function splitBytes(text: string): { readonly text: string; readonly bytes: number } | null {
  const sized = /^(.*\S)\s+(\d+)$/.exec(text);
  if (sized === null || /[-+*/%&|^~!<>=([]$/.test(sized[1]!)) return null;
  return { text: sized[1]!, bytes: Number(sized[2]) };
}

/** `u64[ADDRESS]`, or `ADDRESS [BYTES]`: a range of global memory. @throws DebugError */
export function addressOf(
  session: DebugSession,
  text: string,
  command: string,
): { readonly address: number; readonly bytes: number } {
  const sized = splitBytes(text);
  const expression = parseExpression(sized?.text ?? text);
  const isTyped = expression.kind === 'memory';
  if (isTyped && sized !== null)
    throw new DebugError(
      `${expression.type}[…] is ${counted(TYPE_BYTES[expression.type], 'byte')}, without '${sized.bytes}' behind it; for more, ADDRESS BYTES`,
    );
  const value = session.evaluate(isTyped ? expression.address : expression);
  const bytes = isTyped ? TYPE_BYTES[expression.type] : (sized?.bytes ?? DEFAULT_BYTES);
  if (typeof value !== 'bigint' || bytes < 1 || bytes > MOST_BYTES)
    throw new DebugError(`${command} takes TYPE[ADDRESS], or ADDRESS and 1 to ${MOST_BYTES} BYTES`);
  const address = Number(value);
  const allocation = session.machine.memory.space.find(address);
  if (allocation === null || address + bytes > allocation.base + allocation.bytes)
    throw new DebugError(
      `${bytes} bytes at 0x${value.toString(16)} are outside of global memory; 'info symbols' lists what there is`,
    );
  return { address, bytes };
}

/** Names that a target may have. */
export function* targetNames(session: DebugSession): Generator<string> {
  const { files, functions, operations, lines } = session.sources;
  for (const file of files) for (const line of lines(file)) yield `${file.replace(/^.*\//, '')}:${line}`;
  yield* functions.keys();
  yield* operations;
}

/** Names that an expression may have, for the thread in focus. */
export function* expressionNames(session: DebugSession): Generator<string> {
  const { thread, inspector } = session;
  if (thread !== null) {
    for (const { name } of inspector.variables(thread)) yield name;
    for (const { path } of inspector.arguments(thread)) yield path;
    yield* inspector.shared(thread).keys();
  }
  for (const { name } of session.machine.memory.space.allocations) yield `'${name}'`;
  yield* ['rank', 'warp', 'lane', 'position', 'threadIdx.x', 'threadIdx.y', 'blockIdx.x', 'blockIdx.y', 'u64[', 'i32['];
}
