import type { Dim3, Launch } from '../simt/index.js';
import type { SpecialName } from './program.js';

/** A block of a launch. */
export interface BlockPlace {
  readonly launch: Pick<Launch, 'threadIdxs' | 'blockDim' | 'gridDim'>;
  readonly blockIdx: Dim3;
}

/** The value of a built-in variable for the thread of that number within a block. */
export function specialValue(name: SpecialName, { launch, blockIdx }: BlockPlace, rank: number): number {
  if (name === 'laneId') return rank & 31;
  if (name === 'warpIndex') return rank >>> 5;
  const [of, axis] = name.split('.') as ['threadIdx' | 'blockIdx' | 'blockDim' | 'gridDim', 'x' | 'y' | 'z'];
  if (of === 'threadIdx') return launch.threadIdxs[rank]![axis];
  return (of === 'blockIdx' ? blockIdx : launch[of])[axis];
}
