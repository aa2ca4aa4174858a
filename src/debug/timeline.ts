import type { Machine, MachineSnapshot, Outcome } from '../simt/index.js';
import { type Inspector, inspectorOf, type StepEngine } from '../step/index.js';
import { PC } from '../step/layout.js';
import type { StepBlock } from '../step/step-block.js';
import { BY_SCHEDULE, PickLog } from './pick-log.js';
import { DEFAULT_SNAPSHOT_LIMITS, type SnapshotLimits, SnapshotStore } from './snapshot-store.js';

/** Steps after which a long computation lets its caller look around. */
export const STEPS_A_BREATH = 4096;
/** A position that is this far from its snapshot gets one near it: whoever goes back once goes back again. */
const FAR_STEPS = 4096;
const NEAR_STEPS = 512;

/** A computation that yields the position now and then; who drives it may leave it there. */
export type Running<T> = Generator<number, T, undefined>;

/** What the last single step was. It is overwritten by the next one. */
export interface StepRecord {
  /** Position behind it. */
  position: number;
  granule: number;
  block: StepBlock;
  /** Warp of the engine. */
  warp: number;
  /** Lanes that ran. */
  lanes: number;
  /** By lane of the warp: the number of the visible instruction where it was before. */
  readonly before: Int32Array;
}

/**
 * A run that can be gone along in both directions. A position is a number of steps; each has one state, which is reached
 * again by re-execution from a snapshot: the picks are remembered.
 */
export class Timeline {
  readonly machine: Machine;
  readonly engine: StepEngine;
  readonly inspector: Inspector;
  readonly #log = new PickLog();
  readonly #snapshots: SnapshotStore;
  /** How the run ended at this position; null: it can go on. */
  #outcome: Outcome | null;
  #nextSnapshot = 0;
  #cuts = 0;
  /** The one near where one has gone to from afar: beside those that are spread over the run. */
  #near: MachineSnapshot | null = null;
  readonly record: StepRecord;

  /**
   * @throws RangeError if the machine has nothing to run, or runs in another mode than `step`; whatever the start of its
   * launches throws
   */
  constructor(machine: Machine, limits: Partial<SnapshotLimits> = {}) {
    this.machine = machine;
    this.#snapshots = new SnapshotStore({ ...DEFAULT_SNAPSHOT_LIMITS, ...limits });
    this.#outcome = machine.advance(0);
    this.inspector = inspectorOf(machine);
    this.engine = machine.engine as StepEngine;
    const [block] = this.engine.residentBlocks;
    if (block === undefined) throw new RangeError('no block runs: nothing has been launched');
    this.record = { position: 0, granule: -1, block, warp: 0, lanes: 0, before: new Int32Array(32) };
    if (this.#outcome === null) this.#takeSnapshot();
  }

  /** Steps made. */
  get position(): number {
    return this.engine.steps;
  }

  /** Steps that are known, from 0 on. */
  get end(): number {
    return this.#log.length;
  }

  get outcome(): Outcome | null {
    return this.#outcome;
  }

  /** How often known steps were forgotten: what was found among steps is of this run only while the number stays. */
  get cuts(): number {
    return this.#cuts;
  }

  get snapshots(): { readonly count: number; readonly bytes: number } {
    return this.#snapshots;
  }

  /**
   * Makes one step: the known one, else the schedule's. With `index`, that of the granule at this place of the ready set;
   * known steps are forgotten if they go on otherwise. Result: false if the run can go no further.
   * @throws RangeError if a schedule of picks has none left
   */
  step(index: number = BY_SCHEDULE): boolean {
    if (this.#outcome !== null) return false;
    const { engine } = this;
    if (index !== BY_SCHEDULE && !(Number.isInteger(index) && index >= 0 && index < engine.ready.size))
      throw new RangeError(`granule ${index} of ${engine.ready.size} that are ready: there is none`);
    const known = this.position < this.#log.length ? this.#log.at(this.position).index : null;
    let decided = index === BY_SCHEDULE ? (known ?? BY_SCHEDULE) : index;
    let place = decided;
    if (decided === BY_SCHEDULE) place = this.#schedulePick();
    else if (index !== BY_SCHEDULE && known === BY_SCHEDULE) {
      // The same as the schedule would do is no departure from it.
      const { state } = engine.host.scheduler;
      if (this.#schedulePick() === index) decided = BY_SCHEDULE;
      else engine.host.scheduler.restore(state);
    }
    if (known !== null && decided !== known) this.#forgetFuture();
    this.#remember(engine.ready.at(place));
    this.#outcome = this.machine.stepAt(place);
    this.record.position = this.position;
    if (this.position > this.#log.length) this.#log.add(decided);
    if (this.position >= this.#nextSnapshot) this.#takeSnapshot();
    return true;
  }

  /** Makes at most `steps` steps, known ones first, without a look at each. */
  *forward(steps: number): Running<void> {
    const target = this.position + steps;
    while (this.position < target && this.#outcome === null) {
      const before = this.position;
      const known = before < this.#log.length ? this.#log.at(before) : null;
      if (known !== null && known.index !== BY_SCHEDULE) {
        this.step();
      } else {
        const most = Math.min(target - before, known?.times ?? target, STEPS_A_BREATH);
        this.#outcome = this.machine.advance(Math.max(1, Math.min(most, this.#nextSnapshot - before)));
        if (this.position > this.#log.length) this.#log.add(BY_SCHEDULE, this.position - this.#log.length);
        if (this.position >= this.#nextSnapshot) this.#takeSnapshot();
      }
      if (before % STEPS_A_BREATH > this.position % STEPS_A_BREATH || this.position - before >= STEPS_A_BREATH)
        yield this.position;
    }
  }

  /** Goes to a position, through known steps and then those of the schedule; to the end if that comes first. */
  *goTo(target: number): Running<void> {
    const from = this.#nearest(target);
    if (from === -1) return;
    if (target < this.position || from > this.position) this.#restore(from);
    if (target <= this.end && target - this.position > Math.max(FAR_STEPS, this.#snapshots.stepsToCopy)) {
      yield* this.forward(target - NEAR_STEPS - this.position);
      if (this.#outcome === null) this.#near = this.machine.snapshot();
    }
    yield* this.forward(target - this.position);
  }

  /** {@link goTo} in one go. */
  goToNow(target: number): void {
    for (const _ of this.goTo(target));
  }

  /**
   * Looks for the last of the steps up to `limit` for which `found` has a result. Ends at some position or other.
   * `found` looks at {@link record} and at the state behind the step; `begin` is called wherever steps have been skipped.
   */
  *lastStep<T>(limit: number, found: (record: StepRecord) => T | null, begin: () => void): Running<T | null> {
    for (let end = limit; end > 0; ) {
      const from = this.#nearest(end - 1);
      this.#restore(from);
      begin();
      let last: T | null = null;
      while (this.position < end && this.step()) {
        last = found(this.record) ?? last;
        if (this.position % STEPS_A_BREATH === 0) yield this.position;
      }
      if (last !== null) return last;
      end = from;
    }
    return null;
  }

  /** Granules that are ready, by place. */
  get ready(): { readonly size: number; at(index: number): number } {
    return this.engine.ready;
  }

  /** Place of a granule in the ready set; -1: it is not ready. */
  readyPlace(granule: number): number {
    const { ready } = this.engine;
    for (let index = 0; index < ready.size; index++) if (ready.at(index) === granule) return index;
    return -1;
  }

  #schedulePick(): number {
    return this.engine.host.scheduler.pick(this.engine.ready, this.engine.last);
  }

  #remember(granule: number): void {
    const { engine, record } = this;
    const warp = granule >> engine.warpShift;
    const block = engine.blockOfWarp[warp]!;
    const { L, rowWords } = block.arena;
    const row = engine.rowOfWarp[warp]!;
    record.granule = granule;
    record.block = block;
    record.warp = warp;
    record.lanes = engine.readyLanes[granule]!;
    for (let rest = record.lanes; rest !== 0; rest &= rest - 1) {
      const lane = 31 - Math.clz32(rest & -rest);
      record.before[lane] = L[row + lane * rowWords + PC]!;
    }
  }

  #forgetFuture(): void {
    this.#cuts++;
    this.#log.cut(this.position);
    this.#snapshots.cut(this.position);
    if ((this.#near?.steps ?? 0) > this.position) this.#near = null;
    this.#planSnapshot();
  }

  #takeSnapshot(): void {
    // A run that has failed cannot be copied; it is reached again from the last snapshot before.
    if (this.#outcome === null) this.#snapshots.add(this.machine.snapshot());
    this.#planSnapshot();
  }

  /** Where steps are known, there are as many snapshots as there may be. */
  #planSnapshot(): void {
    this.#nextSnapshot = Math.max(this.position + 1, this.end, this.#snapshots.dueAfter(this.end));
  }

  /** Position of the last snapshot at or before a position; -1: there is none. */
  #nearest(position: number): number {
    const near = this.#near?.steps ?? -1;
    return Math.max(near <= position ? near : -1, this.#snapshots.positionAtOrBefore(position));
  }

  /** Goes to the snapshot at a position. */
  #restore(position: number): void {
    const isNear = this.#near?.steps === position;
    this.machine.restore(isNear ? this.#near! : this.#snapshots.get(position));
    this.#outcome = this.machine.advance(0);
    this.#planSnapshot();
  }
}
