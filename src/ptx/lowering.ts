import type { ElementOperand, Operand, SpecialName } from '../program/index.js';
import type { InstructionStatement, PtxOperand } from './ast.js';
import type { Memory, Named, NameScope, Register } from './flatten.js';
import { NotModelled } from './not-modelled.js';
import { PtxError, type PtxPlace } from './ptx-error.js';
import { type PtxType, ptxType } from './types.js';
import { bool, type Writer, word } from './writer.js';

/** What an instruction's opcode says, taken apart piece by piece; a piece that nobody takes is not modelled. */
export class Form {
  readonly root: string;
  readonly statement: InstructionStatement;
  readonly #modifiers: string[];

  constructor(statement: InstructionStatement) {
    const [root, ...modifiers] = statement.opcode.split('.');
    this.root = root!;
    this.#modifiers = modifiers;
    this.statement = statement;
  }

  get operands(): readonly PtxOperand[] {
    return this.statement.operands;
  }

  /** Whether a modifier is there; then it is taken. */
  take(name: string): boolean {
    const at = this.#modifiers.indexOf(name);
    if (at === -1) return false;
    this.#modifiers.splice(at, 1);
    return true;
  }

  /** The modifier of these that is there, or null. */
  takeOne<const Name extends string>(names: readonly Name[]): Name | null {
    return names.find((name) => this.take(name)) ?? null;
  }

  /** The type: the first modifier that is one. @throws PtxError if there is none */
  type(): PtxType {
    const at = this.#modifiers.findIndex((name) => ptxType(name) !== null);
    if (at === -1) throw new PtxError(this.statement, `expected a type in ${this.statement.opcode}, found none`);
    return ptxType(this.#modifiers.splice(at, 1)[0]!)!;
  }

  /** @throws NotModelled if something is left */
  finish(): void {
    if (this.#modifiers.length > 0) throw new NotModelled(`.${this.#modifiers.join('.')} of ${this.root}`);
  }

  /** The operands, of which there are as many as said. @throws PtxError if there are not */
  operandsOf(least: number, most = least): readonly PtxOperand[] {
    const { length } = this.operands;
    if (length < least || length > most) {
      const wanted = least === most ? `${least}` : `${least} to ${most}`;
      throw new PtxError(this.statement, `expected ${wanted} operands of ${this.statement.opcode}, found ${length}`);
    }
    return this.operands;
  }
}

/** Special registers that the program form has as they are. */
const SPECIALS: Readonly<Record<string, SpecialName>> = Object.fromEntries([
  ...(['tid', 'ntid', 'ctaid', 'nctaid'] as const).flatMap((name) =>
    (['x', 'y', 'z'] as const).map((axis): [string, SpecialName] => [
      `%${name}.${axis}`,
      `${({ tid: 'threadIdx', ntid: 'blockDim', ctaid: 'blockIdx', nctaid: 'gridDim' } as const)[name]}.${axis}`,
    ]),
  ),
  ['%laneid', 'laneId'],
  ['%warpid', 'warpIndex'],
]);

/** Bits below, at and above the lane, by the end of `%lanemask_…`. */
const LANE_MASKS = ['eq', 'le', 'lt', 'ge', 'gt'] as const;

/** Where variables of a state space are, for one entry. */
export interface AddressMap {
  /** Address of a shared variable within the block's shared memory. */
  shared(memory: Memory): number;
  /** The pointer to byte 0 of the block's shared memory; null: the entry has none. */
  readonly sharedBase: Operand | null;
  /** Values of the registers that are set once, to a constant, by id. */
  readonly constants: ReadonlyMap<number, bigint>;
  /** The name of a parameter of the entry; null: it is one of a call. */
  parameter(memory: Memory): string | null;
  /** The register that stands for bytes of a parameter of a call. @throws NotModelled if others overlap with them */
  cell(memory: Memory, offset: number, bytes: number, place: PtxPlace): Register;
}

/** What lowers one instruction: operands in, values out. Values are operands of the program. */
export class Lowering {
  readonly writer: Writer;
  readonly addresses: AddressMap;
  readonly statement: InstructionStatement;
  readonly #scope: NameScope;
  /** Where results are written only if it holds; null: always. */
  readonly condition: Operand | null;

  constructor(
    writer: Writer,
    addresses: AddressMap,
    statement: InstructionStatement,
    scope: NameScope,
    condition: Operand | null,
  ) {
    this.writer = writer;
    this.addresses = addresses;
    this.statement = statement;
    this.#scope = scope;
    this.condition = condition;
  }

  /** Whether a name is that of a special register, and of nothing else. */
  isSpecial(name: string): boolean {
    return this.#scope.find(name) === null;
  }

  /** The value of an operand that is a constant, or a register that is only ever set to one; else null. */
  constantOf(operand: PtxOperand): bigint | null {
    if (operand.kind === 'integer') return operand.value;
    const named = operand.kind === 'name' ? this.#scope.find(operand.name) : null;
    return named?.kind === 'register' ? (this.addresses.constants.get(named.register.id) ?? null) : null;
  }

  /** The register with the definedness of its bytes, if an operand names one that keeps it and has the width; else null. */
  carried(operand: PtxOperand, bits: number): ElementOperand | null {
    if (operand.kind !== 'name') return null;
    const named = this.#scope.find(operand.name);
    if (named?.kind !== 'register' || named.register.type.bits !== bits) return null;
    const storage = this.writer.storage(named.register);
    return storage.kind === 'element' ? storage.element : null;
  }

  /** Bytes of a parameter of a call: they are variables of the program, by place and size. */
  cell(memory: Memory, offset: number, bytes: number): Operand {
    return this.writer.read(this.#cellRegister(memory, offset, bytes));
  }

  setCell(memory: Memory, offset: number, bytes: number, value: Operand): void {
    this.writeRegister(this.#cellRegister(memory, offset, bytes), ptxType(`b${(bytes * 8) as 8}`)!, value);
  }

  #cellRegister(memory: Memory, offset: number, bytes: number): Register {
    return this.addresses.cell(memory, offset, bytes, this.statement);
  }

  /** What a name means here. @throws PtxError if it means nothing */
  find(name: string): Named {
    const named = this.#scope.find(name);
    if (named === null) throw this.expected('a name that is declared', `'${name}'`);
    return named;
  }

  expected(what: string, found: string): PtxError {
    return new PtxError(this.statement, `expected ${what}, found ${found}`);
  }

  /** The register of that name. @throws PtxError if it is none */
  register(name: string): Register {
    const named = this.find(name);
    if (named.kind !== 'register') throw this.expected('a register', `'${name}'`);
    return named.register;
  }

  /** The register that an operand names; null: `_`. @throws PtxError if it is none */
  target(operand: PtxOperand): Register | null {
    if (operand.kind !== 'name') throw this.expected('a register', `an operand of kind ${operand.kind}`);
    return operand.name === '_' ? null : this.register(operand.name);
  }

  /**
   * The value of an operand as `type`. A register has the type's width; with `mayBeWider` it may have more, of which
   * the low bits count.
   */
  read(operand: PtxOperand, type: PtxType, mayBeWider = false): Operand {
    switch (operand.kind) {
      case 'integer':
        return this.constant(operand.value, type);
      case 'float':
        return this.constant(this.#floatBits(operand, type), type);
      case 'symbol': {
        const named = this.find(operand.name);
        if (named.kind === 'register') throw this.expected('a variable', `the register '${operand.name}'`);
        return this.#addressOf(operand.name, operand.offset, type);
      }
      case 'name': {
        if (operand.name.startsWith('%') && this.#scope.find(operand.name) === null)
          return this.#special(operand.name, type);
        const named = this.find(operand.name);
        if (named.kind === 'memory') return this.#addressOf(operand.name, 0n, type);
        if (named.kind !== 'register') throw this.expected('a register', `'${operand.name}'`);
        return this.readRegister(named.register, type, mayBeWider);
      }
      case 'not':
        return this.writer.unary('not', 'pred', this.readRegister(this.register(operand.name), type, false));
      default:
        throw this.expected('a register or a constant', `an operand of kind ${operand.kind}`);
    }
  }

  readRegister(register: Register, type: PtxType, mayBeWider: boolean): Operand {
    const { name, type: own } = register;
    const fits = own.bits === type.bits || (mayBeWider && own.bits > type.bits);
    if (!fits || (own.kind === 'pred') !== (type.kind === 'pred'))
      throw this.expected(`a register of ${type.bits} bits`, `${name} of .${own.name}`);
    return this.fromBits(this.writer.read(register), type, own.bits > type.bits);
  }

  /** Bits as they are stored as a value of a type; `isWider`: there may be others above, which do not count. */
  fromBits(bits: Operand, type: PtxType, isWider: boolean): Operand {
    const { writer } = this;
    if (type.kind === 'pred' || type.bits === 64) return writer.as(bits, type.value);
    const low = writer.as(bits, 'i32');
    if (type.bits === 32) return writer.as(low, type.value);
    if (type.kind === 's') {
      const shift = word('i32', 32 - type.bits);
      return writer.binary('shr', 'i32', writer.binary('shl', 'i32', low, shift), shift);
    }
    return isWider ? writer.binary('and', 'i32', low, word('i32', 2 ** type.bits - 1)) : low;
  }

  /** Sets what an operand names to a value of `type`; a wider register takes it extended as the type's sign says. */
  write(operand: PtxOperand, type: PtxType, value: Operand): void {
    const register = this.target(operand);
    if (register !== null) this.writeRegister(register, type, value);
  }

  writeRegister(register: Register, type: PtxType, value: Operand): void {
    const { writer } = this;
    const own = register.type;
    if ((own.kind === 'pred') !== (type.kind === 'pred') || own.bits < type.bits)
      throw this.expected(`a register of ${type.bits} bits`, `${register.name} of .${own.name}`);
    writer.write(register, this.extended(value, type, own), this.condition);
  }

  /** A value of `type` as the bits of a register of type `own`. */
  extended(value: Operand, type: PtxType, own: PtxType): Operand {
    const { writer } = this;
    if (type.kind === 'pred') return value;
    if (own.bits === 64)
      return writer.as(type.bits === 32 && type.kind !== 's' ? writer.as(value, 'u32') : value, 'u64');
    if (own.bits === 32 && (type.bits === 32 || type.kind === 's')) return writer.as(value, 'i32');
    // Above a narrow register's bits there are zeros.
    const bits = type.kind === 's' ? own.bits : type.bits;
    return writer.binary('and', 'i32', writer.as(value, 'i32'), word('i32', 2 ** bits - 1));
  }

  constant(value: bigint, type: PtxType): Operand {
    if (type.kind === 'pred') return bool(value !== 0n);
    const { bits, kind } = type;
    const wrapped = kind === 's' ? BigInt.asIntN(bits, value) : BigInt.asUintN(bits, value);
    return word(type.value as 'i32' | 'u32' | 'i64' | 'u64', wrapped);
  }

  #floatBits({ bits, width }: Extract<PtxOperand, { kind: 'float' }>, type: PtxType): bigint {
    if (type.bits === width) return bits;
    if (type.bits !== 32 || width !== 64) throw this.expected(`a constant of .${type.name}`, `one of f${width}`);
    const view = new DataView(new ArrayBuffer(8));
    view.setBigUint64(0, bits);
    view.setFloat32(0, view.getFloat64(0));
    return BigInt(view.getUint32(0));
  }

  /** The address of a variable in its own space. */
  #addressOf(name: string, offset: bigint, type: PtxType): Operand {
    const { memory } = this.find(name) as Extract<Named, { kind: 'memory' }>;
    const { space } = memory.variable;
    if (space === 'shared') return this.constant(BigInt(this.addresses.shared(memory)) + offset, type);
    throw new NotModelled(`the address of '${name}' in .${space}`);
  }

  #special(name: string, type: PtxType): Operand {
    const { writer } = this;
    if (type.bits !== 32 && type.bits !== 16 && type.bits !== 64)
      throw this.expected('a type of 32 bits', `.${type.name}`);
    const value = this.#specialValue(name);
    return writer.as(type.bits === 64 ? writer.as(value, 'u32') : value, type.value);
  }

  #specialValue(name: string): Operand {
    const { writer } = this;
    const special = SPECIALS[name];
    if (special !== undefined) return { kind: 'special', name: special };
    const lane: Operand = { kind: 'special', name: 'laneId' };
    const mask = /^%lanemask_(\w\w)$/.exec(name)?.[1] as (typeof LANE_MASKS)[number] | undefined;
    switch (mask) {
      case 'eq':
        return writer.binary('shl', 'i32', word('i32', 1), lane);
      case 'le':
        return writer.unary('not', 'i32', writer.binary('shl', 'i32', word('i32', -2), lane));
      case 'lt':
        return writer.unary('not', 'i32', writer.binary('shl', 'i32', word('i32', -1), lane));
      case 'ge':
        return writer.binary('shl', 'i32', word('i32', -1), lane);
      case 'gt':
        return writer.binary('shl', 'i32', word('i32', -2), lane);
      default:
    }
    if (name === '%nwarpid') {
      const threads = ['blockDim.x', 'blockDim.y', 'blockDim.z']
        .map((axis): Operand => ({ kind: 'special', name: axis as SpecialName }))
        .reduce((product, axis) => writer.binary('mul', 'i32', product, axis));
      return writer.binary('shr', 'i32', writer.binary('add', 'i32', threads, word('i32', 31)), word('i32', 5));
    }
    throw new NotModelled(`the special register ${name}`);
  }

  /** A predicate, maybe negated. */
  predicate(operand: PtxOperand): Operand {
    if (operand.kind === 'integer') return bool(operand.value !== 0n);
    return this.read(operand, ptxType('pred')!);
  }
}

/** Lowers the instructions of one root opcode. */
export interface Lowerer {
  /**
   * Whether it only computes registers, and can therefore compute them where its guard does not hold; all else is
   * branched around.
   */
  readonly isPure: boolean;
  readonly lower: (form: Form, lowering: Lowering) => void;
}
