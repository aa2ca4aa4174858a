import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { createMachine, describeOutcome, type EngineMode, registerProgram } from 'simtwin';
import { schedules } from 'simtwin/arbitraries';
import { compileFile } from 'simtwin/compile';
import { expect, test } from 'vitest';
import { compactNonZero, compactNonZeroLosingUpdates } from './compact-non-zero.js';

// Without this, or what `simtwin compile` does, they would run in mode `ref`: as they stand in the source.
const { programs } = compileFile(fileURLToPath(new URL('compact-non-zero.ts', import.meta.url)));
for (const kernel of [compactNonZero, compactNonZeroLosingUpdates]) registerProgram(kernel, programs.get(kernel.name)!);

/** Runs the kernel on `values` under a schedule: what a host program would do with cudaMalloc, memcpy and <<<>>>. */
function compact(
  kernel: typeof compactNonZero,
  values: Uint32Array,
  schedule: string,
  mode: EngineMode = 'fast',
): Uint32Array {
  const machine = createMachine({ schedule, mode });
  const { memory } = machine;
  const input = memory.upload('input', 'u32', values);
  const output = memory.allocate('output', 'u32', values.filter((value) => value !== 0).length);
  const count = memory.allocate('count', 'u32', 1, { zeroed: true });
  const dims = { grid: Math.ceil(values.length / 64), block: 64 };
  machine.stream().launch(kernel, dims, { n: values.length, input, output, count });
  const outcome = machine.run();
  if (outcome.verdict !== 'completes') throw new Error(describeOutcome(outcome, machine.limits));
  return new Uint32Array(memory.download(output, count.load()).buffer);
}

/** Zero, or a number of its own, so that a lost or doubled word shows. */
const inputs = fc
  .array(fc.boolean(), { minLength: 1, maxLength: 300, size: 'max' })
  .map((kept) => Uint32Array.from(kept, (isKept, index) => (isKept ? index + 1 : 0)));

const keepsEveryWord = (kernel: typeof compactNonZero, mode: EngineMode) =>
  fc.property(inputs, schedules(), (values, schedule) => {
    expect(compact(kernel, values, schedule, mode).sort()).toEqual(values.filter((value) => value !== 0));
  });

test.each<EngineMode>(['fast', 'step', 'ref'])(
  'whatever the schedule, the output holds the non-zero words: %s',
  (mode) => {
    fc.assert(keepsEveryWord(compactNonZero, mode));
  },
);

// Mode `fast` runs a warp until it has to wait: nobody comes between its load and its store. `step` lets everybody.
test.each<EngineMode>(['step', 'ref'])(
  'a lost update is found, and shrunk to one word of a second warp: %s',
  (mode) => {
    const { counterexample } = fc.check(keepsEveryWord(compactNonZeroLosingUpdates, mode), { seed: 1 });
    // The counterexample is all that one needs to see it again.
    const [values, schedule] = counterexample!;
    expect(values.filter((value) => value !== 0)).toHaveLength(1);
    expect(compact(compactNonZeroLosingUpdates, values, schedule, mode)).toHaveLength(0);
  },
);
