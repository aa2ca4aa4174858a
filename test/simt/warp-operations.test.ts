import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { schedules } from '../../src/arbitraries/index.js';
import { FULL_MASK, type Operation, type Thread } from '../../src/simt/index.js';
import { describeProperty } from '../reference/describe-property.js';
import { range, runBlock } from './support.js';

const KINDS = [
  'syncwarp',
  'any',
  'all',
  'ballot',
  'matchAny',
  'matchAll',
  'matchAny64',
  'matchAll64',
  'add',
  'min',
  'max',
  'and',
  'or',
  'xor',
] as const;
type Kind = (typeof KINDS)[number];
type Value = number | bigint | boolean | undefined;

/** Lanes of one warp that perform one operation together. */
interface Group {
  readonly kind: Kind;
  /** Ascending. */
  readonly lanes: readonly number[];
  /** By place in `lanes`. */
  readonly words: readonly number[];
}

const maskOf = (lanes: readonly number[]): number => lanes.reduce((mask, lane) => mask + 2 ** lane, 0);
const wideOf = (word: number): bigint => BigInt(word) * 0x1_0000_0001n;

/** What each lane of a group gets. Source: CUDA C++ Programming Guide, warp vote, match and reduce functions. */
function resultsOf({ kind, lanes, words }: Group): Value[] {
  const every = (value: Value): Value[] => lanes.map(() => value);
  const odd = words.map((word) => word % 2 !== 0);
  const big = words.map(BigInt);
  const same = (word: number) => lanes.filter((_, index) => words[index] === word);
  switch (kind) {
    case 'syncwarp':
      return every(undefined);
    case 'any':
      return every(odd.includes(true));
    case 'all':
      return every(!odd.includes(false));
    case 'ballot':
      return every(maskOf(lanes.filter((_, index) => odd[index])));
    case 'matchAny':
    case 'matchAny64':
      return words.map((word) => maskOf(same(word)));
    case 'matchAll':
    case 'matchAll64':
      return every(new Set(words).size === 1 ? maskOf(lanes) : 0);
    case 'add':
      return every(
        Number(
          BigInt.asIntN(
            32,
            big.reduce((sum, word) => sum + word),
          ),
        ),
      );
    case 'min':
      return every(Math.min(...words));
    case 'max':
      return every(Math.max(...words));
    case 'and':
      return every(
        Number(
          BigInt.asUintN(
            32,
            big.reduce((sum, word) => sum & word),
          ),
        ),
      );
    case 'or':
      return every(
        Number(
          BigInt.asUintN(
            32,
            big.reduce((sum, word) => sum | word),
          ),
        ),
      );
    case 'xor':
      return every(
        Number(
          BigInt.asUintN(
            32,
            big.reduce((sum, word) => sum ^ word),
          ),
        ),
      );
  }
}

function operationOf(t: Thread, kind: Kind, mask: number, word: number): Operation<unknown> {
  switch (kind) {
    case 'syncwarp':
      return t.syncwarp(mask);
    case 'any':
      return t.anySync(mask, word % 2 !== 0);
    case 'all':
      return t.allSync(mask, word % 2 !== 0);
    case 'ballot':
      return t.ballotSync(mask, word % 2 !== 0);
    case 'matchAny':
      return t.matchAnySync(mask, word);
    case 'matchAll':
      return t.matchAllSync(mask, word);
    case 'matchAny64':
      return t.matchAnySync(mask, wideOf(word));
    case 'matchAll64':
      return t.matchAllSync(mask, wideOf(word));
    case 'add':
      return t.reduceAddSync(mask, word);
    case 'min':
      return t.reduceMinSync(mask, word);
    case 'max':
      return t.reduceMaxSync(mask, word);
    case 'and':
      return t.reduceAndSync(mask, word);
    case 'or':
      return t.reduceOrSync(mask, word);
    case 'xor':
      return t.reduceXorSync(mask, word);
  }
}

const THREADS = 64;
const IDLE = 3;
const EXIT = 4;

/** One operation of every thread: in which of three groups of its warp, or none, or that it exits instead. */
const rounds = fc.record({
  roles: fc.array(fc.oneof({ weight: 6, arbitrary: fc.nat(2) }, fc.constantFrom(0, IDLE, EXIT)), {
    minLength: THREADS,
    maxLength: THREADS,
  }),
  delays: fc.array(fc.nat(3), { minLength: THREADS, maxLength: THREADS }),
  kinds: fc.tuple(fc.constantFrom(...KINDS), fc.constantFrom(...KINDS), fc.constantFrom(...KINDS)),
  unsigned: fc.boolean(),
  words: fc.oneof(
    fc.array(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }), { minLength: THREADS, maxLength: THREADS }),
    fc.array(fc.constantFrom(0, 1, -1, 2 ** 31 - 1), { minLength: THREADS, maxLength: THREADS }),
    fc.array(fc.constantFrom(7, 7 + 2 ** 16), { minLength: THREADS, maxLength: THREADS }),
    fc.integer().map((word) => new Array<number>(THREADS).fill(word)),
  ),
  /** Bits of masks for lanes that are not there or no longer. */
  ghosts: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
});
const cases = fc.record({
  threads: fc.integer({ min: 1, max: THREADS }),
  schedule: schedules({ resident: false, orders: [] }),
  rounds: fc.array(rounds, { minLength: 1, maxLength: 3 }),
});
type Case = typeof cases extends fc.Arbitrary<infer C> ? C : never;

interface Step {
  readonly kind: Kind;
  readonly mask: number;
  readonly word: number;
  readonly delay: number;
}

/** What each thread does in each round, null for nothing; a thread ends with its list. And what it then gets. */
function plan({ threads, rounds }: Case, oracle: typeof resultsOf) {
  const steps: (Step | null)[][] = range(threads).map(() => []);
  const results: Value[][] = range(threads).map(() => []);
  const exited = new Set<number>();
  for (const { roles, delays, kinds, unsigned, words, ghosts } of rounds) {
    for (const rank of range(threads)) if (roles[rank] === EXIT) exited.add(rank);
    for (let first = 0; first < threads; first += 32) {
      const isGone = (lane: number) => first + lane >= threads || exited.has(first + lane);
      const ghostMask = maskOf(range(32).filter((lane) => isGone(lane) && ((ghosts >>> lane) & 1) === 1));
      const present = range(32).filter((lane) => !isGone(lane));
      kinds.forEach((kind, role) => {
        const lanes = present.filter((lane) => roles[first + lane] === role);
        const group: Group = {
          kind,
          lanes,
          words: lanes.map((lane) => (unsigned ? words[first + lane]! >>> 0 : words[first + lane]!)),
        };
        if (lanes.length === 0) return;
        const got = oracle(group);
        lanes.forEach((lane, index) => {
          const mask = maskOf(lanes) + ghostMask;
          steps[first + lane]!.push({ kind, mask, word: group.words[index]!, delay: delays[first + lane]! });
          results[first + lane]!.push(got[index]);
        });
      });
    }
  }
  return { steps, results };
}

describeProperty<typeof resultsOf>(
  'groups of a warp under masks of their own, with exited and missing lanes, again and again',
  (oracle) =>
    fc.property(cases, (tested) => {
      const { steps, results } = plan(tested, oracle);
      const got = runBlock(
        tested.threads,
        function* (t) {
          const mine: unknown[] = [];
          for (const step of steps[t.threadRank]!) {
            if (step === null) continue;
            for (let delay = 0; delay < step.delay; delay++) yield* t.threadfence();
            mine.push(yield* operationOf(t, step.kind, step.mask, step.word));
          }
          return mine;
        },
        { schedule: tested.schedule },
      );
      expect(got).toEqual(results);
    }),
  resultsOf,
  {
    'any is all': (group) => resultsOf(group.kind === 'any' ? { ...group, kind: 'all' } : group),
    'a ballot is of the first lane on': (group) =>
      group.kind === 'ballot' ? resultsOf(group).map((mask) => (mask as number) >>> group.lanes[0]!) : resultsOf(group),
    'matchAny finds only lanes above': (group) =>
      group.kind === 'matchAny'
        ? resultsOf(group).map((mask, index) => ((mask as number) >>> group.lanes[index]!) * 2 ** group.lanes[index]!)
        : resultsOf(group),
    'matchAll64 compares the low words': (group) =>
      group.kind === 'matchAll64'
        ? resultsOf({ ...group, words: group.words.map((word) => word & 0xffff) })
        : resultsOf(group),
    'a sum does not wrap': (group) =>
      group.kind === 'add' ? group.lanes.map(() => group.words.reduce((sum, word) => sum + word, 0)) : resultsOf(group),
    'xor is signed': (group) =>
      group.kind === 'xor' ? resultsOf(group).map((word) => (word as number) | 0) : resultsOf(group),
  },
);

describe('one lane alone gets what a whole warp would', () => {
  type Reduction = Extract<keyof Thread, `reduce${string}`>;
  test.each<[Reduction, number, number, string]>([
    ['reduceAddSync', 0xffffffff, -1, 'a sum is signed'],
    ['reduceAndSync', -1, 0xffffffff, 'bits are unsigned'],
    ['reduceOrSync', -2, 0xfffffffe, 'bits are unsigned'],
    ['reduceXorSync', -(2 ** 31), 2 ** 31, 'bits are unsigned'],
    ['reduceMinSync', -5, -5, 'a number is itself'],
    ['reduceMaxSync', 0xffffffff, 0xffffffff, 'a number is itself'],
  ])('%s of %d is %d: %s', (name, word, expected) => {
    const alone = runBlock(1, function* (t) {
      return yield* t[name](1, word);
    });
    expect(alone).toEqual([expected]);
  });
});

describe('masks', () => {
  test.each([
    ['as a signed word', -1],
    ['as an unsigned word', FULL_MASK],
  ])('%s are the same', (_, mask) => {
    const ballots = runBlock(32, function* (t) {
      return yield* t.ballotSync(t.laneId < 16 ? mask : FULL_MASK, t.laneId > 30);
    });
    expect(new Set(ballots)).toEqual(new Set([2 ** 31]));
  });

  test('of lanes that exited while others waited: the rest goes on', () => {
    const results = runBlock(32, function* (t) {
      if (t.laneId % 2 === 1) {
        for (let delay = 0; delay < t.laneId; delay++) yield* t.threadfence();
        return -1;
      }
      return yield* t.ballotSync(FULL_MASK, true);
    });
    expect(results).toEqual(range(32).map((lane) => (lane % 2 === 1 ? -1 : 0x55555555)));
  });

  test('of the last lane only', () => {
    const results = runBlock(32, function* (t) {
      return t.laneId === 31 ? yield* t.matchAnySync(0x80000000, 5n) : 0;
    });
    expect(results[31]).toBe(0x80000000);
  });
});

test.each([
  { lane: 0, lt: 0, le: 1, eq: 1, ge: 0xffffffff, gt: 0xfffffffe },
  { lane: 1, lt: 1, le: 3, eq: 2, ge: 0xfffffffe, gt: 0xfffffffc },
  { lane: 30, lt: 0x3fffffff, le: 0x7fffffff, eq: 0x40000000, ge: 0xc0000000, gt: 0x80000000 },
  { lane: 31, lt: 0x7fffffff, le: 0xffffffff, eq: 0x80000000, ge: 0x80000000, gt: 0 },
])('%lanemask of lane $lane', ({ lane, lt, le, eq, ge, gt }) => {
  const masks = runBlock(64, function* (t) {
    return [t.lanemaskLt, t.lanemaskLe, t.lanemaskEq, t.lanemaskGe, t.lanemaskGt];
  });
  expect(masks[lane]).toEqual([lt, le, eq, ge, gt]);
  expect(masks[32 + lane]).toEqual([lt, le, eq, ge, gt]);
});

describe('activemask', () => {
  test.each<[string, number, number, string]>([
    ['rr', 32, 0xffffffff, 'all lanes of a warp'],
    ['rr', 20, 0x000fffff, 'the lanes that there are'],
    ['rr,granule=8', 32, 0x0000ff00, 'the lanes of a granule'],
    ['rr,granule=1', 32, 0x00000200, 'one lane'],
  ])('under %s with %i threads: lane 9 sees %i: %s', (schedule, threads, mask) => {
    const masks = runBlock(
      threads,
      function* (t) {
        return yield* t.activemask();
      },
      { schedule },
    );
    expect(masks[9]).toBe(mask);
  });

  test('lanes in another branch, or at another operation, do not count', () => {
    const masks = runBlock(32, function* (t) {
      if (t.laneId < 8) yield* t.threadfence();
      if (t.laneId >= 24) {
        yield* t.anySync(0xff000000, true);
        return 0;
      }
      return yield* t.activemask();
    });
    expect(masks[20]).toBe(0x00ffff00);
    expect(masks[3]).toBe(0x000000ff);
  });
});

test('divergent, nested and back together: the sums of each part', () => {
  const results = runBlock(32, function* (t) {
    const { laneId } = t;
    const sums: number[] = [];
    if (laneId < 16) {
      const half = 0x0000ffff;
      if (laneId % 2 === 0) sums.push(yield* t.reduceAddSync(half & 0x55555555, laneId));
      else {
        if (laneId < 8) sums.push(yield* t.reduceAddSync(0x000000aa, laneId));
        else sums.push(yield* t.reduceAddSync(0x0000aa00, laneId));
      }
      sums.push(yield* t.reduceAddSync(half, laneId));
    } else sums.push(-1, yield* t.reduceAddSync(0xffff0000, laneId));
    sums.push(yield* t.reduceAddSync(FULL_MASK, laneId));
    return sums;
  });
  expect(results[4]).toEqual([56, 120, 496]);
  expect(results[5]).toEqual([16, 120, 496]);
  expect(results[15]).toEqual([48, 120, 496]);
  expect(results[31]).toEqual([-1, 376, 496]);
});
