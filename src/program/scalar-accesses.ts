import type { Instruction, InstructionOf, Operand, Program, Variable } from './program.js';
import { accessedElements, typeOfOperand } from './program.js';

type VectorAccess = InstructionOf<'load' | 'store'>;

/**
 * The program with each access of several elements as so many accesses of one: nothing larger than an element is seen as
 * a whole. They come in the order of their addresses.
 */
export function withScalarAccesses(program: Program): Program {
  const variables: Variable[] = [...program.variables];
  const take = (type: Variable['type']): number => variables.push({ name: null, type, scope: 0 }) - 1;
  const blocks = program.blocks.map((block) => ({
    ...block,
    instructions: block.instructions.flatMap((instruction) =>
      isVector(instruction) ? split(program, instruction, take) : [instruction],
    ),
  }));
  const { emitted: _, ...rest } = program;
  return { ...rest, variables, blocks };
}

const isVector = (instruction: Instruction): instruction is VectorAccess =>
  (instruction.op === 'load' || instruction.op === 'store') && accessedElements(instruction) > 1;

function split(program: Program, access: VectorAccess, take: (type: Variable['type']) => number): Instruction[] {
  const { index, site } = access;
  const type = typeOfOperand(program, index);
  // What the first of them loads may be where the others look.
  const [base, first] = [access.base, index].map((operand): readonly [Operand, Instruction[]] => {
    if (operand.kind !== 'variable') return [operand, []];
    const copy = take(typeOfOperand(program, operand));
    const move: Instruction = { op: 'move', type: typeOfOperand(program, operand), to: copy, a: operand, site };
    return [{ kind: 'variable', index: copy }, [move]];
  }) as [readonly [Operand, Instruction[]], readonly [Operand, Instruction[]]];
  const count = accessedElements(access);
  const parts = Array.from({ length: count }, (_, at): Instruction[] => {
    const [place, steps] = at === 0 ? [first[0], []] : elementAt(first[0], at, type, site, take);
    const one = { base: base[0], index: place };
    return access.op === 'load'
      ? [...steps, { ...access, ...one, to: [access.to[at]!] }]
      : [...steps, { ...access, ...one, values: [access.values[at]!] }];
  });
  return [...base[1], ...first[1], ...parts.flat()];
}

/** `index + at`. */
function elementAt(
  index: Operand,
  at: number,
  type: Variable['type'],
  site: number,
  take: (type: Variable['type']) => number,
): [Operand, Instruction[]] {
  if (index.kind === 'constant') return [{ ...index, value: Number(index.value) + at }, []];
  const to = take(type);
  const b: Operand = { kind: 'constant', type, value: at };
  return [{ kind: 'variable', index: to }, [{ op: 'binary', operator: 'add', type, to, a: index, b, site }]];
}
