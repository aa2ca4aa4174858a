import { beforeAll, describe, expect, test } from 'vitest';
import type { Workload } from '../../src/explore/index.js';
import { createMachine } from '../../src/modes/index.js';
import {
  judgeMutant,
  MUTATION_KINDS,
  type MutantOptions,
  type MutantVerdict,
  type MutationKind,
  mutantsOf,
  runBaseline,
} from '../../src/mutate/index.js';
import { checkProgram } from '../../src/program/check-program.js';
import { type Program, programOf, registerProgram } from '../../src/program/index.js';
import type { Kernel } from '../../src/simt/index.js';
import { compiled, registerKernels } from '../step/programs.js';
import type { MutateArgs } from './mutate-kernels.js';
import * as kernelsOfFile from './mutate-kernels.js';

const SCHEDULES = 12;
const kernels = { ...kernelsOfFile };

beforeAll(() => {
  registerKernels();
  for (const [name, kernel] of Object.entries(kernels)) {
    registerProgram(kernel as Kernel<never>, compiled('test/mutate/mutate-kernels.ts', name));
  }
});

type Name = keyof typeof kernelsOfFile;

/** Two blocks of 64 threads; wrong is what `rr` does not leave. */
function workload(kernel: Kernel<MutateArgs>): Workload {
  let expected: string | null = null;
  return {
    name: kernel.name,
    begin(options) {
      const machine = createMachine(options);
      const words = machine.memory.allocate('words', 'u32', 256, { zeroed: true });
      machine.stream().launch(kernel, { grid: 2, block: 64 }, { words, few: 32 });
      const output = () => words.allocation.u32.subarray(0, 256).join();
      return {
        machine,
        wrong: () => {
          expected ??= output();
          return output() === expected ? null : `words are ${output()}`;
        },
        output,
      };
    },
  };
}

function resultOf<Result>(steps: Generator<unknown, Result>): Result {
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value as Result;
  }
}

function judged(name: Name, options: MutantOptions = {}): MutantVerdict[] {
  const given = { workload: workload(kernels[name]), seed: 0, schedules: SCHEDULES };
  const baseline = resultOf(runBaseline(given));
  return baseline.programs
    .flatMap((program) => mutantsOf(program, options))
    .map((mutant) => resultOf(judgeMutant(mutant, given, baseline)));
}

const verdictsOf = (name: Name, kind: MutationKind, options: MutantOptions = {}) =>
  judged(name, { ...options, kinds: new Set([kind]) });

/** A kind, a kernel that needs what it takes away, and one that does not. */
const PAIRS: readonly (readonly [MutationKind, Name, Name])[] = [
  ['barrier-removed', 'needsBarrier', 'hasBarrier'],
  ['barrier-removed', 'needsArrival', 'hasBarrier'],
  ['barrier-count', 'needsCount', 'hasCount'],
  ['barrier-id', 'needsId', 'hasId'],
  ['syncwarp-removed', 'needsSyncwarp', 'hasSyncwarp'],
  ['mask-lane', 'needsVote', 'hasSyncwarp'],
  ['vote-own', 'needsVote', 'hasVote'],
  ['fence-removed', 'needsFence', 'hasFence'],
  ['scope-narrowed', 'needsScope', 'hasScope'],
  ['scope-narrowed', 'needsFence', 'hasFence'],
  ['access-plain', 'needsFence', 'hasAccess'],
  ['access-plain', 'needsOrder', 'hasAccess'],
  ['order-relaxed', 'needsOrder', 'hasOrder'],
  ['atomic-split', 'needsScope', 'hasScope'],
  ['atomic-split', 'needsLock', 'hasScope'],
  ['poll-weakened', 'needsBound', 'hasBound'],
  ['poll-weakened', 'needsOrder', 'hasBound'],
];

describe.each(PAIRS)('%s', (kind, needs, has) => {
  test(`is killed in ${needs}`, () => {
    const verdicts = verdictsOf(needs, kind);
    expect(verdicts.length).toBeGreaterThan(0);
    for (const { verdict, discovery } of verdicts) {
      expect(verdict).toBe('killed');
      expect(discovery?.schedule).toEqual(expect.any(String));
    }
  });

  test(`survives in ${has}`, () => {
    const verdicts = verdictsOf(has, kind);
    expect(verdicts.length).toBeGreaterThan(0);
    for (const { verdict, isReached, runs } of verdicts) {
      expect({ verdict, isReached, runs }).toEqual({ verdict: 'survived', isReached: true, runs: SCHEDULES });
    }
  });
});

test('every kind has a pair', () => {
  expect(new Set(PAIRS.map(([kind]) => kind))).toEqual(new Set(MUTATION_KINDS));
});

describe('a mutator that', () => {
  test('changes nothing is told so', () => {
    expect(() => verdictsOf('needsBarrier', 'barrier-removed', { plant: (before) => [before] })).toThrow(
      'changes nothing',
    );
  });

  test.each(PAIRS)('does no harm under another name is found: %s in %s', (kind, needs) => {
    // Another site: not the same instruction, but the same to everybody.
    const verdicts = verdictsOf(needs, kind, { plant: (before) => [{ ...before, site: before.site === 0 ? 1 : 0 }] });
    expect(verdicts.every(({ verdict }) => verdict === 'survived')).toBe(true);
  });
});

describe('mutants', () => {
  const changedPlaces = (before: Program, after: Program): string[] =>
    before.blocks.flatMap(({ instructions }, block) => {
      const kept = new Set(after.blocks[block]!.instructions);
      return instructions.flatMap((instruction, index) => (kept.has(instruction) ? [] : [`${block} ${index}`]));
    });

  test.each(Object.keys(kernels) as Name[])('of %s are valid programs, changed where they say', (name) => {
    const program = programOf(kernels[name] as Kernel<never>)!;
    for (const mutant of mutantsOf(program)) {
      expect(checkProgram(mutant.program), mutant.name).toEqual([]);
      expect(changedPlaces(program, mutant.program), mutant.name).toEqual(
        mutant.places.map(({ block, index }) => `${block} ${index}`),
      );
      expect(mutant.program.emitted).toBeUndefined();
    }
  });

  test('of the ports are valid programs with names of their own, the same each time', async () => {
    const ports = await import('../../src/kernels/index.js');
    for (const kernel of [
      ports.moeAllToAllKernel,
      ports.computeSendRecvIndicesKernel,
      ports.computeSendRecvRankCountKernel,
      ports.inplaceSendRecvRankCumSumKernel,
    ]) {
      const program = programOf(kernel as Kernel<never>)!;
      const mutants = mutantsOf(program);
      const names = mutants.map(({ name }) => name);
      expect(new Set(names).size).toBe(names.length);
      expect(mutantsOf(program).map(({ name }) => name)).toEqual(names);
      for (const mutant of mutants) expect(checkProgram(mutant.program), mutant.name).toEqual([]);
    }
  });

  test('a name has kernel, kind, file, line and column', () => {
    const [{ mutant }] = verdictsOf('hasScope', 'scope-narrowed') as [MutantVerdict];
    expect(mutant.name).toMatch(/^hasScope:scope-narrowed\.block@test\/mutate\/mutate-kernels\.ts:\d+:\d+$/);
    expect(mutant).toMatchObject({ variant: 'block', change: 'atomic of scope block instead of device' });
  });

  test('what is inlined twice is one mutant, changed in both places', () => {
    const verdicts = verdictsOf('exchangesTwice', 'barrier-removed');
    expect(verdicts.map(({ mutant, verdict }) => [mutant.places.length, verdict])).toEqual([
      [2, 'killed'],
      [2, 'killed'],
    ]);
  });

  test('what the run does not come to is told', () => {
    expect(verdictsOf('neverComes', 'barrier-removed')).toMatchObject([{ verdict: 'survived', isReached: false }]);
  });

  test('a wait behind registers, && and a vote is one', () => {
    const [weakened] = verdictsOf('waitsForVote', 'poll-weakened') as [MutantVerdict];
    expect(weakened.mutant.change).toBe('the wait ends with >= instead of ==');
    expect(weakened.verdict).toBe('survived');
  });

  test('a lock whose loop has nothing visible left ends all the same', () => {
    for (const { verdict } of verdictsOf('needsOrder', 'access-plain')) expect(verdict).toBe('killed');
  });

  test('what the kernel itself shows kills no mutant', () => {
    expect(verdictsOf('racesAnyway', 'barrier-removed')).toMatchObject([{ verdict: 'survived' }]);
  });
});
