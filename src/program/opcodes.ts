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
} from '../simt/operation.js';
import type { AtomicOperator, CollectiveName, Instruction } from './program.js';

/** The machine's operation for each warp-wide operation. */
export const COLLECTIVE_OPCODES: Readonly<Record<CollectiveName, Opcode>> = {
  sync: OP_SYNCWARP,
  any: OP_ANY,
  all: OP_ALL,
  ballot: OP_BALLOT,
  'shfl.idx': OP_SHFL_IDX,
  'shfl.up': OP_SHFL_UP,
  'shfl.down': OP_SHFL_DOWN,
  'shfl.bfly': OP_SHFL_XOR,
  'match.any': OP_MATCH_ANY,
  'match.all': OP_MATCH_ALL,
  'redux.add': OP_REDUX_ADD,
  'redux.min': OP_REDUX_MIN,
  'redux.max': OP_REDUX_MAX,
  'redux.and': OP_REDUX_AND,
  'redux.or': OP_REDUX_OR,
  'redux.xor': OP_REDUX_XOR,
};

export const atomicOpcode = (operator: AtomicOperator): Opcode => opcodeNamed(`atom.${operator}`);

/** The machine's operation for a visible instruction. */
export function opcodeOf(instruction: Instruction): Opcode {
  switch (instruction.op) {
    case 'load':
      return opcodeNamed(`ld${vector(instruction.to.length)}`);
    case 'store':
      return opcodeNamed(`st${vector(instruction.values.length)}`);
    case 'atomic':
      return atomicOpcode(instruction.operator);
    case 'collective':
      return COLLECTIVE_OPCODES[instruction.operation];
    case 'barrier':
      return opcodeNamed(`barrier.${instruction.kind}`);
    default:
      return opcodeNamed(instruction.op);
  }
}

const vector = (count: number): string => (count === 1 ? '' : `.v${count}`);

function opcodeNamed(name: string): Opcode {
  const opcode = (OPERATION_NAMES as readonly string[]).indexOf(name);
  if (opcode === -1) throw new Error(`[simtwin bug] no operation ${name}`);
  return opcode;
}
