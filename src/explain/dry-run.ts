import {
  type InstructionOf,
  isWord,
  type Known,
  numberOf,
  type Places,
  placesOf,
  type StandingBlock,
  type StandingLane,
  type StandingWarp,
} from '../hang/index.js';
import {
  type ArithmeticInstruction,
  atomicOpcode,
  COLLECTIVE_OPCODES,
  evaluatorOf,
  type Instruction,
  isVisible,
  type Operand,
  type ParamValue,
  type Program,
  type Source,
  type Target,
  type Word,
} from '../program/index.js';
import { atomicResult, combine, Fault, shuffleLane } from '../simt/for-engines.js';
import { Pointer, type ScalarType, scalarBytes } from '../simt/index.js';
import { type ControlFlow, controlFlowOf } from './control-flow.js';
import { type Derived, isDerived, keyOfLoad, type Load, type Value, wordOf } from './values.js';

/** Most instructions of a lane: who goes round in fewer has come back by then. */
const MOST_INSTRUCTIONS = 2_400;
/** Most states of a lane at one place that are compared with later ones. */
const MOST_VISITS = 24;

/** A branch that would leave the loop that a thread goes round. */
export interface Exit {
  readonly condition: Derived;
  /** The value of the condition with which it leaves. */
  readonly wanted: boolean;
  readonly site: number;
}

/** What a lane does from where it is, as long as nothing in memory changes. */
export type LaneCourse =
  /** It comes back to the same state, by way of these loads; any of these branches would end that. */
  | {
      readonly kind: 'goes round';
      readonly exits: readonly Exit[];
      readonly loads: readonly Load[];
      /** Barriers that it passes on the way. */
      readonly barriers: readonly number[];
      /** Blocks that it would come to then. */
      readonly leavesTo: readonly number[];
    }
  /** It goes on, for as long as it was looked at, or ends. */
  | { readonly kind: 'goes on' }
  /** It comes to wait for other lanes of its warp. */
  | { readonly kind: 'waits'; readonly site: number };

/** Parameters of a launch as words. */
export const wordsOf = (params: readonly ParamValue[]): readonly Word[] =>
  params.map((value) => (value === null ? 0 : value instanceof Pointer ? value.address : value));

/** A lane leaves off: what it has come to is beyond what a dry run knows. */
class Beyond extends Error {}

/**
 * Runs lanes of a warp on from where they are, without changing anything: their stores are their own secret. Barriers are
 * passed. `lanes` must be ready; alone, a lane leaves off where the others decide what happens.
 */
export class DryWarp {
  readonly block: StandingBlock;
  readonly isReleased: boolean;
  readonly program: Program;
  readonly places: Places;
  readonly flow: ControlFlow;
  readonly params: readonly Word[];
  /** Lanes that have not exited. */
  readonly live: number;
  /** What has been stored, by address. */
  readonly stored = new Map<number, Value>();
  readonly #lanes: readonly StandingLane[];

  /** `isReleased`: lanes that wait at a barrier go on. */
  constructor(block: StandingBlock, { lanes }: StandingWarp, isReleased = false) {
    this.block = block;
    this.isReleased = isReleased;
    this.program = block.program;
    this.places = placesOf(block.program, block.counts);
    this.flow = controlFlowOf(block.program);
    this.params = wordsOf(block.params);
    this.live = maskOf(lanes);
    this.#lanes = lanes;
  }

  /** The course of one lane, the other lanes left out; null: it depends on them. */
  runAlone(lane: StandingLane): LaneCourse | null {
    const dry = new DryLane(this, lane, true);
    for (;;) {
      const operation = dry.run();
      if (operation === null) return dry.course();
      const result = aloneResult(operation.instruction, operation.value);
      if (result === NOT_ALONE) return null;
      dry.finish(result);
    }
  }

  /**
   * The courses of lanes that go together. Lanes that wait in a warp-wide operation go on with them. If one of `own` goes
   * on, nothing more is looked at.
   */
  run(lanes: number, own: number): ReadonlyMap<number, LaneCourse> {
    const at = new Map<DryLane, PendingOperation>();
    const all: DryLane[] = [];
    for (const standing of this.#lanes) {
      const lane = new DryLane(this, standing, false);
      if ((lanes & (1 << standing.lane)) !== 0) all.push(lane);
      else if (lane.pending !== null) at.set(lane, lane.pending);
    }
    let running = all;
    while (running.length > 0) {
      for (const lane of running) {
        const operation = lane.run();
        if (operation !== null) at.set(lane, operation);
        else if ((own & (1 << lane.lane)) !== 0 && lane.course().kind === 'goes on') {
          return new Map([[lane.lane, lane.course()]]);
        }
      }
      if (all.every((lane) => lane.isOver)) break;
      running = this.#perform(at);
    }
    return new Map(all.map((lane) => [lane.lane, lane.course(at.get(lane))]));
  }

  /** Performs what all lanes of its mask have come to. Result: the lanes that go on. */
  #perform(at: Map<DryLane, PendingOperation>): DryLane[] {
    const released: DryLane[] = [];
    for (const [, { instruction, mask }] of at) {
      const group = [...at].filter(
        ([, other]) => other.instruction.operation === instruction.operation && other.mask === mask,
      );
      let arrived = 0;
      for (const [lane] of group) arrived |= 1 << lane.lane;
      if ((mask & this.live & ~arrived) !== 0) continue;
      const values = new Map(group.map(([lane, { value }]) => [lane.lane, value]));
      for (const [lane, { a, b }] of group) {
        lane.finish(collectiveResult(instruction, values, lane.lane, a, b));
        at.delete(lane);
        if (!lane.hasEnded) released.push(lane);
      }
    }
    return released;
  }
}

/** A warp-wide operation that a lane has come to. */
interface PendingOperation {
  readonly instruction: InstructionOf<'collective'>;
  readonly mask: number;
  readonly value: Value;
  readonly a: Value;
  readonly b: Value;
}

const maskOf = (lanes: readonly StandingLane[]): number => lanes.reduce((mask, { lane }) => mask | (1 << lane), 0);

interface Guard {
  readonly block: number;
  readonly condition: Derived;
}

/** A lane of a {@link DryWarp}. */
class DryLane {
  readonly warp: DryWarp;
  readonly lane: number;
  readonly #standing: StandingLane;
  readonly #isAlone: boolean;
  readonly #variables: Value[];
  readonly #arrays: Value[][];
  #block = 0;
  #at = 0;
  #instructions = 0;
  #guards: Guard[] = [];
  /** States at visible instructions, by number. */
  readonly #visits = new Map<number, (readonly (Word | undefined)[])[]>();
  /**
   * The state that it has come back to. Before the first round what was loaded earlier becomes plain values: it will not
   * be loaded again. The second round is recorded: by then every load of the loop is known as one.
   */
  #round: { readonly number: number; readonly state: readonly (Word | undefined)[]; count: number } | null = null;
  #isHalfway = false;
  #blocks = new Set<number>();
  /** Branches on what was loaded, by block: the last of each. */
  #branches = new Map<number, { readonly condition: Derived; readonly taken: boolean; readonly site: number }>();
  #loads = new Map<string, Load>();
  #barriers = new Set<number>();
  /** Whether its course is known. It may go on for the sake of other lanes. */
  isOver = false;
  /** Whether it cannot go on at all. */
  hasEnded = false;
  #course: LaneCourse = { kind: 'goes on' };
  /** The warp-wide operation that it has come to. */
  pending: PendingOperation | null = null;

  constructor(warp: DryWarp, standing: StandingLane, isAlone: boolean) {
    this.warp = warp;
    this.lane = standing.lane;
    this.#standing = standing;
    this.#isAlone = isAlone;
    const { places, program, block } = warp;
    const known: (Known | undefined)[] = new Array(places.size).fill(undefined);
    standing.fill(known);
    const values = known.map((value): Value => (isWord(value) ? value : undefined));
    this.#variables = values.slice(0, program.variables.length);
    this.#arrays = block.counts.map((count, array) => {
      const first = places.firstRegister[array]!;
      return values.slice(first, first + count);
    });
    this.#block = standing.block;
    this.#at = standing.at;
    const { waitsIn } = standing;
    if (waitsIn?.kind === 'barrier' && warp.isReleased) this.#at++;
    if (waitsIn?.kind !== 'collective') return;
    const instruction = program.blocks[standing.block]!.instructions[standing.at] as InstructionOf<'collective'>;
    const { mask, value, a, b } = waitsIn;
    this.pending = { instruction, mask, value: value ?? undefined, a, b };
  }

  /** Runs on to a warp-wide operation; null: it is over, or has ended. */
  run(): PendingOperation | null {
    try {
      for (;;) {
        const { instructions, terminator } = this.warp.program.blocks[this.#block]!;
        while (this.#at < instructions.length) {
          const instruction = instructions[this.#at]!;
          if (++this.#instructions > MOST_INSTRUCTIONS) return this.#end(this.#courseOfCount());
          if (!this.#isHalfway && this.#instructions > MOST_INSTRUCTIONS / 2 && this.#round === null) {
            this.#isHalfway = true;
            // It counts its rounds, or works: what it does from here on is what it does.
            this.#freeze();
            this.#startRecording();
          }
          if (isVisible(instruction)) {
            this.#visit();
            if (this.isOver && this.#isAlone) return this.#end(this.#course);
            if (instruction.op === 'collective') {
              this.pending = this.#collective(instruction);
              return this.pending;
            }
          }
          this.#step(instruction);
          this.#at++;
          // Nobody else depends on it where there is no warp-wide operation: those that do go on for a while.
          if (this.isOver && this.#instructions > MOST_INSTRUCTIONS / 2) return this.#end(this.#course);
        }
        if (++this.#instructions > MOST_INSTRUCTIONS) return this.#end(this.#courseOfCount());
        switch (terminator.op) {
          case 'jump':
            this.#enter(terminator.target);
            break;
          case 'branch': {
            const condition = this.#value(terminator.condition);
            const word = wordOf(condition);
            if (word === undefined) throw new Beyond();
            if (isDerived(condition)) {
              const taken = word === true;
              this.#branches.set(this.#block, { condition, taken, site: terminator.site });
              this.#guards = this.#guards.filter(({ block }) => block !== this.#block);
              this.#guards.push({ block: this.#block, condition });
            }
            this.#enter(word === true ? terminator.then : terminator.else);
            break;
          }
          default:
            return this.#end(this.isOver ? this.#course : { kind: 'goes on' });
        }
      }
    } catch (error) {
      if (error instanceof Beyond || error instanceof RangeError) return this.#end(this.#course);
      throw error;
    }
  }

  /** Takes the result of the warp-wide operation that it has come to. */
  finish(result: Value): void {
    const { instruction } = this.pending!;
    if (instruction.to !== -1) this.#variables[instruction.to] = result;
    this.pending = null;
    this.#at++;
  }

  course(pending?: PendingOperation): LaneCourse {
    if (!this.isOver && pending !== undefined) return { kind: 'waits', site: pending.instruction.site };
    return this.#course;
  }

  #end(course: LaneCourse): null {
    this.#course = course;
    this.isOver = true;
    this.hasEnded = true;
    return null;
  }

  #enter(block: number): void {
    const { flow } = this.warp;
    this.#block = block;
    this.#at = 0;
    this.#blocks.add(block);
    for (
      let guard = this.#guards.at(-1);
      guard !== undefined && flow.join[guard.block] === block;
      guard = this.#guards.at(-1)
    ) {
      this.#guards.pop();
      const { condition } = guard;
      for (const index of flow.setBehind(guard.block)) {
        const then = this.#variables[index];
        const value = wordOf(then);
        if (index < this.#variables.length && value !== undefined)
          this.#variables[index] = { kind: 'guarded', value, then, condition };
      }
    }
  }

  /** It comes to a visible instruction: has it been here in this state? */
  #visit(): void {
    if (this.isOver) return;
    const number = numberOf({ block: this.#block, at: this.#at });
    const variables = this.#variables.length;
    const live = this.warp.places.liveAt(number);
    const state = live.flatMap((index) => (index < variables ? [wordOf(this.#variables[index])] : []));
    if (this.#round !== null) {
      if (this.#round.number !== number || !isSame(this.#round.state, state)) return;
      this.#round.count++;
      if (this.#round.count === 1) {
        this.#startRecording();
        return;
      }
      this.#course = this.#courseOfRound(this.#blocks);
      this.isOver = true;
      return;
    }
    let visits = this.#visits.get(number);
    if (visits === undefined) {
      visits = [];
      this.#visits.set(number, visits);
    }
    if (visits.some((before) => isSame(before, state))) {
      this.#round = { number, state, count: 0 };
      this.#freeze();
      this.#startRecording();
      return;
    }
    visits.push(state);
    if (visits.length > MOST_VISITS) visits.shift();
  }

  #startRecording(): void {
    this.#blocks = new Set([this.#block]);
    this.#branches = new Map();
    this.#loads = new Map();
    this.#barriers = new Set();
  }

  /** What has been loaded so far becomes plain values. */
  #freeze(): void {
    this.#guards = [];
    for (const values of [this.#variables, ...this.#arrays]) {
      for (let index = 0; index < values.length; index++) values[index] = wordOf(values[index]);
    }
    const { stored } = this.warp;
    for (const [address, value] of stored) stored.set(address, wordOf(value));
  }

  /** The course of a lane that has gone once round these blocks. */
  #courseOfRound(blocks: ReadonlySet<number>): LaneCourse {
    const { flow, program } = this.warp;
    const loop = flow.loopAround(blocks);
    const inLoop = loop?.blocks ?? blocks;
    const exits: Exit[] = [];
    const leavesTo = new Set<number>();
    for (const block of inLoop) {
      for (const after of flow.successors[block]!) if (!inLoop.has(after)) leavesTo.add(after);
    }
    for (const [block, { condition, taken, site }] of this.#branches) {
      const { terminator } = program.blocks[block]!;
      if (!inLoop.has(block) || terminator.op !== 'branch') continue;
      if (!inLoop.has(taken ? terminator.else : terminator.then)) exits.push({ condition, wanted: !taken, site });
    }
    return {
      kind: 'goes round',
      exits,
      loads: [...this.#loads.values()],
      barriers: [...this.#barriers],
      leavesTo: [...leavesTo],
    };
  }

  /** The course of a lane that never comes back to the same state, because it counts its rounds or works. */
  #courseOfCount(): LaneCourse {
    if (this.isOver) return this.#course;
    const polled = [...this.#loads.values()].some(({ isPolled }) => isPolled);
    if (this.#round !== null || !polled) return { kind: 'goes on' };
    const course = this.#courseOfRound(this.#blocks);
    if (course.kind !== 'goes round') return course;
    const exits = course.exits.filter(({ condition }) => dependsOnPoll(condition));
    return exits.length === 0 ? { kind: 'goes on' } : { ...course, exits };
  }

  #value(operand: Operand): Value {
    switch (operand.kind) {
      case 'variable':
        return this.#variables[operand.index];
      case 'param':
        return this.warp.params[operand.index];
      case 'constant':
        return operand.value;
      case 'special':
        return this.#standing.special(operand.name);
      default:
        return operand satisfies never;
    }
  }

  #number(operand: Operand): number {
    const word = wordOf(this.#value(operand));
    if (word === undefined) throw new Beyond();
    return Number(word);
  }

  #source(source: Source): Value {
    if (source.kind !== 'element') return this.#value(source);
    return this.#arrays[source.array]![this.#number(source.index)];
  }

  #step(instruction: Instruction): void {
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
          this.warp.program.tables[instruction.table]!.values[this.#number(instruction.index)];
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
        const condition = wordOf(this.#value(instruction.condition));
        if (condition === undefined) throw new Beyond();
        const { array, index } = instruction.element;
        this.#arrays[array]![this.#number(index)] = this.#source(condition === true ? instruction.a : instruction.b);
        return;
      }
      case 'shared':
        this.#variables[instruction.to] = this.warp.block.sharedVariable(instruction.name)?.address;
        return;
      case 'load':
        this.#load(instruction, this.#address(instruction));
        return;
      case 'store': {
        const address = this.#address(instruction);
        // Who writes for all to see does not wait.
        const bytes = scalarBytes(instruction.elementType);
        if (instruction.ordering !== 'plain' && !this.#locate(address, bytes).isShared) throw new Beyond();
        instruction.values.forEach((value, index) => {
          this.warp.stored.set(address + index * bytes, this.#source(value));
        });
        return;
      }
      case 'atomic':
        this.#atomic(instruction);
        return;
      case 'activemask':
        this.#variables[instruction.to] = this.warp.live >>> 0;
        return;
      case 'barrier':
        this.#barriers.add(this.#number(instruction.id));
        return;
      case 'fence':
      case 'collective':
        return;
      default:
        instruction satisfies never;
    }
  }

  #arithmetic(instruction: ArithmeticInstruction): Value {
    if (instruction.op === 'move') return this.#value(instruction.a);
    const { operands, evaluate } = evaluatorOf(this.warp.program, instruction);
    const words: Word[] = [];
    let derived = false;
    for (const operand of operands) {
      const value = this.#value(operand);
      const word = wordOf(value);
      if (word === undefined) return undefined;
      words.push(word);
      derived ||= isDerived(value);
    }
    const value = evaluate(words);
    if (!derived) return value;
    const values = operands.map((operand) => this.#value(operand));
    return { kind: 'arithmetic', value, instruction, operands: values };
  }

  #address(access: { readonly base: Operand; readonly index: Operand; readonly elementType: ScalarType }): number {
    return this.#number(access.base) + this.#number(access.index) * scalarBytes(access.elementType);
  }

  #load(instruction: InstructionOf<'load'>, address: number): void {
    const bytes = scalarBytes(instruction.elementType);
    instruction.to.forEach((target, index) => {
      this.#setTarget(target, this.#read(address + index * bytes, instruction.elementType, instruction));
    });
  }

  #setTarget(target: Target, value: Value): void {
    if (target.kind === 'variable') this.#variables[target.index] = value;
    else this.#arrays[target.array]![this.#number(target.index)] = value;
  }

  #read(address: number, type: ScalarType, instruction: InstructionOf<'load' | 'atomic'>): Value {
    const own = this.warp.stored.get(address);
    if (own !== undefined || this.warp.stored.has(address)) return own;
    const { allocation, offset, isShared } = this.#locate(address, scalarBytes(type));
    const value = allocation.read(type, offset) as number | bigint;
    const isPolled = instruction.op === 'atomic' || instruction.ordering !== 'plain';
    const load: Load = { allocation, offset, type, value, isShared, isPolled, site: instruction.site };
    const key = keyOfLoad(load);
    if (isPolled || !this.#loads.has(key)) this.#loads.set(key, load);
    return { kind: 'load', value, load };
  }

  #locate(address: number, bytes: number) {
    try {
      const { allocation, offset } = this.warp.block.locate(address, bytes, 'load');
      return { allocation, offset, isShared: allocation.space.name === 'shared' };
    } catch (error) {
      if (error instanceof Fault) throw new Beyond();
      throw error;
    }
  }

  #atomic(instruction: InstructionOf<'atomic'>): void {
    const address = this.#address(instruction);
    const old = this.#read(address, instruction.elementType, instruction);
    const before = wordOf(old);
    const compare = instruction.compare === null ? undefined : wordOf(this.#value(instruction.compare));
    if (instruction.to !== -1) this.#variables[instruction.to] = old;
    const after = valueAfter(instruction, before, wordOf(this.#value(instruction.value)), compare);
    if (after !== before) this.warp.stored.set(address, after);
  }

  #collective(instruction: InstructionOf<'collective'>): PendingOperation {
    const optional = (operand: Operand | null): Value => (operand === null ? undefined : this.#value(operand));
    return {
      instruction,
      mask: this.#number(instruction.mask) | 0,
      value: optional(instruction.value),
      a: optional(instruction.a),
      b: optional(instruction.b),
    };
  }
}

function dependsOnPoll(value: Value, seen = new Set<Derived>()): boolean {
  if (!isDerived(value) || seen.has(value)) return false;
  seen.add(value);
  switch (value.kind) {
    case 'load':
      return value.load.isPolled;
    case 'arithmetic':
    case 'mixed':
      return value.operands.some((operand) => dependsOnPoll(operand, seen));
    case 'vote':
      return value.lanes.some(([, lane]) => dependsOnPoll(lane, seen));
    case 'guarded':
      return dependsOnPoll(value.then, seen) || dependsOnPoll(value.condition, seen);
    default:
      return value satisfies never;
  }
}

/** The value after an atomic; undefined: not known here. */
function valueAfter(
  { operator, elementType }: InstructionOf<'atomic'>,
  old: Word | undefined,
  value: Word | undefined,
  compare: Word | undefined,
): Word | undefined {
  if (old === undefined || value === undefined || (operator === 'cas' && compare === undefined)) return undefined;
  const operand = (word: Word) => (typeof old === 'bigint' ? BigInt(word) : Number(word));
  const after = atomicResult(elementType, atomicOpcode(operator), operand(old), operand(value), operand(compare ?? 0));
  return elementType === 'u32' ? Number(after) >>> 0 : after;
}

const NOT_ALONE = Symbol('depends on other lanes');

/** The result of a warp-wide operation where the values of other lanes cannot change it. */
function aloneResult({ operation }: InstructionOf<'collective'>, value: Value): Value | typeof NOT_ALONE {
  const word = wordOf(value);
  if (operation === 'sync') return undefined;
  if (operation === 'any' && word === true)
    return isDerived(value) ? { kind: 'vote', value: true, operation, lanes: [[-1, value]] } : true;
  if (operation === 'all' && word === false)
    return isDerived(value) ? { kind: 'vote', value: false, operation, lanes: [[-1, value]] } : false;
  return NOT_ALONE;
}

/** The result of a warp-wide operation for a lane. Undefined: not known here. */
function collectiveResult(
  { operation }: InstructionOf<'collective'>,
  values: ReadonlyMap<number, Value>,
  lane: number,
  a: Value,
  b: Value,
): Value {
  if (operation === 'sync') return undefined;
  const lanes = [...values].sort(([x], [y]) => x - y);
  const words = lanes.map(([, value]) => wordOf(value));
  const derived = lanes.some(([, value]) => isDerived(value));
  const opcode = COLLECTIVE_OPCODES[operation];
  if (operation.startsWith('shfl')) {
    return values.get(shuffleLane(opcode, lane, Number(wordOf(a) ?? 0), Number(wordOf(b) ?? 32)));
  }
  if (words.includes(undefined) || operation.startsWith('match')) return undefined;
  const vote = (value: Word): Value => (derived ? { kind: 'vote', value, operation, lanes } : value);
  switch (operation) {
    case 'any':
      return vote(words.includes(true));
    case 'all':
      return vote(!words.includes(false));
    case 'ballot': {
      let mask = 0;
      for (const [index, [of]] of lanes.entries()) if (words[index] === true) mask |= 1 << of;
      return vote((mask >>> Number(wordOf(a) ?? 0)) >>> 0);
    }
    default: {
      const value = words.map(Number).reduce((x, y) => combine(opcode, x, y));
      const isBits = operation === 'redux.and' || operation === 'redux.or' || operation === 'redux.xor';
      const word = isBits ? value >>> 0 : value;
      return derived ? { kind: 'mixed', value: word, operands: lanes.map(([, operand]) => operand) } : word;
    }
  }
}

const isSame = (a: readonly (Word | undefined)[], b: readonly (Word | undefined)[]): boolean =>
  a.every((value, index) => value === b[index]);
