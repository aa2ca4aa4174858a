import { describe, expect, test } from 'vitest';
import { type Calls, type CallsResult, runCalls } from '../check/all-to-all-runs.js';
import { compilePatched } from '../check/patched.js';
import { detectorsOf, MUTANTS, SCHEDULES, UNSHOWN } from './mutants.js';

test('each of the 22 is here', () => {
  const numbers = MUTANTS.map(({ id }) => Number.parseInt(id, 10));
  expect([...new Set(numbers)]).toEqual(Array.from({ length: 22 }, (_, index) => index + 1));
});

/** Runs of the sound kernel: several mutants have the same twin. */
const sound = new Map<string, CallsResult>();

function runSound(calls: Calls, schedule: string): CallsResult {
  const key = `${schedule} ${JSON.stringify(calls)} ${calls.streamOf}`;
  const result = sound.get(key) ?? runCalls(calls, schedule, null);
  sound.set(key, result);
  return result;
}

describe.each(MUTANTS)('$id: $change', (mutant) => {
  const { calls, patches, twin = calls, schedules = SCHEDULES, twinSchedules = schedules } = mutant;

  test(`shows: ${mutant.shows.join(', ') || 'nothing'}`, () => {
    const program = patches.length === 0 ? null : compilePatched('moeAllToAllKernel', patches);
    const results: CallsResult[] = [];
    const missing = (): readonly string[] => {
      const shown = new Set<string>(detectorsOf(results));
      for (const { violations } of results) for (const { name } of violations) shown.add(name);
      return [...mutant.shows, ...(mutant.breaks ?? [])].filter((what) => !shown.has(what));
    };
    for (const schedule of schedules) {
      results.push(runCalls(calls, schedule, program));
      if (mutant.shows.length > 0 && missing().length === 0) return;
    }
    expect(missing()).toEqual([]);
    expect(detectorsOf(results)).toEqual([]);
  });

  test('its twin is silent', () => {
    for (const schedule of twinSchedules) {
      const result = runSound(twin, schedule);
      expect(result.text, schedule).toMatch(/^completes /);
      expect(detectorsOf([result]), schedule).toEqual([]);
      expect(result.isRight, schedule).toBe(true);
    }
  });
});

for (const { id, change, needs, why } of UNSHOWN) test.todo(`${id}: ${change} (needs a ${needs}: ${why})`);

test('a change of a text that is not there, or more than once, is refused', () => {
  const file = 'all-to-all-channel-communicator.ts';
  const unfit = (replace: string) => () => compilePatched('moeAllToAllKernel', [{ file, replace, by: '' }]);
  expect(unfit('no such text')).toThrow(/must occur exactly once in src\/kernels\/all-to-all-channel-communicator.ts/);
  expect(unfit('yield* this.barrier();')).toThrow(/must occur exactly once/);
});
