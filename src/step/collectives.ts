import { arithmeticRuntime, bigintOf, isWide, splitBigint, type ValueType } from '../program/index.js';
import {
  Fault,
  OP_ALL,
  OP_ANY,
  OP_BALLOT,
  OP_MATCH_ALL,
  OP_MATCH_ANY,
  OP_REDUX_ADD,
  OP_REDUX_AND,
  OP_REDUX_MAX,
  OP_REDUX_MIN,
  OP_REDUX_OR,
  OP_REDUX_XOR,
  OP_SHFL_DOWN,
  OP_SHFL_IDX,
  OP_SHFL_UP,
  OP_SHFL_XOR,
  OP_SYNCWARP,
  OPERATION_NAMES,
  type Opcode,
  PHASE_PENDING,
} from '../simt/for-engines.js';
import type { Arena } from './code.js';
import { OPERAND_A, OPERAND_B, PC, RESULT, VALUES } from './layout.js';
import type { StepBlock } from './step-block.js';
import { StepThread } from './step-thread.js';

const lowestLane = (lanes: number): number => 31 - Math.clz32(lanes & -lanes);

/**
 * Performs a warp-wide operation for the lanes of `lanes`: each row gets its result. `row`: that of lane 0 of the warp.
 * See `simt/collectives.ts`.
 */
export function performCollective(block: StepBlock, row: number, opcode: Opcode, lanes: number): void {
  const { arena } = block;
  const { L, D, rowWords } = arena;
  switch (opcode) {
    case OP_SYNCWARP:
      return;
    case OP_ANY:
      setResult(arena, row, lanes, ballot(arena, row, lanes) !== 0 ? 1 : 0);
      return;
    case OP_ALL:
      setResult(arena, row, lanes, ballot(arena, row, lanes) === lanes ? 1 : 0);
      return;
    case OP_BALLOT: {
      const result = ballot(arena, row, lanes);
      for (let rest = lanes; rest !== 0; rest &= rest - 1) {
        const b = row + lowestLane(rest) * rowWords;
        L[b + RESULT] = result >>> D[(b + OPERAND_A) >> 1]!;
      }
      return;
    }
    case OP_SHFL_IDX:
    case OP_SHFL_UP:
    case OP_SHFL_DOWN:
    case OP_SHFL_XOR:
      for (let rest = lanes; rest !== 0; rest &= rest - 1) {
        const lane = lowestLane(rest);
        const b = row + lane * rowWords;
        const source = row + shuffleSource(block, row, lane, opcode, lanes) * rowWords;
        const type = valueType(arena, b);
        const sourceType = valueType(arena, source);
        if (type === sourceType) {
          L[b + RESULT] = L[source + VALUES]!;
          L[b + RESULT + 1] = L[source + VALUES + 1]!;
        } else writeValue(arena, b, type, readValue(arena, source));
      }
      return;
    case OP_MATCH_ANY:
    case OP_MATCH_ALL:
      for (let rest = lanes; rest !== 0; rest &= rest - 1) {
        const b = row + lowestLane(rest) * rowWords;
        const same = lanesWithValue(arena, row, lanes, readValue(arena, b));
        const isAny = opcode === OP_MATCH_ANY;
        L[b + RESULT] = isAny ? same >>> D[(b + OPERAND_A) >> 1]! : same === lanes ? lanes : 0;
      }
      return;
    default: {
      const result = reduce(arena, row, lanes, opcode);
      for (let rest = lanes; rest !== 0; rest &= rest - 1) {
        const b = row + lowestLane(rest) * rowWords;
        const isDouble = valueType(arena, b) === 'f64' && (opcode === OP_REDUX_MIN || opcode === OP_REDUX_MAX);
        if (isDouble) D[(b + RESULT) >> 1] = result;
        else L[b + RESULT] = result;
      }
    }
  }
}

const valueType = (arena: Arena, b: number): ValueType => arena.code.visible.valueType[arena.L[b + PC]!]!;

const threadAt = (block: StepBlock, row: number, lane: number): StepThread =>
  new StepThread(block, (row - block.rows) / block.arena.rowWords + lane, PHASE_PENDING);

function ballot({ L, rowWords }: Arena, row: number, lanes: number): number {
  let result = 0;
  for (let rest = lanes; rest !== 0; rest &= rest - 1) {
    const lane = lowestLane(rest);
    if (L[row + lane * rowWords + VALUES] !== 0) result |= 1 << lane;
  }
  return result;
}

function setResult({ L, rowWords }: Arena, row: number, lanes: number, result: number): void {
  for (let rest = lanes; rest !== 0; rest &= rest - 1) L[row + lowestLane(rest) * rowWords + RESULT] = result;
}

/** The value that a lane has brought. */
function readValue(arena: Arena, b: number): number | bigint {
  const { L, D } = arena;
  const type = valueType(arena, b);
  if (isWide(type)) return bigintOf(L[b + VALUES]!, L[b + VALUES + 1]!, type === 'i64');
  if (type === 'f64') return D[(b + VALUES) >> 1]!;
  return type === 'u32' ? L[b + VALUES]! >>> 0 : L[b + VALUES]!;
}

function writeValue({ L, D }: Arena, b: number, type: ValueType, value: number | bigint): void {
  if (typeof value === 'bigint') {
    L[b + RESULT] = splitBigint(value);
    L[b + RESULT + 1] = arithmeticRuntime.high;
  } else if (type === 'f64') D[(b + RESULT) >> 1] = value;
  else L[b + RESULT] = value;
}

/** @throws Fault UNDEFINED_SHUFFLE, INVALID_OPERAND as `simt/collectives.ts` does */
function shuffleSource(block: StepBlock, row: number, laneId: number, opcode: Opcode, lanes: number): number {
  const { arena } = block;
  const b = row + laneId * arena.rowWords;
  const operand = arena.D[(b + OPERAND_A) >> 1]!;
  const width = arena.D[(b + OPERAND_B) >> 1]!;
  if (width < 1 || width > 32 || (width & (width - 1)) !== 0) {
    throw new Fault('INVALID_OPERAND', `shuffle width ${width} is not a power of two from 1 to 32`, {
      thread: threadAt(block, row, laneId),
    });
  }
  const segment = laneId & ~(width - 1);
  let source = laneId;
  switch (opcode) {
    case OP_SHFL_IDX:
      source = segment | (operand & (width - 1));
      break;
    case OP_SHFL_UP:
      source = laneId - (operand & 31);
      if (source < segment) source = laneId;
      break;
    case OP_SHFL_DOWN:
      source = laneId + (operand & 31);
      if (source >= segment + width) source = laneId;
      break;
    case OP_SHFL_XOR:
      source = laneId ^ (operand & 31);
      if (source >= segment + width) source = laneId;
      break;
  }
  if ((lanes & (1 << source)) === 0) {
    throw new Fault(
      'UNDEFINED_SHUFFLE',
      `${OPERATION_NAMES[opcode]} of lane ${laneId} reads lane ${source}, which does not take part: its value is undefined`,
      { thread: threadAt(block, row, laneId) },
    );
  }
  return source;
}

function lanesWithValue(arena: Arena, row: number, lanes: number, value: number | bigint): number {
  let same = 0;
  for (let rest = lanes; rest !== 0; rest &= rest - 1) {
    const lane = lowestLane(rest);
    if (readValue(arena, row + lane * arena.rowWords) === value) same |= 1 << lane;
  }
  return same;
}

function reduce(arena: Arena, row: number, lanes: number, opcode: Opcode): number {
  let result = 0;
  for (let rest = lanes; rest !== 0; rest &= rest - 1) {
    const value = readValue(arena, row + lowestLane(rest) * arena.rowWords) as number;
    if (rest === lanes) {
      result = value;
      continue;
    }
    switch (opcode) {
      case OP_REDUX_ADD:
        result = (result + value) | 0;
        break;
      case OP_REDUX_MIN:
        result = Math.min(result, value);
        break;
      case OP_REDUX_MAX:
        result = Math.max(result, value);
        break;
      case OP_REDUX_AND:
        result &= value;
        break;
      case OP_REDUX_OR:
        result |= value;
        break;
      case OP_REDUX_XOR:
        result ^= value;
        break;
      default:
        throw new Error(`[simtwin bug] no warp-wide operation ${OPERATION_NAMES[opcode]}`);
    }
  }
  return result;
}
