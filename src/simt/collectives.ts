import { Fault } from './errors.js';
import {
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
} from './operation.js';
import type { Thread } from './thread.js';
import type { Warp } from './warp.js';

/** Performs a warp-wide operation for the lanes of `lanes`, gives each its result and makes them ready. */
export function performCollective(warp: Warp, opcode: Opcode, lanes: number): void {
  const { threads } = warp;
  switch (opcode) {
    case OP_SYNCWARP:
      setResult(threads, lanes, undefined);
      break;
    case OP_ANY:
      setResult(threads, lanes, ballot(threads, lanes) !== 0);
      break;
    case OP_ALL:
      setResult(threads, lanes, ballot(threads, lanes) === lanes);
      break;
    case OP_BALLOT: {
      const result = ballot(threads, lanes);
      for (let rest = lanes; rest !== 0; rest &= rest - 1) {
        const thread = threads[lowestLane(rest)]!;
        thread.result = result >>> thread.operandA;
      }
      break;
    }
    case OP_SHFL_IDX:
    case OP_SHFL_UP:
    case OP_SHFL_DOWN:
    case OP_SHFL_XOR:
      for (let rest = lanes; rest !== 0; rest &= rest - 1) {
        const thread = threads[lowestLane(rest)]!;
        thread.result = threads[shuffleSource(thread, opcode, lanes)]!.value;
      }
      break;
    case OP_MATCH_ANY:
    case OP_MATCH_ALL:
      for (let rest = lanes; rest !== 0; rest &= rest - 1) {
        const thread = threads[lowestLane(rest)]!;
        const same = lanesWithValue(threads, lanes, thread.value);
        thread.result = opcode === OP_MATCH_ANY ? same >>> thread.operandA : same === lanes ? lanes >>> 0 : 0;
      }
      break;
    default:
      setResult(threads, lanes, reduce(threads, lanes, opcode));
  }
  warp.block.releaseLanes(warp, lanes);
}

const lowestLane = (lanes: number): number => 31 - Math.clz32(lanes & -lanes);

function ballot(threads: readonly Thread[], lanes: number): number {
  let result = 0;
  for (let rest = lanes; rest !== 0; rest &= rest - 1) {
    const lane = lowestLane(rest);
    if (threads[lane]!.value === true) result |= 1 << lane;
  }
  return result;
}

function setResult(threads: readonly Thread[], lanes: number, result: unknown): void {
  for (let rest = lanes; rest !== 0; rest &= rest - 1) threads[lowestLane(rest)]!.result = result;
}

/**
 * The lane that a shuffle reads from.
 * @throws Fault UNDEFINED_SHUFFLE if that lane does not take part: hardware gives an undefined value.
 */
function shuffleSource(thread: Thread, opcode: Opcode, lanes: number): number {
  const { laneId, operandA: operand, operandB: width } = thread;
  if (width < 1 || width > 32 || (width & (width - 1)) !== 0) {
    throw new Fault('INVALID_OPERAND', `shuffle width ${width} is not a power of two from 1 to 32`, { thread });
  }
  const segment = laneId & ~(width - 1);
  let source = laneId;
  switch (opcode) {
    case OP_SHFL_IDX:
      source = segment | (operand & (width - 1));
      break;
    case OP_SHFL_UP:
      // PTX takes the low five bits of the delta.
      source = laneId - (operand & 31);
      if (source < segment) source = laneId;
      break;
    case OP_SHFL_DOWN:
      source = laneId + (operand & 31);
      if (source >= segment + width) source = laneId;
      break;
    case OP_SHFL_XOR:
      source = laneId ^ (operand & 31);
      // A lane of an earlier segment may be read, one of a later segment may not.
      if (source >= segment + width) source = laneId;
      break;
  }
  if ((lanes & (1 << source)) === 0) {
    throw new Fault(
      'UNDEFINED_SHUFFLE',
      `${OPERATION_NAMES[opcode]} of lane ${laneId} reads lane ${source}, which does not take part: its value is undefined`,
      { thread },
    );
  }
  return source;
}

function lanesWithValue(threads: readonly Thread[], lanes: number, value: unknown): number {
  let same = 0;
  for (let rest = lanes; rest !== 0; rest &= rest - 1) {
    const lane = lowestLane(rest);
    if (threads[lane]!.value === value) same |= 1 << lane;
  }
  return same;
}

function reduce(threads: readonly Thread[], lanes: number, opcode: Opcode): number {
  const first = threads[lowestLane(lanes)]!.value as number;
  let result = first;
  for (let rest = lanes & (lanes - 1); rest !== 0; rest &= rest - 1) {
    const value = threads[lowestLane(rest)]!.value as number;
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
  if (opcode === OP_REDUX_MIN || opcode === OP_REDUX_MAX) return result;
  return opcode === OP_REDUX_ADD ? result | 0 : result >>> 0;
}
