import { framesOf, type Program, programOf } from '../program/index.js';
import { isBarrier, isCollective, lanesOf, lowestLane, OPERATION_NAMES } from '../simt/for-engines.js';
import {
  type Dim3,
  formatSymbol,
  type Launch,
  type Machine,
  type Protocol,
  type SourceFrame,
  scalarBytes,
  type ThreadGroup,
  type Writer,
} from '../simt/index.js';
import { StepEngine } from '../step/index.js';
import { OPERAND_A, PC } from '../step/layout.js';
import type { StepBlock } from '../step/step-block.js';
import { controlFlowOf } from './control-flow.js';
import { DryWarp, type LaneCourse, paramWords } from './dry-run.js';
import type { EdgeKind, PolledWord, WaitEdge, WaitGraph, WaitNode } from './graph.js';
import { lanesName } from './names.js';
import { type Coordinates, factsOf, mayComeTo, mayTouch, type StoreSite, valueByCoordinates } from './stores.js';
import type { Load } from './values.js';
import { type Wanted, wantedBy } from './wanted.js';

/** Most threads whose stores are looked at one by one for a word that nobody has declared writers of. */
const MOST_THREADS_TRIED = 20_000;
/** Most words of a set of lanes that are told. */
const MOST_WORDS = 4;

/** A machine in mode `step` whose run has ended or stands between two steps, and its wait-for graph. */
export interface Standing extends WaitGraph {
  readonly protocols: readonly Protocol[];
}

/** @throws RangeError if the machine is in another mode, or has not begun. */
export function waitGraphOf(machine: Machine): Standing {
  const { engine } = machine;
  if (!(engine instanceof StepEngine)) {
    throw new RangeError(
      machine.mode === null
        ? 'nothing runs yet: call run() after the first launch'
        : `a machine in mode '${machine.mode}' cannot be explained: run it in mode 'step'`,
    );
  }
  const builder = new GraphBuilder(machine, engine);
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

/** What the course of a set's lanes says, for warps that are alike. */
interface Hint {
  readonly lane: number;
}

class GraphBuilder implements Standing {
  readonly nodes: WaitNode[] = [];
  readonly edges: WaitEdge[] = [];
  readonly protocols: Protocol[] = [];
  readonly #machine: Machine;
  readonly #engine: StepEngine;
  readonly #launches: Launch[];
  /** Sets of lanes of each resident block, by warp. */
  readonly #sets = new Map<StepBlock, WaitNode[][]>();
  readonly #resident = new Map<Launch, Map<string, StepBlock>>();
  readonly #started = new Map<Launch, ReadonlySet<string>>();
  readonly #special = new Map<string, WaitNode>();
  readonly #hints = new Map<string, Hint>();
  /** Where polling threads go once they leave their loops. */
  readonly #leavesTo = new Map<WaitNode, readonly number[]>();
  readonly #genericWriters = new Map<string, Candidates>();
  readonly #frames = new Map<string, readonly SourceFrame[]>();
  #threadsTried = 0;

  constructor(machine: Machine, engine: StepEngine) {
    this.#machine = machine;
    this.#engine = engine;
    const launches = new Set(engine.launchNumbers.keys());
    for (const launch of [...launches]) {
      for (const { launch: queued } of launch.queue?.pending ?? []) if (queued !== undefined) launches.add(queued);
    }
    this.#launches = [...launches];
    const protocols = new Set<Protocol>();
    for (const { symbols } of machine.memory.space.allocations) {
      if (symbols?.protocol !== undefined) protocols.add(symbols.protocol);
    }
    this.protocols.push(...protocols);
  }

  build(): void {
    for (const block of this.#engine.residentBlocks) {
      const ofLaunch = this.#resident.get(block.launch) ?? new Map<string, StepBlock>();
      this.#resident.set(block.launch, ofLaunch);
      ofLaunch.set(keyOf(block.blockIdx), block);
      this.#sets.set(block, this.#setsOf(block));
    }
    const polling: { node: WaitNode; course: LaneCourse & { kind: 'goes round' } }[] = [];
    // Those that poll first: where they go from there decides who can come to a barrier.
    for (const isReady of [true, false]) {
      for (const [block, warps] of this.#sets) {
        for (const [index, sets] of warps.entries()) {
          for (const node of sets) {
            const lane = lowestLane(node.lanes);
            if (this.#isReady(block.firstWarp + index, lane) === isReady) this.#look(block, node, polling);
          }
        }
      }
    }
    for (const { node, course } of polling) this.#addPoll(node, course);
  }

  // --- Sets of lanes

  #setsOf(block: StepBlock): WaitNode[][] {
    const engine = this.#engine;
    const { L, D, rowWords, code } = block.arena;
    const warps: WaitNode[][] = [];
    for (let index = 0; index < block.warpCount; index++) {
      const warp = block.firstWarp + index;
      const byState = new Map<string, number>();
      const live = engine.live[warp]!;
      let row = block.rows + index * 32 * rowWords;
      for (let lane = 0; lane < 32; lane++, row += rowWords) {
        if ((live & (1 << lane)) === 0) continue;
        const pc = L[row + PC]!;
        const isReady = this.#isReady(warp, lane);
        const id = !isReady && isBarrier(code.visible.opcode[pc]!) ? D[(row + OPERAND_A) >> 1]! : 0;
        const key = `${isReady} ${pc} ${id}`;
        byState.set(key, (byState.get(key) ?? 0) | (1 << lane));
      }
      const sets: WaitNode[] = [];
      for (const lanes of byState.values()) sets.push(this.#addThreads(block, index, lanes));
      warps.push(sets);
    }
    return warps;
  }

  #isReady(warp: number, lane: number): boolean {
    const { readyLanes, warpShift, granuleShift } = this.#engine;
    return (readyLanes[(warp << warpShift) + (lane >>> granuleShift)]! & (1 << lane)) !== 0;
  }

  #addThreads(block: StepBlock, warp: number, lanes: number): WaitNode {
    const { launch, blockIdx } = block;
    const first = lowestLane(lanes);
    return this.#add({
      kind: 'threads',
      rank: launch.device,
      kernel: launch.name,
      launch,
      blockIdx,
      block,
      group: this.#groupOf(launch, blockIdx, warp * 32 + first),
      warp,
      lanes,
      threads: lanesOf(lanes).length,
      does: '',
      detail: '',
      frames: this.#framesAt(block, this.#pcOf(block, warp, first)),
      pollFrames: [],
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

  #pcOf({ arena, rows }: StepBlock, warp: number, lane: number): number {
    return arena.L[rows + (warp * 32 + lane) * arena.rowWords + PC]!;
  }

  #framesAt(block: StepBlock, pc: number): readonly SourceFrame[] {
    const { program, layout } = block.arena.code.emitted;
    const key = `${this.#engine.launchNumbers.get(block.launch)} ${pc}`;
    let frames = this.#frames.get(key);
    if (frames === undefined) {
      const place = layout.visible[pc] ?? null;
      frames = place === null ? [] : framesOf(program, place.instruction.site);
      this.#frames.set(key, frames);
    }
    return frames;
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

  #look(
    block: StepBlock,
    node: WaitNode,
    polling: { node: WaitNode; course: LaneCourse & { kind: 'goes round' } }[],
  ): void {
    const warp = block.firstWarp + node.warp;
    const first = lowestLane(node.lanes);
    if (this.#isReady(warp, first)) {
      const course = this.#courseOf(block, node);
      if (course.kind === 'goes round') {
        this.#leavesTo.set(node, course.leavesTo);
        polling.push({ node, course });
        return;
      }
      node.goesOn = true;
      node.does = 'runs on: nothing in memory holds it up';
      return;
    }
    const pc = this.#pcOf(block, node.warp, first);
    const opcode = block.arena.code.visible.opcode[pc]!;
    if (isBarrier(opcode)) this.#lookAtBarrier(block, node, first);
    else if (isCollective(opcode)) this.#lookAtCollective(block, node, first, OPERATION_NAMES[opcode]!);
  }

  #lookAtCollective(block: StepBlock, node: WaitNode, lane: number, name: string): void {
    const missing = this.#engine.missingLanes(block.firstWarp + node.warp, lane);
    node.does = `waits in ${name}`;
    node.detail = `for ${lanesName(missing)} of its warp`;
    for (const other of this.#sets.get(block)![node.warp]!) {
      if ((other.lanes & missing) !== 0)
        this.#link(node, other, 'warp', { why: `missing: ${lanesName(other.lanes & missing)} of its warp` });
    }
  }

  #lookAtBarrier(block: StepBlock, node: WaitNode, lane: number): void {
    const engine = this.#engine;
    const { D, rowWords } = block.arena;
    const id = D[(block.rows + (node.warp * 32 + lane) * rowWords + OPERAND_A) >> 1]!;
    const barrier = block.barriers[id] ?? null;
    node.does = `waits at barrier ${id}`;
    if (barrier === null) return;
    const sets = this.#sets.get(block)!;
    const expected = barrier.expected === 0 ? block.liveWarps * 32 : barrier.expected;
    const arrived = barrier.arrivedWarps * 32;
    node.detail = `${arrived} of ${expected} threads have arrived`;
    const missing =
      barrier.hasArrived[node.warp] === 1 ? 0 : engine.live[block.firstWarp + node.warp]! & ~barrier.lanes[node.warp]!;
    if (missing !== 0) {
      node.detail = `${lanesName(missing)} of its warp not there`;
      for (const other of sets[node.warp]!) {
        if ((other.lanes & missing) !== 0)
          this.#link(node, other, 'barrier', { why: `missing: ${lanesName(other.lanes & missing)} of its warp` });
      }
      return;
    }
    let able = 0;
    let gone = 0;
    for (const [index, ofWarp] of sets.entries()) {
      if (barrier.hasArrived[index] === 1) continue;
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
  #mayReach(block: StepBlock, node: WaitNode, id: number): boolean {
    const { program } = block.arena.code.emitted;
    const lane = lowestLane(node.lanes);
    const thread = this.#coordinatesOf(block, node.warp * 32 + lane);
    return factsOf(program).barriers.some(({ block: at, at: place, id: operand }) => {
      if (!this.#canReach(block, node, at, place)) return false;
      const word = valueByCoordinates(program, operand, thread);
      return word === undefined || word === id;
    });
  }

  /** Whether a set may come to an instruction behind the one where it is. */
  #canReach(block: StepBlock, node: WaitNode, target: number, at: number): boolean {
    const { program, layout } = block.arena.code.emitted;
    const flow = controlFlowOf(program);
    const leavesTo = this.#leavesTo.get(node);
    if (leavesTo !== undefined) return leavesTo.some((from) => from === target || flow.reachableFrom(from).has(target));
    const place = layout.visible[this.#pcOf(block, node.warp, lowestLane(node.lanes))] ?? null;
    if (place === null) return true;
    return (place.block === target && at > place.at) || flow.reachableFrom(place.block).has(target);
  }

  #coordinatesOf(block: StepBlock, rank: number): Coordinates {
    const { launch, blockIdx } = block;
    return {
      launch,
      blockIdx,
      rank,
      params: paramWords(this.#engine, launch),
      sharedAddress: (name) => block.sharedVariables.get(name)?.pointer.address,
    };
  }

  // --- Polls

  /** What the lanes of a ready set do. */
  #courseOf(block: StepBlock, node: WaitNode): LaneCourse {
    const first = lowestLane(node.lanes);
    const key = `${block.arena.code.emitted.program.name} ${this.#pcOf(block, node.warp, first)} ${node.lanes}`;
    const hint = this.#hints.get(key);
    if (hint !== undefined) {
      const course = new DryWarp(this.#engine, block, node.warp).runAlone(hint.lane);
      if (course?.kind === 'goes round' && wantedBy(course.exits).length > 0) return course;
    }
    const warp = block.firstWarp + node.warp;
    let ready = 0;
    for (const lane of lanesOf(this.#engine.live[warp]!)) if (this.#isReady(warp, lane)) ready |= 1 << lane;
    const courses = new DryWarp(this.#engine, block, node.warp).run(ready, node.lanes);
    const own = lanesOf(node.lanes).flatMap((lane) => courses.get(lane) ?? []);
    const going = own.find(({ kind }) => kind !== 'goes round');
    if (going !== undefined) return going;
    const rounds = own.flatMap((course) => (course.kind === 'goes round' ? [course] : []));
    this.#hint(key, block, node);
    return {
      kind: 'goes round',
      exits: rounds.flatMap(({ exits }) => exits),
      loads: rounds.flatMap(({ loads }) => loads),
      leavesTo: [...new Set(rounds.flatMap(({ leavesTo }) => leavesTo))],
    };
  }

  /** Remembers a lane that shows by itself what its warp polls: one lane is quicker than 32. */
  #hint(key: string, block: StepBlock, node: WaitNode): void {
    if (this.#hints.has(key)) return;
    for (const lane of lanesOf(node.lanes)) {
      const course = new DryWarp(this.#engine, block, node.warp).runAlone(lane);
      if (course?.kind !== 'goes round' || !wantedBy(course.exits).some(({ wants }) => wants !== null)) continue;
      this.#hints.set(key, { lane });
      return;
    }
  }

  #addPoll(node: WaitNode, course: LaneCourse & { kind: 'goes round' }): void {
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
    this.#placePoll(
      node,
      words.map(({ load }) => load.site),
    );
    for (const [index, word] of told.entries()) this.#linkWriters(node, words[index]!.load, word);
  }

  /** Where a thread polls that has been let go at a barrier, say, and is not there yet. */
  #placePoll(node: WaitNode, sites: readonly number[]): void {
    const { program, layout } = node.block!.arena.code.emitted;
    const place = layout.visible[this.#pcOf(node.block!, node.warp, lowestLane(node.lanes))] ?? null;
    if (place !== null && sites.includes(place.instruction.site)) return;
    node.pollFrames = framesOf(program, sites[0]!);
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
    const found = this.#sets
      .get(block)!
      .slice(firstWarp, lastWarp + 1)
      .flat();
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
    const number = this.#engine.launchNumbers.get(launch);
    return this.#once(`returned ${number} ${keyOf(blockIdx)} ${group?.firstThread}`, () => {
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
  #partlyReturned(block: StepBlock, threads: number): WaitNode {
    const { launch, blockIdx } = block;
    const number = this.#engine.launchNumbers.get(launch);
    return this.#once(`partly returned ${number} ${keyOf(blockIdx)}`, () => ({
      ...emptyNode('returned', launch),
      blockIdx,
      block,
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
        for (const [block, warps] of this.#sets) {
          if (block.launch !== launch) continue;
          for (const set of warps.flat()) this.#link(node, set, 'launch', { why: 'is a part of it' });
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
        for (const [block, warps] of this.#sets) {
          if (block.launch.device !== launch.device) continue;
          for (const set of warps.flat())
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
    const block = node.block!;
    const isOne = ({ mayBeShared }: StoreSite) => mayBeShared;
    const left = this.#sets
      .get(block)!
      .flat()
      .filter((other) => this.#mayWrite(block, other, load, isOne));
    const sites = factsOf(block.arena.code.emitted.program).stores.filter(isOne);
    return { left, returned: () => this.#goneOf(block, load, sites) };
  }

  /** The threads of a resident block that have returned, if one of them may have written; else none. */
  #goneOf(block: StepBlock, load: Load, sites: readonly StoreSite[]): WaitNode[] {
    const { launch } = block;
    const gone = launch.threadIdxs.flatMap((_, rank) => (this.#isLive(block, rank) ? [] : [rank]));
    const { program } = block.arena.code.emitted;
    const mayHave = gone.some((rank) =>
      sites.some((store) => this.#touches(program, store, this.#coordinatesOf(block, rank), load)),
    );
    return mayHave ? [this.#partlyReturned(block, gone.length)] : [];
  }

  #isLive({ firstWarp }: StepBlock, rank: number): boolean {
    return (this.#engine.live[firstWarp + Math.floor(rank / 32)]! & (1 << (rank % 32))) !== 0;
  }

  #globalWriters(load: Load): Candidates {
    const live: WaitNode[] = [];
    const absent: WaitNode[] = [];
    const gone: (() => readonly WaitNode[])[] = [];
    for (const launch of this.#launches) {
      const sites = this.#storesInto(launch, load);
      if (sites.length === 0) continue;
      const isOne = (store: StoreSite) => sites.includes(store);
      for (const block of this.#resident.get(launch)?.values() ?? []) {
        for (const set of this.#sets.get(block)!.flat()) if (this.#mayWrite(block, set, load, isOne)) live.push(set);
        if (block.liveThreads < launch.threadIdxs.length) gone.push(() => this.#goneOf(block, load, sites));
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
    const params = (() => {
      try {
        return this.#engine.valuesOf(launch);
      } catch {
        return null;
      }
    })();
    const program = this.#programOf(launch);
    if (params === null || program === null) return [];
    const reaches = (index: number): boolean => {
      const value = params[index];
      if (typeof value !== 'object' || value === null) return false;
      const { allocation: own } = value;
      return own === allocation || (own.symmetricBase !== null && own.symmetricBase === allocation.symmetricBase);
    };
    return factsOf(program).stores.filter((store) => store.mayBeAny || [...store.params].some(reaches));
  }

  #programOf(launch: Launch): Program | null {
    for (const block of this.#resident.get(launch)?.values() ?? []) return block.arena.code.emitted.program;
    for (const [code] of this.#engine.arenas) {
      if (code.emitted.program.name === launch.name) return code.emitted.program;
    }
    return programOf(launch.kernel);
  }

  #mayWrite(block: StepBlock, node: WaitNode, load: Load, isOne: (store: StoreSite) => boolean): boolean {
    const { program } = block.arena.code.emitted;
    return factsOf(program).stores.some((store) => {
      if (!isOne(store) || !this.#canReach(block, node, store.block, store.at)) return false;
      return lanesOf(node.lanes).some((lane) =>
        this.#touches(program, store, this.#coordinatesOf(block, node.warp * 32 + lane), load),
      );
    });
  }

  #mayHaveWritten(launch: Launch, blocks: readonly Dim3[], load: Load, sites: readonly StoreSite[]): boolean {
    const program = this.#programOf(launch)!;
    const params = paramWords(this.#engine, launch);
    return blocks.some((blockIdx) =>
      sites.some((store) =>
        launch.threadIdxs.some((_, rank) =>
          this.#touches(program, store, { launch, blockIdx, rank, params, sharedAddress: () => undefined }, load),
        ),
      ),
    );
  }

  #touches(program: Parameters<typeof mayTouch>[0], store: StoreSite, thread: Coordinates, load: Load): boolean {
    if (++this.#threadsTried > MOST_THREADS_TRIED) return true;
    if (!mayComeTo(program, store.block, thread)) return false;
    return mayTouch(program, store, thread, load.allocation.base + load.offset, scalarBytes(load.type));
  }
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
  block: null,
  group: null,
  warp: -1,
  lanes: 0,
  threads: 0,
  does: '',
  detail: '',
  frames: [],
  pollFrames: [],
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
