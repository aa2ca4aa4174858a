import {
  type StandingBarrier,
  type StandingBlock,
  type StandingLane,
  type StandingWarp,
  standingBlocksOf,
  type WaitingOperation,
} from '../hang/index.js';
import { bindParams, framesOf, opcodeOf, type Program, programOf, type Word } from '../program/index.js';
import { lanesOf, lowestLane, OPERATION_NAMES } from '../simt/for-engines.js';
import {
  type Dim3,
  formatSymbol,
  type Launch,
  type Machine,
  type Protocol,
  scalarBytes,
  type ThreadGroup,
  type Writer,
} from '../simt/index.js';
import { controlFlowOf } from './control-flow.js';
import { DryWarp, type LaneCourse, wordsOf } from './dry-run.js';
import type { EdgeKind, PolledWord, WaitEdge, WaitGraph, WaitNode } from './graph.js';
import { lanesName } from './names.js';
import { type Coordinates, factsOf, mayComeTo, mayTouch, type StoreSite, valueByCoordinates } from './stores.js';
import type { Load } from './values.js';
import { type Wanted, wantedBy } from './wanted.js';

/** Most threads whose stores are looked at one by one for a word that nobody has declared writers of. */
const MOST_THREADS_TRIED = 20_000;
/** Most words of a set of lanes that are told. */
const MOST_WORDS = 4;

/** A machine whose run has ended or stands between two steps, and its wait-for graph. */
export interface Standing extends WaitGraph {
  readonly protocols: readonly Protocol[];
}

/** @throws RangeError if the machine is in a mode that cannot tell, or has not begun. */
export function waitGraphOf(machine: Machine): Standing {
  const builder = new GraphBuilder(machine, standingBlocksOf(machine));
  builder.build();
  return builder;
}

/** Who may write a word that nobody has declared writers of. */
interface Candidates {
  /** Those who are left. */
  readonly left: readonly WaitNode[];
  /** Those who have returned: they matter only if nobody is left. */
  readonly returned: () => readonly WaitNode[];
}

/** What an edge to nobody says. */
const NOBODY_WRITES = 'nobody can write it';

/** A resident block, and its sets of lanes by warp: those that are at one place. */
interface ResidentBlock {
  readonly block: StandingBlock;
  /** By warp; null: all of its threads have exited. */
  readonly warps: readonly (StandingWarp | null)[];
  readonly sets: readonly (readonly WaitNode[])[];
  readonly barriers: ReadonlyMap<number, StandingBarrier>;
}

type WaitingCollective = WaitingOperation & { readonly kind: 'collective' };
type PollingCourse = LaneCourse & { readonly kind: 'goes round' };

interface Polling {
  readonly node: WaitNode;
  readonly course: PollingCourse;
}

class GraphBuilder implements Standing {
  readonly nodes: WaitNode[] = [];
  readonly edges: WaitEdge[] = [];
  readonly protocols: Protocol[] = [];
  readonly #machine: Machine;
  readonly #blocks: readonly StandingBlock[];
  readonly #launches: readonly Launch[];
  readonly #resident = new Map<Launch, Map<string, ResidentBlock>>();
  readonly #started = new Map<Launch, ReadonlySet<string>>();
  readonly #special = new Map<string, WaitNode>();
  /** Lanes that show by themselves what warps like theirs poll. */
  readonly #hints = new Map<string, number>();
  /** Where polling threads go once they leave their loops. */
  readonly #leavesTo = new Map<WaitNode, readonly number[]>();
  readonly #genericWriters = new Map<string, Candidates>();
  readonly #params = new Map<Launch, readonly Word[]>();
  #threadsTried = 0;

  constructor(machine: Machine, blocks: readonly StandingBlock[]) {
    this.#machine = machine;
    this.#blocks = blocks;
    this.#launches = machine.launches;
    const protocols = new Set<Protocol>();
    for (const { symbols } of machine.memory.space.allocations) {
      if (symbols?.protocol !== undefined) protocols.add(symbols.protocol);
    }
    this.protocols.push(...protocols);
  }

  build(): void {
    for (const block of this.#blocks) {
      const { launch, blockIdx } = block;
      const ofLaunch = this.#resident.get(launch) ?? new Map<string, ResidentBlock>();
      this.#resident.set(launch, ofLaunch);
      ofLaunch.set(keyOf(blockIdx), this.#residentBlockOf(block));
    }
    // Those that poll first: where they go from there decides who can come to a barrier.
    const polling = [...this.#residentBlocks()].flatMap((resident) => this.#pollingOf(resident));
    const nodes = new Set(polling.map(({ node }) => node));
    for (const resident of this.#residentBlocks()) {
      for (const node of resident.sets.flat()) if (!nodes.has(node)) this.#look(resident, node);
    }
    for (const { node, course } of polling) this.#addPoll(node, course);
  }

  *#residentBlocks(): Generator<ResidentBlock> {
    for (const ofLaunch of this.#resident.values()) yield* ofLaunch.values();
  }

  // --- Sets of lanes

  #residentBlockOf(block: StandingBlock): ResidentBlock {
    const count = Math.ceil(block.launch.threadIdxs.length / 32);
    const warps = new Array<StandingWarp | null>(count).fill(null);
    for (const warp of block.warps) warps[warp.index] = warp;
    return {
      block,
      warps,
      sets: warps.map((warp) => (warp === null ? [] : this.#setsOf(block, warp))),
      barriers: new Map(Array.from(block.barriers, (barrier) => [barrier.id, barrier])),
    };
  }

  #setsOf(block: StandingBlock, { index, lanes }: StandingWarp): WaitNode[] {
    const byPlace = new Map<string, StandingLane[]>();
    for (const lane of lanes) {
      const { waitsIn } = lane;
      const key = `${waitsIn?.kind} ${lane.block} ${lane.at} ${waitsIn?.kind === 'barrier' ? waitsIn.id : ''}`;
      const set = byPlace.get(key);
      if (set === undefined) byPlace.set(key, [lane]);
      else set.push(lane);
    }
    return Array.from(byPlace.values(), (set) => this.#addThreads(block, index, set));
  }

  #addThreads(block: StandingBlock, warp: number, set: readonly StandingLane[]): WaitNode {
    const { launch, blockIdx, program } = block;
    const first = set[0]!;
    return this.#add({
      kind: 'threads',
      rank: launch.device,
      kernel: launch.name,
      launch,
      blockIdx,
      lane: first,
      isPart: false,
      group: this.#groupOf(launch, blockIdx, warp * 32 + first.lane),
      warp,
      lanes: maskOf(set),
      threads: set.length,
      does: '',
      detail: '',
      frames: framesOf(program, siteOf(program, first)),
    });
  }

  #add(given: Omit<WaitNode, 'id' | 'goesOn' | 'fault'>): WaitNode {
    const node: WaitNode = { ...given, id: this.nodes.length, goesOn: false, fault: null };
    this.nodes.push(node);
    return node;
  }

  #groupOf(launch: Launch, blockIdx: Dim3, rank: number): ThreadGroup | null {
    for (const protocol of this.protocols) {
      const group = protocol.groupOf(launch, blockIdx, rank);
      if (group !== null) return group;
    }
    return null;
  }

  #link(
    from: WaitNode,
    to: WaitNode,
    kind: EdgeKind,
    { word = null, why = '', isNeeded = true }: Partial<Pick<WaitEdge, 'word' | 'why' | 'isNeeded'>> = {},
  ): void {
    this.edges.push({ from: from.id, to: to.id, kind, word, why, isNeeded });
  }

  // --- What a set waits for

  /** Sets of a block that go round loops, and those at a barrier that only such are missing from. */
  #pollingOf(resident: ResidentBlock): Polling[] {
    const polling: Polling[] = [];
    const note = (node: WaitNode, course: PollingCourse) => {
      this.#leavesTo.set(node, course.leavesTo);
      polling.push({ node, course });
    };
    const [ready, waiting] = [[], []] as [WaitNode[], WaitNode[]];
    for (const node of resident.sets.flat()) (node.lane!.waitsIn === null ? ready : waiting).push(node);
    for (const node of ready) {
      const course = this.#courseOf(resident, node);
      if (course.kind === 'goes round') note(node, course);
      else {
        node.goesOn = true;
        node.does = 'runs on: nothing in memory holds it up';
      }
    }
    // Who goes round by what others tell it behind a barrier does not poll: one of those does.
    const told = polling.filter(({ course: { loads } }) => loads.every(({ isPolled }) => !isPolled));
    const barriers = new Set(told.flatMap(({ course }) => course.barriers));
    for (const node of waiting) {
      const { waitsIn } = node.lane!;
      if (waitsIn?.kind !== 'barrier' || !barriers.has(waitsIn.id)) continue;
      const { block, warps } = resident;
      const courses = new DryWarp(block, warps[node.warp]!, true).run(node.lanes, node.lanes);
      const course = together([...courses.values()]);
      if (course.kind === 'goes round') note(node, course);
    }
    return polling;
  }

  #look(resident: ResidentBlock, node: WaitNode): void {
    const waitsIn = node.lane!.waitsIn;
    if (waitsIn?.kind === 'barrier') this.#lookAtBarrier(resident, node, waitsIn.id);
    else if (waitsIn?.kind === 'collective') this.#lookAtCollective(resident, node, waitsIn);
    else if (waitsIn !== null) {
      node.does = `stands at ${operationAt(resident.block.program, node.lane!)}: the run has failed`;
    }
  }

  #lookAtCollective(
    { block, warps, sets }: ResidentBlock,
    node: WaitNode,
    { operation, mask }: WaitingCollective,
  ): void {
    const isMissing = ({ lane, waitsIn }: StandingLane) => {
      if ((mask & (1 << lane)) === 0) return false;
      return waitsIn?.kind !== 'collective' || waitsIn.operation !== operation || waitsIn.mask !== mask;
    };
    const missing = maskOf(warps[node.warp]!.lanes.filter(isMissing));
    node.does = `waits in ${operationAt(block.program, node.lane!)}`;
    node.detail = `for ${lanesName(missing)} of its warp`;
    this.#linkMissing(node, sets[node.warp]!, missing, 'warp');
  }

  #linkMissing(node: WaitNode, ofWarp: readonly WaitNode[], missing: number, kind: EdgeKind): void {
    for (const other of ofWarp) {
      const lanes = other.lanes & missing;
      if (lanes !== 0) this.#link(node, other, kind, { why: `missing: ${lanesName(lanes)} of its warp` });
    }
  }

  #lookAtBarrier(resident: ResidentBlock, node: WaitNode, id: number): void {
    const { block, warps, sets, barriers } = resident;
    const barrier = barriers.get(id) ?? null;
    node.does = `waits at barrier ${id}`;
    if (barrier === null) return;
    const liveOf = (warp: number) => maskOf(warps[warp]?.lanes ?? []);
    const isThere = (warp: number) => barrier.lanes.has(warp) && (liveOf(warp) & ~(barrier.lanes.get(warp) ?? 0)) === 0;
    const expected = barrier.expected === 0 ? block.liveWarps * 32 : barrier.expected;
    const arrived = [...barrier.lanes.keys()].filter(isThere).length * 32;
    node.detail = `${arrived} of ${expected} threads have arrived`;
    if (!isThere(node.warp)) {
      const missing = liveOf(node.warp) & ~(barrier.lanes.get(node.warp) ?? 0);
      node.detail = `${lanesName(missing)} of its warp not there`;
      this.#linkMissing(node, sets[node.warp]!, missing, 'barrier');
      return;
    }
    let able = 0;
    let gone = 0;
    for (const [index, ofWarp] of sets.entries()) {
      if (isThere(index)) continue;
      if (ofWarp.length === 0) {
        gone++;
        continue;
      }
      const coming = ofWarp.filter((other) => barrier.expected === 0 || this.#mayReach(block, other, id));
      if (coming.length > 0) able++;
      for (const other of coming) {
        this.#link(node, other, 'barrier', { why: `missing: warp ${other.warp} ${lanesName(other.lanes)}` });
      }
    }
    const most = arrived + able * 32;
    if (barrier.expected !== 0 && most < expected) {
      const returned =
        gone === 0 ? '' : `; ${counted(gone, 'warp')} of the block ${gone === 1 ? 'has' : 'have'} returned`;
      node.fault = {
        cause: 'barrier misuse',
        sentence: `barrier ${id} of ${describeBlock(node)} expects ${expected} threads, but at most ${most} can ever arrive: ${arrived} have arrived, ${able * 32} more can come${returned}`,
        advice: `use a thread count that the threads which reach barrier ${id} add up to, and let all of them reach it`,
      };
    }
  }

  /** Whether a set that waits or polls may come to a barrier of that number. */
  #mayReach(block: StandingBlock, node: WaitNode, id: number): boolean {
    const { program } = block;
    const thread = this.#coordinatesOf(block, node.warp * 32 + lowestLane(node.lanes));
    return factsOf(program).barriers.some(({ block: target, at, id: operand }) => {
      if (!this.#canReach(program, node, target, at)) return false;
      const word = valueByCoordinates(program, operand, thread);
      return word === undefined || word === id;
    });
  }

  /** Whether a set may come to an instruction behind the one where it is. */
  #canReach(program: Program, node: WaitNode, target: number, at: number): boolean {
    const flow = controlFlowOf(program);
    const leavesTo = this.#leavesTo.get(node);
    if (leavesTo !== undefined) return leavesTo.some((from) => from === target || flow.reachableFrom(from).has(target));
    const { block, at: first, waitsIn } = node.lane!;
    const isAhead = block === target && at >= (waitsIn === null ? first : first + 1);
    return isAhead || flow.reachableFrom(block).has(target);
  }

  #coordinatesOf(block: StandingBlock, rank: number): Coordinates {
    const { launch, blockIdx } = block;
    return {
      launch,
      blockIdx,
      rank,
      params: this.#paramsOf(launch),
      sharedAddress: (name) => {
        const variable = block.sharedVariable(name);
        // Engines have addresses of shared memory of their own.
        return variable === null ? undefined : block.locate(variable.address, 1, 'load').allocation.base;
      },
    };
  }

  // --- Polls

  /** What the lanes of a ready set do. */
  #courseOf({ block, warps }: ResidentBlock, node: WaitNode): LaneCourse {
    const { block: at, at: place } = node.lane!;
    const key = `${block.program.name} ${at} ${place} ${node.lanes}`;
    const warp = warps[node.warp]!;
    const hint = this.#hints.get(key);
    if (hint !== undefined) {
      const lane = warp.lanes.find((other) => other.lane === hint)!;
      const course = new DryWarp(block, warp).runAlone(lane);
      if (course?.kind === 'goes round' && wantedBy(course.exits).length > 0) return course;
    }
    const ready = maskOf(warp.lanes.filter(({ waitsIn }) => waitsIn === null));
    const courses = new DryWarp(block, warp).run(ready, node.lanes);
    const course = together(lanesOf(node.lanes).flatMap((lane) => courses.get(lane) ?? []));
    if (course.kind === 'goes round' && !this.#hints.has(key)) this.#hint(key, block, warp, node.lanes);
    return course;
  }

  /** Remembers a lane that shows by itself what its warp polls: one lane is quicker than 32. */
  #hint(key: string, block: StandingBlock, warp: StandingWarp, lanes: number): void {
    for (const lane of warp.lanes) {
      if ((lanes & (1 << lane.lane)) === 0) continue;
      const course = new DryWarp(block, warp).runAlone(lane);
      if (course?.kind !== 'goes round' || !wantedBy(course.exits).some(({ wants }) => wants !== null)) continue;
      this.#hints.set(key, lane.lane);
      return;
    }
  }

  #addPoll(node: WaitNode, course: PollingCourse): void {
    const wanted = wantedBy(course.exits);
    const words = distinct(
      wanted.length > 0 ? wanted : course.loads.map((load) => ({ load, wants: null, site: load.site })),
    );
    if (words.length === 0) {
      node.does = 'goes round a loop';
      node.detail = 'that nothing in memory decides';
      this.#link(node, this.#nobody('nothing in memory that it reads ends its loop'), 'memory', {
        why: 'nobody ends its loop',
      });
      return;
    }
    node.does = words.some(({ load }) => load.isPolled) ? 'polls' : 'goes round a loop and reads';
    const told = words.slice(0, MOST_WORDS).map((word) => this.#wordOf(word));
    node.detail = words.length > told.length ? `and ${words.length - told.length} more words` : '';
    node.frames = framesOf(this.#residentOf(node).block.program, words[0]!.load.site);
    for (const [index, word] of told.entries()) this.#linkWriters(node, words[index]!.load, word);
  }

  #residentOf({ launch, blockIdx }: WaitNode): ResidentBlock {
    return this.#resident.get(launch!)!.get(keyOf(blockIdx!))!;
  }

  #wordOf({ load, wants }: Wanted): PolledWord {
    const { allocation, offset, isShared } = load;
    const symbol = allocation.symbols?.describe(offset) ?? null;
    const place = isShared ? `shared '${allocation.name}'` : `'${allocation.name}'`;
    const bytes = scalarBytes(load.type);
    const name = symbol === null ? `${load.type} ${Math.floor(offset / bytes)} of ${place}` : formatSymbol(symbol);
    return { address: allocation.base + offset, isShared, symbol, name, wants, holds: String(load.value) };
  }

  #linkWriters(node: WaitNode, load: Load, word: PolledWord): void {
    const declared = load.allocation.symbols?.writersOf?.(load.offset) ?? null;
    if (declared !== null) {
      if (declared.length === 0)
        this.#link(node, this.#nobody(`no kernel ever writes ${word.name}`), 'memory', { word, why: NOBODY_WRITES });
      const found = declared.map((writer) => ({
        does: writer.does,
        targets: this.#nodesOfWriter(writer).filter((target) => target !== node),
      }));
      const isLeft = ({ kind }: WaitNode) => kind !== 'returned' && kind !== 'nobody';
      const left = found.filter(({ targets }) => targets.some(isLeft));
      // Those who have returned matter only if nobody is left.
      const told = left.length > 0 ? left : found.filter(({ targets }) => targets.length > 0);
      for (const { does, targets } of told) {
        for (const target of targets) {
          const why = target.kind === 'nobody' ? NOBODY_WRITES : does;
          this.#link(node, target, 'memory', { word, why, isNeeded: told.length === 1 });
        }
      }
      if (declared.length > 0 && told.length === 0) {
        const text = `only the threads that wait for ${word.name} could write it themselves`;
        this.#link(node, this.#nobody(text), 'memory', { word, why: NOBODY_WRITES });
      }
      return;
    }
    const { nodes, isNeeded } = this.#genericWritersOf(node, load);
    for (const target of nodes) {
      const why = target.kind === 'nobody' ? NOBODY_WRITES : isNeeded ? 'can write it' : 'may write it';
      this.#link(node, target, 'memory', { word, why, isNeeded });
    }
  }

  /** Where the threads are that change a word. */
  #nodesOfWriter(writer: Writer): WaitNode[] {
    const { rank, kernel, launch, blockIdx } = writer;
    if (launch === null) return [this.#neverLaunched(rank, kernel)];
    const { gridDim } = launch;
    if (blockIdx.x >= gridDim.x || blockIdx.y >= gridDim.y || blockIdx.z >= gridDim.z) {
      const text = `rank ${rank} was launched without a block ${keyOf(blockIdx)} for it`;
      return [this.#nobody(text)];
    }
    const block = this.#resident.get(launch)?.get(keyOf(blockIdx));
    if (block === undefined) return [this.#nodeOfAbsent(launch, blockIdx, writer)];
    const firstWarp = Math.floor(writer.firstThread / 32);
    const lastWarp = Math.floor((writer.firstThread + writer.threads - 1) / 32);
    const found = block.sets.slice(firstWarp, lastWarp + 1).flat();
    return found.length > 0 ? found : [this.#returned(launch, blockIdx, writer)];
  }

  /** A block that is not resident: its launch has not begun, it has no room, or it has ended. */
  #nodeOfAbsent(launch: Launch, blockIdx: Dim3, group: ThreadGroup | null): WaitNode {
    if (this.#isQueued(launch)) return this.#queued(launch);
    if (!this.#hasStarted(launch, blockIdx)) return this.#notResident(launch);
    return this.#returned(launch, blockIdx, group);
  }

  #isQueued(launch: Launch): boolean {
    if (launch.startedBlocks > 0) return false;
    const head = launch.queue?.pending.find(({ kind }) => kind === 'launch')?.launch;
    return (
      head !== undefined && head !== launch && (launch.queue?.pending.some((item) => item.launch === launch) ?? false)
    );
  }

  #hasStarted(launch: Launch, blockIdx: Dim3): boolean {
    if (launch.startedBlocks === launch.blockCount) return true;
    let started = this.#started.get(launch);
    if (started === undefined) {
      started = new Set(Array.from({ length: launch.startedBlocks }, (_, at) => keyOf(launch.blockIdxAt(at))));
      this.#started.set(launch, started);
    }
    return started.has(keyOf(blockIdx));
  }

  // --- Nodes that are no waiting threads

  #once(
    key: string,
    make: () => Omit<WaitNode, 'id' | 'goesOn' | 'fault'>,
    after: (node: WaitNode) => void = () => {},
  ) {
    let node = this.#special.get(key);
    if (node === undefined) {
      node = this.#add(make());
      this.#special.set(key, node);
      after(node);
    }
    return node;
  }

  #returned(launch: Launch, blockIdx: Dim3, group: ThreadGroup | null): WaitNode {
    return this.#once(`returned ${this.#launchKey(launch)} ${keyOf(blockIdx)} ${group?.firstThread}`, () => {
      let why: string | null = null;
      for (const protocol of this.protocols) why ??= protocol.whyReturned(launch, blockIdx, group?.firstThread ?? 0);
      return {
        ...emptyNode('returned', launch),
        blockIdx,
        group,
        threads: group?.threads ?? launch.threadIdxs.length,
        does: 'has returned',
        detail: why ?? '',
      };
    });
  }

  /** Threads of a block that have returned while others of it have not. */
  #partlyReturned({ launch, blockIdx }: StandingBlock, threads: number): WaitNode {
    return this.#once(`partly returned ${this.#launchKey(launch)} ${keyOf(blockIdx)}`, () => ({
      ...emptyNode('returned', launch),
      blockIdx,
      isPart: true,
      threads,
      does: threads === 1 ? 'has returned' : 'have returned',
      detail: `${threads} of ${counted(launch.threadIdxs.length, 'thread')}`,
    }));
  }

  #neverLaunched(rank: number, kernel: string): WaitNode {
    return this.#once(`never ${rank} ${kernel}`, () => ({
      ...emptyNode('never launched', null),
      rank,
      kernel,
      does: 'was never launched',
    }));
  }

  #nobody(detail: string): WaitNode {
    return this.#once(`nobody ${detail}`, () => ({ ...emptyNode('nobody', null), does: 'nobody', detail }));
  }

  #queued(launch: Launch): WaitNode {
    return this.#once(
      `queued ${this.#launchKey(launch)}`,
      () => {
        const head = launch.queue!.pending.find(({ kind }) => kind === 'launch')!.launch!;
        return {
          ...emptyNode('queued', launch),
          threads: launch.blockCount * launch.threadIdxs.length,
          does: 'has not begun',
          detail: `queued on stream ${launch.queue!.index} behind ${head.name} of rank ${head.device}`,
        };
      },
      (node) => {
        const head = launch.queue!.pending.find(({ kind }) => kind === 'launch')!.launch!;
        this.#link(node, this.#launchNode(head), 'launch order', { why: 'is ahead of it on the stream' });
      },
    );
  }

  #launchKey(launch: Launch): number {
    return this.#launches.indexOf(launch);
  }

  #launchNode(launch: Launch): WaitNode {
    return this.#once(
      `launch ${this.#launchKey(launch)}`,
      () => ({
        ...emptyNode('launch', launch),
        threads: launch.blockCount * launch.threadIdxs.length,
        does: 'has not ended',
        detail: `${launch.finishedBlocks} of ${counted(launch.blockCount, 'block')} have ended`,
      }),
      (node) => {
        for (const { sets } of this.#resident.get(launch)?.values() ?? []) {
          for (const set of sets.flat()) this.#link(node, set, 'launch', { why: 'is a part of it' });
        }
        if (launch.startedBlocks < launch.blockCount)
          this.#link(node, this.#notResident(launch), 'launch', { why: 'is a part of it' });
      },
    );
  }

  #notResident(launch: Launch): WaitNode {
    return this.#once(
      `not resident ${this.#launchKey(launch)}`,
      () => {
        const missing = launch.blockCount - launch.startedBlocks;
        const { residentBlocks } = this.#machine.schedule;
        const limit = residentBlocks === null ? '' : ` (schedule: resident=${residentBlocks})`;
        return {
          ...emptyNode('not resident', launch),
          blockIdx: missing === 1 ? launch.blockIdxAt(launch.startedBlocks) : null,
          threads: missing * launch.threadIdxs.length,
          does: 'is not resident',
          detail: `${missing} of ${counted(launch.blockCount, 'block')} ${missing === 1 ? 'waits' : 'wait'} for room on device ${launch.device}${limit}`,
        };
      },
      (node) => {
        for (const { block, sets } of this.#residentBlocks()) {
          if (block.launch.device !== launch.device) continue;
          for (const set of sets.flat())
            this.#link(node, set, 'residency', { why: 'takes up the room', isNeeded: false });
        }
      },
    );
  }

  // --- Writers of words that nobody has declared

  #genericWritersOf(node: WaitNode, load: Load): { nodes: readonly WaitNode[]; isNeeded: boolean } {
    const key = `${load.isShared ? `${this.#launchKey(node.launch!)} ${keyOf(node.blockIdx!)}` : 'global'} ${load.allocation.base + load.offset}`;
    let known = this.#genericWriters.get(key);
    if (known === undefined) {
      known = load.isShared ? this.#sharedWriters(node, load) : this.#globalWriters(load);
      this.#genericWriters.set(key, known);
    }
    const left = known.left.filter((other) => other !== node);
    const others = left.length > 0 ? left : known.returned();
    if (others.length > 0) return { nodes: others, isNeeded: others.length === 1 };
    const place = load.isShared ? 'of its block ' : '';
    return { nodes: [this.#nobody(`no other thread ${place}that is left can write it`)], isNeeded: true };
  }

  #sharedWriters(node: WaitNode, load: Load): Candidates {
    const { block, sets } = this.#residentOf(node);
    const isOne = ({ mayBeShared }: StoreSite) => mayBeShared;
    const left = sets.flat().filter((other) => this.#mayWrite(block, other, load, isOne));
    const sites = factsOf(block.program).stores.filter(isOne);
    return { left, returned: () => this.#goneOf(this.#residentOf(node), load, sites) };
  }

  /** The threads of a resident block that have returned, if one of them may have written; else none. */
  #goneOf({ block, warps }: ResidentBlock, load: Load, sites: readonly StoreSite[]): WaitNode[] {
    const { launch, program } = block;
    const live = warps.map((warp) => maskOf(warp?.lanes ?? []));
    const gone = launch.threadIdxs.flatMap((_, rank) => ((live[rank >>> 5]! & (1 << rank)) === 0 ? [rank] : []));
    const mayHave = gone.some((rank) =>
      sites.some((store) => this.#touches(program, store, this.#coordinatesOf(block, rank), load)),
    );
    return mayHave ? [this.#partlyReturned(block, gone.length)] : [];
  }

  #globalWriters(load: Load): Candidates {
    const live: WaitNode[] = [];
    const absent: WaitNode[] = [];
    const gone: (() => readonly WaitNode[])[] = [];
    for (const launch of this.#launches) {
      const sites = this.#storesInto(launch, load);
      if (sites.length === 0) continue;
      const isOne = (store: StoreSite) => sites.includes(store);
      for (const resident of this.#resident.get(launch)?.values() ?? []) {
        const { block, sets } = resident;
        for (const set of sets.flat()) if (this.#mayWrite(block, set, load, isOne)) live.push(set);
        if (block.liveThreads < launch.threadIdxs.length) gone.push(() => this.#goneOf(resident, load, sites));
      }
      if (launch.finishedBlocks > 0) {
        const ended: Dim3[] = [];
        const resident = this.#resident.get(launch);
        for (let at = 0; at < launch.startedBlocks; at++) {
          const blockIdx = launch.blockIdxAt(at);
          if (resident?.has(keyOf(blockIdx)) !== true) ended.push(blockIdx);
        }
        for (const blockIdx of ended.slice(0, 64)) {
          gone.push(() =>
            this.#mayHaveWritten(launch, [blockIdx], load, sites) ? [this.#returned(launch, blockIdx, null)] : [],
          );
        }
      }
      if (launch.startedBlocks < launch.blockCount) {
        const missing = Array.from({ length: Math.min(4096, launch.blockCount - launch.startedBlocks) }, (_, at) =>
          launch.blockIdxAt(launch.startedBlocks + at),
        );
        if (this.#mayHaveWritten(launch, missing, load, sites)) {
          absent.push(this.#isQueued(launch) ? this.#queued(launch) : this.#notResident(launch));
        }
      }
    }
    let nodes: readonly WaitNode[] | null = null;
    const returned = () => {
      nodes ??= gone.flatMap((make) => make());
      return nodes;
    };
    return { left: [...live, ...absent], returned };
  }

  /** Stores of a launch's kernel that may touch an allocation, by where their pointers come from. */
  #storesInto(launch: Launch, { allocation }: Load): readonly StoreSite[] {
    const program = this.#programOf(launch);
    if (program === null) return [];
    const params = bindParams(program, launch.args);
    const reaches = (index: number): boolean => {
      const value = params[index];
      if (typeof value !== 'object' || value === null) return false;
      const { allocation: own } = value;
      return own === allocation || (own.symmetricBase !== null && own.symmetricBase === allocation.symmetricBase);
    };
    return factsOf(program).stores.filter((store) => store.mayBeAny || [...store.params].some(reaches));
  }

  #programOf(launch: Launch): Program | null {
    for (const { block } of this.#resident.get(launch)?.values() ?? []) return block.program;
    return programOf(launch.kernel);
  }

  #paramsOf(launch: Launch): readonly Word[] {
    let params = this.#params.get(launch);
    if (params === undefined) {
      params = wordsOf(bindParams(this.#programOf(launch)!, launch.args));
      this.#params.set(launch, params);
    }
    return params;
  }

  #mayWrite(block: StandingBlock, node: WaitNode, load: Load, isOne: (store: StoreSite) => boolean): boolean {
    const { program } = block;
    return factsOf(program).stores.some((store) => {
      if (!isOne(store) || !this.#canReach(program, node, store.block, store.at)) return false;
      return lanesOf(node.lanes).some((lane) =>
        this.#touches(program, store, this.#coordinatesOf(block, node.warp * 32 + lane), load),
      );
    });
  }

  #mayHaveWritten(launch: Launch, blocks: readonly Dim3[], load: Load, sites: readonly StoreSite[]): boolean {
    const program = this.#programOf(launch)!;
    const params = this.#paramsOf(launch);
    return blocks.some((blockIdx) =>
      sites.some((store) =>
        launch.threadIdxs.some((_, rank) =>
          this.#touches(program, store, { launch, blockIdx, rank, params, sharedAddress: () => undefined }, load),
        ),
      ),
    );
  }

  #touches(program: Program, store: StoreSite, thread: Coordinates, load: Load): boolean {
    if (++this.#threadsTried > MOST_THREADS_TRIED) return true;
    if (!mayComeTo(program, store.block, thread)) return false;
    return mayTouch(program, store, thread, load.allocation.base + load.offset, scalarBytes(load.type));
  }
}

const maskOf = (lanes: readonly StandingLane[]): number => lanes.reduce((mask, { lane }) => mask | (1 << lane), 0);

/** The course of lanes that go together. */
function together(courses: readonly LaneCourse[]): LaneCourse {
  const going = courses.find(({ kind }) => kind !== 'goes round');
  if (going !== undefined) return going;
  const rounds = courses.flatMap((course) => (course.kind === 'goes round' ? [course] : []));
  return {
    kind: 'goes round',
    exits: rounds.flatMap(({ exits }) => exits),
    loads: rounds.flatMap(({ loads }) => loads),
    barriers: [...new Set(rounds.flatMap(({ barriers }) => barriers))],
    leavesTo: [...new Set(rounds.flatMap(({ leavesTo }) => leavesTo))],
  };
}

/** `vote.sync.any`. */
const operationAt = (program: Program, { block, at }: StandingLane): string =>
  OPERATION_NAMES[opcodeOf(program.blocks[block]!.instructions[at]!)]!;

/** Where a lane is: what it waits in, or what it has done last. */
function siteOf(program: Program, { block, at, waitsIn }: StandingLane): number {
  const { instructions, terminator } = program.blocks[block]!;
  return (instructions[waitsIn === null && at > 0 ? at - 1 : at] ?? terminator).site;
}

const keyOf = ({ x, y, z }: Dim3): string => `(${x},${y},${z})`;

const counted = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;

/** `rank 0 block (0,0,1) of moeAllToAllKernel`. */
export const describeBlock = ({ rank, blockIdx, kernel }: Pick<WaitNode, 'rank' | 'blockIdx' | 'kernel'>): string =>
  `rank ${rank}${blockIdx === null ? '' : ` block ${keyOf(blockIdx)}`} of ${kernel}`;

const emptyNode = (kind: WaitNode['kind'], launch: Launch | null): Omit<WaitNode, 'id' | 'goesOn' | 'fault'> => ({
  kind,
  rank: launch?.device ?? -1,
  kernel: launch?.name ?? '',
  launch,
  blockIdx: null,
  lane: null,
  isPart: false,
  group: null,
  warp: -1,
  lanes: 0,
  threads: 0,
  does: '',
  detail: '',
  frames: [],
});

/** Words of memory, each once; those of one symbol, as far as it is told, too. */
function distinct(words: readonly Wanted[]): Wanted[] {
  const found = new Map<string, Wanted>();
  for (const word of words) {
    const { allocation, offset } = word.load;
    const symbol = allocation.symbols?.describe(offset) ?? null;
    const key = symbol === null ? `${word.load.isShared} ${allocation.base + offset}` : formatSymbol(symbol);
    const known = found.get(key);
    if (known === undefined || (known.wants === null && word.wants !== null)) found.set(key, word);
  }
  return [...found.values()];
}
