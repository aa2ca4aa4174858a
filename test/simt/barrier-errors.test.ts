import { describe, expect, test } from 'vitest';
import type { Thread } from '../../src/simt/index.js';
import { describeRun, errorOf, lineFinder, partsOf, runBlock, type ThreadBody } from './support.js';

const lineOf = lineFinder(import.meta.url);
const SCHEDULES = ['rr', 'blocked', 'random:7', 'rr,granule=8', 'random:8,granule=1', 'blocked,granule=1'];

/** The fault of a block of `threads` threads, the same under every schedule. */
function errorsOf(threads: number, body: ThreadBody<unknown>) {
  return SCHEDULES.map((schedule) => errorOf(threads, body, { schedule }));
}

describe('the id', () => {
  test.each([16, 17, -1, 1.5, Number.NaN])('%d does not exist', (id) => {
    const error = errorOf(64, function* (t) {
      if (t.warp.index === 1) {
        yield* t.barrierSyncAligned(id, 32); // @id
      }
    });
    expect(partsOf(error)).toEqual({ code: 'BARRIER_ID', warp: 1, lane: 0, line: lineOf('id'), other: null });
    expect(error.reason).toBe(`barrier ${id} does not exist: a block has barriers 0 to 15`);
    expect(error.site.operation).toBe(`barrier.sync.aligned ${id}, 32`);
  });

  test.each([0, 15])('%i exists: the twin passes', (id) => {
    expect(runBlock(64, (t) => sync(t, id, 32))).toHaveLength(64);
  });
});

function* sync(t: Thread, id: number, threads: number) {
  yield* t.barrierSyncAligned(id, threads);
}

describe('the count', () => {
  test.each([1, 31, 33, 48, -32, 32.5, Number.NaN])('%d is no multiple of 32', (count) => {
    for (const operation of ['barrierSync', 'barrierSyncAligned', 'barrierArrive', 'barrierArriveAligned'] as const) {
      const error = errorOf(64, function* (t) {
        yield* t[operation](2, count); // @count
      });
      expect(partsOf(error)).toEqual({ code: 'BARRIER_COUNT', warp: 0, lane: 0, line: lineOf('count'), other: null });
      expect(error.reason).toBe(`barrier 2 with ${count} threads: the count must be a multiple of 32`);
    }
  });

  test('of an arrival must be given', () => {
    const error = errorOf(32, function* (t) {
      yield* t.barrierArrive(2, 0);
    });
    expect(error.code).toBe('BARRIER_COUNT');
    expect(error.reason).toBe('barrier.arrive 2 needs a count of threads above 0');
    expect(error.site.operation).toBe('barrier.arrive 2, 0');
  });

  test('of two warps must be the same', () => {
    for (const error of errorsOf(96, function* (t) {
      if (t.warp.index === 0) {
        yield* t.barrierSyncAligned(2, 96); // @all
      } else if (t.warp.index === 1) {
        for (let delay = 0; delay < 70; delay++) yield* t.threadfence();
        yield* t.barrierSyncAligned(2, 64); // @two
      }
    })) {
      const { code, warp, line, other } = partsOf(error);
      expect(code).toBe('BARRIER_COUNT');
      expect(new Set([warp, other?.warp])).toEqual(new Set([0, 1]));
      expect(line).toBe(lineOf(warp === 0 ? 'all' : 'two'));
      expect(other?.line).toBe(lineOf(warp === 0 ? 'two' : 'all'));
      const [mine, theirs] = warp === 0 ? [96, 64] : [64, 96];
      expect(error.reason).toBe(`barrier 2 is in use for ${theirs} threads; this thread expects ${mine} threads`);
    }
  });

  test('of two warps: the other thread is the first that waits', () => {
    const error = errorOf(96, function* (t) {
      if (t.warp.index === 1) {
        if (t.laneId === 0) yield* t.threadfence();
        yield* t.barrierSync(2, 96);
      } else yield* t.barrierSync(2, t.warp.index === 0 ? 96 : 64);
    });
    expect(partsOf(error)).toMatchObject({ code: 'BARRIER_COUNT', warp: 2, lane: 0, other: { warp: 0, lane: 0 } });
  });

  test('of a barrier that is used both with and without one', () => {
    const error = errorOf(64, function* (t) {
      if (t.warp.index === 0) yield* t.syncthreads();
      else yield* t.barrierSyncAligned(0, 64);
    });
    expect(error.reason).toBe('barrier 0 is in use for all threads of the block; this thread expects 64 threads');
    expect(error.site.operation).toBe('barrier.sync.aligned 0, 64');
    expect(error.other!.operation).toBe('barrier.sync.aligned 0 (all threads of the block)');
  });

  test('against warps that only arrived names no other thread', () => {
    const error = errorOf(64, function* (t) {
      if (t.warp.index === 0) yield* t.barrierArriveAligned(1, 64);
      else yield* t.barrierSyncAligned(1, 96);
    });
    expect(partsOf(error)).toMatchObject({ code: 'BARRIER_COUNT', warp: 1, other: null });
  });
});

describe('a warp', () => {
  test('that arrives twice in one phase', () => {
    for (const error of errorsOf(96, function* (t) {
      if (t.warp.index === 1) {
        yield* t.barrierArriveAligned(3, 96);
        yield* t.barrierArriveAligned(3, 96); // @twice
      }
    })) {
      expect(partsOf(error)).toMatchObject({ code: 'BARRIER_ARRIVALS', warp: 1, line: lineOf('twice'), other: null });
      expect(error.reason).toBe('warp 1 arrives at barrier 3 a second time before its phase is complete');
    }
  });

  test('that arrives and then waits in the same phase', () => {
    const error = errorOf(64, function* (t) {
      yield* t.barrierArriveAligned(3, 96);
      yield* t.barrierSyncAligned(3, 96);
    });
    expect(error.code).toBe('BARRIER_ARRIVALS');
  });

  test('that alternates two ids passes: the twin', () => {
    for (const schedule of SCHEDULES) {
      const body = function* (t: Thread) {
        for (let round = 0; round < 6; round++) {
          if (t.warp.index === 0) yield* t.barrierArriveAligned(1 + (round % 2), 64);
          else yield* t.barrierSyncAligned(1 + (round % 2), 64);
          yield* t.barrierSyncAligned(5 + (round % 2), 64);
        }
      };
      expect(describeRun(64, body, { schedule })).toBe('completes');
    }
  });
});

describe('lanes of one warp at different barriers', () => {
  const rows: readonly (readonly [string, boolean, boolean])[] = [
    ['both aligned', true, true],
    ['the one that comes first', true, false],
    ['the one that comes second', false, true],
  ];
  test.each(rows)('are an error if one is aligned: %s', (_, firstAligned, secondAligned) => {
    for (const error of errorsOf(64, function* (t) {
      if (t.warp.index === 0) return;
      if (t.laneId < 16) {
        yield* firstAligned ? t.barrierSyncAligned(1, 32) : t.barrierSync(1, 32); // @one
      } else {
        for (let delay = 0; delay < 70; delay++) yield* t.threadfence();
        yield* secondAligned ? t.barrierSyncAligned(2, 32) : t.barrierSync(2, 32); // @other
      }
    })) {
      const { code, lane, line, other } = partsOf(error);
      expect(code).toBe('BARRIER_DIVERGENCE');
      expect(line).toBe(lineOf(lane < 16 ? 'one' : 'other'));
      expect(other?.line).toBe(lineOf(lane < 16 ? 'other' : 'one'));
      expect(error.reason).toContain(`lane ${other?.lane} at barrier ${other!.lane < 16 ? 1 : 2}`);
    }
  });

  test('wait for ever if none is: the manual lets each wait for its whole warp', () => {
    for (const schedule of SCHEDULES) {
      const text = describeRun(
        32,
        function* (t) {
          if (t.laneId < 16) yield* t.barrierSync(1, 32);
          else yield* t.barrierSync(2, 32);
        },
        { schedule },
      );
      expect(text).toContain('deadlock: no thread can go on');
      expect(text).toContain('lanes 0-15: waits at barrier 1 for lanes 16-31 of its warp at test/simt/');
      expect(text).toContain('lanes 16-31: waits at barrier 2 for lanes 0-15 of its warp at test/simt/');
    }
  });

  test('the twin: one barrier from two branches passes', () => {
    const body = function* (t: Thread) {
      if (t.laneId < 16) yield* t.barrierSync(1, 32);
      else yield* t.barrierSync(1, 32);
    };
    for (const schedule of SCHEDULES) expect(describeRun(32, body, { schedule })).toBe('completes');
  });
});

describe('a barrier that is never complete is a deadlock', () => {
  test('a warp that does not come', () => {
    for (const schedule of SCHEDULES) {
      const text = describeRun(
        128,
        function* (t) {
          if (t.warp.index === 3) return;
          yield* t.barrierSyncAligned(5, 128); // @missing
        },
        { schedule },
      );
      expect(text).toBe(
        `deadlock: no thread can go on\n  rank 0 block (0,0,0) warp 0 lanes 0-31 and 2 more warps like it: waits at barrier 5: 96 of 128 threads have arrived at test/simt/barrier-errors.test.ts:${lineOf('missing')}`,
      );
    }
  });

  test('a count of more threads than the block has', () => {
    expect(describeRun(64, (t) => sync(t, 1, 96))).toContain('64 of 96 threads have arrived');
  });

  test('half a warp at the barrier of the block, half at the one of the warp', () => {
    const text = describeRun(64, function* (t) {
      if (t.threadRank < 16) yield* t.syncthreads();
      else if (t.warp.index === 0) yield* t.shflSync(0xffff0000, 1, 20);
      else yield* t.syncthreads();
      if (t.threadRank >= 16 && t.warp.index === 0) yield* t.syncwarp();
    });
    expect(text).toContain('lanes 16-31: waits in bar.warp.sync mask 0xffffffff for lanes 0-15');
    expect(text).toContain('lanes 0-15: waits at barrier 0 for lanes 16-31 of its warp');
  });

  test('two groups that share an id mix: what is left over waits', () => {
    // Zoo Z21: the phase is complete with any four warps. Nobody is told; the leftovers are.
    const text = describeRun(192, function* (t) {
      const group = t.warp.index < 3 ? 0 : 1;
      yield* t.barrierSyncAligned(3, 128);
      if (group === 0) yield* t.threadfence();
    });
    expect(text).toContain('waits at barrier 3: 64 of 128 threads have arrived');
  });
});
