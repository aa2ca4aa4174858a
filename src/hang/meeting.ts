import { COLLECTIVE_OPCODES, type InstructionOf } from '../program/index.js';
import { shuffleLane } from '../simt/for-engines.js';
import { Escape, isWord, join, type Known, UNKNOWN } from './known.js';
import type { CollectiveOperands, LaneFlow } from './lane-flow.js';
import { numberOf, type Place } from './places.js';

/** Lanes at places where they wait. */
export class WaitingLanes {
  readonly #all = new Map<number, { readonly lane: LaneFlow; readonly place: Place }>();

  get size(): number {
    return this.#all.size;
  }

  add(lane: LaneFlow, place: Place): void {
    this.#all.set(numberOf(place) * 1024 + lane.warp * 32 + lane.standing.lane, { lane, place });
  }

  clear(): void {
    this.#all.clear();
  }

  [Symbol.iterator](): Iterator<{ readonly lane: LaneFlow; readonly place: Place }> {
    return this.#all.values();
  }
}

/** A warp-wide operation under one mask that lanes of a warp come to, at whatever places, any number of times. */
export class Meeting {
  readonly waiting = new WaitingLanes();
  readonly #operation: InstructionOf<'collective'>['operation'];
  /** Lanes that must come, and that may have. */
  readonly #lanes: number;
  #arrived = 0;
  /** By lane: what it brings, whenever it comes. */
  readonly #operands: CollectiveOperands[] = [];
  /** Lanes whose predicate always holds, and those of which that is not known. */
  #holds = 0;
  #unknown = 0;

  constructor(operation: InstructionOf<'collective'>['operation'], lanes: number) {
    this.#operation = operation;
    this.#lanes = lanes;
  }

  arrive(lane: LaneFlow, place: Place, operands: CollectiveOperands): void {
    const number = lane.standing.lane;
    const bit = 1 << number;
    const both = (this.#arrived & bit) === 0 ? operands : joinOperands(this.#operands[number]!, operands);
    this.#operands[number] = both;
    this.#arrived |= bit;
    this.#holds = both.value === true ? this.#holds | bit : this.#holds & ~bit;
    if (both.value !== null && !isWord(both.value)) this.#unknown |= bit;
    this.waiting.add(lane, place);
  }

  /** Whether lanes may meet here that wait for each other in another operation: a fault. */
  conflictsWith(other: Meeting): boolean {
    const common = this.#lanes & other.#lanes;
    return (
      (this.#arrived & other.#lanes) !== 0 &&
      (other.#arrived & this.#lanes) !== 0 &&
      (this.#arrived & common) !== (other.#arrived & common)
    );
  }

  /** Whether all may have come. */
  get isComplete(): boolean {
    return this.#arrived === this.#lanes;
  }

  /** What a lane gets; `undefined`: nothing. @throws Escape if the operation may fail */
  resultFor(lane: number): Known | undefined {
    const { a, b } = this.#operands[lane]!;
    switch (this.#operation) {
      case 'sync':
        return undefined;
      case 'any':
        return this.#holds !== 0 ? true : this.#unknown === 0 ? false : UNKNOWN;
      case 'all':
        return this.#holds === this.#lanes ? true : (this.#holds | this.#unknown) === this.#lanes ? UNKNOWN : false;
      case 'ballot':
        return isWord(a) && this.#unknown === 0 ? this.#holds >>> Number(a) : UNKNOWN;
      case 'shfl.idx':
      case 'shfl.up':
      case 'shfl.down':
      case 'shfl.bfly': {
        if (!isWord(b)) throw new Escape('may fail', -1);
        if (!isWord(a)) {
          // Whichever lane of a whole warp is read, it takes part.
          if (this.#lanes === -1 && shuffleLane(0, lane, 0, Number(b)) !== -1) return UNKNOWN;
          throw new Escape('may fail', -1);
        }
        const source = shuffleLane(COLLECTIVE_OPCODES[this.#operation], lane, Number(a), Number(b));
        if (source === -1 || (this.#lanes & (1 << source)) === 0) throw new Escape('may fail', -1);
        return this.#operands[source]!.value!;
      }
      default:
        return UNKNOWN;
    }
  }
}

function joinOperands(a: CollectiveOperands, b: CollectiveOperands): CollectiveOperands {
  return {
    mask: a.mask,
    value: a.value === null ? null : join(a.value, b.value!)!,
    a: join(a.a, b.a)!,
    b: join(a.b, b.b)!,
  };
}
