import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { CompileError } from '../../src/compile/index.js';
import type { BasicBlock, Instruction, Names, Program } from '../../src/program/index.js';
import { StepEngine } from '../../src/step/index.js';
import { type Comparison, checkEquivalence, kernelLines } from './equivalence.js';
import { kernels } from './kernel-arbitrary.js';
import { describeCase } from './run-modes.js';

/** What `emitFast` gets in addition: the engine itself has no option for it. */
const fast = vi.hoisted(() => ({ plant: undefined as ((names: Names) => Names) | undefined }));

vi.mock('../../src/fast/emit.js', async (importOriginal) => {
  const original = await importOriginal<typeof import('../../src/fast/emit.js')>();
  const emitFast: typeof original.emitFast = (program, options) =>
    original.emitFast(program, fast.plant === undefined ? options : { ...options, plant: fast.plant });
  return { ...original, emitFast };
});

/** Most lines of a kernel that a planted bug is shrunk to. */
const MOST_LINES = 14;

/** The property with a bug in it must fail, on a kernel of a few lines. */
function expectFound(comparison: Comparison): void {
  const details = fc.check(
    fc.property(kernels(), (c) => {
      try {
        checkEquivalence(c, comparison);
      } catch (error) {
        // That is for the property without a bug to find.
        if (!(error instanceof CompileError)) throw error;
      }
    }),
    { seed: 7, numRuns: 1_000 },
  );
  expect(details.failed).toBe(true);
  const [c] = details.counterexample!;
  const report = `after ${details.numRuns} kernels: ${String(details.errorInstance)}\n${describeCase(c)}`;
  if (process.env.SHOW) console.log(details.numShrinks, report);
  expect(String(details.errorInstance), report).toMatch(/^Error: mode /);
  // It is the planted bug that was found.
  fast.plant = undefined;
  checkEquivalence(c);
  expect(kernelLines(c), report).toBeLessThanOrEqual(MOST_LINES);
}

/** Changes the first instruction of a kind in each block. */
const instructions =
  (change: (instruction: Instruction) => Instruction | null) =>
  (program: Program): Program => ({
    ...program,
    blocks: program.blocks.map((block) => ({
      ...block,
      instructions: block.instructions.flatMap((instruction) => change(instruction) ?? []),
    })),
  });

const blocks =
  (change: (block: BasicBlock) => BasicBlock) =>
  (program: Program): Program => ({ ...program, blocks: program.blocks.map(change) });

describe('a bug of the front end is found:', () => {
  test.each<[string, (program: Program) => Program]>([
    ['<= for <', instructions((i) => (i.op === 'compare' && i.operator === 'lt' ? { ...i, operator: 'le' } : i))],
    [
      'a comparison of 64-bit words as unsigned ones',
      instructions((i) => (i.op === 'compare' && i.type === 'i64' ? { ...i, type: 'u64' } : i)),
    ],
    [
      '>> for >>>',
      instructions((i) => (i.op === 'binary' && i.operator === 'shr' && i.type === 'u32' ? { ...i, type: 'i32' } : i)),
    ],
    ['a select the wrong way round', instructions((i) => (i.op === 'select' ? { ...i, a: i.b, b: i.a } : i))],
    ['registers that keep their values in the next round', instructions((i) => (i.op === 'clearArray' ? null : i))],
    [
      'an i32 that is not extended by its sign',
      instructions((i) =>
        i.op === 'convert' && i.from === 'i32' && (i.type === 'u64' || i.type === 'i64') ? { ...i, from: 'u32' } : i,
      ),
    ],
    [
      'a branch the wrong way round',
      blocks(({ instructions: list, terminator: end }) => ({
        instructions: list,
        // biome-ignore lint/suspicious/noThenProperty: a branch's target is called so
        terminator: end.op === 'branch' ? { ...end, then: end.else, else: end.then } : end,
      })),
    ],
    ['a lost barrier', instructions((i) => (i.op === 'barrier' && i.kind === 'sync' ? null : i))],
  ])('%s', (_name, change) => expectFound({ change, modes: ['step'] }));
});

describe('a bug of mode step is found:', () => {
  test.each<[string, (instruction: Instruction) => Instruction]>([
    [
      'a vote of any lane for one of all',
      (i) => (i.op === 'collective' && i.operation === 'all' ? { ...i, operation: 'any' } : i),
    ],
    [
      'a shuffle in the wrong direction',
      (i) => (i.op === 'collective' && i.operation === 'shfl.up' ? { ...i, operation: 'shfl.down' } : i),
    ],
    ['an unsigned minimum', (i) => (i.op === 'atomic' && i.elementType === 'i32' ? { ...i, elementType: 'u32' } : i)],
    [
      'registers that are stored elsewhere',
      (i) => (i.op === 'store' && i.values.length === 2 ? { ...i, values: [...i.values].reverse() } : i),
    ],
    [
      'a subtraction the wrong way round',
      (i) => (i.op === 'binary' && i.operator === 'sub' ? { ...i, a: i.b, b: i.a } : i),
    ],
  ])('%s', (_name, plant) =>
    expectFound({ modes: ['step'], engines: { step: () => (host) => new StepEngine(host, { plant }) } }),
  );
});

describe('a bug of mode fast is found:', () => {
  test.each<[string, (names: Names) => Names]>([
    [
      'words of 64 bits the wrong way round',
      (names) => ({ ...names, assignWords: (to, low, high) => names.assignWords(to, high, low) }),
    ],
    [
      'threadIdx.x for threadIdx.y',
      (names) => ({
        ...names,
        value: (operand) =>
          names.value(
            operand.kind === 'special' && operand.name === 'threadIdx.y'
              ? { ...operand, name: 'threadIdx.x' }
              : operand,
          ),
      }),
    ],
    [
      'a constant that is one too large',
      (names) => ({
        ...names,
        value: (operand) =>
          operand.kind === 'constant' && operand.value === 7
            ? names.value({ ...operand, value: 8 })
            : names.value(operand),
      }),
    ],
    [
      'a parameter for another',
      (names) => ({
        ...names,
        value: (operand) =>
          names.value(operand.kind === 'param' && operand.index === 3 ? { ...operand, index: 2 } : operand),
      }),
    ],
  ])('%s', (_name, plant) => {
    fast.plant = plant;
    try {
      expectFound({ modes: ['fast'] });
    } finally {
      fast.plant = undefined;
    }
  });
});
