import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { schedules } from '../../src/arbitraries/index.js';
import type { Machine } from '../../src/simt/index.js';
import type { StepObserver } from '../../src/step/index.js';
import { perfettoTrace, recordTimeline, type Timeline, type TimelineLimits } from '../../src/timeline/index.js';
import { describeProperty } from '../reference/describe-property.js';
import { lockRun, ringRun, stuckRun } from './runs.js';
import { traceProblems } from './trace-rules.js';

type SetUp = (observer: StepObserver, schedule: string) => Machine;
type Event = Record<string, unknown>;

const textOf = (timeline: Timeline): string => [...perfettoTrace(timeline)].join('');
const timelineOf = (setUp: SetUp, schedule: string, limits: Partial<TimelineLimits> = {}): Timeline =>
  recordTimeline((observer) => setUp(observer, schedule), limits);
const eventsOf = (text: string): Event[] => JSON.parse(text).traceEvents;

/** The trace with its events changed. */
const changed =
  (change: (events: Event[]) => unknown) =>
  (timeline: Timeline): string => {
    const trace = JSON.parse(textOf(timeline));
    trace.traceEvents = change(trace.traceEvents) ?? trace.traceEvents;
    return JSON.stringify(trace);
  };

/** Changes the first event of a phase. */
const first = (phase: string, change: (event: Event, events: Event[]) => void) =>
  changed((events) => change(events.find(({ ph }) => ph === phase)!, events));

const LIMITS: readonly Partial<TimelineLimits>[] = [{}, { waits: 8, fifoEvents: 8, flows: 4 }];

describe.each([
  ['ring', ringRun],
  ['lock', lockRun],
  ['stuck', stuckRun],
] as const)('%s', (name, setUp) => {
  describeProperty<(timeline: Timeline) => string>(
    'a trace keeps the rules of the format, under any schedule',
    (write) =>
      fc.property(schedules({ resident: false }), fc.constantFrom(...LIMITS), (schedule, limits) => {
        expect(traceProblems(write(timelineOf(setUp, schedule, limits)))).toEqual([]);
      }),
    textOf,
    {
      'slices out of order': changed((events) => events.reverse()),
      'a slice that leaves the one around it': changed((events) => {
        for (const event of events) if (event.cat !== 'run' && event.ph === 'X') event.dur = 1e9;
      }),
      'a thread without a name': changed((events) => events.filter(({ name: of }) => of !== 'thread_name')),
      ...(name === 'stuck'
        ? {}
        : {
            'an end of a flow is missing': changed((events) => events.filter(({ ph }) => ph !== 'f')),
            'flows with one id': changed((events) => {
              for (const event of events) if ('id' in event) event.id = 1;
            }),
            'a flow beside its slice': first('s', (event) => {
              event.tid = 99;
            }),
          }),
      ...(name === 'ring'
        ? {
            'a counter that is a text': first('C', (event) => {
              event.args = { slices: '1' };
            }),
          }
        : {}),
    },
  );
});

describe('the rules themselves', () => {
  const begin = { ph: 'B', name: 'a', pid: 1, tid: 1, ts: 1 };
  const names = [
    { ph: 'M', name: 'process_name', pid: 1, tid: 0, args: { name: 'p' } },
    { ph: 'M', name: 'thread_name', pid: 1, tid: 1, args: { name: 't' } },
  ];
  const problems = (...events: readonly object[]) =>
    traceProblems(JSON.stringify({ displayTimeUnit: 'ns', otherData: {}, traceEvents: [...names, ...events] }));

  test.each([
    { events: [begin, { ...begin, ph: 'E', ts: 2 }], why: [] },
    { events: [begin], why: ['a of 1 1 has no E'] },
    { events: [{ ...begin, ph: 'E' }], why: ['event 2 (E a): an E without a B'] },
    {
      events: [
        begin,
        { ...begin, name: 'b', ts: 2 },
        { ...begin, ph: 'E', ts: 3 },
        { ...begin, ph: 'E', name: 'b', ts: 4 },
      ],
      why: [
        'event 4 (E a): the E of b, which is the innermost, has to come first',
        'event 5 (E b): the E of a, which is the innermost, has to come first',
      ],
    },
    { events: [{ ...begin, ph: 'X', dur: 0 }], why: ['event 2 (X a): dur is no duration'] },
    { events: [{ ...begin, ph: '?' }], why: ['event 2 (? a): an unknown phase'] },
  ])('$events: $why', ({ events, why }) => expect(problems(...events)).toEqual(why));

  test('what is no JSON, or no trace, is said to be none', () => {
    expect(traceProblems('{"traceEvents":[')[0]).toMatch(/^no JSON/);
    expect(traceProblems('[]')).toEqual(['no array traceEvents']);
  });
});

test('a small run, event by event', async () => {
  const timeline = timelineOf((observer, schedule) => ringRun(observer, schedule, 1, 3), 'rr');
  const originalLine = (_file: string, line: number) => (line > 20 ? `ring.cu:${line - 20}` : null);
  const text = [...perfettoTrace(timeline, { originalLine, about: { call: 'ring' } })].join('');
  expect(traceProblems(text)).toEqual([]);
  await expect(text).toMatchFileSnapshot('__snapshots__/ring.trace.txt');
});

test('what still waits at the end is open, to the end', () => {
  const open = eventsOf(textOf(timelineOf(stuckRun, 'rr'))).filter(({ args }) => (args as Event | undefined)?.isOpen);
  const timeline = timelineOf(stuckRun, 'rr');
  expect(open.map(({ name }) => name)).toEqual(['stuck', 'warp operation', 'stuck', "polls element 0 of 'words'"]);
  for (const { ts, dur } of open) expect(Number(ts) + Number(dur)).toBe(timeline.steps + 1);
});

test('counters are the slices in flight, and never more than the ring holds', () => {
  const counters = eventsOf(textOf(timelineOf(ringRun, 'random:4'))).filter(({ ph }) => ph === 'C');
  const values = counters.map(({ args }) => (args as Record<string, number>)['head - tail']!);
  expect(Math.min(...values)).toBeGreaterThanOrEqual(-1);
  expect(Math.max(...values)).toBeLessThanOrEqual(2);
  expect(new Set(counters.map(({ name }) => name))).toEqual(
    new Set(['link 0 -> 0, channel 0', 'link 0 -> 0, channel 1']),
  );
});

test('pieces are small, whatever the length of the run', () => {
  const timeline = timelineOf((observer, schedule) => ringRun(observer, schedule, 8, 60), 'random:1');
  const pieces = [...perfettoTrace(timeline)];
  expect(pieces.length).toBeGreaterThan(3);
  for (const piece of pieces) expect(piece.length).toBeLessThan(70_000);
});
