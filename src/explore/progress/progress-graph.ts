import { formatSchedule, type Launch, parseSchedule } from '../../simt/index.js';
import { type Moment, Subject } from '../exhaustive/subject.js';
import type { Workload } from '../trial.js';
import { withHardwareQueues } from './hardware-queues.js';
import type { GridState, ProgressModel } from './model.js';

const BEGUN = 1;
const FINISHED = 2;

/** A step that is possible in a state. */
export interface ProgressEdge {
  /** Who steps: the number of its block, of all launches, or of a granule, the same in every run. */
  readonly actor: number;
  /** Number of the block, of all launches. */
  readonly block: number;
  /** State that it leads to; -1: there is no room for it. */
  readonly to: number;
}

/** A state of all threads, of memory, and of which blocks have begun. */
export interface ProgressState {
  /** Bits of each block, of all launches. */
  readonly status: Uint8Array;
  /** Blocks, of all launches, that are on a device. */
  readonly resident: ReadonlySet<number>;
  /** The step that first led here; null: the start. */
  readonly parent: { readonly state: number; readonly actor: number } | null;
  /** Steps from the start. */
  readonly depth: number;
  /** How the run has ended; null: it has not. `hang`: no schedule ends it. */
  readonly end: 'completes' | 'error' | 'hang' | null;
  /** Everybody's next steps; null: not looked at. */
  edges: readonly ProgressEdge[] | null;
}

/** A launch, and the number of its first block. */
interface Grid {
  readonly launch: Launch;
  readonly first: number;
}

export interface GraphLimits {
  /** Most distinct states. Default 20,000. */
  readonly maxStates: number;
  /**
   * Who is chosen to step. `block`: within it, its granules take turns, the one that has been ready for longest first;
   * `granule`: any of them. The default is `block`, which is the same for blocks of one granule.
   */
  readonly choice: 'block' | 'granule';
  /** Behind the schedule's token: `,granule=8`. Default: nothing. */
  readonly scheduleOptions: string;
  /** Called at each new state with their number. */
  readonly onState: (states: number) => void;
}

/** All states of a workload, whoever is chosen to step next; nothing is left out. */
export class ProgressGraph {
  readonly subject: Subject;
  readonly grids: readonly Grid[];
  readonly states: ProgressState[] = [];
  readonly #choice: GraphLimits['choice'];
  readonly #onState: GraphLimits['onState'];
  readonly #known = new Map<string, number>();
  readonly #start: Moment | null;
  #canEnd: ReadonlySet<number> | null = null;
  /** Limits that kept states from being looked at, in words. */
  readonly boundedBy = new Set<string>();
  transitions = 0;

  /** @throws RangeError if the workload has nothing to run, or not in mode `step`. */
  constructor(
    workload: Workload,
    { resident, queues }: Pick<ProgressModel, 'resident' | 'queues'>,
    { maxStates, choice, scheduleOptions, onState }: GraphLimits,
  ) {
    this.#onState = onState;
    this.#choice = choice;
    const given = parseSchedule(`rr${scheduleOptions}`);
    const schedule = formatSchedule({ ...given, residentBlocks: resident ?? given.residentBlocks });
    const queued = queues === null ? workload : withHardwareQueues(workload, queues);
    this.subject = new Subject({
      name: workload.name,
      begin: (options) => queued.begin({ ...options, schedule }),
    });
    let first = 0;
    this.grids = this.subject.machine.launches.map((launch) => {
      const grid = { launch, first };
      first += launch.blockCount;
      return grid;
    });
    const isOver = this.subject.outcome !== null;
    this.#start = isOver ? null : this.subject.save();
    this.#enter(null, new Uint8Array(first));
    if (this.#start !== null) this.#search(this.#start, maxStates);
  }

  /** Number of the first block of a block's launch, of all launches, and the launch. */
  gridOf(block: number): Grid {
    return this.grids.findLast(({ first }) => first <= block)!;
  }

  /** The launch's blocks in a state. */
  gridState({ status }: ProgressState, { launch, first }: Grid): GridState {
    return {
      blocks: launch.blockCount,
      hasBegun: (block) => (status[first + block]! & BEGUN) !== 0,
      hasFinished: (block) => (status[first + block]! & FINISHED) !== 0,
    };
  }

  /** Blocks, of all launches, that have not finished. */
  unfinished({ status }: ProgressState): number[] {
    return Array.from(status.keys()).filter((block) => (status[block]! & FINISHED) === 0);
  }

  /** Whether some schedule leads from a state to an end of the run, or to what has not been looked at. */
  canEnd(state: number): boolean {
    this.#canEnd ??= this.#endingStates();
    return this.#canEnd.has(state);
  }

  #endingStates(): Set<number> {
    const before = this.states.map((): number[] => []);
    const ending = new Set<number>();
    for (const [state, { end, edges }] of this.states.entries()) {
      const isEnd = end === 'completes' || end === 'error';
      if (isEnd || edges === null || edges.some(({ to }) => to === -1)) ending.add(state);
      for (const { to } of edges ?? []) before[to]?.push(state);
    }
    // A set gives what is added to it meanwhile, too.
    for (const state of ending) for (const other of before[state]!) ending.add(other);
    return ending;
  }

  /** Puts the subject into a state, by the steps that first led there. */
  goTo(state: number): void {
    const path: number[] = [];
    for (let { parent } = this.states[state]!; parent !== null; { parent } = this.states[parent.state]!)
      path.push(parent.actor);
    this.subject.restore(this.#start!);
    for (const actor of path.reverse()) this.step(actor);
  }

  /** Makes a step of an actor with the subject. */
  step(actor: number): void {
    this.subject.step(this.#actors().get(actor)!);
  }

  /** The actor of a block's next step where the subject is; undefined: it cannot step. */
  actorOf(block: number): number | undefined {
    for (const [actor, granule] of this.#actors()) if (this.blockOf(granule) === block) return actor;
    return undefined;
  }

  /** Who can step where the subject is, and with which granule, by the engine's number. */
  #actors(): Map<number, number> {
    const { subject } = this;
    const actors = new Map<number, number>();
    for (const granule of subject.engine.ready.toArray()) {
      const actor = this.#choice === 'block' ? this.blockOf(granule) : subject.idOf(granule);
      if (!actors.has(actor)) actors.set(actor, granule);
    }
    return actors;
  }

  /** The number, of all launches, of a granule's block; `granule`: the engine's number. */
  blockOf(granule: number): number {
    const { engine } = this.subject;
    const { launch, blockIdx } = engine.blockOfWarp[granule >> engine.warpShift]!;
    return this.#numberOf(launch, blockIdx);
  }

  #numberOf(launch: Launch, { x, y, z }: { readonly x: number; readonly y: number; readonly z: number }): number {
    const { first } = this.grids.find((grid) => grid.launch === launch)!;
    return first + x + launch.gridDim.x * (y + launch.gridDim.y * z);
  }

  /** States that need fewer changes of the actor come first, then those of fewer steps. */
  #search(start: Moment, maxStates: number): void {
    const { subject } = this;
    type Entry = { readonly state: number; readonly last: number; moment: Moment | null };
    const todo: Entry[][] = [[{ state: 0, last: -1, moment: start }]];
    for (const [changes, entries] of todo.entries()) {
      for (const entry of entries) {
        const { state, last } = entry;
        const moment = entry.moment!;
        entry.moment = null;
        subject.restore(moment);
        const edges: ProgressEdge[] = [];
        for (const [actor, granule] of this.#actors()) {
          subject.restore(moment);
          const block = this.blockOf(granule);
          const status = this.states[state]!.status.slice();
          status[block]! |= BEGUN;
          subject.step(granule);
          this.transitions++;
          const before = this.states.length;
          const to = this.#enter({ state, actor }, status, maxStates);
          edges.push({ actor, block, to });
          if (to === before) this.#onState(this.states.length);
          if (to !== before || this.states[to]!.end !== null) continue;
          const next = changes + (last === actor || last === -1 ? 0 : 1);
          todo[next] ??= [];
          todo[next].push({ state: to, last: actor, moment: subject.save() });
        }
        this.states[state]!.edges = edges;
      }
    }
  }

  /** The order in which granules of a block take turns. */
  #turns(): string {
    if (this.#choice === 'granule') return '';
    const turns = new Map<number, number[]>();
    for (const granule of this.subject.engine.ready.toArray()) {
      const block = this.blockOf(granule);
      turns.set(block, [...(turns.get(block) ?? []), this.subject.idOf(granule)]);
    }
    return Array.from(turns.values(), (ids) => (ids.length > 1 ? ids.join() : ''))
      .sort()
      .join(' ');
  }

  /** The state that the subject is in. */
  #enter(parent: ProgressState['parent'], status: Uint8Array, maxStates = Number.POSITIVE_INFINITY): number {
    const { outcome } = this.subject;
    if (outcome?.verdict === 'budget') {
      this.boundedBy.add(outcome.limit);
      return -1;
    }
    const resident = this.#noteFinished(status);
    const end = outcome === null || outcome.verdict === 'deadlock' || outcome.verdict === 'livelock' ? null : outcome;
    const isHang = outcome !== null && end === null;
    // What an error leaves behind does not matter: nobody goes on.
    const place =
      end?.verdict === 'error' ? 'error' : `${isHang ? 'hang' : ''} ${this.subject.hash()} ${this.#turns()}`;
    const key = `${place} ${status.join('')}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    if (this.states.length >= maxStates) {
      this.boundedBy.add(`maxStates: ${maxStates}`);
      return -1;
    }
    const state = this.states.length;
    this.#known.set(key, state);
    this.states.push({
      status,
      resident,
      parent,
      depth: parent === null ? 0 : this.states[parent.state]!.depth + 1,
      end: isHang ? 'hang' : end?.verdict === 'error' ? 'error' : end === null ? null : 'completes',
      edges: outcome === null ? null : [],
    });
    return state;
  }

  /** Result: the blocks that are resident. */
  #noteFinished(status: Uint8Array): Set<number> {
    const resident = new Set<number>();
    for (const { launch, blockIdx } of this.subject.engine.residentBlocks)
      resident.add(this.#numberOf(launch, blockIdx));
    for (const { launch } of this.grids) {
      for (let position = 0; position < launch.startedBlocks; position++) {
        const block = this.#numberOf(launch, launch.blockIdxAt(position));
        if (!resident.has(block)) status[block]! |= FINISHED;
      }
    }
    return resident;
  }
}
