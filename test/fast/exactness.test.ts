import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { createCompiler, nodeSources } from '../../src/compile/index.js';
import { createMachine } from '../../src/modes/index.js';
import { registerProgram } from '../../src/program/index.js';
import type { EngineMode, Kernel } from '../../src/simt/index.js';
import type { PairArgs } from './kernels.js';
import * as kernels from './kernels.js';

const compiler = createCompiler(nodeSources());
const path = fileURLToPath(new URL('kernels.ts', import.meta.url));

/** A machine with a launch of the kernel, and what it leaves: words and which bytes of them are defined, or its fault. */
function prepare(kernel: Kernel<PairArgs>, mode: EngineMode, block = 32) {
  registerProgram(kernel, compiler.compile(path, kernel.name));
  const machine = createMachine({ mode });
  const out = machine.memory.allocate('out', 'u32', 64, { zeroed: true });
  const input = machine.memory.upload(
    'input',
    'u32',
    Uint32Array.from({ length: 64 }, (_, at) => 100 + at),
  );
  machine.stream().launch(kernel, { grid: 1, block }, { input, out });
  const result = () => {
    const outcome = machine.run();
    if (outcome.verdict === 'error') return outcome.error.code;
    const { allocation } = out;
    const defined = Array.from({ length: 64 }, (_, at) => allocation.definedBits(4 * at, 4));
    return {
      verdict: outcome.verdict,
      defined,
      words: [...allocation.u32].map((w, at) => (defined[at] === 15 ? w : null)),
    };
  };
  return { machine, input, result };
}

const CASES: readonly Kernel<PairArgs>[] = [
  kernels.undefineAndDefine,
  kernels.copyUndefined,
  kernels.roundedIndex,
  kernels.negativeShift,
  kernels.wrappedIndex,
  kernels.fractionalIndex,
  kernels.spinAtSyncwarp,
  kernels.twoAllocations,
  kernels.declareAgain,
  kernels.definedBySome,
  kernels.voteInTiles,
  kernels.partlyDefined,
  kernels.addBeforeElsewhere,
  kernels.remembered,
];

test.each(CASES)('fast leaves what ref leaves: $name', (kernel) => {
  expect(prepare(kernel, 'fast').result()).toEqual(prepare(kernel, 'ref').result());
});

test('memory that is freed while a kernel runs is not used any more', () => {
  const { machine, input, result } = prepare(kernels.useAgain, 'fast', 64);
  expect(machine.advance(2)).toBe(null);
  machine.memory.free(input);
  expect(result()).toBe('USE_AFTER_FREE');
});
