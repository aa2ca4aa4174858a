import type { Dim3, Launch, Machine, Protocol, ThreadGroup } from '../simt/index.js';
import type { WaitNode } from './graph.js';
import type { GrowingGraph, NewNode } from './growing-graph.js';
import { counted, formatDim3 } from './names.js';
import type { ResidentBlock, ResidentBlocks } from './resident-blocks.js';

/** Nodes of a wait-for graph that are no waiting threads: added when they are asked for first, with what they wait for. */
export class AbsentNodes {
  readonly #graph: GrowingGraph;
  readonly #residents: ResidentBlocks;
  readonly #protocols: readonly Protocol[];
  readonly #launches: readonly Launch[];
  /** Of the schedule: most resident blocks of a device; null: as many as have room. */
  readonly #residentLimit: number | null;
  readonly #nodes = new Map<string, WaitNode>();
  /** Blocks that have become resident, of launches that have others. */
  readonly #started = new Map<Launch, ReadonlySet<string>>();

  constructor(
    graph: GrowingGraph,
    residents: ResidentBlocks,
    protocols: readonly Protocol[],
    { launches, schedule }: Machine,
  ) {
    this.#graph = graph;
    this.#residents = residents;
    this.#protocols = protocols;
    this.#launches = launches;
    this.#residentLimit = schedule.residentBlocks;
  }

  nobody(detail: string): WaitNode {
    return this.#once('nobody', null, detail, () => ({ does: 'nobody', detail }));
  }

  neverLaunched(rank: number, kernel: string): WaitNode {
    return this.#once('never launched', null, `${rank} ${kernel}`, () => ({
      rank,
      kernel,
      does: 'was never launched',
    }));
  }

  /** A block that is not resident, or a group of it: its launch has not begun, it has no room, or it has ended. */
  block(launch: Launch, blockIdx: Dim3, group: ThreadGroup | null): WaitNode {
    return this.#hasStarted(launch, blockIdx) ? this.returned(launch, blockIdx, group) : this.notStarted(launch);
  }

  /** Blocks of a launch that have never been resident: the launch has not begun, or they have no room. */
  notStarted(launch: Launch): WaitNode {
    const ahead = aheadOf(launch);
    return ahead === null ? this.#notResident(launch) : this.#queued(launch, ahead);
  }

  /** A block, or a group of it, that has returned. */
  returned(launch: Launch, blockIdx: Dim3, group: ThreadGroup | null): WaitNode {
    return this.#once('returned', launch, `${formatDim3(blockIdx)} ${group?.firstThread}`, () => {
      let why: string | null = null;
      for (const protocol of this.#protocols) why ??= protocol.whyReturned(launch, blockIdx, group?.firstThread ?? 0);
      return {
        blockIdx,
        group,
        threads: group?.threads ?? launch.threadIdxs.length,
        does: 'has returned',
        detail: why ?? '',
      };
    });
  }

  /** Threads of a block that have returned while others of it have not. */
  partlyReturned({ block: { launch, blockIdx } }: ResidentBlock, threads: number): WaitNode {
    return this.#once('returned', launch, `${formatDim3(blockIdx)} partly`, () => ({
      blockIdx,
      isPart: true,
      threads,
      does: threads === 1 ? 'has returned' : 'have returned',
      detail: `${threads} of ${counted(launch.threadIdxs.length, 'thread')}`,
    }));
  }

  #queued(launch: Launch, ahead: Launch): WaitNode {
    return this.#once(
      'queued',
      launch,
      '',
      () => ({
        threads: launch.blockCount * launch.threadIdxs.length,
        does: 'has not begun',
        detail: `queued on stream ${launch.queue!.index} behind ${ahead.name} of rank ${ahead.device}`,
      }),
      (node) => {
        this.#graph.link(node, this.#launch(ahead), 'launch order', { why: 'is ahead of it on the stream' });
      },
    );
  }

  #launch(launch: Launch): WaitNode {
    return this.#once(
      'launch',
      launch,
      '',
      () => ({
        threads: launch.blockCount * launch.threadIdxs.length,
        does: 'has not ended',
        detail: `${launch.finishedBlocks} of ${counted(launch.blockCount, 'block')} have ended`,
      }),
      (node) => {
        const link = (part: WaitNode) => this.#graph.link(node, part, 'launch', { why: 'is a part of it' });
        for (const { sets } of this.#residents.ofLaunch(launch)) sets.flat().forEach(link);
        if (launch.startedBlocks < launch.blockCount) link(this.#notResident(launch));
      },
    );
  }

  #notResident(launch: Launch): WaitNode {
    return this.#once(
      'not resident',
      launch,
      '',
      () => {
        const missing = launch.blockCount - launch.startedBlocks;
        const limit = this.#residentLimit === null ? '' : ` (schedule: resident=${this.#residentLimit})`;
        return {
          blockIdx: missing === 1 ? launch.blockIdxAt(launch.startedBlocks) : null,
          threads: missing * launch.threadIdxs.length,
          does: 'is not resident',
          detail: `${missing} of ${counted(launch.blockCount, 'block')} ${missing === 1 ? 'waits' : 'wait'} for room on device ${launch.device}${limit}`,
        };
      },
      (node) => {
        for (const { block, sets } of this.#residents.all()) {
          if (block.launch.device !== launch.device) continue;
          for (const set of sets.flat()) {
            this.#graph.link(node, set, 'residency', { why: 'takes up the room', isNeeded: false });
          }
        }
      },
    );
  }

  #hasStarted(launch: Launch, blockIdx: Dim3): boolean {
    if (launch.startedBlocks === launch.blockCount) return true;
    let started = this.#started.get(launch);
    if (started === undefined) {
      started = new Set(Array.from({ length: launch.startedBlocks }, (_, at) => formatDim3(launch.blockIdxAt(at))));
      this.#started.set(launch, started);
    }
    return started.has(formatDim3(blockIdx));
  }

  /** The node of a kind, launch and `what`; `after` links it when it has been added. */
  #once(
    kind: WaitNode['kind'],
    launch: Launch | null,
    what: string,
    make: () => Partial<NewNode>,
    after: (node: WaitNode) => void = () => {},
  ): WaitNode {
    const key = `${kind} ${launch === null ? '' : this.#launches.indexOf(launch)} ${what}`;
    let node = this.#nodes.get(key);
    if (node === undefined) {
      node = this.#graph.add({ ...emptyNode(kind, launch), ...make() });
      this.#nodes.set(key, node);
      after(node);
    }
    return node;
  }
}

/** The launch at the head of the stream that one waits on; null: it has begun, or nothing is ahead of it. */
function aheadOf(launch: Launch): Launch | null {
  const pending = launch.queue?.pending ?? [];
  if (launch.startedBlocks > 0 || !pending.some((item) => item.launch === launch)) return null;
  const head = pending.find(({ kind }) => kind === 'launch')?.launch ?? launch;
  return head === launch ? null : head;
}

const emptyNode = (kind: WaitNode['kind'], launch: Launch | null): NewNode => ({
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
