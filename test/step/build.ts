import type {
  ConstantOperand,
  Instruction,
  Operand,
  Param,
  Program,
  RegisterArrayVariable,
  SpecialName,
  Terminator,
  ValueType,
  VariableOperand,
} from '../../src/program/index.js';

type Without<T> = T extends unknown ? Omit<T, 'site'> : never;

/** Makes programs by hand: one frame, one scope, a site a line. */
export class ProgramBuilder {
  readonly #name: string;
  readonly #params: Param[] = [];
  readonly #variables: Program['variables'][number][] = [];
  readonly #arrays: RegisterArrayVariable[] = [];
  readonly #blocks: { instructions: Instruction[]; terminator: Terminator | null }[] = [];
  #sites = 0;
  #current = -1;

  constructor(name: string) {
    this.#name = name;
  }

  param(path: string, type: Param['type'], elementType?: Param['elementType']): Operand {
    this.#params.push({ path: path.split('.'), type, ...(elementType === undefined ? {} : { elementType }) });
    return { kind: 'param', index: this.#params.length - 1 };
  }

  variable(name: string | null, type: ValueType): VariableOperand {
    this.#variables.push({ name, type, scope: 0 });
    return { kind: 'variable', index: this.#variables.length - 1 };
  }

  array(name: string | null, elementType: RegisterArrayVariable['elementType'], count: number): number {
    this.#arrays.push({ name, elementType, count: int(count), scope: 0 });
    return this.#arrays.length - 1;
  }

  /** A new block; instructions go to it from here on. */
  block(): number {
    this.#blocks.push({ instructions: [], terminator: null });
    this.#current = this.#blocks.length - 1;
    return this.#current;
  }

  select(block: number): this {
    this.#current = block;
    return this;
  }

  add(instruction: Without<Instruction>): this {
    this.#blocks[this.#current]!.instructions.push({ ...instruction, site: this.#sites++ } as Instruction);
    return this;
  }

  end(terminator: Without<Terminator>): this {
    this.#blocks[this.#current]!.terminator = { ...terminator, site: this.#sites++ } as Terminator;
    return this;
  }

  branch(condition: Operand, ...[yes, no]: readonly [number, number]): this {
    // biome-ignore lint/suspicious/noThenProperty: the contract's name
    return this.end({ op: 'branch', condition, then: yes, else: no });
  }

  build(): Program {
    return {
      name: this.#name,
      files: [{ path: 'test/kernel.ts', digest: '0' }],
      params: this.#params,
      variables: this.#variables,
      arrays: this.#arrays,
      tables: [],
      frames: [{ functionName: this.#name, file: 0, callSite: -1, isLibrary: false }],
      scopes: [{ frame: 0, parent: -1 }],
      sites: Array.from({ length: this.#sites }, (_, index) => ({ scope: 0, line: index + 1, column: 1 })),
      blocks: this.#blocks.map(({ instructions, terminator }) => {
        if (terminator === null) throw new Error('a block has no end');
        return { instructions, terminator };
      }),
    };
  }
}

export const int = (value: number): ConstantOperand => ({ kind: 'constant', type: 'i32', value });
export const word = (value: number): ConstantOperand => ({ kind: 'constant', type: 'u32', value });
export const special = (name: SpecialName): Operand => ({ kind: 'special', name });
