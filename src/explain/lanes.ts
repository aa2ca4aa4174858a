/** Numbers as ranges: `0-6,8`. */
export function rangesText(numbers: readonly number[]): string {
  const sorted = [...numbers].sort((a, b) => a - b);
  const parts: string[] = [];
  for (let at = 0; at < sorted.length; at++) {
    const first = sorted[at]!;
    let last = first;
    while (sorted[at + 1] === last + 1) last = sorted[++at]!;
    parts.push(first === last ? `${first}` : `${first}-${last}`);
  }
  return parts.join(',');
}

/** The lanes of a mask, lowest first. */
export function lanesOf(mask: number): number[] {
  const lanes: number[] = [];
  for (let rest = mask; rest !== 0; rest &= rest - 1) lanes.push(31 - Math.clz32(rest & -rest));
  return lanes;
}

/** The lanes of a mask as ranges. */
export const lanesText = (mask: number): string => rangesText(lanesOf(mask));

/** The lowest lane of a mask. Domain: not 0. */
export const lowestLane = (mask: number): number => 31 - Math.clz32(mask & -mask);

/** `lane 0`, `lanes 1-31`. */
export const lanesName = (mask: number): string =>
  `${lanesOf(mask).length === 1 ? 'lane' : 'lanes'} ${lanesText(mask)}`;
