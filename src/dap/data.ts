import { type DebugSession, type ExpressionValue, type Focus, parseExpression, type StopAt } from '../debug/index.js';
import { type ScalarType, SHARED_END, scalarBytes } from '../simt/index.js';
import { type Fields, fieldsOf, required } from './arguments.js';
import { DapError } from './host.js';

/** What a data breakpoint is on: bytes of global memory, or the value of an expression as a thread sees it. */
export type Data =
  | { readonly kind: 'memory'; readonly address: number; readonly bytes: number }
  | { readonly kind: 'value'; readonly text: string; readonly focus: Focus };

export type DataAccess = 'read' | 'write' | 'readWrite';

const DEFAULT_BYTES = 8;
const MOST_DATA_BYTES = 4096;

export const accessesOf = ({ kind }: Data): DataAccess[] =>
  kind === 'memory' ? ['read', 'write', 'readWrite'] : ['write'];

/** Data by which the client names it again. */
export const dataIdOf = (data: Data): string => JSON.stringify(data);

/** @throws DapError if it is none of {@link dataIdOf} */
export function dataOf(id: string): Data {
  let value: unknown;
  try {
    value = JSON.parse(id);
  } catch {
    throw new DapError("'dataId' is none that dataBreakpointInfo has given");
  }
  const fields = fieldsOf(value, "'dataId'");
  if (fields.kind === 'memory')
    return {
      kind: 'memory',
      address: required(fields, 'address', 'number'),
      bytes: required(fields, 'bytes', 'number'),
    };
  if (fields.kind !== 'value') throw new DapError("'dataId' is none that dataBreakpointInfo has given");
  return { kind: 'value', text: required(fields, 'text', 'string'), focus: focusOf(fieldsOf(fields.focus, "'focus'")) };
}

function focusOf(fields: Fields): Focus {
  const index = fieldsOf(fields.blockIdx, "'blockIdx'");
  return {
    rank: required(fields, 'rank', 'number'),
    kernel: required(fields, 'kernel', 'string'),
    blockIdx: {
      x: required(index, 'x', 'number'),
      y: required(index, 'y', 'number'),
      z: required(index, 'z', 'number'),
    },
    threadRank: required(fields, 'threadRank', 'number'),
  };
}

/**
 * The data that an expression is about: `u64[ADDRESS]` the bytes there, if it is global memory, anything else its value.
 * @throws DapError, ExpressionError, EvaluationError
 */
export function dataOfExpression(session: DebugSession, text: string, focus: Focus, bytes: number | undefined): Data {
  const expression = parseExpression(text);
  if (expression.kind === 'memory') {
    const address = session.evaluate(expression.address, focus);
    if (typeof address === 'bigint' && address >= BigInt(SHARED_END))
      return memoryAt(session, address, bytes ?? scalarBytes(expression.type as ScalarType));
  }
  session.evaluate(expression, focus);
  return { kind: 'value', text, focus };
}

/** @throws DapError, ExpressionError, EvaluationError */
export function dataAtAddress(session: DebugSession, text: string, focus: Focus, bytes = DEFAULT_BYTES): Data {
  return memoryAt(session, session.evaluate(parseExpression(text), focus), bytes);
}

function memoryAt(session: DebugSession, address: ExpressionValue, bytes: number): Data {
  if (typeof address !== 'bigint') throw new DapError(`${address} is no address`);
  if (bytes < 1 || bytes > MOST_DATA_BYTES)
    throw new DapError(`1 to ${MOST_DATA_BYTES} bytes can be watched, not ${bytes}`);
  const at = Number(address);
  const allocation = session.machine.memory.space.find(at);
  if (allocation === null || at + bytes > allocation.base + allocation.bytes)
    throw new DapError(`${bytes} bytes at 0x${address.toString(16)} are outside of global memory`);
  return { kind: 'memory', address: at, bytes };
}

/**
 * What a session stops at for data. The client's `write` is what editors call a change of the value.
 * @throws DapError, ExpressionError
 */
export function stopsAt(data: Data, access: DataAccess): StopAt[] {
  if (data.kind === 'value') {
    if (access !== 'write') throw new DapError("only 'write' can be watched of a value: a change");
    return [{ kind: 'value', expression: parseExpression(data.text), thread: data.focus }];
  }
  const { address, bytes } = data;
  switch (access) {
    case 'read':
      return [{ kind: 'memory', address, bytes, access: 'read' }];
    case 'write':
      return [{ kind: 'memory', address, bytes, access: 'change' }];
    case 'readWrite':
      return [
        { kind: 'memory', address, bytes, access: 'read' },
        { kind: 'memory', address, bytes, access: 'write' },
      ];
    default:
      return access satisfies never;
  }
}
