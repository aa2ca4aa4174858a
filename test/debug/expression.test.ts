import { describe, expect, test } from 'vitest';
import {
  EvaluationError,
  ExpressionError,
  type ExpressionScope,
  evaluateExpression,
  parseExpression,
} from '../../src/debug/expression.js';
import { allToAll, finish, sessionOf } from './support.js';

const scope: ExpressionScope = {
  lookUp(name) {
    if (name === 'x') return { value: 7n };
    if (name === 'half') return { value: 0.5 };
    if (name === 'regs') return { element: (index) => index * 10n };
    throw new EvaluationError(`there is no '${name}'`);
  },
  load: (type, address) => address + BigInt(type.length),
};

const value = (text: string) => evaluateExpression(parseExpression(text), scope);

test.each([
  ['1 + 2 * 3', 7n],
  ['(1 + 2) * 3', 9n],
  ['0x10 - 1n', 15n],
  ['-7 / 2', -3n],
  ['7 % 4 == 3', true],
  ['1 << 63', 1n << 63n],
  ['~0 & 0xff', 255n],
  ['1 | 2 ^ 3 & 1', 3n],
  ['x == 7 && regs[2] == 20', true],
  ['x < 7 || !false', true],
  ['u64[0x100] + 0', 259n],
  ['half * 2 == 1', true],
  ['half + half', 1],
  ['x == 7.0', true],
  ['false && nothing', false],
  ['regs[regs[1]]', 100n],
  ['true + true', 2n],
])('%s = %s', (text, expected) => expect(value(text)).toBe(expected));

describe('what is malformed is refused in one line that says what is accepted', () => {
  test.each(['', '1 +', '(1', 'x y', '1..2', 'u64[', 'x = 3', "'open", '@', ')', '1 ? 2 : 3', 'x.', '`', '12abc'])(
    '%j',
    (text) => {
      expect(() => parseExpression(text)).toThrow(ExpressionError);
      try {
        parseExpression(text);
      } catch (error) {
        expect((error as Error).message).toMatch(/^[^\n]*an expression has numbers[^\n]*$/);
      }
    },
  );

  test('nesting without end', () => {
    expect(() => parseExpression('('.repeat(100_000))).toThrow(ExpressionError);
    expect(() => parseExpression('-'.repeat(100_000))).toThrow(ExpressionError);
  });

  test.each(['nothing', 'x[0]', 'regs', '1 / 0', '1 << 65', 'half & 1', '~half'])('%s has no value', (text) => {
    expect(() => value(text)).toThrow(EvaluationError);
  });
});

describe('names of a thread', () => {
  const session = sessionOf(() => allToAll());
  session.addBreakpoint({ kind: 'function', name: 'sendSlice' }, parseExpression('lane == 5 && rank == 1'));
  finish(session.continue());
  const seen = (text: string) => session.evaluate(parseExpression(text));

  test.each([
    ['rank', 1n],
    ['lane', 5n],
    ['threadIdx.x == lane + 32 * (warp % 2)', true],
    ['blockIdx.z', 0n],
    ['blockDim.y', 8n],
    ['gridDim.z', 2n],
    ['worldInfo.epSize', 2n],
    ['this.step == comm.step', true],
    ['step', 0n],
    ['allGroupSharedBuffer[constants.GROUP_MAX_INDICE_COUNT + 1] >= 0', true],
    ['groupSharedBuffer[0] >= 0', true],
    ['sendDispls.rankCountCumSum[1] == i32[sendDispls.rankCountCumSum + 4]', true],
    ["u64['workspace of rank 0'] == u64[workspace.workspacePtr]", true],
    ['position', BigInt(session.position)],
    ['regs[0] >= 0', true],
  ])('%s', (text, expected) => expect(seen(text)).toBe(expected));

  test.each([
    ['nothing', "there is no 'nothing' here"],
    ['u64[8]', 'outside memory'],
    ['u64[-8]', 'outside memory'],
    ["u64['workspace of rank 0' + 1]", 'is not a multiple of 8'],
    ['regs[99]', 'has the elements 0 to 7'],
    ['allGroupSharedBuffer[99999]', 'outside memory'],
  ])('%s: %s', (text, message) => expect(() => seen(text)).toThrow(message));
});
