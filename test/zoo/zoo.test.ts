import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { createCompiler, nodeSources } from '../../src/compile/index.js';
import { registerProgram } from '../../src/program/index.js';
import type { Kernel } from '../../src/simt/index.js';
import { ENTRIES, NOT_EXPRESSED } from './entries.js';
import { type Detector, randomSchedules, range } from './entry.js';
import * as arithmetic from './kernels/arithmetic-and-layout.js';
import * as barriers from './kernels/barriers.js';
import * as fifo from './kernels/fifo-and-flags.js';
import * as residency from './kernels/residency-and-order.js';
import * as warps from './kernels/warps-and-shared.js';
import { detectorsShown, observe } from './observe.js';

const compiler = createCompiler(nodeSources());

function register(file: string, kernels: Readonly<Record<string, Kernel<never>>>): void {
  const path = fileURLToPath(new URL(`kernels/${file}.ts`, import.meta.url));
  for (const [name, kernel] of Object.entries(kernels)) registerProgram(kernel, compiler.compile(path, name));
}

register('fifo-and-flags', fifo);
register('barriers', barriers);
register('warps-and-shared', warps);
register('residency-and-order', residency);
register('arithmetic-and-layout', arithmetic);

/** Schedules under which no twin shows anything. */
const STEP_SCHEDULES = ['rr', 'blocked', ...randomSchedules(10), ...randomSchedules(5, ',granule=8')];
const FAST_SCHEDULES = ['rr', 'random:1'];

const LATE_SCHEDULES = ['random:1,stores=1', 'random:2,stores=2', 'blocked,stores=3', 'random:4,links=4'];

/** Null: the machine does not have it. */
const OPTIONS_OF_MODE = { 'granule=1': ',granule=1', 'delayed stores': ',stores=1', 'early loads': null } as const;

test('each of the 48 is here, or there is a reason why not', () => {
  const ids = [...ENTRIES, ...NOT_EXPRESSED].map(({ id }) => id.slice(0, 3));
  const all = Array.from({ length: 48 }, (_, index) => `Z${String(index + 1).padStart(2, '0')}`);
  expect([...new Set(ids)].sort()).toEqual(all);
});

const NAMED = ENTRIES.map((entry) => [entry.id, entry.source, entry.what, entry] as const);

describe.each(NAMED)('%s (%s): %s', (_id, _source, _what, entry) => {
  const shown = (): Detector[] => {
    const observations = entry.schedules.map((schedule) => observe(entry, 'buggy', schedule));
    expect(observations.map(({ verdict }) => verdict)).not.toContain('budget');
    return [...detectorsShown(observations)];
  };

  test(`shows: ${entry.detectors.join(', ')}`, () => {
    expect(shown()).toEqual(expect.arrayContaining([...entry.detectors]));
  });

  test('its twin is silent in step', () => {
    for (const schedule of STEP_SCHEDULES) {
      const { text, detectors, output, races } = observe(entry, 'fixed', schedule);
      expect(text, schedule).toMatch(/^completes /);
      expect(races, schedule).toEqual([]);
      expect([...detectors], schedule).toEqual([]);
      expect(output, schedule).toEqual(entry.output);
    }
  });

  test('its twin is silent in fast', () => {
    for (const schedule of FAST_SCHEDULES) {
      const { mode, text, output } = observe(entry, 'fixed', schedule, 'fast');
      expect(mode, schedule).toBe('fast');
      expect(text, schedule).toMatch(/^completes /);
      expect(output, schedule).toEqual(entry.output);
    }
  });

  test('its twin is silent where stores are seen late', () => {
    for (const schedule of LATE_SCHEDULES) {
      const { text, detectors, output } = observe(entry, 'fixed', schedule);
      expect(text, schedule).toMatch(/^completes /);
      expect([...detectors], schedule).toEqual([]);
      expect(output, schedule).toEqual(entry.output);
    }
  });

  const { memory } = entry;
  if (memory === null) return;
  const what = `shows with ${memory.mode}: ${memory.detectors.join(', ')} (${memory.why})`;
  const options = OPTIONS_OF_MODE[memory.mode];
  if (options === null) test.todo(what);
  else {
    test(what, () => {
      const observations = range(60, (seed) => observe(entry, 'buggy', `random:${seed}${options}`));
      expect([...detectorsShown(observations)]).toEqual(expect.arrayContaining([...memory.detectors]));
    });
  }
});
