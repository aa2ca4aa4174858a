import { describe, expect, test } from 'vitest';
import { Machine, type MachineOptions } from '../../src/simt/index.js';
import { type Inspector, inspectorOf, stepEngine } from '../../src/step/index.js';
import { comparable, expectSame, runOf } from './both.js';
import { setUpNeighbours } from './neighbours.js';

const SCHEDULES = [
  'rr',
  'random:1',
  'blocked',
  'random:3,granule=8',
  'rr,granule=1',
  'random:2,resident=1,order=reverse',
];

const setUp = (schedule: string, options: MachineOptions = {}): Machine =>
  setUpNeighbours({ schedule, record: true, engine: stepEngine(), ...options });

const toEnd = (machine: Machine) => comparable(runOf(machine, machine.run()));

test.each(SCHEDULES)('%s: the same steps, picks and bytes as mode ref', (schedule) => {
  expect(expectSame(schedule, (options) => setUpNeighbours(options)).verdict).toBe('completes');
});

describe.each(SCHEDULES)('%s: a snapshot', (schedule) => {
  test.each([0, 1, 7, 40, 90, 150])('after %i steps gives the same run again, twice', (steps) => {
    const expected = toEnd(setUp(schedule));
    const machine = setUp(schedule);
    machine.advance(steps);
    const snapshot = machine.snapshot();
    const hash = inspectorOf(machine).hash({ withSchedule: true });
    for (let round = 0; round < 2; round++) {
      expect(toEnd(machine)).toEqual(expected);
      machine.restore(snapshot);
      expect(machine.steps).toBe(snapshot.steps);
      expect(inspectorOf(machine).hash({ withSchedule: true })).toBe(hash);
    }
  });

  test('restores between other snapshots, in any order', () => {
    const expected = toEnd(setUp(schedule));
    const machine = setUp(schedule);
    const snapshots = [5, 60, 20].map((steps) => {
      machine.advance(steps);
      return machine.snapshot();
    });
    for (const index of [2, 0, 1, 0]) {
      machine.restore(snapshots[index]!);
      machine.advance(33);
    }
    expect(toEnd(machine)).toEqual(expected);
  });
});

describe('a hash', () => {
  /** Steps of the given granules, by warp. */
  function stepped(warps: readonly number[]): { machine: Machine; inspector: Inspector } {
    const machine = setUpNeighbours({ engine: stepEngine() }, { blocks: 1 });
    machine.advance(0);
    const inspector = inspectorOf(machine);
    for (const warp of warps) {
      inspector.step(inspector.granules().find((granule) => granule.warp === warp)!.id);
    }
    return { machine, inspector };
  }

  test('of equal states is equal, whatever came before', () => {
    const one = stepped([0, 1, 2, 0, 1]).inspector;
    const other = stepped([2, 1, 0, 1, 0]).inspector;
    expect(one.hash()).toBe(other.hash());
    expect(one.hash({ withSchedule: true })).not.toBe(other.hash({ withSchedule: true }));
  });

  test('of other states differs', () => {
    const hashes = [[], [0], [1], [0, 1], [0, 1, 2], [0, 1, 2, 0], [0, 1, 2, 1], [0, 1, 2, 0, 0]].map((warps) =>
      stepped(warps).inspector.hash(),
    );
    expect(new Set(hashes).size).toBe(hashes.length);
  });

  test('differs in one variable, one byte, one bit of definedness; a mask hides them', () => {
    const { machine, inspector } = stepped([0, 1, 2, 0]);
    const before = inspector.hash();
    const [allocation] = machine.memory.space.allocations;
    allocation!.write('u8', 0, 0);
    const defined = inspector.hash();
    expect(defined).not.toBe(before);
    allocation!.write('u8', 0, 1);
    expect(inspector.hash()).not.toBe(defined);
    const mask = { memory: [{ address: allocation!.base, bytes: 8 }] };
    const masked = inspector.hash({ mask });
    allocation!.write('u8', 3, 9);
    expect(inspector.hash({ mask })).toBe(masked);
  });

  test('with a variable masked does not see it', () => {
    const { inspector } = stepped([0, 1, 2, 0]);
    expect(inspector.hash({ mask: { variables: ['sum'] } })).not.toBe(inspector.hash());
  });
});

describe('an inspector', () => {
  function inspected() {
    const machine = setUpNeighbours({ engine: stepEngine() }, { blocks: 1 });
    machine.advance(4);
    return inspectorOf(machine);
  }

  test('tells granules and threads with what they do', () => {
    const inspector = inspected();
    expect(inspector.granules().map(({ warp, readyIndex }) => [warp, readyIndex])).toEqual([
      [0, 2],
      [1, 0],
      [2, 1],
    ]);
    const [first, second] = [0, 40].map((rank) => inspector.thread('neighbourKernel', 0, { x: 0, y: 0, z: 0 }, rank));
    expect(first).toMatchObject({
      state: 'ready',
      warp: 0,
      lane: 0,
      operation: 'vote.sync.ballot mask 0xffffffff',
      frames: [{ functionName: 'neighbourKernel', file: 'test/kernel.ts' }],
    });
    expect(second).toMatchObject({ warp: 1, lane: 8, operation: 'barrier.sync.aligned 0 (all threads of the block)' });
  });

  test('reads variables, arguments and shared memory by name', () => {
    const inspector = inspected();
    const thread = inspector.thread('neighbourKernel', 0, { x: 0, y: 0, z: 0 }, 3);
    expect(inspector.variable(thread, 'x')).toMatchObject({ type: 'i32', value: 4, frame: 0 });
    expect(inspector.variable(thread, 'nothing')).toBeUndefined();
    expect(inspector.arguments(thread)[0]).toEqual({ path: 'iterations', type: 'i32', value: 3 });
    expect(inspector.shared(thread).get('values')!.pointer.add(5).load()).toBe(5);
  });

  test('refuses other modes', () => {
    const machine = new Machine();
    expect(() => inspectorOf(machine)).toThrow(RangeError);
    expect(() => setUpNeighbours({}).snapshot()).toThrow(RangeError);
  });
});
