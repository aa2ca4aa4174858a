/** The lowest lane of a mask. Domain: not 0. */
export const lowestLane = (lanes: number): number => 31 - Math.clz32(lanes & -lanes);

/** A mask of lanes as messages show it: `0x0000ffff`. */
export const hexMask = (mask: number): string => `0x${(mask >>> 0).toString(16).padStart(8, '0')}`;

/** The lanes of a mask as ranges: `0-6,8` of 0x17f. */
export function formatLanes(mask: number): string {
  const parts: string[] = [];
  for (let lane = 0; lane < 32; lane++) {
    if ((mask & (1 << lane)) === 0) continue;
    let end = lane;
    while (end < 31 && (mask & (1 << (end + 1))) !== 0) end++;
    parts.push(end === lane ? `${lane}` : `${lane}-${end}`);
    lane = end;
  }
  return parts.join(',');
}
