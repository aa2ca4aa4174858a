import { describe, expect, test } from 'vitest';
import { engineFor } from '../../src/modes/index.js';
import { formatSchedule, Machine, type Outcome } from '../../src/simt/index.js';
import { setUpNeighbours } from '../step/neighbours.js';
import { range, runOn } from './support.js';

const TOKENS = [
  'pct:1',
  'pct:7,depth=1',
  'pct:3,depth=3,length=40',
  'delay:1',
  'delay:7,delays=0',
  'delay:3,delays=5,length=40',
];

/** What a word holds after two warps have each added 1 to it `times` times, without an atomic. */
function countUnlocked(schedule: string, times: number): number {
  const machine = new Machine({ schedule });
  const word = machine.memory.allocate('word', 'u32', 1, { zeroed: true });
  runOn(machine, 64, function* (t) {
    if (t.laneId !== 0) return;
    for (let time = 0; time < times; time++) yield* t.storeVolatile(word, 0, (yield* t.loadVolatile(word)) + 1);
  });
  return word.load(0);
}

/** Runs until an update is lost; 21: not within 20. */
const runsUntilLost = (base: number, times: number, policy: (seed: number) => string): number =>
  range(20).find((run) => countUnlocked(policy(base * 20 + run), times) < 2 * times) ?? 20;

describe('a planted lost update', () => {
  test('of one addition is found within 20 runs of pct, but for unlucky seeds', () => {
    // A run loses it if it begins with the load of either and changes there: probability 1/4 a run, 0.3 % for none of 20.
    const runs = range(300).map((base) => runsUntilLost(base, 1, (seed) => `pct:${seed},depth=2,length=4`));
    expect(runs.filter((run) => run === 20).length).toBeLessThanOrEqual(3);
    expect(runs.reduce((sum, run) => sum + run, 0) / runs.length).toBeLessThan(5);
  });

  test.each([
    ['pct', (seed: number) => `pct:${seed},depth=2,length=8`],
    ['delay', (seed: number) => `delay:${seed},delays=1,length=8`],
  ])('of several additions is found within 20 runs of %s, whatever the seed', (_, policy) => {
    expect(range(200).filter((base) => runsUntilLost(base, 4, policy) === 20)).toEqual([]);
  });

  test.each([
    ['pct', (seed: number) => `pct:${seed},depth=1,length=4`],
    ['delay', (seed: number) => `delay:${seed},delays=0,length=4`],
  ])('is not found without a change: %s', (_, policy) => {
    expect(range(10).filter((base) => runsUntilLost(base, 4, policy) !== 20)).toEqual([]);
  });
});

test('pct finds what random walks do not: a step of one warp in a short window late in another', () => {
  const found = (schedule: string): boolean => {
    const machine = new Machine({ schedule });
    const words = machine.memory.allocate('words', 'u32', 2, { zeroed: true });
    const seen = runOn(machine, 64, function* (t) {
      if (t.laneId !== 0) return 0;
      if (t.warp.index === 1) return yield* t.loadVolatile(words, 1);
      for (let step = 0; step < 100; step++) {
        yield* t.storeVolatile(words, 0, step);
        if (step === 60) words.store(1, 1);
        if (step === 70) words.store(1, 0);
      }
      return 0;
    });
    return seen[32] === 1;
  };
  // The window is 10 of 102 steps, and warp 0 must come first: probability 0.049.
  const runs = range(400);
  expect(runs.filter((seed) => found(`pct:${seed},depth=2,length=102`)).length).toBeGreaterThan(8);
  expect(runs.filter((seed) => found(`random:${seed}`)).length).toBe(0);
});

describe('polling ends', () => {
  test.each(TOKENS)('under %s, whoever is waited for', (schedule) => {
    for (let writer = 0; writer < 4; writer++) {
      const machine = new Machine({ schedule, limits: { maxSteps: 20_000 } });
      const flag = machine.memory.allocate('flag', 'u32', 1, { zeroed: true });
      const polls = runOn(machine, 128, function* (t) {
        if (t.laneId !== 0) return 0;
        if (t.warp.index === writer) yield* t.storeVolatile(flag, 0, 1);
        let count = 0;
        while ((yield* t.loadVolatile(flag)) === 0) count++;
        return count;
      });
      expect(Math.max(...polls)).toBeLessThan(200);
    }
  });

  test.each(TOKENS)('under %s, of a lock that is polled by writing', (schedule) => {
    const machine = new Machine({ schedule, limits: { maxSteps: 50_000 } });
    const words = machine.memory.allocate('words', 'u32', 2, { zeroed: true });
    runOn(machine, 96, function* (t) {
      if (t.laneId !== 0) return;
      while ((yield* t.atomicExch(words, 0, 1)) !== 0) {
        // Somebody has it.
      }
      yield* t.storeVolatile(words, 1, (yield* t.loadVolatile(words, 1)) + 1);
      yield* t.storeVolatile(words, 0, 0);
    });
    expect(words.load(1)).toBe(3);
  });
});

describe.each(TOKENS)('%s', (schedule) => {
  const run = (machine: Machine): { outcome: Outcome; picks: string; memory: string[] } => {
    const outcome = machine.run();
    const memory = machine.memory.space.allocations.map(({ u8 }) => Buffer.from(u8).toString('hex'));
    return { outcome, picks: formatSchedule(machine.recordedSchedule), memory };
  };
  const make = (token: string, mode: 'ref' | 'step') =>
    setUpNeighbours({ schedule: token, record: true, engine: engineFor(mode) });

  test.each(['', ',resident=2', ',granule=8,resident=1'])(
    'makes the same picks each time and in both modes, %s',
    (options) => {
      const first = run(make(schedule + options, 'ref'));
      expect(first.outcome.verdict).toBe('completes');
      expect(run(make(schedule + options, 'ref'))).toEqual(first);
      expect(run(make(schedule + options, 'step'))).toEqual(first);
      expect(run(make(first.picks, 'step'))).toEqual(first);
    },
  );

  test('goes on from a snapshot as it did', () => {
    const machine = make(`${schedule},resident=2`, 'step');
    machine.advance(37);
    const snapshot = machine.snapshot();
    const first = run(machine);
    machine.restore(snapshot);
    expect(run(machine)).toEqual(first);
  });
});
