import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FULL_MASK, Machine, type Operation, type Thread } from '../../src/simt/index.js';
import { describeProperty } from '../reference/describe-property.js';
import { errorOf, lineFinder, outcomeOn, partsOf, range, runBlock } from './support.js';

const lineOf = lineFinder(import.meta.url);

const MODES = ['idx', 'up', 'down', 'bfly'] as const;
type Mode = (typeof MODES)[number];

/** The lane that a lane reads. Source: the pseudo-code of PTX ISA, "shfl.sync", and `c` as CUDA's headers pass it. */
function sourceOf(mode: Mode, lane: number, b: number, width: number): number {
  const c = ((32 - width) << 8) | (mode === 'up' ? 0 : 0x1f);
  const bval = b & 31;
  const cval = c & 31;
  const segmask = (c >> 8) & 31;
  const maxLane = (lane & segmask) | (cval & ~segmask);
  const minLane = lane & segmask;
  let j: number;
  let pval: boolean;
  switch (mode) {
    case 'up':
      j = lane - bval;
      pval = j >= maxLane;
      break;
    case 'down':
      j = lane + bval;
      pval = j <= maxLane;
      break;
    case 'bfly':
      j = lane ^ bval;
      pval = j <= maxLane;
      break;
    case 'idx':
      j = minLane | (bval & ~segmask);
      pval = j <= maxLane;
      break;
  }
  return pval ? j : lane;
}

function shuffle<V extends number | bigint>(
  t: Thread,
  mode: Mode,
  mask: number,
  value: V,
  b: number,
  width: number,
): Operation<V> {
  switch (mode) {
    case 'idx':
      return t.shflSync(mask, value, b, width);
    case 'up':
      return t.shflUpSync(mask, value, b, width);
    case 'down':
      return t.shflDownSync(mask, value, b, width);
    case 'bfly':
      return t.shflXorSync(mask, value, b, width);
  }
}

const operands = fc.oneof(fc.nat(31), fc.constantFrom(0, 1, 2, 4, 8, 16, 31, 32, 33, -1, 63, 2 ** 31 - 1));
const cases = fc.record({
  mode: fc.constantFrom(...MODES),
  width: fc.constantFrom(1, 2, 4, 8, 16, 32),
  operands: fc.oneof(
    operands.map((b) => new Array<number>(32).fill(b)),
    fc.array(operands, { minLength: 32, maxLength: 32 }),
  ),
  wide: fc.boolean(),
  granule: fc.constantFrom(32, 8, 1),
  /** Lanes that do not take part: they are not in the mask, or have exited. */
  away: fc.oneof(
    { weight: 3, arbitrary: fc.constant(0) },
    fc.integer({ min: 0, max: 2 ** 32 - 2 }),
    fc.nat(31).map((lane) => 2 ** lane),
  ),
  exited: fc.boolean(),
});

const valueIn = (lane: number, wide: boolean): number | bigint =>
  wide ? (BigInt(lane) << 40n) - 2n ** 63n : Math.imul(lane, 0x01010101) >>> 0;

/** The values that the lanes get, undefined for those away; or which lane reads one that is away. */
function expectedOf(source: typeof sourceOf, { mode, width, operands, wide, away }: Parameters<typeof run>[0]) {
  const isAway = (lane: number) => ((away >>> lane) & 1) === 1;
  const sources = range(32).map((lane) => source(mode, lane, operands[lane]!, width));
  const lost = range(32).find((lane) => !isAway(lane) && isAway(sources[lane]!));
  if (lost !== undefined)
    return `shfl.sync.${mode} of lane ${lost} reads lane ${sources[lost]}, which does not take part`;
  return sources.map((lane, reader) => (isAway(reader) ? undefined : valueIn(lane, wide)));
}

function run({
  mode,
  width,
  operands,
  wide,
  granule,
  away,
  exited,
}: typeof cases extends fc.Arbitrary<infer C> ? C : never) {
  const machine = new Machine({ schedule: `random:1,granule=${granule}` });
  const results: (number | bigint | undefined)[] = [];
  const mask = exited ? FULL_MASK : ~away;
  const outcome = outcomeOn(
    machine,
    32,
    function* (t) {
      if (((away >>> t.laneId) & 1) === 1) return undefined;
      return yield* shuffle(t, mode, mask, valueIn(t.laneId, wide), operands[t.laneId]!, width);
    },
    results,
  );
  return outcome.verdict === 'error' ? outcome.error.reason.split(': its value')[0] : results;
}

describeProperty<typeof sourceOf>(
  'shuffles read the lane that PTX says',
  (source) =>
    fc.property(cases, (tested) => {
      expect(run(tested)).toEqual(expectedOf(source, tested));
    }),
  sourceOf,
  {
    'up leaves its segment': (mode, lane, b, width) => sourceOf(mode, lane, b, mode === 'up' ? 32 : width),
    'a butterfly stays in its segment': (mode, lane, b, width) => {
      const source = sourceOf(mode, lane, b, width);
      return mode === 'bfly' && Math.floor(source / width) !== Math.floor(lane / width) ? lane : source;
    },
    'idx counts from the first lane of the warp': (mode, lane, b, width) =>
      mode === 'idx' ? b & 31 : sourceOf(mode, lane, b, width),
    'down by 32 or more is none': (mode, lane, b, width) =>
      mode === 'down' && b > 31 ? lane : sourceOf(mode, lane, b, width),
  },
);

test.each<[mode: Mode, width: number, b: number, sources: readonly number[], why: string]>([
  ['idx', 8, 3, [3, 3, 3, 3, 3, 3, 3, 3, 11, 11], 'within each segment'],
  ['idx', 8, 9, [1, 1, 1, 1, 1, 1, 1, 1, 9, 9], 'modulo the width'],
  ['idx', 32, -1, [31, 31, 31, 31, 31, 31, 31, 31, 31, 31], 'a negative lane too'],
  ['up', 8, 2, [0, 1, 0, 1, 2, 3, 4, 5, 8, 9], 'the first of each segment keep theirs'],
  ['down', 4, 1, [1, 2, 3, 3, 5, 6, 7, 7, 9, 10], 'the last of each segment keep theirs'],
  ['bfly', 4, 4, [0, 1, 2, 3, 0, 1, 2, 3, 8, 9], 'an earlier segment may be read, a later one not'],
  ['up', 32, 32, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9], 'PTX takes five bits'],
])('%s width %i by %i: %j: %s', (mode, width, b, sources) => {
  const got = runBlock(32, function* (t) {
    return yield* shuffle(t, mode, FULL_MASK, t.laneId, b, width);
  });
  expect(got.slice(0, 10)).toEqual(sources);
});

describe('a shuffle from a lane that does not take part', () => {
  test('names the lane that reads, its line and the lane that is read, whoever comes last', () => {
    for (const late of [0, 5, 31]) {
      const error = errorOf(64, function* (t) {
        if (t.warp.index === 0) return;
        if (t.laneId === 7) {
          yield* t.anySync(1 << 7, true);
          return;
        }
        if (t.laneId === late) for (let delay = 0; delay < 3; delay++) yield* t.threadfence();
        const mask = FULL_MASK ^ (1 << 7);
        if (t.laneId === 6) {
          yield* t.shflDownSync(mask, 1, 1); // @reader
        } else yield* t.shflDownSync(mask, 1, 0);
      });
      expect(partsOf(error)).toEqual({
        code: 'UNDEFINED_SHUFFLE',
        warp: 1,
        lane: 6,
        line: lineOf('reader'),
        other: null,
      });
      expect(error.reason).toContain('shfl.sync.down of lane 6 reads lane 7, which does not take part');
      expect(error.site.operation).toBe('shfl.sync.down mask 0xffffff7f');
    }
  });

  test('that exits while the others wait is an error of the reader', () => {
    const error = errorOf(32, function* (t) {
      if (t.laneId === 31) {
        yield* t.threadfence();
        return;
      }
      yield* t.shflSync(FULL_MASK, 3, t.laneId === 4 ? 31 : 0); // @exits
    });
    expect(partsOf(error)).toEqual({
      code: 'UNDEFINED_SHUFFLE',
      warp: 0,
      lane: 4,
      line: lineOf('exits'),
      other: null,
    });
  });

  test('of a partial last warp is the classic of reductions; its twin with a width passes', () => {
    const sumOf = (width: number) =>
      function* (t: Thread) {
        let sum = t.laneId;
        for (let delta = width >> 1; delta > 0; delta >>= 1) sum += yield* t.shflXorSync(FULL_MASK, sum, delta, width);
        return sum;
      };
    expect(errorOf(40, sumOf(32)).reason).toContain('shfl.sync.bfly of lane 0 reads lane 16');
    expect(runBlock(40, sumOf(8)).at(-1)).toBe(28);
  });
});

test.each([0, 3, 33, 64, -4])('width %i is no width', (width) => {
  const error = errorOf(32, function* (t) {
    yield* t.shflSync(FULL_MASK, 1, 0, width); // @width
  });
  expect(partsOf(error)).toMatchObject({ code: 'INVALID_OPERAND', lane: 0, line: lineOf('width') });
  expect(error.reason).toBe(`shuffle width ${width} is not a power of two from 1 to 32`);
});
