import type {
  BasicBlock,
  ConstantTable,
  Frame,
  Instruction,
  Operand,
  Param,
  Program,
  RegisterArrayVariable,
  Scope,
  Site,
  SourceFile,
  Terminator,
  ValueType,
  Variable,
} from './program.js';

/** The tables of a program that a front end knows before it makes the first block. */
export interface ProgramTables {
  readonly files: readonly SourceFile[];
  readonly params: readonly Param[];
  readonly tables: readonly ConstantTable[];
  readonly frames: readonly Frame[];
  readonly scopes: readonly Scope[];
  readonly sites: readonly Site[];
  readonly arrays: readonly {
    readonly name: string | null;
    readonly elementType: RegisterArrayVariable['elementType'];
    readonly scope: number;
    /** A constant or a parameter. */
    readonly count:
      | { readonly op: 'const'; readonly value: unknown }
      | { readonly op: 'param'; readonly index: number }
      | { readonly op: 'temp' | 'special' };
  }[];
}

/** Collects variables and blocks of a program, block by block. */
export class ProgramBuilder {
  readonly #name: string;
  readonly #tables: ProgramTables;
  readonly #variables: Variable[] = [];
  readonly #blocks: BasicBlock[] = [];
  #instructions: Instruction[] = [];

  constructor(name: string, tables: ProgramTables) {
    this.#name = name;
    this.#tables = tables;
  }

  /** A new variable; its index. */
  variable(name: string | null, type: ValueType, scope: number): number {
    return this.#variables.push({ name, type, scope }) - 1;
  }

  /** A new variable without a name; its index. */
  temporary(type: ValueType, scope: number): number {
    return this.variable(null, type, scope);
  }

  /** Begins a block. */
  begin(): void {
    this.#instructions = [];
  }

  emit(instruction: Instruction): void {
    this.#instructions.push(instruction);
  }

  /** Ends the block that {@link begin} began. */
  end(terminator: Terminator): void {
    this.#blocks.push({ instructions: this.#instructions, terminator });
  }

  finish(): Program {
    const { files, params, tables, frames, scopes, sites } = this.#tables;
    const arrays = this.#tables.arrays.map(({ name, elementType, count, scope }) => ({
      name,
      elementType,
      count: countOf(count),
      scope,
    }));
    const [variables, blocks] = [this.#variables, this.#blocks];
    return { name: this.#name, files, params, variables, arrays, tables, frames, scopes, sites, blocks };
  }
}

function countOf(count: ProgramTables['arrays'][number]['count']): RegisterArrayVariable['count'] {
  if (count.op === 'param') return { kind: 'param', index: count.index };
  if (count.op === 'const' && typeof count.value === 'number')
    return { kind: 'constant', type: 'i32', value: count.value };
  throw new Error('[simtwin bug] the count of a register array is neither constant nor a parameter');
}

/** Every operand that an instruction reads, elements of register arrays by their index. */
export function operandsOf(instruction: Instruction): Operand[] {
  const operands: Operand[] = [];
  mapOperands(instruction, (operand) => {
    operands.push(operand);
    return operand;
  });
  return operands;
}

/** The instruction with each operand that it reads replaced. */
export function mapOperands(instruction: Instruction, map: (operand: Operand) => Operand): Instruction {
  const element = <E extends { readonly kind: 'element'; readonly array: number; readonly index: Operand }>(
    value: E,
  ): E => ({
    ...value,
    index: map(value.index),
  });
  const source = <S extends Operand | { readonly kind: 'element'; readonly array: number; readonly index: Operand }>(
    value: S,
  ): S => (value.kind === 'element' ? element(value) : map(value)) as S;
  switch (instruction.op) {
    case 'move':
    case 'unary':
    case 'convert':
      return { ...instruction, a: map(instruction.a) };
    case 'binary':
    case 'compare':
      return { ...instruction, a: map(instruction.a), b: map(instruction.b) };
    case 'select':
      return { ...instruction, condition: map(instruction.condition), a: map(instruction.a), b: map(instruction.b) };
    case 'address':
      return { ...instruction, base: map(instruction.base), index: map(instruction.index) };
    case 'loadTable':
      return { ...instruction, index: map(instruction.index) };
    case 'clearArray':
    case 'fence':
    case 'activemask':
      return instruction;
    case 'readElement':
      return { ...instruction, element: element(instruction.element) };
    case 'writeElement':
      return { ...instruction, element: element(instruction.element), a: source(instruction.a) };
    case 'selectElement':
      return {
        ...instruction,
        element: element(instruction.element),
        condition: map(instruction.condition),
        a: source(instruction.a),
        b: source(instruction.b),
      };
    case 'shared':
      return { ...instruction, count: map(instruction.count) };
    case 'load':
      return {
        ...instruction,
        to: instruction.to.map((target) => (target.kind === 'element' ? element(target) : target)),
        base: map(instruction.base),
        index: map(instruction.index),
      };
    case 'store':
      return {
        ...instruction,
        values: instruction.values.map(source),
        base: map(instruction.base),
        index: map(instruction.index),
      };
    case 'atomic':
      return {
        ...instruction,
        base: map(instruction.base),
        index: map(instruction.index),
        value: map(instruction.value),
        compare: instruction.compare === null ? null : map(instruction.compare),
      };
    case 'collective':
      return {
        ...instruction,
        mask: map(instruction.mask),
        value: instruction.value === null ? null : map(instruction.value),
        a: instruction.a === null ? null : map(instruction.a),
        b: instruction.b === null ? null : map(instruction.b),
      };
    case 'barrier':
      return { ...instruction, id: map(instruction.id), threadCount: map(instruction.threadCount) };
    default:
      return instruction satisfies never;
  }
}

/** Variables that an instruction assigns. */
export function assignedBy(instruction: Instruction): readonly number[] {
  switch (instruction.op) {
    case 'load':
      return instruction.to.flatMap((target) => (target.kind === 'variable' ? [target.index] : []));
    case 'move':
    case 'unary':
    case 'binary':
    case 'compare':
    case 'select':
    case 'convert':
    case 'address':
    case 'loadTable':
    case 'readElement':
    case 'shared':
    case 'activemask':
      return [instruction.to];
    case 'atomic':
    case 'collective':
      return instruction.to === -1 ? [] : [instruction.to];
    case 'clearArray':
    case 'writeElement':
    case 'selectElement':
    case 'store':
    case 'fence':
    case 'barrier':
      return [];
    default:
      return instruction satisfies never;
  }
}

/** The instruction with its result in another variable. Domain: it has one result, a variable. */
export function withResult(instruction: Instruction, to: number): Instruction {
  if (instruction.op === 'load') return { ...instruction, to: [{ kind: 'variable', index: to }] };
  return { ...instruction, to } as Instruction;
}

/** Register arrays that an instruction names. */
export function arraysOf(instruction: Instruction): readonly number[] {
  switch (instruction.op) {
    case 'clearArray':
      return [instruction.array];
    case 'readElement':
      return [instruction.element.array];
    case 'writeElement':
      return [instruction.element, instruction.a].flatMap((value) => (value.kind === 'element' ? [value.array] : []));
    case 'selectElement':
      return [instruction.element, instruction.a, instruction.b].flatMap((value) =>
        value.kind === 'element' ? [value.array] : [],
      );
    case 'load':
      return instruction.to.flatMap((target) => (target.kind === 'element' ? [target.array] : []));
    case 'store':
      return instruction.values.flatMap((value) => (value.kind === 'element' ? [value.array] : []));
    default:
      return [];
  }
}
