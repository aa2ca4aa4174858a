import fc from 'fast-check';
import type { Program } from '../../src/program/index.js';
import { describeOutcome, type EngineChooser, type Outcome } from '../../src/simt/index.js';
import type { KernelCase } from './kernel-ast.js';
import { printKernel } from './print-kernel.js';
import { describeCase, firstDifference, LIMITS, load, type Mode, type Run, run } from './run-modes.js';

/** What is compared with mode `ref`, and with which bugs in it. */
export interface Comparison {
  readonly modes?: readonly Exclude<Mode, 'ref'>[];
  /** Engines in place of those of the modes. */
  readonly engines?: Partial<Record<Mode, EngineChooser>>;
  /** Changes the compiled program: a bug of the front end. */
  readonly change?: (program: Program) => Program;
}

const inWords = (outcome: Outcome): string => describeOutcome(outcome, LIMITS);

/** Runs a case in all modes. @throws Error at the first mode that does not do what `ref` does. */
export function checkEquivalence(c: KernelCase, comparison: Comparison = {}): void {
  const { modes = ['step', 'fast'], engines = {}, change } = comparison;
  const { kernel } = load(c, change);
  const expected = run(kernel, c, 'ref', { record: true });
  if (c.fault === null && expected.outcome.verdict !== 'completes')
    throw new Error(`[test bug] mode ref does not complete: ${inWords(expected.outcome)}`);
  for (const mode of modes) {
    const got = run(kernel, c, engines[mode] ?? mode, { record: mode === 'step' });
    const difference = compare(mode, expected, got);
    if (difference !== null) throw new Error(`mode ${mode}: ${difference}`);
  }
}

function compare(mode: Mode, expected: Run, got: Run): string | null {
  const [a, b] = [expected.outcome, got.outcome];
  if (a.verdict !== b.verdict) return `${inWords(b)}\nexpected: ${inWords(a)}`;
  if (a.verdict === 'error' && b.verdict === 'error') {
    const isSame =
      mode === 'step'
        ? withoutOrigin(a.error.message) === withoutOrigin(b.error.message)
        : a.error.code === b.error.code &&
          a.error.site.block === b.error.site.block &&
          a.error.site.thread === b.error.site.thread;
    if (!isSame) return `${inWords(b)}\nexpected: ${inWords(a)}`;
    // Other threads may have come further or less far in mode fast.
    return mode === 'step' ? firstDifference(expected, got) : null;
  }
  const difference = firstDifference(expected, got);
  if (difference !== null) return difference;
  if (mode === 'step') {
    if (a.steps !== b.steps) return `${b.steps} steps, expected ${a.steps}`;
    if (expected.recorded !== got.recorded) return `the picks ${got.recorded}, expected ${expected.recorded}`;
  }
  return null;
}

/** Addresses of compiled programs do not know which pointer they were derived from. */
const withoutOrigin = (message: string): string => message.replace(/; the pointer was derived from '[^']*'/, '');

/** The property, and a report of its failure that says all that is needed to see it again. */
export function assertEquivalence(
  cases: fc.Arbitrary<KernelCase>,
  parameters: fc.Parameters<[KernelCase]>,
  comparison: Comparison = {},
): void {
  fc.assert(equivalence(cases, comparison), { ...parameters, reporter: report });
}

const equivalence = (cases: fc.Arbitrary<KernelCase>, comparison: Comparison = {}): fc.IProperty<[KernelCase]> =>
  fc.property(cases, (c) => checkEquivalence(c, comparison));

function report(details: fc.RunDetails<[KernelCase]>): void {
  if (!details.failed) return;
  const { counterexample, errorInstance, seed, counterexamplePath, numRuns, numShrinks } = details;
  const [c] = counterexample!;
  throw new Error(
    [
      `after ${numRuns} kernels, shrunk ${numShrinks} times: ${errorInstance instanceof Error ? errorInstance.message : String(errorInstance)}`,
      describeCase(c),
      `again: { seed: ${seed}, path: '${counterexamplePath}', endOnFailure: true }`,
    ].join('\n'),
    { cause: errorInstance },
  );
}

/** Lines of the kernel's own function: how small a counterexample is. */
export function kernelLines(c: KernelCase): number {
  const lines = printKernel(c).source.split('\n');
  return lines.length - lines.findIndex((text) => text.startsWith('export function* kernel')) - 3;
}
