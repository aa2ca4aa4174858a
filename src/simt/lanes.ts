/** The lowest lane of a mask. Domain: not 0. */
export const lowestLane = (lanes: number): number => 31 - Math.clz32(lanes & -lanes);

/** The lanes of a mask, lowest first. */
export function lanesOf(mask: number): number[] {
  const lanes: number[] = [];
  for (let rest = mask; rest !== 0; rest &= rest - 1) lanes.push(lowestLane(rest));
  return lanes;
}

/** A mask of lanes as messages show it: `0x0000ffff`. */
export const hexMask = (mask: number): string => `0x${(mask >>> 0).toString(16).padStart(8, '0')}`;

/** Numbers as ranges, in whatever order they are given: `0-6,8`. */
export function formatRanges(numbers: readonly number[]): string {
  const sorted = [...numbers].sort((a, b) => a - b);
  const ranges: string[] = [];
  for (let at = 0; at < sorted.length; at++) {
    const first = sorted[at]!;
    let last = first;
    while (sorted[at + 1] === last + 1) last = sorted[++at]!;
    ranges.push(first === last ? `${first}` : `${first}-${last}`);
  }
  return ranges.join(',');
}

/** The lanes of a mask as ranges: `0-6,8` of 0x17f. */
export const formatLanes = (mask: number): string => formatRanges(lanesOf(mask));
