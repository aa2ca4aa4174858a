import { describe, expect, test } from 'vitest';
import { sameBytes } from '../../src/debug/breakpoints.js';
import { type DebugSession, type Expression, parseExpression, type Stop } from '../../src/debug/index.js';
import { setUpCall } from '../../src/tools/index.js';
import { receiverExpectsOneMore } from './one-more.js';
import { allToAll, finish, neighbours, sessionOf } from './support.js';

const parse = (text: string): Expression => parseExpression(text);
const operationOf = (session: DebugSession): string => session.thread!.operation.split(' ')[0]!;

/** Positions at which `continue` stops. */
function stops(session: DebugSession): number[] {
  const positions: number[] = [];
  for (;;) {
    const stop = finish(session.continue());
    if (stop.reason !== 'breakpoint') return positions;
    positions.push(session.position);
  }
}

/** Positions at which `reverseContinue` stops, in ascending order. */
function stopsBackwards(session: DebugSession): number[] {
  const positions: number[] = [];
  for (;;) {
    const stop = finish(session.reverseContinue());
    if (stop.reason !== 'breakpoint') return positions.toReversed();
    positions.push(session.position);
  }
}

describe('a breakpoint', () => {
  test.each(['rr', 'random:3', 'blocked,granule=8'])(
    '%s: stops at the same positions in both directions',
    (schedule) => {
      const session = sessionOf(() => allToAll(schedule));
      session.addBreakpoint({ kind: 'operation', name: 'atom.add' });
      session.addBreakpoint({ kind: 'function', name: 'computeGroupTransferRange' }, parse('rank == 1 && lane == 3'));
      const forwards = stops(session);
      expect(forwards.length).toBeGreaterThan(4);
      expect(finish(session.continue())).toMatchObject({ reason: 'end', outcome: { verdict: 'completes' } });
      expect(stopsBackwards(session)).toEqual(forwards);
      expect(session.position).toBe(0);
    },
  );

  test('takes the focus to the thread that has come to it', () => {
    const session = sessionOf(() => allToAll());
    const breakpoint = session.addBreakpoint(
      { kind: 'operation', name: 'atom' },
      parse('rank == 1 && blockIdx.z == 1'),
    );
    expect(finish(session.continue())).toMatchObject({ reason: 'breakpoint', breakpoint });
    expect(session.focus).toMatchObject({ rank: 1, blockIdx: { z: 1 } });
    expect(operationOf(session)).toBe('atom.relaxed.system.global.add.u64');
    expect(breakpoint.hits).toBe(1);
  });

  test('on a line without an operation stops at the next one of its function', () => {
    const session = sessionOf(() => allToAll());
    const file = 'src/kernels/all-to-all-channel-communicator.ts';
    const lines = session.sources.lines(file);
    const gap = lines.find(
      (line) => !lines.includes(line - 1) && session.sources.bind({ file, line: line - 1 }) !== null,
    )!;
    expect(session.sources.bind({ file, line: gap - 1 })).toEqual({ file, line: gap });
    expect(session.sources.bind({ file, line: gap })).toEqual({ file, line: gap });
    expect(session.sources.bind({ file, line: 1 })).toBeNull();
    expect(session.sources.bind({ file: 'no.ts', line: 1 })).toBeNull();
  });

  test('that is disabled, temporary or removed', () => {
    const session = sessionOf(() => allToAll());
    const disabled = session.addBreakpoint({ kind: 'operation', name: 'barrier' });
    disabled.enabled = false;
    session.addBreakpoint({ kind: 'operation', name: 'atom' }, null, true);
    const removed = session.addBreakpoint({ kind: 'operation', name: 'ld' });
    expect([session.removeBreakpoint(removed.id), session.removeBreakpoint(removed.id)]).toEqual([true, false]);
    expect(stops(session)).toHaveLength(1);
    expect(session.breakpoints).toEqual([disabled]);
  });
});

describe('a watchpoint', () => {
  /** The tail of link 0 -> 1. */
  const tailOf = (session: DebugSession): number => {
    const spaces = session.machine.memory.space.allocations;
    const word = spaces.flatMap(({ symbols, base, bytes }) =>
      symbols === null
        ? []
        : offsets(bytes)
            .filter((at) => symbols.describe(at)?.name === 'tail' && symbols.describe(at)?.of === 'link 0 -> 1')
            .map((at) => base + at),
    )[0];
    expect(word).toBeDefined();
    return word!;
  };
  const offsets = (bytes: number): number[] =>
    Array.from({ length: Math.min(1024, bytes / 8) }, (_, at) => bytes - 8 * (at + 1)).reverse();

  test('tells stores, changes and reads of a word, and last-write agrees', () => {
    const session = sessionOf(() => allToAll());
    const address = tailOf(session);
    for (const access of ['write', 'change'] as const) {
      const { id } = session.addBreakpoint({ kind: 'memory', address, bytes: 8, access });
      const positions = stops(session);
      expect(positions.length).toBeGreaterThan(0);
      expect(finish(session.lastWrite(address, 8))).toMatchObject({ position: positions.at(-1), thread: { rank: 1 } });
      expect(session.outcome?.verdict).toBe('completes');
      finish(session.goTo(positions.at(-1)! - 1));
      expect(finish(session.lastWrite(address, 8))?.position).toBe(positions.at(-2));
      session.removeBreakpoint(id);
      finish(session.goTo(0));
    }
    session.addBreakpoint({ kind: 'memory', address, bytes: 8, access: 'read' });
    expect(stops(session).length).toBeGreaterThan(1);
  });

  test('makes accesses slower only while it is on', () => {
    const session = sessionOf(() => allToAll());
    const address = tailOf(session);
    const allocation = session.machine.memory.space.find(address)!;
    const { id } = session.addBreakpoint({ kind: 'memory', address, bytes: 8, access: 'write' });
    finish(session.continue());
    session.removeBreakpoint(id);
    expect({ watched: allocation.watched, accessible: allocation.accessibleBytes }).toEqual({
      watched: false,
      accessible: allocation.bytes,
    });
  });

  test('on an expression stops when its value is another one, and is where when finds it', () => {
    const session = sessionOf(() => neighbours('random:5'));
    finish(session.goTo(30));
    session.addBreakpoint({ kind: 'value', expression: parse('x') });
    const stop = finish(session.continue());
    expect(stop).toMatchObject({ reason: 'breakpoint', change: { before: expect.anything() } });
    const { position } = session;
    const after = session.evaluate(parse('x'));
    const found = finish(session.when(parse(`position > 30 && x == ${after}`)));
    expect(found).toBe(position);
    expect(session.position).toBe(position);
  });

  test('outside of memory is refused', () => {
    const session = sessionOf(() => neighbours('rr'));
    const at = { kind: 'memory', address: 8, bytes: 8, access: 'write' } as const;
    expect(() => session.addBreakpoint(at)).toThrow(RangeError);
    expect(session.breakpoints).toEqual([]);
    expect(() => finish(session.lastWrite(8, 8))).toThrow(RangeError);
  });

  test('compares bytes', () => {
    expect(sameBytes(Uint8Array.of(1, 2), Uint8Array.of(1, 2))).toBe(true);
    expect(sameBytes(Uint8Array.of(1, 2), Uint8Array.of(1, 3))).toBe(false);
  });
});

describe('a step', () => {
  test('of an operation is one step of the granule in focus', () => {
    const session = sessionOf(() => neighbours('rr'));
    session.setFocus({ ...session.focus, threadRank: 40 });
    expect(finish(session.step('operation'))).toEqual({ reason: 'done' });
    expect(session.timeline.record).toMatchObject({ granule: 1, position: session.position });
    expect(session.position).toBe(2);
    finish(session.goTo(0));
    session.policy = 'frozen';
    expect(finish(session.step('operation'))).toEqual({ reason: 'done' });
    expect(session.timeline.record).toMatchObject({ granule: 1, position: 1 });
  });

  test('of a warp under granule=8 steps each of its granules', () => {
    const session = sessionOf(() => neighbours('rr,granule=8'));
    session.policy = 'frozen';
    finish(session.step('operation', 'warp'));
    expect(session.position).toBe(4);
    finish(session.step('operation', 'block'));
    // The first warp waits at a barrier by now.
    expect(session.position).toBe(4 + 8);
  });

  test('under a policy of ranks leaves other ranks alone', () => {
    const session = sessionOf(() => allToAll());
    session.policy = 'rank';
    const ranks = new Set<number>();
    for (let step = 0; step < 20; step++) {
      const { position } = session;
      finish(session.step('operation'));
      if (session.position > position) ranks.add(session.timeline.record.block.launch.device);
    }
    expect([...ranks]).toEqual([0]);
  });

  test('alone, of a thread that waits, says for whom', () => {
    const session = sessionOf(() => neighbours('rr'));
    session.policy = 'frozen';
    const seen: Stop[] = [];
    while (seen.at(-1)?.reason !== 'blocked' && seen.length < 100) seen.push(finish(session.step('operation')));
    expect(seen.at(-1)).toEqual({
      reason: 'blocked',
      wait: { kind: 'barrier', id: 0, arrived: 32, expected: 96, missingWarps: [1, 2] },
    });
  });

  test('alone, of a thread that polls, ends', () => {
    const session = sessionOf(() => allToAll());
    session.addBreakpoint({ kind: 'function', name: 'recvSlice' });
    finish(session.continue());
    session.removeBreakpoint(1);
    session.policy = 'frozen';
    let stop: Stop = { reason: 'done' };
    for (let step = 0; step < 50 && stop.reason === 'done'; step++) stop = finish(session.step('line'));
    expect(['spins', 'blocked', 'done']).toContain(stop.reason);
  });

  test('of a line ends on another one, and back returns to it', () => {
    const session = sessionOf(() => allToAll());
    session.addBreakpoint({ kind: 'function', name: 'updateSend' });
    finish(session.continue());
    session.removeBreakpoint(1);
    const line = () => session.thread!.frames[0]!.line;
    const first = line();
    finish(session.step('line'));
    const second = line();
    expect(second).not.toBe(first);
    finish(session.back('line'));
    expect(line()).toBe(first);
    const from = session.position;
    const stop = finish(session.step('out'));
    expect(stop.reason === 'exited' || !session.thread!.frames[0]!.functionName.includes('updateSend')).toBe(true);
    finish(session.goTo(from));
    finish(session.back('out'));
    expect(session.thread!.frames[0]!.functionName).not.toContain('updateSend');
  });

  test('of a thread that has exited', () => {
    const session = sessionOf(() => neighbours('rr'));
    expect(finish(session.continue({ kind: 'exit' }))).toEqual({ reason: 'exited' });
    expect(finish(session.step('operation'))).toEqual({ reason: 'exited' });
    finish(session.continue());
    expect(finish(session.step('operation'))).toMatchObject({ reason: 'end' });
    expect(finish(session.back('operation'))).toEqual({ reason: 'done' });
  });
});

describe('goals', () => {
  test('a barrier, and past it', () => {
    const session = sessionOf(() => neighbours('rr'));
    expect(finish(session.continue({ kind: 'barrier' }))).toEqual({ reason: 'done' });
    expect(operationOf(session)).toBe('barrier.sync.aligned');
    expect(session.wait()).toMatchObject({ kind: 'barrier' });
    expect(finish(session.continue({ kind: 'past barrier' }))).toEqual({ reason: 'done' });
    expect(session.wait()).toBeNull();
  });

  test('the end of a rank, a condition', () => {
    const session = sessionOf(() => allToAll());
    expect(finish(session.continue({ kind: 'true', expression: parse('position == 17') }))).toEqual({ reason: 'done' });
    expect(session.position).toBe(17);
    expect(finish(session.continue({ kind: 'rank', rank: 1 }))).toEqual({ reason: 'done' });
    expect(session.threadsAt().every(({ rank }) => rank === 0)).toBe(true);
  });
});

test('who leaves a run keeps the position; who leaves a search is where it began', () => {
  const session = sessionOf(() => allToAll('random:1', { tokens: 64, vector_bytes: 8192 }));
  session.addBreakpoint({ kind: 'operation', name: 'fence' });
  const running = session.continue();
  expect(running.next().done).toBe(false);
  running.return(undefined as never);
  const { position } = session;
  expect(position).toBeGreaterThan(0);
  finish(session.goTo(position + 5000));
  const end = session.position;
  for (const search of [session.when(parse('false')), session.reverseContinue()]) {
    expect(search.next().done).toBe(false);
    search.return(undefined as never);
    expect(session.position).toBe(end);
  }
});

test('threads are told in groups', () => {
  const session = sessionOf(() => neighbours('rr'));
  expect(session.threadsAt()).toMatchObject([{ rank: 0, state: 'ready', operation: 'none', threads: 288 }]);
  finish(session.goTo(6));
  expect(session.threadsAt().map(({ state, threads }) => [state, threads])).toEqual(
    expect.arrayContaining([[expect.any(String), expect.any(Number)]]),
  );
  expect(session.threadsAt().reduce((sum, { threads }) => sum + threads, 0)).toBe(288);
});

test('a schedule of picks that runs out says so', () => {
  const session = sessionOf(() => neighbours('picks:AC'));
  expect(finish(session.continue())).toMatchObject({ reason: 'refused', message: expect.stringContaining('2 picks') });
  session.addBreakpoint({ kind: 'operation', name: 'fence' });
  expect(finish(session.continue())).toMatchObject({ reason: 'refused' });
  expect(session.position).toBe(2);
});

test('a machine in another mode is refused', () => {
  expect(() => sessionOf(() => allToAllInRef())).toThrow("a machine in mode 'ref' cannot be inspected");
});

const allToAllInRef = () => {
  const machine = neighbours('rr', { engine: undefined as never });
  return machine;
};

test.each(['rr', 'random:2', 'blocked'])(
  '%s: a hang is proved at the same step, however one has come there',
  (schedule) => {
    const make = () => setUpCall(receiverExpectsOneMore(), { schedule, mode: 'step' }, 'test').machine;
    const session = sessionOf(make, { interval: 1000 });
    const stop = finish(session.continue());
    expect(stop).toMatchObject({ reason: 'end', outcome: { verdict: 'deadlock' } });
    const end = session.position;
    finish(session.goTo(100));
    session.addBreakpoint({ kind: 'operation', name: 'fence' });
    expect(finish(session.continue())).toMatchObject({ reason: 'end', outcome: { verdict: 'deadlock' } });
    expect(session.position).toBe(end);
    expect(finish(session.back('operation'))).toEqual({ reason: 'done' });
    expect(session.outcome).toBeNull();
    expect(finish(session.goTo(end))).toMatchObject({ reason: 'end' });
  },
);
