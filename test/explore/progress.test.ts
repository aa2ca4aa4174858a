import { describe, expect, test } from 'vitest';
import {
  checkProgress,
  describeProgress,
  formatProgressModel,
  PROGRESS_GUARANTEES,
  type ProgressOptions,
  parseProgressModel,
} from '../../src/explore/progress/index.js';
import type { Workload } from '../../src/explore/trial.js';
import { createMachine } from '../../src/modes/index.js';
import { registerProgram } from '../../src/program/index.js';
import { type Kernel, Random } from '../../src/simt/index.js';
import type { StepEngine } from '../../src/step/engine.js';
import { hashOf } from '../../src/step/hash.js';
import { compiled, registerKernels } from '../step/programs.js';
import { allToAllWorkload } from './all-to-all-workload.js';
import * as kernels from './progress-kernels.js';

for (const [name, kernel] of Object.entries(kernels)) {
  registerProgram(kernel as Kernel<never>, compiled('test/explore/progress-kernels.ts', name));
}

registerKernels();

type SmallKernel = Kernel<kernels.ProgressArgs>;

/** Launches of blocks over zeroed words, each on a stream of its own. */
function launches(grids: readonly (readonly [SmallKernel, number])[], threads = 32): Workload {
  return {
    name: grids.map(([{ name }]) => name).join(),
    begin(options) {
      const machine = createMachine(options);
      const words = machine.memory.allocate('words', 'u32', 16, { zeroed: true });
      for (const [kernel, grid] of grids) machine.stream().launch(kernel, { grid, block: threads }, { words });
      return { machine, wrong: () => null, output: () => words.allocation.u32.subarray(0, 16).join() };
    },
  };
}

const small = (kernel: SmallKernel, grid: number, threads = 32): Workload => launches([[kernel, grid]], threads);

const MODELS: readonly string[] = PROGRESS_GUARANTEES;

/** Models under which a workload terminates. */
function allowedBy(workload: Workload, models: readonly string[], options: ProgressOptions = {}): string[] {
  const results = checkProgress(workload, models.map(parseProgressModel), options);
  expect(results.every(({ verdict }) => verdict !== 'unknown')).toBe(true);
  return results.flatMap(({ model, verdict }) => (verdict === 'terminates' ? [model] : []));
}

/**
 * Idioms, and the models that allow them, weakest first. Sorensen, Evrard and Donaldson, "GPU schedulers: how fair is fair
 * enough?", CONCUR 2018: table 2 and figure 1 say which idiom is allowed from which model on, examples 3 to 6 why.
 */
const IDIOMS: readonly (readonly [string, SmallKernel, number, readonly string[]])[] = [
  ['no waiting', kernels.adds, 3, ['unfair', 'hsa', 'obe', 'hsa-obe', 'lobe', 'fair']],
  ['a lock that is only tried', kernels.tryLock, 3, ['unfair', 'hsa', 'obe', 'hsa-obe', 'lobe', 'fair']],
  // Figure 1: "1-way PC"; example 4.
  ['producer of a lower number', kernels.waitForLower, 3, ['hsa', 'hsa-obe', 'lobe', 'fair']],
  // Table 2: one-way under HSA; occupancy-limited, not in general, under OBE.
  ['producer of a higher number', kernels.waitForHigher, 3, ['fair']],
  // Figure 1: "mutex"; example 3.
  ['mutex', kernels.spinLock, 3, ['obe', 'hsa-obe', 'lobe', 'fair']],
  // Figure 1: "1-way PC + mutex"; section 5.
  ['producer of a lower number, and mutex', kernels.chainWithLock, 3, ['hsa-obe', 'lobe', 'fair']],
  // Figure 1: "disc. barrier"; example 6.
  ['discovery barrier', kernels.discoveryBarrier, 3, ['obe', 'hsa-obe', 'lobe', 'fair']],
  // Figure 1: "LOBE disc. barrier"; example 6.
  ['linear discovery barrier', kernels.linearDiscoveryBarrier, 3, ['lobe', 'fair']],
  // Figure 1: "general barrier"; example 6.
  ['barrier', kernels.spinBarrier, 3, ['fair']],
  ['a lock that is kept', kernels.keepsLock, 2, []],
];

describe('blocking idioms are allowed by the models that the paper says', () => {
  test.each(IDIOMS)('%s', (_, kernel, blocks, allowed) => {
    expect(allowedBy(small(kernel, blocks), MODELS)).toEqual(allowed);
  });

  test('each two models differ in one', () => {
    for (const [at, one] of MODELS.entries()) {
      for (const other of MODELS.slice(at + 1)) {
        expect(IDIOMS.some(([, , , allowed]) => allowed.includes(one) !== allowed.includes(other))).toBe(true);
      }
    }
  });

  test('strong fairness allows the same ones', () => {
    for (const [name, kernel, blocks, allowed] of IDIOMS) {
      const strong = MODELS.map((model) => `${model},strong`);
      expect([name, ...allowedBy(small(kernel, blocks), strong)]).toEqual([name, ...allowed.map((m) => `${m},strong`)]);
    }
  });
});

/** An instruction: if word `word` is `value`, goes to `target`; stores `stored` in any case unless it is null. */
type Axb = readonly [word: number, value: number, target: number, stored: number | null];

function axb(name: string, threads: readonly (readonly Axb[])[]): Workload {
  return {
    name,
    begin(options) {
      const machine = createMachine(options);
      const { memory } = machine;
      const words = memory.allocate('words', 'u32', 4, { zeroed: true });
      const script = threads
        .flat()
        .flatMap(([word, value, target, stored]) => [word, value, target, stored === null ? 0 : 1, stored ?? 0]);
      let start = 0;
      const starts = [0, ...threads.map(({ length }) => (start += length))];
      const args = {
        words,
        script: memory.upload('script', 'u32', Uint32Array.from(script)),
        starts: memory.upload('starts', 'u32', Uint32Array.from(starts)),
      };
      machine.stream().launch(kernels.followsAxb, { grid: threads.length, block: 32 }, args);
      return { machine, wrong: () => null, output: () => words.allocation.u32.subarray(0, 4).join() };
    },
  };
}

const PUBLISHED = ['hsa', 'obe', 'hsa-obe', 'lobe', 'fair'].flatMap((model) => [model, `${model},strong`]);

/** Under both fairnesses. */
const both = (...models: readonly string[]): string[] => models.flatMap((model) => [model, `${model},strong`]);

// Instructions of one word, by their own number.
const set = (at: number, value: number): Axb => [0, 0, at + 1, value];
const whileIs = (at: number, value: number): Axb => [0, value, at, null];
const exchangeWhileIs = (at: number, value: number, stored: number): Axb => [0, value, at, stored];
const MUTEX = [exchangeWhileIs(0, 1, 1), set(1, 0)];
const DINING = [[exchangeWhileIs(0, 1, 0)], [exchangeWhileIs(0, 0, 1)]];

/**
 * The litmus tests of Sorensen, Salvador, Raval, Evrard, Wickerson, Martonosi and Donaldson, "Specifying and testing GPU
 * workgroup progress models", OOPSLA 2021, table 3 and figures 2 and 8; results as in section 4 and the paper's artefact.
 */
const LITMUS: readonly (readonly [string, readonly (readonly Axb[])[], readonly string[]])[] = [
  ['producer-consumer (increasing id)', [[set(0, 1)], [whileIs(0, 0)]], both('hsa', 'hsa-obe', 'lobe', 'fair')],
  ['producer-consumer (decreasing id)', [[whileIs(0, 0)], [set(0, 1)]], both('fair')],
  [
    'bidirectional producer-consumer',
    [
      [set(0, 1), whileIs(1, 1)],
      [whileIs(0, 0), set(1, 0)],
    ],
    both('fair'),
  ],
  ['simplified mutex', [[whileIs(0, 1)], [set(0, 1), set(1, 0)]], both('obe', 'hsa-obe', 'lobe', 'fair')],
  ['simplified dining philosophers', DINING, PUBLISHED.filter((model) => model.endsWith('strong'))],
  ['mutex', [MUTEX, MUTEX], both('obe', 'hsa-obe', 'lobe', 'fair')],
];

describe('progress litmus tests end as published', () => {
  test.each(LITMUS)('%s', (name, threads, allowed) => {
    expect(allowedBy(axb(name, threads), PUBLISHED)).toEqual(allowed);
  });
});

/** Pairs of which what terminates under the first does so under the second. CONCUR 2018, figure 1, and section 5. */
const WEAKER: readonly (readonly [string, string])[] = [
  ['unfair', 'hsa'],
  ['unfair', 'obe'],
  ['hsa', 'hsa-obe'],
  ['obe', 'hsa-obe'],
  ['hsa-obe', 'lobe'],
  ['lobe', 'fair'],
];

test('random litmus tests that end under a model end under those that promise more', () => {
  const random = new Random(1);
  const models = MODELS.flatMap((model) => [model, `${model},strong`]);
  let telling = 0;
  for (let count = 0; count < 150; count++) {
    const length = 1 + random.nextBelow(3);
    const threads = Array.from({ length: 2 + random.nextBelow(2) }, () =>
      Array.from(
        { length },
        (): Axb => [
          random.nextBelow(2),
          random.nextBelow(2),
          random.nextBelow(length + 1),
          random.nextBelow(3) === 0 ? null : random.nextBelow(2),
        ],
      ),
    );
    const allowed = allowedBy(axb(`random ${count}`, threads), models);
    if (allowed.length > 0 && allowed.length < models.length) telling++;
    for (const [weaker, stronger] of [
      ...WEAKER.flatMap(([one, other]) => [[one, other] as const, [`${one},strong`, `${other},strong`] as const]),
      ...MODELS.map((model) => [model, `${model},strong`] as const),
    ]) {
      expect({ count, weaker, ends: !allowed.includes(weaker) || allowed.includes(stronger) }).toEqual({
        count,
        weaker,
        ends: true,
      });
    }
  }
  expect(telling).toBeGreaterThan(10);
});

describe('what a device holds', () => {
  test('limits residency: only a barrier of as many blocks as are resident ends', () => {
    const models = ['fair,resident=1', 'fair,resident=2', 'fair,resident=3', 'fair'];
    expect(allowedBy(small(kernels.spinBarrier, 3), models)).toEqual(['fair,resident=3', 'fair']);
    expect(allowedBy(small(kernels.waitForLower, 3), models)).toEqual(models);
    expect(allowedBy(small(kernels.waitForHigher, 3), models)).toEqual(['fair,resident=3', 'fair']);
  });

  test('limits residency: blocks start in the order of the schedule', () => {
    const options = { scheduleOptions: ',order=reverse' };
    expect(allowedBy(small(kernels.waitForHigher, 3), ['fair,resident=1'], options)).toEqual(['fair,resident=1']);
    expect(allowedBy(small(kernels.waitForLower, 3), ['fair,resident=1'], options)).toEqual([]);
  });

  test('keeps launches waiting in shared queues', () => {
    const models = ['fair', 'fair,one-stream', 'fair,queues=2', 'fair,queues=3'];
    const three = launches([
      [kernels.waitForFlagOfAnother, 1],
      [kernels.adds, 1],
      [kernels.setsFlag, 1],
    ]);
    expect(allowedBy(three, models)).toEqual(['fair', 'fair,queues=3']);
    const turned = launches([
      [kernels.setsFlag, 1],
      [kernels.adds, 1],
      [kernels.waitForFlagOfAnother, 1],
    ]);
    expect(allowedBy(turned, models)).toEqual(models);
  });
});

describe('who starves', () => {
  const result = (workload: Workload, model: string, options: ProgressOptions = {}) =>
    checkProgress(workload, [parseProgressModel(model)], options)[0]!;

  test('is named, with whom it keeps waiting', () => {
    const { starvation } = result(small(kernels.waitForHigher, 3), 'lobe');
    expect(starvation).toMatchObject({
      kind: 'starvation',
      waiting: [{ block: 0, waitsFor: [expect.any(Number)], hasBegun: true }],
    });
    expect(starvation!.starved.map(({ block }) => block)).toContain(2);
  });

  test('is told in words', () => {
    expect(describeProgress(result(small(kernels.waitForHigher, 2), 'obe')).slice(1, 3)).toEqual([
      '  rank 0 waitForHigher block 0 goes on, waiting for rank 0 waitForHigher block 1',
      '  rank 0 waitForHigher block 1 never goes on: it has not begun',
    ]);
    expect(describeProgress(result(small(kernels.waitForHigher, 2), 'fair,resident=1')).slice(1, 3)).toEqual([
      expect.stringContaining('block 0'),
      '  rank 0 waitForHigher block 1 never goes on: it is not resident',
    ]);
  });

  test('follows from a schedule that can be replayed', () => {
    const workload = small(kernels.spinLock, 2);
    const { starvation } = result(workload, 'hsa');
    const { machine } = workload.begin({ mode: 'step', schedule: starvation!.schedule, record: true });
    expect(machine.advance(starvation!.leadSteps + starvation!.roundSteps)).toBeNull();
    expect(machine.recordedSchedule).toEqual(expect.objectContaining({ policy: expect.any(Object) }));
    expect(() => machine.advance(1)).toThrow(RangeError);
  });

  test('is nobody in a livelock, which strong fairness may end', () => {
    expect(result(axb('dining', DINING), 'fair')).toMatchObject({ starvation: { kind: 'livelock', starved: [] } });
  });

  test('does so for good in a deadlock, which all models have', () => {
    for (const model of MODELS) {
      expect(result(small(kernels.keepsLock, 2), model)).toMatchObject({ starvation: { kind: 'deadlock' } });
      expect(result(small(kernels.waitsForTheGone, 2, 64), model)).toMatchObject({
        starvation: { kind: 'deadlock', roundSteps: 0, waiting: [{}, {}] },
      });
    }
  });

  test('does so in a round that comes back to where it begins', () => {
    let rounds = 0;
    for (const [, kernel, blocks] of IDIOMS) {
      const workload = small(kernel, blocks);
      for (const { starvation } of checkProgress(workload, MODELS.map(parseProgressModel))) {
        if (starvation === null) continue;
        const { machine } = workload.begin({ mode: 'step', schedule: starvation.schedule });
        machine.advance(starvation.leadSteps);
        const hash = () => hashOf(machine.engine as StepEngine, {});
        const before = hash();
        expect(machine.advance(starvation.roundSteps)).toBeNull();
        expect([kernel.name, hash()]).toEqual([kernel.name, before]);
        rounds++;
      }
    }
    expect(rounds).toBeGreaterThan(20);
  });

  test('may be a warp: its block is guaranteed, and so is each of them', () => {
    for (const choice of ['block', 'granule'] as const) {
      expect(allowedBy(small(kernels.warpsOfBlocks, 2, 64), MODELS, { choice })).toEqual(['fair']);
    }
  });

  test('is not known if a limit is reached first', () => {
    expect(result(small(kernels.spinBarrier, 3), 'fair', { maxStates: 5 })).toMatchObject({
      verdict: 'unknown',
      boundedBy: ['maxStates: 5'],
    });
  });
});

test('the all-to-all needs all of its ranks at once', () => {
  const workload = allToAllWorkload({ ranks: 2, channels: 1, slices: 2, depth: 1, links: [[0, 1]] });
  const starvation = (model: string, maxStates: number) =>
    checkProgress(workload, [parseProgressModel(model)], { maxStates })[0]!.starvation;
  const obe = starvation('obe', 500);
  const oneStream = starvation('fair,one-stream', 3000);
  // A block that receives waits for the one that sends, which nobody has to let begin.
  expect(obe).toMatchObject({ kind: 'starvation', waiting: [{ rank: 1 }] });
  expect(obe!.waiting[0]!.waitsFor.map((at) => obe!.starved[at])).toEqual([
    expect.objectContaining({ rank: 0, where: 'resident', hasBegun: false }),
  ]);
  // The FIFO is full, and the launch of the rank that would empty it is queued behind.
  expect(oneStream).toMatchObject({ kind: 'deadlock', waiting: [{ rank: 0 }] });
  expect(oneStream!.starved.map(({ rank, where }) => [rank, where])).toEqual([
    [1, 'queued'],
    [1, 'queued'],
  ]);
});

test('a wrong rule gives another table', () => {
  const table = (options: ProgressOptions) =>
    IDIOMS.map(([, kernel, blocks]) => allowedBy(small(kernel, blocks), MODELS, options));
  const right = IDIOMS.map(([, , , allowed]) => allowed);
  // Those below a block that has begun, but not itself; those above; who has begun first; nobody from the start on.
  const wrong: ProgressOptions['rules'][] = [
    {
      lobe: (block, { blocks, hasBegun }) =>
        Array.from({ length: blocks }, (_, b) => b).some((b) => b > block && hasBegun(b)),
    },
    { lobe: (block, { hasBegun }) => Array.from({ length: block + 1 }, (_, b) => b).some(hasBegun) },
    {
      hsa: (block, { blocks, hasFinished }) =>
        Array.from({ length: blocks }, (_, b) => b).every((b) => b <= block || hasFinished(b)),
    },
    { obe: () => true },
    { fair: (_, { hasBegun }) => hasBegun(0) },
    { unfair: (block, { hasBegun }) => hasBegun(block) },
  ];
  expect(table({})).toEqual(right);
  for (const rules of wrong) expect(table({ rules: rules! })).not.toEqual(right);
});

describe('a token of a model', () => {
  test.each(['fair', 'hsa-obe', 'lobe,strong', 'obe,resident=2', 'fair,strong,resident=4,queues=2', 'hsa,one-stream'])(
    '%s gives it back',
    (token) => {
      expect(formatProgressModel(parseProgressModel(token))).toBe(token);
    },
  );

  test.each(['', 'Fair', 'fair,weak', 'fair,resident', 'fair,resident=0', 'fair,queues=1,one-stream', 'fair,strong=1'])(
    "'%s' does not fit",
    (token) => {
      expect(() => parseProgressModel(token)).toThrow(/does not fit; a progress model is/);
    },
  );
});
