import { formatLanes, popc } from '../simt/index.js';

/** `lane 0`, `lanes 1-31`. */
export const lanesName = (mask: number): string => `${popc(mask) === 1 ? 'lane' : 'lanes'} ${formatLanes(mask)}`;
