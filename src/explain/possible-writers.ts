import type { StandingBlock } from '../hang/index.js';
import { bindParams, type Program } from '../program/index.js';
import { lanesOf } from '../simt/for-engines.js';
import { type Dim3, type Launch, scalarBytes } from '../simt/index.js';
import type { AbsentNodes } from './absent-nodes.js';
import type { WaitNode, WordWriter } from './graph.js';
import { formatDim3 } from './names.js';
import type { Reach } from './reach.js';
import type { ResidentBlock, ResidentBlocks } from './resident-blocks.js';
import { type Coordinates, factsOf, mayComeTo, mayTouch, type StoreSite } from './stores.js';
import type { ThreadCoordinates } from './thread-coordinates.js';
import { keyOfLoad, type Load } from './values.js';

/** Most threads whose stores are looked at one by one. */
const MOST_THREADS_TRIED = 20_000;
/** Most blocks of a launch that have ended, and most that have never been resident, that are looked at. */
const MOST_ENDED_BLOCKS = 64;
const MOST_MISSING_BLOCKS = 4096;

/** Who may write a word. */
interface Candidates {
  /** Those who are left. */
  readonly left: readonly WaitNode[];
  /** Those who have returned: they matter only if nobody is left. */
  readonly returned: () => readonly WaitNode[];
}

/** Who may write words that nobody has declared writers of: whoever can reach a store that may touch them. */
export class PossibleWriters {
  readonly #launches: readonly Launch[];
  readonly #residents: ResidentBlocks;
  readonly #absent: AbsentNodes;
  readonly #coordinates: ThreadCoordinates;
  readonly #reach: Reach;
  readonly #candidates = new Map<string, Candidates>();
  #threadsTried = 0;

  constructor(
    launches: readonly Launch[],
    residents: ResidentBlocks,
    absent: AbsentNodes,
    coordinates: ThreadCoordinates,
    reach: Reach,
  ) {
    this.#launches = launches;
    this.#residents = residents;
    this.#absent = absent;
    this.#coordinates = coordinates;
    this.#reach = reach;
  }

  /** Those that `node` waits for. */
  of(node: WaitNode, load: Load): WordWriter[] {
    const { left, returned } = this.#candidatesFor(node, load);
    const othersLeft = left.filter((other) => other !== node);
    const others = othersLeft.length > 0 ? othersLeft : returned();
    if (others.length > 0) {
      const isNeeded = others.length === 1;
      return others.map((other) => ({ node: other, does: isNeeded ? 'can write it' : 'may write it', isNeeded }));
    }
    const place = load.isShared ? 'of its block ' : '';
    const nobody = this.#absent.nobody(`no other thread ${place}that is left can write it`);
    return [{ node: nobody, does: '', isNeeded: true }];
  }

  #candidatesFor(node: WaitNode, load: Load): Candidates {
    const { launch, blockIdx } = node;
    const whose = load.isShared ? `${this.#launches.indexOf(launch!)} ${formatDim3(blockIdx!)}` : '';
    const key = `${whose} ${keyOfLoad(load)}`;
    let known = this.#candidates.get(key);
    if (known === undefined) {
      known = load.isShared ? this.#sharedWriters(this.#residents.ofSet(node), load) : this.#globalWriters(load);
      this.#candidates.set(key, known);
    }
    return known;
  }

  #sharedWriters(resident: ResidentBlock, load: Load): Candidates {
    const { block, sets } = resident;
    const stores = factsOf(block.program).stores.filter(({ mayBeShared }) => mayBeShared);
    const left = sets.flat().filter((other) => this.#mayWrite(block, other, load, stores));
    return { left, returned: () => this.#goneOf(resident, load, stores) };
  }

  #globalWriters(load: Load): Candidates {
    const live: WaitNode[] = [];
    const absent: WaitNode[] = [];
    const gone: (() => readonly WaitNode[])[] = [];
    for (const launch of this.#launches) {
      const stores = this.#storesInto(launch, load);
      if (stores.length === 0) continue;
      for (const resident of this.#residents.ofLaunch(launch)) {
        const { block, sets } = resident;
        live.push(...sets.flat().filter((set) => this.#mayWrite(block, set, load, stores)));
        if (block.liveThreads < launch.threadIdxs.length) gone.push(() => this.#goneOf(resident, load, stores));
      }
      for (const blockIdx of this.#endedBlocks(launch).slice(0, MOST_ENDED_BLOCKS)) {
        gone.push(() =>
          this.#mayHaveWritten(launch, [blockIdx], load, stores) ? [this.#absent.returned(launch, blockIdx, null)] : [],
        );
      }
      const { startedBlocks, blockCount } = launch;
      const missing = Array.from({ length: Math.min(MOST_MISSING_BLOCKS, blockCount - startedBlocks) }, (_, at) =>
        launch.blockIdxAt(startedBlocks + at),
      );
      if (this.#mayHaveWritten(launch, missing, load, stores)) absent.push(this.#absent.notStarted(launch));
    }
    let nodes: readonly WaitNode[] | null = null;
    const returned = () => {
      nodes ??= gone.flatMap((make) => make());
      return nodes;
    };
    return { left: [...live, ...absent], returned };
  }

  #endedBlocks(launch: Launch): Dim3[] {
    if (launch.finishedBlocks === 0) return [];
    const started = Array.from({ length: launch.startedBlocks }, (_, at) => launch.blockIdxAt(at));
    return started.filter((blockIdx) => this.#residents.at(launch, blockIdx) === null);
  }

  /** Stores of a launch's kernel that may touch an allocation, by where their pointers come from. */
  #storesInto(launch: Launch, { allocation }: Load): readonly StoreSite[] {
    const program = this.#coordinates.programOf(launch);
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

  /** Whether one of these stores may write a word, and is still ahead of a set. */
  #mayWrite(block: StandingBlock, node: WaitNode, load: Load, stores: readonly StoreSite[]): boolean {
    return stores.some((store) => {
      if (!this.#reach.mayReach(block, node, store)) return false;
      return lanesOf(node.lanes).some((lane) =>
        this.#touches(block.program, store, this.#coordinates.inBlock(block, node.warp * 32 + lane), load),
      );
    });
  }

  /** The threads of a resident block that have returned, if one of them may have written; else none. */
  #goneOf(resident: ResidentBlock, load: Load, stores: readonly StoreSite[]): WaitNode[] {
    const { block, live } = resident;
    const gone = block.launch.threadIdxs.flatMap((_, rank) => ((live[rank >>> 5]! & (1 << rank)) === 0 ? [rank] : []));
    const mayHave = gone.some((rank) =>
      stores.some((store) => this.#touches(block.program, store, this.#coordinates.inBlock(block, rank), load)),
    );
    return mayHave ? [this.#absent.partlyReturned(resident, gone.length)] : [];
  }

  /** Whether a thread of one of these blocks, none of them resident, may have written a word, or may write it. */
  #mayHaveWritten(launch: Launch, blocks: readonly Dim3[], load: Load, stores: readonly StoreSite[]): boolean {
    const program = this.#coordinates.programOf(launch)!;
    return blocks.some((blockIdx) =>
      stores.some((store) =>
        launch.threadIdxs.some((_, rank) =>
          this.#touches(program, store, this.#coordinates.inAbsentBlock(launch, blockIdx, rank), load),
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
