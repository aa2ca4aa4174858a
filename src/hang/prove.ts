import type { InstructionOf } from '../program/index.js';
import { BARRIER_COUNT, checkBarrierCount, Fault } from '../simt/for-engines.js';
import type { HangProof, Launch, MemoryRange } from '../simt/index.js';
import { Escape } from './known.js';
import { type ArrivalSink, type CollectiveOperands, LaneFlow, type Surroundings } from './lane-flow.js';
import { type Counters, LastingMemory } from './lasting-memory.js';
import { Meeting, WaitingLanes } from './meeting.js';
import { type Place, placesOf } from './places.js';
import type { StandingBlock, StandingWarp } from './standing-block.js';

/** Rounds of a loop that are told apart: few are cheap, more are needed where a loop goes through an array. */
const PRECISIONS = [8, 512];

/** Most that a proof may cost: half a minute. */
const MOST_WORK = 3e7;

/**
 * Whether a program can never end, and never store anything again, under whatever schedule.
 *
 * The proof is an invariant: memory stays as it is, but for words that atomics count. As long as it holds, each thread
 * can only do what {@link LaneFlow} finds from where it stands; if none of them ends, fails or stores something new
 * there, it holds for ever. A barrier or a warp-wide operation is passed only if everybody who is missing may come.
 * Where something is not certain, nothing is proven.
 */
export function proveHang(blocks: readonly StandingBlock[]): HangProof {
  const ordered = differentFirst(blocks);
  let work = 0;
  for (const precision of PRECISIONS) {
    const { isBlurred, ...proof } = proveWith(ordered, precision);
    work += proof.work;
    // More precision helps only where something was not told apart.
    if (proof.verdict !== null || !isBlurred || precision === PRECISIONS[PRECISIONS.length - 1])
      return { ...proof, work };
  }
  throw new Error('[simtwin bug] no precision');
}

/** Blocks where somebody may go on. Those that stand at different places come first: if one may get somewhere, the proof fails early. */
function differentFirst(blocks: readonly StandingBlock[]): readonly StandingBlock[] {
  const seen = new Map<Launch, Set<string>>();
  const first: StandingBlock[] = [];
  const others: StandingBlock[] = [];
  for (const block of blocks) {
    const { launch, standsAt } = block;
    if (standsAt === '') continue;
    let places = seen.get(launch);
    if (places === undefined) {
      places = new Set();
      seen.set(launch, places);
    }
    (places.has(standsAt) ? others : first).push(block);
    places.add(standsAt);
  }
  return [...first, ...others];
}

function proveWith(blocks: readonly StandingBlock[], precision: number): HangProof & { readonly isBlurred: boolean } {
  const counters: Counters = new Map();
  let work = 0;
  let isBlurred = false;
  try {
    for (let isStable = false; !isStable; ) {
      isStable = true;
      for (const block of blocks) {
        const flow = new BlockFlow(block, counters, precision, () => {
          isStable = false;
        });
        try {
          flow.run();
        } finally {
          work += flow.work;
          isBlurred ||= flow.isBlurred;
        }
        if (work > MOST_WORK) throw new Escape('takes too long to tell', -1);
      }
    }
  } catch (error) {
    if (error instanceof Escape) return { verdict: null, why: error.message, work, isBlurred };
    throw error;
  }
  return counters.size > 0
    ? { verdict: 'livelock', counters: rangesOf(counters), work, isBlurred }
    : { verdict: 'deadlock', work, isBlurred };
}

function rangesOf(counters: Counters): MemoryRange[] {
  const ranges: { address: number; bytes: number }[] = [];
  for (const [{ base, space }, words] of counters) {
    if (space.name !== 'global') continue;
    for (const word of [...words].sort((a, b) => a - b)) {
      const address = base + word * 4;
      const last = ranges[ranges.length - 1];
      if (last !== undefined && last.address + last.bytes === address) last.bytes += 4;
      else ranges.push({ address, bytes: 4 });
    }
  }
  return ranges.sort((a, b) => a.address - b.address);
}

/** A barrier that threads of the block come to. */
interface BarrierFlow {
  expected: number;
  /** Lanes of each warp that are here, or may come. */
  readonly lanes: Map<number, number>;
  /** Those of them that have arrived, or may, without waiting. */
  readonly arrivedOnly: Map<number, number>;
  isOpen: boolean;
  readonly waiting: WaitingLanes;
}

/** What all threads of a block can still do. */
class BlockFlow {
  readonly #block: StandingBlock;
  readonly #surroundings: Surroundings;
  readonly #lanes: LaneFlow[] = [];
  readonly #barriers = new Map<number, BarrierFlow>();
  /** By warp. */
  readonly #meetings = new Map<number, Map<string, Meeting>>();
  readonly #live = new Map<number, number>();
  /** Barriers that lanes of a warp are at, or may come to, with those lanes. */
  readonly #barriersOf = new Map<number, { readonly byId: Map<number, number>; hasAligned: boolean }>();
  #isDone = true;

  readonly #sink: ArrivalSink = {
    collective: (lane, place, instruction, operands) => this.#joinMeeting(lane, place, instruction.operation, operands),
    barrier: (lane, place, { kind, isAligned, site }, id, expected) => {
      if (!(Number.isInteger(id) && id >= 0 && id < BARRIER_COUNT)) throw new Escape('may fail', site);
      let barrier = this.#barriers.get(id);
      if (barrier === undefined) {
        barrier = { expected, lanes: new Map(), arrivedOnly: new Map(), isOpen: false, waiting: new WaitingLanes() };
        this.#barriers.set(id, barrier);
      }
      if (barrier.expected !== expected || !isCount(id, expected, kind === 'arrive')) {
        throw new Escape('may misuse a barrier', site);
      }
      const bit = 1 << lane.standing.lane;
      // It may come a second time before the others have come.
      if (((barrier.arrivedOnly.get(lane.warp) ?? 0) & bit) !== 0) throw new Escape('may misuse a barrier', site);
      barrier.lanes.set(lane.warp, (barrier.lanes.get(lane.warp) ?? 0) | bit);
      this.#noteBarrier(lane, id, isAligned);
      if (kind === 'arrive') {
        if (this.#surroundings.places.isInLoop(place.block)) throw new Escape('may misuse a barrier', site);
        barrier.arrivedOnly.set(lane.warp, (barrier.arrivedOnly.get(lane.warp) ?? 0) | bit);
        lane.pass(place, undefined);
      } else if (barrier.isOpen) lane.pass(place, undefined);
      else barrier.waiting.add(lane, place);
      this.#isDone = false;
    },
  };

  constructor(block: StandingBlock, counters: Counters, precision: number, found: () => void) {
    this.#block = block;
    const places = placesOf(block.program, block.counts);
    this.#surroundings = {
      isBlurred: false,
      block,
      memory: new LastingMemory(block, counters, found),
      sink: this.#sink,
      precision,
      places,
      scratch: new Array(places.size).fill(undefined),
    };
  }

  get work(): number {
    return this.#lanes.reduce((sum, { work }) => sum + work, 0);
  }

  get isBlurred(): boolean {
    return this.#surroundings.isBlurred;
  }

  /** @throws Escape if a thread may end, fail or store something new */
  run(): void {
    for (const { id, expected, lanes } of this.#block.barriers) {
      this.#barriers.set(id, {
        expected,
        lanes: new Map(lanes),
        arrivedOnly: new Map(),
        isOpen: false,
        waiting: new WaitingLanes(),
      });
    }
    for (const warp of this.#block.warps) this.#begin(warp);
    do {
      this.#isDone = true;
      for (const lane of this.#lanes) lane.run();
      for (const meetings of this.#meetings.values()) {
        for (const meeting of meetings.values()) this.#meet(meeting);
      }
      for (const barrier of this.#barriers.values()) this.#open(barrier);
    } while (!this.#isDone);
    this.#checkWarps();
  }

  /** @throws Escape if lanes of a warp may come to operations that exclude each other */
  #checkWarps(): void {
    for (const lane of this.#lanes) {
      if (lane.mayPart && this.#meetings.has(lane.warp)) throw new Escape('lanes of a warp may part', -1);
    }
    for (const meetings of this.#meetings.values()) {
      const all = [...meetings.values()];
      for (const [at, meeting] of all.entries()) {
        if (all.slice(at + 1).some((other) => meeting.conflictsWith(other))) throw new Escape('may fail', -1);
      }
    }
    for (const [warp, { byId, hasAligned }] of this.#barriersOf) {
      if (!hasAligned || byId.size < 2) continue;
      const live = this.#live.get(warp)!;
      const mayPart = this.#lanes.some((lane) => lane.warp === warp && lane.mayPart);
      if (mayPart || [...byId.values()].some((lanes) => lanes !== live)) throw new Escape('may misuse a barrier', -1);
    }
  }

  #noteBarrier(lane: LaneFlow, id: number, isAligned: boolean): void {
    let known = this.#barriersOf.get(lane.warp);
    if (known === undefined) {
      known = { byId: new Map(), hasAligned: false };
      this.#barriersOf.set(lane.warp, known);
    }
    known.hasAligned ||= isAligned;
    known.byId.set(id, (known.byId.get(id) ?? 0) | (1 << lane.standing.lane));
  }

  #begin(warp: StandingWarp): void {
    this.#live.set(
      warp.index,
      warp.lanes.reduce((lanes, { lane }) => lanes | (1 << lane), 0),
    );
    for (const standing of warp.lanes) {
      const { waitsIn } = standing;
      const lane = new LaneFlow(this.#surroundings, warp.index, standing);
      this.#lanes.push(lane);
      const bit = 1 << standing.lane;
      for (const [id, { lanes, arrivedOnly }] of this.#barriers) {
        const isHere = ((lanes.get(warp.index) ?? 0) & bit) !== 0;
        if (!isHere || (waitsIn?.kind === 'barrier' && waitsIn.id === id)) continue;
        arrivedOnly.set(warp.index, (arrivedOnly.get(warp.index) ?? 0) | bit);
      }
      const place = { block: standing.block, at: standing.at };
      if (waitsIn === null) lane.run();
      else if (waitsIn.kind === 'collective') this.#joinMeeting(lane, place, waitsIn.operation, waitsIn);
      else if (waitsIn.kind === 'barrier') this.#waitAtBarrier(lane, place, waitsIn.id);
      else throw new Escape('may fail', -1);
    }
  }

  /** A lane stands at a barrier: one that only arrives goes on once the rest of its warp has come. */
  #waitAtBarrier(lane: LaneFlow, place: Place, id: number): void {
    const instruction = this.#block.program.blocks[place.block]!.instructions[place.at]! as InstructionOf<'barrier'>;
    const barrier = this.#barriers.get(id)!;
    this.#noteBarrier(lane, id, instruction.isAligned);
    if (instruction.kind === 'sync') {
      barrier.waiting.add(lane, place);
      return;
    }
    if (this.#surroundings.places.isInLoop(place.block)) throw new Escape('may misuse a barrier', instruction.site);
    const bit = 1 << lane.standing.lane;
    barrier.arrivedOnly.set(lane.warp, (barrier.arrivedOnly.get(lane.warp) ?? 0) | bit);
    lane.pass(place, undefined);
    lane.run();
  }

  #joinMeeting(
    lane: LaneFlow,
    place: Place,
    operation: InstructionOf<'collective'>['operation'],
    operands: CollectiveOperands,
  ): void {
    const { mask } = operands;
    if ((mask & (1 << lane.standing.lane)) === 0) throw new Escape('may fail', -1);
    let meetings = this.#meetings.get(lane.warp);
    if (meetings === undefined) {
      meetings = new Map();
      this.#meetings.set(lane.warp, meetings);
    }
    const key = `${operation} ${mask}`;
    let meeting = meetings.get(key);
    if (meeting === undefined) {
      meeting = new Meeting(operation, mask & this.#live.get(lane.warp)!);
      meetings.set(key, meeting);
    }
    meeting.arrive(lane, place, operands);
    this.#isDone = false;
  }

  /** Lets lanes pass with what they get, if all may have come. */
  #meet(meeting: Meeting): void {
    if (!meeting.isComplete) return;
    for (const { lane, place } of meeting.waiting) {
      if (lane.pass(place, meeting.resultFor(lane.standing.lane))) this.#isDone = false;
    }
  }

  /** Lets threads pass a barrier that all who are missing may come to. */
  #open(barrier: BarrierFlow): void {
    const { expected, lanes, waiting } = barrier;
    if (!barrier.isOpen) {
      let warps = 0;
      for (const [warp, here] of lanes) if ((this.#live.get(warp)! & ~here) === 0) warps++;
      if (warps * 32 < (expected === 0 ? this.#block.liveWarps * 32 : expected)) return;
      barrier.isOpen = true;
    }
    if (waiting.size === 0) return;
    this.#isDone = false;
    for (const { lane, place } of waiting) lane.pass(place, undefined);
    waiting.clear();
  }
}

/** Whether so many threads may be expected at a barrier. */
function isCount(id: number, expected: number, isArrival: boolean): boolean {
  try {
    checkBarrierCount(id, expected, isArrival);
    return true;
  } catch (error) {
    if (error instanceof Fault) return false;
    throw error;
  }
}
