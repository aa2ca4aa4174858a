import {
  type ArithmeticInstruction,
  type ElementOperand,
  evaluatorOf,
  type Instruction,
  type InstructionOf,
  isArithmetic,
  mayThrow,
  type Operand,
  type Source,
  type Word,
} from '../program/index.js';
import { Pointer, scalarBytes } from '../simt/index.js';
import { Escape, isWord, join, type Known, UNDEFINED, UNKNOWN } from './known.js';
import type { LastingMemory } from './lasting-memory.js';
import { numberOf, type Place, type Places, placeOf } from './places.js';
import type { StandingBlock, StandingLane } from './standing-block.js';
import { type State, States } from './states.js';

/** What is the same for all lanes of a block. */
export interface Surroundings {
  readonly block: StandingBlock;
  readonly memory: LastingMemory;
  readonly sink: ArrivalSink;
  /** Of {@link States}. */
  readonly precision: number;
  readonly places: Places;
  /** What is known of everything on the way from one place to the next. */
  readonly scratch: State;
  /** Whether something that was known has counted as unknown, so that more precision may help. */
  isBlurred: boolean;
}

interface Visit {
  readonly place: number;
  readonly state: Readonly<State>;
}

/** What a lane arrives at. It goes on when it is told to pass. */
export interface ArrivalSink {
  collective(
    lane: LaneFlow,
    place: Place,
    instruction: InstructionOf<'collective'>,
    operands: CollectiveOperands,
  ): void;
  barrier(lane: LaneFlow, place: Place, instruction: InstructionOf<'barrier'>, id: number, threadCount: number): void;
}

export interface CollectiveOperands {
  readonly mask: number;
  readonly value: Known | null;
  readonly a: Known;
  readonly b: Known;
}

/**
 * Everything that a thread can still do while memory stays as it is: an abstract interpretation from where it stands. For
 * each place that it can come to, what its variables may have there.
 */
export class LaneFlow {
  readonly standing: StandingLane;
  readonly warp: number;
  /** A branch may go either way. */
  mayPart = false;
  /** Instructions done, and what it has cost to keep states. */
  work = 0;
  readonly #surroundings: Surroundings;
  readonly #block: StandingBlock;
  readonly #memory: LastingMemory;
  readonly #sink: ArrivalSink;
  readonly #precision: number;
  readonly #states = new Map<number, States>();
  readonly #todo: Visit[] = [];
  /** States that have passed an operation, with what they got, by its place. */
  readonly #passed = new Map<number, { readonly result: Known | undefined; readonly states: Set<Readonly<State>> }>();
  readonly #places: Places;
  readonly #scratch: State;

  constructor(surroundings: Surroundings, warp: number, standing: StandingLane) {
    const { block, memory, sink, precision, places, scratch } = surroundings;
    this.#surroundings = surroundings;
    this.#block = block;
    this.warp = warp;
    this.standing = standing;
    this.#memory = memory;
    this.#sink = sink;
    this.#precision = precision;
    this.#places = places;
    this.#scratch = scratch;
    scratch.fill(undefined);
    this.work += scratch.length >>> 3;
    standing.fill(scratch);
    const place = numberOf(standing);
    if (standing.waitsIn === null) this.#reach(place);
    else this.#add(place);
  }

  /** Goes on until nothing new is found. @throws Escape */
  run(): void {
    for (let next = this.#todo.pop(); next !== undefined; next = this.#todo.pop()) this.#follow(next);
  }

  /** The lane may pass an operation that it waits in; `result` is what it gets. Result: whether that is new. */
  pass(place: Place, result: Known | undefined): boolean {
    const instruction = this.#block.program.blocks[place.block]!.instructions[place.at]!;
    const to = instruction.op === 'collective' && result !== undefined ? instruction.to : -1;
    const number = numberOf(place);
    let passed = this.#passed.get(number);
    if (passed === undefined || passed.result !== result) {
      passed = { result, states: new Set() };
      this.#passed.set(number, passed);
    }
    let isNew = false;
    for (const state of this.#states.get(number)!.all) {
      if (passed.states.has(state)) continue;
      passed.states.add(state);
      this.#recall(number, state);
      if (to >= 0) this.#scratch[to] = result;
      if (this.#reach(number + 1)) isNew = true;
    }
    return isNew;
  }

  #recall(place: number, state: Readonly<State>): void {
    const live = this.#places.liveAt(place);
    for (let index = 0; index < live.length; index++) this.#scratch[live[index]!] = state[index];
  }

  /** The lane may come to a place as things are. Result: the states there that are new. */
  #add(place: number): readonly State[] {
    let states = this.#states.get(place);
    if (states === undefined) {
      states = new States(this.#precision);
      this.#states.set(place, states);
    }
    const scratch = this.#scratch;
    const live = this.#places.liveAt(place);
    this.work += live.length >>> 3;
    const found = states.add(live.map((index) => scratch[index]));
    if (states.isBlurred) this.#surroundings.isBlurred = true;
    if (found === null) throw new Escape('goes round in too many ways', -1);
    return found;
  }

  /** As {@link #add}; it is to go on from there. */
  #reach(place: number): boolean {
    const found = this.#add(place);
    for (const state of found) this.#todo.push({ place, state });
    return found.length > 0;
  }

  #follow({ place, state }: Visit): void {
    const known = this.#scratch;
    this.#recall(place, state);
    let { block, at } = placeOf(place);
    for (;;) {
      const { instructions, terminator } = this.#block.program.blocks[block]!;
      for (; at < instructions.length; at++) {
        const instruction = instructions[at]!;
        this.work++;
        if (instruction.op === 'collective' || instruction.op === 'barrier') {
          this.#arrive(instruction, { block, at }, known);
          return;
        }
        this.#perform(instruction, known);
      }
      let target: number;
      switch (terminator.op) {
        case 'jump':
          ({ target } = terminator);
          break;
        case 'branch': {
          const condition = this.#get(terminator.condition, known);
          if (!isWord(condition)) {
            this.mayPart = true;
            this.#reach(numberOf({ block: terminator.then, at: 0 }));
            this.#reach(numberOf({ block: terminator.else, at: 0 }));
            return;
          }
          target = condition === true ? terminator.then : terminator.else;
          break;
        }
        case 'exit':
          throw new Escape('may end', terminator.site);
        default:
          throw new Escape('may throw', terminator.site);
      }
      // States need to be told apart where ways meet: every loop has such a place.
      if (this.#places.isJoin(target)) {
        this.#reach(numberOf({ block: target, at: 0 }));
        return;
      }
      block = target;
      at = 0;
    }
  }

  #arrive(
    instruction: InstructionOf<'collective'> | InstructionOf<'barrier'>,
    place: Place,
    known: Readonly<State>,
  ): void {
    this.#add(numberOf(place));
    if (instruction.op === 'barrier') {
      const id = this.#number(instruction.id, known, instruction.site);
      const count = this.#number(instruction.threadCount, known, instruction.site);
      this.#sink.barrier(this, place, instruction, id, count);
      return;
    }
    const operand = (given: Operand | null): Known => (given === null ? 0 : this.#get(given, known));
    this.#sink.collective(this, place, instruction, {
      mask: this.#number(instruction.mask, known, instruction.site) | 0,
      value: instruction.value === null ? null : this.#get(instruction.value, known),
      a: operand(instruction.a),
      b: operand(instruction.b),
    });
  }

  #get(operand: Operand, known: Readonly<State>): Known {
    switch (operand.kind) {
      case 'variable':
        return known[operand.index] ?? UNKNOWN;
      case 'constant':
        return operand.type === 'ptr' ? Number(operand.value ?? 0) : operand.value;
      case 'param': {
        const value = this.#block.params[operand.index]!;
        return value === null ? 0 : value instanceof Pointer ? value.address : value;
      }
      case 'special':
        return this.standing.special(operand.name);
      default:
        return operand satisfies never;
    }
  }

  /** @throws Escape unless the value is known. */
  #number(operand: Operand, known: Readonly<State>, site: number): number {
    const value = this.#get(operand, known);
    if (!isWord(value)) throw new Escape('depends on what others may change', site);
    return Number(value);
  }

  #register({ array, index }: ElementOperand, known: Readonly<State>, site: number): number {
    const at = this.#number(index, known, site);
    if (!(Number.isInteger(at) && at >= 0 && at < this.#block.counts[array]!)) throw new Escape('may fail', site);
    return this.#places.firstRegister[array]! + at;
  }

  #source(source: Source, known: Readonly<State>, site: number): Known {
    if (source.kind !== 'element') return this.#get(source, known);
    return known[this.#register(source, known, site)] ?? UNDEFINED;
  }

  #perform(instruction: Instruction, known: State): void {
    const { site } = instruction;
    switch (instruction.op) {
      case 'clearArray': {
        const first = this.#places.firstRegister[instruction.array]!;
        known.fill(UNDEFINED, first, first + this.#block.counts[instruction.array]!);
        return;
      }
      case 'loadTable': {
        const { values } = this.#block.program.tables[instruction.table]!;
        const value = values[this.#number(instruction.index, known, site)];
        if (value === undefined) throw new Escape('may fail', site);
        known[instruction.to] = value;
        return;
      }
      case 'readElement': {
        const value = this.#source(instruction.element, known, site);
        if (value === UNDEFINED) throw new Escape('may use undefined bytes', site);
        known[instruction.to] = this.#asType(instruction.to, value);
        return;
      }
      case 'writeElement': {
        const value = this.#source(instruction.a, known, site);
        known[this.#register(instruction.element, known, site)] = this.#asElement(instruction.element, value);
        return;
      }
      case 'selectElement': {
        const to = this.#register(instruction.element, known, site);
        const condition = this.#get(instruction.condition, known);
        const a = this.#source(instruction.a, known, site);
        const b = this.#source(instruction.b, known, site);
        known[to] = this.#asElement(
          instruction.element,
          isWord(condition) ? (condition === true ? a : b) : join(a, b)!,
        );
        return;
      }
      case 'shared': {
        const count = this.#number(instruction.count, known, site);
        const variable = this.#block.sharedVariable(instruction.name);
        if (variable?.type !== instruction.elementType || variable.count !== count)
          throw new Escape('declares shared memory', site);
        known[instruction.to] = variable.address;
        return;
      }
      case 'load': {
        const address = this.#address(instruction, known);
        const values = this.#memory.load(address, instruction.elementType, instruction.to.length, site);
        instruction.to.forEach((target, index) => {
          const value = values[index]!;
          if (target.kind === 'element') {
            known[this.#register(target, known, site)] = this.#asElement(target, value);
            return;
          }
          if (value === UNDEFINED) throw new Escape('may use undefined bytes', site);
          known[target.index] = value;
        });
        return;
      }
      case 'store': {
        const address = this.#address(instruction, known);
        const values = instruction.values.map((value) => this.#source(value, known, site));
        this.#memory.store(address, instruction.elementType, values, site);
        return;
      }
      case 'atomic': {
        const { operator, elementType, value, compare, to } = instruction;
        const address = this.#address(instruction, known);
        const operands = [this.#get(value, known), compare === null ? 0 : this.#get(compare, known)] as const;
        const old = this.#memory.atomic(address, elementType, operator, operands, site);
        if (to >= 0) known[to] = old;
        return;
      }
      case 'fence':
        return;
      case 'activemask':
        throw new Escape('depends on which lanes go together', site);
      case 'collective':
      case 'barrier':
        throw new Error('[simtwin bug] a rendezvous is no plain instruction');
      default:
        if (!isArithmetic(instruction)) throw new Error(`[simtwin bug] ${(instruction as Instruction).op}`);
        known[instruction.to] = this.#compute(instruction, known);
    }
  }

  #address(
    { base, index, elementType, site }: InstructionOf<'load'> | InstructionOf<'store'> | InstructionOf<'atomic'>,
    known: Readonly<State>,
  ): number {
    return this.#number(base, known, site) + this.#number(index, known, site) * scalarBytes(elementType);
  }

  /** What a register has of a word that is written to it; of parts of a word nothing is remembered. */
  #asElement({ array }: ElementOperand, value: Known): Known {
    const isPart = scalarBytes(this.#block.program.arrays[array]!.elementType) < 4;
    return isPart && isWord(value) ? UNKNOWN : value;
  }

  /** A register's word as a variable of another sign sees it. */
  #asType(to: number, value: Known): Known {
    if (!isWord(value)) return value;
    switch (this.#block.program.variables[to]!.type) {
      case 'i32':
        return Number(value) | 0;
      case 'u32':
        return Number(value) >>> 0;
      case 'i64':
        return BigInt.asIntN(64, BigInt(value));
      case 'u64':
        return BigInt.asUintN(64, BigInt(value));
      default:
        return value;
    }
  }

  #compute(instruction: ArithmeticInstruction, known: Readonly<State>): Known {
    const evaluator = evaluatorOf(this.#block.program, instruction);
    const operands = evaluator.operands.map((operand) => this.#get(operand, known));
    if (instruction.op === 'select' && isWord(operands[0])) return operands[operands[0] === true ? 1 : 2]!;
    if (operands.every(isWord)) {
      try {
        return evaluator.evaluate(operands as readonly Word[]);
      } catch (error) {
        if (error instanceof RangeError) throw new Escape('may fail', instruction.site);
        throw error;
      }
    }
    if (instruction.op === 'select') return join(operands[1]!, operands[2]!)!;
    if (instruction.op === 'binary' && instruction.type === 'pred') {
      const decides = instruction.operator === 'and' ? false : instruction.operator === 'or' ? true : null;
      if (decides !== null && operands.includes(decides)) return decides;
    }
    const divisor = operands[1];
    const isSafeDivision = instruction.op === 'binary' && isWord(divisor) && Number(divisor) !== 0;
    if (mayThrow(instruction) && !isSafeDivision) throw new Escape('may fail', instruction.site);
    return UNKNOWN;
  }
}
