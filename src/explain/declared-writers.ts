import type { Writer } from '../simt/index.js';
import type { AbsentNodes } from './absent-nodes.js';
import type { WaitNode, WordWriter } from './graph.js';
import { formatDim3 } from './names.js';
import type { ResidentBlocks } from './resident-blocks.js';

/** Who writes words that the memory's symbols declare writers of. */
export class DeclaredWriters {
  readonly #residents: ResidentBlocks;
  readonly #absent: AbsentNodes;

  constructor(residents: ResidentBlocks, absent: AbsentNodes) {
    this.#residents = residents;
    this.#absent = absent;
  }

  /** Of those that are declared for a word, the ones that `node` waits for; `name` is the word's. */
  of(node: WaitNode, declared: readonly Writer[], name: string): WordWriter[] {
    if (declared.length === 0) return [this.#nobody(`no kernel ever writes ${name}`)];
    const found = declared.map((writer) => ({
      does: writer.does,
      targets: this.#nodesOf(writer).filter((target) => target !== node),
    }));
    const isLeft = ({ kind }: WaitNode) => kind !== 'returned' && kind !== 'nobody';
    const left = found.filter(({ targets }) => targets.some(isLeft));
    // Those who have returned matter only if nobody is left.
    const told = left.length > 0 ? left : found.filter(({ targets }) => targets.length > 0);
    if (told.length === 0) return [this.#nobody(`only the threads that wait for ${name} could write it themselves`)];
    return told.flatMap(({ does, targets }) =>
      targets.map((target) => ({ node: target, does, isNeeded: told.length === 1 })),
    );
  }

  #nobody(detail: string): WordWriter {
    return { node: this.#absent.nobody(detail), does: '', isNeeded: true };
  }

  /** Where the threads are that change a word. */
  #nodesOf(writer: Writer): WaitNode[] {
    const { rank, kernel, launch, blockIdx, firstThread, threads } = writer;
    if (launch === null) return [this.#absent.neverLaunched(rank, kernel)];
    const { gridDim } = launch;
    if (blockIdx.x >= gridDim.x || blockIdx.y >= gridDim.y || blockIdx.z >= gridDim.z) {
      return [this.#absent.nobody(`rank ${rank} was launched without a block ${formatDim3(blockIdx)} for it`)];
    }
    const resident = this.#residents.at(launch, blockIdx);
    if (resident === null) return [this.#absent.block(launch, blockIdx, writer)];
    const firstWarp = Math.floor(firstThread / 32);
    const lastWarp = Math.floor((firstThread + threads - 1) / 32);
    const found = resident.sets.slice(firstWarp, lastWarp + 1).flat();
    return found.length > 0 ? found : [this.#absent.returned(launch, blockIdx, writer)];
  }
}
