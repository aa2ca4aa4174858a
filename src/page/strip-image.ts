import { ABSENT, EXITED, RUNNING, STATES, type TimeModel } from './time-model.js';

/** Which part of a run is shown: steps from `firstStep` on, rows from `firstRow` on; both may be fractions. */
export interface StripView {
  readonly firstStep: number;
  readonly steps: number;
  readonly firstRow: number;
  readonly rows: number;
}

/** A colour as a pixel holds it: red, green, blue. */
export type Colour = readonly [number, number, number];

/** Warps of a pixel that are looked at, at most. */
const MOST_SAMPLES = 4;

/**
 * Draws the states of warps: a pixel has the mean colour of up to four of its warps, at the step in its middle. Time and
 * memory depend on the number of pixels, and on that of events by its logarithm only.
 */
export function drawStrip(
  model: TimeModel,
  rows: Int32Array,
  view: StripView,
  image: { readonly width: number; readonly height: number; readonly data: Uint8ClampedArray },
  colours: readonly Colour[],
): void {
  const { width, height, data } = image;
  const perPixel = view.rows / height;
  const samples = Math.max(1, Math.min(MOST_SAMPLES, Math.floor(perPixel)));
  const sums = new Float64Array(width * 3);
  for (let y = 0; y < height; y++) {
    sums.fill(0);
    for (let sample = 0; sample < samples; sample++) {
      const row = Math.floor(view.firstRow + (y + (sample + 0.5) / samples) * perPixel);
      addRow(model, rows[row] ?? -1, view, width, colours, sums);
    }
    for (let x = 0; x < width; x++) {
      const at = 4 * (y * width + x);
      for (let part = 0; part < 3; part++) data[at + part] = sums[3 * x + part]! / samples;
      data[at + 3] = 255;
    }
  }
}

function addRow(
  model: TimeModel,
  warp: number,
  view: StripView,
  width: number,
  colours: readonly Colour[],
  sums: Float64Array,
): void {
  const { startStep } = model.timeline.waits;
  const first = warp < 0 ? 0 : model.firstWait[warp]!;
  const end = warp < 0 ? 0 : model.firstWait[warp + 1]!;
  // The last wait that has begun; found by leaps, as the next one is near.
  let wait = warp < 0 ? -1 : Math.max(first - 1, model.waitBefore(warp, view.firstStep));
  for (let x = 0; x < width; x++) {
    const step = view.firstStep + ((x + 0.5) / width) * view.steps;
    let state = ABSENT;
    if (warp >= 0 && step >= model.startStep[warp]! && step <= model.steps) {
      let leap = 1;
      while (wait + leap < end && startStep[wait + leap]! <= step) {
        wait += leap;
        leap *= 2;
      }
      for (; leap >= 1; leap /= 2) if (wait + leap < end && startStep[wait + leap]! <= step) wait += leap;
      if (step >= model.exitStep[warp]!) state = EXITED;
      else state = wait >= first && step < model.waitEnd[wait]! ? model.stateOfWait(wait) : RUNNING;
    }
    const colour = colours[state]!;
    for (let part = 0; part < 3; part++) sums[3 * x + part]! += colour[part]!;
  }
}

/** How many of the rows are in each state at the middle of each column: `counts[state * width + x]`. */
export function crowdOf(
  model: TimeModel,
  rows: Int32Array,
  view: Pick<StripView, 'firstStep' | 'steps'>,
  width: number,
): Int32Array {
  const counts = new Int32Array(STATES.length * width);
  const { startStep } = model.timeline.waits;
  const column = (step: number): number =>
    Math.max(0, Math.min(width, Math.ceil(((step - view.firstStep) / view.steps) * width - 0.5)));
  // Changes first, sums at the end: an interval costs the same however long it is.
  const add = (state: number, from: number, to: number): void => {
    const [first, last] = [column(from), column(to)];
    if (first >= last) return;
    counts[state * width + first]!++;
    if (last < width) counts[state * width + last]!--;
  };
  for (const warp of rows) {
    const [start, exit] = [model.startStep[warp]!, model.exitStep[warp]!];
    add(ABSENT, Number.NEGATIVE_INFINITY, start);
    add(RUNNING, start, exit);
    add(EXITED, exit, Number.POSITIVE_INFINITY);
    const end = model.firstWait[warp + 1]!;
    for (let wait = model.firstWait[warp]!; wait < end; wait++) {
      const [from, to] = [column(startStep[wait]!), column(model.waitEnd[wait]!)];
      if (from >= to) continue;
      const state = model.stateOfWait(wait);
      counts[state * width + from]!++;
      counts[RUNNING * width + from]!--;
      if (to < width) {
        counts[state * width + to]!--;
        counts[RUNNING * width + to]!++;
      }
    }
  }
  for (let state = 0; state < STATES.length; state++) {
    for (let x = 1; x < width; x++) counts[state * width + x]! += counts[state * width + x - 1]!;
  }
  return counts;
}
