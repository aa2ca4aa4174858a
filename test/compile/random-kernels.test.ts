import ts from 'typescript';
import { describe, expect, test } from 'vitest';
import { checkProgram } from '../../src/program/check-program.js';
import type { Instruction } from '../../src/program/program.js';
import { parseProgram, serializeProgram } from '../../src/program/serialize.js';
import * as simt from '../../src/simt/index.js';
import { compileText } from './compile-text.js';
import { interpret } from './interpreter.js';
import { INPUT_WORDS, OUTPUT_WORDS, randomKernel } from './random-kernel.js';

const KERNELS = Number(process.env.SIMTWIN_RANDOM_KERNELS ?? 60);
const FIRST = Number(process.env.SIMTWIN_FIRST_KERNEL ?? 0);
const THREADS = 40;
const BLOCKS = 2;

/** The source itself, run as JavaScript. */
function sourceKernel(text: string): simt.Kernel<unknown> {
  const { outputText } = ts.transpileModule(text, {
    compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.CommonJS },
  });
  const exports: Record<string, unknown> = {};
  new Function('exports', 'require', outputText)(exports, () => simt);
  return exports.kernel as simt.Kernel<unknown>;
}

/** What a kernel leaves in memory, or how it fails. */
function run(kernel: simt.Kernel<unknown>, seed: number): string {
  const machine = new simt.Machine({ schedule: 'rr', limits: { ...simt.DEFAULT_LIMITS } });
  const random = new simt.Random(seed);
  const words = (count: number) =>
    Uint32Array.from({ length: count }, () =>
      random.nextBelow(4) === 0 ? random.nextBelow(40) : random.nextBelow(2 ** 32),
    );
  const { memory } = machine;
  const size = BLOCKS * THREADS * OUTPUT_WORDS;
  const out = memory.upload('out', 'u32', new Uint32Array(size));
  const args = {
    n: random.nextBelow(20) - 5,
    m: random.nextBelow(2 ** 32) | 0,
    big: (BigInt(random.nextBelow(2 ** 32)) << 32n) | 7n,
    flag: random.nextBelow(2) === 1,
    words: memory.upload('words', 'u32', words(INPUT_WORDS)),
    ints: memory.upload('ints', 'i32', new Int32Array(words(INPUT_WORDS).buffer)),
    bytes: memory.upload('bytes', 'i8', new Int8Array(words(INPUT_WORDS / 4).buffer)),
    longs: memory.upload('longs', 'u64', new BigUint64Array(words(2 * INPUT_WORDS).buffer)),
    out,
  };
  machine.stream().launch(kernel, { grid: BLOCKS, block: THREADS }, args);
  const outcome = machine.run();
  if (outcome.verdict === 'error') return `${outcome.error.code}`;
  if (outcome.verdict !== 'completes') return outcome.verdict;
  return new Uint32Array(memory.download(out, size).buffer).join(' ');
}

describe('random kernels: the program does what the source does', () => {
  const tally = { compiled: 0, refused: 0 };
  test.each(Array.from({ length: KERNELS }, (_, k) => FIRST + k))('seed %d', (seed) => {
    const text = randomKernel(seed);
    const { programs, errors } = compileText(text);
    for (const { message } of errors) expect(message).toMatch(/64-bit value|2\^63/);
    const program = programs.get('kernel');
    if (program === undefined) {
      tally.refused++;
      return;
    }
    tally.compiled++;
    expect(checkProgram(program)).toEqual([]);
    const again = parseProgram(serializeProgram(program));
    expect(again).toEqual(program);
    expect(run(interpret(again), seed)).toBe(run(sourceKernel(text), seed));
  });
  test('a planted bug is found: each product is a difference', () => {
    const isFound = Array.from({ length: 10 }, (_, seed) => {
      const text = randomKernel(seed);
      const program = compileText(text).programs.get('kernel');
      if (program === undefined) return false;
      const blocks = program.blocks.map((block) => ({
        ...block,
        instructions: block.instructions.map(
          (i): Instruction => (i.op === 'binary' && i.operator === 'mul' ? { ...i, operator: 'sub' } : i),
        ),
      }));
      return run(interpret({ ...program, blocks }), seed) !== run(sourceKernel(text), seed);
    });
    expect(isFound).toContain(true);
  });
  test('most of them compile', () => {
    expect(tally.compiled).toBeGreaterThan(KERNELS / 2);
  });
});
