import type { StandingBlock } from '../hang/index.js';
import { bindParams, type Program, programOf, type Word } from '../program/index.js';
import type { Dim3, Launch } from '../simt/index.js';
import type { ResidentBlocks } from './resident-blocks.js';
import type { Coordinates } from './stores.js';
import { wordsOf } from './values.js';

/** Programs and coordinates of threads, resident or not. */
export class ThreadCoordinates {
  readonly #residents: ResidentBlocks;
  readonly #params = new Map<Launch, readonly Word[]>();

  constructor(residents: ResidentBlocks) {
    this.#residents = residents;
  }

  /** The program of a launch's kernel; null: there is none. */
  programOf(launch: Launch): Program | null {
    for (const { block } of this.#residents.ofLaunch(launch)) return block.program;
    return programOf(launch.kernel);
  }

  /** A thread of a resident block. */
  inBlock(block: StandingBlock, rank: number): Coordinates {
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

  /** A thread of a block that is not resident. Domain: its launch has a program. */
  inAbsentBlock(launch: Launch, blockIdx: Dim3, rank: number): Coordinates {
    return { launch, blockIdx, rank, params: this.#paramsOf(launch), sharedAddress: () => undefined };
  }

  #paramsOf(launch: Launch): readonly Word[] {
    let params = this.#params.get(launch);
    if (params === undefined) {
      params = wordsOf(bindParams(this.programOf(launch)!, launch.args));
      this.#params.set(launch, params);
    }
    return params;
  }
}
