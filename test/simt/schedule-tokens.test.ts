import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { schedules as tokens } from '../../src/arbitraries/index.js';
import { DEFAULT_SCHEDULE, formatSchedule, Machine, parseSchedule, type Schedule } from '../../src/simt/index.js';
import { describeProperty } from '../reference/describe-property.js';

const words = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const counts = fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 2 ** 31 - 1 }));
const schedules: fc.Arbitrary<Schedule> = fc.record({
  policy: fc.oneof(
    fc.constantFrom<Schedule['policy']>({ kind: 'rr' }, { kind: 'blocked' }),
    words.map((seed) => ({ kind: 'random' as const, seed })),
    fc.record({
      kind: fc.constant('pct' as const),
      seed: words,
      depth: fc.integer({ min: 1, max: 16 }),
      length: counts,
    }),
    fc.record({ kind: fc.constant('delay' as const), seed: words, delays: fc.nat(64), length: counts }),
    fc
      .array(
        counts.chain((times) => fc.nat(2 ** 31 - 1).map((index) => ({ index, times }))),
        { maxLength: 20 },
      )
      .map((runs) => ({ kind: 'picks' as const, runs })),
  ),
  granule: fc.constantFrom(32, 8, 1),
  residentBlocks: fc.option(counts),
  blockOrder: fc.oneof(
    fc.constantFrom<Schedule['blockOrder']>({ kind: 'linear' }, { kind: 'reverse' }),
    words.map((seed) => ({ kind: 'shuffle' as const, seed })),
  ),
  memory: fc.oneof(
    fc.constant({ kind: 'sc' as const }),
    fc.record({ kind: fc.constantFrom('delayed stores' as const, 'delayed links' as const), seed: words }),
  ),
});

describeProperty<typeof formatSchedule>(
  'a schedule comes back from its token',
  (format) =>
    fc.property(schedules, (schedule) => {
      const token = format(schedule);
      expect(parseSchedule(token)).toEqual(schedule);
      expect(token).toMatch(/^[\w:=,-]*$/);
    }),
  formatSchedule,
  {
    'the granule is left out': (schedule) => formatSchedule({ ...schedule, granule: 32 }),
    'runs of picks are cut at 1024': (schedule) =>
      formatSchedule(
        schedule.policy.kind === 'picks'
          ? {
              ...schedule,
              policy: {
                kind: 'picks',
                runs: schedule.policy.runs.map(({ index, times }) => ({ index, times: Math.min(times, 1024) })),
              },
            }
          : schedule,
      ),
    'the length is left out': (schedule) => formatSchedule(schedule).replace(/,length=\d+/, ''),
    'the depth is left out': (schedule) => formatSchedule(schedule).replace(/,(depth|delays)=\d+/, ''),
    'a seed is a signed word': (schedule) =>
      formatSchedule(schedule).replace(/random:(\d+)/, (_, seed) => `random:${seed | 0}`),
  },
);

test('a token that the arbitraries make is understood, and comes back shortest', () => {
  const property = fc.property(tokens(), (token) => {
    const schedule = parseSchedule(token);
    const shortest = formatSchedule(schedule);
    expect(parseSchedule(shortest)).toEqual(schedule);
    expect(shortest.length).toBeLessThanOrEqual(token.length);
    expect(new Machine({ schedule: token }).schedule).toEqual(schedule);
  });
  fc.assert(property, { numRuns: 300 });
});

test.each<[string, Partial<Schedule>]>([
  ['rr', {}],
  [' rr ', {}],
  ['rr,granule=32,order=linear', {}],
  ['blocked', { policy: { kind: 'blocked' } }],
  ['random:0', { policy: { kind: 'random', seed: 0 } }],
  ['random:4294967295', { policy: { kind: 'random', seed: 2 ** 32 - 1 } }],
  [
    'rr,order=shuffle:7,resident=2,granule=1',
    { granule: 1, residentBlocks: 2, blockOrder: { kind: 'shuffle', seed: 7 } },
  ],
  ['pct:7', { policy: { kind: 'pct', seed: 7, depth: 2, length: 1000 } }],
  ['pct:7,granule=8,length=5,depth=3', { policy: { kind: 'pct', seed: 7, depth: 3, length: 5 }, granule: 8 }],
  ['delay:7', { policy: { kind: 'delay', seed: 7, delays: 2, length: 1000 } }],
  ['delay:0,delays=0,length=1', { policy: { kind: 'delay', seed: 0, delays: 0, length: 1 } }],
  ['picks:', { policy: { kind: 'picks', runs: [] } }],
  [
    'picks:ABCD',
    {
      policy: {
        kind: 'picks',
        runs: [
          { index: 0, times: 1 },
          { index: 2, times: 3 },
        ],
      },
    },
  ],
  ['picks:AhB', { policy: { kind: 'picks', runs: [{ index: 0, times: 33 }] } }],
])("'%s' is understood", (token, differs) => {
  expect(parseSchedule(token)).toEqual({ ...DEFAULT_SCHEDULE, ...differs });
});

describe('a token that is none', () => {
  const GRAMMAR =
    "a schedule is 'rr', 'blocked', 'random:SEED' or 'picks:…', then any of ',granule=32|8|1', ',resident=N', ',order=linear|reverse|shuffle:SEED'";
  test.each([
    ['', "''"],
    ['RR', "'RR'"],
    ['rr:1', "'rr:1'"],
    ['blocked:', "'blocked:'"],
    ['random', "'random'"],
    ['random:', "seed '', which is no integer from 0 to 4294967295"],
    ['random:-1', "seed '-1', which is no integer from 0 to 4294967295"],
    ['random:1.5', "seed '1.5', which is no integer from 0 to 4294967295"],
    ['random:4294967296', "seed '4294967296', which is no integer from 0 to 4294967295"],
    ['random:1e3', "seed '1e3', which is no integer from 0 to 4294967295"],
    ['rr,', "''"],
    ['rr,granule', "granule ''"],
    ['rr,granule=16', "granule '16'"],
    ['rr,granule=08', "granule '08'"],
    ['rr,granule=constructor', "granule 'constructor'"],
    ['rr,granule=__proto__', "granule '__proto__'"],
    ['rr,granule=8=1', "granule '8=1'"],
    ['rr,resident=0', "resident '0', which is no integer from 1 to 2147483647"],
    ['rr,resident=2=3', "resident '2=3', which is no integer from 1 to 2147483647"],
    ['rr,resident=2147483648', "resident '2147483648', which is no integer from 1 to 2147483647"],
    ['rr,resident=1,resident=2', "'resident' twice"],
    ['rr,order=random', "order 'random'"],
    ['rr,order=shuffle', "order 'shuffle'"],
    ['rr,order=shuffle:4294967296', "seed '4294967296', which is no integer from 0 to 4294967295"],
    ['rr,speed=9', "'speed=9'"],
    ['rr, granule=8', "' granule=8'"],
    ['picks', "'picks'"],
    ['picks:A', 'picks that end in the middle of a run'],
    ['picks:Ah', 'picks that end in the middle of a run'],
    ['picks:AA', 'picks with a run of length 0'],
    ['picks:A!', "picks with '!'"],
    ['picks:BB,granule=2', "granule '2'"],
    [`picks:${'_'.repeat(9)}AB`, "picks with '_'"],
    [`picks:${'g'.repeat(300)}AB`, "picks with 'g'"],
  ])("'%s'", (token, what) => {
    expect(() => parseSchedule(token)).toThrow(RangeError);
    expect(() => parseSchedule(token)).toThrow(`schedule: ${what} does not fit: ${GRAMMAR}`);
  });
});

describe('a search policy with a part that does not fit', () => {
  const COMMON =
    "then what every schedule takes: ',granule=32|8|1', ',resident=N', ',order=linear|reverse|shuffle:SEED'";
  const PCT = `'pct:SEED' takes ',depth=1..16' (2) and ',length=STEPS' (1000), ${COMMON}`;
  const DELAY = `'delay:SEED' takes ',delays=0..64' (2) and ',length=STEPS' (1000), ${COMMON}`;
  test.each([
    ['pct', "seed '', which is no integer from 0 to 4294967295", PCT],
    ['pct:x', "seed 'x', which is no integer from 0 to 4294967295", PCT],
    ['pct:1,depth=0', "depth '0', which is no integer from 1 to 16", PCT],
    ['pct:1,depth=2,depth=3', "'depth' twice", null],
    ['pct:1,delays=2', "'delays=2'", PCT],
    ['pct:1,length=0', "length '0', which is no integer from 1 to 2147483647", PCT],
    ['delay:-1', "seed '-1', which is no integer from 0 to 4294967295", DELAY],
    ['delay:1,delays=65', "delays '65', which is no integer from 0 to 64", DELAY],
    ['delay:1,depth=1', "'depth=1'", DELAY],
    ['rr,length=7', "'length=7'", null],
  ])("'%s'", (token, what, grammar) => {
    expect(() => parseSchedule(token)).toThrow(RangeError);
    expect(() => parseSchedule(token)).toThrow(`schedule: ${what} does not fit: ${grammar ?? "a schedule is 'rr'"}`);
  });
});

test.each<[string, Schedule, string]>([
  ['a negative seed', { ...DEFAULT_SCHEDULE, policy: { kind: 'random', seed: -1 } }, "seed '-1'"],
  ['no resident blocks', { ...DEFAULT_SCHEDULE, residentBlocks: 0 }, "resident '0'"],
  ['a granule of 16 lanes', { ...DEFAULT_SCHEDULE, granule: 16 as 32 }, "granule '16'"],
  [
    'a run of no picks',
    { ...DEFAULT_SCHEDULE, policy: { kind: 'picks', runs: [{ index: 0, times: 0 }] } },
    'a run of length 0',
  ],
])('a machine refuses a schedule that has no token: %s', (_, schedule, what) => {
  expect(() => new Machine({ schedule })).toThrow(RangeError);
  expect(() => new Machine({ schedule })).toThrow(what);
});
