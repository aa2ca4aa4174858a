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
  const { threads, block } = warp;
  switch (opcode) {
    case OP_SYNCWARP:
      for (let rest = lanes; rest !== 0; rest &= rest - 1) block.release(threads[lowestLane(rest)]!, undefined);
      return;
    case OP_ANY: {
      const result = ballot(threads, lanes) !== 0;
      for (let rest = lanes; rest !== 0; rest &= rest - 1) block.release(threads[lowestLane(rest)]!, result);
      return;
    }
    case OP_ALL: {
      const result = ballot(threads, lanes) === lanes;
      for (let rest = lanes; rest !== 0; rest &= rest - 1) block.release(threads[lowestLane(rest)]!, result);
      return;
    }
    case OP_BALLOT: {
      const result = ballot(threads, lanes);
      for (let rest = lanes; rest !== 0; rest &= rest - 1) {
        const thread = threads[lowestLane(rest)]!;
        block.release(thread, result >>> thread.operandA);
      }
      return;
    }
    case OP_SHFL_IDX:
    case OP_SHFL_UP:
    case OP_SHFL_DOWN:
    case OP_SHFL_XOR: {
      const results: unknown[] = [];
      for (let rest = lanes; rest !== 0; rest &= rest - 1) {
        const thread = threads[lowestLane(rest)]!;
        results.push(threads[shuffleSource(thread, opcode, lanes)]!.value);
      }
      releaseWith(warp, lanes, results);
      return;
    }
    case OP_MATCH_ANY:
    case OP_MATCH_ALL: {
      const results: unknown[] = [];
      for (let rest = lanes; rest !== 0; rest &= rest - 1) {
        const thread = threads[lowestLane(rest)]!;
        const same = lanesWithValue(threads, lanes, thread.value);
        results.push(opcode === OP_MATCH_ANY ? same >>> thread.operandA : same === lanes ? lanes >>> 0 : 0);
      }
      releaseWith(warp, lanes, results);
      return;
    }
    default: {
      const result = reduce(threads, lanes, opcode);
      for (let rest = lanes; rest !== 0; rest &= rest - 1) block.release(threads[lowestLane(rest)]!, result);
    }
  }
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

function releaseWith(warp: Warp, lanes: number, results: readonly unknown[]): void {
  let index = 0;
  for (let rest = lanes; rest !== 0; rest &= rest - 1) {
    warp.block.release(warp.threads[lowestLane(rest)]!, results[index]);
    index++;
  }
}

/**
 * The lane that a shuffle reads from.
 * @throws Fault UNDEFINED_SHUFFLE if that lane does not take part: hardware gives an undefined value.
 */
function shuffleSource(thread: Thread, opcode: Opcode, lanes: number): number {
  const { laneId, operandA: operand, operandB: width } = thread;
  if (width < 1 || width > 32 || (width & (width - 1)) !== 0) {
    throw new Fault('INVALID_OPERAND', `shuffle width ${width} is not a power of two from 1 to 32`);
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
        result = (result & value) >>> 0;
        break;
      case OP_REDUX_OR:
        result = (result | value) >>> 0;
        break;
      case OP_REDUX_XOR:
        result = (result ^ value) >>> 0;
        break;
      default:
        throw new Error(`[simtwin bug] no warp-wide operation ${OPERATION_NAMES[opcode]}`);
    }
  }
  return result;
}
