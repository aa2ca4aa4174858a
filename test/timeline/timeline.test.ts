import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { schedules } from '../../src/arbitraries/index.js';
import type { Machine } from '../../src/simt/index.js';
import { observeAll, type StepObserver } from '../../src/step/index.js';
import {
  packTimeline,
  recordTimeline,
  type Timeline,
  TimelineRecorder,
  unpackTimeline,
} from '../../src/timeline/index.js';
import { describeProperty } from '../reference/describe-property.js';
import { Oracle, toldBy } from './oracle.js';
import { lockRun, ringRun, stuckRun } from './runs.js';

type SetUp = (observer: StepObserver, schedule: string) => Machine;
const RUNS: Readonly<Record<string, SetUp>> = { ring: ringRun, lock: lockRun };

/** What a recorder is told, which a planted bug gets wrong. */
type Between = (recorder: TimelineRecorder) => StepObserver;

/** All that a recorder is told but some of it. */
const without =
  (...names: readonly (keyof StepObserver)[]): Between =>
  (recorder) => {
    const observer: StepObserver = {
      begin: (engine) => recorder.begin(engine),
      blockStarts: (block) => recorder.blockStarts(block),
      blockEnds: (block) => recorder.blockEnds(block),
      access: (...access) => recorder.access(...access),
      stored: () => recorder.stored(),
      fence: (instruction, block) => recorder.fence(instruction, block),
      meet: (...meeting) => recorder.meet(...meeting),
      arrive: (...arrival) => recorder.arrive(...arrival),
      complete: (...completion) => recorder.complete(...completion),
      stepEnds: (...end) => recorder.stepEnds(...end),
    };
    return { ...observer, ...Object.fromEntries(names.map((name) => [name, () => {}])) };
  };

function bothOf(setUp: SetUp, schedule: string, between: Between) {
  const recorder = new TimelineRecorder();
  let machine: Machine;
  const oracle = new Oracle(() => machine);
  machine = setUp(observeAll([between(recorder), oracle]), schedule);
  const outcome = oracle.run();
  return { told: toldBy(recorder.timeline(outcome)), expected: oracle.told() };
}

describe.each(Object.entries(RUNS))('%s', (_, setUp) => {
  describeProperty<Between>(
    'a timeline says what happened, under any schedule',
    (between) =>
      fc.property(schedules({ resident: false }), (schedule) => {
        const { told, expected } = bothOf(setUp, schedule, between);
        expect(told).toEqual(expected);
      }),
    without(),
    {
      'barriers are only left with the next step': without('complete'),
      'steps end unheard': without('stepEnds'),
      'stores are forgotten': without('stored'),
      'arrivals do not count': without('arrive'),
    },
  );
});

describe('a run that hangs', () => {
  test.each(['rr', 'random:1', 'random:2,granule=8', 'blocked'])('shows all waits to the end, under %s', (schedule) => {
    const { told, expected } = bothOf(stuckRun, schedule, without());
    expect(told.waits).toEqual(expected.waits);
    expect(told.waits.map((wait) => wait.replace(/ \d+ to -1$/, ''))).toEqual([
      'warp 0: warp operation',
      expect.stringMatching(/^warp 1: poll 0x/),
    ]);
  });
});

describe('limits', () => {
  const ofRing = (limits: Parameters<typeof recordTimeline>[1]): Timeline =>
    recordTimeline((observer) => ringRun(observer, 'random:3', 4, 40), limits);
  const whole = ofRing({});

  test('what does not fit is left out, and said to be', () => {
    const { waits, fifoEvents, flows, barriers, losses } = ofRing({
      waits: 40,
      fifoEvents: 64,
      flows: 10,
      barriers: 2,
    });
    expect(waits.count).toBeLessThanOrEqual(40);
    expect(fifoEvents.count).toBeLessThanOrEqual(64);
    expect(flows.count).toBe(10);
    expect(barriers.count).toBe(2);
    expect(losses.flows).toBe(whole.flows.count - 10);
    expect(losses.barriers).toBe(whole.barriers.count - 2);
    expect(losses.waitSteps).toBeGreaterThan(1);
    expect(losses.fifoSteps).toBeGreaterThan(1);
  });

  test('waits that are long enough are there, and no others', () => {
    const { waits, losses } = ofRing({ waits: 40 });
    for (let row = 0; row < waits.count; row++) {
      const length = (waits.endStep[row]! === -1 ? Infinity : waits.endStep[row]!) - waits.startStep[row]!;
      expect(length).toBeGreaterThanOrEqual(losses.waitSteps);
    }
    const longest = (timeline: Timeline) =>
      Math.max(...timeline.waits.endStep.map((end, row) => end - timeline.waits.startStep[row]!));
    expect(longest({ ...whole, waits })).toBeGreaterThanOrEqual(longest(whole));
  });

  test('the last event of a FIFO stays', () => {
    const { fifos, fifoEvents } = ofRing({ fifoEvents: 64 });
    fifos.forEach((_, fifo) => {
      const last = Math.max(...Array.from(fifoEvents.step).filter((_step, row) => fifoEvents.fifo[row] === fifo));
      const lastOfAll = Math.max(
        ...Array.from(whole.fifoEvents.step).filter((_step, row) => whole.fifoEvents.fifo[row] === fifo),
      );
      expect(last).toBe(lastOfAll);
    });
  });

  test('a limit is a count', () => {
    expect(() => new TimelineRecorder({ waits: 0 })).toThrow('waits is 0: it must be a count');
  });
});

test('a timeline is written, and read back as it was', () => {
  const timeline = recordTimeline((observer) => ringRun(observer, 'random:2', 4, 10));
  expect(timeline.waits.count).toBeGreaterThan(20);
  expect(unpackTimeline(packTimeline(timeline))).toEqual(timeline);
  const { flows } = timeline;
  const far = {
    ...timeline,
    flows: { ...flows, storeStep: Float64Array.from(flows.storeStep, (step) => step + 2 ** 40) },
  };
  expect(unpackTimeline(packTimeline(far))).toEqual(far);
  expect(() => unpackTimeline('{}')).toThrow('no timeline');
});

test('a recorder is of one machine', () => {
  const recorder = new TimelineRecorder();
  ringRun(recorder, 'rr').run();
  expect(() => ringRun(recorder, 'rr').run()).toThrow('make another');
});
