import { type Dim3, formatLanes, popc } from '../simt/index.js';
import type { WaitNode } from './graph.js';

/** `lane 0`, `lanes 1-31`. */
export const lanesName = (mask: number): string => `${popc(mask) === 1 ? 'lane' : 'lanes'} ${formatLanes(mask)}`;

/** `(0,0,1)`. */
export const formatDim3 = ({ x, y, z }: Dim3): string => `(${x},${y},${z})`;

/** `rank 0 block (0,0,1) of moeAllToAllKernel`. */
export const describeBlock = ({ rank, blockIdx, kernel }: Pick<WaitNode, 'rank' | 'blockIdx' | 'kernel'>): string =>
  `rank ${rank}${blockIdx === null ? '' : ` block ${formatDim3(blockIdx)}`} of ${kernel}`;

/** `1 thread`, `2 threads`. */
export const counted = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;
