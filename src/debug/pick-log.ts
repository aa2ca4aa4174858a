/** What decides a step: the schedule's policy, or somebody who gives the place in the ready set. */
export const BY_SCHEDULE = -1;

interface PickRun {
  /** Steps before it. */
  readonly start: number;
  /** Place in the ready set, or {@link BY_SCHEDULE}. */
  readonly index: number;
  times: number;
}

/**
 * The picks of all steps of a run, in order. A schedule is a function of the machine's state, so its picks are
 * remembered as such: a run of a hundred million of them is one entry.
 */
export class PickLog {
  readonly #runs: PickRun[] = [];
  #length = 0;

  /** Steps that are known. */
  get length(): number {
    return this.#length;
  }

  /** Adds `times` steps behind the last one. */
  add(index: number, times = 1): void {
    const last = this.#runs.at(-1);
    if (last !== undefined && last.index === index) last.times += times;
    else this.#runs.push({ start: this.#length, index, times });
    this.#length += times;
  }

  /** What step `step` (from 0) is decided by, and for how many steps from there on. Domain: 0 <= step < length. */
  at(step: number): { readonly index: number; readonly times: number } {
    let low = 0;
    let high = this.#runs.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (this.#runs[middle]!.start <= step) low = middle;
      else high = middle - 1;
    }
    const { start, index, times } = this.#runs[low]!;
    return { index, times: start + times - step };
  }

  /** Forgets all steps from `length` on. */
  cut(length: number): void {
    while (this.#length > length) {
      const last = this.#runs.at(-1)!;
      const kept = Math.max(0, length - last.start);
      this.#length = last.start + kept;
      if (kept === 0) this.#runs.pop();
      else last.times = kept;
    }
  }
}
