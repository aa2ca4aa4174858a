import { undefinedShuffle } from './faults.js';
import { lowestLane } from './lanes.js';
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

/** The lane that a shuffle reads from, whether or not it takes part; -1 if the width is none. */
export function shuffleLane(opcode: Opcode, lane: number, operand: number, width: number): number {
  if (width < 1 || width > 32 || (width & (width - 1)) !== 0) return -1;
  const segment = lane & ~(width - 1);
  let source = lane;
  switch (opcode) {
    case OP_SHFL_IDX:
      return segment | (operand & (width - 1));
    case OP_SHFL_UP:
      // PTX takes the low five bits of the delta.
      source = lane - (operand & 31);
      return source < segment ? lane : source;
    case OP_SHFL_DOWN:
      source = lane + (operand & 31);
      break;
    case OP_SHFL_XOR:
      // A lane of an earlier segment may be read, one of a later segment may not.
      source = lane ^ (operand & 31);
      break;
  }
  return source >= segment + width ? lane : source;
}

/** @throws Fault UNDEFINED_SHUFFLE if that lane does not take part: hardware gives an undefined value. */
function shuffleSource(thread: Thread, opcode: Opcode, lanes: number): number {
  const { laneId, operandA, operandB: width } = thread;
  const source = shuffleLane(opcode, laneId, operandA, width);
  if (source === -1 || (lanes & (1 << source)) === 0) throw undefinedShuffle(opcode, laneId, source, width, { thread });
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

/** One more value of a reduction. Sums and bits are signed words. */
export function combine(opcode: Opcode, result: number, value: number): number {
  switch (opcode) {
    case OP_REDUX_ADD:
      return (result + value) | 0;
    case OP_REDUX_MIN:
      return Math.min(result, value);
    case OP_REDUX_MAX:
      return Math.max(result, value);
    case OP_REDUX_AND:
      return result & value;
    case OP_REDUX_OR:
      return result | value;
    case OP_REDUX_XOR:
      return result ^ value;
    default:
      throw new Error(`[simtwin bug] no warp-wide operation ${OPERATION_NAMES[opcode]}`);
  }
}

function reduce(threads: readonly Thread[], lanes: number, opcode: Opcode): number {
  const first = threads[lowestLane(lanes)]!.value as number;
  let result = first;
  for (let rest = lanes & (lanes - 1); rest !== 0; rest &= rest - 1) {
    const value = threads[lowestLane(rest)]!.value as number;
    result = combine(opcode, result, value);
  }
  if (opcode === OP_REDUX_MIN || opcode === OP_REDUX_MAX) return result;
  return opcode === OP_REDUX_ADD ? result | 0 : result >>> 0;
}
