import { describe, expect, test } from 'vitest';
import {
  allDiscoveries,
  EMPTY_RESULT,
  mergeResults,
  minimiseSchedule,
  runSchedule,
  type SearchResult,
  scheduleAt,
  type Workload,
} from '../../src/explore/index.js';
import { createMachine } from '../../src/modes/index.js';
import { registerProgram } from '../../src/program/index.js';
import type { Kernel } from '../../src/simt/index.js';
import { compiled } from '../step/programs.js';
import type { SearchArgs } from './search-kernels.js';
import * as kernels from './search-kernels.js';

for (const [name, kernel] of Object.entries(kernels)) {
  registerProgram(kernel as Kernel<never>, compiled('test/explore/search-kernels.ts', name));
}

/** A block of two warps. `sum`: what word 0 ought to hold. */
const workload = (kernel: Kernel<SearchArgs>, sum: number | null = null): Workload => ({
  name: kernel.name,
  begin(options) {
    const machine = createMachine(options);
    const words = machine.memory.allocate('words', 'u32', 32, { zeroed: true });
    machine.stream().launch(kernel, { grid: 1, block: 64 }, { words });
    const { u32 } = words.allocation;
    return {
      machine,
      wrong: () => (sum === null || u32[0] === sum ? null : `word 0 is ${u32[0]}, not ${sum}`),
      output: () => u32.subarray(0, 32).join(),
    };
  },
});

function search(given: Workload, schedules: number, seed = 0): SearchResult {
  let result = EMPTY_RESULT;
  for (let index = 0; index < schedules; index++) {
    result = mergeResults(result, runSchedule(given, scheduleAt(index, seed, 60)));
  }
  return result;
}

const kinds = (result: SearchResult) => allDiscoveries(result).map(({ problem }) => problem.kind);

describe('a search', () => {
  test('finds an update that is lost, and the output that depends on the schedule', () => {
    const result = search(workload(kernels.lostUpdate, 2), 60);
    expect(kinds(result)).toEqual(['wrong output', 'schedule-dependent output']);
    expect(kinds(search(workload(kernels.countedUpdate, 2), 60))).toEqual([]);
  });

  test('finds locks that are taken in two orders', () => {
    const [found] = search(workload(kernels.lockInversion), 60).discoveries;
    expect(found?.problem.kind).toBe('deadlock');
  });

  test('finds that outputs differ, with the first two schedules that do', () => {
    const result = search(workload(kernels.firstComes), 60);
    const [found] = allDiscoveries(result);
    expect(found?.problem).toMatchObject({ kind: 'schedule-dependent output', outputs: 2 });
    const outputs = new Set<string>();
    for (const token of [found!.schedule, (found!.problem as { other: string }).other]) {
      const [output] = runSchedule(workload(kernels.firstComes), { index: 0, token }).outputs.keys();
      outputs.add(output!);
    }
    expect(outputs.size).toBe(2);
  });

  test('finds a race under whatever schedule', () => {
    const result = search(workload(kernels.racesOnce), 12);
    expect(result.discoveries).toHaveLength(1);
    expect(result.discoveries[0]).toMatchObject({ index: 0, schedule: 'rr', count: 12, problem: { kind: 'race' } });
  });

  test('is the same in parts, whatever their order', () => {
    const given = workload(kernels.lostUpdate, 2);
    const schedules = Array.from({ length: 40 }, (_, index) => scheduleAt(index, 7, 60));
    const parts = [0, 1, 2].map((part) =>
      schedules
        .filter(({ index }) => index % 3 === part)
        .map((schedule) => runSchedule(given, schedule))
        .reduce(mergeResults, EMPTY_RESULT),
    );
    const whole = search(given, 40, 7);
    expect(whole.discoveries.length).toBeGreaterThan(0);
    expect([parts[2]!, parts[0]!, parts[1]!].reduce(mergeResults, EMPTY_RESULT)).toEqual(whole);
  });
});

describe('a schedule that is made smaller', () => {
  test('a lost update takes one preemption, and the token replays it', () => {
    const given = workload(kernels.lostUpdate, 2);
    for (const { schedule, key } of search(given, 60).discoveries) {
      const minimal = minimiseSchedule(given, schedule, key)!;
      expect(minimal.preemptions).toBe(1);
      for (let time = 0; time < 2; time++) {
        const again = runSchedule(given, { index: 0, token: minimal.schedule });
        expect(again.discoveries.map((found) => found.key)).toContain(key);
      }
    }
  });

  test('a deadlock of two locks takes one, too', () => {
    const given = workload(kernels.lockInversion);
    const [found] = search(given, 60).discoveries;
    const minimal = minimiseSchedule(given, found!.schedule, found!.key);
    expect(minimal).toMatchObject({ preemptions: 1 });
    expect(runSchedule(given, { index: 0, token: minimal!.schedule }).verdicts.deadlock).toBe(1);
  });

  test('what a schedule does not show cannot be made smaller', () => {
    expect(minimiseSchedule(workload(kernels.countedUpdate, 2), 'rr', 'wrong output')).toBeNull();
  });
});
