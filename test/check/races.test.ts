import { describe, expect, test } from 'vitest';
import { type Finding, RaceChecker } from '../../src/check/index.js';
import { createMachine } from '../../src/modes/index.js';
import { registerProgram } from '../../src/program/index.js';
import type { Kernel } from '../../src/simt/index.js';
import { compiled } from '../step/programs.js';
import type { RaceArgs } from './race-kernels.js';
import * as kernels from './race-kernels.js';

for (const [name, kernel] of Object.entries(kernels)) {
  registerProgram(kernel as Kernel<never>, compiled('test/check/race-kernels.ts', name));
}

interface Setting {
  readonly grid?: number;
  readonly block?: number;
  /** Kernels launched behind, on the same stream or on one of its own. */
  readonly behind?: Kernel<RaceArgs>;
  readonly beside?: Kernel<RaceArgs>;
}

const SCHEDULES = ['rr', 'blocked', 'random:1', 'random:2,granule=8', 'random:3,granule=1', 'rr,order=reverse'];

function findingsOf(
  kernel: Kernel<RaceArgs>,
  schedule: string,
  { grid = 2, block = 64, behind, beside }: Setting = {},
) {
  const races = new RaceChecker();
  const machine = createMachine({ mode: 'step', schedule, step: { observer: races } });
  const words = machine.memory.allocate('words', 'u32', 256, { zeroed: true });
  const bytes = machine.memory.allocate('bytes', 'u8', 256, { zeroed: true });
  const stream = machine.stream();
  stream.launch(kernel, { grid, block }, { words, bytes });
  if (behind !== undefined) stream.launch(behind, { grid, block }, { words, bytes });
  if (beside !== undefined) machine.stream().launch(beside, { grid, block }, { words, bytes });
  expect(machine.run().verdict).toBe('completes');
  return races.findings;
}

const racing: readonly (readonly [Kernel<RaceArgs>, Setting?])[] = [
  [kernels.noBarrier],
  [kernels.noWarpSync],
  [kernels.halvesSync],
  [kernels.writesTooSoon],
  [kernels.volatileFlag],
  [kernels.fencedBySender],
  [kernels.fencedForBlock],
  [kernels.releasesForBlock],
  [kernels.releaseReplaced],
  [kernels.storesTheSame],
  [kernels.storesAnother],
  [kernels.byteInWord],
  [kernels.countsBesides],
  [kernels.countsForBlock],
  [kernels.arrivesAndReads],
  [kernels.storesSix, { beside: kernels.readsSix }],
];

const silent: readonly (readonly [Kernel<RaceArgs>, Setting?])[] = [
  [kernels.withBarrier],
  [kernels.withWarpSync],
  [kernels.halvesStayApart],
  [kernels.writesInTime],
  [kernels.fencedFlag],
  [kernels.releases],
  [kernels.releasesThroughAtomic],
  [kernels.neighbouringBytes],
  [kernels.countsAtomically],
  [kernels.countsForBlock, { grid: 1 }],
  [kernels.arrives],
  [kernels.storesSix, { behind: kernels.readsSix }],
  [kernels.sharesBarrierInTurn, { block: 128 }],
];

const named = (list: typeof racing) => list.map(([kernel, setting]) => [kernel.name, kernel, setting] as const);
const isRace = ({ kind }: Finding) => kind === 'race';

describe.each(SCHEDULES)('under %s', (schedule) => {
  test.each(named(racing))('%s races', (_, kernel, setting) => {
    expect(findingsOf(kernel, schedule, setting).filter(isRace)).not.toEqual([]);
  });

  test.each(named(silent))('%s does not', (_, kernel, setting) => {
    expect(findingsOf(kernel, schedule, setting)).toEqual([]);
  });

  test('a barrier is used again before its last phase is known to be over', () => {
    const found = findingsOf(kernels.sharesBarrier, schedule, { grid: 1, block: 128 });
    expect(found.filter(({ kind }) => kind === 'barrier reuse')).toHaveLength(1);
  });
});

describe('a report', () => {
  test('says who, what, where and how often', () => {
    const [race] = findingsOf(kernels.noBarrier, 'rr', { grid: 1 });
    expect(race).toMatchObject({
      kind: 'race',
      space: 'shared',
      word: "byte 128 of 'shared values'",
      first: { rank: 0, kernel: 'noBarrier', block: '(0,0,0)', warp: 1, lane: 0, operation: 'st.shared.u32' },
      second: { rank: 0, warp: 0, lane: 0, operation: 'ld.shared.u32' },
      writesTheSame: false,
    });
    if (race?.kind !== 'race') throw new Error('no race');
    expect(race.first.frames[0]).toMatchObject({ file: 'test/check/race-kernels.ts', functionName: 'noBarrier' });
    expect(race.second.frames[0]!.line).toBe(race.first.frames[0]!.line + 2);
  });

  test.each([
    [kernels.storesTheSame, true],
    [kernels.storesAnother, false],
  ] as const)('tells writes of the same value apart: %o', (kernel, writesTheSame) => {
    const found = findingsOf(kernel, 'rr').filter(isRace);
    expect(found).toHaveLength(1);
    expect(found[0]).toMatchObject({ writesTheSame });
  });

  test('is the same each time', () => {
    expect(findingsOf(kernels.writesTooSoon, 'random:5')).toEqual(findingsOf(kernels.writesTooSoon, 'random:5'));
  });
});

test('what the host has waited for comes before what it launches next', () => {
  for (const waits of [true, false]) {
    const races = new RaceChecker();
    const machine = createMachine({ mode: 'step', step: { observer: races } });
    const words = machine.memory.allocate('words', 'u32', 256, { zeroed: true });
    const bytes = machine.memory.allocate('bytes', 'u8', 256, { zeroed: true });
    machine.stream().launch(kernels.storesSix, { grid: 2, block: 64 }, { words, bytes });
    machine.run();
    if (waits) races.hostSynchronizes();
    machine.stream().launch(kernels.readsSix, { grid: 2, block: 64 }, { words, bytes });
    machine.run();
    expect(races.findings).toHaveLength(waits ? 0 : 1);
  }
});
