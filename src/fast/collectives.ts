import { COLLECTIVE_OPCODES, type CollectiveName, type Instruction, type ValueType } from '../program/index.js';
import { combine, shuffleLane } from '../simt/collectives.js';
import { undefinedShuffle } from '../simt/faults.js';
import { lowestLane } from '../simt/lanes.js';
import type { Opcode } from '../simt/operation.js';
import { runtime } from './runtime.js';

/** Operands of warp-wide operations, by lane. */
export interface LaneOperands {
  readonly low: Int32Array;
  readonly high: Int32Array;
  readonly double: Float64Array;
  readonly a: Float64Array;
  readonly b: Float64Array;
}

/** Results, by lane. */
export interface LaneResults {
  readonly low: Int32Array;
  readonly high: Int32Array;
  readonly double: Float64Array;
}

export type Collective = Extract<Instruction, { op: 'collective' }>;

/** Of a warp-wide operation. */
export const opcodeOf = ({ operation }: Collective): Opcode => COLLECTIVE_OPCODES[operation];

/** Performs a warp-wide operation for lanes that all take part. The meaning is that of the machine's `performCollective`. */
export function perform(instruction: Collective, lanes: number, from: LaneOperands, to: LaneResults): void {
  const { operation, type } = instruction;
  switch (operation) {
    case 'sync':
      return;
    case 'any':
      setAll(lanes, to.low, votes(lanes, from) !== 0 ? 1 : 0);
      return;
    case 'all':
      setAll(lanes, to.low, votes(lanes, from) === lanes ? 1 : 0);
      return;
    case 'ballot': {
      const result = votes(lanes, from);
      for (let rest = lanes; rest !== 0; rest &= rest - 1) {
        const lane = 31 - Math.clz32(rest & -rest);
        to.low[lane] = result >>> from.a[lane]!;
      }
      return;
    }
    case 'shfl.idx':
    case 'shfl.up':
    case 'shfl.down':
    case 'shfl.bfly':
      shuffle(instruction, lanes, from, to);
      return;
    case 'match.any':
    case 'match.all':
      match(instruction, lanes, from, to);
      return;
    case 'redux.min':
    case 'redux.max':
      reduceExtreme(operation, type, lanes, from, to);
      return;
    case 'redux.add':
    case 'redux.and':
    case 'redux.or':
    case 'redux.xor':
      setAll(lanes, to.low, reduce(operation, type, lanes, from));
      return;
    default:
      operation satisfies never;
  }
}

/**
 * The same for lanes that each name their partners in a mask of `masks`, all of which take part. The masks of partners
 * agree.
 */
export function performByMask(
  instruction: Collective,
  lanes: number,
  live: number,
  masks: Int32Array,
  from: LaneOperands,
  to: LaneResults,
): void {
  switch (instruction.operation) {
    case 'sync':
      return;
    case 'any':
    case 'all':
    case 'ballot': {
      const all = votes(lanes, from);
      const { operation } = instruction;
      for (let rest = lanes; rest !== 0; rest &= rest - 1) {
        const lane = 31 - Math.clz32(rest & -rest);
        const members = masks[lane]! & live;
        const mine = all & members;
        if (operation === 'any') to.low[lane] = mine !== 0 ? 1 : 0;
        else if (operation === 'all') to.low[lane] = mine === members ? 1 : 0;
        else to.low[lane] = mine >>> from.a[lane]!;
      }
      return;
    }
    default:
      for (let rest = lanes; rest !== 0; ) {
        const members = masks[31 - Math.clz32(rest & -rest)]! & live;
        perform(instruction, members, from, to);
        rest &= ~members;
      }
  }
}

function forEachLane(lanes: number, visit: (lane: number) => void): void {
  for (let rest = lanes; rest !== 0; rest &= rest - 1) visit(31 - Math.clz32(rest & -rest));
}

function setAll(lanes: number, to: Int32Array, value: number): void {
  for (let rest = lanes; rest !== 0; rest &= rest - 1) to[31 - Math.clz32(rest & -rest)] = value;
}

function votes(lanes: number, { low }: LaneOperands): number {
  let result = 0;
  for (let rest = lanes; rest !== 0; rest &= rest - 1) {
    const lane = 31 - Math.clz32(rest & -rest);
    if (low[lane] !== 0) result |= 1 << lane;
  }
  return result;
}

function shuffle({ operation, type }: Collective, lanes: number, from: LaneOperands, to: LaneResults): void {
  const opcode = COLLECTIVE_OPCODES[operation];
  const isDouble = type === 'f64';
  const isWide = type === 'i64' || type === 'u64';
  for (let rest = lanes; rest !== 0; rest &= rest - 1) {
    const lane = 31 - Math.clz32(rest & -rest);
    const source = shuffleSource(opcode, lane, from.a[lane]!, from.b[lane]!, lanes);
    if (isDouble) to.double[lane] = from.double[source]!;
    else to.low[lane] = from.low[source]!;
    if (isWide) to.high[lane] = from.high[source]!;
  }
}

/** @throws Fault UNDEFINED_SHUFFLE, INVALID_OPERAND as `simt/collectives.ts` does */
function shuffleSource(opcode: Opcode, lane: number, operand: number, width: number, lanes: number): number {
  const source = shuffleLane(opcode, lane, operand, width);
  if (source === -1 || (lanes & (1 << source)) === 0) {
    runtime.lane = lane;
    throw undefinedShuffle(opcode, lane, source, width);
  }
  return source;
}

function match({ operation, type }: Collective, lanes: number, from: LaneOperands, to: LaneResults): void {
  const isWide = type === 'i64' || type === 'u64';
  const isSame = (a: number, b: number): boolean => {
    if (type === 'f64') return from.double[a] === from.double[b];
    return from.low[a] === from.low[b] && (!isWide || from.high[a] === from.high[b]);
  };
  forEachLane(lanes, (lane) => {
    let same = 0;
    forEachLane(lanes, (other) => {
      if (isSame(lane, other)) same |= 1 << other;
    });
    to.low[lane] = operation === 'match.any' ? same >>> from.a[lane]! : same === lanes ? lanes : 0;
  });
}

function reduce(operation: CollectiveName, type: ValueType, lanes: number, from: LaneOperands): number {
  const valueOfLane = (lane: number) => (type === 'f64' ? from.double[lane]! | 0 : from.low[lane]!);
  let result = valueOfLane(lowestLane(lanes));
  forEachLane(lanes & (lanes - 1), (lane) => {
    result = combine(COLLECTIVE_OPCODES[operation], result, valueOfLane(lane));
  });
  return result;
}

function reduceExtreme(
  operation: CollectiveName,
  type: ValueType,
  lanes: number,
  from: LaneOperands,
  to: LaneResults,
): void {
  const valueOfLane = (lane: number): number => {
    if (type === 'f64') return from.double[lane]!;
    return type === 'u32' ? from.low[lane]! >>> 0 : from.low[lane]!;
  };
  let result = valueOfLane(lowestLane(lanes));
  forEachLane(lanes & (lanes - 1), (lane) => {
    result = combine(COLLECTIVE_OPCODES[operation], result, valueOfLane(lane));
  });
  forEachLane(lanes, (lane) => {
    to.low[lane] = result | 0;
    to.double[lane] = result;
  });
}
