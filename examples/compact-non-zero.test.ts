import fc from 'fast-check';
import { describeOutcome, Machine } from 'simtwin';
import { schedules } from 'simtwin/arbitraries';
import { expect, test } from 'vitest';
import { compactNonZero, compactNonZeroLosingUpdates } from './compact-non-zero.js';

/** Runs the kernel on `values` under a schedule: what a host program would do with cudaMalloc, memcpy and <<<>>>. */
function compact(kernel: typeof compactNonZero, values: Uint32Array, schedule: string): Uint32Array {
  const machine = new Machine({ schedule });
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

const keepsEveryWord = (kernel: typeof compactNonZero) =>
  fc.property(inputs, schedules(), (values, schedule) => {
    expect(compact(kernel, values, schedule).sort()).toEqual(values.filter((value) => value !== 0));
  });

test('whatever the schedule, the output holds the non-zero words', () => {
  fc.assert(keepsEveryWord(compactNonZero));
});

test('a lost update is found, and shrunk to one word that a second warp loses', () => {
  const { counterexample } = fc.check(keepsEveryWord(compactNonZeroLosingUpdates), { seed: 1 });
  // The counterexample is all that one needs to see it again.
  const [values, schedule] = counterexample!;
  expect(values.filter((value) => value !== 0)).toHaveLength(1);
  expect(compact(compactNonZeroLosingUpdates, values, schedule)).toHaveLength(0);
});
