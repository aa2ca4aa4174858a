import type { Analysis } from './analyse.js';
import type { CodeBuilder } from './code-builder.js';
import { CompileError } from './compile-error.js';
import type { HirElement, HirSource, Instruction, Operand, Temp } from './hir.js';
import { fitsI32, fitsU32 } from './number-ranges.js';
import { type Types, WIDE_RING } from './types.js';

/** What of a value is needed: the value itself, or its low 32 or 64 bits. */
export type Need = 'value' | 'low';

type Pure = Instruction & { readonly op: 'pure' };

/** Reports an instruction of a graph. */
export function failAt(code: CodeBuilder, site: number, construct: string, advice: string): never {
  const { scope, line, column } = code.sites[site]!;
  const file = code.files[code.frames[code.scopes[scope]!.frame]!.file]!.path;
  throw new CompileError({ file, line, column }, construct, advice);
}

export const TOO_WIDE = 'a 64-bit value that may exceed 64 bits';
export const WRAP_IT = 'wrap it, write u64(...) or i64(...)';

/** Finds which values are needed, and whether only their low bits are. */
export class Demands {
  readonly #code: CodeBuilder;
  readonly #types: Types;
  readonly #values = new Set<Temp>();
  readonly #lows = new Set<Temp>();

  constructor(code: CodeBuilder, analysis: Analysis, types: Types) {
    this.#code = code;
    this.#types = types;
    for (const { instructions, end } of analysis.blocks) {
      for (const instruction of instructions) this.#root(instruction);
      if (end?.op === 'branch') this.need(end.condition, 'value');
    }
  }

  isNeeded(temp: Temp): boolean {
    return this.#values.has(temp);
  }
  /** Whether the low bits are computed apart from the value. */
  isLowNeeded(temp: Temp): boolean {
    return this.#lows.has(temp);
  }

  /** Whether the low bits of a value can be had without the value. */
  hasLow(temp: Temp): boolean {
    const { by } = temp;
    if (by.op !== 'pure') return false;
    if (temp.kind === 'num') return temp.name === null && this.#types.ofTemp(temp) === 'f64' && this.#types.isRing(by);
    return temp.kind === 'big' && this.#types.ofTemp(temp) === null && WIDE_RING.has(by.name);
  }

  need(operand: Operand | null, need: Need): void {
    if (operand?.op !== 'temp') return;
    const { temp } = operand;
    const isLow = need === 'low' && this.hasLow(temp);
    const known = isLow ? this.#lows : this.#values;
    if (known.has(temp)) return;
    known.add(temp);
    if (temp.by.op !== 'pure') return;
    if (!isLow && temp.kind === 'big' && this.#types.ofTemp(temp) === null)
      failAt(this.#code, temp.by.site, TOO_WIDE, WRAP_IT);
    this.#needArgs(temp.by, isLow);
  }

  #element({ index }: HirElement): void {
    this.need(index, 'value');
  }
  #source(source: HirSource): void {
    if (source.op === 'element') this.#element(source.element);
    else this.need(source, 'low');
  }

  #root(instruction: Instruction): void {
    switch (instruction.op) {
      case 'pure':
        if (instruction.to?.name !== null && instruction.to !== null) {
          if (this.#types.ofTemp(instruction.to) !== null) this.need({ op: 'temp', temp: instruction.to }, 'value');
        } else if (!instruction.isTotal && instruction.to !== null) {
          // It may fault: it happens even if nobody needs the result.
          const isWide = instruction.to.kind === 'big' && this.#types.ofTemp(instruction.to) === null;
          this.need({ op: 'temp', temp: instruction.to }, isWide ? 'low' : 'value');
        }
        return;
      case 'read':
        if (instruction.to !== null && instruction.to.name !== null) this.#values.add(instruction.to);
        return;
      case 'assign':
        this.need(instruction.value, 'value');
        return;
      case 'readElement':
        this.#element(instruction.element);
        return;
      case 'writeElement':
        this.#element(instruction.element);
        this.#source(instruction.value);
        return;
      case 'selectElement':
        this.#element(instruction.element);
        this.need(instruction.condition, 'value');
        this.#source(instruction.a);
        this.#source(instruction.b);
        return;
      case 'shared':
        this.need(instruction.count, 'value');
        return;
      case 'load':
        instruction.registers.forEach((element) => {
          this.#element(element);
        });
        this.need(instruction.base, 'value');
        this.need(instruction.index, 'value');
        return;
      case 'store':
        this.need(instruction.base, 'value');
        this.need(instruction.index, 'value');
        instruction.values.forEach((value) => {
          this.#source(value);
        });
        return;
      case 'atomic':
        this.need(instruction.base, 'value');
        this.need(instruction.index, 'value');
        this.need(instruction.value, 'low');
        this.need(instruction.compare, 'low');
        return;
      case 'collective': {
        const { operation } = instruction;
        this.need(instruction.mask, 'low');
        const isWord = operation.startsWith('redux.') && operation !== 'redux.min' && operation !== 'redux.max';
        this.need(instruction.value, isWord ? 'low' : 'value');
        this.need(instruction.a, 'value');
        this.need(instruction.b, 'value');
        return;
      }
      case 'barrier':
        this.need(instruction.id, 'value');
        this.need(instruction.threadCount, 'value');
        return;
      case 'undefine':
      case 'clearArray':
      case 'fence':
      case 'activemask':
        return;
      default:
        instruction satisfies never;
    }
  }

  #needArgs(instruction: Pure, isLow: boolean): void {
    const { name, args } = instruction;
    const types = this.#types;
    const all = (need: Need) => {
      for (const arg of args) this.need(arg, need);
    };
    switch (name) {
      case 'n.add':
      case 'n.sub':
      case 'n.mul':
      case 'n.neg':
        all(isLow || types.ofTemp(instruction.to!) !== 'f64' ? 'low' : 'value');
        return;
      case 'n.floor':
      case 'n.trunc':
      case 'n.toI32':
      case 'n.toU32': {
        const quotient = types.wordQuotient(instruction);
        if (quotient === null) {
          all(name === 'n.toI32' || name === 'n.toU32' ? 'low' : 'value');
          return;
        }
        this.need(quotient.a, 'value');
        this.need(quotient.b, 'value');
        return;
      }
      case 'n.and':
      case 'n.or':
      case 'n.xor':
      case 'n.not':
      case 'n.shl':
      case 'n.shr':
      case 'n.ushr':
      case 'n.imul':
      case 'n.popc':
      case 'n.clz':
      case 'n.ffs':
      case 'n.brev':
      case 'n.mulhi':
      case 'n.umulhi':
      case 'n.popcll':
      case 'n.clzll':
      case 'n.ffsll':
      case 'b.brevll':
      case 'b.mul64hi':
      case 'b.umul64hi':
        all('low');
        return;
      case 'n.shlB32':
      case 'n.shrU32':
      case 'n.shrS32':
      case 'b.shlB64':
      case 'b.shrU64':
      case 'b.shrS64':
        this.need(args[0]!, 'low');
        this.need(args[1]!, 'value');
        return;
      case 'n.fromBig':
        this.#needLowBits(this.wordSource(instruction));
        return;
      case 'b.add':
      case 'b.sub':
      case 'b.mul':
      case 'b.neg':
      case 'b.and':
      case 'b.or':
      case 'b.xor':
      case 'b.not':
        all('low');
        return;
      case 'b.shl': {
        const isTwoSided = types.bigint(args[1]!).lo < 0n;
        this.need(args[0]!, isTwoSided ? 'value' : 'low');
        this.need(this.countOf(args[1]!), 'value');
        return;
      }
      case 'b.shr':
        this.need(args[0]!, 'value');
        this.need(this.countOf(args[1]!), 'value');
        return;
      case 'b.asU':
      case 'b.asI':
        this.#needLowBits(this.lowBits(args[0]!, instruction.count!));
        return;
      case 'select':
        this.need(args[0]!, 'value');
        this.need(args[1]!, isLow ? 'low' : 'value');
        this.need(args[2]!, isLow ? 'low' : 'value');
        return;
      case 'address':
        this.need(args[0]!, 'value');
        this.need(args[1]!, types.of(args[1]!) === null ? 'low' : 'value');
        return;
      default:
        all('value');
        return;
    }
  }

  /** What a shift's count is taken from: the number of `BigInt(number)`. */
  countOf(count: Operand): Operand {
    if (count.op === 'temp' && count.temp.by.op === 'pure' && count.temp.by.name === 'b.fromNum') {
      const [number] = count.temp.by.args;
      const range = this.#types.number(number!);
      if (fitsI32(range) || fitsU32(range)) return number!;
    }
    return count;
  }

  /** Where the low `bits` bits of a bigint come from: a value, and how far it is shifted to the right. */
  lowBits(operand: Operand, bits: number): { readonly operand: Operand; readonly shift: number } {
    if (operand.op === 'temp' && operand.temp.by.op === 'pure' && operand.temp.by.name === 'b.shr') {
      const [value, count] = operand.temp.by.args as [Operand, Operand];
      const shift = count.op === 'const' && typeof count.value === 'bigint' ? Number(count.value) : -1;
      if (shift >= 0 && shift + bits <= 64 && this.#types.of(value) === null) return { operand: value, shift };
    }
    return { operand, shift: 0 };
  }

  /** The bigint whose low word is `Number(bigint)`; the bigint itself if the number is no word. */
  wordSource({ args, to }: Pure): { readonly operand: Operand; readonly shift: number; readonly isWord: boolean } {
    const [value] = args as [Operand];
    const range = this.#types.number({ op: 'temp', temp: to! });
    if (!fitsI32(range) && !fitsU32(range)) return { operand: value, shift: 0, isWord: false };
    if (value.op === 'temp' && value.temp.name === null && value.temp.by.op === 'pure') {
      const { by } = value.temp;
      if ((by.name === 'b.asU' || by.name === 'b.asI') && by.count === 32)
        return { ...this.lowBits(by.args[0]!, 32), isWord: true };
    }
    return { operand: value, shift: 0, isWord: true };
  }

  #needLowBits({ operand, isWord }: { readonly operand: Operand; readonly isWord?: boolean }): void {
    this.need(operand, isWord === false ? 'value' : 'low');
  }
}
