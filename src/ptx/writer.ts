import type {
  BinaryOperator,
  CompareOperator,
  ElementOperand,
  Instruction,
  InstructionOf,
  Operand,
  Param,
  Terminator,
  UnaryOperator,
  ValueType,
  Variable,
  VariableOperand,
} from '../program/index.js';
import type { Register } from './flatten.js';
import { storageOf } from './types.js';

type Without<T> = T extends unknown ? Omit<T, 'site'> : never;
/** An instruction of a program, without its site. */
export type Bare = Without<Instruction>;

/** Where a register's value is: a variable, or an array of one register that keeps the definedness of its bytes. */
export type Storage =
  | { readonly kind: 'variable'; readonly variable: VariableOperand; readonly type: ValueType }
  | { readonly kind: 'element'; readonly element: ElementOperand; readonly type: ValueType };

interface OpenBlock {
  readonly instructions: Instruction[];
  terminator: Terminator | null;
}

const index0: Operand = { kind: 'constant', type: 'i32', value: 0 };

/** Writes the blocks of a program: values are operands of it. */
export class Writer {
  readonly variables: Variable[] = [];
  readonly arrays: { name: string; elementType: 'u16' | 'u32' | 'u64' | 'u8'; count: number }[] = [];
  readonly params: Param[] = [];
  readonly blocks: OpenBlock[] = [];
  /** Site of what is written now. */
  site = 0;
  readonly #params = new Map<string, Operand>();
  readonly #storage = new Map<number, Storage>();
  readonly #carriers: ReadonlySet<number>;
  #current = -1;

  /** `carriers`: ids of the registers that keep the definedness of their bytes. */
  constructor(carriers: ReadonlySet<number>) {
    this.#carriers = carriers;
  }

  // --- Blocks

  block(): number {
    return this.blocks.push({ instructions: [], terminator: null }) - 1;
  }

  get current(): number {
    return this.#current;
  }

  select(block: number): void {
    this.#current = block;
  }

  /** Whether the block has ended, so that nothing can follow. */
  get hasEnded(): boolean {
    return this.blocks[this.#current]!.terminator !== null;
  }

  end(terminator: Without<Terminator>): void {
    this.blocks[this.#current]!.terminator = { ...terminator, site: this.site } as Terminator;
  }

  /** Writes `inner` so that it happens only where the condition holds, and goes on behind it. */
  guarded(condition: Operand, inner: () => void): void {
    const [inside, behind] = [this.block(), this.block()];
    // biome-ignore lint/suspicious/noThenProperty: the field's name
    this.end({ op: 'branch', condition, then: inside, else: behind });
    this.select(inside);
    inner();
    if (!this.hasEnded) this.end({ op: 'jump', target: behind });
    this.select(behind);
  }

  // --- Values

  emit(instruction: Bare): void {
    this.blocks[this.#current]!.instructions.push({ ...instruction, site: this.site } as Instruction);
  }

  variable(name: string | null, type: ValueType): VariableOperand {
    return { kind: 'variable', index: this.variables.push({ name, type, scope: 0 }) - 1 };
  }

  param(path: readonly string[], type: Param['type']): Operand {
    const key = JSON.stringify([...path, type]);
    const known = this.#params.get(key);
    if (known !== undefined) return known;
    const param: Operand = { kind: 'param', index: this.params.push({ path, type }) - 1 };
    this.#params.set(key, param);
    return param;
  }

  typeOf(value: Operand): ValueType {
    switch (value.kind) {
      case 'variable':
        return this.variables[value.index]!.type;
      case 'param':
        return this.params[value.index]!.type;
      case 'constant':
        return value.type;
      case 'special':
        return 'i32';
      default:
        return value satisfies never;
    }
  }

  unary(operator: UnaryOperator, type: ValueType, a: Operand): VariableOperand {
    const isCount = operator === 'popc' || operator === 'clz' || operator === 'ffs';
    const to = this.variable(null, isCount ? 'i32' : type);
    this.emit({ op: 'unary', operator, type, to: to.index, a: this.as(a, type) });
    return to;
  }

  /** Operands are converted to `type`; the count of a shift is a word. */
  binary(operator: BinaryOperator, type: ValueType, a: Operand, b: Operand): VariableOperand {
    const to = this.variable(null, type);
    const isShift = operator.startsWith('sh');
    const second = isShift ? (this.typeOf(b) === 'u32' ? b : this.as(b, 'i32')) : this.as(b, type);
    this.emit({ op: 'binary', operator, type, to: to.index, a: this.as(a, type), b: second });
    return to;
  }

  compare(operator: CompareOperator, type: ValueType, a: Operand, b: Operand): VariableOperand {
    const to = this.variable(null, 'pred');
    this.emit({ op: 'compare', operator, type, to: to.index, a: this.as(a, type), b: this.as(b, type) });
    return to;
  }

  select3(condition: Operand, type: ValueType, a: Operand, b: Operand): VariableOperand {
    const to = this.variable(null, type);
    this.emit({ op: 'select', type, to: to.index, condition, a: this.as(a, type), b: this.as(b, type) });
    return to;
  }

  /** `base + bytes`. */
  address(base: Operand, bytes: Operand): VariableOperand {
    const to = this.variable(null, 'ptr');
    this.emit({ op: 'address', to: to.index, base, index: bytes, indexType: this.typeOf(bytes), elementBytes: 1 });
    return to;
  }

  /** A copy of a value that later writes to registers leave alone, and that itself is never written into one. */
  held(value: Operand): Operand {
    if (value.kind !== 'variable') return value;
    const type = this.typeOf(value);
    const to = this.variable('', type);
    this.emit({ op: 'move', type, to: to.index, a: value });
    return to;
  }

  /** The value as another type: 64 bits to 32 the low word, 32 to 64 as its own sign says. */
  as(value: Operand, type: ValueType): Operand {
    const from = this.typeOf(value);
    if (from === type) return value;
    if (value.kind === 'constant' && typeof value.value !== 'boolean' && isWord(type)) return word(type, value.value);
    const to = this.variable(null, type);
    this.emit({ op: 'convert', from, type, to: to.index, a: value });
    return to;
  }

  // --- Registers

  storage({ id, name, type }: Register): Storage {
    const known = this.#storage.get(id);
    if (known !== undefined) return known;
    const stored = storageOf(type);
    let storage: Storage;
    if (this.#carriers.has(id)) {
      const elementType = type.bits === 64 ? 'u64' : type.bits === 16 ? 'u16' : 'u32';
      const array = this.arrays.push({ name, elementType, count: 1 }) - 1;
      storage = { kind: 'element', element: { kind: 'element', array, index: index0 }, type: stored };
    } else storage = { kind: 'variable', variable: this.variable(name, stored), type: stored };
    this.#storage.set(id, storage);
    return storage;
  }

  /** The bits of a register. A byte that nobody has defined is an error when it runs. */
  read(register: Register): Operand {
    const storage = this.storage(register);
    if (storage.kind === 'variable') return storage.variable;
    const to = this.variable(null, storage.type === 'u64' ? 'u64' : 'u32');
    this.emit({ op: 'readElement', to: to.index, element: storage.element });
    return this.as(to, storage.type);
  }

  /** Sets a register to a value of its storage's type; `condition`: only where it holds. */
  write(register: Register, value: Operand, condition: Operand | null): void {
    const storage = this.storage(register);
    const given = this.as(value, storage.type);
    if (storage.kind === 'element') {
      const { element } = storage;
      if (condition === null) this.emit({ op: 'writeElement', element, a: given });
      else this.emit({ op: 'selectElement', element, condition, a: given, b: element });
      return;
    }
    const { variable, type } = storage;
    if (condition !== null) {
      this.emit({ op: 'select', type, to: variable.index, condition, a: given, b: variable });
      return;
    }
    // What has just been computed for it is computed into it.
    const { instructions } = this.blocks[this.#current]!;
    const last = instructions[instructions.length - 1];
    const isTemporary = given.kind === 'variable' && this.variables[given.index]!.name === null;
    if (last !== undefined && isTemporary && isRetargetable(last) && last.to === given.index) {
      instructions[instructions.length - 1] = { ...last, to: variable.index };
    } else this.emit({ op: 'move', type, to: variable.index, a: given });
  }
}

type Retargetable = InstructionOf<
  | 'unary'
  | 'binary'
  | 'compare'
  | 'select'
  | 'convert'
  | 'address'
  | 'readElement'
  | 'activemask'
  | 'atomic'
  | 'collective'
>;

const isRetargetable = (instruction: Instruction): instruction is Retargetable & { readonly site: number } =>
  [
    'unary',
    'binary',
    'compare',
    'select',
    'convert',
    'address',
    'readElement',
    'activemask',
    'atomic',
    'collective',
  ].includes(instruction.op);

const isWord = (type: ValueType): type is 'i32' | 'u32' | 'i64' | 'u64' =>
  type === 'i32' || type === 'u32' || type === 'i64' || type === 'u64';

/** A constant of the low bits of an integer. */
export function word(type: 'i32' | 'u32' | 'i64' | 'u64', value: number | bigint): Operand {
  const bits = BigInt(value);
  switch (type) {
    case 'i32':
      return { kind: 'constant', type, value: Number(BigInt.asIntN(32, bits)) };
    case 'u32':
      return { kind: 'constant', type, value: Number(BigInt.asUintN(32, bits)) };
    case 'i64':
      return { kind: 'constant', type, value: BigInt.asIntN(64, bits) };
    case 'u64':
      return { kind: 'constant', type, value: BigInt.asUintN(64, bits) };
    default:
      return type satisfies never;
  }
}

export const bool = (value: boolean): Operand => ({ kind: 'constant', type: 'pred', value });
