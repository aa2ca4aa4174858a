import { numberOf, type StandingLane } from '../hang/index.js';
import { type InstructionOf, isVisible, type Terminator } from '../program/index.js';
import type { LaneCourse } from './lane-course.js';
import { type DrySurroundings, LaneValues } from './lane-values.js';
import type { PendingOperation } from './operation-results.js';
import { Recording } from './recording.js';
import { Rounds } from './rounds.js';
import { Beyond, type Derived, isDerived, type Value, wordOf } from './values.js';

/** Most instructions of a lane: who goes round in fewer has come back by then. */
const MOST_INSTRUCTIONS = 2_400;

/** A branch on what was loaded, the sides of which have not met yet. */
interface Guard {
  readonly block: number;
  readonly condition: Derived;
}

/** A lane in a dry run. Barriers are passed; at warp-wide operations it waits for its warp. */
export class DryLane {
  readonly lane: number;
  readonly #surroundings: DrySurroundings;
  readonly #isAlone: boolean;
  readonly #values: LaneValues;
  #block: number;
  #at: number;
  #instructions = 0;
  #isHalfway = false;
  #guards: Guard[] = [];
  /**
   * When it first comes back to a state, what was loaded earlier becomes plain values: it will not be loaded again. The
   * second round is recorded: by then every load of the loop is known as one.
   */
  readonly #rounds = new Rounds();
  #recording: Recording;
  #course: LaneCourse = { kind: 'goes on' };
  #isOver = false;
  #hasEnded = false;
  #pending: PendingOperation | null = null;

  /** `isAlone`: it leaves off as soon as its course is known. */
  constructor(surroundings: DrySurroundings, standing: StandingLane, isAlone: boolean) {
    const { block, at, lane, waitsIn } = standing;
    this.lane = lane;
    this.#surroundings = surroundings;
    this.#isAlone = isAlone;
    this.#values = new LaneValues(surroundings, standing);
    this.#block = block;
    this.#at = waitsIn?.kind === 'barrier' ? at + 1 : at;
    this.#recording = new Recording(surroundings.flow);
    if (waitsIn?.kind !== 'collective') return;
    const instruction = surroundings.block.program.blocks[block]!.instructions[at] as InstructionOf<'collective'>;
    const { mask, value, a, b } = waitsIn;
    this.#pending = { instruction, mask, value: value ?? undefined, a, b };
  }

  /** Whether its course is known. It may go on for the sake of other lanes. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Whether it cannot go on at all. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** The warp-wide operation that it has come to; null: none. */
  get pending(): PendingOperation | null {
    return this.#pending;
  }

  get course(): LaneCourse {
    if (!this.#isOver && this.#pending !== null) return { kind: 'waits', site: this.#pending.instruction.site };
    return this.#course;
  }

  /** Runs on to a warp-wide operation; null: it is over, or has ended. */
  run(): PendingOperation | null {
    try {
      for (;;) {
        const { instructions, terminator } = this.#surroundings.block.program.blocks[this.#block]!;
        while (this.#at < instructions.length) {
          const instruction = instructions[this.#at]!;
          if (++this.#instructions > MOST_INSTRUCTIONS) return this.#end(this.#courseOfCount());
          if (!this.#isHalfway && this.#instructions > MOST_INSTRUCTIONS / 2 && this.#rounds.returns === 0) {
            this.#isHalfway = true;
            // It counts its rounds, or works: what it does from here on is what it does.
            this.#freeze();
            this.#startRecording();
          }
          if (isVisible(instruction)) {
            this.#visit();
            if (this.#isOver && this.#isAlone) return this.#end(this.#course);
            if (instruction.op === 'collective') {
              this.#pending = this.#values.operands(instruction);
              return this.#pending;
            }
          }
          this.#values.execute(instruction, this.#recording);
          this.#at++;
          // Nobody else depends on it where there is no warp-wide operation: those that do go on for a while.
          if (this.#isOver && this.#instructions > MOST_INSTRUCTIONS / 2) return this.#end(this.#course);
        }
        if (++this.#instructions > MOST_INSTRUCTIONS) return this.#end(this.#courseOfCount());
        if (terminator.op === 'jump') this.#enter(terminator.target);
        else if (terminator.op === 'branch') this.#branch(terminator);
        else return this.#end(this.#isOver ? this.#course : { kind: 'goes on' });
      }
    } catch (error) {
      if (error instanceof Beyond || error instanceof RangeError) return this.#end(this.#course);
      throw error;
    }
  }

  /** Takes the result of the warp-wide operation that it has come to. */
  finish(result: Value): void {
    this.#values.finish(this.#pending!.instruction, result);
    this.#pending = null;
    this.#at++;
  }

  #end(course: LaneCourse): null {
    this.#course = course;
    this.#isOver = true;
    this.#hasEnded = true;
    return null;
  }

  #branch(terminator: Extract<Terminator, { readonly op: 'branch' }>): void {
    const condition = this.#values.value(terminator.condition);
    const word = wordOf(condition);
    if (word === undefined) throw new Beyond();
    const taken = word === true;
    const [target, other] = taken ? [terminator.then, terminator.else] : [terminator.else, terminator.then];
    if (isDerived(condition)) {
      this.#recording.branch(this.#block, other, { condition, wanted: !taken, site: terminator.site });
      this.#guards = this.#guards.filter(({ block }) => block !== this.#block);
      this.#guards.push({ block: this.#block, condition });
    }
    this.#enter(target);
  }

  #enter(block: number): void {
    const { flow } = this.#surroundings;
    this.#block = block;
    this.#at = 0;
    this.#recording.enter(block);
    for (
      let guard = this.#guards.at(-1);
      guard !== undefined && flow.join[guard.block] === block;
      guard = this.#guards.at(-1)
    ) {
      this.#guards.pop();
      this.#values.guard(flow.setBehind(guard.block), guard.condition);
    }
  }

  /** It comes to a visible instruction: has it been here in this state? */
  #visit(): void {
    if (this.#isOver) return;
    const place = numberOf({ block: this.#block, at: this.#at });
    if (!this.#rounds.visit(place, this.#values.stateAt(place))) return;
    const { returns } = this.#rounds;
    if (returns === 1) this.#freeze();
    if (returns <= 2) this.#startRecording();
    else {
      this.#course = this.#recording.course();
      this.#isOver = true;
    }
  }

  #startRecording(): void {
    this.#recording = new Recording(this.#surroundings.flow);
    this.#recording.enter(this.#block);
  }

  /** What has been loaded so far becomes plain values. */
  #freeze(): void {
    this.#guards = [];
    this.#values.freeze();
    this.#surroundings.memory.freeze();
  }

  #courseOfCount(): LaneCourse {
    if (this.#isOver) return this.#course;
    return this.#rounds.returns > 0 ? { kind: 'goes on' } : this.#recording.courseOfCount();
  }
}
