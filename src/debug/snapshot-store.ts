import type { MachineSnapshot } from '../simt/index.js';
import { type Chunk, chunkBytes, memoryBytes, type PackedSnapshot, pack, unpack } from './packed-snapshot.js';

/** How much the way back may cost. */
export interface SnapshotLimits {
  /** Most bytes of all snapshots together; the first and the last one are kept whatever they take. */
  readonly bytes: number;
  readonly count: number;
  /** Fewest steps between two snapshots of a run that goes on. */
  readonly interval: number;
}

export const DEFAULT_SNAPSHOT_LIMITS: SnapshotLimits = { bytes: 2 ** 30, count: 256, interval: 4096 };

/** Bytes of memory that take about as long to copy and compare as a step takes. */
const BYTES_A_STEP = 512;

/**
 * Snapshots of one run, by position; memory that is the same in neighbours is kept once. When they are too many, the one
 * goes whose neighbours are nearest to each other, so that the longest way from a snapshot to a position stays a fixed
 * part of the run.
 */
export class SnapshotStore {
  readonly #limits: SnapshotLimits;
  readonly #entries: PackedSnapshot[] = [];
  /** How many snapshots have it. */
  readonly #users = new Map<Chunk, number>();
  #bytes = 0;
  /** Bytes that the last one added has brought. */
  #lastBytes = 0;

  constructor(limits: SnapshotLimits) {
    this.#limits = limits;
  }

  get count(): number {
    return this.#entries.length;
  }

  /** Bytes of all of them. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Position of the last snapshot at or before a position; -1: there is none. */
  positionAtOrBefore(position: number): number {
    return this.#atOrBefore(position)?.steps ?? -1;
  }

  /** That snapshot. Domain: there is one. */
  get(position: number): MachineSnapshot {
    return unpack(this.#atOrBefore(position)!);
  }

  /** Position from which on the next one is due, for a run that is at `position`. */
  dueAfter(position: number): number {
    const last = this.#atOrBefore(position);
    if (last === undefined) return position;
    const { bytes, count, interval } = this.#limits;
    const room = Math.max(0, bytes - this.#bytes) / Math.max(1, this.#lastBytes);
    const capacity = Math.max(2, Math.min(count, this.#entries.length + room));
    return last.steps + Math.ceil(Math.max(interval, this.stepsToCopy, (2 * last.steps) / capacity));
  }

  /** Steps that take about as long as another snapshot would. */
  get stepsToCopy(): number {
    const last = this.#entries.at(-1);
    return last === undefined ? 0 : (memoryBytes(last) + last.ownBytes) / BYTES_A_STEP;
  }

  add(snapshot: MachineSnapshot): void {
    const { steps } = snapshot;
    let at = this.#entries.length;
    while (at > 0 && this.#entries[at - 1]!.steps >= steps) at--;
    if (this.#entries[at]?.steps === steps) return;
    const entry = pack(snapshot, this.#entries[at - 1] ?? this.#entries[at]);
    this.#entries.splice(at, 0, entry);
    const before = this.#bytes;
    this.#count(entry, 1);
    this.#lastBytes = this.#bytes - before;
    const { bytes, count } = this.#limits;
    while (this.#entries.length > 2 && (this.#bytes > bytes || this.#entries.length > count)) this.#thin(steps);
  }

  /** Forgets those behind a position. */
  cut(position: number): void {
    while ((this.#entries.at(-1)?.steps ?? -1) > position) this.#count(this.#entries.pop()!, -1);
  }

  /** Drops the one that is missed least, but neither the first nor that of position `kept`. */
  #thin(kept: number): void {
    const entries = this.#entries;
    let worst = -1;
    let least = Number.POSITIVE_INFINITY;
    for (let index = 1; index < entries.length; index++) {
      if (entries[index]!.steps === kept) continue;
      const after = entries[index + 1]?.steps ?? entries[index]!.steps;
      const gap = after - entries[index - 1]!.steps;
      if (gap >= least) continue;
      least = gap;
      worst = index;
    }
    const [dropped] = entries.splice(worst, 1);
    this.#count(dropped!, -1);
  }

  #atOrBefore(position: number): PackedSnapshot | undefined {
    for (let index = this.#entries.length - 1; index >= 0; index--) {
      if (this.#entries[index]!.steps <= position) return this.#entries[index];
    }
    return undefined;
  }

  /** A snapshot has come (1) or gone (-1). */
  #count({ memory, ownBytes }: PackedSnapshot, change: 1 | -1): void {
    this.#bytes += change * ownBytes;
    for (const { chunks } of memory.values()) {
      for (const chunk of chunks) {
        const users = (this.#users.get(chunk) ?? 0) + change;
        if (users === 0) this.#users.delete(chunk);
        else this.#users.set(chunk, users);
        if (users === (change === 1 ? 1 : 0)) this.#bytes += change * chunkBytes(chunk);
      }
    }
  }
}
