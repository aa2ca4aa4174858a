import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { DebugSession } from '../../src/debug/index.js';
import type { Machine } from '../../src/simt/index.js';
import { allToAll, finish, neighbours, sessionOf } from './support.js';

const hash = (session: DebugSession): bigint => session.inspector.hash({ withSchedule: true });

/** The hash after each step of a run by the schedule. */
function straight(make: () => Machine): bigint[] {
  const session = sessionOf(make);
  const hashes = [hash(session)];
  while (session.timeline.step()) hashes.push(hash(session));
  return hashes;
}

type Command =
  | { readonly kind: 'step' | 'back'; readonly granularity: 'operation' | 'line' | 'over' | 'out' }
  | { readonly kind: 'step' | 'back'; readonly unit: 'warp' | 'group' | 'block' }
  | { readonly kind: 'goto'; readonly part: number }
  | { readonly kind: 'forward' | 'reverse' };

const granularity = fc.constantFrom('operation' as const, 'line' as const, 'over' as const, 'out' as const);
const unit = fc.constantFrom('warp' as const, 'group' as const, 'block' as const);
const direction = fc.constantFrom('step' as const, 'back' as const);
const command: fc.Arbitrary<Command> = fc.oneof(
  fc.record({ kind: direction, granularity }),
  fc.record({ kind: direction, unit }),
  fc.record({ kind: fc.constant('goto' as const), part: fc.double({ min: 0, max: 1, noNaN: true }) }),
  fc.record({ kind: fc.constantFrom('forward' as const, 'reverse' as const) }),
);

function perform(session: DebugSession, command: Command, length: number): void {
  switch (command.kind) {
    case 'goto':
      finish(session.goTo(Math.floor(command.part * length)));
      return;
    case 'forward':
      finish(session.continue());
      return;
    case 'reverse':
      finish(session.reverseContinue());
      return;
    default: {
      const granularity = 'unit' in command ? 'operation' : command.granularity;
      const unit = 'unit' in command ? command.unit : 'thread';
      finish(session[command.kind](granularity, unit));
    }
  }
}

/** Goes forth and back at random; each state is to be that of the straight run. */
function checkJourneys(make: () => Machine, hashes: readonly bigint[]): void {
  const journey = fc.property(fc.array(command, { maxLength: 12 }), (commands) => {
    const session = sessionOf(make);
    session.addBreakpoint({ kind: 'operation', name: 'barrier' });
    for (const each of commands) {
      perform(session, each, hashes.length);
      expect(hash(session)).toBe(hashes[session.position]);
    }
  });
  fc.assert(journey, { numRuns: 30, seed: 5 });
}

/** A machine that is restored without what its scheduler remembers. */
function forgetful(): Machine {
  const machine = neighbours('random:4');
  const restore = machine.restore.bind(machine);
  machine.restore = ({ state, ...rest }) => restore({ ...rest, state: { ...state, scheduler: [1] } });
  return machine;
}

test('the journeys find a machine that is not restored as it was', () => {
  expect(() =>
    checkJourneys(
      forgetful,
      straight(() => neighbours('random:4')),
    ),
  ).toThrow('Property failed');
});

describe.each([
  ['rr', neighbours],
  ['random:4', neighbours],
  ['blocked,granule=8', neighbours],
  ['random:2,resident=1', neighbours],
  ['random:1', allToAll],
] as const)('%s', (schedule, make) => {
  const hashes = straight(() => make(schedule));

  test('wherever one goes, forth and back, the state is that of the straight run', () =>
    checkJourneys(() => make(schedule), hashes));

  test('steps under another policy are made again, and only another step cuts them off', () => {
    const session = sessionOf(() => make(schedule));
    finish(session.goTo(Math.floor(hashes.length / 3)));
    session.policy = 'frozen';
    const own = [[session.position, hash(session)] as const];
    for (let step = 0; step < 5; step++) {
      finish(session.step('operation', 'block'));
      own.push([session.position, hash(session)]);
    }
    finish(session.goTo(0));
    for (const [position, expected] of [...own, ...own.toReversed()]) {
      finish(session.goTo(position));
      expect(hash(session)).toBe(expected);
    }
    expect(session.timeline.end).toBe(own.at(-1)![0]);
    session.policy = 'schedule';
    finish(session.goTo(own[0]![0]));
    const last = own.at(-1)!;
    while (session.position < last[0]) expect(session.timeline.step()).toBe(true);
    expect(hash(session)).toBe(last[1]);
  });
});

test('snapshots stay within their limits', () => {
  const session = sessionOf(() => neighbours('rr'));
  finish(session.continue());
  expect(session.timeline.snapshots.count).toBeLessThanOrEqual(6);
  const small = sessionOf(() => neighbours('rr'), { bytes: 1 });
  finish(small.continue());
  expect(small.timeline.snapshots.count).toBeLessThanOrEqual(2);
  finish(small.goTo(17));
  expect(small.position).toBe(17);
});

test('launches that have ended before a snapshot have ended after it is gone back to', () => {
  const session = sessionOf(() => neighbours('rr'));
  const finished = () =>
    Array.from(session.timeline.engine.launchNumbers.keys(), ({ finishedBlocks }) => finishedBlocks);
  finish(session.continue());
  finish(session.back('operation'));
  const before = finished();
  expect(before[0]).toBe(3);
  const { position } = session;
  finish(session.goTo(0));
  finish(session.goTo(position));
  expect(finished()).toEqual(before);
});
