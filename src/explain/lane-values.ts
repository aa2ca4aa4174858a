import { isWord, type Known, type Places, type StandingBlock, type StandingLane } from '../hang/index.js';
import {
  type ArithmeticInstruction,
  evaluatorOf,
  type Instruction,
  type InstructionOf,
  type Operand,
  type Source,
  type Target,
  type Word,
} from '../program/index.js';
import { type ScalarType, scalarBytes } from '../simt/index.js';
import type { ControlFlow } from './control-flow.js';
import type { DryMemory } from './dry-memory.js';
import { type PendingOperation, valueAfter } from './operation-results.js';
import type { Recording } from './recording.js';
import type { State } from './rounds.js';
import { Beyond, type Derived, isDerived, type Value, wordOf } from './values.js';

/** What the lanes of a warp have in common in a dry run. */
export interface DrySurroundings {
  readonly block: StandingBlock;
  readonly places: Places;
  readonly flow: ControlFlow;
  readonly params: readonly Word[];
  /** Lanes that have not exited. */
  readonly live: number;
  readonly memory: DryMemory;
}

/** What the variables and registers of a lane hold in a dry run, and what instructions make of them. */
export class LaneValues {
  readonly #surroundings: DrySurroundings;
  readonly #standing: StandingLane;
  readonly #variables: Value[];
  readonly #arrays: Value[][];

  constructor(surroundings: DrySurroundings, standing: StandingLane) {
    this.#surroundings = surroundings;
    this.#standing = standing;
    const { places, block } = surroundings;
    const known: (Known | undefined)[] = new Array(places.size).fill(undefined);
    standing.fill(known);
    const values = known.map((value): Value => (isWord(value) ? value : undefined));
    this.#variables = values.slice(0, block.program.variables.length);
    this.#arrays = block.counts.map((count, array) => {
      const first = places.firstRegister[array]!;
      return values.slice(first, first + count);
    });
  }

  /** What tells states of the lane at a place apart. */
  stateAt(place: number): State {
    const variables = this.#variables.length;
    const live = this.#surroundings.places.liveAt(place);
    return live.flatMap((index) => (index < variables ? [wordOf(this.#variables[index])] : []));
  }

  /** Variables are what they are because a branch on `condition` went the way it did. Numbers of arrays are left out. */
  guard(indices: readonly number[], condition: Derived): void {
    for (const index of indices) {
      const then = this.#variables[index];
      const value = wordOf(then);
      if (index < this.#variables.length && value !== undefined) {
        this.#variables[index] = { kind: 'guarded', value, then, condition };
      }
    }
  }

  /** What has been loaded so far becomes plain values. */
  freeze(): void {
    for (const values of [this.#variables, ...this.#arrays]) {
      for (let index = 0; index < values.length; index++) values[index] = wordOf(values[index]);
    }
  }

  value(operand: Operand): Value {
    switch (operand.kind) {
      case 'variable':
        return this.#variables[operand.index];
      case 'param':
        return this.#surroundings.params[operand.index];
      case 'constant':
        return operand.value;
      case 'special':
        return this.#standing.special(operand.name);
      default:
        return operand satisfies never;
    }
  }

  /** The operands of a warp-wide operation. */
  operands(instruction: InstructionOf<'collective'>): PendingOperation {
    const optional = (operand: Operand | null): Value => (operand === null ? undefined : this.value(operand));
    return {
      instruction,
      mask: this.#number(instruction.mask) | 0,
      value: optional(instruction.value),
      a: optional(instruction.a),
      b: optional(instruction.b),
    };
  }

  /** Takes the result of a warp-wide operation. */
  finish({ to }: InstructionOf<'collective'>, result: Value): void {
    if (to !== -1) this.#variables[to] = result;
  }

  /** Executes an instruction; of those that wait, only that a barrier is passed. @throws Beyond */
  execute(instruction: Instruction, recording: Recording): void {
    const { block, live, memory } = this.#surroundings;
    switch (instruction.op) {
      case 'move':
      case 'unary':
      case 'binary':
      case 'compare':
      case 'select':
      case 'convert':
      case 'address':
        this.#variables[instruction.to] = this.#arithmetic(instruction);
        return;
      case 'loadTable':
        this.#variables[instruction.to] =
          block.program.tables[instruction.table]!.values[this.#number(instruction.index)];
        return;
      case 'clearArray':
        this.#arrays[instruction.array]!.fill(undefined);
        return;
      case 'readElement':
        this.#variables[instruction.to] = this.#source(instruction.element);
        return;
      case 'writeElement':
        this.#arrays[instruction.element.array]![this.#number(instruction.element.index)] = this.#source(instruction.a);
        return;
      case 'selectElement': {
        const condition = wordOf(this.value(instruction.condition));
        if (condition === undefined) throw new Beyond();
        const { array, index } = instruction.element;
        this.#arrays[array]![this.#number(index)] = this.#source(condition === true ? instruction.a : instruction.b);
        return;
      }
      case 'shared':
        this.#variables[instruction.to] = block.sharedVariable(instruction.name)?.address;
        return;
      case 'load': {
        const address = this.#address(instruction);
        const bytes = scalarBytes(instruction.elementType);
        instruction.to.forEach((target, index) => {
          const value = memory.read(address + index * bytes, instruction.elementType, instruction, recording);
          this.#setTarget(target, value);
        });
        return;
      }
      case 'store': {
        const address = this.#address(instruction);
        // Who writes for all to see does not wait.
        const bytes = scalarBytes(instruction.elementType);
        if (instruction.ordering !== 'plain' && !memory.isShared(address, bytes)) throw new Beyond();
        instruction.values.forEach((value, index) => {
          memory.store(address + index * bytes, this.#source(value));
        });
        return;
      }
      case 'atomic':
        this.#atomic(instruction, recording);
        return;
      case 'activemask':
        this.#variables[instruction.to] = live >>> 0;
        return;
      case 'barrier':
        recording.barrier(this.#number(instruction.id));
        return;
      case 'fence':
      case 'collective':
        return;
      default:
        instruction satisfies never;
    }
  }

  #number(operand: Operand): number {
    const word = wordOf(this.value(operand));
    if (word === undefined) throw new Beyond();
    return Number(word);
  }

  #source(source: Source): Value {
    if (source.kind !== 'element') return this.value(source);
    return this.#arrays[source.array]![this.#number(source.index)];
  }

  #setTarget(target: Target, value: Value): void {
    if (target.kind === 'variable') this.#variables[target.index] = value;
    else this.#arrays[target.array]![this.#number(target.index)] = value;
  }

  #address(access: { readonly base: Operand; readonly index: Operand; readonly elementType: ScalarType }): number {
    return this.#number(access.base) + this.#number(access.index) * scalarBytes(access.elementType);
  }

  #arithmetic(instruction: ArithmeticInstruction): Value {
    if (instruction.op === 'move') return this.value(instruction.a);
    const { operands, evaluate } = evaluatorOf(this.#surroundings.block.program, instruction);
    const words: Word[] = [];
    let derived = false;
    for (const operand of operands) {
      const value = this.value(operand);
      const word = wordOf(value);
      if (word === undefined) return undefined;
      words.push(word);
      derived ||= isDerived(value);
    }
    const value = evaluate(words);
    if (!derived) return value;
    const values = operands.map((operand) => this.value(operand));
    return { kind: 'arithmetic', value, instruction, operands: values };
  }

  #atomic(instruction: InstructionOf<'atomic'>, recording: Recording): void {
    const { memory } = this.#surroundings;
    const address = this.#address(instruction);
    const old = memory.read(address, instruction.elementType, instruction, recording);
    const before = wordOf(old);
    const compare = instruction.compare === null ? undefined : wordOf(this.value(instruction.compare));
    if (instruction.to !== -1) this.#variables[instruction.to] = old;
    const after = valueAfter(instruction, before, wordOf(this.value(instruction.value)), compare);
    if (after !== before) memory.store(address, after);
  }
}
