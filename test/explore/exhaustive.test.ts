import { describe, expect, test } from 'vitest';
import { exploreExhaustively } from '../../src/explore/exhaustive/explore-exhaustively.js';
import type { Plants } from '../../src/explore/exhaustive/persistent-set.js';
import type { Workload } from '../../src/explore/trial.js';
import { createMachine } from '../../src/modes/index.js';
import { registerProgram } from '../../src/program/index.js';
import { type Kernel, Random } from '../../src/simt/index.js';
import { compiled } from '../step/programs.js';
import { allToAllWorkload } from './all-to-all-workload.js';
import * as kernels from './exhaustive-kernels.js';
import { type AllEnds, searchNaively } from './naive-search.js';

for (const [name, kernel] of Object.entries(kernels)) {
  registerProgram(kernel as Kernel<never>, compiled('test/explore/exhaustive-kernels.ts', name));
}

/** A launch of blocks of whole warps over some zeroed words, which are the output. */
function small(kernel: Kernel<kernels.SmallArgs>, warps: number, blocks = 1, script: readonly number[] = []): Workload {
  return {
    name: kernel.name,
    begin(options) {
      const machine = createMachine(options);
      const words = machine.memory.allocate('words', 'u32', 16, { zeroed: true });
      const args = {
        words,
        script: machine.memory.upload(
          'script',
          'u32',
          Uint32Array.from([0, ...script]).subarray(script.length === 0 ? 0 : 1),
        ),
        length: script.length / 4 / warps,
      };
      machine.stream().launch(kernel, { grid: blocks, block: 32 * warps }, args);
      return { machine, wrong: () => null, output: () => words.allocation.u32.subarray(0, 16).join() };
    },
  };
}

/** A program of `length` instructions a warp over few words. */
function randomScript(seed: number, isBarred: boolean): Workload {
  const random = new Random(seed);
  const warps = 2 + random.nextBelow(2);
  const length = 2 + random.nextBelow(warps === 2 ? 5 : 3);
  const barriers = Array.from({ length }, () => isBarred && random.nextBelow(4) === 0);
  const script = Array.from({ length: warps }, () =>
    barriers.map((isBarrier) => {
      const what = isBarrier ? (warps === 2 && random.nextBelow(2) === 2 ? 9 : 5) : random.nextBelow(40);
      const kind = isBarrier
        ? what
        : what < 9
          ? 0
          : what < 15
            ? 1
            : what < 22
              ? 2
              : what < 26
                ? 3
                : what < 29
                  ? 4
                  : what < 34
                    ? 6
                    : what < 38
                      ? 7
                      : 8;
      return [kind, random.nextBelow(3), random.nextBelow(3), 0];
    }),
  ).flat(2);
  return small(kernels.followsScript as Kernel<never> as Kernel<kernels.SmallArgs>, warps, 1, script);
}

/** What a search with reductions says, in the words of the one without. */
function searchReduced(workload: Workload, plants: Plants = {}): Omit<AllEnds, 'states'> {
  const { findings, outputs, isComplete } = exploreExhaustively(workload, { plants });
  expect(isComplete).toBe(true);
  const verdicts = findings.map(({ verdict, text }) => (verdict === 'error' ? text.split(':')[0]! : 'hangs'));
  return { outputs: outputs.map(({ output }) => output).sort(), verdicts: [...new Set(verdicts)].sort() };
}

const inWords = ({ outputs, verdicts }: AllEnds): Omit<AllEnds, 'states'> => ({
  outputs,
  verdicts: [...new Set(verdicts.map((verdict) => (/^[a-z]/.test(verdict) ? 'hangs' : verdict)))].sort(),
});

const SMALL: readonly (readonly [string, Workload])[] = [
  [kernels.losesUpdates, 3, 1],
  [kernels.losesUpdates, 1, 3],
  [kernels.countsUnderLock, 3, 1],
  [kernels.handsOver, 3, 1],
  [kernels.locksCrosswise, 2, 1],
  [kernels.locksCrosswise, 3, 1],
  [kernels.waitsForTheLate, 3, 1],
  [kernels.failsForTheLast, 3, 1],
].map(([kernel, warps, blocks]) => {
  const { name } = kernel as Kernel<never>;
  return [
    `${name}, ${blocks} blocks of ${warps} warps`,
    small(kernel as Kernel<never> as Kernel<kernels.SmallArgs>, warps as number, blocks as number),
  ];
});

describe('the search with reductions says what the one without says', () => {
  test.each(SMALL)('of %s', (_, workload) => {
    expect(searchReduced(workload)).toEqual(inWords(searchNaively(workload, 20_000)!));
  });

  const scripts = (count: number) => Array.from({ length: count }, (_, seed) => randomScript(seed, seed % 2 === 1));

  test('of random programs', () => {
    let compared = 0;
    for (const [seed, workload] of scripts(60).entries()) {
      const all = searchNaively(workload, 1000);
      if (all === null) continue;
      compared++;
      expect({ seed, ...searchReduced(workload) }).toEqual({ seed, ...inWords(all) });
    }
    expect(compared).toBeGreaterThan(40);
  });

  test('but for a planted bug: reads are independent of later writes', () => {
    const differs = (workload: Workload): boolean => {
      const all = searchNaively(workload, 1000);
      return (
        all !== null && JSON.stringify(searchReduced(workload, { ignoresReads: true })) !== JSON.stringify(inWords(all))
      );
    };
    expect(scripts(60).some(differs)).toBe(true);
  });
});

test('each schedule that is reported gives again what was found', () => {
  const { findings, outputs } = exploreExhaustively(small(kernels.losesUpdates, 2));
  expect(findings).toEqual([]);
  expect(outputs.map(({ output }) => output[0]).sort()).toEqual(['1', '2']);
  const { findings: hangs } = exploreExhaustively(small(kernels.locksCrosswise, 2));
  expect(hangs.map(({ verdict, isConfirmed }) => [verdict, isConfirmed])).toEqual([['deadlock', true]]);
  const { findings: errors } = exploreExhaustively(small(kernels.failsForTheLast, 2));
  expect(errors.map(({ verdict }) => verdict)).toEqual(['error', 'error']);
  expect(errors.every(({ isConfirmed }) => isConfirmed)).toBe(true);
});

test('a shape that is too large is left after 10,000 steps, with an estimate of what it would have taken', () => {
  // With --force: 17,130 steps, 937 states.
  const workload = allToAllWorkload({ ranks: 3, channels: 1, slices: 1, depth: 1 });
  const { isComplete, boundedBy, transitions, estimate } = exploreExhaustively(workload, {
    limits: { maxEstimate: 5_000 },
  });
  expect({ isComplete, boundedBy }).toEqual({ isComplete: false, boundedBy: ['maxEstimate: 5000'] });
  expect(transitions).toBeLessThan(10_100);
  expect(estimate.isLowerBound).toBe(false);
  expect(estimate.transitions / 17_130).toBeGreaterThan(1 / 3);
  expect(estimate.transitions / 17_130).toBeLessThan(3);
  expect(estimate.states / 937).toBeGreaterThan(1 / 3);
  expect(estimate.states / 937).toBeLessThan(3);
});

test('a limit that is reached is named', () => {
  const result = exploreExhaustively(small(kernels.losesUpdates, 3), { limits: { maxStates: 5 } });
  expect(result).toMatchObject({ isComplete: false, boundedBy: ['maxStates: 5'] });
});

describe('the all-to-all, every run', () => {
  test.each([
    [{ ranks: 2, channels: 1, slices: 2, depth: 1, links: [[0, 1]] as const }, 183, 8],
    [{ ranks: 2, channels: 1, slices: 2, depth: 1 }, 729, 8],
    [{ ranks: 2, channels: 1, slices: 3, depth: 2, links: [[0, 1]] as const }, 645, 64],
  ])('%j: %i states, %i executions', (shape, states, executions) => {
    const result = exploreExhaustively(allToAllWorkload(shape));
    expect(result).toMatchObject({ isComplete: true, findings: [], states, executions });
    expect(result.outputs.length).toBe(1);
  });
});
