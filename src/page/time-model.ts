import type { Timeline } from '../timeline/index.js';

/** What a warp is doing at a step; the numbers are those of {@link STATES}. `running`: it runs, or could. */
export const ABSENT = 0;
export const RUNNING = 1;
export const BARRIER = 2;
export const POLLING = 3;
export const MEETING = 4;
export const EXITED = 5;

/** By number: class of its colour, and what it is called. */
export const STATES = [
  { style: 'absent', label: 'not resident' },
  { style: 'running', label: 'running' },
  { style: 'barrier', label: 'waiting at a barrier' },
  { style: 'polling', label: 'polling' },
  { style: 'meeting', label: 'waiting for lanes' },
  { style: 'absent', label: 'exited' },
] as const;

/** State of a {@link Timeline}'s kinds of waits, by their number. */
const STATE_OF_WAIT = Uint8Array.of(BARRIER, POLLING, MEETING);

/** A warp as people name it. */
export interface WarpName {
  readonly kernel: string;
  readonly rank: number;
  readonly block: string;
  readonly warp: number;
  /** What the kernel calls its group of threads; null: nothing. */
  readonly group: string | null;
}

/** A timeline with what the views look up in it again and again. */
export class TimeModel {
  readonly timeline: Timeline;
  /** Warps by rank, launch, block (x fastest) and number. */
  readonly rows: Int32Array;
  /** The waits of warp w are those from `firstWait[w]` up to `firstWait[w + 1]`. */
  readonly firstWait: Int32Array;
  readonly startStep: Float64Array;
  /** Step at which a warp has exited; infinite if it has not. */
  readonly exitStep: Float64Array;
  /** As the table's, but infinite where a wait lasts to the end. */
  readonly waitEnd: Float64Array;

  /** Phases of barriers by block. */
  readonly #phases: ReturnType<typeof groupRows>;

  constructor(timeline: Timeline) {
    this.timeline = timeline;
    this.#phases = groupRows(timeline.barriers.block, timeline.blocks.count);
    const { warps, blocks, waits, launches } = timeline;
    this.firstWait = new Int32Array(warps.count + 1);
    for (let at = 0; at < waits.count; at++) this.firstWait[waits.warp[at]! + 1]!++;
    for (let warp = 0; warp < warps.count; warp++) this.firstWait[warp + 1]! += this.firstWait[warp]!;
    this.waitEnd = openEnds(waits.endStep);
    this.exitStep = openEnds(warps.endStep);
    this.startStep = Float64Array.from(warps.block, (block) => blocks.startStep[block]!);
    const blockOrder = Int32Array.from({ length: blocks.count }, (_, block) => block).sort((a, b) => {
      const [one, other] = [blocks.launch[a]!, blocks.launch[b]!];
      return (
        launches[one]!.rank - launches[other]!.rank ||
        one - other ||
        blocks.z[a]! - blocks.z[b]! ||
        blocks.y[a]! - blocks.y[b]! ||
        blocks.x[a]! - blocks.x[b]!
      );
    });
    this.rows = new Int32Array(warps.count);
    let row = 0;
    for (const block of blockOrder) {
      for (let warp = 0; warp < blocks.warpCount[block]!; warp++) this.rows[row++] = blocks.firstWarp[block]! + warp;
    }
  }

  get steps(): number {
    return this.timeline.steps;
  }

  hasWaits(warp: number): boolean {
    return this.firstWait[warp + 1]! > this.firstWait[warp]!;
  }

  rankOf(warp: number): number {
    const { blocks, warps, launches } = this.timeline;
    return launches[blocks.launch[warps.block[warp]!]!]!.rank;
  }

  nameOf(warp: number): WarpName {
    const { blocks, warps, launches, groups } = this.timeline;
    const block = warps.block[warp]!;
    const { kernel, rank } = launches[blocks.launch[block]!]!;
    return {
      kernel,
      rank,
      block: `(${blocks.x[block]},${blocks.y[block]},${blocks.z[block]})`,
      warp: warp - blocks.firstWarp[block]!,
      group: groups[warps.group[warp]!] ?? null,
    };
  }

  /** The wait that a warp is in when `step` steps are done; -1: it is in none. */
  waitAt(warp: number, step: number): number {
    const at = this.waitBefore(warp, step);
    return at >= 0 && step < this.waitEnd[at]! ? at : -1;
  }

  /** The last wait of a warp that has begun by `step`; -1: none has. */
  waitBefore(warp: number, step: number): number {
    const { startStep } = this.timeline.waits;
    const first = this.firstWait[warp]!;
    const at = countUpTo(startStep, first, this.firstWait[warp + 1]!, step) - 1;
    return at >= first ? at : -1;
  }

  stateAt(warp: number, step: number): number {
    if (step < this.startStep[warp]!) return ABSENT;
    if (step >= this.exitStep[warp]!) return EXITED;
    const wait = this.waitAt(warp, step);
    return wait === -1 ? RUNNING : this.stateOfWait(wait);
  }

  stateOfWait(wait: number): number {
    return STATE_OF_WAIT[this.timeline.waits.kind[wait]!]!;
  }

  /** How many of the given rows are in each state, by its number. */
  countsAt(step: number, rows: Int32Array): number[] {
    const counts = STATES.map(() => 0);
    for (const warp of rows) counts[this.stateAt(warp, step)]!++;
    return counts;
  }

  /** The next step after `step` (`direction` 1), or the last before it (-1), at which the warp's state changes. */
  changeOf(warp: number, step: number, direction: 1 | -1): number {
    const edges = [0, this.startStep[warp]!, this.exitStep[warp]!, this.steps];
    const { startStep } = this.timeline.waits;
    const at = this.waitBefore(warp, step);
    const [first, end] = [this.firstWait[warp]!, this.firstWait[warp + 1]!];
    const middle = at === -1 ? first : at;
    for (let wait = Math.max(first, middle - 1); wait < Math.min(end, middle + 2); wait++) {
      edges.push(startStep[wait]!, this.waitEnd[wait]!);
    }
    const beyond = edges.filter((edge) => edge <= this.steps && (direction === 1 ? edge > step : edge < step));
    if (beyond.length === 0) return step;
    return direction === 1 ? Math.min(...beyond) : Math.max(...beyond);
  }

  /** Who ends a wait; null: it never ends, or that is not known. `site` is where. */
  releaseOf(wait: number): { readonly warp: number; readonly site: number } | null {
    const { waits, flows, barriers } = this.timeline;
    const end = this.waitEnd[wait]!;
    const warp = waits.warp[wait]!;
    if (!Number.isFinite(end)) return null;
    if (this.stateOfWait(wait) === POLLING) {
      for (let at = countUpTo(flows.loadStep, 0, flows.count, end) - 1; at >= 0; at--) {
        if (flows.loadStep[at]! < waits.startStep[wait]!) return null;
        const isIt = flows.loadThread[at]! >> 5 === warp && flows.word[at] === waits.subject[wait];
        if (isIt) return { warp: flows.storeThread[at]! >> 5, site: flows.storeSite[at]! };
      }
      return null;
    }
    if (this.stateOfWait(wait) !== BARRIER) return null;
    const block = this.timeline.warps.block[warp]!;
    const [first, last] = [this.#phases.first[block]!, this.#phases.first[block + 1]!];
    for (let at = first; at < last; at++) {
      const phase = this.#phases.rows[at]!;
      const isIt = barriers.id[phase] === waits.subject[wait] && barriers.completeStep[phase] === end;
      if (isIt) return { warp: barriers.lastWarp[phase]!, site: barriers.site[phase]! };
    }
    return null;
  }

  /** A wait in words: `polls tail of link 0 -> 1, channel 0`. */
  describeWait(wait: number): string {
    const { waits, words } = this.timeline;
    const subject = waits.subject[wait]!;
    switch (this.stateOfWait(wait)) {
      case BARRIER:
        return `waits at barrier ${subject}`;
      case POLLING:
        return `polls ${words[subject]?.name ?? 'memory'}`;
      default:
        return `waits in a warp operation for lanes ${lanesText(subject)}`;
    }
  }

  /** `src/kernels/x.ts:254` of a site; null: it is not known. */
  placeOf(site: number): { readonly file: string; readonly line: number; readonly functionName: string } | null {
    return site < 0 ? null : (this.timeline.sites[site] ?? null);
  }
}

/** Elements of the sorted part `from` up to `to` of `values` that are at most `limit`, counted from element 0 on. */
export function countUpTo(values: Float64Array, from: number, to: number, limit: number): number {
  let [low, high] = [from, to];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (values[middle]! <= limit) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Rows of a table by a number that each has: those of `n` are `rows` from `first[n]` up to `first[n + 1]`, in order. */
export function groupRows(
  numbers: Int32Array,
  groups: number,
): { readonly first: Int32Array; readonly rows: Int32Array } {
  const first = new Int32Array(groups + 1);
  for (const number of numbers) first[number + 1]!++;
  for (let group = 0; group < groups; group++) first[group + 1]! += first[group]!;
  const next = first.slice();
  const rows = new Int32Array(numbers.length);
  numbers.forEach((number, row) => {
    rows[next[number]!++] = row;
  });
  return { first, rows };
}

const openEnds = (steps: Float64Array): Float64Array =>
  steps.map((step) => (step < 0 ? Number.POSITIVE_INFINITY : step));

/** `0-7, 9` of a mask. */
function lanesText(mask: number): string {
  const parts: string[] = [];
  for (let lane = 0; lane < 32; lane++) {
    if (((mask >>> lane) & 1) === 0) continue;
    const first = lane;
    while (lane < 31 && ((mask >>> (lane + 1)) & 1) === 1) lane++;
    parts.push(first === lane ? `${first}` : `${first}-${lane}`);
  }
  return parts.join(', ');
}
