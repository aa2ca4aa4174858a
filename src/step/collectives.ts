import { arithmeticRuntime, bigintOf, isWide, splitBigint, type ValueType } from '../program/index.js';
import {
  combine,
  lowestLane,
  OP_ALL,
  OP_ANY,
  OP_BALLOT,
  OP_MATCH_ALL,
  OP_MATCH_ANY,
  OP_REDUX_MAX,
  OP_REDUX_MIN,
  OP_SHFL_DOWN,
  OP_SHFL_IDX,
  OP_SHFL_UP,
  OP_SHFL_XOR,
  OP_SYNCWARP,
  type Opcode,
  PHASE_PENDING,
  shuffleLane,
  undefinedShuffle,
} from '../simt/for-engines.js';
import type { Arena } from './code.js';
import { OPERAND_A, OPERAND_B, PC, RESULT, VALUES } from './layout.js';
import type { StepBlock } from './step-block.js';
import { StepThread } from './step-thread.js';

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
function shuffleSource(block: StepBlock, row: number, lane: number, opcode: Opcode, lanes: number): number {
  const { D, rowWords } = block.arena;
  const b = row + lane * rowWords;
  const width = D[(b + OPERAND_B) >> 1]!;
  const source = shuffleLane(opcode, lane, D[(b + OPERAND_A) >> 1]!, width);
  if (source === -1 || (lanes & (1 << source)) === 0) {
    throw undefinedShuffle(opcode, lane, source, width, { thread: threadAt(block, row, lane) });
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
    result = rest === lanes ? value : combine(opcode, result, value);
  }
  return result;
}
