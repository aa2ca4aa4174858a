import { atomicOpcode, COLLECTIVE_OPCODES, type InstructionOf, type Word } from '../program/index.js';
import { atomicResult, combine, shuffleLane } from '../simt/for-engines.js';
import { isDerived, type Value, wordOf } from './values.js';

/** A warp-wide operation that a lane has come to. */
export interface PendingOperation {
  readonly instruction: InstructionOf<'collective'>;
  readonly mask: number;
  readonly value: Value;
  readonly a: Value;
  readonly b: Value;
}

/** The value after an atomic; undefined: not known here. */
export function valueAfter(
  { operator, elementType }: InstructionOf<'atomic'>,
  old: Word | undefined,
  value: Word | undefined,
  compare: Word | undefined,
): Word | undefined {
  if (old === undefined || value === undefined || (operator === 'cas' && compare === undefined)) return undefined;
  const operand = (word: Word) => (typeof old === 'bigint' ? BigInt(word) : Number(word));
  const after = atomicResult(elementType, atomicOpcode(operator), operand(old), operand(value), operand(compare ?? 0));
  return elementType === 'u32' ? Number(after) >>> 0 : after;
}

/** That the result of a warp-wide operation depends on other lanes. */
export const NOT_ALONE = Symbol('depends on other lanes');

/** The result of a warp-wide operation where the values of other lanes cannot change it. */
export function aloneResult({ instruction: { operation }, value }: PendingOperation): Value | typeof NOT_ALONE {
  if (operation === 'sync') return undefined;
  const word = wordOf(value);
  if ((operation === 'any' && word === true) || (operation === 'all' && word === false)) {
    return isDerived(value) ? { kind: 'vote', value: word, operation, lanes: [[-1, value]] } : word;
  }
  return NOT_ALONE;
}

/** The result of a warp-wide operation for a lane, from the values of all that take part. Undefined: not known here. */
export function collectiveResult(
  { instruction: { operation }, a, b }: PendingOperation,
  values: ReadonlyMap<number, Value>,
  lane: number,
): Value {
  if (operation === 'sync') return undefined;
  const lanes = [...values].sort(([x], [y]) => x - y);
  const words = lanes.map(([, value]) => wordOf(value));
  const derived = lanes.some(([, value]) => isDerived(value));
  const opcode = COLLECTIVE_OPCODES[operation];
  if (operation.startsWith('shfl')) {
    return values.get(shuffleLane(opcode, lane, Number(wordOf(a) ?? 0), Number(wordOf(b) ?? 32)));
  }
  if (words.includes(undefined) || operation.startsWith('match')) return undefined;
  const vote = (value: Word): Value => (derived ? { kind: 'vote', value, operation, lanes } : value);
  switch (operation) {
    case 'any':
      return vote(words.includes(true));
    case 'all':
      return vote(!words.includes(false));
    case 'ballot': {
      let mask = 0;
      for (const [index, [of]] of lanes.entries()) if (words[index] === true) mask |= 1 << of;
      return vote((mask >>> Number(wordOf(a) ?? 0)) >>> 0);
    }
    default: {
      const value = words.map(Number).reduce((x, y) => combine(opcode, x, y));
      const isBits = operation === 'redux.and' || operation === 'redux.or' || operation === 'redux.xor';
      const word = isBits ? value >>> 0 : value;
      return derived ? { kind: 'mixed', value: word, operands: lanes.map(([, operand]) => operand) } : word;
    }
  }
}
