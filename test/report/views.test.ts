import { describe, expect, test } from 'vitest';
import { FifoModel } from '../../src/page/fifo-model.js';
import { levelsOf } from '../../src/page/graph-layout.js';
import { type Colour, crowdOf, drawStrip } from '../../src/page/strip-image.js';
import { ABSENT, EXITED, RUNNING, STATES, TimeModel } from '../../src/page/time-model.js';
import { packReport, unpackReport } from '../../src/report/index.js';
import { madeUpTimeline } from './timelines.js';

const timeline = madeUpTimeline({ warps: 40, waits: 9, fifos: 3, fifoEvents: 120, flows: 50 }, 7);
const model = new TimeModel(timeline);

/** The state of a warp, by looking at every wait. */
function plainStateAt(warp: number, step: number): number {
  const { waits, warps } = timeline;
  const end = warps.endStep[warp]!;
  if (end >= 0 && step >= end) return EXITED;
  for (let row = 0; row < waits.count; row++) {
    const isIn = waits.warp[row] === warp && step >= waits.startStep[row]! && step < waits.endStep[row]!;
    if (isIn) return [2, 3, 4][waits.kind[row]!]!;
  }
  return RUNNING;
}

describe('states of warps', () => {
  test('are those of the table, at every step', () => {
    for (let warp = 0; warp < 40; warp += 7) {
      for (let step = 0; step <= timeline.steps; step += 3) {
        expect([warp, step, model.stateAt(warp, step)]).toEqual([warp, step, plainStateAt(warp, step)]);
      }
    }
  });

  test('a picture with a pixel for each has their colours', () => {
    const steps = 200;
    const image = { width: steps, height: 40, data: new Uint8ClampedArray(4 * steps * 40) };
    const colours = STATES.map((_, state): Colour => [state * 10, state, 255]);
    drawStrip(model, model.rows, { firstStep: 300, steps, firstRow: 0, rows: 40 }, image, colours);
    for (let row = 0; row < 40; row++) {
      for (let x = 0; x < steps; x++) {
        expect(image.data[4 * (row * steps + x)]).toBe(plainStateAt(model.rows[row]!, 300 + x) * 10);
      }
    }
  });

  test('are counted at every step', () => {
    const steps = 150;
    const counts = crowdOf(model, model.rows, { firstStep: 100, steps }, steps);
    for (let x = 0; x < steps; x++) {
      const own = STATES.map((_, state) => counts[state * steps + x]);
      // The middle of a column is half a step behind its step.
      expect(own).toEqual(model.countsAt(100 + x + 0.5, model.rows));
    }
  });

  test('change where the next change is', () => {
    let step = 0;
    for (let count = 0; count < 20; count++) {
      const next = model.changeOf(3, step, 1);
      expect(next).toBeGreaterThan(step);
      for (let between = step + 1; between < next; between++) {
        expect(model.stateAt(3, between)).toBe(model.stateAt(3, step));
      }
      expect(model.changeOf(3, next, -1)).toBeLessThan(next);
      step = next;
    }
  });

  test('nothing is there after the end of the run', () => {
    const image = { width: 1, height: 1, data: new Uint8ClampedArray(4) };
    const colours = STATES.map((_, state): Colour => [state, 0, 0]);
    drawStrip(model, model.rows, { firstStep: timeline.steps + 5, steps: 1, firstRow: 0, rows: 1 }, image, colours);
    expect(image.data[0]).toBe(ABSENT);
  });
});

test('a FIFO at every step: heads, tails and slots', () => {
  const fifos = new FifoModel(timeline);
  const { fifoEvents } = timeline;
  for (let step = 0; step <= timeline.steps; step += 11) {
    let [head, tail] = [0, 0];
    const published = new Set<number>();
    for (let row = 0; row < fifoEvents.count; row++) {
      if (fifoEvents.fifo[row] !== 1 || fifoEvents.step[row]! > step) continue;
      if (fifoEvents.kind[row] === 0) head = fifoEvents.value[row]!;
      if (fifoEvents.kind[row] === 1) tail = fifoEvents.value[row]!;
      if (fifoEvents.kind[row] === 2) published.add(fifoEvents.value[row]! - 1);
    }
    expect([fifos.headAt(1, step), fifos.tailAt(1, step)]).toEqual([head, tail]);
    for (const { slot, state, slice } of fifos.slotsAt(1, step)) {
      const inIt = [...published].filter((one) => one % 8 === slot);
      expect(slice).toBe(inIt.length === 0 ? -1 : Math.max(...inIt));
      expect(state === 'free').toBe(slice < tail);
      expect(state === 'filling').toBe(slice >= tail && slice === head);
    }
  }
});

describe('a wait-for graph in columns', () => {
  const node = (id: number) => ({ id, title: '', lines: [], place: null });
  const edge = (from: number, to: number) => ({ from, to, why: '', isNeeded: true });

  test('who waits stands left of whom it waits for', () => {
    const edges = [edge(2, 1), edge(1, 3)];
    expect(levelsOf({ nodes: [1, 2, 3].map(node), edges })).toEqual([[2], [1], [3]]);
  });

  test('a cycle and a loop have columns as well', () => {
    const edges = [edge(1, 2), edge(2, 1), edge(3, 3)];
    expect(levelsOf({ nodes: [1, 2, 3].map(node), edges })).toEqual([[1, 3], [2]]);
  });
});

describe('packed data', () => {
  test('comes back as it was, typed arrays of any length too', () => {
    const value = {
      bytes: Uint8Array.from({ length: 70_001 }, (_, at) => at),
      steps: Float64Array.of(-1, 2 ** 40, Number.POSITIVE_INFINITY),
      narrow: Float64Array.of(-1, 0, 2 ** 31 - 1, -(2 ** 31)),
      odd: Float64Array.of(0.5, -0, Number.NaN, 2 ** 31),
      none: new Int32Array(0),
      text: '</script><!-- \u2028 "',
      nothing: null,
    };
    const text = packReport(value);
    expect(text).not.toContain('<');
    expect(unpackReport(text)).toEqual(value);
  });

  test('a part of a buffer is that part alone', () => {
    const part = new Int32Array(Int32Array.of(1, 2, 3, 4).buffer, 4, 2);
    expect(unpackReport(packReport([part]))).toEqual([Int32Array.of(2, 3)]);
  });
});
