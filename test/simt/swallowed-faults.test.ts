import { describe, expect, test } from 'vitest';
import { type Kernel, Machine, type Pointer, type Register } from '../../src/simt/index.js';
import { describeRun, errorOf, errorOn, lineFinder, outcomeOn, partsOf, type ThreadBody } from './support.js';

const lineOf = lineFinder(import.meta.url);

describe('a fault that the kernel swallows', () => {
  test.each<[string, (p: Pointer<'i32'>) => ThreadBody<unknown>]>([
    [
      'by a catch, and ends',
      (p) =>
        function* (t) {
          try {
            if (t.laneId === 7) p.load(2); // @ends
          } catch {}
        },
    ],
    [
      'by a catch, and goes on',
      (p) =>
        function* (t) {
          try {
            if (t.laneId === 7) p.load(2); // @goes on
          } catch {}
          yield* t.storeVolatile(p, 0, 1);
        },
    ],
    [
      'by a return in a finally',
      (p) =>
        function* (t) {
          try {
            if (t.laneId === 7) p.load(2); // @finally
          } finally {
            // biome-ignore lint/correctness/noUnsafeFinally: that is what is tested
            return;
          }
        },
    ],
    [
      'and throws another error',
      (p) =>
        function* (t) {
          try {
            if (t.laneId === 7) p.load(2); // @wrapped
          } catch {
            throw new Error('something went wrong');
          }
        },
    ],
  ])('%s: is an error all the same', (_, body) => {
    const machine = new Machine();
    const error = errorOn(machine, 64, body(machine.memory.allocate('a', 'i32', 4)));
    const marks = ['ends', 'goes on', 'finally', 'wrapped'].map(lineOf);
    expect(partsOf(error)).toMatchObject({ code: 'UNDEFINED_READ', warp: 0, lane: 7 });
    expect(marks).toContain(partsOf(error).line);
    expect(error.site.operation).toBe('');
    expect(error.reason).toContain("the first at byte 8 of 'a'");
  });

  test('is none if a watch of the host raised it', () => {
    const machine = new Machine();
    const p = machine.memory.allocate('a', 'i32', 4);
    machine.watch(p.address, 4, () => {
      expect(() => p.load(3)).toThrow('never defined');
    });
    const outcome = outcomeOn(machine, 1, function* (t) {
      p.store(0, 1);
      yield* t.storeVolatile(p, 0, 2);
    });
    expect(outcome.verdict).toBe('completes');
  });

  test('is none if the host raised it before or between', () => {
    const machine = new Machine();
    const p = machine.memory.allocate('a', 'i32', 4);
    expect(() => p.load()).toThrow('never defined');
    expect(outcomeOn(machine, 1, function* () {}).verdict).toBe('completes');
    expect(() => p.load()).toThrow('never defined');
    expect(outcomeOn(machine, 1, function* () {}).verdict).toBe('completes');
  });
});

describe('looking for the lines of a run that is over', () => {
  const afterwards = (wait: ThreadBody<unknown>) => {
    const machine = new Machine({ limits: { maxIdleSteps: 20 } });
    const p = machine.memory.allocate('a', 'i32', 4, { zeroed: true });
    const outcome = outcomeOn(machine, 33, function* (t) {
      const shared = t.shared('s', 'i32', 2);
      shared.store(0, 0);
      for (;;) {
        try {
          yield* wait(t);
          return;
        } catch {
          shared.store(0, 5);
          t.shared('new', 'i32').store(0, 5);
        } finally {
          p.store(0, 5);
        }
      }
    });
    return { machine, p, outcome };
  };

  test.each<[string, ThreadBody<unknown>]>([
    [
      'a deadlock',
      function* (t) {
        if (t.threadRank < 32) yield* t.barrierSyncAligned(1, 64);
        else yield* t.barrierSyncAligned(2, 64);
      },
    ],
    [
      'a poll',
      function* (t) {
        const flag = t.shared('flag', 'i32');
        flag.store(0, 0);
        while ((yield* t.loadVolatile(flag)) === 0);
      },
    ],
  ])('changes no memory and ends: %s', (_, wait) => {
    const { machine, p, outcome } = afterwards(wait);
    expect(outcome).toMatchObject({ verdict: expect.stringMatching(/deadlock|budget/) });
    expect(p.load()).toBe(0);
    for (const block of machine.residentBlocks) expect(block.sharedVariables.get('s')!.pointer.load()).toBe(0);
    // The host may go on using the memory.
    p.store(0, 7);
    expect(p.load()).toBe(7);
  });

  test('leaves the description of what a thread waits in', () => {
    const text = describeRun(2, function* (t) {
      const p = t.shared('a', 'u32', 8);
      try {
        yield* t.barrierSync(3, 64);
      } catch {
        yield* t.storeVolatile(p, 5, 1);
      }
    });
    expect(text).toContain('lanes 0-1: waits at barrier 3: 32 of 64 threads have arrived');
  });
});

describe('a kernel that is no generator function', () => {
  test.each([
    ['undefined', () => undefined],
    ['no generator', () => 5],
    ['a promise', async () => {}],
    ['no generator', async function* () {}],
  ])('returns %s', (what, kernel) => {
    const machine = new Machine();
    Object.defineProperty(kernel, 'name', { value: 'scale' });
    machine.stream().launch(kernel as unknown as Kernel<null>, { grid: 1, block: 1 }, null);
    const outcome = machine.run();
    if (outcome.verdict !== 'error') throw new Error(outcome.verdict);
    expect(outcome.error.code).toBe('KERNEL_THREW');
    expect(outcome.error.reason).toBe(
      `the kernel returns ${what}: a kernel is a generator function, write 'function* scale(t, args) { … }'`,
    );
  });
});

test.each(['plain', 'volatile'])('a register of another size cannot be stored: %s', (how) => {
  const error = errorOf(1, function* (t) {
    const p = t.shared('a', 'u64', 1);
    const register = t.registerArray('i32', 1).at(0) as unknown as Register<'u64'>;
    if (how === 'plain') p.store(0, register);
    else yield* t.storeVolatile(p, 0, register);
  });
  expect(error.code).toBe('INVALID_OPERAND');
  expect(error.reason).toBe("stores a register of type i32 (4 bytes) as u64 (8 bytes) to 'shared a'");
});
