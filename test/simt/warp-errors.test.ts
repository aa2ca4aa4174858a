import { describe, expect, test } from 'vitest';
import { FULL_MASK, type Operation, type Thread } from '../../src/simt/index.js';
import { describeRun, errorOf, lineFinder, partsOf, range, runBlock, type ThreadBody } from './support.js';

const lineOf = lineFinder(import.meta.url);
const GRANULES = ['rr', 'rr,granule=8', 'rr,granule=1', 'random:5', 'random:6,granule=1', 'blocked'];

describe('a mask that does not name its caller', () => {
  const operations: readonly (readonly [string, (t: Thread, mask: number) => Operation<unknown>])[] = [
    ['bar.warp.sync', (t, mask) => t.syncwarp(mask)],
    ['vote.sync.any', (t, mask) => t.anySync(mask, true)],
    ['vote.sync.all', (t, mask) => t.allSync(mask, true)],
    ['vote.sync.ballot', (t, mask) => t.ballotSync(mask, true)],
    ['shfl.sync.idx', (t, mask) => t.shflSync(mask, 1, 0)],
    ['shfl.sync.up', (t, mask) => t.shflUpSync(mask, 1, 0)],
    ['shfl.sync.down', (t, mask) => t.shflDownSync(mask, 1, 0)],
    ['shfl.sync.bfly', (t, mask) => t.shflXorSync(mask, 1, 0)],
    ['match.sync.any', (t, mask) => t.matchAnySync(mask, 1)],
    ['match.sync.all', (t, mask) => t.matchAllSync(mask, 1)],
    ['redux.sync.add', (t, mask) => t.reduceAddSync(mask, 1)],
    ['redux.sync.min', (t, mask) => t.reduceMinSync(mask, 1)],
    ['redux.sync.max', (t, mask) => t.reduceMaxSync(mask, 1)],
    ['redux.sync.and', (t, mask) => t.reduceAndSync(mask, 1)],
    ['redux.sync.or', (t, mask) => t.reduceOrSync(mask, 1)],
    ['redux.sync.xor', (t, mask) => t.reduceXorSync(mask, 1)],
  ];

  test.each(operations)('%s', (name, operation) => {
    const body = (mask: number): ThreadBody<unknown> =>
      function* (t) {
        yield* t.threadfence();
        if (t.threadRank === 35 || (t.warp.index === 1 && t.laneId < 2)) {
          yield* operation(t, mask); // @caller
        }
      };
    const error = errorOf(64, body(0b11));
    expect(partsOf(error)).toEqual({ code: 'WARP_MASK', warp: 1, lane: 3, line: lineOf('caller'), other: null });
    expect(error.reason).toBe(`lane 3 calls ${name} with mask 0x00000003, which does not name it`);
    expect(error.site.operation).toBe(`${name} mask 0x00000003`);
    // The silent twin.
    runBlock(64, body(0b1011));
  });

  test('an empty mask names nobody', () => {
    const error = errorOf(32, function* (t) {
      yield* t.syncwarp(0);
    });
    expect(partsOf(error)).toMatchObject({ code: 'WARP_MASK', lane: 0 });
  });

  test.each(GRANULES)('the vote mask 0x7fffffff forgets lane 31, under %s', (schedule) => {
    const error = errorOf(
      32,
      function* (t) {
        yield* t.anySync(0x7fffffff, false);
      },
      { schedule },
    );
    expect(partsOf(error)).toMatchObject({ code: 'WARP_MASK', lane: 31 });
  });
});

describe('lanes that wait for each other', () => {
  test.each(GRANULES)('disagree on the mask, under %s', (schedule) => {
    const error = errorOf(
      32,
      function* (t) {
        if (t.laneId < 20) {
          yield* t.ballotSync(FULL_MASK, true); // @wide
        } else {
          yield* t.ballotSync(FULL_MASK ^ 1, true); // @narrow
        }
      },
      { schedule },
    );
    const { code, lane, line, other } = partsOf(error);
    expect(code).toBe('WARP_DIVERGENCE');
    const lineOfLane = (who: number) => lineOf(who < 20 ? 'wide' : 'narrow');
    expect(line).toBe(lineOfLane(lane));
    expect(other).toEqual({ warp: 0, lane: other!.lane, line: lineOfLane(other!.lane) });
    expect(lane < 20).not.toBe(other!.lane < 20);
    const maskOf = (who: number) => (who < 20 ? '0xffffffff' : '0xfffffffe');
    expect(error.reason).toContain(
      `lanes disagree on the mask of vote.sync.ballot: lane ${lane} says ${maskOf(lane)}, waiting lane ${other!.lane} says ${maskOf(other!.lane)}`,
    );
    expect(error.message).toMatch(/other thread: .*\n {2}other operation: .*\n {2}other source: test\/simt/);
  });

  test('are in different operations', () => {
    const error = errorOf(64, function* (t) {
      if (t.laneId !== 9) {
        yield* t.syncwarp(); // @waits
      } else {
        yield* t.anySync(FULL_MASK, true); // @votes
      }
    });
    expect(partsOf(error)).toEqual({
      code: 'WARP_DIVERGENCE',
      warp: 0,
      lane: 9,
      line: lineOf('votes'),
      other: { warp: 0, lane: 8, line: lineOf('waits') },
    });
    expect(error.reason).toBe(
      'lanes that wait for each other are in different operations: lane 9 in vote.sync.any (mask 0xffffffff), lane 8 in bar.warp.sync (mask 0xffffffff); 9 lanes wait there',
    );
    expect(error.other!.operation).toBe('bar.warp.sync mask 0xffffffff');
  });

  test.each(range(32))('and one of them differs, in its operation or its mask: lane %i', (odd) => {
    for (const schedule of ['rr', 'rr,granule=1']) {
      const operation = errorOf(
        32,
        function* (t) {
          if (t.laneId === odd) yield* t.allSync(FULL_MASK, true);
          else yield* t.anySync(FULL_MASK, true);
        },
        { schedule },
      );
      const mask = errorOf(
        32,
        function* (t) {
          const other = (odd + 5) % 32;
          yield* t.anySync(t.laneId === odd ? FULL_MASK ^ (1 << other) : FULL_MASK, true);
        },
        { schedule },
      );
      for (const { code, site, other } of [operation, mask]) {
        expect(code).toBe('WARP_DIVERGENCE');
        expect([site.lane, other!.lane]).toContain(odd);
      }
    }
  });

  test.each<[string, ThreadBody<unknown>]>([
    [
      'the same operation with the same mask on two lines',
      function* (t) {
        if (t.laneId < 7) yield* t.syncwarp();
        else yield* t.syncwarp();
      },
    ],
    [
      'a part meets first while the rest waits for all',
      function* (t) {
        if (t.laneId >= 16) {
          yield* t.syncwarp(0xffff0000);
          yield* t.allSync(0xffff0000, true);
        }
        yield* t.syncwarp();
      },
    ],
    [
      'a lane alone',
      function* (t) {
        if (t.laneId === 3) yield* t.shflSync(1 << 3, 1, 3);
        yield* t.syncwarp();
      },
    ],
    [
      'disjoint masks at different operations',
      function* (t) {
        if (t.laneId % 2 === 0) yield* t.anySync(0x55555555, true);
        else yield* t.allSync(0xaaaaaaaa, true);
      },
    ],
    [
      'a mask that names lanes which exit',
      function* (t) {
        if (t.laneId >= 8) return;
        yield* t.syncwarp();
      },
    ],
  ])('silent twin: %s', (_, body) => {
    for (const schedule of GRANULES) expect(describeRun(32, body, { schedule })).toBe('completes');
  });
});

describe('lanes that wait for ever end in a deadlock that says for whom', () => {
  test.each<[string, ThreadBody<unknown>, string[]]>([
    [
      'a ring of three',
      function* (t) {
        const next = (t.laneId + 1) % 3;
        yield* t.syncwarp((1 << t.laneId) | (1 << next));
      },
      [
        'lanes 0: waits in bar.warp.sync mask 0x00000003 for lanes 1 at test/simt/',
        'lanes 1: waits in bar.warp.sync mask 0x00000006 for lanes 2 at test/simt/',
        'lanes 2: waits in bar.warp.sync mask 0x00000005 for lanes 0 at test/simt/',
      ],
    ],
    [
      'a warp barrier against a block barrier',
      function* (t) {
        if (t.laneId === 1) yield* t.syncthreads();
        else yield* t.syncwarp();
      },
      [
        'lanes 0,2: waits in bar.warp.sync mask 0xffffffff for lanes 1 at test/simt/',
        'lanes 1: waits at barrier 0 for lanes 0,2 of its warp at test/simt/',
      ],
    ],
  ])('%s', (_, body, lines) => {
    for (const schedule of GRANULES) {
      const text = describeRun(3, body, { schedule });
      expect(text).toMatch(/^deadlock: no thread can go on\n/);
      for (const line of lines) expect(text).toContain(line);
    }
  });
});
