import type { Machine, Outcome, SourceFrame } from '../simt/index.js';
import type { Inspector, ThreadInfo } from '../step/index.js';
import type { StepBlock } from '../step/step-block.js';
import {
  type Breakpoint,
  type Hit,
  integerOf,
  MemoryWatch,
  PlaceMatcher,
  readersOf,
  type StopAt,
  type Store,
  sameBytes,
} from './breakpoints.js';
import { EvaluationError, type Expression, type ExpressionValue, evaluateExpression, truth } from './expression.js';
import { blockOf, type Focus, focusOf, granuleOf, granulesOf, isAlive, type Unit } from './focus.js';
import { requireKnownNames } from './known-names.js';
import { keyOf, placeOf, placesOf, type SourceMap, sourceMapOf } from './places.js';
import type { SnapshotLimits } from './snapshot-store.js';
import { ThreadScope } from './thread-scope.js';
import { type ThreadsAt, threadsAt, type Wait, waitOf } from './threads-at.js';
import { type Running, STEPS_A_BREATH, type StepRecord, Timeline } from './timeline.js';

/**
 * What everybody else does while something is stepped.
 *
 * - `schedule`: what the schedule of the run says; the run stays what it would be without a debugger.
 * - `fair`: everyone in turn, who has been ready for longest first.
 * - `rank`: the same, but only the rank in focus.
 * - `frozen`: nothing.
 */
export type StepPolicy = 'schedule' | 'fair' | 'rank' | 'frozen';
export const STEP_POLICIES: readonly StepPolicy[] = ['schedule', 'fair', 'rank', 'frozen'];

/** How far one step of the thread in focus goes. `over`: as `line`, but not into calls. `out`: out of its function. */
export type Granularity = 'operation' | 'line' | 'over' | 'out';

/** What a run goes on to. */
export type Goal =
  | { readonly kind: 'end' }
  /** The thread in focus comes to a barrier; or, if it waits at one, gets past it. */
  | { readonly kind: 'barrier' }
  | { readonly kind: 'past barrier' }
  | { readonly kind: 'exit' }
  /** All launches of a rank have ended. */
  | { readonly kind: 'rank'; readonly rank: number }
  /** True for the thread in focus; as long as it has no value, it is not. */
  | { readonly kind: 'true'; readonly expression: Expression };

/** Why it has stopped. */
export type Stop =
  /** What was asked for is done. */
  | { readonly reason: 'done' }
  | { readonly reason: 'breakpoint'; readonly breakpoint: Breakpoint; readonly change: Hit['change'] }
  /** The thread in focus has exited. */
  | { readonly reason: 'exited' }
  /** Whoever may step under this policy cannot. `wait`: what the thread in focus waits for, if it waits. */
  | { readonly reason: 'blocked'; readonly wait: Wait | null }
  /** Alone, the thread in focus has made this many steps and is where it was: it polls for what others would do. */
  | { readonly reason: 'spins'; readonly steps: number }
  /** The run can go no further. */
  | { readonly reason: 'end'; readonly outcome: Outcome }
  /** The first position. */
  | { readonly reason: 'start' }
  /** The schedule does not fit. */
  | { readonly reason: 'refused'; readonly message: string };

/** Who wrote bytes last. */
export interface WriteFound extends Store {
  /** Position behind the step. */
  readonly position: number;
  readonly thread: Focus;
}

/** Steps of a frozen world after which a thread that stays on its line is said to spin. */
const SPIN_STEPS = 4096;

/**
 * A debugger of a run in mode `step`, which goes both ways. Whatever takes long is a {@link Running}: its caller may
 * leave it whenever it yields, which ends it between two steps; going forward, the position is kept then, and whatever
 * goes backward returns to where it began.
 */
export class DebugSession {
  readonly timeline: Timeline;
  readonly machine: Machine;
  readonly inspector: Inspector;
  policy: StepPolicy = 'schedule';
  #focus: Focus;
  readonly #breakpoints: { readonly breakpoint: Breakpoint; readonly check: Check }[] = [];
  #nextId = 1;
  /** Watches of {@link lastWrite}, by address and bytes: they cannot be taken away, but used again. */
  readonly #searched = new Map<string, MemoryWatch>();
  #sources: { readonly programs: number; readonly map: SourceMap } | null = null;

  /**
   * `make` sets up the call on a machine in mode `step`, with everything queued and nothing run.
   * @throws RangeError if there is nothing to run, or in another mode
   */
  constructor(make: () => Machine, limits: Partial<SnapshotLimits> = {}) {
    this.timeline = new Timeline(make(), limits);
    this.machine = this.timeline.machine;
    this.inspector = this.timeline.inspector;
    this.#focus = focusOf(this.timeline.record.block, 0);
  }

  // --- What there is to see

  /** Steps made. */
  get position(): number {
    return this.timeline.position;
  }

  /** How the run ended here; null: it can go on. */
  get outcome(): Outcome | null {
    return this.timeline.outcome;
  }

  get focus(): Focus {
    return this.#focus;
  }

  /** The thread in focus; null: its block is not resident. */
  get thread(): ThreadInfo | null {
    return this.threadOf(this.#focus);
  }

  threadOf({ rank, kernel, blockIdx, threadRank }: Focus): ThreadInfo | null {
    if (this.blockOf({ rank, kernel, blockIdx, threadRank }) === null) return null;
    return this.inspector.thread(kernel, rank, blockIdx, threadRank);
  }

  blockOf(focus: Focus): StepBlock | null {
    return blockOf(this.timeline.engine, focus);
  }

  /** Kernels, files, functions and lines of everything that has begun to run. */
  get sources(): SourceMap {
    const programs = this.timeline.engine.arenas.size;
    if (this.#sources?.programs !== programs) this.#sources = { programs, map: sourceMapOf(this.machine) };
    return this.#sources.map;
  }

  /** Threads that have not exited, equal ones together. */
  threadsAt(): ThreadsAt[] {
    return threadsAt(this.timeline.engine);
  }

  /** What a thread waits for; null: it does not. */
  wait(focus: Focus = this.#focus): Wait | null {
    const block = this.blockOf(focus);
    return block === null ? null : waitOf(this.timeline.engine, block, focus.threadRank);
  }

  /** @throws EvaluationError */
  evaluate(expression: Expression, focus: Focus = this.#focus): ExpressionValue {
    return evaluateExpression(expression, new ThreadScope(this.machine, this.inspector, this.threadOf(focus)));
  }

  /** Refuses an expression with a name that no thread of the call ever has. @throws EvaluationError in one line */
  requireKnownNames(expression: Expression): void {
    requireKnownNames(this.machine, expression);
  }

  /** Whether an expression is true for a thread; false where it has no value. */
  holds(expression: Expression, focus: Focus = this.#focus): boolean {
    return truth(this.#valueOrNull(expression, focus) ?? false);
  }

  /** @throws RangeError unless the thread's block is resident */
  setFocus(focus: Focus): void {
    const block = this.blockOf(focus);
    if (block === null) throw new RangeError('the block is not resident');
    const count = block.launch.threadIdxs.length;
    if (focus.threadRank < 0 || focus.threadRank >= count)
      throw new RangeError(`the block has threads 0 to ${count - 1}`);
    this.#focus = focusOf(block, focus.threadRank);
  }

  // --- Breakpoints

  get breakpoints(): readonly Breakpoint[] {
    return this.#breakpoints.map(({ breakpoint }) => breakpoint);
  }

  /** @throws RangeError if an address is outside of global memory */
  addBreakpoint(at: StopAt, condition: Expression | null = null, isTemporary = false): Breakpoint {
    const breakpoint = { id: this.#nextId, at, condition, isTemporary, enabled: true, hits: 0 };
    const check = this.#checkOf(at);
    this.#nextId++;
    this.#breakpoints.push({ breakpoint, check });
    return breakpoint;
  }

  /** Result: whether there was one of that number. */
  removeBreakpoint(id: number): boolean {
    const index = this.#breakpoints.findIndex(({ breakpoint }) => breakpoint.id === id);
    if (index !== -1) this.#breakpoints.splice(index, 1);
    return index !== -1;
  }

  // --- Forward

  /** A step of the thread in focus or, operation by operation, of the unit that it is in. */
  *step(granularity: Granularity, unit: Unit = 'thread'): Running<Stop> {
    const { engine } = this.timeline;
    if (this.outcome !== null) return this.#end();
    const block = this.blockOf(this.#focus);
    if (block === null || !isAlive(engine, block, this.#focus.threadRank)) {
      if (unit === 'thread' || block === null) return { reason: 'exited' };
    }
    const { threadRank } = this.#focus;
    const granules = granulesOf(engine, block, threadRank, unit);
    if (granularity === 'operation') {
      const waiting = new Set([...granules].filter((granule) => engine.readyLanes[granule] !== 0));
      const isOne = waiting.size === 0;
      const wanted = isOne ? granules : waiting;
      return yield* this.#go(this.#picker(wanted), ({ granule }) => {
        if (!wanted.has(granule)) return null;
        wanted.delete(granule);
        return isOne || wanted.size === 0 ? { reason: 'done' } : null;
      });
    }
    const isThere = this.#stays(granularity, placeOf(block, threadRank));
    const { code } = block.arena;
    let steps = 0;
    return yield* this.#go(this.#picker(granules), ({ granule }) => {
      if (!granules.has(granule)) return null;
      if (!isAlive(engine, block, threadRank) || engine.blockOfWarp[block.firstWarp] !== block)
        return { reason: 'exited' };
      if (!isThere(placesOf(code).frames[placeOf(block, threadRank)]!)) return { reason: 'done' };
      steps++;
      return this.policy === 'frozen' && steps >= SPIN_STEPS ? { reason: 'spins', steps } : null;
    });
  }

  /** Runs on, by the schedule, to a breakpoint, the goal or the end. */
  *continue(goal: Goal = { kind: 'end' }): Running<Stop> {
    if (this.outcome !== null) return this.#end();
    const reached = this.#goalCheck(goal);
    if (reached === null && !this.#breakpoints.some(({ breakpoint }) => breakpoint.enabled)) {
      try {
        yield* this.timeline.forward(Number.MAX_SAFE_INTEGER - this.position);
      } catch (error) {
        return refusal(error);
      }
      return this.#end();
    }
    return yield* this.#go(() => undefined, reached ?? (() => null));
  }

  /** Goes to a position: through known steps, then those of the schedule. @throws RangeError for a negative one */
  *goTo(position: number): Running<Stop> {
    if (!(Number.isInteger(position) && position >= 0))
      throw new RangeError(`a position is 0 or more, not ${position}`);
    try {
      yield* this.timeline.goTo(position);
    } catch (error) {
      return refusal(error);
    }
    return this.outcome !== null ? this.#end() : { reason: 'done' };
  }

  // --- Backward

  /**
   * Undoes the last step of the thread in focus or of its unit; for `line`, `over` and `out`, goes back to where the
   * thread was before it came to its line, or into its function.
   */
  *back(granularity: Granularity, unit: Unit = 'thread'): Running<Stop> {
    const { engine } = this.timeline;
    const { threadRank } = this.#focus;
    const here = this.blockOf(this.#focus);
    const isThere = here === null ? () => false : this.#stays(granularity, placeOf(here, threadRank));
    const found = (record: StepRecord): number | null => {
      const { block, granule, position, warp, before } = record;
      if (!isBlockOf(block, this.#focus)) return null;
      if (granularity === 'operation') {
        return granulesOf(engine, block, threadRank, unit).has(granule) ? position - 1 : null;
      }
      if (granule !== granuleOf(engine, block, threadRank) || warp !== block.firstWarp + (threadRank >>> 5))
        return null;
      if ((record.lanes & (1 << (threadRank & 31))) === 0) return null;
      return isThere(placesOf(block.arena.code).frames[before[threadRank & 31]!]!) ? null : position - 1;
    };
    return yield* this.#backTo(this.position, found);
  }

  /** Goes back to the last position before this one at which a breakpoint stops. */
  *reverseContinue(): Running<Stop> {
    let hit: { breakpoint: Breakpoint; hit: Hit; thread: Focus } | null = null;
    const stop = yield* this.#backTo(this.position - 1, (record) => {
      const found = this.#firstHit(record);
      if (found === null) return null;
      hit = { ...found, thread: focusOf(record.block, found.hit.threadRank) };
      return record.position;
    });
    // The last one found is the one that was gone to.
    const last = hit as { breakpoint: Breakpoint; hit: Hit; thread: Focus } | null;
    if (stop.reason !== 'done' || last === null) return stop;
    return this.#stopAt(last.breakpoint, last.hit, last.thread);
  }

  /**
   * The last store or atomic that touched [address, address + bytes) of global memory up to here; null: nobody has.
   * @throws RangeError if they are outside of it
   */
  *lastWrite(address: number, bytes: number): Running<WriteFound | null> {
    const key = `${address} ${bytes}`;
    const watch = this.#searched.get(key) ?? this.#memoryWatch(address, bytes);
    this.#searched.set(key, watch);
    watch.turn(true);
    const start = this.position;
    try {
      return yield* this.timeline.lastStep(
        start,
        ({ position, block }) => {
          const store = watch.take()?.stores.at(-1);
          return store === undefined ? null : { ...store, position, thread: focusOf(block, store.threadRank) };
        },
        () => watch.begin(),
      );
    } finally {
      watch.turn(false);
      this.timeline.goToNow(start);
    }
  }

  /** The first known position at which an expression is true for the thread in focus; null: there is none. */
  *when(expression: Expression): Running<number | null> {
    const start = this.position;
    const { timeline } = this;
    const { end } = timeline;
    const ofMemory = readsMemory(expression);
    try {
      timeline.goToNow(0);
      if (this.holds(expression)) return 0;
      let wasThere = this.blockOf(this.#focus) !== null;
      while (timeline.position < end && timeline.step()) {
        const isThere = isBlockOf(timeline.record.block, this.#focus);
        if (ofMemory || isThere || !wasThere) {
          if (this.holds(expression)) return timeline.position;
          wasThere = wasThere || this.blockOf(this.#focus) !== null;
        }
        if (timeline.position % STEPS_A_BREATH === 0) yield timeline.position;
      }
      return null;
    } finally {
      timeline.goToNow(start);
    }
  }

  // --- How it is done

  /** The run can go no further: whoever is in focus then has failed or is alive. */
  #end(): Stop {
    const outcome = this.outcome!;
    const { engine } = this.timeline;
    const here = this.blockOf(this.#focus);
    if (outcome.verdict === 'error') {
      const { rank, kernel, block, warp, lane } = outcome.error.site;
      for (const resident of engine.residentBlocks) {
        const { x, y, z } = resident.blockIdx;
        const isIt = resident.launch.device === rank && resident.launch.name === kernel && block === `(${x},${y},${z})`;
        if (isIt) this.#focus = focusOf(resident, warp * 32 + lane);
      }
    } else if (here === null || !isAlive(engine, here, this.#focus.threadRank)) {
      for (const block of engine.residentBlocks) {
        const rank = block.launch.threadIdxs.findIndex((_, threadRank) => isAlive(engine, block, threadRank));
        if (rank === -1) continue;
        this.#focus = focusOf(block, rank);
        break;
      }
    }
    return { reason: 'end', outcome };
  }

  /** The place of the ready set that may step next; undefined: the schedule's or the known one; null: nobody may. */
  #picker(granules: ReadonlySet<number>): () => number | undefined | null {
    const { engine } = this.timeline;
    const { policy } = this;
    const { rank } = this.#focus;
    if (policy === 'schedule') return () => undefined;
    if (policy === 'fair') return () => 0;
    const may =
      policy === 'frozen'
        ? (granule: number) => granules.has(granule)
        : (granule: number) => engine.blockOfWarp[granule >> engine.warpShift]!.launch.device === rank;
    return () => {
      for (let index = 0; index < engine.ready.size; index++) if (may(engine.ready.at(index))) return index;
      return null;
    };
  }

  /** Makes steps until `reached` or a breakpoint stops. */
  *#go(pick: () => number | undefined | null, reached: (record: StepRecord) => Stop | null): Running<Stop> {
    const { timeline } = this;
    this.#turnChecks(true);
    try {
      for (;;) {
        const place = pick();
        if (place === null) return { reason: 'blocked', wait: this.wait() };
        if (!timeline.step(place)) return this.#end();
        const { record } = timeline;
        const found = this.#firstHit(record);
        if (found !== null) {
          return this.#stopAt(found.breakpoint, found.hit, focusOf(record.block, found.hit.threadRank));
        }
        const stop = reached(record);
        if (stop !== null) return stop;
        if (this.outcome !== null) return this.#end();
        if (timeline.position % STEPS_A_BREATH === 0) yield timeline.position;
      }
    } catch (error) {
      return refusal(error);
    } finally {
      this.#turnChecks(false);
    }
  }

  /** Goes to the position that `found` gives for the last of the steps up to `limit` for which it gives one. */
  *#backTo(limit: number, found: (record: StepRecord) => number | null): Running<Stop> {
    const start = this.position;
    if (start === 0) return { reason: 'start' };
    let target: number | null = start;
    this.#turnChecks(true);
    try {
      const position: number | null = yield* this.timeline.lastStep(limit, found, () => this.#beginChecks());
      target = position ?? 0;
      return { reason: position === null ? 'start' : 'done' };
    } finally {
      this.#turnChecks(false);
      this.timeline.goToNow(target);
    }
  }

  #stopAt(breakpoint: Breakpoint, hit: Hit, thread: Focus): Stop {
    breakpoint.hits++;
    if (breakpoint.isTemporary) this.removeBreakpoint(breakpoint.id);
    // The value of an expression is watched for a thread, whoever changes it.
    if (breakpoint.at.kind !== 'value') this.#focus = thread;
    return { reason: 'breakpoint', breakpoint, change: hit.change };
  }

  #turnChecks(on: boolean): void {
    for (const { breakpoint, check } of this.#breakpoints) check.turn?.(on && breakpoint.enabled);
    if (on) this.#beginChecks();
  }

  #beginChecks(): void {
    for (const { check } of this.#breakpoints) check.begin?.();
  }

  /** What stops behind a step: of several breakpoints the oldest, of its threads the first. */
  #firstHit(record: StepRecord): { readonly breakpoint: Breakpoint; readonly hit: Hit } | null {
    let first: { readonly breakpoint: Breakpoint; readonly hit: Hit } | null = null;
    for (const { breakpoint, check } of this.#breakpoints) {
      if (!breakpoint.enabled) continue;
      // All of them are asked: they remember what has been.
      for (const hit of check.hits(record)) {
        if (first !== null) continue;
        const { condition } = breakpoint;
        const thread = focusOf(record.block, hit.threadRank);
        if ((condition === null || this.holds(condition, thread)) && (breakpoint.isWanted?.(thread) ?? true))
          first = { breakpoint, hit };
      }
    }
    return first;
  }

  #checkOf(at: StopAt): Check {
    const { engine } = this.timeline;
    switch (at.kind) {
      case 'line':
      case 'function':
      case 'operation': {
        const matcher = new PlaceMatcher(at);
        return { hits: (record) => matcher.hits(record, engine) };
      }
      case 'memory': {
        const { address, bytes, access } = at;
        const watch = this.#memoryWatch(address, bytes);
        if (access === 'read') return { hits: (record) => readersOf(record, engine, address, bytes) };
        return {
          turn: (on) => watch.turn(on),
          begin: () => watch.begin(),
          hits: () => {
            const taken = watch.take();
            if (taken === null || (access === 'change' && sameBytes(taken.before, taken.after))) return [];
            const change = { before: integerOf(taken.before), after: integerOf(taken.after) };
            return taken.stores.map(({ threadRank }) => ({ threadRank, change }));
          },
        };
      }
      case 'value': {
        const focus = at.thread ?? this.#focus;
        let before = this.#valueOrNull(at.expression, focus);
        return {
          begin: () => {
            before = this.#valueOrNull(at.expression, focus);
          },
          hits: () => {
            const after = this.#valueOrNull(at.expression, focus);
            if (after === before) return [];
            const change = { before, after };
            before = after;
            return [{ threadRank: focus.threadRank, change }];
          },
        };
      }
      default:
        return at satisfies never;
    }
  }

  #memoryWatch(address: number, bytes: number): MemoryWatch {
    const allocation = this.machine.memory.space.find(address);
    if (allocation === null || address + bytes > allocation.base + allocation.bytes) {
      throw new RangeError(`${bytes} bytes at 0x${address.toString(16)} are outside of global memory`);
    }
    return new MemoryWatch(this.machine, address, bytes);
  }

  #valueOrNull(expression: Expression, focus: Focus): ExpressionValue | null {
    try {
      return this.evaluate(expression, focus);
    } catch (error) {
      if (error instanceof EvaluationError) return null;
      throw error;
    }
  }

  /** Whether frames are still those of a place, by the measure of a granularity. */
  #stays(granularity: Granularity, place: number): (frames: readonly SourceFrame[]) => boolean {
    const block = this.blockOf(this.#focus);
    if (block === null) return () => false;
    const from = placesOf(block.arena.code).frames[place]!;
    if (granularity !== 'out') {
      const key = keyOf(from);
      return (frames) => keyOf(frames) === key || (granularity === 'over' && frames.length > from.length);
    }
    const callers = keyOf(from.slice(1));
    return (frames) => frames.length >= from.length && keyOf(frames.slice(frames.length - from.length + 1)) === callers;
  }

  #goalCheck(goal: Goal): ((record: StepRecord) => Stop | null) | null {
    const { engine } = this.timeline;
    const done: Stop = { reason: 'done' };
    switch (goal.kind) {
      case 'end':
        return null;
      case 'true':
        return () => (this.holds(goal.expression) ? done : null);
      case 'rank':
        return () =>
          [...engine.launchNumbers.keys()].every(
            ({ device, finishedBlocks, blockCount }) => device !== goal.rank || finishedBlocks === blockCount,
          )
            ? done
            : null;
      case 'exit':
      case 'barrier':
      case 'past barrier': {
        const block = this.blockOf(this.#focus);
        const { threadRank } = this.#focus;
        if (block === null) return () => ({ reason: 'exited' });
        const granule = granuleOf(engine, block, threadRank);
        const waits = () => waitOf(engine, block, threadRank)?.kind === 'barrier';
        const operations = placesOf(block.arena.code).operations;
        return (record) => {
          if (!engine.residentBlocks.has(block) || !isAlive(engine, block, threadRank)) return { reason: 'exited' };
          if (goal.kind === 'exit') return null;
          if (goal.kind === 'past barrier') return waits() ? null : done;
          const ran = record.granule === granule && (record.lanes & (1 << (threadRank & 31))) !== 0;
          return ran && operations[placeOf(block, threadRank)]!.startsWith('barrier.') ? done : null;
        };
      }
      default:
        return goal satisfies never;
    }
  }
}

/** What a breakpoint looks at. */
interface Check {
  /** The run begins or stops to be looked at. */
  turn?(on: boolean): void;
  /** Steps may have been skipped. */
  begin?(): void;
  /** Threads of the step's block that it stops, lowest first. */
  hits(record: StepRecord): Iterable<Hit>;
}

const isBlockOf = ({ launch, blockIdx }: StepBlock, focus: Focus): boolean =>
  launch.device === focus.rank &&
  launch.name === focus.kernel &&
  blockIdx.x === focus.blockIdx.x &&
  blockIdx.y === focus.blockIdx.y &&
  blockIdx.z === focus.blockIdx.z;

/** A schedule of picks that has none left, or does not fit, says so in a RangeError. */
function refusal(error: unknown): Stop {
  if (error instanceof RangeError && error.message.startsWith('the given schedule'))
    return { reason: 'refused', message: error.message };
  throw error;
}

/** Whether the value may change although the thread makes no step. */
function readsMemory(expression: Expression): boolean {
  switch (expression.kind) {
    case 'literal':
      return false;
    case 'name':
      return expression.name === 'position';
    case 'element':
    case 'memory':
      return true;
    case 'unary':
      return readsMemory(expression.a);
    case 'binary':
      return readsMemory(expression.a) || readsMemory(expression.b);
    default:
      return expression satisfies never;
  }
}
