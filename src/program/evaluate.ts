import { arithmeticRuntime, bigintOf, splitBigint } from './arithmetic-runtime.js';
import { defUseOf } from './def-use.js';
import { type ArithmeticInstruction, emitArithmetic, type Names } from './emit-arithmetic.js';
import type { Operand, Program } from './program.js';

/** A value of a variable: `pred` boolean, 64 bits bigint, all else number; a pointer is its address. */
export type Word = number | bigint | boolean;

/** An arithmetic instruction as a function of its operands. */
export interface Evaluator {
  readonly operands: readonly Operand[];
  readonly evaluate: (operands: readonly Word[]) => Word;
}

const evaluators = new WeakMap<ArithmeticInstruction, Evaluator>();

/** What the text below calls. */
const HELPERS = { bigintOf, low: splitBigint, high: () => arithmeticRuntime.high };

/**
 * The operands of an arithmetic instruction in order, and what it makes of their values.
 * What it makes throws RangeError as the instruction does.
 */
export function evaluatorOf(program: Program, instruction: ArithmeticInstruction): Evaluator {
  let evaluator = evaluators.get(instruction);
  if (evaluator === undefined) {
    evaluator = compile(program, instruction);
    evaluators.set(instruction, evaluator);
  }
  return evaluator;
}

function compile(program: Program, instruction: ArithmeticInstruction): Evaluator {
  const { operands } = defUseOf(instruction);
  const { type } = program.variables[instruction.to]!;
  const split = new Set<number>();
  const names: Names = {
    value: (operand) => `x[${operands.indexOf(operand)}]`,
    words: (operand) => {
      const place = operands.indexOf(operand);
      split.add(place);
      return [`l${place}`, `h${place}`];
    },
    assign: (_, expression) => (type === 'pred' ? `return !!(${expression});` : `return ${expression};`),
    assignWords: (_, low, high) =>
      `const low = ${low}; const high = ${high}; return H.bigintOf(low, high, ${type === 'i64'});`,
  };
  const body = emitArithmetic(instruction, names);
  const prologue = [...split].map((place) => `const l${place} = H.low(x[${place}]), h${place} = H.high();`);
  // The text is this package's own: nothing of the source appears in it.
  const make = new Function('R', 'H', `return (x) => { ${prologue.join(' ')} ${body} };`) as (
    r: typeof arithmeticRuntime,
    h: typeof HELPERS,
  ) => Evaluator['evaluate'];
  return { operands, evaluate: make(arithmeticRuntime, HELPERS) };
}
