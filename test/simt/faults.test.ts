import { describe, expect, test } from 'vitest';
import { FULL_MASK, Machine, type Operation, type Thread } from '../../src/simt/index.js';
import { describeRun, errorOf, errorOn, lineFinder, partsOf, runBlock, type ThreadBody } from './support.js';

const lineOf = lineFinder(import.meta.url);

/** One thread of a block of 64 does this; the others do nothing. */
const inOne = (body: ThreadBody<unknown>): ThreadBody<unknown> =>
  function* (t) {
    if (t.threadRank === 37) yield* body(t);
  };

const DROPPED = "was called and never yielded: write 'yield* t.…(…)'";

describe('an operation that is called and not yielded', () => {
  test('is found at the next one', () => {
    const error = errorOf(
      64,
      inOne(function* (t) {
        t.anySync(FULL_MASK, true);
        yield* t.syncwarp(1 << t.laneId); // @next
      }),
    );
    expect(partsOf(error)).toEqual({ code: 'DROPPED_OPERATION', warp: 1, lane: 5, line: lineOf('next'), other: null });
    expect(error.reason).toBe(`the operation vote.sync.any ${DROPPED}`);
    expect(error.site.operation).toBe('vote.sync.any');
  });

  test("is found at the kernel's end", () => {
    const error = errorOf(
      64,
      inOne(function* (t) {
        yield* t.threadfence();
        t.syncthreads();
      }),
    );
    expect(partsOf(error)).toEqual({ code: 'DROPPED_OPERATION', warp: 1, lane: 5, line: undefined, other: null });
    expect(error.reason).toBe(`the operation barrier.sync ${DROPPED}`);
    expect(error.message.split('\n').slice(1)).toEqual([
      '  thread: rank 0 block (0,0,0) warp 1 lane 5 (thread (37,0,0)) of kernel',
      '  operation: barrier.sync',
      '  at step 3 of schedule rr',
    ]);
  });

  test('is described by its name, not by the operands of the next', () => {
    const machine = new Machine();
    const p = machine.memory.allocate('a', 'u32', 4, { zeroed: true });
    const error = errorOn(
      machine,
      64,
      inOne(function* (t) {
        t.atomicAdd(p, 0, 1);
        yield* t.storeVolatile(p, 3, 1);
      }),
    );
    expect(error.reason).toBe(`the operation atom.add ${DROPPED}`);
    expect(error.site.operation).toBe('atom.add');
  });

  test('of every kind', () => {
    const machine = new Machine();
    const p = machine.memory.allocate('a', 'u32', 4, { zeroed: true });
    const kinds: readonly ((t: Thread) => Operation<unknown>)[] = [
      (t) => t.barrierArrive(1, 64),
      (t) => t.loadVolatile(p),
      (t) => t.storeRelease('device', p, 0, 1),
      (t) => t.atomicCAS(p, 0, 1, 2),
      (t) => t.activemask(),
      (t) => t.threadfence(),
      (t) => t.shflSync(FULL_MASK, 1, 0),
    ];
    for (const kind of kinds) {
      const error = errorOf(1, function* (t) {
        kind(t);
      });
      expect(error.code).toBe('DROPPED_OPERATION');
    }
  });

  test.each<[string, ThreadBody<unknown>]>([
    [
      'held and yielded later',
      function* (t) {
        const operation = t.anySync(FULL_MASK, true);
        const held = [operation];
        return yield* held[0]!;
      },
    ],
    [
      'yielded within the arguments of another',
      function* (t) {
        return yield* t.shflSync(FULL_MASK, (yield* t.anySync(FULL_MASK, true)) ? 1 : 0, 0);
      },
    ],
    [
      'one of two',
      function* (t) {
        return yield* t.warp.index === 0 ? t.anySync(FULL_MASK, true) : t.allSync(FULL_MASK, true);
      },
    ],
  ])('its twin passes: %s', (_, body) => {
    expect(describeRun(64, body)).toBe('completes');
  });
});

describe('an operation that is called once and yielded again', () => {
  test('would be none: the second has no effect', () => {
    const machine = new Machine({ limits: { maxSteps: 100 } });
    const p = machine.memory.allocate('a', 'u32', 1, { zeroed: true });
    const error = errorOn(machine, 64, function* (t) {
      const load = t.loadVolatile(p);
      while ((yield* load) === 0); // @again
    });
    expect(partsOf(error)).toMatchObject({ code: 'DROPPED_OPERATION', lane: 0, line: lineOf('again') });
    expect(error.reason).toBe(
      "the operation ld was called once and is yielded again, or not by 'yield*': call it for each 'yield* t.…(…)'",
    );
  });

  test('is driven by hand', () => {
    const error = errorOf(64, function* (t) {
      for (const step of t.anySync(FULL_MASK, true)) yield* [step];
      [...t.allSync(FULL_MASK, true)]; // @hand
    });
    expect(error.code).toBe('DROPPED_OPERATION');
    expect(error.site.frames[0]!.line).toBe(lineOf('hand'));
  });

  test('has not been called at all', () => {
    const error = errorOf(1, function* (t) {
      yield* t;
    });
    expect(error.code).toBe('DROPPED_OPERATION');
  });
});

describe('a kernel that yields what is no operation', () => {
  test.each<[string, ThreadBody<unknown>]>([
    [
      'nothing',
      function* () {
        yield;
      },
    ],
    [
      'a value',
      function* () {
        yield 5 as never;
      },
    ],
    [
      'an operation, without the star',
      function* (t) {
        yield t.threadfence() as never;
      },
    ],
  ])('%s', (_, body) => {
    const error = errorOf(64, inOne(body));
    expect(partsOf(error)).toEqual({ code: 'KERNEL_THREW', warp: 1, lane: 5, line: undefined, other: null });
    expect(error.reason).toBe("the kernel yields something that is no operation: write 'yield* t.…(…)'");
  });
});

describe('a kernel that throws', () => {
  test.each<[string, () => never, string]>([
    [
      'an error',
      () => {
        throw new TypeError('no such thing'); // @throws
      },
      'the kernel threw TypeError: no such thing',
    ],
    [
      'a value',
      () => {
        throw 'words';
      },
      'the kernel threw words',
    ],
  ])('%s', (what, fail, reason) => {
    const error = errorOf(
      64,
      inOne(function* (t) {
        yield* t.threadfence();
        fail();
      }),
    );
    expect(partsOf(error)).toEqual({
      code: 'KERNEL_THREW',
      warp: 1,
      lane: 5,
      line: what === 'an error' ? lineOf('throws') : undefined,
      other: null,
    });
    expect(error.reason).toBe(reason);
  });

  test('names the frames of the functions that it calls, innermost first, and none of the machine', () => {
    function* inner(t: Thread) {
      yield* t.threadfence();
      throw new Error('deep'); // @inner
    }
    function* outer(t: Thread) {
      yield* inner(t); // @outer
    }
    const error = errorOf(1, outer);
    const files = new Set(error.site.frames.map(({ file }) => file));
    expect(error.site.frames.slice(0, 2).map(({ line, functionName }) => [line, functionName])).toEqual([
      [lineOf('inner'), 'inner'],
      [lineOf('outer'), 'outer'],
    ]);
    expect(files).toEqual(new Set(['test/simt/faults.test.ts', 'test/simt/support.ts']));
  });

  test('so does one suspended at the operation that fails', () => {
    const machine = new Machine();
    const p = machine.memory.allocate('a', 'u32', 1, { zeroed: true });
    function* load(t: Thread) {
      yield* t.loadVolatile(p, 1); // @suspended
    }
    const error = errorOn(machine, 1, function* outer(t) {
      yield* load(t); // @caller
    });
    expect(error.site.frames.slice(0, 2).map(({ line }) => line)).toEqual([lineOf('suspended'), lineOf('caller')]);
  });
});

describe('an error', () => {
  const run = (schedule: string) => {
    const machine = new Machine({ schedule });
    const p = machine.memory.allocate('a', 'u32', 60, { zeroed: true });
    return errorOn(machine, { x: 8, y: 4, z: 2 }, function* (t) {
      yield* t.syncthreads();
      yield* t.atomicAdd(p, t.threadRank, 1);
    });
  };

  test('says everything, with no colour and no path of this machine', () => {
    const text = run('rr').message;
    expect(text.replace(/:\d+/g, ':LINE')).toBe(
      [
        "OUT_OF_BOUNDS: atomic of 4 bytes at global address 0x7f00000000f0: 4 bytes past the end of 'a' (240 bytes)",
        '  thread: rank 0 block (0,0,0) warp 1 lane 28 (thread (4,3,1)) of kernel',
        '  operation: atom.relaxed.device.global.add.u32 [0x7f00000000f0]',
        '  source: test/simt/faults.test.ts:LINE < test/simt/support.ts:LINE',
        '  at step 4 of schedule rr',
      ].join('\n'),
    );
  });

  test.each(['rr', 'random:9', 'random:1,granule=1', 'blocked,granule=8'])(
    'is the same twice, under %s',
    (schedule) => {
      const [first, second] = [run(schedule), run(schedule)];
      expect(second.message).toBe(first.message);
      expect(second.site).toEqual(first.site);
      expect(first.schedule).toBe(schedule);
      expect(first.step).toBeGreaterThan(0);
    },
  );

  test('of a declaration: two types of one shared variable', () => {
    for (const [type, count] of [
      ['u32', 4],
      ['i32', 5],
    ] as const) {
      const error = errorOf(64, function* (t) {
        if (t.warp.index === 0) t.shared('s', 'i32', 4);
        else t.shared<'i32' | 'u32'>('s', type, count); // @declares
        yield* t.syncwarp();
      });
      expect(partsOf(error)).toEqual({
        code: 'SHARED_DECLARATION',
        warp: 1,
        lane: 0,
        line: lineOf('declares'),
        other: null,
      });
      expect(error.reason).toBe(
        `shared variable 's' is declared as ${type}[${count}] here and as i32[4] by another thread`,
      );
    }
    expect(
      runBlock(64, function* (t) {
        t.shared('s', 'i32', 4);
      }),
    ).toHaveLength(64);
  });

  test('ends the run for good: asked again, the machine gives the same outcome', () => {
    const machine = new Machine();
    const p = machine.memory.allocate('a', 'u32', 1, { zeroed: true });
    errorOn(machine, 64, function* (t) {
      yield* t.loadVolatile(p, t.warp.index);
    });
    const outcome = machine.run();
    const { steps } = machine;
    expect(machine.run()).toBe(outcome);
    expect(machine.advance(10)).toBe(outcome);
    expect(machine.steps).toBe(steps);
  });
});
