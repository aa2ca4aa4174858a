import type { ProgramBuilder } from '../program/builder.js';
import type { ConstantOperand, Operand as ProgramOperand, ValueType, VariableOperand } from '../program/program.js';
import type { CodeBuilder } from './code-builder.js';
import { type Demands, failAt, TOO_WIDE, WRAP_IT } from './demands.js';
import type { Mutable, Operand, Temp } from './hir.js';
import type { Types } from './types.js';

interface Located {
  readonly operand: ProgramOperand;
  readonly type: ValueType;
}

/** Where values of the graph are in the program, and conversions between types. */
export class LoweredValues {
  readonly code: CodeBuilder;
  readonly builder: ProgramBuilder;
  readonly types: Types;
  readonly demands: Demands;
  readonly #values = new Map<Temp, Located>();
  readonly #lows = new Map<Temp, Located>();
  readonly #variables = new Map<Mutable, number>();
  /** Conversions of this block. */
  #converted = new Map<string, ProgramOperand>();

  constructor(code: CodeBuilder, builder: ProgramBuilder, types: Types, demands: Demands) {
    this.code = code;
    this.builder = builder;
    this.types = types;
    this.demands = demands;
  }

  beginBlock(): void {
    this.#converted = new Map();
  }

  failWide(site: number): never {
    return failAt(this.code, site, TOO_WIDE, WRAP_IT);
  }

  variable(variable: Mutable): VariableOperand {
    let index = this.#variables.get(variable);
    if (index === undefined) {
      const type = this.types.ofVariable(variable);
      if (type === null) throw new Error('[simtwin bug] a variable without a type');
      index = this.builder.variable(variable.name, type, variable.scope);
      this.#variables.set(variable, index);
    }
    return { kind: 'variable', index };
  }

  /** A new variable that holds a value from here on; its index. */
  define(temp: Temp, type: ValueType): number {
    const scope = temp.name === null ? (this.code.sites[temp.by.site]?.scope ?? 0) : temp.scope;
    const index = this.builder.variable(temp.name, type, scope);
    this.#values.set(temp, { operand: { kind: 'variable', index }, type });
    return index;
  }

  /** A value is what an operand of the program already holds. A name needs a variable of its own. */
  alias(temp: Temp, operand: ProgramOperand, type: ValueType, site: number): void {
    if (temp.name === null) this.#values.set(temp, { operand, type });
    else this.builder.emit({ op: 'move', site, type, to: this.define(temp, type), a: operand });
  }

  defineLow(temp: Temp, type: ValueType): number {
    const index = this.builder.temporary(type, this.code.sites[temp.by.site]?.scope ?? 0);
    this.#lows.set(temp, { operand: { kind: 'variable', index }, type });
    return index;
  }
  aliasLow(temp: Temp, operand: ProgramOperand, type: ValueType): void {
    this.#lows.set(temp, { operand, type });
  }

  /** An operand as it is, in its own type. */
  located(operand: Operand): Located {
    switch (operand.op) {
      case 'temp': {
        const known = this.#values.get(operand.temp);
        if (known === undefined) {
          throw new Error(
            `[simtwin bug] temporary ${operand.temp.id} (${operand.temp.by.op}) is used and not computed`,
          );
        }
        return known;
      }
      case 'special':
        return { operand: { kind: 'special', name: operand.name }, type: 'i32' };
      case 'param':
        return { operand: { kind: 'param', index: operand.index }, type: this.types.of(operand)! };
      case 'const': {
        const type = this.types.of(operand) ?? 'u64';
        return { operand: constantOf(operand.value, type), type };
      }
      default:
        return operand satisfies never;
    }
  }

  /** An operand's value in a type that holds it. */
  value(operand: Operand, type: ValueType, site: number): ProgramOperand {
    if (operand.op === 'const') return constantOf(operand.value, type);
    return this.convert(this.located(operand), type, site);
  }

  /** A number in its own type: i32, u32 or f64. */
  number(operand: Operand, _site: number): ProgramOperand {
    return this.located(operand).operand;
  }

  /** The low 32 bits of a number, as some word. */
  low32(operand: Operand, site: number): ProgramOperand {
    const { operand: low, type } = this.#low(operand);
    return type === 'i32' || type === 'u32' ? low : this.convert({ operand: low, type }, 'i32', site);
  }

  /** The low bits of a value as a word of that type. */
  word(operand: Operand, type: 'i32' | 'u32' | 'i64' | 'u64', site: number): ProgramOperand {
    if (operand.op === 'const') return constantOf(operand.value, type);
    return this.convert(this.#low(operand), type, site);
  }

  low64(operand: Operand, type: 'i64' | 'u64', site: number): ProgramOperand {
    return this.word(operand, type, site);
  }

  #low(operand: Operand): Located {
    const low = operand.op === 'temp' ? this.#lows.get(operand.temp) : undefined;
    return low ?? this.located(operand);
  }

  /** A value of the program in another type. */
  convert({ operand, type: from }: Located, type: ValueType, site: number): ProgramOperand {
    if (from === type) return operand;
    if (operand.kind === 'constant') return constantOf(operand.value, type);
    const key = `${operand.kind}:${'index' in operand ? operand.index : operand.name}:${type}`;
    const known = this.#converted.get(key);
    if (known !== undefined) return known;
    const to = this.builder.temporary(type, this.code.sites[site]?.scope ?? 0);
    this.builder.emit({ op: 'convert', site, from, type, to, a: operand });
    const result: ProgramOperand = { kind: 'variable', index: to };
    this.#converted.set(key, result);
    return result;
  }
}

/** A constant in a type: words wrap. */
function constantOf(value: number | bigint | boolean | null, type: ValueType): ConstantOperand {
  switch (type) {
    case 'pred':
      return { kind: 'constant', type, value: value === true };
    case 'i32':
      return {
        kind: 'constant',
        type,
        value: typeof value === 'bigint' ? Number(BigInt.asIntN(32, value)) : Number(value) | 0,
      };
    case 'u32':
      return {
        kind: 'constant',
        type,
        value: typeof value === 'bigint' ? Number(BigInt.asUintN(32, value)) : Number(value) >>> 0,
      };
    case 'f64':
      return { kind: 'constant', type, value: Number(value) };
    case 'ptr':
      return { kind: 'constant', type, value: Number(value ?? 0) };
    case 'i64':
      return { kind: 'constant', type, value: BigInt.asIntN(64, BigInt(value as number)) };
    case 'u64':
      return { kind: 'constant', type, value: BigInt.asUintN(64, BigInt(value as number)) };
    default:
      return type satisfies never;
  }
}
